// The broker under power cuts: what was confirmed is there until it was acknowledged, whole, once and in order.

import Simulation
import Testing

@testable import Engine

/// What clients know.
private struct Knowledge {
    var next = 0
    var confirmed: Set<Int> = []
    var acknowledged: Set<Int> = []
}

/// Goal: no confirmed message is lost, none comes twice or out of order, none comes from nowhere.
/// Method: publishers with confirms and a consumer with acks, power cut at a random change of the disk, again
/// and again on the same disk; seed replays.
@Test(arguments: 1...40 as ClosedRange<UInt64>)
func confirmedMessagesSurviveCrashes(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    var known = Knowledge()
    for round in 0..<4 {
        disk.follow(.crash(at: disk.changes + Int.random(in: 1...70, using: &random)))
        do throws(LogError) {
            let host = try SimulatedHost(disk: disk, seed: seed &+ UInt64(round), segmentBytesMax: 6_000)
            if check(host, known, "seed \(seed), round \(round)") { work(host, &known, &random) }
        } catch {
            #expect(disk.hasCrashed, "seed \(seed), round \(round): \(error)")
        }
        disk.crash()
    }
    let last = try SimulatedHost(disk: disk, seed: seed, segmentBytesMax: 6_000)
    #expect(check(last, known, "seed \(seed), at the end"))
}

/// Looks at all messages of the queue and puts them back. False when the disk failed meanwhile.
private func check(_ host: SimulatedHost, _ known: Knowledge, _ place: Comment) -> Bool {
    let client = NumberedClient(host, confirms: false)
    client.consume()
    host.settle()
    guard host.failure == nil else { return false }
    #expect(throws: Never.self, place) { try client.read() }
    let numbers = client.delivered.map(\.number)
    #expect(client.closes.isEmpty, place)
    #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count, place)
    #expect(numbers.allSatisfy { $0 >= 0 && $0 < known.next }, place)
    #expect(known.confirmed.subtracting(known.acknowledged).isSubset(of: numbers), place)
    client.drop()
    host.settle()
    return host.failure == nil
}

/// Publishes and consumes until the disk fails.
private func work(_ host: SimulatedHost, _ known: inout Knowledge, _ random: inout RandomSource) {
    let publisher = NumberedClient(host, confirms: true)
    let consumer = NumberedClient(host, confirms: false)
    host.turn()
    consumer.consume()
    var read = 0
    for _ in 0..<30 where host.failure == nil {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            publisher.publish(known.next, bodyBytes: Int.random(in: 0...1_200, using: &random))
            known.next += 1
        }
        host.turn()
        host.advance(milliseconds: 1)
        #expect(throws: Never.self) {
            try publisher.read()
            try consumer.read()
        }
        known.confirmed.formUnion(publisher.confirmed)
        let fresh = consumer.delivered.count - read
        guard fresh > 0, Bool.random(using: &random) else { continue }
        let upTo = read + Int.random(in: 1...fresh, using: &random)
        for delivery in consumer.delivered[read..<upTo] { known.acknowledged.insert(delivery.number) }
        consumer.acknowledge(consumer.delivered[upTo - 1].tag, multiple: true)
        read = upTo
    }
}
