// Random use of one queue by several clients, against what must hold whatever happens: nothing is lost, nothing
// is delivered twice without the flag, limits are kept, and nobody waits while there is something for them.

import Testing
import Wire

@testable import Engine

private final class ModelClient {
    let client: BrokerClient
    var held: [UInt64: Int] = [:]
    var prefetch = 0
    var isConsuming = false

    init(_ fixture: BrokerFixture) { client = fixture.client() }
}

private final class Model {
    let fixture = BrokerFixture()
    var random: RandomSource
    var clients: [ModelClient] = []
    let publisher: BrokerClient
    var published = 0
    var settled: Set<Int> = []
    /// Bodies that were handed out before: they must come back flagged, and only they.
    var seen: Set<Int> = []

    init(seed: UInt64) throws {
        random = RandomSource(seed: seed)
        publisher = fixture.client()
        try publisher.declare("q")
        for _ in 0..<4 { clients.append(ModelClient(fixture)) }
    }

    func step() throws {
        let index = Int.random(in: 0..<clients.count, using: &random)
        let one = clients[index]
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<7:
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                try publisher.publish("\(published)", to: "q")
                published += 1
            }
        case 7..<9 where !one.isConsuming:
            one.prefetch = Int.random(in: 0...4, using: &random)
            try one.client.prefetch(UInt16(one.prefetch))
            try one.client.consume("q", tag: "t")
            one.isConsuming = true
        case 9 where one.isConsuming:
            one.client.cancel("t")
            one.isConsuming = false
        case 10..<14:
            guard let tag = one.held.keys.sorted().randomElement(using: &random) else { return }
            if Bool.random(using: &random) {
                for (held, body) in one.held where held <= tag { settle(one, held, body) }
                try one.client.channel.acknowledge(tag, multiple: true)
            } else {
                settle(one, tag, one.held[tag]!)
                try one.client.channel.acknowledge(tag, multiple: false)
            }
        case 14..<16:
            guard let tag = one.held.keys.sorted().randomElement(using: &random) else { return }
            let multiple = Bool.random(using: &random)
            one.held = one.held.filter { multiple ? $0.key > tag : $0.key != tag }
            try one.client.channel.reject(tag, multiple: multiple, requeue: true)
        case 16:
            try one.client.channel.recover(requeue: true)
            one.held = [:]
        case 17:
            // The connection breaks.
            one.client.connection.close()
            clients[index] = ModelClient(fixture)
        case 18:
            // Whatever waits goes to the consumers first.
            fixture.turn()
            for one in clients { take(from: one) }
            if case .getOK(let tag, let redelivered, let body, _) = try one.client.get("q", noAck: false) {
                try note(one, tag, redelivered, body)
            }
        default: fixture.turn()
        }
        for one in clients { take(from: one) }
    }

    private func settle(_ one: ModelClient, _ tag: UInt64, _ body: Int) {
        one.held[tag] = nil
        #expect(settled.insert(body).inserted, "settled twice")
    }

    private func take(from one: ModelClient) {
        for event in one.client.received() {
            guard case .deliver(_, let tag, let redelivered, _, let body) = event else { continue }
            try? note(one, tag, redelivered, body)
        }
    }

    private func note(_ one: ModelClient, _ tag: UInt64, _ redelivered: Bool, _ body: String) throws {
        let body = try #require(Int(body))
        #expect(redelivered == !seen.insert(body).inserted, "flag of message \(body)")
        #expect(!settled.contains(body), "delivered after it was settled")
        #expect(!clients.contains { $0.held.values.contains(body) }, "held by two")
        #expect(one.held.updateValue(body, forKey: tag) == nil)
    }

    func check() throws {
        fixture.turn()
        for one in clients { take(from: one) }
        fixture.checkInvariants()
        let queue = try #require(fixture.queue("q"))
        let held = clients.reduce(0) { $0 + $1.held.count }
        #expect(queue.unackedCount == held)
        #expect(queue.readyCount + held + settled.count == published, "a message is missing")
        for index in 1..<max(1, queue.readyCount) {
            #expect(queue.peek(index - 1)!.sequence < queue.peek(index)!.sequence, "order")
        }
        for one in clients {
            one.client.channel.unacked.checkInvariants()
            guard one.isConsuming, queue.readyCount > 0 else { continue }
            #expect(one.prefetch > 0 && one.held.count >= one.prefetch, "a consumer waits beside a message")
        }
    }
}

@Test(arguments: 1...40 as ClosedRange<UInt64>)
func queueKeepsItsPromises(seed: UInt64) throws {
    let model = try Model(seed: seed)
    for step in 0..<600 {
        try model.step()
        if step % 10 == 0 { try model.check() }
    }
    try model.check()
    // Everything that was not settled comes out, in order.
    for one in model.clients { one.client.connection.close() }
    let rest = try model.publisher.drain("q").compactMap { Int($0) }
    #expect(rest == (0..<model.published).filter { !model.settled.contains($0) })
}
