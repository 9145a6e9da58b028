// One message's way through a worker: decode, wait for its time, run, store, acknowledge, go on.
// Next: ResultBackend.swift.

import Foundation
import NIOCore
import TaskdClient

/// The run of one delivery.
struct TaskRun: Sendable {
    private let worker: TaskWorker
    private let delivery: AMQPDelivery
    private let prefetch: Prefetch

    init(_ worker: TaskWorker, _ delivery: AMQPDelivery, _ prefetch: Prefetch) {
        self.worker = worker
        self.delivery = delivery
        self.prefetch = prefetch
    }

    /// Throws only what ends the worker: a lost connection. A task's own errors become its result.
    func perform() async throws {
        let message: TaskMessage
        do {
            message = try TaskMessage(delivery.properties, Array(delivery.body.readableBytesView))
        } catch {
            worker.logger.error("a message is no task and is dropped", metadata: ["error": "\(error)"])
            return try await delivery.reject(requeue: false)
        }
        guard let definition = worker.definition(of: message.name) else {
            worker.logger.error("unknown task", metadata: ["task": "\(message.name)", "id": "\(message.id)"])
            try await fail(message, NotRegistered(description: "'\(message.name)'"))
            return try await delivery.reject(requeue: false)
        }
        guard try await waitForItsTime(message) else { return try await delivery.reject(requeue: true) }
        if let expires = message.expires, Date().timeIntervalSince1970 > expires {
            worker.logger.info("task has expired", metadata: ["task": "\(message.name)", "id": "\(message.id)"])
            try await store(message, .revoked, result: ResultBackend.exception(TaskError.revoked("expired")))
            return try await delivery.ack()
        }
        guard await worker.slots.acquire() else { return try await delivery.reject(requeue: true) }
        defer { worker.slots.release() }
        if !worker.configuration.acknowledgesLate { try await delivery.ack() }
        try await run(definition, message)
        if worker.configuration.acknowledgesLate, !Task.isCancelled { try await delivery.ack() }
    }

    /// False when the worker stops before the time has come.
    private func waitForItsTime(_ message: TaskMessage) async throws -> Bool {
        guard let eta = message.eta, eta > Date().timeIntervalSince1970 else { return true }
        try await prefetch.raise()
        var left = eta - Date().timeIntervalSince1970
        while left > 0, !worker.isStopping, !Task.isCancelled {
            try? await Task.sleep(for: .seconds(min(left, 0.25)))
            left = eta - Date().timeIntervalSince1970
        }
        guard left <= 0 else { return false }
        try await prefetch.lower()
        return true
    }

    private func run(_ definition: TaskDefinition, _ message: TaskMessage) async throws {
        if worker.configuration.tracksStarted {
            try await store(message, .started, result: Data("null".utf8))
        }
        let context = TaskContext(
            id: message.id, name: message.name, rootID: message.rootID, retries: message.retries)
        // Only what the task itself throws is its failure; errors of broker and backend end the worker.
        var embed = Embed()
        let outcome: Result<Data, any Error>
        do {
            embed = try CallReader(message.body, parameterNames: []).embed
            if embed.chord.map({ $0 != .null }) ?? false {
                throw TaskError.unsupported("this worker runs no tasks of a chord")
            }
            outcome = .success(
                try await TaskContext.$current.withValue(context) { try await definition.run(message.body) })
        } catch {
            outcome = .failure(error)
        }
        // The worker gave up waiting: the message goes back with its channel, nothing is stored.
        if Task.isCancelled { return }
        switch outcome {
        case .success(let result):
            try await store(message, .success, result: result)
            try await goOn(message, embed, result)
        case .failure(let retry as TaskRetry) where message.retries < retry.limit:
            try await self.retry(message, retry)
        case .failure(let error):
            worker.logger.warning(
                "task failed", metadata: ["task": "\(message.name)", "id": "\(message.id)", "error": "\(error)"])
            try await fail(message, error)
        }
    }

    private func retry(_ message: TaskMessage, _ retry: TaskRetry) async throws {
        var again = message
        again.retries += 1
        again.eta = Date().timeIntervalSince1970 + retry.delay.seconds
        try await store(message, .retry, result: ResultBackend.exception(retry))
        try await worker.app.publish(again, queue: queue)
    }

    /// Where retries and following tasks go: where this one came from.
    private var queue: String { delivery.routingKey.isEmpty ? worker.app.configuration.queue : delivery.routingKey }

    /// Sends what follows a success: callbacks, and the rest of a chain.
    private func goOn(_ message: TaskMessage, _ embed: Embed, _ result: Data) async throws {
        let following = (embed.callbacks ?? []).map { ($0, [Signature]()) }
        var chain = embed.chain ?? []
        let next = chain.popLast().map { [($0, chain)] } ?? []
        guard !following.isEmpty || !next.isEmpty else { return }
        let value = try JSONDecoder().decode(JSONValue.self, from: result)
        for (signature, rest) in following + next {
            let arguments = (signature.immutable ? [] : [value]) + signature.args
            var call = CallWriter()
            for argument in arguments { try call.append(argument) }
            for (name, argument) in signature.kwargs.sorted(by: { $0.key < $1.key }) { try call.append(name, argument) }
            var embed = Embed()
            if !rest.isEmpty { embed.chain = rest }
            embed.chord = signature.options["chord"] ?? signature.rest["chord"]
            embed.callbacks = try Self.signatures(signature.options["link"])
            embed.errbacks = try Self.signatures(signature.options["link_error"])
            var sent = TaskMessage(
                id: signature.options["task_id"]?.string ?? TaskMessage.newID(), name: signature.task,
                body: try call.body(embed))
            sent.argumentsText = call.argumentsText
            sent.keywordsText = call.keywordsText
            sent.rootID = message.rootID
            sent.parentID = message.id
            sent.group = signature.options["group_id"]?.string
            sent.replyTo = signature.options["reply_to"]?.string ?? message.replyTo
            sent.priority = message.priority
            try await worker.app.publish(sent, queue: signature.options["queue"]?.string ?? queue)
        }
    }

    private static func signatures(_ value: JSONValue?) throws -> [Signature]? {
        guard let value, value != .null else { return nil }
        return try JSONDecoder().decode([Signature].self, from: try JSONEncoder().encode(value))
    }

    private func fail(_ message: TaskMessage, _ error: any Error) async throws {
        try await store(message, .failure, result: ResultBackend.exception(error), traceback: "\(error)")
    }

    private func store(
        _ message: TaskMessage, _ status: TaskStatus, result: Data, traceback: String? = nil
    ) async throws {
        guard let backend = worker.app.backend, !message.ignoresResult else { return }
        try await backend.store(message, status, result: result, traceback: traceback)
    }
}

/// A task that nobody registered; Celery's name for it.
private struct NotRegistered: Error, CustomStringConvertible {
    let description: String
}
