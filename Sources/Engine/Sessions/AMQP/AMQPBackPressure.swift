// When a session stops reading: the disk is behind or an alarm is on (publishers wait, rabbitmq.com/docs/alarms),
// the peer asks for more than it takes, or it fetches a message that has to be read from the disk first. Who only
// consumes is never blocked; who publishes is at its next publish.
// What the broker delivers by itself stops much earlier (OutputQueue.isCongested): pausing there would lock a
// client that writes without reading, which many simple ones do.
// Loop thread only.

import Wire

extension AMQPSession {
    // MARK: The disk, alarms

    /// No more is read from a connection that publishes until the log has caught up and no alarm is on; the client
    /// hears why, once.
    func block() {
        guard !isBlocked else { return }
        isBlocked = true
        pausesReading = true
        if client.capabilities.contains(.connectionBlocked) {
            let reason = sessions.hasAlarm ? context.alarms.blockedReason : "the disk is behind"
            Array(reason.utf8.prefix(255)).withSlice { send(0, ConnectionBlocked(reason: $0)) }
        }
        sessions.block(self)
    }

    func unblock() {
        isBlocked = false
        guard phase == .running else { return }
        if client.capabilities.contains(.connectionBlocked) { send(0, ConnectionUnblocked()) }
        resumeReading()
    }

    // MARK: The peer

    /// Answers pile up: fetches or mandatory publishes without end, and nobody reads.
    func pauseForOutput() {
        waitsForOutput = true
        pausesReading = true
    }

    func resumeAfterOutput() {
        waitsForOutput = false
        resumeReading()
    }

    /// The connection ends: what is read now changes nothing, and the answer to our close must be seen.
    func endBlocking() {
        isBlocked = false
        resumeReading()
    }

    func resumeReading() {
        guard !isBlocked, !waitsForOutput, connection?.isWaitingForRead != true, pausesReading else { return }
        pausesReading = false
        // What the peer has sent meanwhile is still to be read: its silence begins now.
        lastReceived = context.time.monotonicMilliseconds
        // Input that was left waits with the server.
        wake()
    }
}
