// What a full queue refuses: where it goes, and who is told.

import Testing
import Wire

@testable import Engine

@Suite struct OverflowTests {
    private let fixture = BrokerFixture(journal: true)

    private func setUp() throws -> BrokerClient {
        let client = fixture.client()
        try client.declare("dead", durable: true)
        try client.declare(
            "full", durable: true,
            [
                "x-max-length": 1, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": "dead",
            ])
        try client.publish("first", to: "full", isPersistent: true)
        return client
    }

    @Test(arguments: [true, false]) func refusedMessageIsDeadLettered(isPersistent: Bool) throws {
        let client = try setUp()
        try client.channel.selectConfirms()
        try client.publish("second", to: "full", isPersistent: isPersistent)
        #expect(client.next() == [.nack(1)])
        #expect(try client.drain("dead") == ["second"])
        #expect(client.lastProperties.headers?["x-first-death-reason"] == "maxlen")
        #expect(try client.drain("full") == ["first"])
        fixture.turn()
        #expect(fixture.broker.residentBytes == 0)
        fixture.broker.checkLiveMessages()
        let fresh = try fixture.restarted(from: fixture.takeRecords())
        #expect(fresh.queue("full")?.readyCount == 0 && fresh.queue("dead")?.readyCount == 0)
    }

    @Test func deadLettersOfOthersAreRefusedLikeThat() throws {
        let client = try setUp()
        try client.declare(
            "source", durable: true, ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "full"])
        try client.publish("second", to: "source", isPersistent: true)
        _ = try client.get("source", noAck: false)
        try client.channel.reject(1, multiple: false, requeue: false)
        fixture.turn()
        #expect(try client.drain("dead") == ["second"])
        #expect(client.lastProperties.headers?["x-death"]?.array?.count == 2)
        fixture.broker.checkLiveMessages()
    }

    /// Goal: between two queues the log has it in one of them. Method: the log is cut behind every record.
    @Test func refusedMessageIsNeverNowhere() throws {
        let client = try setUp()
        try client.declare(
            "source", durable: true, ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "full"])
        var records = fixture.takeRecords()
        try client.publish("second", to: "source", isPersistent: true)
        records += fixture.takeRecords()
        _ = try client.get("source", noAck: false)
        try client.channel.reject(1, multiple: false, requeue: false)
        fixture.turn()
        let later = fixture.takeRecords()
        #expect(!later.isEmpty)
        for count in 0...later.count {
            let fresh = try fixture.restarted(from: records + later.prefix(count))
            let ready = ["source", "full", "dead"].map { fresh.queue($0)!.readyCount }
            #expect(ready.reduce(0, +) == 2, "\(count) of \(later.count) records: \(ready)")
        }
    }

    @Test func delayedMessagesAreRefusedLikeThat() throws {
        let client = try setUp()
        try client.exchange("later", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
        try client.bind("full", "later")
        var properties = BasicProperties()
        properties.headers = ["x-delay": 10]
        properties.deliveryMode = 2
        try client.publish("second", to: "k", exchange: "later", properties)
        fixture.advance(10)
        #expect(try client.drain("dead") == ["second"])
    }

    @Test(arguments: ["reject-publish", "reject-publish-dlx"]) func transactionIsPartial(overflow: String) throws {
        let client = fixture.client()
        try client.declare("q", ["x-max-length": 1, "x-overflow": .string(overflow)])
        try client.channel.selectTransaction()
        for body in ["first", "second"] { try client.publish(body, to: "q", isPersistent: false) }
        let error = failure { try client.channel.commitTransaction() }
        #expect(error?.replyText == "PRECONDITION_FAILED - partial tx completion")
        #expect(fixture.queue("q")?.readyCount == 1)
        _ = try client.purge("q")
        try client.publish("third", to: "q", isPersistent: false)
        try client.channel.commitTransaction()
        #expect(fixture.queue("q")?.readyCount == 1)
    }
}
