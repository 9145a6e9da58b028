// An application that sends tasks: broker, result backend, names of queues.
// Works with Celery on the other side: its workers run what is sent here, its clients send what a
// `TaskWorker` runs.
// Next: TaskWorker.swift, TaskResult.swift.

import Foundation
import NIOCore
import TaskdClient

/// Settings of an application.
public struct TaskAppConfiguration: Sendable {
    public var broker = "amqp://localhost"
    /// nil: results are not kept.
    public var backend: String? = "redis://localhost"
    /// Queue that tasks go to and workers take from.
    public var queue = "celery"
    /// Results are dropped after this time.
    public var resultExpiresSeconds = 86_400

    public init() {}
}

/// How one task is sent.
public struct SendOptions: Sendable {
    /// nil has one made.
    public var id: String?
    /// nil means the application's.
    public var queue: String?
    /// Run it no earlier than after this time.
    public var countdown: Duration?
    /// Do not run it any more after this time.
    public var expires: Duration?
    public var priority: UInt8 = 0
    public var ignoresResult = false

    public init() {}
}

/// A connected application.
///
/// ```swift
/// let app = try await TaskApp.connect(broker: "amqp://localhost", backend: "redis://localhost")
/// let result = try await app.send("tasks.add", 2, 3)
/// let sum: Int = try await result.get(timeout: .seconds(10))
/// ```
public final class TaskApp: Sendable {
    public let configuration: TaskAppConfiguration
    let connection: AMQPConnection
    let backend: ResultBackend?
    private let publisher: TaskPublisher

    private init(
        _ configuration: TaskAppConfiguration, connection: AMQPConnection, backend: ResultBackend?,
        publisher: TaskPublisher
    ) {
        self.configuration = configuration
        self.connection = connection
        self.backend = backend
        self.publisher = publisher
    }

    /// Connects to broker and backend.
    public static func connect(broker: String, backend: String?, queue: String = "celery") async throws -> TaskApp {
        var configuration = TaskAppConfiguration()
        configuration.broker = broker
        configuration.backend = backend
        configuration.queue = queue
        return try await connect(configuration)
    }

    /// Connects to broker and backend.
    public static func connect(_ configuration: TaskAppConfiguration) async throws -> TaskApp {
        let connection = try await AMQPConnection.connect(configuration.broker)
        do {
            var backend: ResultBackend?
            if let url = configuration.backend {
                backend = ResultBackend(
                    redis: try await RedisClient.connect(url),
                    expiresAfterSeconds: configuration.resultExpiresSeconds)
            }
            return TaskApp(
                configuration, connection: connection, backend: backend, publisher: TaskPublisher(connection))
        } catch {
            try? await connection.close()
            throw error
        }
    }

    /// Sends a task. Returns when the broker has it safe.
    /// - Parameters:
    ///   - name: as the worker registered it, `tasks.add`.
    ///   - arguments: positional arguments; anything that encodes to JSON.
    ///   - keywords: keyword arguments.
    @discardableResult
    public func send<each Argument: Encodable & Sendable>(
        _ name: String, _ arguments: repeat each Argument, keywords: [String: any Encodable & Sendable] = [:],
        options: SendOptions = SendOptions()
    ) async throws -> TaskResult {
        var call = CallWriter()
        repeat try call.append(each arguments)
        for (name, value) in keywords.sorted(by: { $0.key < $1.key }) { try call.append(name, value) }
        var message = TaskMessage(id: options.id ?? TaskMessage.newID(), name: name, body: try call.body())
        message.argumentsText = call.argumentsText
        message.keywordsText = call.keywordsText
        let now = Date().timeIntervalSince1970
        message.eta = options.countdown.map { now + $0.seconds }
        message.expires = options.expires.map { now + $0.seconds }
        message.priority = options.priority
        message.ignoresResult = options.ignoresResult
        try await publish(message, queue: options.queue ?? configuration.queue)
        return TaskResult(id: message.id, backend: backend)
    }

    /// A task that was sent earlier, or elsewhere.
    public func result(id: String) -> TaskResult { TaskResult(id: id, backend: backend) }

    func publish(_ message: TaskMessage, queue: String) async throws {
        try await publisher.publish(message, queue: queue)
    }

    /// Closes both connections.
    public func close() async throws {
        await backend?.redis.close()
        try await connection.close()
    }
}

/// Publishes with confirms, on a channel that is opened when it is needed and again after an error.
actor TaskPublisher {
    private let connection: AMQPConnection
    private var channel: AMQPChannel?
    private var declared: Set<String> = []

    init(_ connection: AMQPConnection) { self.connection = connection }

    func publish(_ message: TaskMessage, queue: String) async throws {
        let channel = try await openChannel()
        do {
            if !declared.contains(queue) {
                try await channel.declareTaskQueue(queue)
                declared.insert(queue)
            }
            try await channel.publish(
                ByteBuffer(bytes: message.body), routingKey: queue, properties: message.properties
            ).confirmed()
        } catch {
            // It may be the channel that is broken: the next publish begins with another one.
            self.channel = nil
            declared = []
            try? await channel.close()
            throw error
        }
    }

    private func openChannel() async throws -> AMQPChannel {
        if let channel { return channel }
        let opened = try await connection.openChannel()
        try await opened.confirmSelect()
        if let channel {
            // Another task was faster.
            try await opened.close()
            return channel
        }
        channel = opened
        return opened
    }
}

extension AMQPChannel {
    /// Queue, exchange and binding of one name, as Celery declares them.
    func declareTaskQueue(_ name: String) async throws {
        try await declareQueue(name, durable: true)
        try await declareExchange(name, type: .direct, durable: true)
        try await bindQueue(name, exchange: name, routingKey: name)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
