// Deliveries taken back from a client that has not settled them in time, where `amqp.consumer_timeout_action` says so
// instead of closing the channel. The message goes to somebody else at once. The client may still be at work on it: its
// place in the prefetch stays taken until it speaks of the delivery, and what it says then has no effect and is no error.
// Loop thread only. Next: AckTimeout.swift (who is overdue).

import Wire

/// Deliveries of one channel that were taken back and not yet spoken of.
struct OverdueDeliveries {
    /// By delivery tag; a consumer is kept alive by its `unackedCount`, nil: `basic.get`.
    private var consumers: [UInt64: Unmanaged<Consumer>?] = [:]

    @inline(__always)
    var isEmpty: Bool { consumers.isEmpty }

    var count: Int { consumers.count }

    func contains(_ tag: UInt64) -> Bool { consumers[tag] != nil }

    fileprivate mutating func add(_ held: UnackedEntry) { consumers.updateValue(held.consumer, forKey: held.tag) }

    fileprivate mutating func remove(_ tag: UInt64) -> Unmanaged<Consumer>?? { consumers.removeValue(forKey: tag) }

    fileprivate func tags(upTo last: UInt64) -> [UInt64] { consumers.keys.filter { $0 <= last } }
}

extension BrokerChannel {
    /// Takes an overdue delivery back. False: the channel has too many of them already.
    func takeBack(_ tag: UInt64, _ action: ConsumerTimeoutAction) -> Bool {
        guard overdue.count < Limits.overdueDeliveriesMax, let index = unacked.index(of: tag) else { return false }
        let held = unacked.remove(at: index)
        let bytes = held.entry.bodyBytes
        overdue.add(held)
        held.queue._withUnsafeGuaranteedRef { queue in
            if action == .deadLetter, queue.settings.deadLetterExchange != nil {
                queue.settledTotal &+= 1
                var entry = held.entry
                entry.isRedelivered = true
                queue.drop(entry, reason: .consumerTimeout)
            } else {
                queue.requeue(held.entry)
            }
            queue.noteNoLongerUnacked(bytes)
        }
        return true
    }

    /// The client speaks of a delivery that was taken back. False: it was none.
    func settleOverdue(_ tag: UInt64) -> Bool {
        guard let consumer = overdue.remove(tag) else { return false }
        releaseConsumer(consumer)
        return true
    }

    /// The client speaks of all deliveries up to `last`, or the channel ends.
    func settleOverdue(upTo last: UInt64) {
        for tag in overdue.tags(upTo: last) { _ = settleOverdue(tag) }
    }
}
