import NIOCore
import TestServers
import Testing

@testable import TaskdClient

/// A connection and a channel for one test, and a name of its own.
private func withChannel(
    _ body: (AMQPConnection, AMQPChannel, String) async throws -> Void
) async throws {
    let connection = try await AMQPConnection.connect(TestServers.shared!.amqp)
    let channel = try await connection.openChannel()
    try await body(connection, channel, "test-\(UInt64.random(in: 0 ... .max))")
    try await connection.close()
}

/// Against the daemon, or the server that TASKD_TEST_AMQP names.
@Suite(.enabled(if: TestServers.areAvailable, "the daemon is not built"), .timeLimit(.minutes(5)))
struct AMQPEndToEndTests {
    @Test func handshakeTellsTheServersName() async throws {
        try await withChannel { connection, channel, _ in
            #expect(connection.serverProperties["product"]?.text == "RabbitMQ")
            #expect(connection.serverProperties["capabilities"]?.table?["publisher_confirms"]?.boolean == true)
            try await channel.close()
            try await channel.close()
            let second = try await connection.openChannel()
            #expect(second.number > channel.number)
        }
    }

    @Test func wrongPasswordIsRefused() async throws {
        var configuration = try AMQPConfiguration(url: TestServers.shared!.amqp)
        configuration.password = "wrong"
        await #expect(throws: AMQPClientError.authenticationFailed) {
            _ = try await AMQPConnection.connect(configuration)
        }
        configuration.password = "guest"
        configuration.virtualHost = "none"
        await #expect(throws: AMQPClientError.self) { _ = try await AMQPConnection.connect(configuration) }
    }

    /// Bodies around every frame boundary come back as they went, with their properties.
    @Test func messagesComeBackIntact() async throws {
        try await withChannel { _, channel, name in
            try await channel.declareQueue(name, exclusive: true)
            try await channel.confirmSelect()
            for size in [0, 1, 131_063, 131_064, 131_065, 262_128, 1_000_000] {
                let body = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) })
                var properties = BasicProperties.persistent
                properties.headers = ["size": .int64(Int64(size)), "nested": .table(["a": .array([.void, "b"])])]
                properties.correlationID = Array("id".utf8)
                properties.priority = 3
                try await channel.publish(body, routingKey: name, properties: properties).confirmed()
                let delivery = try #require(try await channel.get(name))
                #expect(delivery.body == body, "\(size) bytes")
                #expect(delivery.properties == properties)
                #expect(delivery.exchange == "" && delivery.routingKey == name && !delivery.redelivered)
                try await delivery.ack()
            }
            #expect(try await channel.get(name) == nil)
        }
    }

    @Test func manyMessagesKeepTheirOrder() async throws {
        try await withChannel { connection, channel, name in
            let count = 5_000
            try await channel.declareQueue(name, exclusive: true)
            try await channel.confirmSelect()
            let consuming = try await connection.openChannel()
            try await consuming.qos(prefetchCount: 100)
            let deliveries = try await consuming.consume(name)
            async let received = { () async throws -> [String] in
                var bodies: [String] = []
                for try await delivery in deliveries {
                    bodies.append(String(buffer: delivery.body))
                    try await delivery.ack()
                    if bodies.count == count { break }
                }
                return bodies
            }()
            var confirmations: [PublishConfirmation] = []
            for number in 0..<count {
                confirmations.append(try await channel.publish("\(number)", routingKey: name))
            }
            for confirmation in confirmations { try await confirmation.confirmed() }
            #expect(try await received == (0..<count).map(String.init))
            let left = try await channel.declareQueue(name, passive: true)
            #expect(left.messageCount == 0)
        }
    }

    /// Prefetch is what arrives unacknowledged; what was buffered goes back when the loop is left.
    @Test func prefetchBoundsWhatIsDelivered() async throws {
        try await withChannel { connection, channel, name in
            try await channel.declareQueue(name, exclusive: true)
            for number in 0..<20 { try await channel.publish("\(number)", routingKey: name) }
            let consuming = try await connection.openChannel()
            try await consuming.qos(prefetchCount: 5)
            for try await delivery in try await consuming.consume(name) {
                #expect(String(buffer: delivery.body) == "0")
                try await Task.sleep(for: .milliseconds(100))
                #expect(try await channel.declareQueue(name, passive: true).messageCount == 15)
                try await delivery.ack()
                break
            }
            var status = try await channel.declareQueue(name, passive: true)
            for _ in 0..<50 where status.messageCount != 19 || status.consumerCount != 0 {
                try await Task.sleep(for: .milliseconds(20))
                status = try await channel.declareQueue(name, passive: true)
            }
            #expect(status.messageCount == 19 && status.consumerCount == 0)
            #expect(try await channel.get(name, noAck: true).map { String(buffer: $0.body) } == "1")
        }
    }

    /// Without acknowledgements nothing but the buffer's bound slows the server down: all of it still comes,
    /// also while the consuming task makes calls of its own.
    @Test func slowConsumerWithoutAckGetsEverything() async throws {
        var configuration = try AMQPConfiguration(url: TestServers.shared!.amqp)
        configuration.bufferedDeliveriesMax = 50
        let connection = try await AMQPConnection.connect(configuration)
        let channel = try await connection.openChannel()
        let name = "test-\(UInt64.random(in: 0 ... .max))"
        try await channel.declareQueue(name, exclusive: true)
        for number in 0..<2_000 { try await channel.publish("\(number)", routingKey: name) }
        var next = 0
        let body = String(repeating: "x", count: 100)
        for try await delivery in try await channel.consume(name, noAck: true) {
            #expect(String(buffer: delivery.body) == "\(next)")
            next += 1
            if next % 100 == 0 {
                try await channel.declareQueue(name, passive: true)
                try await channel.publish(body, routingKey: "nowhere")
            }
            if next == 2_000 { break }
        }
        #expect(next == 2_000)
        try await connection.close()
    }

    @Test func settlingDecidesWhereMessagesGo() async throws {
        try await withChannel { _, channel, name in
            try await channel.declareQueue(name, exclusive: true)
            for text in ["a", "b", "c"] { try await channel.publish(text, routingKey: name) }
            var first = try #require(try await channel.get(name))
            #expect(first.messageCount == 2)
            try await first.reject(requeue: true)
            first = try #require(try await channel.get(name))
            #expect(first.redelivered && String(buffer: first.body) == "a")
            try await channel.reject(first.deliveryTag, requeue: false)
            _ = try await channel.get(name)
            let last = try #require(try await channel.get(name))
            try await channel.nack(last.deliveryTag, multiple: true, requeue: true)
            #expect(try await channel.purgeQueue(name) == 2)
            #expect(try await channel.deleteQueue(name) == 0)
        }
    }

    @Test func exchangesRouteByBinding() async throws {
        try await withChannel { _, channel, name in
            let exchange = "\(name)-x"
            try await channel.declareExchange(exchange, type: .topic, autoDelete: true)
            let queue = try await channel.declareQueue(exclusive: true).name
            #expect(queue.hasPrefix("amq.gen-"))
            try await channel.bindQueue(queue, exchange: exchange, routingKey: "a.*")
            try await channel.publish("1", exchange: exchange, routingKey: "a.b")
            try await channel.publish("2", exchange: exchange, routingKey: "b.b")
            #expect(try await channel.get(queue, noAck: true).map { String(buffer: $0.body) } == "1")
            #expect(try await channel.get(queue, noAck: true) == nil)
            try await channel.unbindQueue(queue, exchange: exchange, routingKey: "a.*")
            try await channel.deleteExchange(exchange)
        }
    }

    @Test func mandatoryMessagesComeBack() async throws {
        try await withChannel { connection, channel, name in
            try await channel.confirmSelect()
            let confirmation = try await channel.publish("x", routingKey: name, mandatory: true)
            await #expect(throws: AMQPClientError.returned(code: 312, text: "NO_ROUTE")) {
                try await confirmation.confirmed()
            }
            let plain = try await connection.openChannel()
            let (stream, continuation) = AsyncStream.makeStream(of: AMQPReturn.self)
            try await plain.onReturn { continuation.yield($0) }
            try await plain.publish("y", routingKey: name, mandatory: true)
            var iterator = stream.makeAsyncIterator()
            let returned = await iterator.next()
            #expect(returned?.replyCode == 312 && returned.map { String(buffer: $0.body) } == "y")
        }
    }

    /// An error closes the channel with the server's words; the connection lives on.
    @Test func channelErrorsCloseTheChannelOnly() async throws {
        try await withChannel { connection, channel, name in
            let text = "NOT_FOUND - no queue '\(name)' in vhost '/'"
            await #expect(throws: AMQPClientError.channelClosed(code: 404, text: text)) {
                try await channel.declareQueue(name, passive: true)
            }
            await #expect(throws: AMQPClientError.channelClosed(code: 404, text: text)) {
                try await channel.publish("x", routingKey: name)
            }
            let second = try await connection.openChannel()
            try await second.declareQueue(name, exclusive: true)
            let deliveries = try await second.consume(name)
            try await second.deleteQueue(name)
            // The server cancels the consumer: the sequence ends.
            for try await _ in deliveries { Issue.record("nothing was published") }
        }
    }

    @Test func cancellingTheTaskEndsTheLoop() async throws {
        try await withChannel { _, channel, name in
            try await channel.declareQueue(name, exclusive: true)
            let deliveries = try await channel.consume(name)
            let task = Task { for try await _ in deliveries {} }
            try await Task.sleep(for: .milliseconds(50))
            task.cancel()
            try await task.value
            for _ in 0..<50 where try await channel.declareQueue(name, passive: true).consumerCount > 0 {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await channel.declareQueue(name, passive: true).consumerCount == 0)
            let other = try await channel.consume(name)
            try await other.cancel()
            for try await _ in other { Issue.record("cancelled") }
        }
    }

    /// A heartbeat of one second keeps an idle connection alive.
    @Test func heartbeatsKeepAnIdleConnection() async throws {
        var configuration = try AMQPConfiguration(url: TestServers.shared!.amqp)
        configuration.heartbeatSeconds = 1
        let connection = try await AMQPConnection.connect(configuration)
        try await Task.sleep(for: .milliseconds(3_500))
        let channel = try await connection.openChannel()
        try await channel.close()
        try await connection.close()
        #expect(await connection.closed() == .connectionClosed(code: 200, text: "closed by this side"))
        await #expect(throws: AMQPClientError.self) { _ = try await connection.openChannel() }
    }
}
