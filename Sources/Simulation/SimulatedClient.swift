// One connection without a socket: bytes queued to be sent, bytes received. Knows no protocol.
// One thread. Next: SimulatedHost.swift, which moves the bytes.

import Engine
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The other end of a session.
public final class SimulatedClient {
    public let session: Session
    private var unsent: [UInt8] = []
    private var isSessionGone = false
    /// Everything received and not taken yet.
    public private(set) var received: [UInt8] = []

    init(session: Session, index: Int) { self.session = session }

    public func send(_ bytes: [UInt8]) { unsent += bytes }
    public func send(_ text: String) { unsent += Array(text.utf8) }

    /// Hands over what was received.
    public func take() -> [UInt8] {
        defer { received = [] }
        return received
    }

    /// The connection breaks.
    public func drop() {
        guard !isSessionGone else { return }
        isSessionGone = true
        unsent = []
        session.disconnected()
        session.output.discard()
    }

    /// Nothing to send, nothing to receive.
    var isQuiet: Bool { isSessionGone || (session.output.isEmpty && (unsent.isEmpty || session.pausesReading)) }

    /// Gives the session what is unsent. Returns whether it took any.
    @discardableResult
    func feed() -> Bool {
        guard !isSessionGone, !unsent.isEmpty, !session.pausesReading else { return false }
        let taken = unsent.withUnsafeBytes { session.receive(ByteSlice($0)) }
        unsent.removeFirst(taken)
        return taken > 0
    }

    /// Not all that was queued has been taken by the session.
    public var hasUnsent: Bool { !unsent.isEmpty }

    /// Receives what need not wait for the disk. True when it has to wait.
    func collect(_ journal: Journal) -> Bool {
        guard !isSessionGone else { return false }
        if session.closesNow {
            drop()
            return false
        }
        let output = session.output
        if output.heldUntilSequence == journal.openSequence, journal.pendingBytes == 0 {
            // Nothing was appended to the open batch after all: the one before it is enough.
            output.heldUntilSequence -= 1
        }
        guard output.heldUntilSequence <= journal.durableSequence else { return true }
        let pieces = UnsafeMutableBufferPointer<iovec>.allocate(capacity: 64)
        defer { pieces.deallocate() }
        while !output.isEmpty {
            let count = output.gather(into: pieces)
            var total = 0
            for piece in pieces[0..<count] {
                received += UnsafeRawBufferPointer(start: piece.iov_base, count: piece.iov_len)
                total += piece.iov_len
            }
            if output.consume(total) { session.outputDrained() }
        }
        if session.closesAfterFlush { drop() }
        return false
    }
}
