// What is read back from the log is what was there. Method: the records of a random run go into a fresh broker.

import Testing
import Wire

@testable import Engine

private func restarted(_ fixture: BrokerFixture, wallMilliseconds: Int64? = nil) throws -> BrokerFixture {
    let records = fixture.takeRecords()
    return try fixture.restarted(from: records, bodies: records, wallMilliseconds: wallMilliseconds)
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
    _ = fixture.takeRecords()
    try client.channel.selectTransaction()
    _ = try client.get("q", noAck: false)
    try client.channel.acknowledge(0, multiple: true)
    try client.publish("a", to: "q", persistent())
    try client.publish("b", to: "q", persistent())
    try client.channel.commitTransaction()
    let types = fixture.takeRecords().map(\.type)
    #expect(types.filter { $0 != .delivered } == [.brokerGroup])
    _ = try client.get("q", noAck: false)
    try client.channel.reject(2, multiple: false, requeue: false)
    try client.channel.commitTransaction()
    fixture.turn()
    #expect(fixture.takeRecords().map(\.type).filter { $0 != .delivered } == [.brokerGroup])
}

@Test func expirySurvives() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true, ["x-message-ttl": 1_000])
    try client.publish("1", to: "q", persistent())
    fixture.advance(600)
    try client.publish("2", to: "q", persistent())
    let fresh = try restarted(fixture, wallMilliseconds: fixture.context.time.wallMilliseconds + 500)
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
    fixture.broker.checkLiveMessages()
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
    for record in fixture.takeRecords() where record.type != .settle && record.type != .delivered {
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

@Test func countsOfReturnsSurvive() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true, ["x-queue-type": "quorum", "x-delivery-limit": 3])
    for index in 0..<3 { try client.publish("\(index)", to: "q", persistent()) }
    // In one turn: handed out, back, handed out again; the order in the log does not matter.
    for _ in 0..<2 {
        _ = try client.get("q", noAck: false)
        try client.channel.reject(client.channel.unacked.firstTag!, multiple: false, requeue: true)
    }
    _ = try client.get("q", noAck: false)
    _ = try client.get("q", noAck: false)
    fixture.turn()
    client.connection.close()
    fixture.turn()
    let fresh = try restarted(fixture)
    let queue = try #require(fresh.queue("q"))
    #expect((0..<3).map { queue.peek($0)!.deliveryCount } == [3, 1, 0])
    #expect((0..<3).map { queue.peek($0)!.isRedelivered } == [true, true, false])
    // Once more is once too often.
    let other = fresh.client()
    _ = try other.get("q", noAck: false)
    try other.channel.reject(1, multiple: false, requeue: true)
    #expect(try other.drain("q") == ["1", "2"])
}

@Test func autoDeleteExchangesStayWhileAnythingWasBound() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("durable", durable: true)
    try client.declare("transient")
    try client.exchange("e", "direct", durable: true, autoDelete: true)
    try client.bind("durable", "e", "a")
    try client.bind("transient", "e", "b")
    // Not the last binding, though the last one in the log.
    try client.unbind("durable", "e", "a")
    try client.bind("durable", "e", "c")
    let fresh = try restarted(fixture)
    #expect(DurableState(fresh.broker) == DurableState(fixture.broker))
    #expect(fresh.queue("durable")!.bindings.count == 1)
}

/// Goal: a message on its way to a dead-letter exchange survives a purge of its old queue, as it does without one.
@Test func purgeKeepsDeadLettersUnderWay() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true, ["x-dead-letter-exchange": "amq.fanout"])
    for index in 0..<3 { try client.publish("\(index)", to: "q", persistent()) }
    _ = try client.get("q", noAck: false)
    try client.channel.reject(1, multiple: false, requeue: false)
    try client.purge("q")
    fixture.broker.log.flush()
    let records = fixture.takeRecords()
    #expect(try fixture.restarted(from: records, bodies: records).client().drain("q") == ["0"])
}

