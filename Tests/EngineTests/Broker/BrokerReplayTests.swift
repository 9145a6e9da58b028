// What is read back from the log is what was there. Method: the records of a random run go into a fresh broker.

import Testing
import Wire

@testable import Engine

/// All records of the journal so far, cut as recovery cuts them.
private func records(of fixture: BrokerFixture) -> [(type: RecordType, payload: [UInt8], position: LogPosition)] {
    var result: [(RecordType, [UInt8], LogPosition)] = []
    let journal = fixture.context.journal
    while let batch = journal.takeBatch() {
        var offset = 0
        while offset < batch.count {
            let record = batch.bytes + offset
            let size = Int(UInt32(littleEndian: record.loadUnaligned(as: UInt32.self)))
            let type = RecordType(rawValue: (record + 8).load(as: UInt8.self))!
            let payload = UnsafeRawBufferPointer(start: record + RecordFormat.headerBytes, count: size)
            if type != .fence, type != .durableMark {
                result.append((type, Array(payload), batch.position + UInt64(offset)))
            }
            offset += RecordFormat.headerBytes + size
        }
        journal.written(batch)
        journal.durable(upTo: batch.sequence)
    }
    return result
}

private func restarted(_ fixture: BrokerFixture, wallMilliseconds: Int64? = nil) throws -> BrokerFixture {
    let fresh = BrokerFixture(wallMilliseconds: wallMilliseconds ?? fixture.context.time.wallMilliseconds)
    for record in records(of: fixture) {
        try record.payload.withUnsafeBytes {
            try fresh.broker.replay(type: record.type, payload: ByteSlice($0), position: record.position)
        }
    }
    fresh.broker.finishRecovery()
    fresh.checkInvariants()
    return fresh
}

private func persistent(_ priority: UInt8 = 0) -> BasicProperties {
    var properties = BasicProperties()
    properties.deliveryMode = 2
    properties.priority = priority
    return properties
}

@Test func topologySurvives() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("durable", durable: true, ["x-max-priority": 3])
    try client.declare("transient")
    try client.declare("own", durable: true, exclusive: true)
    try client.declare("deleted", durable: true)
    try client.exchange("e", "topic", durable: true, ["alternate-exchange": "amq.fanout"])
    try client.exchange("f", "headers", durable: true)
    try client.exchange("gone", "direct", durable: true)
    try client.exchange("transient", "direct")
    try client.bind("durable", "e", "a.#")
    try client.bind("durable", "e", "b.*")
    try client.bind("durable", "f", "", ["x-match": "any", "a": 1])
    try client.bind("transient", "e", "c")
    try client.bindExchange("f", "e", "d")
    try client.unbind("durable", "e", "b.*")
    _ = try client.deleteQueue("deleted")
    try client.deleteExchange("gone")

    let fresh = try restarted(fixture)
    let names = fresh.host.queues.names.map(\.string)
    #expect(names == ["durable"])
    let queue = try #require(fresh.queue("durable"))
    #expect(queue.settings.priorityMax == 3 && queue.isDurable)
    #expect(queue.bindings.map(\.routingKey.string).sorted() == ["", "a.#"])
    let exchanges = fresh.host.exchanges.names.map(\.string).filter { !$0.hasPrefix("amq.") && !$0.isEmpty }
    #expect(exchanges.sorted() == ["e", "f"])
    let other = fresh.client()
    // Declared the same again: accepted, and ids go on.
    try other.declare("durable", durable: true, ["x-max-priority": 3])
    try other.declare("next", durable: true)
    #expect(fresh.queue("next")!.logID > queue.logID)
    try other.publish("x", to: "a.b.c", exchange: "e")
    var properties = BasicProperties()
    properties.headers = ["a": 1]
    try other.publish("y", to: "d", exchange: "e", properties)
    #expect(try other.drain("durable") == ["x", "y"])
}

@Test func messagesSurviveAsTheyStood() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true)
    try client.declare("copy", durable: true)
    try client.bind("q", "amq.fanout")
    try client.bind("copy", "amq.fanout")
    for index in 0..<6 { try client.publish("\(index)", to: "k", exchange: "amq.fanout", persistent()) }
    try client.publish("transient", to: "q")
    for _ in 0..<3 { _ = try client.get("q", noAck: false) }
    try client.channel.acknowledge(2, multiple: false)
    try client.channel.reject(1, multiple: false, requeue: true)
    fixture.turn()
    let fresh = try restarted(fixture)
    let other = fresh.client()
    #expect(try other.get("q") == .getOK(tag: 1, redelivered: true, body: "0", left: 4))
    #expect(try other.get("q") == .getOK(tag: 2, redelivered: true, body: "2", left: 3))
    #expect(try other.get("q") == .getOK(tag: 3, redelivered: false, body: "3", left: 2))
    #expect(try other.drain("q") == ["4", "5"])
    #expect(try other.drain("copy") == (0..<6).map(String.init))
    #expect(other.lastProperties.deliveryMode == 2 && other.lastExchange == "amq.fanout")
}

