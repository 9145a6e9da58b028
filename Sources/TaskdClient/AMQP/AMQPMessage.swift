// What is published and what comes back.
// Next: AMQPChannel.swift.

import NIOCore
import Wire

/// A message that `get` fetched or a consumer received.
public struct AMQPDelivery: Sendable {
    /// Empty for `get`.
    public let consumerTag: String
    public let deliveryTag: UInt64
    public let redelivered: Bool
    public let exchange: String
    public let routingKey: String
    public let properties: BasicProperties
    public let body: ByteBuffer
    /// For `get`: ready messages that are left.
    public let messageCount: UInt32
    let channel: AMQPChannel

    /// Settles it. Done once its bytes are on their way: the protocol has no answer.
    public func ack(multiple: Bool = false) async throws {
        try await channel.ack(deliveryTag, multiple: multiple)
    }

    /// Refuses it: back into the queue, or dropped (dead-lettered where the queue says so).
    public func reject(requeue: Bool) async throws {
        try await channel.nack(deliveryTag, multiple: false, requeue: requeue)
    }
}

/// A mandatory message that no queue took.
public struct AMQPReturn: Sendable {
    public let replyCode: UInt16
    public let replyText: String
    public let exchange: String
    public let routingKey: String
    public let properties: BasicProperties
    public let body: ByteBuffer
}

/// What `declareQueue` answers.
public struct QueueStatus: Equatable, Sendable {
    public let name: String
    /// Ready messages.
    public let messageCount: UInt32
    public let consumerCount: UInt32
}

/// Kinds of exchanges; plug-ins may add others.
public struct ExchangeType: RawRepresentable, Sendable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public static let direct = ExchangeType(rawValue: "direct")
    public static let fanout = ExchangeType(rawValue: "fanout")
    public static let topic = ExchangeType(rawValue: "topic")
    public static let headers = ExchangeType(rawValue: "headers")
}

extension BasicProperties {
    /// Survives a restart of the server when its queue does.
    public static var persistent: BasicProperties {
        var properties = BasicProperties()
        properties.deliveryMode = 2
        return properties
    }
}
