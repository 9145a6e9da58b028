// One accepted socket: reads into the shared buffer, feeds its session, writes its session's output.
// What the bytes mean is the session's business; when output is written is the reactor's (end of turn).
//
// Its life: open → (session wants to close, or the peer has) flushing → lingering → closed. From the first
// step on the session is gone (`disconnected` was called) or silent, and only bytes are moved.
// Loop thread only. Next: Reactor.swift (turns), ReadBuffer.swift.

import Engine
import EventLoop
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which protocol a listener speaks.
public enum WireProtocol: Sendable {
    case amqp, resp
}

/// One connection.
final class Connection: DescriptorEvents {
    enum Phase {
        case open
        /// What is pending is still written; input is no longer read.
        case flushing
        /// Everything is written and our side is shut; waits for the peer to close, so that a reset cannot
        /// destroy what it has not read yet.
        case lingering
        case closed
    }

    let session: Session
    let wireProtocol: WireProtocol
    /// Owns this connection, so it lives longer; checking that at every access would show in profiles.
    private unowned(unsafe) let reactor: Reactor
    private(set) var phase = Phase.open
    private var tail = InputTail()
    /// The session left input in `tail` because it had to pause.
    private var holdsInput = false
    private var peerHasClosed = false
    private var isSessionGone = false
    /// Waits in the reactor's list of outputs that need a batch to be durable.
    var isHeld = false

    init(descriptor: Int32, session: Session, wireProtocol: WireProtocol, reactor: Reactor) {
        self.session = session
        self.wireProtocol = wireProtocol
        self.reactor = reactor
        super.init(descriptor: descriptor, on: reactor.loop)
    }

    // MARK: Reading

    override func onReadable() {
        reactor.beginTurn()
        switch phase {
        case .open:
            if session.pausesReading || holdsInput || reactor.isReadingSuspended { return readAhead() }
            if tail.count <= NetworkLimits.sharedTailBytesMax { readShared() } else { readAppending() }
        case .flushing: watchReadable(false)
        case .lingering: discardInput()
        case .closed: break
        }
    }

    /// The usual read: into the shared buffer, behind a copy of the tail.
    private func readShared() {
        let start = reactor.readBuffer.readStart
        let received = recv(descriptor, start, NetworkLimits.readBytesMax, 0)
        guard received > 0 else { return readFailed(received) }
        reactor.statistics.bytesRead += received
        let held = tail.count
        if held > 0 { tail.copy(before: start) }
        let total = held + received
        let taken = session.receive(ByteSlice(base: UnsafeRawPointer(start - held), count: total))
        precondition(taken >= 0 && taken <= total, "session took more than it was given")
        if taken != total || held > 0 {
            tail.replace(with: ByteSlice(base: UnsafeRawPointer(start - held + taken), count: total - taken))
        }
        afterReceive()
    }

    /// A long request is under way: grows it where it is.
    private func readAppending() {
        let received = recv(descriptor, tail.reserve(NetworkLimits.readBytesMax), NetworkLimits.readBytesMax, 0)
        guard received > 0 else { return readFailed(received) }
        reactor.statistics.bytesRead += received
        tail.commit(received)
        tail.drop(session.receive(tail.slice))
        afterReceive()
    }

    /// The session takes nothing now. Reading a little ahead all the same shows when the peer goes away, and
    /// saves switching the event off and on for every blocking command.
    private func readAhead() {
        holdsInput = true
        guard wireProtocol == .resp, tail.count < NetworkLimits.pausedTailBytesMax else {
            return watchReadable(false)
        }
        let room = NetworkLimits.pausedTailBytesMax
        let received = recv(descriptor, tail.reserve(room), room, 0)
        guard received > 0 else { return readFailed(received) }
        reactor.statistics.bytesRead += received
        tail.commit(received)
    }

    private func afterReceive() {
        if session.pausesReading { holdsInput = true }
        // Flags without output would not be seen at the end of the turn.
        if session.closesNow || session.closesAfterFlush { session.wake() }
    }

    private func readFailed(_ received: Int) {
        if received < 0, errno == EAGAIN || errno == EINTR { return }
        peerHasClosed = true
        if received < 0 { return close() }
        // The peer sends no more. What it was promised it may still read.
        endSession()
        if session.output.isEmpty || session.closesNow { close() } else { beginFlushing() }
    }

    private func discardInput() {
        let received = recv(descriptor, reactor.readBuffer.readStart, NetworkLimits.readBytesMax, 0)
        if received > 0 || (received < 0 && (errno == EAGAIN || errno == EINTR)) { return }
        close()
    }

    /// The session paused and no longer does.
    var canResume: Bool {
        holdsInput && phase == .open && !session.pausesReading && !reactor.isReadingSuspended
            && !session.closesNow && !session.closesAfterFlush
    }

    /// Feeds the session what it left while it paused. Returns whether there was anything to do.
    func resumeInput() -> Bool {
        guard canResume else { return false }
        holdsInput = false
        watchReadable(true)
        guard tail.count > 0 else { return false }
        tail.drop(session.receive(tail.slice))
        afterReceive()
        return true
    }

    // MARK: Writing

    override func onWritable() {
        reactor.beginTurn()
        flush()
    }

    /// Writes what is pending, as far as the socket takes it, and does what the session's flags ask.
    func flush() {
        if phase == .closed { return }
        if session.closesNow { return close() }
        if reactor.holdsOutput(of: self) { return watchWritable(false) }
        let output = session.output
        var budget = NetworkLimits.writeBytesMax
        while !output.isEmpty {
            guard budget > 0 else { return watchWritable(true) }
            let written = writeOnce(output)
            if written < 0 {
                switch errno {
                case EAGAIN: return watchWritable(true)
                case EINTR: continue
                default: return close()
                }
            }
            reactor.statistics.bytesWritten += written
            budget -= written
            if output.consume(written), phase == .open { session.outputDrained() }
        }
        watchWritable(false)
        if phase == .flushing || session.closesAfterFlush { beginLingering() }
    }

    private func writeOnce(_ output: OutputQueue) -> Int {
        let pieces = reactor.writePieces
        let count = output.gather(into: pieces)
        if count == 1 { return send(descriptor, pieces[0].iov_base, pieces[0].iov_len, Int32(MSG_NOSIGNAL)) }
        return writev(descriptor, pieces.baseAddress, Int32(count))
    }

    // MARK: Ending

    private func beginFlushing() {
        guard phase == .open else { return }
        phase = .flushing
        watchReadable(false)
        session.wake()
    }

    private func beginLingering() {
        endSession()
        if peerHasClosed || reactor.isShuttingDown { return close() }
        guard phase != .lingering else { return }
        phase = .lingering
        tail.clear()
        if !session.leavesClosingToPeer { shutdown(descriptor, Int32(SHUT_WR)) }
        watchReadable(true)
        reactor.linger(self)
    }

    /// The daemon is stopping. An AMQP session says good-bye and ends by itself; RESP has no words for it.
    func shutDown() {
        switch phase {
        case .open:
            session.shutdown()
            if wireProtocol == .resp { beginFlushing() } else { session.wake() }
        case .lingering: close()
        case .flushing, .closed: break
        }
    }

    private func endSession() {
        guard !isSessionGone else { return }
        isSessionGone = true
        session.disconnected()
    }

    /// Ends the connection at once.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        endSession()
        session.output.discard()
        tail.clear()
        closeDescriptor()
        reactor.forget(self)
    }
}
