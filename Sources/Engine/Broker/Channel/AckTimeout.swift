// The delivery acknowledgement timeout: a channel whose client holds a message for too long without settling it is
// closed, so that the message goes to somebody else (rabbitmq.com/docs/consumers#acknowledgement-timeout); or something
// else happens to the message alone (OverdueDeliveries.swift).
// No delivery is stamped with a time for that. A sweep comes by from time to time and notes, for each channel, the tag
// that comes next: what still has a lower tag that long after is too old. So a timeout takes effect late by up to two
// sweeps; RabbitMQ's checks come once a minute, too.
// Loop thread only; not on the way of any message. Next: BrokerChannel.swift.

import Wire

/// Up to which delivery tag one channel had come at the latest sweeps.
struct DeliveryMarks {
    private struct Mark {
        /// Deliveries with lower tags are older than the mark.
        let tag: UInt64
        let milliseconds: Int64
    }

    private var marks: [Mark] = []

    /// At a sweep: `next` is the tag that the next delivery gets, `first` that of the oldest one held.
    mutating func note(next: UInt64, first: UInt64, now: Int64) {
        let past = marks.firstIndex { $0.tag > first } ?? marks.count
        marks.removeFirst(past)
        if marks.last?.tag != next { marks.append(Mark(tag: next, milliseconds: now)) }
        guard marks.count > Limits.deliveryMarksMax else { return }
        // Every second one says the same a little later. The first stays: it tells the age of what is held longest.
        marks = marks.indices.filter { $0.isMultiple(of: 2) }.map { marks[$0] }
    }

    mutating func removeAll() { if !marks.isEmpty { marks = [] } }

    /// Deliveries with lower tags were made at least `age` ago; 0: there are none that are known to.
    func tag(olderThan age: Int64, now: Int64) -> UInt64 {
        marks.last { $0.milliseconds <= now - age }?.tag ?? 0
    }
}

/// When the broker looks for deliveries that were not acknowledged in time.
struct AckTimeoutSweep {
    /// The shortest timeout of a queue of its own that was ever declared; `max`: none was.
    fileprivate(set) var shortestOfQueues = Int64.max
    /// Monotonic milliseconds.
    fileprivate var due: Int64 = 0
    /// Connections that the sweep under way has yet to come to.
    fileprivate var left: [UInt64] = []
}

extension Broker {
    private var globalAckTimeout: Int64 {
        let configured = context.configuration.consumerTimeoutMilliseconds
        return configured > 0 ? configured : .max
    }

    /// From one sweep to the next, milliseconds; nil: nobody has a timeout.
    private var ackSweepInterval: Int64? {
        let shortest = min(globalAckTimeout, ackTimeouts.shortestOfQueues)
        guard shortest != .max else { return nil }
        return min(max(shortest / 4, Limits.ackSweepMillisecondsMin), Limits.ackSweepMillisecondsMax)
    }

    /// When the next sweep, or the next piece of one, is wanted.
    var ackSweepDeadline: Int64? {
        guard !connections.isEmpty, ackSweepInterval != nil else { return nil }
        return ackTimeouts.left.isEmpty ? ackTimeouts.due : context.time.monotonicMilliseconds
    }

    /// A queue has a timeout of its own.
    func noteAckTimeout(_ milliseconds: Int64) {
        guard milliseconds > 0, milliseconds < ackTimeouts.shortestOfQueues else { return }
        ackTimeouts.shortestOfQueues = milliseconds
        ackTimeouts.due = context.time.monotonicMilliseconds
    }

    /// A piece of a sweep, if one is due.
    func sweepAckTimeouts() {
        guard let interval = ackSweepInterval else { return }
        let now = context.time.monotonicMilliseconds
        if ackTimeouts.left.isEmpty {
            guard ackTimeouts.due <= now else { return }
            ackTimeouts.due = now + interval
            ackTimeouts.left = Array(connections.keys)
        }
        var budget = Limits.ackSweepChannelsPerTurn
        while budget > 0, let id = ackTimeouts.left.popLast() {
            guard let connection = connections[id] else { continue }
            budget -= max(1, connection.channels.count)
            for channel in connection.channels.values { channel.sweepAckTimeout(now: now) }
        }
    }
}

extension BrokerChannel {
    /// A delivery that has missed its timeout.
    private struct Overdue {
        let tag: UInt64
        let timeout: Int64
        let action: ConsumerTimeoutAction
    }

    fileprivate func sweepAckTimeout(now: Int64) {
        guard let first = unacked.firstTag else { return deliveryMarks.removeAll() }
        deliveryMarks.note(next: nextDeliveryTag, first: first, now: now)
        for one in overdueDeliveries(first, now: now) {
            if one.action != .close, takeBack(one.tag, one.action) { continue }
            connection.failChannel?(self, .deliveryTimeout(channel: number, milliseconds: one.timeout))
            return
        }
    }

    /// Deliveries that something has to be done about, oldest first; no more than fit into a turn.
    private func overdueDeliveries(_ first: UInt64, now: Int64) -> [Overdue] {
        let configuration = broker.context.configuration
        let configured = configuration.consumerTimeoutMilliseconds
        let shortest = min(configured > 0 ? configured : .max, broker.ackTimeouts.shortestOfQueues)
        let end = deliveryMarks.tag(olderThan: shortest, now: now)
        guard end > first else { return [] }
        var found: [Overdue] = []
        var tag: UInt64 = 0
        _ = unacked.walk(after: &tag) { held in
            guard held.tag < end, found.count < Limits.overdueDeliveriesPerSweep else { return false }
            held.queue._withUnsafeGuaranteedRef { queue in
                let own = queue.settings.consumerTimeoutMilliseconds
                let timeout = own >= 0 ? own : configured
                // A stream keeps its messages: there is nothing to give to somebody else.
                let action = queue.settings.consumerTimeoutAction ?? configuration.consumerTimeoutAction
                guard timeout > 0, held.tag > returnedUpTo, held.tag < deliveryMarks.tag(olderThan: timeout, now: now),
                    action != .nothing,
                    action == .close || queue.stream == nil
                else { return }
                found.append(Overdue(tag: held.tag, timeout: timeout, action: action))
            }
            return true
        }
        return found
    }
}