@Test func transientThingsNeverReachTheLog() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    _ = fixture.takeRecords()
    try client.declare("transient")
    try client.declare("own", durable: true, exclusive: true)
    try client.exchange("e", "direct")
    try client.bind("transient", "e", "")
    try client.bind("own", "amq.fanout")
    for name in ["transient", "own"] { try client.publish("persistent", to: name, persistent()) }
    try client.publish("x", to: "", exchange: "amq.fanout", persistent())
    _ = try client.drain("transient")
    _ = try client.get("own", noAck: false)
    try client.channel.reject(client.channel.unacked.firstTag!, multiple: false, requeue: true)
    try client.purge("own")
    #expect(client.output.heldUntilSequence <= fixture.context.journal.durableSequence)
    _ = try client.deleteQueue("transient")
    try client.deleteExchange("e")
    client.connection.close()
    fixture.turn()
    #expect(fixture.takeRecords().map(\.type) == [])
    #expect(fixture.context.liveMessages.bytesTotal == 0)

    let other = fixture.client()
    try other.declare("q", durable: true)
    _ = fixture.takeRecords()
    try other.publish("transient", to: "q")
    _ = try other.get("q", noAck: false)
    try other.channel.acknowledge(1, multiple: false)
    fixture.turn()
    #expect(fixture.takeRecords().map(\.type) == [])
}

/// Goal: a reply about something durable waits for the batch it is in, and no longer.
/// Method: each operation, first while its record is not durable, then again when everything is.
@Test func repliesWaitForTheDisk() throws {
    let fixture = BrokerFixture(journal: true)
    let journal = fixture.context.journal
    let client = fixture.client()
    func waits(_ what: String, _ operation: () throws -> Void) rethrows {
        fixture.turn()
        _ = fixture.takeRecords()
        #expect(client.output.heldUntilSequence <= journal.durableSequence, "before \(what)")
        let open = journal.openSequence
        try operation()
        fixture.broker.log.flush()
        #expect(journal.pendingBytes > 0 && client.output.heldUntilSequence == open, "\(what)")
        #expect(journal.needsSyncNow, "\(what)")
    }
    try waits("queue.declare") { try client.declare("q", durable: true) }
    try waits("exchange.declare") { try client.exchange("e", "direct", durable: true) }
    try waits("queue.bind") { try client.bind("q", "e", "k") }
    try waits("exchange.bind") { try client.bindExchange("e", "amq.fanout") }
    try waits("queue.unbind") { try client.unbind("q", "e", "k") }
    try waits("queue.purge") {
        try client.publish("x", to: "q", persistent())
        try client.purge("q")
    }
    try waits("exchange.delete") { try client.deleteExchange("e") }
    try waits("queue.delete") { _ = try client.deleteQueue("q") }
    try client.declare("q", durable: true)
    let transactional = client.anotherChannel()
    try transactional.selectTransaction()
    try waits("tx.commit") {
        try client.publish("x", to: "q", on: transactional, persistent())
        try transactional.commitTransaction()
    }

    // Another client finds it declared, but not durable yet.
    try client.declare("shared", durable: true)
    let batch = journal.takeBatch()!
    let other = fixture.client()
    try other.declare("shared", durable: true)
    #expect(other.output.heldUntilSequence == batch.sequence)
    journal.written(batch)
    journal.durable(upTo: batch.sequence)
    let third = fixture.client()
    try third.declare("shared", durable: true)
    #expect(third.output.heldUntilSequence <= journal.durableSequence)
}

@Test func nothingDurableIsPromisedOnceTheLogHasFailed() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("q", durable: true)
    for index in 0..<2 { try client.publish("\(index)", to: "q", persistent()) }
    fixture.turn()
    _ = fixture.takeRecords()
    fixture.context.alarms.logFailure = "No space left on device"
    fixture.broker.alarmsChanged()
    try client.channel.selectConfirms()
    try client.publish("2", to: "q", persistent())
    try client.publish("3", to: "q")
    #expect(client.next() == [])
    // What is there can be consumed.
    guard case .getOK(let tag, _, "0", 3) = try client.get("q", noAck: false) else {
        Issue.record("no message")
        return
    }
    try client.channel.acknowledge(tag, multiple: false)
    #expect(try client.drain("q") == ["1", "2", "3"])
    let refused = BrokerError.logFailed("No space left on device")
    #expect(refused.code == 541 && refused.closesConnection)
    #expect(refused.replyText == "INTERNAL_ERROR - the log has failed: No space left on device")
    #expect(failure { try client.declare("new", durable: true) } == refused)
    #expect(failure { try client.exchange("new", "direct", durable: true) } == refused)
    #expect(failure { try client.bind("q", "amq.fanout") } == refused)
    #expect(failure { _ = try client.deleteQueue("q") } == refused)
    #expect(failure { try client.declare("q", durable: true) } == nil)
    #expect(failure { try client.declare("transient") } == nil)
    #expect(failure { _ = try client.deleteQueue("transient") } == nil)
    fixture.turn()
    #expect(fixture.takeRecords().map(\.type) == [])
    fixture.broker.checkLiveMessages()
}
