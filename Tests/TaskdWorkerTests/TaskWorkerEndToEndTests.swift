import Foundation
import NIOConcurrencyHelpers
import TaskdClient
import TestServers
import Testing

@testable import TaskdWorker

private struct Bad: Error, CustomStringConvertible {
    let description = "it is bad"
}

/// An application on a queue of its own, a worker made by `register`, and a test's body while it runs.
private func withWorker(
    _ configuration: TaskWorkerConfiguration = TaskWorkerConfiguration(),
    _ register: (TaskWorker) -> Void, _ body: (TaskApp, TaskWorker) async throws -> Void
) async throws {
    let servers = TestServers.shared!
    let app = try await TaskApp.connect(
        broker: servers.amqp, backend: servers.redis, queue: "test-\(UInt64.random(in: 0 ... .max))")
    let worker = TaskWorker(app, configuration: configuration)
    register(worker)
    let running = Task { try await worker.run() }
    try await body(app, worker)
    await worker.stop()
    try await running.value
    let channel = try await app.connection.openChannel()
    try await channel.deleteQueue(app.configuration.queue)
    try await channel.deleteExchange(app.configuration.queue)
    try await app.close()
}

/// Against the daemon, or the servers that TASKD_TEST_AMQP and TASKD_TEST_REDIS name.
@Suite(.enabled(if: TestServers.areAvailable, "the daemon is not built"), .timeLimit(.minutes(5)))
struct TaskWorkerEndToEndTests {
    @Test func tasksGiveTheirResults() async throws {
        let done = NIOLockedValueBox<[String]>([])
        try await withWorker { worker in
            worker.task("tasks.add", parameters: ["x", "y"]) { (x: Int, y: Int) in x + y }
            worker.task("tasks.greet") { (name: String?) -> [String: String] in ["hello": name ?? "nobody"] }
            worker.task("tasks.note") { (text: String) in done.withLockedValue { $0.append(text) } }
            worker.task("tasks.fail") { () -> Int in throw Bad() }
            worker.task("tasks.id") { () -> String? in TaskContext.current?.id }
        } _: { app, _ in
            #expect(try await app.send("tasks.add", 2, 3).get(as: Int.self, timeout: .seconds(200)) == 5)
            #expect(
                try await app.send("tasks.add", 2, keywords: ["y": 40]).get(as: Int.self, timeout: .seconds(200)) == 42)
            #expect(try await app.send("tasks.greet", "ada").get(timeout: .seconds(200)) == ["hello": "ada"])
            #expect(try await app.send("tasks.greet").get(timeout: .seconds(200)) == ["hello": "nobody"])
            let note = try await app.send("tasks.note", "noted")
            #expect(try await note.wait(timeout: .seconds(200)) == .success && done.withLockedValue { $0 } == ["noted"])
            let named = try await app.send("tasks.id")
            #expect(try await named.get(as: String?.self, timeout: .seconds(200)) == named.id)
            #expect(try await named.status == .success)
            try await named.forget()
            #expect(try await named.status == .pending)
            await #expect(throws: TaskError.failed(type: "Bad", message: "it is bad")) {
                try await app.send("tasks.fail").get(as: Int.self, timeout: .seconds(200))
            }
            await #expect(throws: TaskError.failed(type: "TypeError", message: "argument 2 is missing")) {
                try await app.send("tasks.add", 1).get(as: Int.self, timeout: .seconds(200))
            }
            await #expect(throws: TaskError.failed(type: "NotRegistered", message: "'tasks.none'")) {
                try await app.send("tasks.none").get(as: Int.self, timeout: .seconds(200))
            }
        }
    }

    /// Results stand where Celery's clients look for them, with an expiry.
    @Test func resultsAreCelerys() async throws {
        try await withWorker { worker in
            worker.task("tasks.add") { (x: Int, y: Int) in x + y }
        } _: { app, _ in
            let result = try await app.send("tasks.add", 1, 1)
            _ = try await result.wait(timeout: .seconds(200))
            let redis = try #require(app.backend?.redis)
            let key = "celery-task-meta-\(result.id)"
            let stored = try await redis.get(key) ?? []
            let document = try JSONDecoder().decode(JSONValue.self, from: Data(stored))
            #expect(document["status"] == .string("SUCCESS") && document["result"] == .int(2))
            #expect(document["task_id"] == .string(result.id) && document["traceback"] == .null)
            #expect(document["children"] == .array([]) && document["date_done"]?.string != nil)
            let left = try #require(try await redis.timeToLive(key))
            #expect(left > .hours(23))
            try await result.forget()
        }
    }

    /// No more tasks run at once than there are slots, and all of them run.
    @Test func concurrencyIsBounded() async throws {
        let running = NIOLockedValueBox((now: 0, highest: 0))
        var configuration = TaskWorkerConfiguration()
        configuration.concurrency = 4
        try await withWorker(configuration) { worker in
            worker.task("tasks.slow") { (number: Int) -> Int in
                running.withLockedValue { $0 = ($0.now + 1, max($0.highest, $0.now + 1)) }
                try await Task.sleep(for: .milliseconds(20))
                running.withLockedValue { $0.now -= 1 }
                return number
            }
        } _: { app, _ in
            var results: [TaskResult] = []
            for number in 0..<60 { results.append(try await app.send("tasks.slow", number)) }
            for (number, result) in results.enumerated() {
                #expect(try await result.get(as: Int.self, timeout: .seconds(200)) == number)
            }
            #expect(running.withLockedValue { $0.highest } == 4)
        }
    }

    @Test func countdownExpiryAndRetryAreKept() async throws {
        let attempts = NIOLockedValueBox<[Int]>([])
        try await withWorker { worker in
            worker.task("tasks.now") { () -> Double in Date().timeIntervalSince1970 }
            worker.task("tasks.again") { () -> Int in
                let retries = TaskContext.current?.retries ?? -1
                attempts.withLockedValue { $0.append(retries) }
                throw TaskRetry(in: .milliseconds(50), limit: 2)
            }
        } _: { app, _ in
            let sent = Date().timeIntervalSince1970
            var options = SendOptions()
            options.countdown = .milliseconds(1_500)
            let delayed = try await app.send("tasks.now", options: options)
            let now = try await app.send("tasks.now").get(as: Double.self, timeout: .seconds(200))
            let later = try await delayed.get(as: Double.self, timeout: .seconds(200))
            #expect(now < later && later >= sent + 1.49)
            options.expires = .milliseconds(100)
            #expect(try await app.send("tasks.now", options: options).wait(timeout: .seconds(200)) == .revoked)
            #expect(try await app.send("tasks.again").wait(timeout: .seconds(200)) == .failure)
            #expect(attempts.withLockedValue { $0 } == [0, 1, 2])
        }
    }

    /// A chain as Celery sends it: the second task gets the first one's result.
    @Test func chainsGoOn() async throws {
        try await withWorker { worker in
            worker.task("tasks.add") { (x: Int, y: Int) in x + y }
        } _: { app, _ in
            let last = TaskMessage.newID()
            let next =
                #"{"task": "tasks.add", "args": [10], "kwargs": {}, "options": {"task_id": "\#(last)"}, "#
                + #""subtask_type": null, "immutable": false}"#
            var first = TaskMessage(
                id: TaskMessage.newID(), name: "tasks.add",
                body: Data(
                    #"[[1, 2], {}, {"callbacks": null, "errbacks": null, "chain": [\#(next)], "chord": null}]"#.utf8))
            first.rootID = first.id
            try await app.publish(first, queue: app.configuration.queue)
            #expect(try await app.result(id: last).get(as: Int.self, timeout: .seconds(200)) == 13)
        }
    }

    /// Stopping lets running tasks end and gives waiting ones back.
    @Test func stoppingIsGraceful() async throws {
        let servers = TestServers.shared!
        let app = try await TaskApp.connect(
            broker: servers.amqp, backend: servers.redis, queue: "test-\(UInt64.random(in: 0 ... .max))")
        var configuration = TaskWorkerConfiguration()
        configuration.concurrency = 1
        let worker = TaskWorker(app, configuration: configuration)
        let started = NIOLockedValueBox<[String]>([])
        let mayEnd = NIOLockedValueBox(false)
        worker.task("tasks.slow") { () -> Int in
            started.withLockedValue { $0.append(TaskContext.current?.id ?? "") }
            while !mayEnd.withLockedValue({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
            return 1
        }
        let running = Task { try await worker.run() }
        for _ in 0..<4 { try await app.send("tasks.slow") }
        while started.withLockedValue({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(10)) }
        await worker.stop()
        mayEnd.withLockedValue { $0 = true }
        try await running.value
        let ran = started.withLockedValue { $0 }
        #expect(ran.count == 1)
        #expect(try await app.result(id: ran[0]).status == .success)
        let channel = try await app.connection.openChannel()
        let queue = app.configuration.queue
        // Giving back has no answer of its own; brokers may take a moment.
        for _ in 0..<50 where try await channel.declareQueue(queue, passive: true).messageCount < 3 {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await channel.purgeQueue(queue) == 3)
        try await channel.deleteQueue(app.configuration.queue)
        try await app.close()
    }
}
