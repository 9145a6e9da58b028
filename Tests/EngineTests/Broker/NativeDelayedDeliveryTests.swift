// Celery's native delayed delivery, as kombu declares it: a chain of 28 quorum queues, one for each bit of the number of
// seconds, each with a time-to-live of 2^level seconds and the next level as its dead-letter exchange. The routing key begins
// with the bits; topic bindings lead past the levels whose bit is 0. Time here passes as fast as the test likes.

import Testing
import Wire

@testable import Engine

private let levels = 28

struct NativeDelayedDeliveryTests {
    private let fixture = BrokerFixture()

    private func level(_ number: Int) -> String { number < 0 ? "celery_delayed_delivery" : "celery_delayed_\(number)" }

    /// What a worker declares at its start.
    private func setUp() throws -> BrokerClient {
        let client = fixture.client()
        for number in (-1..<levels).reversed() { try client.exchange(level(number), "topic", durable: true) }
        for number in (0..<levels).reversed() {
            let anyBefore = String(repeating: "*.", count: levels - 1 - number)
            try client.declare(
                level(number), durable: true,
                [
                    "x-queue-type": .string("quorum"), "x-overflow": .string("reject-publish"),
                    "x-message-ttl": .int64(1_000 << number), "x-dead-letter-exchange": .string(level(number - 1)),
                    "x-dead-letter-strategy": .string("at-least-once"),
                ])
            try client.bind(level(number), level(number), anyBefore + "1.#")
            try client.bindExchange(level(number - 1), level(number), anyBefore + "0.#")
        }
        try client.exchange("tasks", "topic", durable: true)
        try client.declare("tasks", durable: true, ["x-queue-type": .string("quorum")])
        try client.bindExchange("tasks", level(-1), "#.tasks")
        try client.bind("tasks", "tasks", "#.tasks")
        return client
    }

    /// The routing key of a task with a countdown.
    private func key(_ seconds: Int) -> String {
        (0..<levels).reversed().map { "\(seconds >> $0 & 1)." }.joined() + "tasks"
    }

    @Test(arguments: [1, 2, 3, 59, 60, 255, 3_600, 86_399, 86_400, 1 << 27, (1 << 28) - 1])
    func taskArrivesWhenItsCountdownIsOver(seconds: Int) throws {
        let client = try setUp()
        var properties = BasicProperties()
        properties.deliveryMode = 2
        try client.publish("late", to: key(seconds), exchange: level(levels - 1), properties)
        fixture.turn()
        var left = Int64(seconds) * 1_000
        for number in (0..<levels).reversed() where seconds >> number & 1 == 1 {
            #expect(fixture.queue(level(number))?.readyCount == 1, "it waits in the queue of \(1 << number) s")
            fixture.advance(1_000 << number - 1)
            #expect(fixture.queue(level(number))?.readyCount == 1)
            #expect(fixture.queue("tasks")?.readyCount == 0)
            fixture.advance(1)
            left -= 1_000 << number
        }
        #expect(left == 0)
        let late = try client.get("tasks")
        #expect(late.body == "late")
        #expect(client.lastExchange == level(seconds.trailingZeroBitCount - 1), "of its last dead-lettering")
        for number in 0..<levels { #expect(fixture.queue(level(number))?.messageCount == 0) }
    }

    @Test func taskWithoutCountdownArrivesAtOnce() throws {
        let client = try setUp()
        try client.publish("now", to: key(0), exchange: level(levels - 1))
        fixture.turn()
        #expect(try client.get("tasks").body == "now")
    }
}
