// Deliveries that nobody acknowledges in time close their channel.

import Testing
import Wire

@testable import Engine

@Suite struct AckTimeoutTests {
    private let fixture = BrokerFixture()

    /// Channels that were closed, and why.
    private final class Closes {
        var errors: [BrokerError] = []
    }

    private func client(_ closes: Closes) -> BrokerClient {
        let client = fixture.client()
        client.connection.failChannel = { channel, error in
            closes.errors.append(error)
            channel.close()
        }
        return client
    }

    /// Time passes in steps in which every sweep is due.
    private func pass(_ milliseconds: Int64) {
        for _ in 0..<milliseconds / 10_000 { fixture.advance(10_000) }
    }

    @Test func closesChannelAndGivesBack() throws {
        let closes = Closes()
        let client = client(closes)
        try client.declare("q")
        try client.publish("m", to: "q")
        try client.consume("q", tag: "t")
        #expect(client.bodies() == ["m"])
        pass(1_800_000)
        #expect(closes.errors == [])
        pass(120_000)
        #expect(closes.errors == [.deliveryTimeout(channel: 1, milliseconds: 1_800_000)])
        #expect(
            closes.errors.first?.replyText
                == "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms. "
                + "This timeout value can be configured, see consumers doc guide to learn more")
        #expect(fixture.queue("q")?.readyCount == 1)
        #expect(fixture.queue("q")?.ready[0].isRedelivered == true)
        pass(4_000_000)
        #expect(closes.errors.count == 1)
    }

    @Test func whoAcknowledgesInTimeIsLeftAlone() throws {
        let closes = Closes()
        let client = client(closes)
        try client.declare("q")
        try client.prefetch(2)
        try client.consume("q", tag: "t")
        for number in 0..<20 as Range<UInt64> {
            try client.publish("m", to: "q")
            _ = client.next()
            pass(600_000)
            if number > 0 { try client.channel.acknowledge(number, multiple: false) }
        }
        #expect(closes.errors == [], "each was held for 20 minutes")
        pass(1_920_000)
        #expect(closes.errors.count == 1)
    }

    /// Goal: a late one is found however many came and went behind it.
    @Test func oneForgottenMessageCloses() throws {
        let closes = Closes()
        let client = client(closes)
        try client.declare("q")
        try client.consume("q", tag: "t")
        try client.publish("forgotten", to: "q")
        for number in 2..<200 as Range<UInt64> {
            try client.publish("m", to: "q")
            _ = client.next()
            try client.channel.acknowledge(number, multiple: false)
            pass(10_000)
            if !closes.errors.isEmpty {
                #expect((180...192).contains(number), "\(number)")
                return
            }
        }
        Issue.record("never closed")
    }

    @Test func fetchedMessagesCountAndUnacknowledgedOnesDoNot() throws {
        let closes = Closes()
        let client = client(closes)
        try client.declare("q")
        for _ in 0..<2 { try client.publish("m", to: "q") }
        _ = try client.get("q", noAck: true)
        pass(2_000_000)
        #expect(closes.errors == [])
        _ = try client.get("q", noAck: false)
        pass(2_000_000)
        #expect(closes.errors.count == 1)
    }

    @Test func queuesHaveTheirOwn() throws {
        let closes = Closes()
        let client = client(closes)
        try client.declare("short", ["x-consumer-timeout": 20_000])
        try client.declare("never", ["x-consumer-timeout": 0])
        try client.declare("plain")
        for name in ["never", "plain", "short"] {
            try client.publish("m", to: name)
            _ = try client.get(name, noAck: false)
        }
        pass(20_000)
        #expect(closes.errors == [])
        pass(20_000)
        #expect(closes.errors == [.deliveryTimeout(channel: 1, milliseconds: 20_000)])

        let other = self.client(closes)
        _ = try other.get("never", noAck: false)
        pass(8_000_000)
        #expect(closes.errors.count == 1)
    }

    @Test func canBeSwitchedOff() throws {
        let closes = Closes()
        fixture.context.configuration.consumerTimeoutMilliseconds = 0
        let client = client(closes)
        try client.declare("q")
        try client.publish("m", to: "q")
        _ = try client.get("q", noAck: false)
        #expect(fixture.broker.nextDeadline == nil)
        pass(8_000_000)
        #expect(closes.errors == [])
    }

    @Test func refusesArgument() {
        let client = fixture.client()
        #expect(failure { try client.declare("q", ["x-consumer-timeout": -1]) }?.code == 406)
        #expect(failure { try client.declare("q", ["x-consumer-timeout": "1"]) }?.code == 406)
    }

    /// Goal: marks are few, and never say that something is older than it is.
    @Test(arguments: 1...10 as ClosedRange<UInt64>) func marksNeverLie(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var marks = DeliveryMarks()
        var delivered: [Int64] = []
        var first: UInt64 = 1
        for now in 0..<2_000 as Range<Int64> {
            for _ in 0..<Int.random(in: 0...3, using: &random) { delivered.append(now) }
            first = min(UInt64(delivered.count), first + UInt64.random(in: 0...1, using: &random))
            marks.note(next: UInt64(delivered.count) + 1, first: max(1, first), now: now)
            let age = Int64.random(in: 0...1_500, using: &random)
            let end = marks.tag(olderThan: age, now: now)
            if end > 1 { #expect(delivered[Int(end) - 2] <= now - age) }
        }
    }
}
