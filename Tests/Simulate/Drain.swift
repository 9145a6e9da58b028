// Takes everything out of a recovered host as consumers would, in the end: what can be seen can be had, in that order.
// Next: Inspection.swift.

import Simulation
import Wire

enum Drain {
    /// Consumes all queues to their ends and compares with the books, which an inspection has just settled.
    static func run(_ host: SimulatedHost, _ books: BrokerBooks, _ report: Report) {
        let client = SimulatedAMQPClient(host)
        for home in Home.allCases where home != .stream {
            consume(home.queue, client)
            if let dead = home.deadQueue { consume(dead, client) }
        }
        consumeStream(client)
        var found: Set<CopyName> = []
        var lastTag: UInt64 = 0
        var idleTurns = 0
        for _ in 0..<2_000 where idleTurns < 30 && host.failure == nil {
            host.turn()
            host.syncLog()
            host.advance(milliseconds: 1)
            idleTurns += 1
            for event in report.read(client, "drain") {
                guard case .delivered(let delivery) = event else { continue }
                idleTurns = 0
                lastTag = delivery.tag
                guard let number = BrokerBooks.number(delivery.body), let (home, _) = Home.of(delivery.consumerTag)
                else {
                    report.violation("a body delivered from \(delivery.consumerTag) is not whole")
                    continue
                }
                let name = CopyName(home: home, number: number)
                if !found.insert(name).inserted { report.violation("\(name) was delivered twice") }
                if books[name]?.state != .kept { report.violation("\(name) was delivered and had not been there") }
            }
            if lastTag > 0 {
                client.send(BasicAck(deliveryTag: lastTag, multiple: true))
                lastTag = 0
            }
        }
        guard host.failure == nil else { return }
        for home in Home.allCases {
            for (number, copy) in books.copies[home.rawValue] where copy.state == .kept {
                let name = CopyName(home: home, number: number)
                if !found.contains(name) { report.violation("\(name) was there and is not delivered") }
            }
        }
    }

    private static func consumeStream(_ client: SimulatedAMQPClient) {
        client.send(BasicQos(prefetchBytes: 0, prefetchCount: 20))
        let queue = ByteSlice(Home.stream.queue)
        let arguments: FieldTable = ["x-stream-offset": "first"]
        arguments.encoded.withUnsafeBytes {
            client.send(BasicConsume(queue: queue, consumerTag: queue, arguments: ByteSlice($0)))
        }
    }

    private static func consume(_ queue: StaticString, _ client: SimulatedAMQPClient) {
        client.send(BasicConsume(queue: ByteSlice(queue), consumerTag: ByteSlice(queue)))
    }
}
