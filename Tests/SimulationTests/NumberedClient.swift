// An AMQP client for crash tests that keeps books: publishes numbered messages with confirms, consumes them with
// acknowledgements.

import Simulation
import Testing
import Wire

/// One connection with one channel and the durable queue `work`.
final class NumberedClient {
    private let client: SimulatedAMQPClient
    /// Numbers in the order of their delivery tags.
    private var published: [Int] = []
    private var confirmedUpTo = 0
    /// Numbers whose publish was confirmed.
    private(set) var confirmed: Set<Int> = []
    /// What was delivered.
    private(set) var delivered: [(number: Int, tag: UInt64)] = []
    private(set) var closes: [String] = []

    /// Connects and declares the queue.
    init(_ host: SimulatedHost, confirms: Bool) {
        client = SimulatedAMQPClient(host)
        client.declareQueue("work")
        if confirms { client.send(ConfirmSelect()) }
    }

    /// A persistent message whose body begins with its number.
    func publish(_ number: Int, bodyBytes: Int) {
        published.append(number)
        var body = Array("\(number) ".utf8)
        body += [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bodyBytes)
        var properties = BasicProperties()
        properties.deliveryMode = 2
        client.publish(body, to: "work", properties: properties)
    }

    func consume() { client.send(BasicConsume(queue: ByteSlice("work"), consumerTag: ByteSlice("c"))) }

    func acknowledge(_ tag: UInt64, multiple: Bool) { client.send(BasicAck(deliveryTag: tag, multiple: multiple)) }

    func drop() { client.drop() }

    /// Reads what has come.
    func read() throws {
        for event in try client.read() {
            switch event {
            case .delivered(let delivery):
                let digits = delivery.body.prefix { $0 != 0x20 }
                let number = try #require(Int(String(decoding: digits, as: UTF8.self)))
                let rest = delivery.body.dropFirst(digits.count + 1)
                #expect(
                    rest.allSatisfy { $0 == UInt8(truncatingIfNeeded: number) }, "the body of \(number) is not whole")
                delivered.append((number, delivery.tag))
            case .confirmed(let tag, let multiple):
                let last = Int(tag)
                for index in (multiple ? confirmedUpTo : last - 1)..<last { confirmed.insert(published[index]) }
                if multiple { confirmedUpTo = last }
            case .closed(let text): closes.append(text)
            default: break
            }
        }
    }
}
