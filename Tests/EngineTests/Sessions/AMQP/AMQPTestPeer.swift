// A client for tests of AMQP sessions: bytes in, frames out as text, a clock that stands still until it is
// moved. No socket; does what the server does with a session in each turn.

import Wire

@testable import Engine

#if canImport(Glibc)
import Glibc
#endif

/// Borrowed bytes of a text that stay valid: for the arguments of methods in tests.
func text(_ text: String) -> ByteSlice {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.utf8.count), alignment: 1)
    bytes.copyBytes(from: Array(text.utf8))
    return ByteSlice(base: UnsafeRawPointer(bytes.baseAddress!), count: text.utf8.count)
}

/// An engine's AMQP side with a clock.
final class AMQPTestEngine {
    let context: EngineContext
    let broker: Broker
    let sessions: AMQPSessions
    var log: [String] = []
    private var milliseconds: Int64 = 1_000

    init(_ change: (EngineConfiguration) -> Void = { _ in }) {
        let configuration = EngineConfiguration()
        change(configuration)
        context = EngineContext(configuration: configuration)
        broker = Broker(context: context)
        sessions = AMQPSessions(context: context, broker: broker, users: Users(configuration.users))
        context.alarmsChanged = { [unowned self] in
            broker.alarmsChanged()
            sessions.alarmsChanged()
        }
        context.log.sink = { [unowned self] level, text, fields in
            log.append("\(level) \(text) " + fields.map { "\($0.0)=\($0.1)" }.joined(separator: " "))
        }
        advance(0)
    }

    func advance(_ by: Int64) {
        milliseconds += by
        context.time.advance(
            monotonicMicroseconds: milliseconds * 1000, wallMicroseconds: 1_700_000_000_000_000 + milliseconds * 1000)
        endTurn()
    }

    func endTurn() {
        sessions.tick()
        broker.tick()
        broker.endTurn()
        for host in broker.virtualHosts.values {
            for queue in host.queues.values { queue.checkInvariants() }
        }
        _ = context.flushList.takePending()
    }
}

/// One connection to it.
final class AMQPTestPeer {
    let engine: AMQPTestEngine
    let session: AMQPSession
    /// What the session has left, as the server keeps it.
    private(set) var input: [UInt8] = []
    /// What it has written and nobody has looked at.
    private(set) var output: [UInt8] = []

    init(_ engine: AMQPTestEngine = AMQPTestEngine(), isLoopback: Bool = true) {
        self.engine = engine
        session = engine.sessions.makeSession(
            peer: PeerAddress(
                host: isLoopback ? "127.0.0.1" : "10.0.0.9", port: 50_000, isLoopback: isLoopback,
                localHost: "127.0.0.1", localPort: 5672))
    }

    // MARK: Bytes

    func send(_ bytes: [UInt8]) {
        input += bytes
        let taken = input.withUnsafeBytes { session.receive(ByteSlice($0)) }
        precondition(taken <= input.count)
        input.removeFirst(taken)
        engine.endTurn()
        collect()
    }

