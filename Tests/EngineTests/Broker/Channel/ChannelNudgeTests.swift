import Testing
import Wire

@testable import Engine

/// A client of kombu's kind may have read all that its prefetch allows and sleep with the acknowledgements unsent;
/// these tests are about what wakes it, millisecond by millisecond.
@Suite struct ChannelNudgeTests {
    let fixture = BrokerFixture()

    /// From the moment the window is full: each nudge a longer silence after the one before.
    static let nudges: [Int64] = {
        var (at, distance): ([Int64], Int64) = ([], Limits.nudgeMillisecondsMin)
        while distance <= Limits.nudgeMillisecondsMax {
            at.append((at.last ?? 0) + distance)
            distance *= Limits.nudgeIntervalFactor
        }
        return at
    }()

    /// A client with a full window and more waiting.
    func full(isNudged: Bool = true, isGlobal: Bool = true, prefetch: UInt16 = 2) throws -> BrokerClient {
        let client = fixture.client(isNudged: isNudged)
        try client.declare("q")
        try client.prefetch(prefetch, global: isGlobal)
        try client.consume("q", tag: "t")
        for index in 1...10 { try client.publish("\(index)", to: "q") }
        #expect(client.bodies() == (1...prefetch).map { "\($0)" })
        return client
    }

    /// Lets time pass in milliseconds; when heartbeats came, from now.
    func heartbeats(_ client: BrokerClient, within milliseconds: Int64) -> [Int64] {
        var seen: [Int64] = []
        for time in 1...milliseconds {
            fixture.advance(1)
            let events = client.received()
            #expect(events.allSatisfy { $0 == .heartbeat })
            seen += events.map { _ in time }
        }
        return seen
    }

    @Test(arguments: [true, false]) func silenceAtThePrefetchIsBroken(isGlobal: Bool) throws {
        let client = try full(isGlobal: isGlobal)
        #expect(heartbeats(client, within: 2_000) == Self.nudges)
        #expect(fixture.broker.nudges.isEmpty && fixture.broker.nextDeadline == fixture.broker.ackSweepDeadline)
        // Not for ever, and again from the beginning once the client has been heard.
        try client.channel.acknowledge(1, multiple: false)
        #expect(client.bodies() == ["3"])
        #expect(heartbeats(client, within: 2_000) == Self.nudges)
    }

    /// The answer to an acknowledgement wakes the client as well as a nudge would.
    @Test func whoAcknowledgesInTimeIsLeftAlone() throws {
        let client = try full()
        for tag in 1...8 as ClosedRange<UInt64> {
            #expect(heartbeats(client, within: Limits.nudgeMillisecondsMin - 1) == [])
            try client.channel.acknowledge(tag, multiple: false)
            #expect(client.bodies() == ["\(tag + 2)"])
            #expect(fixture.broker.nudges.count == 1)
        }
    }

    /// Goal: an acknowledgement starts the silence anew, wherever the ladder stands. Method: one at every
    /// millisecond of it; the deadlines left behind must not show.
    @Test(arguments: 0...50 as ClosedRange<Int64>) func silenceIsCountedFromTheLastFullWindow(at: Int64) throws {
        let client = try full()
        if at > 0 { #expect(heartbeats(client, within: at) == Self.nudges.filter { $0 <= at }) }
        try client.channel.acknowledge(1, multiple: false)
        #expect(client.bodies() == ["3"])
        #expect(heartbeats(client, within: 400) == Self.nudges)
    }

    @Test func othersAreLeftAlone() throws {
        // Not known to need it.
        #expect(heartbeats(try full(isNudged: false), within: 1_000) == [])
        // Nothing holds it back, or nothing is waiting for its acknowledgement.
        let client = fixture.client(isNudged: true)
        try client.declare("other")
        try client.prefetch(3)
        try client.consume("other", tag: "open")
        try client.consume("other", tag: "deaf", noAck: true)
        for index in 1...4 { try client.publish("\(index)", to: "other") }
        #expect(client.bodies().count == 4)
        #expect(heartbeats(client, within: 1_000) == [])
    }

    @Test func whoHoldsNothingIsLeftAlone() throws {
        let client = try full()
        try client.purge("q")
        try client.channel.acknowledge(0, multiple: true)
        #expect(client.next() == [])
        #expect(heartbeats(client, within: 1_000) == [])
    }

    /// What has not been written yet wakes the client when it is; nothing is added to it.
    @Test func outputOnItsWayIsEnough() throws {
        let client = try full()
        try client.publish("back", to: "nowhere", mandatory: true)
        fixture.advance(Limits.nudgeMillisecondsMin)
        #expect(client.received() == [.returned(code: 312, key: "nowhere", body: "back")])
    }

    @Test func theEndOfAChannelEndsIt() throws {
        let client = try full()
        client.channel.close()
        #expect(heartbeats(client, within: 1_000) == [])
        let other = try full()
        other.connection.close()
        #expect(heartbeats(other, within: 1_000) == [])
        #expect(fixture.broker.nudges.isEmpty)
    }

    /// A turn looks at a bounded number; the broker asks for the next turn at once until all had theirs.
    @Test func manyAtOnce() throws {
        let clients = try (0...Limits.brokerNudgesPerTurn).map { index in
            let client = fixture.client(isNudged: true)
            try client.declare("q\(index)")
            try client.prefetch(1)
            try client.consume("q\(index)")
            try client.publish("1", to: "q\(index)")
            return client
        }
        fixture.turn()
        for client in clients { #expect(client.received().count == 1) }
        fixture.context.time.advance(
            monotonicMicroseconds: (fixture.context.time.monotonicMilliseconds + Limits.nudgeMillisecondsMin) * 1000,
            wallMicroseconds: 0)
        fixture.broker.tick()
        #expect(clients.count { !$0.output.isEmpty } == Limits.brokerNudgesPerTurn)
        #expect(fixture.broker.nextDeadline ?? .max <= fixture.context.time.monotonicMilliseconds)
        fixture.turn()
        for client in clients { #expect(client.received() == [.heartbeat]) }
    }
}
