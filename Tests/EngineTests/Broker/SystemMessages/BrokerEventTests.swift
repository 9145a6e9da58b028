// Events: that what happens is told once and in order, and nothing while they are off. The exact headers stand in the
// table of administration (EndToEndTests), beside RabbitMQ's.

import Testing
import Wire

@testable import Engine

@Suite struct BrokerEventTests {
    private let fixture = BrokerFixture { $0.hasEventExchange = true }

    private func listen() throws -> BrokerClient {
        fixture.broker.applyConfiguration()
        let client = fixture.client()
        try client.declare("events")
        try client.bind("events", "amq.rabbitmq.event", "#")
        fixture.turn()
        try client.purge("events")
        return client
    }

    private func messages() -> [Message] {
        fixture.turn()
        let queue = fixture.queue("events")!
        return (0..<queue.readyCount).map { queue.ready[$0].message }
    }

    private func keys() -> [String] { messages().map(\.routingKey.string) }

    @Test func topologyComesAndGoes() throws {
        let client = try listen()
        try client.exchange("x", "topic")
        try client.declare("q")
        try client.declare("q")
        try client.bind("q", "x", "k")
        try client.consume("q", tag: "c")
        client.cancel("c")
        try client.deleteExchange("x")
        _ = try client.deleteQueue("q")
        #expect(
            keys() == [
                "exchange.created", "queue.created", "binding.created", "consumer.created", "consumer.deleted",
                "exchange.deleted", "binding.deleted", "queue.deleted",
            ])
        let headers = try #require(BasicProperties(messages()[1].properties).headers)
        #expect(headers["name"]?.text == "q" && headers["user_who_performed_action"]?.text == "guest")
        #expect(headers["timestamp_in_ms"] == .int64(fixture.context.time.wallMilliseconds))
        #expect(messages()[1].header.isPersistent && messages()[1].body.isEmpty)
    }

    @Test func theEndOfAConnection() throws {
        _ = try listen()
        let other = fixture.client()
        try other.declare("mine", exclusive: true)
        try other.consume("mine", tag: "c")
        other.connection.close()
        #expect(
            keys() == [
                "channel.created", "queue.created", "consumer.created", "consumer.deleted", "channel.closed",
                "queue.deleted", "connection.closed",
            ])
    }

    @Test func alarmsAreToldOnce() throws {
        _ = try listen()
        fixture.context.alarmsChanged = { [broker = fixture.broker] in broker.alarmsChanged() }
        fixture.context.alarms.isDiskLow = true
        fixture.context.alarms.isDiskFull = true
        fixture.context.alarms.isMemoryLow = true
        fixture.context.alarms = Alarms()
        #expect(keys() == ["alarm.set", "alarm.set", "alarm.cleared", "alarm.cleared"])
        fixture.context.alarmsChanged = {}
    }

    @Test func nothingWhileOff() throws {
        let quiet = BrokerFixture()
        quiet.broker.applyConfiguration()
        #expect(quiet.broker.events == nil && quiet.host.exchange(ByteSlice(BrokerEvents.exchangeName)) == nil)
    }

    /// Goal: a flood is published in slices, in order, whole.
    @Test func aFloodTakesSeveralTurns() throws {
        let client = try listen()
        let total = Limits.systemMessagesPerSlice * 2 + 5
        for number in 0..<total { try client.declare("q\(number)") }
        fixture.broker.endTurn()
        #expect(fixture.broker.systemMessages.hasWork && fixture.broker.nextDeadline != nil)
        #expect(keys().count == total && !fixture.broker.systemMessages.hasWork)
    }

    @Test(arguments: [
        (FieldValue.int32(5), "{<<\"k\">>,signedint,5}"), (.string("a\"b"), "{<<\"k\">>,longstr,<<\"a\\\"b\">>}"),
        (.table(["in": .boolean(true)]), "{<<\"k\">>,table,[{<<\"in\">>,bool,true}]}"),
        (.array([.string("x")]), "{<<\"k\">>,array,[{longstr,<<\"x\">>}]}"),
        (.longString([0, 255]), "{<<\"k\">>,longstr,<<0,255>>}"),
    ]) func argumentsAreTerms(value: FieldValue, text: String) {
        #expect(ErlangTerm.entry(Array("k".utf8), value) == text)
    }

    @Test func addressesAreTuples() {
        #expect(ErlangTerm.address("127.0.0.1") == "{127,0,0,1}" && ErlangTerm.address("::1") == "::1")
    }
}