    func collect() {
        var vectors = [iovec](repeating: iovec(), count: 64)
        while !session.output.isEmpty {
            let bytes: [UInt8] = vectors.withUnsafeMutableBufferPointer { vectors in
                let filled = session.output.gather(into: vectors)
                return vectors[..<filled].flatMap { UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len) }
            }
            if session.output.consume(bytes.count) { session.outputDrained() }
            output += bytes
        }
    }

    func takeBytes() -> [UInt8] {
        collect()
        defer { output = [] }
        return output
    }

    // MARK: Frames

    static func frame(_ type: UInt8, _ channel: UInt16, _ payload: [UInt8], end: UInt8 = 0xCE) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeUInt8(type)
        writer.writeUInt16(channel)
        writer.writeLongString(payload)
        writer.writeUInt8(end)
        return writer.bytes
    }

    static func method(_ channel: UInt16, _ method: some AMQPMethod) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeMethodFrame(channel: channel, method)
        return writer.bytes
    }

    static func header(
        _ channel: UInt16, size: UInt64, properties: [UInt8] = [0, 0], classID: UInt16 = 60
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeUInt16(classID)
        writer.writeUInt16(0)
        writer.writeUInt64(size)
        writer.writeBytes(properties)
        return frame(2, channel, writer.bytes)
    }

    static func body(_ channel: UInt16, _ bytes: [UInt8]) -> [UInt8] { frame(3, channel, bytes) }

    static func publish(
        _ channel: UInt16, exchange: String = "", key: String, body: [UInt8], mandatory: Bool = false,
        frameBytesMax: Int = 131_072, properties: [UInt8] = [0, 0]
    ) -> [UInt8] {
        var bytes = method(
            channel, BasicPublish(exchange: text(exchange), routingKey: text(key), mandatory: mandatory))
        bytes += header(channel, size: UInt64(body.count), properties: properties)
        var at = 0
        while at < body.count {
            let end = min(body.count, at + frameBytesMax - 8)
            bytes += Self.body(channel, Array(body[at..<end]))
            at = end
        }
        return bytes
    }

    func call(_ channel: UInt16, _ method: some AMQPMethod) { send(Self.method(channel, method)) }

    /// Everything written since the last look, a text for each frame: `1 queue.declare-ok`, errors with their
    /// code and text. A protocol header shows as `AMQP`.
    func take() -> [String] {
        let bytes = takeBytes()
        var seen: [String] = []
        bytes.withUnsafeBytes { buffer in
            var cursor = ByteCursor(buffer)
            if bytes.starts(with: Array("AMQP".utf8)) {
                seen.append("AMQP")
                _ = try? cursor.readSlice(8)
            }
            while let frame = try? AMQPFrame.next(&cursor, frameBytesMax: 0) { seen.append(Self.describe(frame)) }
            if cursor.remaining > 0 { seen.append("\(cursor.remaining) bytes that are no frame") }
        }
        if session.closesNow { seen.append("dropped") }
        if session.closesAfterFlush { seen.append("ended") }
        return seen
    }

    private static func describe(_ frame: AMQPFrame) -> String {
        switch frame.type {
        case FrameType.heartbeat: return "\(frame.channel) heartbeat"
        case FrameType.header: return "\(frame.channel) header \((try? ContentHeader(frame))?.bodyBytes ?? 0)"
        case FrameType.body: return "\(frame.channel) body \(frame.payload.count)"
        default: break
        }
        guard let (id, arguments) = try? frame.method() else { return "no method" }
        let name = "\(frame.channel) \(id.name)"
        switch id {
        case .channelClose:
            guard let close = try? ChannelClose(arguments: arguments) else { return "malformed close" }
            return "\(name) \(close.replyCode) \(close.replyText.string) \(close.classID) \(close.methodID)"
        case .connectionClose:
            guard let close = try? ConnectionClose(arguments: arguments) else { return "malformed close" }
            return "\(name) \(close.replyCode) \(close.replyText.string) \(close.classID) \(close.methodID)"
        case .queueDeclareOK:
            guard let ok = try? QueueDeclareOK(arguments: arguments) else { return "malformed declare-ok" }
            return "\(name) \(ok.queue.string) \(ok.messageCount) \(ok.consumerCount)"
        case .connectionBlocked:
            guard let blocked = try? ConnectionBlocked(arguments: arguments) else { return "malformed blocked" }
            return "\(name) \(blocked.reason.string)"
        default: return name
        }
    }

    // MARK: Manners

    static let protocolHeader = AMQPConstants.protocolHeader

    static func clientProperties(_ capabilities: [String], product: String = "test") -> [UInt8] {
        var granted = FieldTable()
        for name in capabilities { granted[name] = .boolean(true) }
        let table: FieldTable = ["product": .string(product), "capabilities": .table(granted)]
        return table.encoded
    }

    static let capabilities = [
        "authentication_failure_close", "consumer_cancel_notify", "connection.blocked", "basic.nack",
    ]

    static func startOK(
        mechanism: String = "PLAIN", response: String = "\0guest\0guest", capabilities: [String] = capabilities,
        product: String = "test"
    ) -> [UInt8] {
        let properties = clientProperties(capabilities, product: product)
        return properties.withUnsafeBytes {
            method(
                0,
                ConnectionStartOK(
                    clientProperties: ByteSlice($0), mechanism: text(mechanism), response: text(response),
                    locale: text("en_US")))
        }
    }

    static func tuneOK(channels: UInt16 = 2047, frame: UInt32 = 131_072, heartbeat: UInt16 = 0) -> [UInt8] {
        method(0, ConnectionTuneOK(channelMax: channels, frameBytesMax: frame, heartbeatSeconds: heartbeat))
    }

    static func open(_ host: String = "/") -> [UInt8] { method(0, ConnectionOpen(virtualHost: text(host))) }

    /// The whole handshake, then the given channels.
    @discardableResult
    func opened(
        channels: [UInt16] = [1], channelsMax: UInt16 = 2047, frame: UInt32 = 131_072, heartbeat: UInt16 = 0,
        capabilities: [String] = AMQPTestPeer.capabilities, product: String = "test"
    ) -> Self {
        send(Self.protocolHeader)
        send(Self.startOK(capabilities: capabilities, product: product))
        send(Self.tuneOK(channels: channelsMax, frame: frame, heartbeat: heartbeat))
        send(Self.open())
        for channel in channels { call(channel, ChannelOpen()) }
        precondition(take().last == (channels.last.map { "\($0) channel.open-ok" } ?? "0 connection.open-ok"))
        return self
    }

    func declare(_ queue: String, channel: UInt16 = 1) {
        call(channel, QueueDeclare(queue: text(queue), exclusive: true))
        precondition(take() == ["\(channel) queue.declare-ok \(queue) 0 0"])
    }
}
