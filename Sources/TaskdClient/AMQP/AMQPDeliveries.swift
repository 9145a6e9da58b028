// What a consumer receives, as an asynchronous sequence.
// Next: AMQPChannel.swift.

/// Deliveries of one consumer. Iterate once.
///
/// Back-pressure: with acknowledgements the server sends no more than the prefetch count allows, so at most
/// that many are buffered here. Without, the socket is left unread while too many are buffered.
///
/// Ending the iteration (leaving the loop, cancelling its task) cancels the consumer; what was buffered and
/// not taken goes back to the queue. The sequence ends when the server cancels the consumer (its queue was
/// deleted) and throws when channel or connection end with an error.
public struct AMQPDeliveries: AsyncSequence, Sendable {
    public typealias Element = AMQPDelivery

    public let consumerTag: String
    let buffer: DeliveryBuffer
    let channel: AMQPChannel
    let needsAck: Bool

    /// Stops the consumer; the loop that iterates ends.
    public func cancel() async throws {
        try await channel.cancel(self)
    }

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Cancels the consumer when it goes away.
    public final class Iterator: AsyncIteratorProtocol {
        private let deliveries: AMQPDeliveries

        init(_ deliveries: AMQPDeliveries) { self.deliveries = deliveries }

        deinit { deliveries.channel.abandon(deliveries) }

        public func next() async throws -> AMQPDelivery? { try await deliveries.buffer.next() }
    }
}
