// A connection to a RESP3 server: this store, Redis from version 6 on, or Valkey.
// Next: RedisClient+Commands.swift (typed commands), RedisHandler.swift.

import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Wire

/// An open RESP connection.
///
/// ```swift
/// let redis = try await RedisClient.connect("redis://localhost/0")
/// try await redis.set("key", "value", expiresIn: .seconds(60))
/// let reply = try await redis.send("OBJECT", "ENCODING", "key")
/// ```
///
/// Calls may come from any task; each gets its own reply. What several tasks send at once goes out in one
/// write, so that concurrent callers pipeline without knowing it. It does not reconnect.
public final class RedisClient: Sendable {
    private let eventLoop: any EventLoop
    private let handler: NIOLoopBound<RedisHandler>
    private let gone: EventLoopFuture<Void>
    let configuration: RedisConfiguration

    private init(
        eventLoop: any EventLoop, handler: NIOLoopBound<RedisHandler>, gone: EventLoopFuture<Void>,
        configuration: RedisConfiguration
    ) {
        self.eventLoop = eventLoop
        self.handler = handler
        self.gone = gone
        self.configuration = configuration
    }

    /// Connects to `redis://user:password@host:port/database`.
    public static func connect(
        _ url: String, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> RedisClient {
        try await connect(RedisConfiguration(url: url), group: group)
    }

    /// Connects, agrees on RESP3, logs in and selects the database.
    /// - Throws: `RedisError`, or NIO's errors when the server cannot be reached.
    public static func connect(
        _ configuration: RedisConfiguration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> RedisClient {
        // Kept here and not looked up afterwards: a server that closes at once takes the pipeline with it.
        let made = NIOLockedValueBox<(handler: NIOLoopBound<RedisHandler>, gone: EventLoopFuture<Void>)?>(nil)
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(configuration.connectTimeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RedisHandler(eventLoop: channel.eventLoop)
                    made.withLockedValue {
                        $0 = (NIOLoopBound(handler, eventLoop: channel.eventLoop), handler.gone.futureResult)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: configuration.host, port: configuration.port).get()
        guard let (handler, gone) = made.withLockedValue({ $0 }) else {
            preconditionFailure("the initializer did not run")
        }
        let client = RedisClient(
            eventLoop: channel.eventLoop, handler: handler, gone: gone, configuration: configuration)
        do {
            try await client.greet()
        } catch {
            await client.close()
            throw error
        }
        return client
    }

    /// Sends what opens the conversation in one go; the answers have the configured time to come.
    private func greet() async throws {
        var hello: [RedisArgument] = ["HELLO", 3]
        if let password = configuration.password {
            hello += ["AUTH", RedisArgument(configuration.user ?? "default"), RedisArgument(password)]
        }
        if let name = configuration.connectionName { hello += ["SETNAME", RedisArgument(name)] }
        var commands = [hello]
        if configuration.database != 0 { commands.append(["SELECT", RedisArgument(configuration.database)]) }
        let handler = handler
        let timeout = eventLoop.scheduleTask(in: configuration.connectTimeout) { handler.value.drop(.timeout) }
        let answers = sendAll(commands)
        // On the event loop, not here: this task may be kept waiting for longer than the server took.
        answers.whenComplete { _ in timeout.cancel() }
        for case .error(let text) in try await answers.get() {
            throw RedisError.server(String(decoding: text, as: UTF8.self))
        }
    }

    // MARK: Commands

    /// Sends a command and returns its reply. An error reply is thrown as `RedisError.server`.
    @discardableResult
    public func send(_ arguments: [RedisArgument]) async throws -> RESPReply {
        let promise = eventLoop.makePromise(of: RESPReply.self)
        let handler = handler
        let ready = try await eventLoop.submit {
            handler.value.send(arguments, promise)
            return handler.value.readyToWrite()
        }.get()
        // A socket that takes no more makes its writers wait, not only its readers.
        try? await ready.get()
        let reply = try await promise.futureResult.get()
        if case .error(let text) = reply { throw RedisError.server(String(decoding: text, as: UTF8.self)) }
        return reply
    }

    /// Sends a command and returns its reply.
    @discardableResult
    public func send(_ arguments: RedisArgument...) async throws -> RESPReply { try await send(arguments) }

    /// Sends commands in one go and returns all replies in order, error replies as they are.
    public func pipeline(_ commands: [[RedisArgument]]) async throws -> [RESPReply] {
        try await sendAll(commands).get()
    }

    private func sendAll(_ commands: [[RedisArgument]]) -> EventLoopFuture<[RESPReply]> {
        let handler = handler
        let eventLoop = eventLoop
        return eventLoop.flatSubmit {
            let replies = commands.map { command in
                let promise = eventLoop.makePromise(of: RESPReply.self)
                handler.value.send(command, promise)
                return promise.futureResult
            }
            return EventLoopFuture.whenAllSucceed(replies, on: eventLoop)
        }
    }

    /// Sends commands as one transaction (`MULTI` … `EXEC`) and returns their replies.
    /// - Throws: `RedisError.server` when the server refuses the transaction; none of it happened then.
    public func transaction(_ commands: [[RedisArgument]]) async throws -> [RESPReply] {
        let replies = try await pipeline([["MULTI"]] + commands + [["EXEC"]])
        switch replies.last {
        case .array(let results)?: return results
        case .error(let text)?: throw RedisError.server(String(decoding: text, as: UTF8.self))
        case let other: throw RedisError.unexpectedReply("\(String(describing: other))")
        }
    }

    // MARK: Pub/sub

    /// Messages published to any of `channels`. Subscribed when this returns.
    public func subscribe(_ channels: String...) async throws -> RedisSubscription {
        try await subscribe(channels.map { .channel(Array($0.utf8)) })
    }

    /// Messages published to channels that match any of `patterns`.
    public func psubscribe(_ patterns: String...) async throws -> RedisSubscription {
        try await subscribe(patterns.map { .pattern(Array($0.utf8)) })
    }

    private func subscribe(_ keys: [SubscriptionKey]) async throws -> RedisSubscription {
        let buffer = SubscriptionBuffer(messagesMax: configuration.bufferedMessagesMax)
        let promise = eventLoop.makePromise(of: Void.self)
        let handler = handler
        eventLoop.execute { handler.value.subscribe(keys, buffer, promise) }
        try await promise.futureResult.get()
        return RedisSubscription(keys: keys, buffer: buffer, client: self)
    }

    func abandon(_ subscription: RedisSubscription) {
        let handler = handler
        eventLoop.execute { handler.value.unsubscribe(subscription.keys, subscription.buffer) }
    }

    // MARK: End

    /// Closes the socket and waits until it is gone. What awaits a reply fails.
    public func close() async {
        let handler = handler
        eventLoop.execute { handler.value.drop(.connectionClosed("closed by this side")) }
        try? await gone.get()
    }
}
