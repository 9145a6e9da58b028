// A connection to an AMQP 0-9-1 server: this broker, RabbitMQ, or another one.
// Next: AMQPChannel.swift (what is done on it), AMQPConnectionHandler.swift (how).

import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Wire

/// The way from any task to the handler on its event loop.
struct AMQPLink: Sendable {
    let eventLoop: any EventLoop
    private let handler: NIOLoopBound<AMQPConnectionHandler>

    /// Event loop only.
    init(eventLoop: any EventLoop, handler: AMQPConnectionHandler) {
        self.eventLoop = eventLoop
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
    }

    /// Runs `body` on the event loop and waits for its result.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (AMQPConnectionHandler) throws -> Value
    ) async throws -> Value {
        let handler = handler
        return try await eventLoop.submit { try body(handler.value) }.get()
    }

    /// Runs `body`, which has the promise kept later.
    func wait<Value: Sendable>(
        _ body: @escaping @Sendable (AMQPConnectionHandler, EventLoopPromise<Value>) -> Void
    ) async throws -> Value {
        let promise = eventLoop.makePromise(of: Value.self)
        execute { body($0, promise) }
        return try await promise.futureResult.get()
    }

    /// Runs `body` some time soon.
    func execute(_ body: @escaping @Sendable (AMQPConnectionHandler) -> Void) {
        let handler = handler
        eventLoop.execute { body(handler.value) }
    }
}

/// An open AMQP connection.
///
/// ```swift
/// let connection = try await AMQPConnection.connect("amqp://guest:guest@localhost/")
/// let channel = try await connection.openChannel()
/// try await channel.declareQueue("tasks", durable: true)
/// try await channel.publish("hello", routingKey: "tasks")
/// try await connection.close()
/// ```
///
/// Calls may come from any task. The connection answers heartbeats by itself and ends when the server is
/// silent for two intervals. It does not reconnect: whoever owns it decides what to do with its channels.
public final class AMQPConnection: Sendable {
    private let link: AMQPLink
    private let gone: EventLoopFuture<Void>
    /// What the server says about itself: product, version, capabilities.
    public let serverProperties: FieldTable

    /// What connecting leaves behind of a handler.
    private struct Opening: Sendable {
        let link: AMQPLink
        let opened: EventLoopFuture<Void>
        let gone: EventLoopFuture<Void>
    }

    private init(link: AMQPLink, gone: EventLoopFuture<Void>, serverProperties: FieldTable) {
        self.link = link
        self.gone = gone
        self.serverProperties = serverProperties
    }

    /// Connects to `amqp://user:password@host:port/virtualhost`.
    public static func connect(
        _ url: String, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> AMQPConnection {
        try await connect(AMQPConfiguration(url: url), group: group)
    }

    /// Connects, authenticates and enters the virtual host.
    /// - Throws: `AMQPClientError`, or NIO's errors when the server cannot be reached.
    public static func connect(
        _ configuration: AMQPConfiguration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> AMQPConnection {
        try checkNames(configuration.virtualHost)
        // Kept here and not looked up afterwards: a server that closes at once takes the pipeline with it.
        let made = NIOLockedValueBox<Opening?>(nil)
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(configuration.connectTimeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = AMQPConnectionHandler(configuration, eventLoop: channel.eventLoop)
                    made.withLockedValue {
                        $0 = Opening(
                            link: AMQPLink(eventLoop: channel.eventLoop, handler: handler),
                            opened: handler.opened.futureResult, gone: handler.gone.futureResult)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: configuration.host, port: configuration.port).get()
        guard let opening = made.withLockedValue({ $0 }) else { preconditionFailure("the initializer did not run") }
        let link = opening.link
        let timeout = channel.eventLoop.scheduleTask(in: configuration.connectTimeout) {
            link.execute { $0.drop(.timeout) }
        }
        // On the event loop, not here: this task may be kept waiting for longer than the server took.
        opening.opened.whenComplete { _ in timeout.cancel() }
        try await opening.opened.get()
        let properties = try await link.run { $0.serverProperties }
        return AMQPConnection(link: link, gone: opening.gone, serverProperties: properties)
    }

    /// Opens a channel: a conversation of its own on the same socket.
    public func openChannel() async throws -> AMQPChannel {
        let channel = try await link.run { handler in handler.handle(of: try handler.makeChannel()) }
        try await channel.open()
        return channel
    }

    /// Says good-bye and waits until the socket is closed. Everything still waiting on the connection fails.
    public func close() async throws {
        link.execute { $0.close() }
        try await gone.get()
    }

    /// Returns when the connection has ended, with the reason.
    public func closed() async -> AMQPClientError? {
        try? await gone.get()
        return try? await link.run { $0.closeError }
    }

    /// Why the server makes publishers wait (`connection.blocked`); nil when it does not.
    public var blockedReason: String? {
        get async { (try? await link.run { $0.blockedReason }) ?? nil }
    }
}
