import Testing
import Wire

@testable import Engine

@Test func publishConsumeAcknowledge() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.publish("1", to: "q")
    try client.consume("q", tag: "t")
    try client.publish("2", to: "q")
    #expect(
        client.next() == [
            .deliver(consumer: "t", tag: 1, redelivered: false, key: "q", body: "1"),
            .deliver(consumer: "t", tag: 2, redelivered: false, key: "q", body: "2"),
        ])
    #expect(client.fixture.queue("q")?.unackedCount == 2)
    try client.channel.acknowledge(2, multiple: true)
    #expect(client.fixture.queue("q")?.unackedCount == 0)
    #expect(failure { try client.channel.acknowledge(2, multiple: false) } == .unknownDeliveryTag(2))
}

@Test func consumersTakeTurnsAndPriorityGoesFirst() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    for tag in ["a", "b", "c"] { try client.consume("q", tag: tag) }
    for index in 0..<6 { try client.publish("\(index)", to: "q") }
    let order = client.next().map { event -> String in
        guard case .deliver(let consumer, _, _, _, _) = event else { return "?" }
        return consumer
    }
    #expect(order == ["a", "b", "c", "a", "b", "c"])
    let other = client.anotherChannel()
    other.consumerPrefetch = 1
    try client.consume("q", tag: "high", on: other, ["x-priority": 5])
    for index in 0..<3 { try client.publish("\(index)", to: "q") }
    let later = client.next().map { event -> String in
        guard case .deliver(let consumer, _, _, _, _) = event else { return "?" }
        return consumer
    }
    #expect(later.first == "high" && later.count == 3 && !later.dropFirst().contains("high"))
}

@Test func prefetchPerConsumer() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.prefetch(2)
    try client.consume("q", tag: "limited")
    for index in 0..<5 { try client.publish("\(index)", to: "q") }
    #expect(client.bodies() == ["0", "1"])
    try client.channel.acknowledge(1, multiple: false)
    #expect(client.bodies() == ["2"])
    // Later consumers only.
    try client.prefetch(0)
    #expect(client.bodies() == [])
    try client.channel.acknowledge(0, multiple: true)
    #expect(client.bodies() == ["3", "4"])
    // get and no-ack do not look at it.
    try client.publish("5", to: "q")
    _ = client.next()
    try client.publish("6", to: "q")
    guard case .getOK(_, _, let body, _) = try client.get("q", noAck: false) else { return #expect(Bool(false)) }
    #expect(body == "5" || body == "6")
}

@Test func prefetchOfTheChannel() throws {
    let client = BrokerFixture().client()
    try client.declare("a")
    try client.declare("b")
    try client.prefetch(3, global: true)
    try client.consume("a", tag: "a")
    try client.consume("b", tag: "b")
    for index in 0..<4 {
        try client.publish("a\(index)", to: "a")
        try client.publish("b\(index)", to: "b")
    }
    #expect(client.bodies().count == 3)
    try client.channel.acknowledge(1, multiple: false)
    #expect(client.bodies().count == 1)
    // Raised while it runs, as ETA tasks do.
    try client.prefetch(5, global: true)
    #expect(client.bodies().count == 2)
    try client.prefetch(0, global: true)
    #expect(client.bodies().count == 2)
    try client.channel.acknowledge(0, multiple: true)
    #expect(client.fixture.queue("a")?.unackedCount == 0)
}

@Test func requeueGoesBackToItsPlace() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    for index in 0..<5 { try client.publish("\(index)", to: "q") }
    for _ in 0..<3 { _ = try client.get("q", noAck: false) }
    try client.channel.reject(2, multiple: false, requeue: true)
    try client.channel.reject(1, multiple: false, requeue: true)
    #expect(try client.get("q") == .getOK(tag: 4, redelivered: true, body: "0", left: 3))
    #expect(try client.get("q") == .getOK(tag: 5, redelivered: true, body: "1", left: 2))
    #expect(try client.get("q") == .getOK(tag: 6, redelivered: false, body: "3", left: 1))
    client.channel.close()
    let other = client.fixture.client()
    #expect(try other.get("q") == .getOK(tag: 1, redelivered: true, body: "2", left: 1))
}

@Test func channelsThatEndKeepTheOrder() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q")
    let first = fixture.client()
    let second = fixture.client()
    try first.consume("q")
    try second.consume("q")
    for index in 0..<200 { try client.publish("\(index)", to: "q") }
    #expect(first.bodies().count == 100)
    #expect(second.bodies().count == 100)
    first.connection.close()
    // The other one gets what came back, at once.
    #expect(second.bodies().count == 100)
    second.connection.close()
    fixture.turn()
    fixture.checkInvariants()
    #expect(try client.drain("q") == (0..<200).map(String.init))
}

