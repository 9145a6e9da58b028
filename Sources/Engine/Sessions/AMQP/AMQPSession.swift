// One AMQP connection, protocol side: cuts frames out of what comes, in place, and hands them on by phase
// and channel. What the methods do is the broker's business; what goes wrong is AMQPClosing's.
// Reading order from here: AMQPHandshake (until `connection.open`), AMQPChannel and AMQPContent (frames of a
// channel), AMQPDispatch (method → broker), AMQPClosing (every kind of end), AMQPTimers (heartbeats).
// Loop thread only; no I/O. An idle session holds no buffer: what is incomplete stays with the server.

import Wire

/// Where a connection stands.
enum AMQPPhase {
    /// Nothing has come yet, or not eight bytes.
    case protocolHeader
    /// `connection.start` is sent.
    case starting
    /// `connection.tune` is sent.
    case tuning
    /// `connection.tune-ok` has come.
    case opening
    /// `connection.open-ok` is sent.
    case running
    /// `connection.close` is sent: only its answer counts.
    case closing
    /// Refused without a word; the socket is dropped after a pause that makes guessing slow.
    case refused
    /// Over.
    case closed

    /// As error texts call it.
    var name: StaticString {
        switch self {
        case .protocolHeader: "handshake"
        case .starting: "starting"
        case .tuning: "tuning"
        case .opening: "opening"
        case .running: "running"
        case .closing: "closing"
        case .refused, .closed: "closed"
        }
    }
}

/// State machine of one AMQP connection.
final class AMQPSession: Session {
    unowned let sessions: AMQPSessions
    /// Place in `AMQPSessions`, and the number that tells its successors in the same place apart.
    let slot: Int
    let number: UInt64

    var phase = AMQPPhase.protocolHeader
    /// Nothing that comes is looked at any more.
    var discardsInput = false
    var channels = ChannelTable()

    // Learned in the handshake.
    var frameBytesMax = Limits.amqpFrameBeforeAuthenticationBytesMax
    var channelsMax = 0
    var heartbeatMilliseconds: Int64 = 0
    var client = ClientIdentity()
    var user: User?
    /// By which it has logged in, or tried to.
    var mechanism: StaticString = ""
    /// Exists from `connection.open` to the end.
    var connection: BrokerConnection?

    // Timers, monotonic milliseconds; see AMQPTimers.
    var lastReceived: Int64
    var phaseDeadline: Int64?
    var nextHeartbeat: Int64?
    var armedDeadline: Int64?
    /// Reading pauses until the disk has caught up.
    var isBlocked = false
    /// Reading pauses until the peer has taken its answers.
    var waitsForOutput = false

    /// When the first slow method of this read came; stopwatch, microseconds. 0: none has.
    private var slowMethodsStart: Int64 = 0

    var broker: Broker { sessions.broker }

    /// `127.0.0.1:50000 -> 127.0.0.1:5672`, what management tools show.
    var connectionName: String { "\(peer.host):\(peer.port) -> \(peer.localHost):\(peer.localPort)" }

    init(sessions: AMQPSessions, peer: PeerAddress, slot: Int, number: UInt64) {
        self.sessions = sessions
        self.slot = slot
        self.number = number
        lastReceived = sessions.context.time.monotonicMilliseconds
        super.init(context: sessions.context, peer: peer)
    }

    // MARK: Input

    override func receive(_ bytes: ByteSlice) -> Int {
        lastReceived = context.time.monotonicMilliseconds
        slowMethodsStart = 0
        if discardsInput { return bytes.count }
        var cursor = ByteCursor(bytes)
        if phase == .protocolHeader {
            guard takeProtocolHeader(&cursor) else { return bytes.count - cursor.remaining }
        }
        while !pausesReading {
            let unread = cursor.rest
            do throws(AMQPFailure) {
                guard let frame = try nextFrame(&cursor) else { break }
                try take(frame, &cursor)
            } catch {
                fail(error, onChannel: unread.count >= 3 ? ByteCursor.channelNumber(unread) : 0)
            }
            if discardsInput { return bytes.count }
        }
        if output.pendingBytes > Limits.amqpOutputPauseBytes { pauseForOutput() }
        return bytes.count - cursor.remaining
    }

