// Thousands of deliveries go back in pieces, and nobody can tell. (QueueModelTests does so in small pieces at random.)

import Testing
import Wire

@testable import Engine

@Suite struct PendingReturnsTests {
    private let fixture = BrokerFixture()

    /// One turn and no more, which `fixture.turn` would make of it.
    private func oneTurn() {
        fixture.broker.tick()
        fixture.broker.endTurn()
    }

    /// A client that holds 100 messages of `q`.
    private func holder() throws -> BrokerClient {
        fixture.broker.returns.perTurn = 10
        let client = fixture.client()
        try client.declare("q")
        for number in 0..<100 { try client.publish("\(number)", to: "q") }
        try client.consume("q", tag: "t")
        #expect(client.next().count == 100)
        return client
    }

    @Test func closingChannelGivesBackInPieces() throws {
        let client = try holder()
        client.cancel("t")
        let other = fixture.client()
        try other.consume("q", tag: "o", noAck: true)
        try other.publish("new", to: "q")
        fixture.turn()
        _ = other.received()
        try other.publish("newer", to: "q")
        client.connection.close()
        oneTurn()
        #expect(fixture.queue("q")?.unackedCount == 90, "a piece each turn")
        #expect(other.received() == [], "nothing goes out before all is back")
        fixture.checkInvariants()
        #expect(other.bodies() == (0..<100).map { "\($0)" } + ["newer"])
        #expect(fixture.broker.returns.isEmpty && fixture.queue("q")?.returningChannelCount == 0)
        #expect(fixture.broker.residentBytes == 0)
    }

    @Test func whatIsOnItsWayIsSettledForTheClient() throws {
        let client = try holder()
        client.cancel("t")
        try client.channel.reject(50, multiple: true, requeue: true)
        #expect(failure { try client.channel.acknowledge(20, multiple: false) } == .unknownDeliveryTag(20))
        #expect(failure { try client.channel.acknowledge(20, multiple: true) } == .unknownDeliveryTag(20))
        try client.channel.acknowledge(60, multiple: false)
        oneTurn()
        #expect(fixture.queue("q")?.readyCount == 10)
        // What says something about many must not meet those that are on their way.
        try client.channel.acknowledge(70, multiple: true)
        #expect(fixture.queue("q")?.readyCount == 50 && fixture.queue("q")?.unackedCount == 30)
        #expect(fixture.broker.returns.isEmpty)
        #expect(try client.drain("q") == (0..<50).map { "\($0)" })
    }

    @Test func recoverMeanwhileTakesTheRestAlong() throws {
        let client = try holder()
        try client.channel.reject(50, multiple: true, requeue: true)
        try client.channel.recover(requeue: true)
        oneTurn()
        #expect(client.received() == [])
        #expect(client.bodies() == (0..<100).map { "\($0)" })
    }

    @Test func purgeAndDeletionMeanwhile() throws {
        let client = try holder()
        client.connection.close()
        oneTurn()
        let other = fixture.client()
        #expect(try other.purge("q") == 10)
        fixture.turn()
        #expect(fixture.queue("q")?.readyCount == 90)
        try other.consume("q", tag: "t")
        #expect(other.next().count == 90)
        other.connection.close()
        oneTurn()
        let last = fixture.client()
        _ = try last.deleteQueue("q")
        fixture.turn()
        #expect(fixture.broker.residentBytes == 0 && fixture.broker.returns.isEmpty)
    }
}