@Test func recoverGivesEverythingBack() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.prefetch(2)
    try client.consume("q", tag: "t")
    for index in 0..<3 { try client.publish("\(index)", to: "q") }
    #expect(client.bodies() == ["0", "1"])
    try client.channel.recover(requeue: true)
    #expect(
        client.next() == [
            .deliver(consumer: "t", tag: 3, redelivered: true, key: "q", body: "0"),
            .deliver(consumer: "t", tag: 4, redelivered: true, key: "q", body: "1"),
        ])
}

@Test func deletedQueuesCancelConsumersAndForgiveAcks() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.consume("q", tag: "t")
    try client.publish("x", to: "q")
    _ = client.next()
    #expect(try client.deleteQueue("q") == 0)
    #expect(client.next() == [.cancel("t")])
    try client.channel.acknowledge(1, multiple: false)
    // A client that did not ask to be told is not told.
    client.connection.capabilities = []
    try client.declare("q")
    try client.consume("q", tag: "t")
    _ = try client.deleteQueue("q")
    #expect(client.next() == [])
    // The tag is free again.
    try client.declare("q")
    try client.consume("q", tag: "t")
}

@Test func autoDeleteQueueGoesWithItsLastConsumer() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q", autoDelete: true)
    try client.publish("x", to: "q")
    _ = try client.get("q")
    #expect(fixture.queue("q") != nil)
    try client.consume("q", tag: "a")
    try client.consume("q", tag: "b", on: client.anotherChannel())
    client.cancel("a")
    #expect(fixture.queue("q") != nil)
    client.connection.close()
    #expect(fixture.queue("q") == nil)
}

@Test func singleActiveConsumer() throws {
    let client = BrokerFixture().client()
    try client.declare("q", ["x-single-active-consumer": true])
    try client.consume("q", tag: "a")
    try client.consume("q", tag: "b")
    for index in 0..<4 { try client.publish("\(index)", to: "q") }
    for event in client.next() {
        guard case .deliver(let consumer, _, _, _, _) = event else { return #expect(Bool(false)) }
        #expect(consumer == "a")
    }
    client.cancel("a")
    try client.publish("4", to: "q")
    #expect(client.next() == [.deliver(consumer: "b", tag: 5, redelivered: false, key: "q", body: "4")])
}

/// Goal: a slow reader stops its consumer, not the others; it goes on when the output has drained.
@Test func congestionStopsOneConsumer() throws {
    let fixture = BrokerFixture()
    let slow = fixture.client()
    try slow.declare("q")
    try slow.consume("q", noAck: true)
    let body = String(repeating: "x", count: 100_000)
    for _ in 0..<30 { try slow.publish(body, to: "q") }
    fixture.turn()
    let delivered = 30 - (fixture.queue("q")?.readyCount ?? 0)
    #expect(delivered >= 10 && delivered < 20)
    let fast = fixture.client()
    try fast.consume("q", noAck: true)
    #expect(fast.next().count >= 10)
    #expect(slow.received().count == delivered)
    slow.connection.outputDrained()
    #expect(slow.next().count >= 1)
    #expect(fixture.queue("q")!.readyCount < 30 - delivered)
}

@Test func bodiesAreCutToTheReceiversFrames() throws {
    let fixture = BrokerFixture()
    let client = fixture.client(frameBytesMax: 4_096)
    try client.declare("q")
    for size in [0, 1, 4_087, 4_088, 4_089, 50_000] {
        let body = String(repeating: "b", count: size)
        try client.publish(body, to: "q")
        #expect(try client.drain("q") == [body])
    }
}

/// Goal: a huge backlog and a consumer without limit do not make one turn long.
@Test func turnsAreBounded() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    try client.declare("q")
    for _ in 0..<20_000 { try client.publish("", to: "q") }
    try client.consume("q", noAck: true)
    fixture.broker.endTurn()
    let left = fixture.queue("q")!.readyCount
    #expect(left >= 20_000 - Limits.brokerDeliveriesPerTurn && left > 0)
    #expect(fixture.broker.nextDeadline == fixture.context.time.monotonicMilliseconds)
    // The client reads: the rest follows.
    while !client.next().isEmpty { client.connection.outputDrained() }
    #expect(fixture.queue("q")!.readyCount == 0)
}

@Test func purgeCountsReadyOnly() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    for _ in 0..<5 { try client.publish("x", to: "q") }
    _ = try client.get("q", noAck: false)
    #expect(try client.purge("q") == 4)
    client.channel.close()
    #expect(client.fixture.queue("q")?.readyCount == 1)
}