    /// The next whole frame, its errors told in the words of reply texts.
    @inline(__always)
    func nextFrame(_ cursor: inout ByteCursor) throws(AMQPFailure) -> AMQPFrame? {
        let unread = cursor.rest
        do throws(FrameError) {
            return try AMQPFrame.next(&cursor, frameBytesMax: frameBytesMax)
        } catch {
            throw AMQPFailure(error, payload: Self.payload(unread))
        }
    }

    /// Payload of the frame at the start of `bytes`, if it is all there.
    private static func payload(_ bytes: ByteSlice) -> ByteSlice {
        var cursor = ByteCursor(bytes.dropping(3))
        return (try? cursor.readLongString()) ?? .empty
    }

    /// One frame. `cursor` stands behind it; content that follows a publish is taken along.
    @inline(__always)
    private func take(_ frame: AMQPFrame, _ cursor: inout ByteCursor) throws(AMQPFailure) {
        if phase == .running, frame.channel != 0 {
            if frame.type == FrameType.heartbeat { throw .unexpectedFrame(frame) }
            return try takeChannelFrame(frame, &cursor)
        }
        try takeConnectionFrame(frame)
    }

    /// A frame on channel 0, or any frame outside the running phase.
    @inline(never)
    private func takeConnectionFrame(_ frame: AMQPFrame) throws(AMQPFailure) {
        if phase == .closing {
            guard frame.channel == 0, frame.type == FrameType.method, let (id, _) = try? frame.method() else { return }
            return takeMethodWhileClosing(id)
        }
        guard frame.channel == 0 else { throw .unexpectedFrame(frame) }
        switch frame.type {
        case FrameType.heartbeat: return
        case FrameType.method: break
        default: throw .unexpectedFrame(frame)
        }
        let (id, arguments) = try method(of: frame)
        try takeConnectionMethod(id, arguments, frame)
    }

    /// Class and method of a method frame; numbers that stand for no method drop the socket.
    func method(of frame: AMQPFrame) throws(AMQPFailure) -> (id: MethodID, arguments: ByteSlice) {
        do throws(FrameError) {
            let (id, arguments) = try frame.method()
            guard MethodTable.description(of: id) != nil else { throw .unknownMethod(id) }
            return (id, arguments)
        } catch {
            throw AMQPFailure(error, payload: frame.payload)
        }
    }

    /// A method has come that takes longer than a publish or an ack: after enough of them others come first.
    func noteSlowMethod() {
        guard let now = context.time.stopwatch?() else { return }
        if slowMethodsStart == 0 { slowMethodsStart = now }
        if now - slowMethodsStart > Limits.receiveMicrosecondsMax, !pausesReading { yieldTurn() }
    }

    // MARK: Output

    /// Writes one method frame to the connection's output.
    func send(_ channel: UInt16, _ method: some AMQPMethod) {
        var writer = RawWriter(output.reserve(method.frameBytes))
        writer.writeMethodFrame(channel: channel, method)
        output.commit(writer.count)
    }

    // MARK: Life

    override func disconnected() {
        if phase != .closed { ended(reason: phase == .running ? "client unexpectedly closed TCP connection" : nil) }
        sessions.remove(self)
    }

    override func continueReading() { resumeReading() }

    override func outputDrained() {
        if waitsForOutput { resumeAfterOutput() }
        connection?.outputDrained()
    }

    override func shutdown() {
        switch phase {
        case .running, .opening:
            fail(.shutdown(), onChannel: 0)
        case .closing: break
        default: dropNow()
        }
    }
}

extension ByteCursor {
    /// Channel of the frame at the start of `bytes`, of which at least three are there.
    static func channelNumber(_ bytes: ByteSlice) -> UInt16 { UInt16(bytes[1]) << 8 | UInt16(bytes[2]) }
}
