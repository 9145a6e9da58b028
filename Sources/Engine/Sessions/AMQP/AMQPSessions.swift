// What all AMQP sessions share: the broker and the users behind them, the ready-made `connection.start`,
// their timers, and the list of publishers that have to wait.
// Timers are one heap of (deadline, slot): a session has one entry that counts, and those it has outrun are
// thrown away when they come up. Setting and firing cost O(log sessions).
// Loop thread only. Next: AMQPSession.swift.

import Wire

/// The AMQP side of the engine: makes sessions and keeps their time.
final class AMQPSessions {
    let context: EngineContext
    let broker: Broker
    let users: Users

    /// `connection.start`, the same for everybody.
    let startFrame: [UInt8]

    private struct Timer {
        let slot: Int
        let number: UInt64
        let deadline: Int64
    }

    private var timers = DeadlineHeap<Timer>()
    private var slots: [AMQPSession?] = []
    private var freeSlots: [Int] = []
    private var nextNumber: UInt64 = 1
    /// Sessions that publish and do not read on until the disk has caught up or an alarm has ended.
    private var blocked: [AMQPSession] = []
    /// Publishers have to wait; looked at with every publish.
    private(set) var hasAlarm = false

    init(context: EngineContext, broker: Broker, users: Users) {
        self.context = context
        self.broker = broker
        self.users = users
        startFrame = ServerProperties.startFrame(version: context.configuration.version)
    }

    /// Sessions that are open, the handshake included.
    var count: Int { slots.count - freeSlots.count }

    func makeSession(peer: PeerAddress) -> AMQPSession {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(nil) }
        let session = AMQPSession(sessions: self, peer: peer, slot: slot, number: nextNumber)
        nextNumber += 1
        slots[slot] = session
        session.begin()
        return session
    }

    /// The session's connection is gone.
    func remove(_ session: AMQPSession) {
        precondition(slots[session.slot] === session, "a session is removed once")
        slots[session.slot] = nil
        freeSlots.append(session.slot)
        blocked.removeAll { $0 === session }
    }

    // MARK: Timers

    /// When `tick` has something to do, monotonic milliseconds.
    var nextDeadline: Int64? { timers.next }

    func arm(_ session: AMQPSession, at deadline: Int64) {
        timers.insert(Timer(slot: session.slot, number: session.number, deadline: deadline), at: deadline)
    }

    func tick() {
        let now = context.time.monotonicMilliseconds
        while let timer = timers.popDue(now) {
            guard let session = slots[timer.slot], session.number == timer.number else { continue }
            session.timerFired(deadline: timer.deadline)
        }
    }

    // MARK: Publishers that wait

    func block(_ session: AMQPSession) { blocked.append(session) }

    /// The log has moved on: publishers may, too, once it is no longer congested.
    func durable() { unblockIfPossible() }

    /// Publishers are blocked at their next publish, or go on.
    func alarmsChanged() {
        hasAlarm = context.alarms.blocksPublishers
        unblockIfPossible()
    }

    private func unblockIfPossible() {
        guard !blocked.isEmpty, !hasAlarm, !context.journal.isCongested else { return }
        let waiting = blocked
        blocked = []
        for session in waiting { session.unblock() }
    }
}
