// Policies of the configuration: what they say, and that they come and go with it.

import Testing
import Wire

@testable import Engine

@Suite struct ConfiguredPolicyTests {
    private let fixture = BrokerFixture(journal: true)

    @Test func comesFromTheConfiguration() throws {
        fixture.context.configuration.policies = [
            #"limits ^task {"max-length": 3, "overflow": "drop-head"} PRIORITY 4 APPLY-TO queues"#,
            #"elsewhere .* {"max-length": 3} VHOST nowhere"#,
        ]
        fixture.context.configuration.operatorPolicies = [#"ceiling .* {"max-length": 2}"#]
        fixture.broker.setConfiguredPolicies()
        let policy = try #require(fixture.host.policies.user.first)
        #expect(fixture.host.policies.user.count == 1 && policy.priority == 4 && policy.scope == .queues)
        #expect(fixture.host.policies.operator.map(\.name.string) == ["ceiling"])
        // The same again is no change.
        _ = fixture.takeRecords()
        fixture.broker.setConfiguredPolicies()
        #expect(fixture.takeRecords().isEmpty)
    }

    /// Goal: what is no longer in the file goes at the next start, what a client has set stays, under any name.
    @Test func goesWithTheConfiguration() throws {
        fixture.context.configuration.policies = [#"a ^a {"max-length": 3}"#, #"b ^b {"max-length": 3}"#]
        fixture.context.configuration.operatorPolicies = [#"a ^a {"max-length": 2}"#]
        fixture.broker.setConfiguredPolicies()
        try fixture.host.setPolicy(
            Policy(name: ByteString("mine"), pattern: "^m", definition: #"{"max-length": 1}"#))
        fixture.turn()
        let fresh = try fixture.restarted(from: fixture.takeRecords())
        #expect(fresh.host.policies.all.map(\.name.string).sorted() == ["a", "a", "b", "mine"])
        fresh.context.configuration.policies = [#"b ^b {"max-length": 4}"#]
        fresh.broker.setConfiguredPolicies()
        #expect(fresh.host.policies.user.map(\.name.string).sorted() == ["b", "mine"])
        #expect(fresh.host.policies.operator.isEmpty)
        #expect(fresh.host.policies.user.first { $0.name.string == "b" }?.definition.text == #"{"max-length": 4}"#)
    }

    @Test(arguments: [
        "", "a b", "a b {", "a [ {\"max-length\": 1}", "a b {\"max-length\": 1} PRIORITY", "a b {} X 1",
    ]) func refusesNonsense(text: String) {
        #expect(throws: ConfigurationFailure.self) { try ConfiguredPolicy.check(text, isOperators: false) }
    }

    @Test func operatorsSetNumbersOnly() {
        let text = #"a b {"overflow": "reject-publish"}"#
        #expect(throws: Never.self) { try ConfiguredPolicy.check(text, isOperators: false) }
        #expect(throws: ConfigurationFailure.self) { try ConfiguredPolicy.check(text, isOperators: true) }
    }
}
