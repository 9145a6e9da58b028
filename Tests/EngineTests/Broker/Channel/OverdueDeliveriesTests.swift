// Deliveries that are not acknowledged in time and are taken back alone.

import Testing
import Wire

@testable import Engine

@Suite struct OverdueDeliveriesTests {
    private let fixture = BrokerFixture()

    /// A client whose channel must not be closed.
    private func client() -> BrokerClient {
        let client = fixture.client()
        client.connection.failChannel = { _, error in Issue.record("closed: \(error)") }
        return client
    }

    private func declare(_ client: BrokerClient, _ action: String, _ more: FieldTable = [:]) throws {
        var arguments: FieldTable = [
            "x-consumer-timeout": .int32(60_000), "x-consumer-timeout-action": .string(action),
        ]
        arguments.entries += more.entries
        try client.declare("q", arguments)
    }

    private func pass(_ milliseconds: Int64) { for _ in 0..<milliseconds / 5_000 { fixture.advance(5_000) } }

    @Test(arguments: [false, true])
    func goesToSomebodyElse(isConfigured: Bool) throws {
        let slow = client()
        let other = client()
        if isConfigured {
            fixture.context.configuration.consumerTimeoutMilliseconds = 60_000
            fixture.context.configuration.consumerTimeoutAction = .requeue
            try slow.declare("q")
        } else {
            try declare(slow, "requeue")
        }
        try slow.prefetch(1)
        try slow.consume("q", tag: "slow")
        try slow.publish("m", to: "q")
        try slow.publish("n", to: "q")
        #expect(slow.bodies() == ["m"])
        pass(120_000)
        #expect(slow.bodies() == [], "its place is taken until it says something")
        #expect(fixture.queue("q")?.readyCount == 2 && fixture.queue("q")?.unackedCount == 0)
        try other.consume("q", tag: "other", noAck: true)
        #expect(other.next().map { [$0.body, "\($0.isRedelivered)"] } == [["m", "true"], ["n", "false"]])

        other.cancel("other")
        try slow.publish("o", to: "q")
        #expect(slow.bodies() == [])
        try slow.channel.acknowledge(1, multiple: false)
        #expect(slow.bodies() == ["o"], "a late acknowledgement makes room")
        #expect(failure { try slow.channel.acknowledge(1, multiple: false) } == .unknownDeliveryTag(1), "but only one")
        fixture.checkInvariants()
    }

    /// Goal: whatever a client says late, of one or of many, is no error, and what it still holds is settled.
    @Test(arguments: [false, true])
    func lateWordsAboutMany(isRejected: Bool) throws {
        let client = client()
        try declare(client, "requeue")
        try client.prefetch(4)
        for body in ["a", "b"] { try client.publish(body, to: "q") }
        try client.consume("q", tag: "t")
        #expect(client.bodies() == ["a", "b"])
        pass(120_000)
        #expect(client.bodies() == ["a", "b"], "it had room for them")
        if isRejected {
            try client.channel.reject(2, multiple: true, requeue: true)
        } else {
            try client.channel.acknowledge(2, multiple: true)
        }
        #expect(fixture.queue("q")?.unackedCount == 2)
        for body in ["c", "d", "e"] { try client.publish(body, to: "q") }
        #expect(client.bodies() == ["c", "d"])
        try client.channel.acknowledge(4, multiple: true)
        #expect(client.bodies() == ["e"])
        #expect(fixture.queue("q")?.unackedCount == 3)
    }

    @Test func deadLetters() throws {
        let client = client()
        try client.declare("dead")
        try declare(
            client, "dead-letter",
            ["x-dead-letter-exchange": .string(""), "x-dead-letter-routing-key": .string("dead")])
        try client.publish("m", to: "q")
        try client.consume("q", tag: "t")
        #expect(client.bodies() == ["m"])
        pass(120_000)
        #expect(fixture.queue("q")?.messageCount == 0)
        #expect(try client.get("dead").body == "m")
        let death = client.lastProperties.headers?["x-death"]
        guard case .array(let deaths) = death, case .table(let first) = deaths.first else {
            Issue.record("no x-death")
            return
        }
        #expect(first["reason"] == .string("consumer_timeout"))
        try client.channel.acknowledge(1, multiple: false)
    }

    @Test func goesBackWithoutDeadLetterExchange() throws {
        let client = client()
        try declare(client, "dead-letter")
        try client.publish("m", to: "q")
        try client.prefetch(1)
        try client.consume("q", tag: "t")
        #expect(client.bodies() == ["m"])
        pass(120_000)
        #expect(fixture.queue("q")?.readyCount == 1)
    }

    @Test func nothingHappens() throws {
        let client = client()
        try declare(client, "nothing")
        try client.publish("m", to: "q")
        try client.consume("q", tag: "t")
        #expect(client.bodies() == ["m"])
        pass(4_000_000)
        #expect(fixture.queue("q")?.unackedCount == 1)
        try client.channel.acknowledge(1, multiple: false)
        #expect(fixture.queue("q")?.unackedCount == 0)
    }

    /// Goal: a channel that ends gives up what was taken back from it, and its consumers go.
    @Test func channelEnds() throws {
        let client = client()
        try declare(client, "requeue")
        try client.prefetch(1)
        try client.consume("q", tag: "t")
        try client.publish("m", to: "q")
        #expect(client.bodies() == ["m"])
        pass(120_000)
        let isAlive = { [weak consumer = fixture.queue("q")?.consumers.all.first] in consumer != nil }
        #expect(isAlive())
        client.connection.close()
        #expect(!isAlive(), "nothing keeps the consumer")
        #expect(fixture.queue("q")?.readyCount == 1)
    }

    /// Goal: a client that never speaks of what was taken back is closed in the end, as RabbitMQ would have done.
    @Test func tooManyCloseTheChannel() throws {
        var errors: [BrokerError] = []
        let client = fixture.client()
        client.connection.failChannel = { channel, error in
            errors.append(error)
            channel.close()
        }
        try declare(client, "requeue")
        try client.consume("q", tag: "t")
        for _ in 0..<Limits.overdueDeliveriesPerSweep { try client.publish("m", to: "q") }
        for _ in 0..<100 where errors.isEmpty {
            pass(60_000)
            _ = client.next()
        }
        #expect(errors == [.deliveryTimeout(channel: 1, milliseconds: 60_000)])
        #expect(fixture.queue("q")?.readyCount == Limits.overdueDeliveriesPerSweep)
    }
}

extension ClientEvent {
    fileprivate var isRedelivered: Bool {
        if case .deliver(_, _, let redelivered, _, _) = self { redelivered } else { false }
    }
}
