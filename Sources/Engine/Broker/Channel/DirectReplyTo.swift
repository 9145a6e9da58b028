// Direct reply-to (rabbitmq.com/docs/direct-reply-to): a requester consumes the pseudo-queue
// `amq.rabbitmq.reply-to` without acknowledging; its requests' reply-to is replaced by an address that leads to
// its channel; what is published to the default exchange under that address is delivered there, past any queue.
// Loop thread only. Next: ChannelPublish.swift.

import Wire

/// Names and addresses.
enum ReplyAddress {
    static let pseudoQueue: StaticString = "amq.rabbitmq.reply-to"
    private static let prefix = Array("amq.rabbitmq.reply-to.".utf8)

    /// The address of consumer `number`: prefix and sixteen hexadecimal digits.
    static func make(_ number: UInt64) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var address = prefix
        for shift in stride(from: 60, through: 0, by: -4) {
            address.append(digits[Int(truncatingIfNeeded: number >> UInt64(shift)) & 15])
        }
        return address
    }

    /// The consumer number in an address; nil when it is none.
    static func number(_ key: ByteSlice) -> UInt64? {
        guard key.count == prefix.count + 16 else { return nil }
        for (index, byte) in prefix.enumerated() where key[index] != byte { return nil }
        return UInt64(key.slice(from: prefix.count, count: 16).string, radix: 16)
    }
}

extension BrokerChannel {
    func isReplyQueue(_ name: ByteSlice) -> Bool { name.equals(ReplyAddress.pseudoQueue) }

    func isReplyConsumer(_ tag: ByteSlice) -> Bool {
        guard let own = replyConsumerTag else { return false }
        return own.slice == tag
    }

    /// Starts the reply consumer.
    func consumeReplies(_ method: BasicConsume, tag: ByteString) throws(BrokerError) -> ByteString {
        guard method.noAck else { throw .replyConsumerAcks }
        guard replyConsumerTag == nil else { throw .replyConsumerExists }
        replyConsumerTag = tag
        repeat {
            replyConsumerNumber = broker.context.random.next()
        } while broker.replyConsumers[replyConsumerNumber] != nil
        broker.replyConsumers[replyConsumerNumber] = self
        return tag
    }

    func forgetReplyConsumer() {
        guard replyConsumerTag != nil else { return }
        replyConsumerTag = nil
        broker.replyConsumers[replyConsumerNumber] = nil
    }

    /// Whether the name is the pseudo-queue or an address of it.
    func isReplyName(_ name: ByteSlice) -> Bool {
        let plain = ReplyAddress.pseudoQueue.utf8CodeUnitCount
        return name.count >= plain && isReplyQueue(name.slice(from: 0, count: plain))
    }

    /// Declaring such a name, passively or not, asks whether somebody listens.
    func replyQueueStatus(_ name: ByteSlice) throws(BrokerError) -> QueueStatus {
        let isKnown =
            isReplyQueue(name) || ReplyAddress.number(name).map { broker.replyConsumers[$0] != nil } ?? false
        guard isKnown else { throw .notFound(.queue(name, in: virtualHost)) }
        return QueueStatus(name: ByteString(name), messageCount: 0, consumerCount: 1)
    }

    /// A request names the pseudo-queue as its reply-to: gives it this channel's address instead.
    func withReplyAddress(_ message: Message) throws(BrokerError) -> Message {
        guard let view = try? BasicPropertiesView(message.properties), let replyTo = view.replyTo,
            isReplyQueue(replyTo)
        else { return message }
        guard replyConsumerTag != nil else { throw .replyConsumerMissing }
        guard var properties = try? BasicProperties(view) else { return message }
        properties.replyTo = ReplyAddress.make(replyConsumerNumber)
        return message.copy(properties: properties.encoded)
    }

    /// Delivers a message that is addressed to a reply consumer. False when it is not, or nobody listens.
    func deliverReply(_ message: Message) -> Bool {
        guard message.exchange.isEmpty, let number = ReplyAddress.number(message.routingKey),
            let channel = broker.replyConsumers[number]
        else { return false }
        return channel.receiveReply(message)
    }

    /// Nobody waits for acknowledgements here, so nothing else holds a responder back when a requester does not read.
    @inline(never)
    private func noteLostReply() {
        guard !hasLostReplies else { return }
        hasLostReplies = true
        broker.context.log(
            .warning, "a requester does not read its direct replies: they are dropped",
            ("connection", connection.name), ("channel", String(number)))
    }

    private func receiveReply(_ message: Message) -> Bool {
        guard let tag = replyConsumerTag, !isClosed else { return false }
        guard output.pendingBytes <= Limits.directReplyPendingBytesMax else {
            noteLostReply()
            return false
        }
        writeDelivery(message, consumerTag: tag.slice, tag: nextDeliveryTag, isRedelivered: false)
        nextDeliveryTag += 1
        deliveredTotal += 1
        broker.deliveredTotal += 1
        return true
    }
}
