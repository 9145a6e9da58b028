// Time in a queue: messages expire at the head only, as in RabbitMQ's classic queues; a queue with x-expires
// goes when nobody has used it. Deadlines stand in the broker's heap and are checked again when they fall due.
// Loop thread only. Next: ../DeadLetters.swift.

import Wire

extension Queue {
    /// Takes expired messages off the head; at most a slice of them in one call. Returns how many.
    @discardableResult
    func expireHead() -> Int {
        let now = broker.context.time.monotonicMilliseconds
        var left = Limits.brokerExpiriesPerPass
        while left > 0, let entry = ready.removeExpired(now) {
            readyBytes -= entry.bodyBytes
            if entry.isOnDisk { noteNoLongerOnDisk(entry) }
            drop(entry, reason: .expired)
            left -= 1
        }
        return Limits.brokerExpiriesPerPass - left
    }

    /// Makes sure the heap has a deadline for the earliest head.
    func armExpiry() {
        let earliest = ready.headExpiry
        guard earliest < armedExpiry else { return }
        armedExpiry = earliest
        broker.deadlines.insert(QueueDeadline(queueNumber: number, kind: .messages), at: earliest)
    }

    /// The deadline for messages has fallen due. Returns how many expired; if there are more, the next
    /// deadline is due already.
    func messagesDue() -> Int {
        armedExpiry = QueueEntry.never
        deliverNow()
        let expired = expireHead()
        armExpiry()
        return expired
    }

    func armUnusedDeadline() {
        guard settings.expiresMilliseconds >= 0, !isUnusedArmed else { return }
        isUnusedArmed = true
        broker.deadlines.insert(
            QueueDeadline(queueNumber: number, kind: .unused), at: lastUsedMilliseconds + settings.expiresMilliseconds)
    }

    /// It has another time to live now than when its deadline was set.
    func rearmUnusedDeadline() {
        isUnusedArmed = false
        if consumers.isEmpty { armUnusedDeadline() }
    }

    /// The deadline of x-expires has fallen due; it may have been used meanwhile.
    func unusedDue() {
        isUnusedArmed = false
        guard !isDeleted, consumers.isEmpty, settings.expiresMilliseconds >= 0 else { return }
        if lastUsedMilliseconds + settings.expiresMilliseconds > broker.context.time.monotonicMilliseconds {
            armUnusedDeadline()
        } else {
            virtualHost.deleteQueue(self)
        }
    }
}

/// What falls due for a queue.
struct QueueDeadline {
    enum Kind {
        case messages, unused
        /// A read that failed is tried again.
        case reading
        /// A delayed message is due.
        case delayed
        /// More ready messages than the limits allow.
        case overflow
        /// A stream is beyond its limits, or will be.
        case retention
    }

    /// By number and not by reference: a deadline may outlive its queue by hours.
    let queueNumber: UInt64
    let kind: Kind
}
