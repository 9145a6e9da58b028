// The same random use of a broker with memory for everything and of one with hardly any, whose disk answers late
// and out of order: nobody can tell the two apart.

import Testing
import Wire

@testable import Engine

/// One of the two.
private final class PagedRun {
    let driver: PagingDriver
    var clients: [BrokerClient] = []
    let publisher: BrokerClient
    /// Two for each queue: in which order one client hears of two queues is nobody's business.
    static let clientCount = 10
    static let queues = ["log", "plain", "levels", "quorum", "dead"]

    init(seed: UInt64, watermarkBytes: Int) throws {
        driver = PagingDriver(seed: seed, isLate: true, watermarkBytes: watermarkBytes)
        publisher = driver.fixture.client()
        let dead: FieldTable = [
            "x-dead-letter-exchange": .longString([]), "x-dead-letter-routing-key": .longString(Array("dead".utf8)),
        ]
        func with(_ key: String, _ value: FieldValue) -> FieldTable {
            var table = dead
            table[key] = value
            return table
        }
        try publisher.declare("dead", durable: true)
        try publisher.declare("log", durable: true, with("x-max-length", .int32(150)))
        try publisher.declare("plain", ["x-message-ttl": .int32(4_000)])
        try publisher.declare("levels", durable: true, with("x-max-priority", .int32(3)))
        var quorum = with("x-delivery-limit", .int32(2))
        quorum["x-queue-type"] = .longString(Array("quorum".utf8))
        try publisher.declare("quorum", durable: true, quorum)
        for _ in 0..<Self.clientCount { clients.append(driver.fixture.client()) }
    }

    /// What every client has received since the last call.
    func settle() -> [[ClientEvent]] {
        driver.settle()
        driver.fixture.checkInvariants()
        return (clients + [publisher]).map { $0.received() }
    }
}

private struct Held {
    let client: Int
    let tag: UInt64
}

@Test(arguments: 1...24 as ClosedRange<UInt64>)
func pagingCannotBeToldFromOutside(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let large = try PagedRun(seed: seed, watermarkBytes: .max)
    let small = try PagedRun(seed: seed, watermarkBytes: 12_000)
    let runs = [large, small]
    var held: [Held] = []
    var consuming: Set<Int> = []
    var published = 0
    func compare(_ step: String) throws {
        let expected = large.settle()
        let actual = small.settle()
        try #require(actual == expected, "seed \(seed), \(step)")
        for (client, events) in expected.enumerated() {
            for event in events {
                if let tag = event.tag, client < PagedRun.clientCount { held.append(Held(client: client, tag: tag)) }
            }
        }
    }
    for step in 0..<250 {
        let client = Int.random(in: 0..<PagedRun.clientCount, using: &random)
        let queue = PagedRun.queues[client % 5]
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<8:
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                var properties = BasicProperties()
                properties.deliveryMode = Bool.random(using: &random) ? 2 : 1
                properties.priority = UInt8.random(in: 0...4, using: &random)
                if Int.random(in: 0..<8, using: &random) == 0 { properties.expiration = Array("2500".utf8) }
                let text = "\(published) " + String(repeating: "x", count: Int.random(in: 0..<200, using: &random))
                published += 1
                for run in runs { try run.publisher.publish(text, to: queue, properties) }
            }
        case 8..<10 where !consuming.contains(client):
            let limit = UInt16.random(in: 1...20, using: &random)
            consuming.insert(client)
            for run in runs {
                try run.clients[client].prefetch(limit)
                try run.clients[client].consume(queue, tag: queue)
            }
        case 10 where consuming.contains(client):
            consuming.remove(client)
            for run in runs { run.clients[client].cancel(queue) }
        case 11..<14:
            guard let one = held.randomElement(using: &random) else { continue }
            held.removeAll { $0.client == one.client && $0.tag <= one.tag }
            for run in runs { try run.clients[one.client].channel.acknowledge(one.tag, multiple: true) }
        case 14..<16:
            guard let one = held.randomElement(using: &random) else { continue }
            held.removeAll { $0.client == one.client && $0.tag == one.tag }
            let requeue = Int.random(in: 0..<3, using: &random) > 0
            for run in runs {
                try run.clients[one.client].channel.reject(one.tag, multiple: false, requeue: requeue)
            }
        case 16:
            for run in runs {
                try withExtendedLifetime(Borrowed(queue)) {
                    try run.clients[client].channel.get(BasicGet(queue: $0.slice, noAck: false))
                }
            }
        case 17:
            for run in runs { run.driver.fixture.advance(700) }
        case 18 where step % 3 == 0:
            for run in runs { try run.publisher.purge(queue) }
        case 19:
            held.removeAll { $0.client == client }
            consuming.remove(client)
            for run in runs {
                run.clients[client].connection.close()
                run.clients[client] = run.driver.fixture.client()
            }
        default: break
        }
        try compare("step \(step)")
    }
    // Everything that is left comes out the same.
    for run in runs {
        for client in run.clients { client.connection.close() }
        run.clients = run.clients.map { _ in run.driver.fixture.client() }
    }
    for (index, queue) in PagedRun.queues.enumerated() {
        for run in runs { try run.clients[index].consume(queue, tag: queue, noAck: true) }
        try compare("the rest of \(queue)")
    }
    #expect(small.driver.readCount > 0 || small.driver.spooledBytes > 0, "nothing was paged")
    #expect(small.driver.broker.residentBytes == 0 && small.driver.broker.pager.onDiskCount == 0)
    #expect(large.driver.broker.residentBytes == 0)
    #expect(small.driver.broker.pager.spool.chunkCount == 0)
}
