// Why the broker refused an operation: reply code, scope and the text in RabbitMQ's words, which clients match.
// The texts are made here, when they are sent, and nowhere else. Never thrown on the way of a message that is
// accepted. Next: VirtualHost.swift and BrokerChannel.swift, which throw these.

import Wire

/// What an error is about, as it reads in a text: `queue 'q' in vhost '/'`.
struct ResourceName: Equatable {
    enum Kind: String {
        case queue, exchange
    }

    let kind: Kind
    let name: String
    let virtualHost: String

    static func queue(_ name: ByteSlice, in host: VirtualHost) -> ResourceName {
        ResourceName(kind: .queue, name: name.string, virtualHost: host.name.string)
    }

    static func exchange(_ name: ByteSlice, in host: VirtualHost) -> ResourceName {
        ResourceName(kind: .exchange, name: name.string, virtualHost: host.name.string)
    }

    var text: String { "\(kind.rawValue) '\(name)' in vhost '\(virtualHost)'" }
}

/// Why the broker refused.
enum BrokerError: Error, Equatable {
    case notFound(ResourceName)
    case queueLimit(name: String, virtualHost: String, limit: Int64)
    case noPreviouslyDeclaredQueue
    /// Exclusive to another connection.
    case locked(ResourceName)
    /// Redeclared with something else: argument, then what came and what is, in words.
    case inequivalent(argument: String, ResourceName, received: String, current: String)
    case invalidArgument(key: String, ResourceName, reason: String)
    /// An argument that the type of queue does not know.
    case unsupportedArgument(key: String, ResourceName, queueType: String)
    /// A property of the declaration that quorum queues do not have.
    case invalidProperty(String, ResourceName)
    /// The type of queue has no names made by the server.
    case serverNamed(queueType: String)
    case streamSegmentTooLarge
    case streamFilterSize
    case streamWithoutPrefetch(ResourceName)
    case streamWithoutAcks(ResourceName)
    case getOnStream(ResourceName)
    case purgeOnStream(ResourceName)
    case invalidArgumentType(key: String, ResourceName, type: String)
    case reservedPrefix(kind: ResourceName.Kind, name: String)
    case defaultExchange
    case systemExchange(ResourceName)
    case unknownExchangeType(String)
    case invalidBindingArgument(String)
    /// The type of the exchange does not take a binding like this; why, in words.
    case invalidBinding(String)
    /// The type of the exchange does not take arguments like these; why, in words.
    case invalidExchange(String)
    case inUse(ResourceName)
    case notEmpty(ResourceName)
    case internalExchange(ResourceName)
    case exclusiveUse(ResourceName)
    case consumerTagInUse(String)
    case unknownDeliveryTag(UInt64)
    /// A message was not acknowledged in time.
    case deliveryTimeout(channel: UInt16, milliseconds: Int64)
    case invalidExpiration(String, reason: String)
    case invalidMessage(String)
    case messageTooLarge(size: Int, max: Int)
    case transactionTooLarge(max: Int)
    /// Committed but for what queues have refused.
    case partialTransaction
    case prefetchSize(UInt32)
    case globalPrefetchUnsupported(ResourceName)
    case ifUnusedOnQuorum(ResourceName)
    case ifEmptyOnQuorum(ResourceName)
    case recoverWithoutRequeue
    case cannotSwitchMode(from: String, to: String)
    case notTransactional
    case immediate
    case replyConsumerMissing
    case replyConsumerExists
    case replyConsumerAcks
    case channelFlowStop
    /// What was asked for has to be in the log, which takes nothing any more; why, in words.
    case logFailed(String)

    /// One of Wire's `ReplyCode`.
    var code: UInt16 {
        switch self {
        case .notFound, .noPreviouslyDeclaredQueue: ReplyCode.notFound
        case .locked: ReplyCode.resourceLocked
        case .reservedPrefix, .defaultExchange, .systemExchange, .internalExchange, .exclusiveUse:
            ReplyCode.accessRefused
        case .consumerTagInUse: ReplyCode.notAllowed
        case .unknownExchangeType: ReplyCode.commandInvalid
        case .prefetchSize, .recoverWithoutRequeue, .immediate, .globalPrefetchUnsupported, .ifUnusedOnQuorum,
            .ifEmptyOnQuorum, .channelFlowStop, .streamWithoutAcks, .getOnStream, .purgeOnStream:
            ReplyCode.notImplemented
        case .logFailed: ReplyCode.internalError
        default: ReplyCode.preconditionFailed
        }
    }

    /// Hard errors close the connection, soft ones the channel (specification 1.2).
    var closesConnection: Bool { code >= ReplyCode.frameError }

