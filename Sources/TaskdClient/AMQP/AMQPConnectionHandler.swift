// One connection as its event loop sees it: cuts frames, runs the handshake, hands methods and content to
// their channels, writes frames, keeps the heartbeat.
// Event loop only. Next: ChannelState.swift, Handshake.swift.

import NIOCore
import Wire

/// The connection's handler; the last one of its pipeline.
final class AMQPConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let configuration: AMQPConfiguration
    /// Succeeds when the virtual host is entered.
    let opened: EventLoopPromise<Void>
    /// Succeeds when the socket is gone.
    let gone: EventLoopPromise<Void>
    private let eventLoop: any EventLoop
    private var context: ChannelHandlerContext?
    private var handshake: Handshake
    private var isOpen = false
    private(set) var limits: TunedLimits
    /// Set once: why nothing works any more.
    private(set) var closeError: AMQPClientError?
    private var isClosing = false
    private var channels: [UInt16: ChannelState] = [:]
    private var lastChannelNumber: UInt16 = 0

    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    private var wroteSinceHeartbeat = false
    private var lastRead = NIODeadline.now()
    private var heartbeat: RepeatedTask?

    /// Publishers that wait for the socket or for `connection.unblocked`.
    private var publishers: [EventLoopPromise<Void>] = []
    private(set) var blockedReason: String?
    private var bufferedDeliveries = 0
    private var isReadingPaused = false

    init(_ configuration: AMQPConfiguration, eventLoop: any EventLoop) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        opened = eventLoop.makePromise()
        gone = eventLoop.makePromise()
        handshake = Handshake(configuration)
        // Until tune the specification's minimum holds for us; servers keep to it loosely.
        limits = TunedLimits(channelsMax: 0, frameBytesMax: 131_072, heartbeatSeconds: 0)
    }

    var serverProperties: FieldTable { handshake.serverProperties }

    // MARK: Socket

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    private func begin() {
        output.writeBytes(AMQPConstants.protocolHeader)
        scheduleFlush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(
            handshake.isAuthenticating && !isOpen
                ? .authenticationFailed : .connectionClosed(code: 0, text: "the server closed the socket"))
        gone.succeed()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.connectionClosed(code: 0, text: "\(error)"))
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { releasePublishers() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastRead = .now()
        var more = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = more } else { input.writeBuffer(&more) }
        // A reference of its own: what is called below must not find `input` in use.
        let bytes = input
        do {
            let taken = try bytes.withUnsafeReadableBytes { buffer -> Int in
                var cursor = ByteCursor(ByteSlice(buffer))
                while let frame = try AMQPFrame.next(&cursor, frameBytesMax: limits.frameBytesMax) {
                    try receive(frame)
                }
                return buffer.count - cursor.remaining
            }
            input = bytes
            input.moveReaderIndex(forwardBy: taken)
            if input.readableBytes == 0 { input = ByteBuffer() }
        } catch let error as AMQPClientError {
            fail(error)
            context.close(promise: nil)
        } catch {
            fail(.protocolViolation("\(error)"))
            context.close(promise: nil)
        }
    }

    // MARK: Frames in

    private func receive(_ frame: AMQPFrame) throws {
        switch frame.type {
        case FrameType.method:
            let (id, arguments) = try frame.method()
            if frame.channel == 0 { return try receiveOnConnection(id, arguments) }
            // A method for a channel that has ended meanwhile.
            guard let channel = channels[frame.channel] else { return }
            try channel.receive(id, arguments)
            updateReading()
        case FrameType.header: try channels[frame.channel]?.receiveHeader(ContentHeader(frame))
        case FrameType.body: try channels[frame.channel]?.receiveBody(frame.payload)
        default: break
        }
    }

    private func receiveOnConnection(_ id: MethodID, _ arguments: ByteSlice) throws {
        guard isOpen else { return try perform(handshake.receive(id, arguments)) }
        switch id {
        case .connectionClose:
            let close = try ConnectionClose(arguments: arguments)
            let error = AMQPClientError.connectionClosed(code: close.replyCode, text: close.replyText.string)
            send(channel: 0, ConnectionCloseOK())
            closeAfterFlush()
            fail(error)
        case .connectionCloseOK: closeAfterFlush()
        case .connectionBlocked: blockedReason = try ConnectionBlocked(arguments: arguments).reason.string
        case .connectionUnblocked:
            blockedReason = nil
            releasePublishers()
        default: throw AMQPClientError.protocolViolation("\(id.name) on channel 0")
        }
    }

    private func perform(_ action: Handshake.Action) {
        switch action {
        case .send(let frames): send(frames)
        case .tuned(let tuned, let frames):
            limits = tuned
            send(frames)
            startHeartbeat()
        case .opened:
            isOpen = true
            opened.succeed()
        case .refused(let error):
            send(channel: 0, ConnectionCloseOK())
            closeAfterFlush()
            fail(error)
        }
    }

    // MARK: Frames out

    func send(channel: UInt16, _ method: some AMQPMethod) {
        guard closeError == nil else { return }
        output.writeMethodFrame(channel: channel, method)
        scheduleFlush()
    }

    func send(_ frames: [UInt8]) {
        guard closeError == nil else { return }
        output.writeBytes(frames)
        scheduleFlush()
    }

    /// `basic.publish` with its content.
    func sendContent(channel: UInt16, _ publish: BasicPublish, properties: ByteSlice, body: ByteBuffer) {
        output.writeMethodFrame(channel: channel, publish)
        output.writeRaw(ContentFrames.headerBytes(properties: properties.count)) {
            $0.writeContentHeader(channel: channel, properties: properties, bodyBytes: body.readableBytes)
        }
        let layout = BodyLayout(bodyBytes: body.readableBytes, frameBytesMax: limits.frameBytesMax)
        body.withUnsafeReadableBytes { bytes in
            output.writeRaw(layout.frameBytes) {
                $0.writeBody(channel: channel, ByteSlice(bytes), frameBytesMax: limits.frameBytesMax)
            }
        }
        scheduleFlush()
    }

    /// Once a turn: what many tasks have sent goes out in one write.
    private func scheduleFlush() {
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
        wroteSinceHeartbeat = true
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Succeeds when more may be published: the socket takes bytes and the server has not blocked us.
    func readyToPublish() -> EventLoopFuture<Void> {
        if blockedReason == nil, context?.channel.isWritable ?? true { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        publishers.append(promise)
        return promise.futureResult
    }

    private func releasePublishers() {
        guard blockedReason == nil, context?.channel.isWritable ?? true else { return }
        let waiting = publishers
        publishers = []
        for promise in waiting { promise.succeed() }
    }

    // MARK: Reading

    /// `count` more (or fewer) deliveries wait for their iterators.
    func noteBuffered(_ count: Int) {
        bufferedDeliveries += count
        updateReading()
    }

    /// Leaves the socket unread while too much is buffered, but never while an answer is awaited: the task
    /// that would take deliveries may be the one that waits.
    func updateReading() {
        let isFull = bufferedDeliveries >= configuration.bufferedDeliveriesMax
        // Half as much again below the limit, so as not to toggle with every delivery.
        let isRoomy = bufferedDeliveries <= configuration.bufferedDeliveriesMax / 2
        if isReadingPaused {
            guard isRoomy || channels.values.contains(where: \.awaitsAnswer) || isClosing else { return }
            setReading(true)
        } else {
            guard isFull, !isClosing, !channels.values.contains(where: \.awaitsAnswer) else { return }
            setReading(false)
        }
    }

    private func setReading(_ isReading: Bool) {
        isReadingPaused = !isReading
        lastRead = .now()
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isReading)
        if isReading { context?.read() }
    }

    // MARK: Channels

    /// A free channel number, taken.
    func makeChannel() throws(AMQPClientError) -> ChannelState {
        if let closeError { throw closeError }
        let highest = limits.channelsMax == 0 ? UInt16.max : limits.channelsMax
        guard channels.count < Int(highest) else { throw .noFreeChannel }
        repeat {
            lastChannelNumber = lastChannelNumber >= highest ? 1 : lastChannelNumber + 1
        } while channels[lastChannelNumber] != nil
        let channel = ChannelState(number: lastChannelNumber, connection: self)
        channels[lastChannelNumber] = channel
        return channel
    }

    func remove(_ channel: ChannelState) {
        if channels[channel.number] === channel { channels[channel.number] = nil }
    }

    func handle(of channel: ChannelState) -> AMQPChannel {
        AMQPChannel(
            number: channel.number, link: AMQPLink(eventLoop: eventLoop, handler: self),
            state: NIOLoopBound(channel, eventLoop: eventLoop))
    }

    // MARK: Heartbeat

    private func startHeartbeat() {
        guard limits.heartbeatSeconds > 0 else { return }
        let half = TimeAmount.milliseconds(Int64(limits.heartbeatSeconds) * 500)
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        heartbeat = eventLoop.scheduleRepeatedTask(initialDelay: half, delay: half) { _ in this.value.beat() }
    }

    /// Every half interval: something is sent in each, and two whole ones without a byte mean a dead peer.
    private func beat() {
        if !wroteSinceHeartbeat {
            output.writeBytes(AMQPConstants.heartbeatFrame)
            flush()
        }
        wroteSinceHeartbeat = false
        guard !isReadingPaused else { return }
        if .now() - lastRead > .seconds(Int64(limits.heartbeatSeconds) * 2) {
            fail(.connectionClosed(code: 0, text: "the server missed its heartbeats"))
            context?.close(promise: nil)
        }
    }

    // MARK: End

    /// Says good-bye and waits for the answer, for a bounded time.
    func close() {
        guard closeError == nil, !isClosing else { return }
        isClosing = true
        updateReading()
        send(
            channel: 0,
            ConnectionClose(replyCode: ReplyCode.success, replyText: ByteSlice("Goodbye"), classID: 0, methodID: 0))
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: configuration.closeTimeout) { this.value.drop(.timeout) }
    }

    /// Ends the connection without a word.
    func drop(_ error: AMQPClientError) {
        fail(error)
        context?.close(promise: nil)
    }

    private func closeAfterFlush() {
        flush()
        if isClosing { fail(.connectionClosed(code: ReplyCode.success, text: "closed by this side")) }
        context?.close(promise: nil)
    }

    /// Tells everybody who waits. The first reason counts.
    private func fail(_ error: AMQPClientError) {
        guard closeError == nil else { return }
        closeError = error
        heartbeat?.cancel()
        heartbeat = nil
        opened.fail(error)
        let ended = channels.values
        channels = [:]
        for channel in ended { channel.end(error) }
        let waiting = publishers
        publishers = []
        for promise in waiting { promise.fail(error) }
    }
}
