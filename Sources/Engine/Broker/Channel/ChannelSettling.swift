// What a client says about messages it holds: ack, nack, reject, recover; and what happens to them when the
// channel ends. Loop thread only. The hot path is `acknowledge`. Next: UnackedEntries.swift.

import Wire

/// How a delivery ends.
enum Settlement {
    case acknowledge, requeue, discard
}

extension BrokerChannel {
    func acknowledge(_ tag: UInt64, multiple: Bool) throws(BrokerError) {
        try settle(tag, multiple: multiple, as: .acknowledge)
    }

    /// basic.nack, and basic.reject with `multiple` false.
    func reject(_ tag: UInt64, multiple: Bool, requeue: Bool) throws(BrokerError) {
        try settle(tag, multiple: multiple, as: requeue ? .requeue : .discard)
    }

    /// basic.recover: everything held goes back to its queue.
    func recover(requeue: Bool) throws(BrokerError) {
        guard requeue else { throw .recoverWithoutRequeue }
        giveBack(upTo: .max)
        wakeGloballyBlocked()
    }

    private func settle(_ tag: UInt64, multiple: Bool, as settlement: Settlement) throws(BrokerError) {
        if multiple {
            var last = tag
            if tag == 0 {
                last = UInt64.max
            } else if tag <= returnedUpTo || unacked.index(of: tag) == nil, !overdue.contains(tag) {
                throw .unknownDeliveryTag(tag)
            }
            if isGivingBack { finishGivingBack() }
            if !overdue.isEmpty { settleOverdue(upTo: last) }
            if mode == .transaction || settlement == .requeue {
                return settleMany(upTo: last, as: settlement)
            }
            while let first = unacked.firstTag, first <= last {
                finish(unacked.removeFirst(), as: settlement)
            }
        } else {
            guard tag > returnedUpTo, let index = unacked.index(of: tag) else {
                guard settleOverdue(tag) else { throw .unknownDeliveryTag(tag) }
                return wakeGloballyBlocked()
            }
            let held = unacked.remove(at: index)
            if mode == .transaction {
                transaction.settlements.append(PendingSettlement(held: held, settlement: settlement))
                return
            }
            finish(held, as: settlement)
        }
        if isGlobalPrefetchReached { wakeGloballyBlocked() }
    }

    @inline(never)
    private func settleMany(upTo last: UInt64, as settlement: Settlement) {
        guard mode == .transaction else { return giveBack(upTo: last) }
        while let first = unacked.firstTag, first <= last {
            transaction.settlements.append(PendingSettlement(held: unacked.removeFirst(), settlement: settlement))
        }
    }

    /// Ends one delivery. It is out of `unacked` already.
    @inline(__always)
    func finish(_ held: UnackedEntry, as settlement: Settlement) {
        held.queue._withUnsafeGuaranteedRef { finish(held, of: $0, as: settlement) }
    }

    @inline(__always)
    private func finish(_ held: UnackedEntry, of queue: Queue, as settlement: Settlement) {
        let bytes = held.entry.bodyBytes
        switch settlement {
        case .acknowledge:
            queue.settledTotal &+= 1
            broker.acknowledgedTotal &+= 1
            queue.letGo(held.entry)
        case .requeue: queue.requeue(held.entry)
        case .discard:
            queue.settledTotal &+= 1
            var entry = held.entry
            // As the log has it: should it be found again, it was handed out before.
            entry.isRedelivered = true
            queue.drop(entry, reason: .rejected)
        }
        releaseConsumer(held.consumer)
        queue.noteNoLongerUnacked(bytes)
    }

    /// The consumer holds one less, and may take messages again. Nil: `basic.get`.
    @inline(__always)
    func releaseConsumer(_ consumer: Unmanaged<Consumer>?) {
        guard let reference = consumer else { return }
        limitedUnacked -= 1
        reference._withUnsafeGuaranteedRef { consumer in
            let mayWake = !consumer.isReady && !consumer.isCancelled
            consumer.noteSettled()
            if mayWake { consumer.queue.activate(consumer) }
        }
    }

    /// Consumers that stopped because of the channel's prefetch go on, if it lets them.
    func wakeGloballyBlocked() {
        guard isGlobalPrefetchReached, hasGlobalCredit else { return }
        isGlobalPrefetchReached = false
        for consumer in consumers.values where !consumer.isReady { consumer.queue.activate(consumer) }
    }

    /// Puts deliveries back to their places: per queue and level in one go, so that thousands cost no more
    /// than walking the queue's returned messages once.
    func giveBack(_ taken: [UnackedEntry]) {
        guard !taken.isEmpty else { return }
        let sorted = taken.sorted { left, right in
            let leftQueue = left.queue._withUnsafeGuaranteedRef { $0.number }
            let rightQueue = right.queue._withUnsafeGuaranteedRef { $0.number }
            if leftQueue != rightQueue { return leftQueue < rightQueue }
            if left.entry.priority != right.entry.priority { return left.entry.priority < right.entry.priority }
            return left.entry.sequence < right.entry.sequence
        }
        var start = 0
        while start < sorted.count {
            let queue = sorted[start].queue._withUnsafeGuaranteedRef { $0 }
            var end = start + 1
            while end < sorted.count, sorted[end].queue.toOpaque() == sorted[start].queue.toOpaque(),
                sorted[end].entry.priority == sorted[start].entry.priority
            {
                end += 1
            }
            // Byte counts first: putting back may drop a message, and with it its last reference.
            var bytes = 0
            for index in start..<end { bytes += sorted[index].entry.bodyBytes }
            queue.requeue(ArraySlice(sorted[start..<end].map(\.entry)))
            for index in start..<end { releaseConsumer(sorted[index].consumer) }
            queue.noteNoLongerUnacked(bytes, count: end - start)
            start = end
        }
    }

    /// The channel ends: what it holds, and what its open transaction had settled, goes back.
    func returnEverything() {
        settleOverdue(upTo: .max)
        let held = transaction.settlements.map(\.held)
        transaction = PendingTransaction()
        giveBack(held)
        giveBack(upTo: .max)
    }
}
