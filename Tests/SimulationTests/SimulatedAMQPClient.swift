// Just enough of an AMQP client for crash tests: publishes numbered messages with confirms, consumes them
// with acknowledgements.

import Simulation
import Testing
import Wire

@testable import Engine

private func text(_ text: StaticString) -> ByteSlice {
    ByteSlice(base: UnsafeRawPointer(text.utf8Start), count: text.utf8CodeUnitCount)
}

/// One connection with one channel.
final class SimulatedAMQPClient {
    private let client: SimulatedClient
    private var input: [UInt8] = []
    private var hasSkippedHeader = false
    /// Numbers in the order of their delivery tags.
    private var published: [Int] = []
    private var confirmedUpTo = 0
    /// Numbers whose publish was confirmed.
    private(set) var confirmed: Set<Int> = []
    /// What was delivered: number, tag, redelivered.
    private(set) var delivered: [(number: Int, tag: UInt64, redelivered: Bool)] = []
    private(set) var closes: [String] = []
    private var isInDelivery = false

    /// Connects, opens channel 1 and declares the durable queue `work`.
    init(_ host: SimulatedHost, confirms: Bool) {
        client = host.connectAMQP()
        client.send(AMQPConstants.protocolHeader)
        send(0, ConnectionStartOK(mechanism: text("PLAIN"), response: text("\0guest\0guest"), locale: text("en_US")))
        send(0, ConnectionTuneOK(channelMax: 10, frameBytesMax: 131_072, heartbeatSeconds: 0))
        send(0, ConnectionOpen(virtualHost: text("/")))
        send(1, ChannelOpen())
        send(1, QueueDeclare(queue: text("work"), durable: true))
        if confirms { send(1, ConfirmSelect()) }
    }

    private func send(_ channel: UInt16, _ method: some AMQPMethod) {
        var writer = ByteWriter()
        writer.writeMethodFrame(channel: channel, method)
        client.send(writer.bytes)
    }

    /// A persistent message whose body begins with its number.
    func publish(_ number: Int, bodyBytes: Int) {
        published.append(number)
        send(1, BasicPublish(exchange: .empty, routingKey: text("work")))
        var body = Array("\(number) ".utf8)
        body += [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bodyBytes)
        var properties = BasicProperties()
        properties.deliveryMode = 2
        var header = ByteWriter()
        header.writeUInt16(60)
        header.writeUInt16(0)
        header.writeUInt64(UInt64(body.count))
        header.writeBytes(properties.encoded)
        frame(FrameType.header, header.bytes)
        frame(FrameType.body, body)
    }

    private func frame(_ type: UInt8, _ payload: [UInt8]) {
        var writer = ByteWriter()
        writer.writeUInt8(type)
        writer.writeUInt16(1)
        writer.writeLongString(payload)
        writer.writeUInt8(AMQPConstants.frameEnd)
        client.send(writer.bytes)
    }

    func consume() { send(1, BasicConsume(queue: text("work"), consumerTag: text("c"))) }

    func acknowledge(_ tag: UInt64, multiple: Bool) { send(1, BasicAck(deliveryTag: tag, multiple: multiple)) }

    func drop() { client.drop() }

    /// Reads what has come.
    func read() throws {
        input += client.take()
        var used = 0
        try input.withUnsafeBytes { buffer in
            var cursor = ByteCursor(buffer)
            while let frame = try AMQPFrame.next(&cursor, frameBytesMax: 0) { try handle(frame) }
            used = buffer.count - cursor.remaining
        }
        input.removeFirst(used)
    }

    private func handle(_ frame: AMQPFrame) throws {
        if frame.type == FrameType.body, isInDelivery {
            isInDelivery = false
            let digits = frame.payload.string.prefix { $0 != " " }
            let number = try #require(Int(digits))
            let rest = frame.payload.array.dropFirst(digits.utf8.count + 1)
            #expect(rest.allSatisfy { $0 == UInt8(truncatingIfNeeded: number) }, "the body of \(number) is not whole")
            delivered[delivered.count - 1].number = number
        }
        guard frame.type == FrameType.method else { return }
        let (id, arguments) = try frame.method()
        switch id {
        case .basicDeliver:
            let deliver = try BasicDeliver(arguments: arguments)
            delivered.append((-1, deliver.deliveryTag, deliver.redelivered))
            isInDelivery = true
        case .basicAck:
            let ack = try BasicAck(arguments: arguments)
            let last = Int(ack.deliveryTag)
            for index in (ack.multiple ? confirmedUpTo : last - 1)..<last { confirmed.insert(published[index]) }
            if ack.multiple { confirmedUpTo = last }
        case .channelClose: closes.append(try ChannelClose(arguments: arguments).replyText.string)
        case .connectionClose: closes.append(try ConnectionClose(arguments: arguments).replyText.string)
        default: break
        }
    }
}
