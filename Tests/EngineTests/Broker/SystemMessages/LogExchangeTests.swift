// Log lines as messages: under their level, and never about their own publishing.

import Testing
import Wire

@testable import Engine

@Suite struct LogExchangeTests {
    private let fixture = BrokerFixture { $0.hasLogExchange = true }

    private func listen(_ arguments: FieldTable = [:]) throws -> BrokerClient {
        let client = fixture.client()
        try client.declare("lines", arguments)
        try client.bind("lines", "amq.rabbitmq.log", "#")
        return client
    }

    @Test func linesComeUnderTheirLevel() throws {
        let client = try listen()
        fixture.broker.publishLogLine(level: "warning", contentType: "text/plain", "a line\n")
        fixture.turn()
        let message = try #require(fixture.queue("lines")?.ready.first?.message)
        #expect(message.routingKey.string == "warning")
        let properties = try BasicProperties(message.properties)
        #expect(properties.contentType == Array("text/plain".utf8))
        #expect(properties.timestamp == UInt64(fixture.context.time.wallMilliseconds / 1_000))
        #expect(properties.headers?["node"]?.text == "taskd@localhost")
        #expect(try client.drain("lines") == ["a line\n"])
    }

    /// Goal: a line that publishing a line brings about is not published. Method: what is published after it is, in the
    /// same turn, the line of a sink that publishes whatever it gets.
    @Test func neverAboutItself() throws {
        _ = try listen()
        fixture.context.log.sink = { [broker = fixture.broker] _, text, _ in
            broker.publishLogLine(level: "info", contentType: "text/plain", text)
        }
        let big = String(repeating: "x", count: Limits.systemMessagesPendingBytesMax / 2)
        for _ in 0..<3 { fixture.broker.publishLogLine(level: "info", contentType: "text/plain", big) }
        fixture.turn()
        // One has room; that the others are dropped is said to the sink while publishing.
        #expect(fixture.queue("lines")?.readyCount == 1)
        #expect(!fixture.broker.systemMessages.hasWork)
        fixture.context.log.sink = { _, _, _ in }
    }

    @Test func nothingWithoutTheExchange() {
        let quiet = BrokerFixture()
        quiet.broker.publishLogLine(level: "info", contentType: "text/plain", "x")
        #expect(!quiet.broker.systemMessages.hasWork)
    }
}
