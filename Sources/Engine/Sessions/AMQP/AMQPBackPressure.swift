// When a session stops reading: the disk is behind (publishers wait), the peer asks for more than it takes, or
// it fetches a message that has to be read from the disk first.
// What the broker delivers by itself stops much earlier (OutputQueue.isCongested): pausing there would lock a
// client that writes without reading, which many simple ones do.
// Loop thread only.

import Wire

extension AMQPSession {
    // MARK: The disk

    /// No more is read from a connection that publishes until the log has caught up; the client hears why.
    func block() {
        guard !isBlocked else { return }
        isBlocked = true
        pausesReading = true
        if client.capabilities.contains(.connectionBlocked) {
            Array("the disk is behind".utf8).withSlice { send(0, ConnectionBlocked(reason: $0)) }
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

    func resumeReading() {
        guard !isBlocked, !waitsForOutput, connection?.isWaitingForRead != true else { return }
        pausesReading = false
        // Input that was left waits with the server.
        wake()
    }
}
