// Messages on their way out: deliver, get-ok and return with header and body frames, written straight into the
// connection's output. Small bodies are copied, large ones referenced where they lie.
// Loop thread only. The hot path. Next: ChannelSettling.swift.

import Wire

extension BrokerChannel {
    /// Hands one entry to a consumer of this channel and keeps it as unacknowledged if the consumer acknowledges.
    @inline(__always)
    func deliver(_ entry: QueueEntry, from queue: Queue, to consumer: Consumer) {
        let tag = nextDeliveryTag
        nextDeliveryTag = tag &+ 1
        deliveredTotal &+= 1
        broker.deliveredTotal &+= 1
        queue.deliveredTotal &+= 1
        entry.withMessage { message in
            if entry.deliveryCount > 0 {
                writeRedelivery(message, entry, from: queue, to: consumer, tag: tag)
            } else {
                writeDelivery(message, consumerTag: consumer.tag.slice, tag: tag, isRedelivered: entry.isRedelivered)
            }
        }
        if !consumer.isPlain {
            if isTraced { traceDelivery(entry, from: queue) }
            if consumer.noAck { return settleUnheld(entry, of: queue) }
        }
        queue.noteUnacked(entry.bodyBytes)
        consumer.noteDelivered()
        limitedUnacked += 1
        if entry.isLogged, !entry.isRedelivered { broker.log.delivered(queue, entry.logPosition) }
        unacked.append(
            UnackedEntry(
                tag: tag, entry: entry, queue: Unmanaged.passUnretained(queue),
                consumer: Unmanaged.passUnretained(consumer)))
    }

    /// A message that came back; quorum queues say how often.
    @inline(never)
    private func writeRedelivery(
        _ message: Message, _ entry: QueueEntry, from queue: Queue, to consumer: Consumer, tag: UInt64
    ) {
        queue.redeliveredTotal &+= 1
        writeDelivery(
            queue.settings.type == .quorum ? message.withDeliveryCount(UInt32(entry.deliveryCount)) : message,
            consumerTag: consumer.tag.slice, tag: tag, isRedelivered: true)
    }

    /// The same for basic.get; counts for no prefetch.
    func deliverFetched(_ entry: QueueEntry, from queue: Queue, noAck: Bool) {
        let tag = nextDeliveryTag
        nextDeliveryTag += 1
        deliveredTotal += 1
        broker.deliveredTotal += 1
        queue.deliveredTotal += 1
        if entry.deliveryCount > 0 { queue.redeliveredTotal += 1 }
        // Of the first delivery, too, which consumers are not told of: RabbitMQ's quorum queues count so.
        let message =
            queue.settings.type == .quorum
            ? entry.message.withDeliveryCount(UInt32(entry.deliveryCount)) : entry.message
        let head = ContentFrames.getOKHeadBytes(
            address: message.address.count, properties: message.properties.count)
        var writer = RawWriter(output.reserve(head))
        writer.writeGetOKHead(
            channel: number, deliveryTag: tag, redelivered: entry.isRedelivered,
            messageCount: UInt32(clamping: queue.readyCount), address: message.address,
            properties: message.properties, bodyBytes: message.header.bodyBytes)
        output.commit(writer.count)
        writeBody(message)
        if isTraced { traceDelivery(entry, from: queue) }
        if noAck {
            settleUnheld(entry, of: queue)
        } else {
            queue.noteUnacked(message.header.bodyBytes)
            if entry.isLogged, !entry.isRedelivered { broker.log.delivered(queue, entry.logPosition) }
            unacked.append(
                UnackedEntry(tag: tag, entry: entry, queue: Unmanaged.passUnretained(queue), consumer: nil))
        }
    }

    /// Delivered to somebody who does not acknowledge: done with.
    @inline(__always)
    private func settleUnheld(_ entry: QueueEntry, of queue: Queue) {
        queue.settledTotal &+= 1
        queue.letGo(entry)
    }

    /// deliver, header and body; one reservation when the body is small.
    @inline(__always)
    func writeDelivery(_ message: Message, consumerTag: ByteSlice, tag: UInt64, isRedelivered: Bool) {
        writeDelivery(
            message, properties: message.properties, consumerTag: consumerTag, tag: tag, isRedelivered: isRedelivered)
    }

    /// The same with other properties than the message's own.
    @inline(__always)
    func writeDelivery(
        _ message: Message, properties: ByteSlice, consumerTag: ByteSlice, tag: UInt64, isRedelivered: Bool
    ) {
        let address = message.address
        let bodyBytes = message.header.bodyBytes
        let head = ContentFrames.deliverHeadBytes(
            consumerTag: consumerTag.count, address: address.count, properties: properties.count)
        let isSmall = bodyBytes < Limits.outputReferenceBytesMin && bodyBytes <= Limits.amqpFrameBytesMin / 2
        var writer = RawWriter(
            output.reserve(isSmall ? head + bodyBytes + AMQPConstants.frameOverheadBytes : head))
        writer.writeDeliverHead(
            channel: number, consumerTag: consumerTag, deliveryTag: tag, redelivered: isRedelivered,
            address: address, properties: properties, bodyBytes: bodyBytes)
        if isSmall, bodyBytes > 0 {
            writer.writeFrameHeader(type: FrameType.body, channel: number, payloadBytes: bodyBytes)
            writer.writeSlice(message.body)
            writer.writeFrameEnd()
        }
        output.commit(writer.count)
        if !isSmall { writeBody(message) }
    }

    /// Gives a mandatory message back that no queue took.
    func writeReturn(_ message: Message) {
        broker.returnedTotal += 1
        let text = ByteSlice("NO_ROUTE")
        let head = ContentFrames.returnHeadBytes(
            replyText: text.count, address: message.address.count, properties: message.properties.count)
        var writer = RawWriter(output.reserve(head))
        writer.writeReturnHead(
            channel: number, replyCode: ReplyCode.noRoute, replyText: text, address: message.address,
            properties: message.properties, bodyBytes: message.header.bodyBytes)
        output.commit(writer.count)
        writeBody(message)
    }

    /// Body frames, cut to the connection's frame size.
    func writeBody(_ message: Message) {
        let body = message.body
        guard !body.isEmpty else { return }
        let layout = BodyLayout(bodyBytes: body.count, frameBytesMax: frameBytesMax)
        for index in 0..<layout.frameCount {
            let part = layout.part(index)
            var writer = RawWriter(output.reserve(AMQPConstants.frameHeaderBytes))
            writer.writeFrameHeader(type: FrameType.body, channel: number, payloadBytes: part.count)
            output.commit(writer.count)
            output.appendReference(body.slice(from: part.offset, count: part.count), owner: message)
            var end = RawWriter(output.reserve(1))
            end.writeFrameEnd()
            output.commit(end.count)
        }
    }
}

extension Message {
    /// As a quorum queue hands it out again: with the header `x-delivery-count`.
    func withDeliveryCount(_ count: UInt32) -> Message {
        guard let view = try? BasicPropertiesView(properties) else { return self }
        var table = FieldTable()
        if let headers = view.headers, let known = try? FieldTable(headers) { table = known }
        table["x-delivery-count"] = .int64(Int64(count))
        return copy(properties: view.replacing(headers: table.encoded))
    }
}
