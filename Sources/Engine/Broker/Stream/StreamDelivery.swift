// From a stream to its readers: each gets what comes next for it, as far as its prefetch and its connection let it.
// A message goes out with the header `x-stream-offset`. Acknowledging it, or refusing it in whatever way, gives credit.
// A pass is bounded; it counts what a filter passes over, too. Loop thread only. Next: StreamReader.swift.

import Wire

extension Queue {
    /// Hands out at most `budget` messages; returns how many were looked at.
    func deliver(_ stream: MessageStream, budget: Int) -> Int {
        let all = consumers.all
        var left = budget
        var idle = 0
        var turn = stream.nextTurn < all.count ? stream.nextTurn : 0
        while left > 0, idle < all.count {
            let consumer = all[turn]
            turn = turn + 1 == all.count ? 0 : turn + 1
            let used =
                consumer.isReady
                ? deliverStream(to: consumer, budget: min(left, Limits.streamDeliveriesPerReader)) : 0
            left -= used
            idle = used == 0 ? idle + 1 : 0
        }
        stream.nextTurn = turn
        stream.hasMore = left <= 0
        return budget - left
    }

    private func deliverStream(to consumer: Consumer, budget: Int) -> Int {
        guard let reader = consumer.reader else { return 0 }
        let channel = consumer.channel
        var left = budget
        while left > 0 {
            if channel.output.isCongested {
                consumers.leave(consumer)
                channel.connection.waitForOutput(consumer)
                break
            }
            guard channel.hasGlobalCredit else {
                consumers.leave(consumer)
                channel.isGlobalPrefetchReached = true
                channel.consumerStopped(now: broker.context.time.monotonicMilliseconds)
                break
            }
            switch reader.step(self) {
            case .end, .waits: return budget - left
            case .passed: left -= 1
            case .message(let message, let offset):
                left -= 1
                channel.deliver(message, at: offset, from: self, to: consumer)
                guard consumer.isPrefetchReached else { continue }
                consumers.leave(consumer)
                channel.consumerStopped(now: broker.context.time.monotonicMilliseconds)
                return budget - left
            }
        }
        return budget - left
    }

    /// The disk has answered, or may be asked again.
    func wakeReaders() { wake() }
}

extension BrokerChannel {
    /// Hands a stream's message out. What the channel holds of it is a place, no message.
    fileprivate func deliver(_ message: Message, at offset: UInt64, from queue: Queue, to consumer: Consumer) {
        let tag = nextDeliveryTag
        nextDeliveryTag = tag &+ 1
        deliveredTotal &+= 1
        broker.deliveredTotal &+= 1
        queue.deliveredTotal &+= 1
        broker.streamProperties.withOffset(offset, in: message.properties) { properties in
            writeDelivery(
                message, properties: properties, consumerTag: consumer.tag.slice, tag: tag, isRedelivered: false)
        }
        queue.noteUnacked(message.header.bodyBytes)
        consumer.noteDelivered()
        limitedUnacked += 1
        unacked.append(
            UnackedEntry(
                tag: tag, entry: QueueEntry(streamOffset: offset, bodyBytes: message.header.bodyBytes),
                queue: Unmanaged.passUnretained(queue), consumer: Unmanaged.passUnretained(consumer)))
    }
}
