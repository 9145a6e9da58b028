// What a session does by time: heartbeats both ways, the end of a handshake that takes too long, of a pause
// before a refusal, of waiting for `close-ok`.
// A session wants one earliest deadline; the heap in `AMQPSessions` may hold older, later ones for it, which
// are ignored when they come up.
// Loop thread only. Next: AMQPBackPressure.swift, AMQPSessions.swift.

import Wire

extension AMQPSession {
    /// The current phase ends by itself at that time.
    func setPhaseDeadline(after milliseconds: Int64) {
        phaseDeadline = context.time.monotonicMilliseconds + milliseconds
        rearm()
    }

    /// Both sides have agreed on an interval: ours go out at half of it.
    func startHeartbeats() {
        guard heartbeatMilliseconds > 0 else { return }
        nextHeartbeat = context.time.monotonicMilliseconds + heartbeatMilliseconds / 2
        rearm()
    }

    /// When the peer counts as gone: two intervals without a byte.
    private var silenceDeadline: Int64? {
        heartbeatMilliseconds > 0 && nextHeartbeat != nil ? lastReceived + 2 * heartbeatMilliseconds : nil
    }

    /// Asks for a call at the earliest of all deadlines, unless one before that is asked for already.
    private func rearm() {
        var earliest = phaseDeadline
        for deadline in [nextHeartbeat, silenceDeadline] {
            if let deadline { earliest = min(earliest ?? deadline, deadline) }
        }
        guard let earliest, earliest < armedDeadline ?? .max else { return }
        armedDeadline = earliest
        sessions.arm(self, at: earliest)
    }

    /// A deadline asked for has come. Others that were outrun by it come later and find nothing due.
    func timerFired(deadline: Int64) {
        guard deadline == armedDeadline else { return }
        armedDeadline = nil
        let now = context.time.monotonicMilliseconds
        if let due = phaseDeadline, due <= now {
            phaseDeadline = nil
            phaseTimedOut()
        }
        guard phase != .closed else { return }
        if let due = nextHeartbeat, due <= now { sendHeartbeat(now) }
        if let due = silenceDeadline, due <= now {
            if pausesReading || context.journal.isCongested {
                // We are the ones who do not read: the peer's heartbeats wait in the socket.
                lastReceived = now
            } else {
                missedHeartbeats()
                return
            }
        }
        rearm()
    }

    private func sendHeartbeat(_ now: Int64) {
        // Output that waits for the peer shows it as well as a heartbeat would that we live.
        if output.isEmpty { output.append(AMQPConstants.heartbeatFrame) }
        nextHeartbeat = now + max(1, heartbeatMilliseconds / 2)
    }

    private func missedHeartbeats() {
        ended(reason: "missed heartbeats from client, timeout: \(heartbeatMilliseconds / 1000)s")
        dropNow()
    }

    private func phaseTimedOut() {
        switch phase {
        case .protocolHeader, .starting, .tuning, .opening:
            context.log(
                .warning, "AMQP handshake timed out", ("phase", phase.name.description), ("peer", connectionName))
            dropNow()
        case .closing, .refused:
            dropNow()
        case .running, .closed: break
        }
    }
}
