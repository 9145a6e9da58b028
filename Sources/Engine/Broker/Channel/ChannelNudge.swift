// Nudges: heartbeat frames for a client that may be asleep over acknowledgements it has not sent yet.
//
// Why. kombu's event loop, which Celery's workers run on, first runs its queue of callbacks, then sleeps in poll for
// up to a second. A message that a callback reads may be handled at once (solo pool) and queues its acknowledgement
// behind that sleep. The loop wakes only because more bytes come. A consumer without prefetch or with messages
// still to read always has some. One that has read all its prefetch allows has none and waits for us, while we
// wait for what it has queued: a second lost for a window of messages. The faster the answer to an
// acknowledgement, the likelier the callbacks find the whole window; brokers that answer late only meet this less.
//
// What. Bytes that mean nothing wake the client's poll, and AMQP has a frame for that. A client known to need it
// (`ClientCapabilities.nudges`) whose consumers have come to their prefetch gets a heartbeat when it has been silent
// for a moment. If it is still busy, the frame lies in its socket until it polls, so nothing is lost by being early.
// A callback that reads past the window, after a message without acknowledgement, may swallow the frame; hence a few
// more, at growing distance. Then no more: a long task is not worth a frame every second.
//
// Why not hold deliveries back instead, so that one always comes late: how late would have to be guessed from the
// length of tasks; too early and the client sleeps after all, too late and it idles. A nudge delays nobody, ever.
//
// Loop thread only. Off the hot path: consumers with a prefetch come here when they stop. Next: ChannelSettling.swift.

import Wire

/// When a channel's client is nudged.
struct ChannelNudge {
    /// When the next is due, monotonic milliseconds; `never` when there is none until consumers stop again.
    fileprivate(set) var due = never
    /// From the event before to the one that is due, milliseconds.
    fileprivate(set) var interval = Limits.nudgeMillisecondsMin
    /// The deadline in the broker's heap that counts; others of this channel were outrun by it.
    fileprivate(set) var armed = never

    static let never = Int64.max
}

/// A deadline in the broker's heap. By number and not by reference: it may outlive its channel.
struct NudgeDeadline {
    let connectionID: UInt64
    let channel: UInt16
    let milliseconds: Int64
}

extension BrokerChannel {
    /// A consumer has stopped because of a prefetch: whatever the client acknowledges from now on matters.
    @inline(__always)
    func consumerStopped(now: Int64) { if wantsNudges { armNudge(now: now) } }

    @inline(never)
    private func armNudge(now: Int64) {
        nudge.interval = Limits.nudgeMillisecondsMin
        nudge.due = now + Limits.nudgeMillisecondsMin
        insertNudge()
    }

    private func insertNudge() {
        // One that stands earlier finds the later time when it comes up: a busy client costs one entry, not one
        // for each message.
        guard nudge.due < nudge.armed else { return }
        nudge.armed = nudge.due
        broker.nudges.insert(
            NudgeDeadline(connectionID: connection.id, channel: number, milliseconds: nudge.due), at: nudge.due)
    }

    /// A deadline of this channel has come up.
    func nudgeDue(_ deadline: Int64, now: Int64) {
        guard deadline == nudge.armed else { return }
        nudge.armed = ChannelNudge.never
        guard nudge.due <= now else { return insertNudge() }
        nudge.due = ChannelNudge.never
        guard limitedUnacked > 0 else { return }
        // Output on its way wakes the client just as well.
        if output.isEmpty { output.append(AMQPConstants.heartbeatFrame) }
        nudge.interval *= Limits.nudgeIntervalFactor
        guard nudge.interval <= Limits.nudgeMillisecondsMax else { return }
        nudge.due = now + nudge.interval
        insertNudge()
    }
}

extension Broker {
    /// Nudges whose time has come; what does not fit into one turn goes on in the next.
    func sendNudges() {
        let now = context.time.monotonicMilliseconds
        var left = Limits.brokerNudgesPerTurn
        while left > 0, let due = nudges.popDue(now) {
            left -= 1
            connections[due.connectionID]?.channels[due.channel]?.nudgeDue(due.milliseconds, now: now)
        }
    }
}