@Test func purgeKeepsWhatIsHeld() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true)
    for index in 0..<4 { try client.publish("\(index)", to: "q", persistent()) }
    _ = try client.get("q", noAck: false)
    try client.purge("q")
    try client.publish("later", to: "q", persistent())
    fixture.turn()
    #expect(try restarted(fixture).client().drain("q") == ["0", "later"])
}

@Test func transactionsAndDeadLettersAreWholeRecords() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("dead", durable: true)
    try client.declare(
        "q", durable: true, ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
    try client.publish("old", to: "q", persistent())
    fixture.turn()
    _ = records(of: fixture)
    try client.channel.selectTransaction()
    _ = try client.get("q", noAck: false)
    try client.channel.acknowledge(0, multiple: true)
    try client.publish("a", to: "q", persistent())
    try client.publish("b", to: "q", persistent())
    try client.channel.commitTransaction()
    let types = records(of: fixture).map(\.type)
    #expect(types.filter { $0 != .delivered } == [.brokerGroup])
    _ = try client.get("q", noAck: false)
    try client.channel.reject(2, multiple: false, requeue: false)
    try client.channel.commitTransaction()
    fixture.turn()
    #expect(records(of: fixture).map(\.type).filter { $0 != .delivered } == [.brokerGroup])
}

@Test func expirySurvives() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true, ["x-message-ttl": 1_000])
    try client.publish("1", to: "q", persistent())
    fixture.advance(600)
    try client.publish("2", to: "q", persistent())
    let fresh = try restarted(fixture, wallMilliseconds: fixture.context.time.wallMilliseconds + 500 - 1_000)
    #expect(try fresh.client().drain("q") == ["2"])
}

/// Goal: replay gives the same state after any run. Method: random operations; state of both is compared.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func replayEqualsState(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let fixture = BrokerFixture(journal: true)
    var client = fixture.client()
    let names = ["a", "b", "c"]
    try client.declare("a", durable: true)
    try client.declare("b", durable: true, ["x-max-length": 5])
    try client.declare(
        "c", durable: true, ["x-max-priority": 4, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "a"])
    for name in names { try client.bind(name, "amq.fanout") }
    var number = 0
    for _ in 0..<300 {
        let name = names.randomElement(using: &random)!
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<4:
            try client.publish("\(number)", to: name, persistent(UInt8.random(in: 0...5, using: &random)))
            number += 1
        case 4:
            try client.publish("\(number)", to: "", exchange: "amq.fanout", persistent())
            number += 1
        case 5..<7: _ = try client.get(name, noAck: false)
        case 7: _ = try client.get(name, noAck: true)
        case 8:
            guard let tag = client.channel.unacked.firstTag else { continue }
            try client.channel.acknowledge(tag, multiple: false)
        case 9:
            guard let tag = client.channel.unacked.firstTag else { continue }
            try client.channel.reject(tag, multiple: false, requeue: Bool.random(using: &random))
        case 10 where Int.random(in: 0..<6, using: &random) == 0: try client.purge(name)
        case 11 where Int.random(in: 0..<6, using: &random) == 0:
            client.connection.close()
            client = fixture.client()
        default: fixture.turn()
        }
    }
    // The daemon stops: what is held comes back.
    client.connection.close()
    fixture.turn()
    let fresh = try restarted(fixture)
    for name in names {
        func contents(_ queue: Queue) -> [String] {
            (0..<queue.readyCount).map {
                let entry = queue.peek($0)!
                return "\(entry.message.body.string) \(entry.isRedelivered) \(entry.priority)"
            }
        }
        #expect(contents(fresh.queue(name)!) == contents(fixture.queue(name)!), "queue \(name)")
    }
}

/// Goal: damaged payloads are refused, not believed. Method: every prefix of every record.
@Test func damagedRecordsAreRefused() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true)
    try client.bind("q", "amq.fanout")
    try client.publish("x", to: "", exchange: "amq.fanout", persistent())
    _ = try client.drain("q")
    fixture.turn()
    for record in records(of: fixture) where record.type != .settle && record.type != .delivered {
        for count in 0..<record.payload.count - (record.type == .publish ? 1 : 0) {
            let fresh = BrokerFixture()
            #expect(throws: BrokerReplayError.self) {
                try Array(record.payload[..<count]).withUnsafeBytes {
                    try fresh.broker.replay(type: record.type, payload: ByteSlice($0), position: 0)
                }
            }
        }
    }
}
