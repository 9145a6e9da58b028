// The firehose: what is traced, what is not, and that nothing is while it is off. The exact headers stand in the table of
// administration (EndToEndTests), beside RabbitMQ's.

import Testing
import Wire

@testable import Engine

@Suite struct FirehoseTests {
    private let fixture = BrokerFixture()

    /// A queue that gets all traces, and a client that reads them.
    private func listener() throws -> BrokerClient {
        let client = fixture.client()
        try client.declare("traces")
        try client.bind("traces", "amq.rabbitmq.trace", "#")
        return client
    }

    private func keys() -> [String] {
        fixture.turn()
        let queue = fixture.queue("traces")!
        return (0..<queue.readyCount).map { queue.ready[$0].message.routingKey.string }
    }

    @Test func nothingWhileOff() throws {
        let client = try listener()
        try client.declare("q")
        try client.publish("a", to: "q")
        #expect(try client.drain("q") == ["a"] && keys().isEmpty)
        #expect(!client.channel.takesLongWay && !client.channel.isTraced)
    }

    /// Goal: channels and consumers that were there before are traced as well, with and without acknowledgements.
    @Test(arguments: [false, true]) func tracesWhatIsOpen(noAck: Bool) throws {
        let client = try listener()
        try client.declare("q")
        try client.consume("q", tag: "c", noAck: noAck)
        fixture.host.setTracing(true)
        try client.publish("body", to: "q")
        #expect(keys() == ["publish.", "deliver.q"])
        let trace = fixture.queue("traces")!.ready[1].message
        #expect(trace.body.string == "body" && !trace.header.isPersistent)
        let headers = try #require(BasicProperties(trace.properties).headers)
        #expect(headers["exchange_name"]?.text == "" && headers["redelivered"] == .int32(0))
        #expect(headers["routing_keys"] == .array([.string("q")]) && headers["user"]?.text == "guest")
        fixture.host.setTracing(false)
        try client.publish("more", to: "q")
        #expect(keys().count == 2 && !client.channel.takesLongWay)
    }

    @Test func tracesAreNotTraced() throws {
        let client = try listener()
        fixture.host.setTracing(true)
        try client.publish("a", to: "nowhere")
        #expect(keys() == ["publish."])
        #expect(try client.drain("traces") == ["a"] && keys().isEmpty)
    }

    /// Goal: a queue may receive the traces of its own deliveries without end of the world: each is delivered once.
    @Test func aQueueOfItsOwnTraces() throws {
        let client = try listener()
        try client.consume("traces", tag: "c", noAck: true)
        fixture.host.setTracing(true)
        try client.publish("x", to: "traces")
        fixture.turn()
        let bodies = client.received().compactMap(\.body)
        #expect(bodies == ["x", "x", "x"], "the message, its publish and its delivery")
        fixture.checkInvariants()
    }

    @Test func aTransactionIsTracedWhenItPublishes() throws {
        let client = try listener()
        try client.declare("q")
        try client.channel.selectTransaction()
        fixture.host.setTracing(true)
        try client.publish("x", to: "q")
        #expect(keys() == ["publish."] && fixture.queue("q")?.readyCount == 0)
        try client.channel.commitTransaction()
        #expect(keys() == ["publish."] && fixture.queue("q")?.readyCount == 1)
        fixture.host.setTracing(false)
        #expect(client.channel.takesLongWay, "a transaction still does")
    }
}
