// Celery itself on the other side: its client calls a Swift worker, its worker runs what Swift sends.
// Needs the Python environment of the end-to-end tests (`make test` makes it); skipped without.

import Foundation
import TaskdClient
import TestServers
import Testing

@testable import TaskdWorker

private enum Python {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".venv-newest")
    static let path = folder.appendingPathComponent("bin/python").path

    static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: path) && TestServers.areAvailable }

    /// A started process that runs `script`; BROKER, BACKEND and QUEUE are set for it.
    static func start(_ script: String, _ arguments: [String] = [], queue: String) throws -> (Process, Pipe) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments.isEmpty ? ["-c", script] : arguments
        var environment = ProcessInfo.processInfo.environment
        environment["BROKER"] = TestServers.shared!.amqp
        environment["BACKEND"] = TestServers.shared!.redis
        environment["QUEUE"] = queue
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return (process, output)
    }

    static let app = """
        import os
        from celery import Celery, chain
        app = Celery('interop', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
        app.conf.task_default_queue = os.environ['QUEUE']

        """
}

@Suite(.enabled(if: Python.isAvailable, "no Python environment or no daemon"), .timeLimit(.minutes(5)))
struct CeleryInteropTests {
    @Test func celerysClientCallsSwift() async throws {
        let servers = TestServers.shared!
        let queue = "interop-\(UInt64.random(in: 0 ... .max))"
        let app = try await TaskApp.connect(broker: servers.amqp, backend: servers.redis, queue: queue)
        let worker = TaskWorker(app)
        worker.task("tasks.add", parameters: ["x", "y"]) { (x: Int, y: Int) in x + y }
        worker.task("tasks.fail") { () -> Int in throw TaskError.unsupported("on purpose") }
        let running = Task { try await worker.run() }
        let script =
            Python.app + """
                add = app.signature('tasks.add')
                print(add.clone(args=(2, 3)).delay().get(timeout=200))
                print(app.send_task('tasks.add', (4,), {'y': 5}, countdown=0.3).get(timeout=200))
                print(chain(add.clone(args=(1, 2)), add.clone(args=(10,)), add.clone(args=(100,))).delay().get(timeout=200))
                print(add.clone(args=(7, 1)).apply_async(link=add.clone(args=(1,))).get(timeout=200))
                try:
                    app.send_task('tasks.fail').get(timeout=200)
                except Exception as error:
                    print(type(error).__name__, error)
                """
        let (_, output) = try Python.start(script, queue: queue)
        let text = await readAll(output)
        #expect(text == "5\n9\n113\n8\nNotImplementedError on purpose\n")
        await worker.stop()
        try await running.value
        try await app.connection.openChannel().deleteQueue(queue)
        try await app.close()
    }

    @Test func celerysWorkerRunsWhatSwiftSends() async throws {
        let servers = TestServers.shared!
        let queue = "interop-\(UInt64.random(in: 0 ... .max))"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(queue)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let tasks =
            Python.app + """
                @app.task(name='py.add')
                def add(x, y): return x + y

                @app.task(name='py.fail')
                def fail(): raise ValueError('no good')
                """
        try tasks.write(to: folder.appendingPathComponent("interop.py"), atomically: true, encoding: .utf8)
        let (process, _) = try Python.start(
            "",
            ["-m", "celery", "--workdir", folder.path, "-A", "interop", "worker", "--pool=solo", "-n", "\(queue)@%h"],
            queue: queue)
        let app = try await TaskApp.connect(broker: servers.amqp, backend: servers.redis, queue: queue)
        #expect(try await app.send("py.add", 2, 3).get(as: Int.self, timeout: .seconds(200)) == 5)
        #expect(
            try await app.send("py.add", "a", keywords: ["y": "b"]).get(as: String.self, timeout: .seconds(200)) == "ab"
        )
        await #expect(throws: TaskError.failed(type: "ValueError", message: "no good")) {
            try await app.send("py.fail").get(as: Int.self, timeout: .seconds(200))
        }
        // Not SIGTERM: children inherit this thread's signal mask, in which it is blocked.
        kill(process.processIdentifier, SIGKILL)
        try await app.connection.openChannel().deleteQueue(queue)
        try await app.close()
    }

    /// Reads until the process has closed its output, on a thread that may block.
    private func readAll(_ output: Pipe) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let data = output.fileHandleForReading.readDataToEndOfFile()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
        }
    }
}
