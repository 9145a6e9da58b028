// One message's place in one queue: what the queue knows about it beyond its bytes. Fixed size, plain memory,
// moved between the ready list and a channel's unacknowledged list without touching a reference count.
// The message itself is in memory or on disk: a long backlog keeps entries only. A logged entry's message is
// then in its segment of the log, any other's in the spool of this boot.
// Ownership: whoever holds an entry whose message is in memory holds one count of it, and passes it on or
// releases it once.
// Boundary file for `Unmanaged`. Loop thread only. Next: EntryRing.swift.

/// Place of one message in one queue. 32 bytes: a backlog of millions holds as many.
struct QueueEntry {
    private enum Flag {
        static let redelivered: UInt8 = 1
        static let logged: UInt8 = 2
        static let onDisk: UInt8 = 4
        static let asked: UInt8 = 8
        static let unreadable: UInt8 = 16
        static let streamed: UInt8 = 32
    }

    /// The message's address in memory (one count is owned by the holder of the entry), or its place on disk.
    private var place: UInt64
    /// Order in the queue; a requeued entry goes back by it.
    let sequence: UInt64
    /// Monotonic milliseconds at which it expires; `QueueEntry.never` when it does not.
    let expiry: Int64
    private let size: UInt32
    /// How often it was handed out before and came back; stays at its maximum.
    private(set) var deliveryCount: UInt16 = 0
    /// Level in a priority queue, already clamped.
    let priority: UInt8
    private var flags: UInt8

    static let never = Int64.max

    /// Takes one count of `message` over for the entry.
    @inline(__always)
    init(
        retaining message: Message, sequence: UInt64, expiry: Int64, priority: UInt8, isLogged: Bool
    ) {
        place = UInt64(UInt(bitPattern: Unmanaged.passRetained(message).toOpaque()))
        self.sequence = sequence
        self.expiry = expiry
        size = UInt32(truncatingIfNeeded: message.header.bodyBytes)
        self.priority = priority
        flags = isLogged ? Flag.logged : 0
    }

    /// An entry whose message is on disk, at `place`: a position in the log, or an address in the spool.
    init(
        onDisk place: UInt64, bodyBytes: Int, sequence: UInt64, expiry: Int64, priority: UInt8, isLogged: Bool
    ) {
        self.place = place
        self.sequence = sequence
        self.expiry = expiry
        size = UInt32(truncatingIfNeeded: bodyBytes)
        self.priority = priority
        flags = Flag.onDisk | (isLogged ? Flag.logged : 0)
    }

    /// What a channel holds of a stream's message: its place there, no message.
    init(streamOffset: UInt64, bodyBytes: Int) {
        self.init(
            onDisk: 0, bodyBytes: bodyBytes, sequence: streamOffset, expiry: Self.never, priority: 0, isLogged: false)
        flags |= Flag.streamed
    }

    /// It stays in its stream, whatever becomes of this.
    var isStreamed: Bool { flags & Flag.streamed != 0 }

    // MARK: The message

    /// The message is not in memory.
    @inline(__always)
    var isOnDisk: Bool { flags & Flag.onDisk != 0 }

    /// In memory only.
    @inline(__always)
    private var unmanagedMessage: Unmanaged<Message> {
        assert(!isOnDisk)
        return Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: UInt(place)).unsafelyUnwrapped)
    }

    /// The message, with a count of its own: not for the hot path, which uses the accessors below. In memory only.
    var message: Message { unmanagedMessage.takeUnretainedValue() }

    /// Lends the message to `body` without counting. In memory only.
    @inline(__always)
    func withMessage<R>(_ body: (Message) -> R) -> R { unmanagedMessage._withUnsafeGuaranteedRef(body) }

    @inline(__always)
    var bodyBytes: Int { Int(size) }

    /// Position of its record in the log; of logged entries only.
    @inline(__always)
    var logPosition: LogPosition { isOnDisk ? place : withMessage { $0.header.logPosition } }

    /// Where the message is on disk. On disk only.
    var diskPlace: UInt64 {
        assert(isOnDisk)
        return place
    }

    /// Gives the message's count back: it is found at `place` from now on.
    mutating func moveToDisk(_ place: UInt64) {
        unmanagedMessage.release()
        self.place = place
        flags |= Flag.onDisk
    }

    /// The message has been read back; takes one count of it over.
    mutating func bringBack(_ message: Unmanaged<Message>) {
        assert(isOnDisk)
        place = UInt64(UInt(bitPattern: message.toOpaque()))
        flags &= ~(Flag.onDisk | Flag.asked)
    }

    /// A request to read its message is under way. On disk only.
    @inline(__always)
    var isAsked: Bool {
        get { flags & Flag.asked != 0 }
        set { flags = newValue ? flags | Flag.asked : flags & ~Flag.asked }
    }

    /// Its message on disk is damaged: whoever comes to it sets it aside. On disk only.
    @inline(__always)
    var isUnreadable: Bool { flags & Flag.unreadable != 0 }

    mutating func markUnreadable() { flags |= Flag.unreadable }

    /// What its message takes in memory. In memory only.
    @inline(__always)
    var residentBytes: Int { withMessage { $0.residentBytes } }

    /// Gives the entry's count of its message back. The entry is spent.
    @inline(__always)
    func release() { if !isOnDisk { unmanagedMessage.release() } }

    // MARK: Facts

    @inline(__always)
    var hasExpiry: Bool { expiry != Self.never }

    /// In a durable queue and in the log: settling it is journaled.
    @inline(__always)
    var isLogged: Bool { flags & Flag.logged != 0 }

    @inline(__always)
    var isRedelivered: Bool {
        get { flags & Flag.redelivered != 0 }
        set { flags = newValue ? flags | Flag.redelivered : flags & ~Flag.redelivered }
    }

    /// It was handed out and comes back.
    @inline(__always)
    mutating func noteReturned() {
        flags |= Flag.redelivered
        if deliveryCount != .max { deliveryCount += 1 }
    }

    /// As the log has it.
    mutating func restore(deliveryCount: UInt16, isRedelivered: Bool) {
        self.deliveryCount = deliveryCount
        self.isRedelivered = isRedelivered
    }
}
