// Consumers, fetching and settling.
// Next: AMQPDeliveries.swift, DeliveryBuffer.swift.

import NIOCore
import Wire

extension AMQPChannel {
    /// Limits what consumers started from now on may hold unacknowledged.
    /// - Parameters:
    ///   - prefetchCount: 0 means no limit.
    ///   - isGlobal: one limit for the whole channel instead of one for each consumer.
    public func qos(prefetchCount: UInt16, isGlobal: Bool = false) async throws {
        try await call(
            encode(BasicQos(prefetchBytes: 0, prefetchCount: prefetchCount, isGlobal: isGlobal)), replies: [.basicQosOK]
        ) { _, _, _ in }
    }

    /// Starts a consumer.
    ///
    /// ```swift
    /// try await channel.qos(prefetchCount: 10)
    /// for try await delivery in try await channel.consume("tasks") {
    ///     …
    ///     try await delivery.ack()
    /// }
    /// ```
    /// - Parameters:
    ///   - consumerTag: empty has this side make one.
    ///   - noAck: deliveries count as settled when they are sent.
    public func consume(
        _ queue: String, consumerTag: String = "", noAck: Bool = false, exclusive: Bool = false,
        arguments: FieldTable = FieldTable()
    ) async throws -> AMQPDeliveries {
        try checkNames(queue, consumerTag)
        // Made here, not by the server: deliveries may follow consume-ok in the same packet, and their
        // buffer has to be known by then.
        let tag = consumerTag.isEmpty ? "taskd-\(number)-\(UInt64.random(in: 0 ... .max))" : consumerTag
        let link = link
        let buffer = DeliveryBuffer { count in link.execute { $0.noteBuffered(-count) } }
        let frame = withNames(queue, tag) { queue, tag in
            withTable(arguments) {
                encode(
                    BasicConsume(
                        queue: queue, consumerTag: tag, noAck: noAck, exclusive: exclusive, arguments: $0))
            }
        }
        let state = state
        try await link.run { _ in state.value.addConsumer(tag, buffer) }
        try await call(frame, replies: [.basicConsumeOK]) { _, _, _ in }
        return AMQPDeliveries(consumerTag: tag, buffer: buffer, channel: self, needsAck: !noAck)
    }

    /// Fetches one message; nil when the queue is empty.
    public func get(_ queue: String, noAck: Bool = false) async throws -> AMQPDelivery? {
        try checkNames(queue)
        let frame = withNames(queue) { encode(BasicGet(queue: $0, noAck: noAck)) }
        let state = state
        let number = number
        return try await link.wait { (handler: AMQPConnectionHandler, promise: EventLoopPromise<AMQPDelivery?>) in
            if let error = handler.error(on: number, state.value) { return promise.fail(error) }
            var call = PendingCall(replies: [.basicGetOK, .basicGetEmpty]) { result in
                promise.completeWith(result.map { _ in nil }.mapError { $0 as any Error })
            }
            call.completeGet = { promise.succeed($0) }
            state.value.enqueue(call)
            handler.send(frame)
            handler.updateReading()
        }
    }

    /// Settles a delivery, or all up to it.
    public func ack(_ deliveryTag: UInt64, multiple: Bool = false) async throws {
        try await send(encode(BasicAck(deliveryTag: deliveryTag, multiple: multiple)))
    }

    /// Refuses a delivery, or all up to it (RabbitMQ's extension).
    public func nack(_ deliveryTag: UInt64, multiple: Bool = false, requeue: Bool = true) async throws {
        try await send(encode(BasicNack(deliveryTag: deliveryTag, multiple: multiple, requeue: requeue)))
    }

    /// Refuses a delivery.
    public func reject(_ deliveryTag: UInt64, requeue: Bool) async throws {
        try await send(encode(BasicReject(deliveryTag: deliveryTag, requeue: requeue)))
    }

    /// Ends a consumer; what it had buffered goes back to the queue.
    func cancel(_ deliveries: AMQPDeliveries) async throws {
        let tag = deliveries.consumerTag
        try await call(withNames(tag) { encode(BasicCancel(consumerTag: $0)) }, replies: [.basicCancelOK]) {
            _, _, state in _ = state.removeConsumer(tag)
        }
        for delivery in deliveries.buffer.drain() where deliveries.needsAck {
            try await reject(delivery.deliveryTag, requeue: true)
        }
    }

    /// The same without anybody waiting: an iterator went away.
    func abandon(_ deliveries: AMQPDeliveries) {
        let state = state
        let number = number
        link.execute { handler in
            let left = deliveries.buffer.drain()
            let wasConsuming = state.value.removeConsumer(deliveries.consumerTag)
            guard handler.error(on: number, state.value) == nil else { return }
            if wasConsuming {
                withNames(deliveries.consumerTag) {
                    handler.send(channel: number, BasicCancel(consumerTag: $0, noWait: true))
                }
            }
            for delivery in left where deliveries.needsAck {
                handler.send(channel: number, BasicReject(deliveryTag: delivery.deliveryTag, requeue: true))
            }
        }
    }
}
