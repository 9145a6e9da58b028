// From the ready list to consumers: whose turn it is, how long a pass may be, what stops it.
// A pass is bounded; a queue with more to deliver stays in the broker's list and goes on in the next turn.
// Loop thread only. The hot path: nothing here allocates. Next: ../Channel/ChannelDelivery.swift (the frames).

import Wire

extension Queue {
    /// Hands out at most `budget` messages; returns how many. Stops when nothing is ready or nobody takes.
    func deliver(budget: Int) -> Int {
        if let stream { return deliver(stream, budget: budget) }
        if returningChannelCount != 0 { return 0 }
        var left = budget
        let now = broker.context.time.monotonicMilliseconds
        while left > 0, !ready.isEmpty, let reference = consumers.current {
            if onDiskCount != 0, headWaits(now) { break }
            left -= reference._withUnsafeGuaranteedRef { deliverNext(to: $0, now: now) }
        }
        if onDiskCount != 0 { broker.pager.want(self) }
        return budget - left
    }

    /// Hands the next message to the consumer whose turn it is, unless something stops it. Returns how many.
    @inline(__always)
    private func deliverNext(to consumer: Consumer, now: Int64) -> Int {
        let channel = consumer.channel
        if channel.output.isCongested {
            consumers.leave(consumer)
            channel.connection.waitForOutput(consumer)
            return 0
        }
        if !consumer.noAck, !channel.hasGlobalCredit {
            consumers.leave(consumer)
            channel.isGlobalPrefetchReached = true
            channel.consumerStopped(now: now)
            return 0
        }
        // Not `<=`: a message with TTL 0 may still go to a consumer that waits.
        if mayExpire, ready.first.unsafelyUnwrapped.expiry < now {
            expireHead()
            return 0
        }
        channel.deliver(removeFirstReady(), from: self, to: consumer)
        if consumer.isPrefetchReached {
            consumers.leave(consumer)
            channel.consumerStopped(now: now)
        } else {
            consumers.rotate(after: consumer)
        }
        return 1
    }

    /// Delivers what waiting consumers would have got already, before something that could tell the difference.
    @inline(never)
    func deliverNow() {
        guard consumers.hasReady, !ready.isEmpty else { return }
        _ = deliver(budget: Limits.brokerDeliveriesPerTurn)
    }

    /// Messages may be handed out again.
    func wake() {
        guard !isDeleted else { return }
        if settings.limitsLength, settings.overflow == .dropHead { armOverflow() }
        if !isScheduled, consumers.hasReady { broker.schedule(self) }
    }

    /// The consumer may be able to take messages (again).
    func activate(_ consumer: Consumer) {
        guard !consumer.isReady, !consumer.waitsForOutput, !consumer.isCancelled, !consumer.channel.isClosed,
            consumer.hasCredit
        else { return }
        if settings.isSingleActiveConsumer, activeConsumer !== consumer { return }
        consumers.enter(consumer)
        if !isScheduled, !ready.isEmpty || stream != nil { broker.schedule(self) }
    }

    /// More could be delivered right now.
    var hasDeliverable: Bool {
        guard consumers.hasReady, returningChannelCount == 0 else { return false }
        guard let first = ready.first else { return stream?.hasMore ?? false }
        return !first.isOnDisk
    }

    /// Nothing can be handed out before the disk has answered. What has expired needs no message.
    @inline(__always)
    private func headWaits(_ now: Int64) -> Bool {
        guard let first = ready.first, first.isOnDisk, !(mayExpire && first.expiry < now) else { return false }
        return headIsOnDisk() || ready.isEmpty
    }

    // MARK: Consumers come and go

    func addConsumer(_ consumer: Consumer) {
        hadConsumer = true
        consumers.add(consumer)
        if settings.isSingleActiveConsumer, activeConsumer == nil { activeConsumer = consumer }
        activate(consumer)
    }

    /// The consumer goes; an auto-delete queue goes with the last one.
    func removeConsumer(_ consumer: Consumer) {
        consumers.remove(consumer)
        consumer.cancel()
        if activeConsumer === consumer {
            activeConsumer = consumers.all.first
            if let next = activeConsumer { activate(next) }
        }
        guard consumers.isEmpty, !isDeleted else { return }
        touch()
        if isAutoDelete, hadConsumer {
            virtualHost.deleteQueue(self)
        } else if settings.expiresMilliseconds >= 0 {
            armUnusedDeadline()
        }
    }
}
