// What is done on a channel: declare, publish, consume, settle.
// Only the user's side: every operation is a hop to the connection's event loop, where `ChannelState` is.
// Next: AMQPChannel+Topology.swift, AMQPChannel+Consuming.swift.

import NIOCore
import Wire

/// A channel of an AMQP connection.
///
/// Operations of one task happen in order. An error of the server's closes the channel
/// (`AMQPClientError.channelClosed`); open another one then.
public struct AMQPChannel: Sendable {
    public let number: UInt16
    let link: AMQPLink
    let state: NIOLoopBound<ChannelState>

    /// Sends a method and awaits one of `replies`, from which `decode` makes the result.
    func call<Value: Sendable>(
        _ frame: [UInt8], replies: [MethodID],
        decode: @escaping @Sendable (MethodID, ByteSlice, ChannelState) throws -> Value
    ) async throws -> Value {
        let state = state
        let number = number
        return try await link.wait { handler, promise in
            if let error = handler.error(on: number, state.value) { return promise.fail(error) }
            state.value.enqueue(
                PendingCall(replies: replies) { result in
                    promise.completeWith(
                        result.mapError { $0 as any Error }.flatMap { reply in
                            Result { try decode(reply.0, reply.1, state.value) }
                        })
                })
            handler.send(frame)
            handler.updateReading()
        }
    }

    /// Sends a method and awaits the one that agrees.
    func call(_ method: some AMQPMethod, reply: MethodID) async throws {
        try await call(encode(method), replies: [reply]) { _, _, _ in }
    }

    /// Sends a method that has no answer; returns when it is on its way.
    func send(_ frame: [UInt8]) async throws {
        let state = state
        let number = number
        try await link.run { handler in
            if let error = handler.error(on: number, state.value) { throw error }
            handler.send(frame)
        }
    }

    func encode(_ method: some AMQPMethod) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeMethodFrame(channel: number, method)
        return writer.bytes
    }

    func open() async throws { try await call(ChannelOpen(), reply: .channelOpenOK) }

    /// Closes the channel. Unacknowledged deliveries go back to their queues.
    public func close() async throws {
        let frame = encode(
            ChannelClose(replyCode: ReplyCode.success, replyText: ByteSlice("Goodbye"), classID: 0, methodID: 0))
        let state = state
        let number = number
        try await link.wait { (handler: AMQPConnectionHandler, promise: EventLoopPromise<Void>) in
            if handler.error(on: number, state.value) != nil { return promise.succeed() }
            // Whoever else waits on it gets no answer any more.
            state.value.end(.channelClosed(code: ReplyCode.success, text: "closed by this side"))
            state.value.startClosing()
            state.value.enqueue(
                PendingCall(replies: [.channelCloseOK]) { _ in
                    handler.remove(state.value)
                    promise.succeed()
                })
            handler.send(frame)
            handler.updateReading()
        }
    }

    // MARK: Publishing

    /// Puts the channel into confirm mode: the server tells of every publish whether it took it.
    public func confirmSelect() async throws {
        try await call(encode(ConfirmSelect()), replies: [.confirmSelectOK]) { _, _, state in state.startConfirming() }
    }

    /// Publishes a message. Returns when it is on its way to the server; waits while the socket is full or
    /// the server blocks publishers.
    /// - Parameters:
    ///   - exchange: empty means the default exchange, which takes `routingKey` for a queue's name.
    ///   - mandatory: has the message come back (to `onReturn`, or as the confirm's error) if no queue takes it.
    /// - Returns: in confirm mode, what to await for the server's word.
    @discardableResult
    public func publish(
        _ body: ByteBuffer, exchange: String = "", routingKey: String,
        properties: BasicProperties = BasicProperties(), mandatory: Bool = false
    ) async throws -> PublishConfirmation {
        try checkNames(exchange, routingKey)
        let state = state
        let number = number
        let encoded = properties.encoded
        let (confirmation, ready) = try await link.run { handler in
            if let error = handler.error(on: number, state.value) { throw error }
            var confirmation = PublishConfirmation(future: nil)
            if state.value.isConfirming {
                let promise = link.eventLoop.makePromise(of: Void.self)
                state.value.notePublish(
                    Confirms.Pending(promise: promise, mandatory: mandatory ? (exchange, routingKey) : nil))
                confirmation = PublishConfirmation(future: promise.futureResult)
            }
            withNames(exchange, routingKey) { exchange, routingKey in
                encoded.withUnsafeBytes { properties in
                    handler.sendContent(
                        channel: number,
                        BasicPublish(exchange: exchange, routingKey: routingKey, mandatory: mandatory),
                        properties: ByteSlice(properties), body: body)
                }
            }
            handler.updateReading()
            return (confirmation, handler.readyToPublish())
        }
        try await ready.get()
        return confirmation
    }

    /// Publishes text.
    @discardableResult
    public func publish(
        _ body: String, exchange: String = "", routingKey: String, properties: BasicProperties = BasicProperties(),
        mandatory: Bool = false
    ) async throws -> PublishConfirmation {
        try await publish(
            ByteBuffer(string: body), exchange: exchange, routingKey: routingKey, properties: properties,
            mandatory: mandatory)
    }

    /// Calls `handler` with mandatory messages that came back and were not awaited by a confirm.
    public func onReturn(_ handler: @escaping @Sendable (AMQPReturn) -> Void) async throws {
        let state = state
        try await link.run { _ in state.value.onReturn = handler }
    }
}

/// The server's word on one publish.
public struct PublishConfirmation: Sendable {
    let future: EventLoopFuture<Void>?

    /// Returns when the server has taken the message: persistent ones are safe then.
    /// - Throws: `AMQPClientError.publishRefused`, `.returned`, or why the channel ended.
    public func confirmed() async throws {
        guard let future else {
            throw AMQPClientError.protocolViolation("the channel is not in confirm mode: confirmSelect() first")
        }
        try await future.get()
    }
}

extension AMQPConnectionHandler {
    /// Why nothing can be done on a channel; nil when it is open.
    func error(on number: UInt16, _ state: ChannelState) -> AMQPClientError? {
        closeError ?? state.closeError
    }
}
