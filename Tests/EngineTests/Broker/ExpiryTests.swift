import Testing
import Wire

@testable import Engine

private func expiring(_ milliseconds: Int) -> BasicProperties {
    var properties = BasicProperties()
    properties.expiration = Array("\(milliseconds)".utf8)
    return properties
}

@Test func queueTTL() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q", ["x-message-ttl": 100])
    try client.publish("1", to: "q")
    fixture.advance(60)
    try client.publish("2", to: "q")
    fixture.advance(60)
    #expect(fixture.queue("q")!.readyCount == 1)
    #expect(try client.drain("q") == ["2"])
    try client.publish("3", to: "q")
    fixture.advance(100)
    #expect(try client.drain("q") == [])
}

/// Goal: a message's own expiry counts at the head only, as in a classic queue.
@Test func ownExpiryCountsAtTheHead() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q")
    try client.publish("stays", to: "q")
    try client.publish("dies", to: "q", expiring(10))
    fixture.advance(50)
    #expect(fixture.queue("q")!.readyCount == 2)
    #expect(try client.get("q") == .getOK(tag: 1, redelivered: false, body: "stays", left: 1))
    fixture.turn()
    #expect(fixture.queue("q")!.readyCount == 0)
}

@Test func zeroStillReachesAWaitingConsumer() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q")
    try client.consume("q", noAck: true)
    _ = client.next()
    try client.publish("now", to: "q", expiring(0))
    #expect(client.bodies() == ["now"])
    try client.declare("idle", ["x-message-ttl": 0])
    try client.publish("never", to: "idle")
    fixture.advance(1)
    #expect(try client.drain("idle") == [])
}

@Test func unusedQueuesExpire() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q", ["x-expires": 100])
    fixture.advance(60)
    _ = try client.get("q")
    fixture.advance(60)
    #expect(fixture.queue("q") != nil)
    try client.consume("q", tag: "t")
    fixture.advance(500)
    #expect(fixture.queue("q") != nil)
    client.cancel("t")
    fixture.advance(60)
    try client.declare("q", ["x-expires": 100])
    fixture.advance(60)
    #expect(fixture.queue("q") != nil)
    fixture.advance(60)
    #expect(fixture.queue("q") == nil)
}

