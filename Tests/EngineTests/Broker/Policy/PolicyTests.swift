// Policies: what they match, how they are merged with arguments, and that a change reaches what exists.

import Testing
import Wire

@testable import Engine

@Suite struct PolicyTests {
    private let fixture = BrokerFixture(journal: true)

    private func set(
        _ name: String, _ pattern: String, _ definition: String, priority: Int64 = 0, scope: PolicyScope = .all,
        on other: BrokerFixture? = nil
    ) throws {
        let policy = try Policy(
            name: ByteString(name), pattern: pattern, definition: definition, priority: priority, scope: scope)
        try (other ?? fixture).host.setPolicy(policy)
    }

    private func clear(_ name: String) throws -> Bool { try fixture.host.clearPolicy(Borrowed(name).slice) }

    private func reason(_ pattern: String, _ definition: String) -> String? {
        do {
            try set("p", pattern, definition)
            return nil
        } catch { return (error as? PolicyFailure)?.reason }
    }

    @Test func holdsForNewAndOldQueues() throws {
        let client = fixture.client()
        try client.declare("task.old")
        try client.declare("other")
        try set("limits", "^task\\.", #"{"max-length": 2, "message-ttl": 500}"#)
        try client.declare("task.new")
        for name in ["task.old", "task.new"] {
            #expect(fixture.queue(name)?.settings.lengthMax == 2)
            for body in ["1", "2", "3"] { try client.publish(body, to: name) }
            #expect(try client.drain(name) == ["2", "3"])
        }
        #expect(fixture.queue("other")?.policy.user == nil && fixture.queue("other")?.hasPublishRules == false)
        try client.publish("x", to: "task.old")
        fixture.advance(501)
        #expect(fixture.queue("task.old")?.readyCount == 0)
        #expect(try clear("limits"))
        #expect(try !clear("limits"))
        #expect(fixture.queue("task.old")?.settings.lengthMax == .max)
        #expect(fixture.queue("task.old")?.hasPublishRules == false)
    }

    @Test func smallerNumberHoldsAndArgumentsOtherwise() throws {
        let client = fixture.client()
        try set(
            "p", ".*",
            #"{"max-length": 10, "max-length-bytes": 100, "dead-letter-exchange": "common", "overflow": "reject-publish"}"#
        )
        try client.declare(
            "q", ["x-max-length": 5, "x-max-length-bytes": 1_000, "x-dead-letter-exchange": "own"])
        let settings = try #require(fixture.queue("q")?.settings)
        #expect(settings.lengthMax == 5 && settings.lengthBytesMax == 100)
        #expect(settings.deadLetterExchange?.string == "own" && settings.overflow == .rejectPublish)
        // A key alone is enough if the policy says where to.
        try client.declare("key", ["x-dead-letter-routing-key": "k"])
        #expect(fixture.queue("key")?.settings.deadLetterExchange?.string == "common")
    }

    @Test func highestPriorityHoldsAlone() throws {
        let client = fixture.client()
        try set("low", ".*", #"{"max-length": 1}"#, priority: 1)
        try set("high", "^q", #"{"message-ttl": 5000}"#, priority: 5)
        try client.declare("q")
        #expect(fixture.queue("q")?.policy.user?.name.string == "high")
        #expect(fixture.queue("q")?.settings.lengthMax == .max)
        _ = try clear("high")
        #expect(fixture.queue("q")?.settings.lengthMax == 1)
        #expect(fixture.queue("q")?.settings.messageTTLMilliseconds == -1)
    }

    @Test func scopes() throws {
        let client = fixture.client()
        try set("q", ".*", #"{"delivery-limit": 3, "max-length": 7}"#, scope: .quorumQueues)
        try client.declare("classic")
        try client.declare("quorum", durable: true, ["x-queue-type": "quorum"])
        #expect(fixture.queue("classic")?.policy.user == nil)
        #expect(fixture.queue("quorum")?.settings.deliveryLimit == 3)
        // A policy with something that a type does not have holds for none of its queues.
        try set("all", ".*", #"{"delivery-limit": 3, "max-length": 7}"#, priority: 9)
        #expect(fixture.queue("classic")?.policy.user == nil && fixture.queue("classic")?.settings.lengthMax == .max)
        #expect(fixture.queue("quorum")?.policy.user?.name.string == "all")
    }

    @Test func exchangesGetAnAlternate() throws {
        let client = fixture.client()
        try client.exchange("x", "direct")
        try client.exchange("spare", "fanout")
        try client.declare("q")
        try client.bind("q", "spare")
        try client.publish("lost", to: "nowhere", exchange: "x")
        try set("ae", "^x$", #"{"alternate-exchange": "spare"}"#, scope: .exchanges)
        try client.publish("found", to: "nowhere", exchange: "x")
        #expect(try client.drain("q") == ["found"])
        _ = try clear("ae")
        try client.publish("lost", to: "nowhere", exchange: "x")
        #expect(try client.drain("q") == [])
    }

    @Test func lowerLimitDropsSurplusInSlices() throws {
        let client = fixture.client()
        try client.declare("dead")
        try client.declare("q", ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
        for number in 0..<5_000 { try client.publish("\(number)", to: "q") }
        try set("p", "^q$", #"{"max-length": 10}"#)
        #expect(fixture.queue("q")!.readyCount > 3_000, "not all at once")
        fixture.turn()
        #expect(fixture.queue("q")?.readyCount == 10 && fixture.queue("dead")?.readyCount == 4_990)
    }

    @Test func expiryOfQueuesComesAndGoes() throws {
        let client = fixture.client()
        try client.declare("a")
        try client.declare("b", ["x-expires": 10_000])
        try set("p", ".*", #"{"expires": 1000}"#)
        fixture.advance(999)
        #expect(fixture.queue("a") != nil && fixture.queue("b") != nil)
        _ = try clear("p")
        fixture.advance(5_000)
        #expect(fixture.queue("a") != nil && fixture.queue("b") != nil)
        try set("p", ".*", #"{"expires": 1000}"#)
        fixture.advance(1_000)
        #expect(fixture.queue("a") == nil && fixture.queue("b") == nil)
    }

    @Test func refusesNonsense() throws {
        #expect(
            reason("[", #"{"max-length": 1}"#)
                == #"pattern should be regular expression but is invalid: {"missing terminating ] for character class",1}"#
        )
        #expect(reason(".*", "{}") == "no policy provided")
        #expect(
            reason(".*", #"{"max-priority": 1}"#) == #"[{<<"max-priority">>,1}] are not recognised policy settings"#)
        #expect(reason(".*", #"{"max-length": "1"}"#)?.contains("'max-length' is refused") == true)
        #expect(reason(".*", #"{"max-length": -1}"#)?.contains("value_negative") == true)
        #expect(reason(".*", #"{"overflow": "sometimes"}"#)?.contains("invalid_overflow") == true)
        #expect(reason(".*", #"{"alternate-exchange": 1}"#)?.contains("no string") == true)
        for text in [
            "", "x", "[]", "{", #"{"max-length"}"#, #"{"max-length": }"#, #"{"max-length": 1"#, #"{"max-length": 1} x"#,
            #"{"max-length": 1.5}"#, #"{"max-length": [1]}"#, #"{"max-length": 1, "max-length": 2}"#, #"{"a": "\"#,
            #"{"max-length": 99999999999999999999}"#, #"{"\u12"#, "{\"\(String(repeating: "k", count: 256))\": 1}",
        ] {
            #expect(reason(".*", text)?.contains("no flat JSON object") == true, "\(text)")
        }
        #expect(reason(".*", #" { "dead-letter-exchange" : "a\"\u0062\n" , "max-length":1 } "#) == nil)
        let policy = try #require(fixture.host.policies.user.first)
        #expect(policy.definition.encoded.count > 0 && policy.definition.sets("dead-letter-exchange"))
    }

    @Test func survivesRestart() throws {
        let client = fixture.client()
        try client.declare("before", durable: true)
        try set("limits", "^(before|after)$", #"{"max-length": 2, "message-ttl": 60000}"#, priority: -3, scope: .queues)
        try set("gone", ".*", #"{"max-length": 1}"#)
        _ = try clear("gone")
        try client.declare("after", durable: true)
        var properties = BasicProperties()
        properties.deliveryMode = 2
        for body in ["1", "2", "3"] { try client.publish(body, to: "after", properties) }
        fixture.turn()
        let records = fixture.takeRecords()
        let output = CheckpointOutput(position: fixture.context.journal.nextPosition)
        fixture.broker.beginCheckpoint(output)
        var budget = CheckpointBudget(visits: 1_000, bytes: 1 << 20)
        #expect(fixture.broker.continueCheckpoint(&budget))
        fixture.broker.endCheckpoint()
        let chunk = try #require(output.takeChunk())
        let picture = LogRecord.all(in: UnsafeRawBufferPointer(chunk), at: 0)
        chunk.deallocate()
        for log in [records, picture] {
            let fresh = try fixture.restarted(from: log)
            let policies = fresh.host.policies.user
            #expect(policies.count == 1 && policies[0].isSame(as: fixture.host.policies.user[0]))
            for name in ["before", "after"] {
                #expect(fresh.queue(name)?.policy.user?.name.string == "limits")
                #expect(fresh.queue(name)?.settings.lengthMax == 2)
            }
            #expect(fresh.queue("after")?.readyCount == 2)
            #expect(fresh.queue("after")?.ready[0].hasExpiry == true)
        }
    }

}
