// Follows the stream from some place on: what it gets was sent, comes whole, in order and without gaps.
// Next: BrokerBooks.swift.

import Engine
import Simulation
import Wire

/// One reader of the stream, for a while.
final class StreamFollower {
    let client: SimulatedAMQPClient
    private var lastTag: UInt64 = 0
    /// By publisher.
    private var lastNumbers: [Int: Int] = [:]

    init(_ host: SimulatedHost, _ random: inout RandomSource) {
        client = SimulatedAMQPClient(host)
        client.send(BasicQos(prefetchBytes: 0, prefetchCount: UInt16(random.within(1...12))))
        let offset: FieldValue =
            switch random.below(4) {
            case 0: "first"
            case 1: "last"
            case 2: "next"
            default: .int32(Int32(random.below(Address.streamedMax)))
            }
        let queue = ByteSlice(Home.stream.queue)
        let arguments: FieldTable = ["x-stream-offset": offset]
        arguments.encoded.withUnsafeBytes {
            client.send(BasicConsume(queue: queue, consumerTag: queue, arguments: ByteSlice($0)))
        }
    }

    func send(_ random: inout RandomSource) {
        guard lastTag > 0, !random.oneIn(3) else { return }
        // All of them give credit.
        switch random.below(3) {
        case 0: client.send(BasicAck(deliveryTag: lastTag, multiple: true))
        case 1: client.send(BasicNack(deliveryTag: lastTag, multiple: true, requeue: true))
        default: client.send(BasicNack(deliveryTag: lastTag, multiple: true, requeue: false))
        }
        lastTag = 0
    }

    func read(_ books: BrokerBooks, _ report: Report) {
        for event in report.read(client, "follower") {
            guard case .delivered(let delivery) = event else { continue }
            lastTag = delivery.tag
            guard let number = BrokerBooks.number(delivery.body),
                let copy = books[CopyName(home: .stream, number: number)]
            else {
                report.violation("what the follower got was never sent, or is not whole")
                continue
            }
            if copy.state == .gone { report.violation("\(number) was lost before, and the follower got it") }
            if lastNumbers[copy.publisher] ?? 0 >= number { report.violation("\(number) came after a later message") }
            lastNumbers[copy.publisher] = number
        }
    }
}