@Test func deadLettersCarryTheirHistory() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("dead")
    try client.declare("q", ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
    var properties = expiring(10)
    properties.deliveryMode = 2
    properties.headers = ["z": 1, "CC": .array(["foo"])]
    try client.publish("x", to: "q", properties)
    fixture.advance(20)
    guard case .getOK(_, let redelivered, "x", 0) = try client.get("dead") else { return #expect(Bool(false)) }
    #expect(!redelivered)
    var headers = try #require(client.lastProperties.headers)
    #expect(client.lastProperties.expiration == nil && client.lastProperties.deliveryMode == 2)
    #expect(headers["CC"] == nil && headers["z"] == 1)
    #expect(headers["x-first-death-reason"] == "expired" && headers["x-first-death-queue"] == "q")
    #expect(headers["x-first-death-exchange"] == "")
    let death = try #require(headers["x-death"]?.array?.first?.table)
    #expect(death["count"] == .int64(1) && death["reason"] == "expired" && death["queue"] == "q")
    #expect(death["exchange"] == "" && death["routing-keys"] == .array(["q", "foo"]))
    #expect(death["original-expiration"] == "10")
    #expect(death["time"] == .timestamp(UInt64(fixture.context.time.wallMilliseconds / 1000)))

    // Rejected twice: counted in one entry, newest first.
    for _ in 0..<2 {
        var again = BasicProperties()
        again.headers = headers
        try client.publish("x", to: "q", again)
        guard case .getOK(let tag, _, _, _) = try client.get("q", noAck: false) else { return #expect(Bool(false)) }
        try client.channel.reject(tag, multiple: false, requeue: false)
        fixture.turn()
        _ = try client.get("dead")
        headers = try #require(client.lastProperties.headers)
    }
    let deaths = try #require(headers["x-death"]?.array)
    #expect(deaths.count == 2)
    #expect(deaths[0].table?["reason"] == "rejected" && deaths[0].table?["count"] == .int64(2))
    #expect(deaths[1].table?["reason"] == "expired")
    #expect(headers["x-first-death-reason"] == "expired")
}

@Test func circlesEndUnlessSomebodyRejects() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare(
        "q", ["x-message-ttl": 10, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"])
    try client.publish("x", to: "q")
    fixture.advance(10)
    #expect(fixture.queue("q")!.readyCount == 0)
    // The usual retry: rejected from work, waits, comes back.
    try client.declare("work", ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "wait"])
    try client.declare(
        "wait", ["x-message-ttl": 10, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work"])
    try client.publish("y", to: "work")
    for _ in 0..<3 {
        guard case .getOK(let tag, _, "y", _) = try client.get("work", noAck: false) else {
            return #expect(Bool(false))
        }
        try client.channel.reject(tag, multiple: false, requeue: false)
        fixture.turn()
        fixture.advance(10)
    }
    #expect(fixture.queue("work")!.readyCount == 1)
}

@Test func lengthLimits() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("dead")
    try client.declare(
        "q", ["x-max-length": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
    for index in 0..<4 { try client.publish("\(index)", to: "q") }
    fixture.turn()
    #expect(try client.drain("q") == ["2", "3"])
    #expect(try client.drain("dead") == ["0", "1"])
    // A waiting consumer takes messages past the limit.
    try client.consume("q", tag: "t", noAck: true)
    for index in 0..<4 { try client.publish("\(index)", to: "q") }
    #expect(client.bodies() == ["0", "1", "2", "3"])
    try client.declare("bytes", ["x-max-length-bytes": 10])
    for _ in 0..<4 { try client.publish("1234", to: "bytes") }
    #expect(fixture.queue("bytes")!.readyCount == 2)
    try client.publish("a body longer than all of it", to: "bytes")
    #expect(fixture.queue("bytes")!.readyCount == 0)
    try client.declare(
        "refuse",
        [
            "x-max-length": 1, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "dead",
        ])
    for index in 0..<2 { try client.publish("r\(index)", to: "refuse") }
    fixture.turn()
    #expect(try client.drain("refuse") == ["r0"])
    #expect(try client.drain("dead") == ["r1"])
}

@Test func priorities() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q", ["x-max-priority": 5])
    for (body, priority) in [("none", nil), ("1", 1), ("9", 9), ("5", 5), ("0", 0), ("3", 3)] as [(String, UInt8?)] {
        var properties = BasicProperties()
        properties.priority = priority
        try client.publish(body, to: "q", properties)
    }
    #expect(try client.drain("q") == ["9", "5", "3", "1", "none", "0"])
    // The head goes first, whatever its level.
    try client.declare("short", ["x-max-priority": 5, "x-max-length": 2])
    for priority in [1, 5, 3] as [UInt8] {
        var properties = BasicProperties()
        properties.priority = priority
        try client.publish("\(priority)", to: "short", properties)
    }
    #expect(try client.drain("short") == ["3", "1"])
}

@Test func quorumDeliveryLimit() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("dead")
    try client.declare(
        "q", durable: true,
        [
            "x-queue-type": "quorum", "x-delivery-limit": 2, "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "dead",
        ])
    try client.publish("x", to: "q")
    for round in 0..<3 {
        guard case .getOK(let tag, let redelivered, "x", _) = try client.get("q", noAck: false) else {
            return #expect(Bool(false))
        }
        #expect(redelivered == (round > 0))
        // Told by basic.get from the first time on.
        #expect(client.lastProperties.headers?["x-delivery-count"]?.integer == Int64(round))
        try client.channel.reject(tag, multiple: false, requeue: true)
        fixture.turn()
    }
    #expect(fixture.queue("q")!.readyCount == 0)
    _ = try client.get("dead")
    #expect(client.lastProperties.headers?["x-first-death-reason"] == "delivery_limit")
}

/// Goal: a million expiring at once do not make one turn long.
@Test func expiryIsBounded() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q", ["x-message-ttl": 10])
    for _ in 0..<5_000 { try client.publish("", to: "q") }
    fixture.context.time.advance(monotonicMicroseconds: 10_000_000, wallMicroseconds: 1)
    fixture.broker.tick()
    fixture.broker.endTurn()
    #expect(fixture.queue("q")!.readyCount > 0)
    #expect(fixture.broker.nextDeadline! <= fixture.context.time.monotonicMilliseconds)
    fixture.turn()
    #expect(fixture.queue("q")!.readyCount == 0)
}

/// Goal: deadlines of queues that are gone do not pile up, however far ahead they lie.
@Test func deadlinesOfDeletedQueuesAreSwept() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    for index in 0..<5_000 {
        try client.declare("q\(index)", ["x-expires": .int32(100_000_000)])
        _ = try client.deleteQueue("q\(index)")
    }
    #expect(fixture.broker.deadlines.count <= 1_025)
}
