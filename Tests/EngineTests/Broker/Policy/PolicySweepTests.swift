// Changes of policies reach many queues in slices.

import Testing
import Wire

@testable import Engine

@Suite struct PolicySweepTests {
    private let fixture = BrokerFixture()

    private func set(_ pattern: String, _ limit: Int) throws {
        let policy = try Policy(name: ByteString("p"), pattern: pattern, definition: "{\"max-length\": \(limit)}")
        try fixture.host.setPolicy(policy)
    }

    private func count(_ limit: Int) -> Int {
        fixture.host.queues.values.count { $0.settings.lengthMax == limit }
    }

    @Test func reachesAllInSlices() throws {
        let client = fixture.client()
        let total = Limits.policyObjectsPerTurn * 2 + 50
        for number in 0..<total { try client.declare("q\(number)") }
        try set("^q", 7)
        #expect(count(7) == Limits.policyObjectsPerTurn)
        // A change meanwhile begins anew; what is declared meanwhile is under it.
        try set("^q", 8)
        try client.declare("q-new")
        #expect(count(8) == Limits.policyObjectsPerTurn + 1)
        #expect(fixture.broker.nextDeadline == fixture.context.time.monotonicMilliseconds)
        fixture.turn()
        #expect(count(8) == total + 1 && count(7) == 0)
    }

    @Test func slowPatternsGoOneByOne() throws {
        let client = fixture.client()
        let name = String(repeating: "a", count: 60) + "b"
        for number in 0..<10 { try client.declare("\(name)\(number)") }
        try set("^(a+)+$", 7)
        #expect(fixture.broker.policySweep.hasWork)
        fixture.turn()
        #expect(!fixture.broker.policySweep.hasWork && count(7) == 0)
    }
}
