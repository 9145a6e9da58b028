import Testing
import Wire

@testable import Engine

private var persistent: BasicProperties {
    var properties = BasicProperties()
    properties.deliveryMode = 2
    return properties
}

@Test func transientPublishesAreConfirmedTogether() throws {
    let client = BrokerFixture().client()
    try client.declare("q")
    try client.channel.selectConfirms()
    try client.publish("1", to: "q")
    #expect(client.next() == [.ack(1, multiple: false)])
    for _ in 0..<5 { try client.publish("x", to: "q") }
    #expect(client.next() == [.ack(6, multiple: true)])
    // A return goes before the confirm.
    try client.publish("lost", to: "nowhere", mandatory: true)
    #expect(client.next() == [.returned(code: 312, key: "nowhere", body: "lost"), .ack(7, multiple: false)])
}

@Test func persistentPublishesWaitForTheDisk() throws {
    let fixture = BrokerFixture(journal: true)
    let journal = fixture.context.journal
    let client = fixture.client()
    try client.declare("q", durable: true)
    try client.channel.selectConfirms()
    client.output.heldUntilSequence = 0
    try client.publish("1", to: "q", persistent)
    #expect(client.next() == [])
    let first = try #require(journal.takeBatch())
    #expect(first.needsSync)
    try client.publish("2", to: "q", persistent)
    #expect(client.next() == [])
    journal.written(first)
    journal.durable(upTo: first.sequence)
    fixture.broker.durable(upTo: first.sequence)
    #expect(client.received() == [.ack(1, multiple: false)])
    let second = try #require(journal.takeBatch())
    journal.written(second)
    journal.durable(upTo: second.sequence)
    fixture.broker.durable(upTo: second.sequence)
    #expect(client.received() == [.ack(2, multiple: false)])
}

@Test func refusedPublishesAreNacked() throws {
    let client = BrokerFixture().client()
    try client.declare("q", ["x-max-length": 2, "x-overflow": "reject-publish"])
    try client.channel.selectConfirms()
    for index in 0..<4 { try client.publish("\(index)", to: "q") }
    #expect(client.next() == [.nack(3), .nack(4), .ack(2, multiple: true)])
    #expect(try client.drain("q") == ["0", "1"])
    try client.publish("5", to: "q")
    #expect(client.next() == [.ack(5, multiple: true)])
}

@Test func transactionsTakeEffectAtCommit() throws {
    let fixture = BrokerFixture()
    let client = fixture.client()
    let other = fixture.client()
    try client.declare("q")
    try other.publish("held", to: "q")
    try client.channel.selectTransaction()
    guard case .getOK(let tag, _, _, _) = try client.get("q", noAck: false) else { return #expect(Bool(false)) }
    try client.publish("new", to: "q")
    try client.publish("lost", to: "nowhere", mandatory: true)
    try client.channel.acknowledge(tag, multiple: false)
    #expect(failure { try client.channel.acknowledge(tag, multiple: false) } == .unknownDeliveryTag(tag))
    #expect(client.next() == [])
    #expect(fixture.queue("q")!.readyCount == 0 && fixture.queue("q")!.unackedCount == 1)
    try client.channel.rollbackTransaction()
    #expect(fixture.queue("q")!.unackedCount == 1)
    try client.channel.acknowledge(tag, multiple: true)
    try client.publish("new", to: "q")
    try client.publish("lost", to: "nowhere", mandatory: true)
    try client.channel.commitTransaction()
    #expect(client.received() == [.returned(code: 312, key: "nowhere", body: "lost")])
    #expect(fixture.queue("q")!.readyCount == 1 && fixture.queue("q")!.unackedCount == 0)
    // What an open transaction had settled goes back when the channel ends.
    _ = try client.get("q", noAck: false)
    try client.channel.acknowledge(0, multiple: true)
    client.connection.close()
    #expect(try other.drain("q") == ["new"])
}

@Test func directReplyTo() throws {
    let fixture = BrokerFixture()
    let requester = fixture.client()
    let responder = fixture.client()
    try responder.declare("rpc")
    var properties = BasicProperties()
    properties.replyTo = Array("amq.rabbitmq.reply-to".utf8)
    properties.correlationID = Array("c".utf8)
    #expect(
        failure { try requester.publish("ask", to: "rpc", properties) }?.replyText
            == "PRECONDITION_FAILED - fast reply consumer does not exist")
    #expect(
        failure { try requester.consume("amq.rabbitmq.reply-to") }?.replyText
            == "PRECONDITION_FAILED - reply consumer cannot acknowledge")
    try requester.declare("amq.rabbitmq.reply-to", passive: true)
    try requester.consume("amq.rabbitmq.reply-to", tag: "r", noAck: true)
    #expect(
        failure { try requester.consume("amq.rabbitmq.reply-to", noAck: true) }?.replyText
            == "PRECONDITION_FAILED - reply consumer already set")
    try requester.publish("ask", to: "rpc", properties)
    _ = try responder.get("rpc")
    let address = String(decoding: responder.lastProperties.replyTo!, as: UTF8.self)
    #expect(address.hasPrefix("amq.rabbitmq.reply-to.") && address.count > 30)
    try responder.declare(address, passive: true)
    try responder.publish("answer", to: address, mandatory: true)
    #expect(responder.next() == [])
    #expect(
        requester.next() == [.deliver(consumer: "r", tag: 1, redelivered: false, key: address, body: "answer")])
    // A requester that does not read is, beyond a limit, as good as gone.
    let large = String(repeating: "x", count: 10_000_000)
    for _ in 0..<7 { try responder.publish(large, to: address, mandatory: true) }
    #expect(responder.next() == [])
    try responder.publish("lost", to: address, mandatory: true)
    #expect(responder.next() == [.returned(code: 312, key: address, body: "lost")])
    #expect(requester.received().count == 7)
    try responder.publish("again", to: address, mandatory: true)
    #expect(requester.next().count == 1 && responder.next() == [])
    requester.cancel("r")
    try responder.publish("late", to: address, mandatory: true)
    #expect(responder.next() == [.returned(code: 312, key: address, body: "late")])
}
