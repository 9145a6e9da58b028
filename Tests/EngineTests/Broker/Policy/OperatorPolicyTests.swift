// Operator policies: how they are merged with policies and arguments, and that they last.

import Testing
import Wire

@testable import Engine

@Suite struct OperatorPolicyTests {
    private let fixture = BrokerFixture(journal: true)

    private func set(
        _ kind: PolicyKind, _ name: String, _ pattern: String, _ definition: String, priority: Int64 = 0
    ) throws {
        try fixture.host.setPolicy(
            Policy(kind, name: ByteString(name), pattern: pattern, definition: definition, priority: priority))
    }

    @Test func smallestNumberHolds() throws {
        let client = fixture.client()
        try client.declare("plain")
        try client.declare("own", ["x-max-length": 1, "x-message-ttl": 900])
        try set(.user, "p", ".*", #"{"max-length": 10, "message-ttl": 100, "overflow": "reject-publish"}"#)
        try set(.operator, "p", ".*", #"{"max-length": 5, "message-ttl": 200, "max-length-bytes": 7}"#)
        let plain = try #require(fixture.queue("plain")?.settings)
        #expect(plain.lengthMax == 5 && plain.messageTTLMilliseconds == 100 && plain.lengthBytesMax == 7)
        #expect(plain.overflow == .rejectPublish)
        let own = try #require(fixture.queue("own")?.settings)
        #expect(own.lengthMax == 1 && own.messageTTLMilliseconds == 100)
        // The two kinds have names of their own.
        #expect(try fixture.host.clearPolicy(Borrowed("p").slice, .user))
        #expect(fixture.queue("plain")?.settings.lengthMax == 5)
        #expect(fixture.queue("plain")?.settings.messageTTLMilliseconds == 200)
        #expect(try fixture.host.clearPolicy(Borrowed("p").slice, .operator))
        #expect(fixture.queue("plain")?.settings.lengthMax == .max)
        #expect(try !fixture.host.clearPolicy(Borrowed("p").slice, .operator))
    }

    @Test func highestPriorityHoldsAlone() throws {
        try fixture.client().declare("q")
        try set(.operator, "low", ".*", #"{"max-length": 1}"#, priority: 1)
        try set(.operator, "high", "^q", #"{"max-length": 3}"#, priority: 2)
        #expect(fixture.queue("q")?.settings.lengthMax == 3)
        #expect(fixture.queue("q")?.policy.operator?.name.string == "high")
    }

    @Test(arguments: [
        "dead-letter-exchange", "dead-letter-routing-key", "overflow", "queue-mode", "alternate-exchange",
        "consumer-timeout", "dead-letter-strategy",
    ])
    func refusesOtherKeys(key: String) throws {
        #expect(throws: PolicyFailure(reason: "[{<<\"\(key)\">>,<<\"x\">>}] are not recognised policy settings")) {
            try set(.operator, "p", ".*", "{\"\(key)\": \"x\"}")
        }
    }

    @Test func survivesRestart() throws {
        try fixture.client().declare("q", durable: true)
        try set(.operator, "p", "^q", #"{"max-length": 5}"#, priority: 3)
        try set(.operator, "gone", "^q", #"{"max-length": 1}"#)
        _ = try fixture.host.clearPolicy(Borrowed("gone").slice, .operator)
        fixture.turn()
        let records = fixture.takeRecords()
        for log in [records, try fixture.picture()] {
            let fresh = try fixture.restarted(from: log)
            #expect(fresh.host.policies.operator.map(\.name.string) == ["p"])
            #expect(fresh.host.policies.operator[0].isSame(as: fixture.host.policies.operator[0]))
            #expect(fresh.host.policies.user.isEmpty && fresh.queue("q")?.settings.lengthMax == 5)
        }
    }
}