    /// The whole reply text: constant's name, dash, explanation.
    var replyText: String { "\(ReplyCode.name(code)) - \(explanation)" }

    private var explanation: String {
        switch self {
        case .notFound(let resource): "no \(resource.text)"
        case .queueLimit(let name, let virtualHost, let limit):
            "cannot declare queue '\(name)': queue limit in vhost '\(virtualHost)' (\(limit)) is reached"
        case .noPreviouslyDeclaredQueue: "no previously declared queue"
        case .locked(let resource):
            """
            cannot obtain exclusive access to locked \(resource.text). It could be originally declared on another \
            connection or the exclusive property value does not match that of the original declaration.
            """
        case .inequivalent(let argument, let resource, let received, let current):
            "inequivalent arg '\(argument)' for \(resource.text): received \(received) but current is \(current)"
        case .invalidArgument(let key, let resource, let reason):
            "invalid arg '\(key)' for \(resource.text): \(reason)"
        case .unsupportedArgument(let key, let resource, let queueType):
            "invalid arg '\(key)' for \(resource.text) of queue type \(queueType)"
        case .invalidProperty(let property, let resource): "invalid property '\(property)' for \(resource.text)"
        case .serverNamed(let queueType): "Cannot declare a server-named queue for type \(queueType)"
        case .streamSegmentTooLarge: "Exceeded max value for x-stream-max-segment-size-bytes"
        // Both blanks are RabbitMQ's.
        case .streamFilterSize: "Invalid value for  x-stream-filter-size-bytes"
        case .streamWithoutPrefetch(let resource): "consumer prefetch count is not set for '\(resource.text)'"
        case .streamWithoutAcks(let resource):
            "automatic acknowledgement not supported by stream queues \(resource.text)"
        case .getOnStream(let resource): "basic.get not supported by stream queues \(resource.text)"
        case .purgeOnStream(let resource): "queue.purge not supported by stream queues \(resource.text)"
        case .systemExchange(let resource): "deletion of system \(resource.text) not allowed"
        case .invalidArgumentType(let key, let resource, let type):
            "invalid type '\(type)' for arg '\(key)' in \(resource.text)"
        case .reservedPrefix(let kind, let name):
            "\(kind.rawValue) name '\(name)' contains reserved prefix 'amq.*'"
        case .defaultExchange: "operation not permitted on the default exchange"
        case .unknownExchangeType(let type): "unknown exchange type '\(type)'"
        case .invalidBindingArgument(let text), .invalidBinding(let text), .invalidExchange(let text): text
        case .inUse(let resource): "\(resource.text) in use"
        case .notEmpty(let resource): "\(resource.text) not empty"
        case .internalExchange(let resource): "cannot publish to internal \(resource.text)"
        case .exclusiveUse(let resource): "\(resource.text) in exclusive use"
        case .consumerTagInUse(let tag): "attempt to reuse consumer tag '\(tag)'"
        case .unknownDeliveryTag(let tag): "unknown delivery tag \(tag)"
        case .deliveryTimeout(let channel, let milliseconds):
            """
            delivery acknowledgement on channel \(channel) timed out. Timeout value used: \(milliseconds) ms. This \
            timeout value can be configured, see consumers doc guide to learn more
            """
        case .invalidExpiration(let value, let reason): "invalid expiration '\(value)': \(reason)"
        case .invalidMessage(let reason): "invalid message: \(reason)"
        case .messageTooLarge(let size, let max): "message size \(size) is larger than configured max size \(max)"
        case .transactionTooLarge(let max): "transaction is larger than max size \(max)"
        case .partialTransaction: "partial tx completion"
        case .prefetchSize(let size): "prefetch_size!=0 (\(size))"
        case .globalPrefetchUnsupported(let resource): "\(resource.text) does not support global qos"
        case .ifUnusedOnQuorum(let resource):
            """
            cannot delete \(resource.text). queue.delete operations with if-unused flag set are not supported by \
            quorum queues
            """
        case .ifEmptyOnQuorum(let resource):
            """
            cannot delete \(resource.text). queue.delete operations with if-empty flag set are not supported by \
            quorum queues
            """
        case .recoverWithoutRequeue: "requeue=false"
        case .cannotSwitchMode(let from, let to): "cannot switch from \(from) to \(to) mode"
        case .notTransactional: "channel is not transactional"
        case .immediate: "immediate=true"
        case .replyConsumerMissing: "fast reply consumer does not exist"
        case .replyConsumerExists: "reply consumer already set"
        case .replyConsumerAcks: "reply consumer cannot acknowledge"
        case .channelFlowStop: "active=false"
        case .logFailed(let reason): "the log has failed: \(reason)"
        }
    }
}
