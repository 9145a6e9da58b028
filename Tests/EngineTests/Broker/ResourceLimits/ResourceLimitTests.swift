// Limits of virtual hosts and users: what they refuse, in what words, and that they last.

import Testing
import Wire

@testable import Engine

@Suite struct ResourceLimitTests {
    private let fixture = BrokerFixture(journal: true)

    private func set(_ subject: LimitSubject, _ owner: String, _ name: LimitName, _ value: Int64) throws {
        try fixture.broker.setLimit(ResourceLimit(name: name, value: value), of: subject, Borrowed(owner).slice)
    }

    @Test func queuesOfAVirtualHost() throws {
        let client = fixture.client()
        try client.declare("a")
        try set(.virtualHost, "/", .queues, 2)
        try client.declare("b")
        try client.declare("a")
        #expect(throws: BrokerError.queueLimit(name: "c", virtualHost: "/", limit: 2)) { try client.declare("c") }
        let error = BrokerError.queueLimit(name: "c", virtualHost: "/", limit: 2)
        #expect(
            error.replyText == "PRECONDITION_FAILED - cannot declare queue 'c': queue limit in vhost '/' (2) is reached"
        )
        _ = try client.deleteQueue("b")
        try client.declare("c")
        try set(.virtualHost, "/", .queues, -1)
        try client.declare("d")
    }

    @Test func countsFollowConnectionsAndChannels() throws {
        let usage = fixture.broker.usage(of: Borrowed("guest").slice)
        let first = fixture.client()
        let second = fixture.client()
        _ = second.anotherChannel()
        #expect(usage.connectionCount == 2 && usage.channelCount == 3 && fixture.host.connectionCount == 2)
        second.connection.close()
        second.connection.close()
        #expect(usage.connectionCount == 1 && usage.channelCount == 1 && fixture.host.connectionCount == 1)
        first.channel.close()
        first.channel.close()
        #expect(usage.channelCount == 0)
    }

    @Test func reachedMeansNoRoom() {
        var limits = ResourceLimits()
        #expect(limits.reached(.channels, 1_000_000) == nil)
        limits.set(ResourceLimit(name: .channels, value: 2))
        #expect(limits.reached(.channels, 1) == nil && limits.reached(.channels, 2) == 2)
        #expect(limits.reached(.connections, 5) == nil)
        limits.set(ResourceLimit(name: .channels, value: 0))
        #expect(limits.reached(.channels, 0) == 0 && limits.all.count == 1)
        limits.set(ResourceLimit(name: .channels, value: -1))
        #expect(limits.reached(.channels, 9) == nil)
    }

    @Test func refusesNonsense() {
        #expect(throws: LimitFailure(reason: "Unrecognised terms [{<<\"max-channels\">>,1}] in limits")) {
            try LimitSubject.virtualHost.limit("max-channels", "1")
        }
        #expect(throws: LimitFailure(reason: "Unrecognised terms [{<<\"x\">>,<<\"y\">>}] in user-limits")) {
            try LimitSubject.user.limit("x", "y")
        }
        #expect(throws: LimitFailure(reason: "max-queues should be a number, actually was <<\"x\">>")) {
            try LimitSubject.virtualHost.limit("max-queues", "x")
        }
        for text in ["", "/", "/ max-queues", "/ max-queues x", "/ max-channels 1", "/ max-queues 1 max-connections"] {
            #expect(throws: ConfigurationFailure.self, "\(text)") { try ConfiguredLimit.checkVirtualHosts(text) }
        }
    }

    @Test func survivesRestart() throws {
        try set(.virtualHost, "/", .queues, 7)
        try set(.user, "guest", .channels, 5)
        try set(.user, "guest", .connections, 3)
        #expect(try fixture.broker.clearLimits(.connections, of: .user, Borrowed("guest").slice))
        #expect(try !fixture.broker.clearLimits(.connections, of: .user, Borrowed("guest").slice))
        fixture.turn()
        let records = fixture.takeRecords()
        for log in [records, try fixture.picture()] {
            let fresh = try fixture.restarted(from: log)
            #expect(fresh.host.limits.all == [ResourceLimit(name: .queues, value: 7)])
            #expect(
                fresh.broker.limits(of: .user, Borrowed("guest").slice)?.all == [
                    ResourceLimit(name: .channels, value: 5)
                ])
        }
    }

    @Test func goesWithTheConfiguration() throws {
        fixture.context.configuration.virtualHostLimits = ["/ max-queues 9 max-connections 4", "nowhere max-queues 1"]
        fixture.context.configuration.userLimits = ["guest max-channels 8"]
        fixture.broker.setConfiguredLimits()
        try set(.user, "guest", .connections, 2)
        fixture.turn()
        let fresh = try fixture.restarted(from: fixture.takeRecords())
        #expect(fresh.broker.allLimits.count == 4)
        fresh.context.configuration.virtualHostLimits = ["/ max-queues 10"]
        fresh.broker.setConfiguredLimits()
        #expect(fresh.host.limits.all == [ResourceLimit(name: .queues, value: 10, isConfigured: true)])
        #expect(fresh.broker.allLimits.filter { $0.subject == .user }.map(\.limit.name) == [.connections])
    }
}
