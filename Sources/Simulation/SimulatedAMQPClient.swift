// An AMQP client on a simulated connection: one channel, methods out, events in. It knows the protocol and nothing
// of what it is used for: who tests keeps books.
// One thread. Next: SimulatedClient.swift (the connection).

import Wire

/// A message as the client received it.
public struct SimulatedDelivery: Equatable, Sendable {
    public var consumerTag = ""
    public var tag: UInt64
    public var redelivered: Bool
    public var exchange: String
    public var routingKey: String
    public var body: [UInt8] = []
}

/// One connection with channel 1.
public final class SimulatedAMQPClient {
    /// What the server has said.
    public enum Event: Equatable {
        /// A publish was confirmed, or refused.
        case confirmed(UInt64, multiple: Bool)
        case refused(UInt64, multiple: Bool)
        case delivered(SimulatedDelivery)
        /// The answer to `get`; nil: the queue is empty.
        case got(SimulatedDelivery?)
        /// Any other answer, by the name of its method.
        case answered(MethodID)
        /// Channel or connection was closed with this text.
        case closed(String)
        case blocked
        case unblocked
    }

    private let client: SimulatedClient
    private var input: [UInt8] = []
    private var incoming: SimulatedDelivery?
    private var isGet = false
    private var bytesMissing = 0
    /// Publishes so far on a channel with confirms: tags count from 1.
    public private(set) var publishCount: UInt64 = 0

    /// Connects and opens the channel.
    public init(_ host: SimulatedHost) {
        client = host.connectAMQP()
        client.send(AMQPConstants.protocolHeader)
        send(
            0,
            ConnectionStartOK(
                mechanism: ByteSlice("PLAIN"), response: ByteSlice("\0guest\0guest"), locale: ByteSlice("en_US")))
        send(0, ConnectionTuneOK(channelMax: 10, frameBytesMax: 131_072, heartbeatSeconds: 0))
        send(0, ConnectionOpen(virtualHost: ByteSlice("/")))
        send(1, ChannelOpen())
    }

    // MARK: Sending

    private func send(_ channel: UInt16, _ method: some AMQPMethod) {
        var writer = ByteWriter()
        writer.writeMethodFrame(channel: channel, method)
        client.send(writer.bytes)
    }

    /// Any method without content, on the channel.
    public func send(_ method: some AMQPMethod) { send(1, method) }

    public func declareQueue(_ name: StaticString, arguments: FieldTable = FieldTable()) {
        arguments.encoded.withUnsafeBytes {
            send(QueueDeclare(queue: ByteSlice(name), durable: true, arguments: ByteSlice($0)))
        }
    }

    public func publish(
        _ body: [UInt8], to routingKey: StaticString, exchange: StaticString = "",
        properties: BasicProperties = BasicProperties()
    ) {
        publishCount += 1
        send(BasicPublish(exchange: ByteSlice(exchange), routingKey: ByteSlice(routingKey)))
        var header = ByteWriter()
        header.writeUInt16(60)
        header.writeUInt16(0)
        header.writeUInt64(UInt64(body.count))
        header.writeBytes(properties.encoded)
        frame(FrameType.header, header.bytes)
        if !body.isEmpty { frame(FrameType.body, body) }
    }

    private func frame(_ type: UInt8, _ payload: [UInt8]) {
        var writer = ByteWriter()
        writer.writeUInt8(type)
        writer.writeUInt16(1)
        writer.writeLongString(payload)
        writer.writeUInt8(AMQPConstants.frameEnd)
        client.send(writer.bytes)
    }

    /// Something is still to be taken by the server: it has stopped reading.
    public var hasUnsent: Bool { client.hasUnsent }

    /// The connection breaks.
    public func drop() { client.drop() }

    // MARK: Receiving

    /// Reads what has come.
    public func read() throws -> [Event] {
        var events: [Event] = []
        input += client.take()
        var used = 0
        try input.withUnsafeBytes { buffer in
            var cursor = ByteCursor(buffer)
            while let frame = try AMQPFrame.next(&cursor, frameBytesMax: 0) { try handle(frame, &events) }
            used = buffer.count - cursor.remaining
        }
        input.removeFirst(used)
        return events
    }

    private func handle(_ frame: AMQPFrame, _ events: inout [Event]) throws {
        switch frame.type {
        case FrameType.method: try handleMethod(frame, &events)
        case FrameType.header:
            bytesMissing = Int(try ContentHeader(frame).bodyBytes)
            if bytesMissing == 0 { finishContent(&events) }
        case FrameType.body:
            incoming?.body += frame.payload.array
            bytesMissing -= frame.payload.count
            if bytesMissing <= 0 { finishContent(&events) }
        default: break
        }
    }

    private func finishContent(_ events: inout [Event]) {
        guard let delivery = incoming else { return }
        incoming = nil
        events.append(isGet ? .got(delivery) : .delivered(delivery))
    }

    private func handleMethod(_ frame: AMQPFrame, _ events: inout [Event]) throws {
        let (id, arguments) = try frame.method()
        switch id {
        case .basicDeliver:
            let deliver = try BasicDeliver(arguments: arguments)
            isGet = false
            incoming = SimulatedDelivery(
                consumerTag: deliver.consumerTag.string, tag: deliver.deliveryTag, redelivered: deliver.redelivered,
                exchange: deliver.exchange.string, routingKey: deliver.routingKey.string)
        case .basicGetOK:
            let got = try BasicGetOK(arguments: arguments)
            isGet = true
            incoming = SimulatedDelivery(
                tag: got.deliveryTag, redelivered: got.redelivered, exchange: got.exchange.string,
                routingKey: got.routingKey.string)
        case .basicGetEmpty: events.append(.got(nil))
        case .basicAck:
            let ack = try BasicAck(arguments: arguments)
            events.append(.confirmed(ack.deliveryTag, multiple: ack.multiple))
        case .basicNack:
            let nack = try BasicNack(arguments: arguments)
            events.append(.refused(nack.deliveryTag, multiple: nack.multiple))
        case .channelClose: events.append(.closed(try ChannelClose(arguments: arguments).replyText.string))
        case .connectionClose: events.append(.closed(try ConnectionClose(arguments: arguments).replyText.string))
        case .connectionBlocked: events.append(.blocked)
        case .connectionUnblocked: events.append(.unblocked)
        default: events.append(.answered(id))
        }
    }
}
