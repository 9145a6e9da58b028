// Every limit of the server's side of connections, in one place. What users may set stands in
// ../Configuration/Settings.swift.

/// Fixed limits of sockets and turns.
enum NetworkLimits {
    /// Bytes read from one connection for one readiness.
    static let readBytesMax = 262_144
    /// An incomplete tail up to this size goes back into the shared buffer, in front of the next read; a longer
    /// one has the next read appended where it is.
    static let sharedTailBytesMax = 131_072
    /// Bytes read ahead from a connection whose session takes nothing now (blocked client).
    static let pausedTailBytesMax = 65_536
    /// Pieces of one writev.
    static let writePiecesMax = 64
    /// Bytes written to one connection in one turn; the rest waits for writability.
    static let writeBytesMax = 4_194_304
    /// Connections accepted for one readiness of a listener.
    static let acceptsMax = 64
    /// Length of the kernel's queue of connections not yet accepted.
    static let backlog: Int32 = 1_024
    /// Pause of accepting after the process has run out of descriptors.
    static let acceptBackoffMicroseconds: Int64 = 100_000
    /// How long a connection that we end stays open for the peer to read our last words.
    static let lingerMilliseconds: Int64 = 2_000
    /// How often within one turn resumed sessions may resume others before the sockets are looked at again.
    static let resumeRoundsMax = 16

    /// Asserts the relations that the code relies on.
    static func check() {
        precondition(sharedTailBytesMax < readBytesMax)
        precondition(pausedTailBytesMax <= sharedTailBytesMax)
        precondition(writePiecesMax <= 1_024, "IOV_MAX")
    }
}
