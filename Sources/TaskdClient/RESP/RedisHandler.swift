// One RESP connection as its event loop sees it: commands out, replies to their commands in order, pushed
// messages to their subscriptions.
// Event loop only. Next: RedisSubscription.swift.

import NIOCore
import Wire

/// The connection's handler; the last one of its pipeline.
final class RedisHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Succeeds when the socket is gone.
    let gone: EventLoopPromise<Void>
    private let eventLoop: any EventLoop
    private var context: ChannelHandlerContext?
    private var parser = RESPReplyParser()
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    private var awaited = CircularBuffer<EventLoopPromise<RESPReply>>()
    private var writers: [EventLoopPromise<Void>] = []
    private(set) var closeError: RedisError?
    private var subscriptions: [SubscriptionKey: [SubscriptionBuffer]] = [:]
    /// Subscribe commands whose confirmation has not come; in order, one for each name.
    private var pendingSubscribes = CircularBuffer<EventLoopPromise<Void>>()

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        gone = eventLoop.makePromise()
    }

    // MARK: Socket

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.connectionClosed("the server closed the socket"))
        gone.succeed()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { drop(.connectionClosed("\(error)")) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        let waiting = writers
        writers = []
        for promise in waiting { promise.succeed() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var more = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = more } else { input.writeBuffer(&more) }
        // A reference of its own: what is called below must not find `input` in use.
        let bytes = input
        do {
            let taken = try bytes.withUnsafeReadableBytes { buffer -> Int in
                var cursor = ByteCursor(ByteSlice(buffer))
                while let reply = try parser.next(&cursor) { receive(reply) }
                return buffer.count - cursor.remaining
            }
            input = bytes
            input.moveReaderIndex(forwardBy: taken)
            if input.readableBytes == 0 { input = ByteBuffer() }
        } catch {
            drop(.unexpectedReply("\(error)"))
        }
    }

    // MARK: Commands

    /// Sends one command; `promise` gets its reply, an error reply too.
    func send(_ arguments: [RedisArgument], _ promise: EventLoopPromise<RESPReply>) {
        if let closeError { return promise.fail(closeError) }
        awaited.append(promise)
        write(arguments)
    }

    private func write(_ arguments: [RedisArgument]) {
        precondition(!arguments.isEmpty, "a command has a name")
        output.writeString("*\(arguments.count)\r\n")
        for argument in arguments {
            output.writeString("$\(argument.bytes.count)\r\n")
            output.writeBytes(argument.bytes)
            output.writeInteger(0x0D0A as UInt16)
        }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { this.value.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard let context, output.readableBytes > 0 else { return }
        let bytes = output
        output = ByteBuffer()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    // MARK: Replies

    private func receive(_ reply: RESPReply) {
        if case .push(let elements) = reply { return receivePush(elements) }
        guard let promise = awaited.popFirst() else { return drop(.unexpectedReply("a reply to no command")) }
        promise.succeed(reply)
    }

    private func receivePush(_ elements: [RESPReply]) {
        guard let kind = elements.first?.text else { return }
        switch kind {
        case "message" where elements.count == 3:
            deliver(.channel(elements[1].bytes ?? []), elements[1].bytes, elements[2].bytes)
        case "pmessage" where elements.count == 4:
            deliver(.pattern(elements[1].bytes ?? []), elements[2].bytes, elements[3].bytes)
        case "subscribe", "psubscribe": pendingSubscribes.popFirst()?.succeed()
        default: break
        }
    }

    private func deliver(_ key: SubscriptionKey, _ channel: [UInt8]?, _ payload: [UInt8]?) {
        let message = RedisMessage(channel: channel ?? [], payload: payload ?? [])
        for buffer in subscriptions[key] ?? [] { buffer.push(message) }
    }

    // MARK: Subscriptions

    /// Adds `buffer` to each of `keys` and subscribes; again, too, so that the server's word is awaited.
    func subscribe(_ keys: [SubscriptionKey], _ buffer: SubscriptionBuffer, _ promise: EventLoopPromise<Void>) {
        if let closeError { return promise.fail(closeError) }
        var last: EventLoopPromise<Void>?
        for key in keys {
            subscriptions[key, default: []].append(buffer)
            if let last { pendingSubscribes.append(last) }
            last = eventLoop.makePromise()
            write([key.subscribeCommand, RedisArgument(key.name)])
        }
        guard let last else { return promise.succeed() }
        // The confirmation of the last one comes last.
        pendingSubscribes.append(last)
        last.futureResult.cascade(to: promise)
    }

    /// Takes `buffer` away; unsubscribes from what nobody listens to any more.
    func unsubscribe(_ keys: [SubscriptionKey], _ buffer: SubscriptionBuffer) {
        for key in keys {
            guard var buffers = subscriptions[key] else { continue }
            buffers.removeAll { $0 === buffer }
            subscriptions[key] = buffers.isEmpty ? nil : buffers
            if buffers.isEmpty, closeError == nil { write([key.unsubscribeCommand, RedisArgument(key.name)]) }
        }
    }

    // MARK: End

    func drop(_ error: RedisError) {
        fail(error)
        context?.close(promise: nil)
    }

    private func fail(_ error: RedisError) {
        guard closeError == nil else { return }
        closeError = error
        while let promise = awaited.popFirst() { promise.fail(error) }
        while let promise = pendingSubscribes.popFirst() { promise.fail(error) }
        let waiting = writers
        writers = []
        for promise in waiting { promise.fail(error) }
        let ended = subscriptions.values
        subscriptions = [:]
        for buffers in ended { for buffer in buffers { buffer.finish(.failure(error)) } }
    }

    /// Succeeds when the socket takes more.
    func readyToWrite() -> EventLoopFuture<Void> {
        if let closeError { return eventLoop.makeFailedFuture(closeError) }
        guard let context, !context.channel.isWritable else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        writers.append(promise)
        return promise.futureResult
    }
}
