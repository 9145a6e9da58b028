// One message's place in one queue: what the queue knows about it beyond its bytes. Fixed size, plain memory,
// moved between the ready list and a channel's unacknowledged list without touching a reference count.
// Ownership: whoever holds an entry holds one count of its message, and passes it on or releases it once.
// Boundary file for `Unmanaged`. Loop thread only. Next: EntryRing.swift.

/// Place of one message in one queue.
struct QueueEntry {
    /// Owned (+1) by the holder of the entry.
    let unmanagedMessage: Unmanaged<Message>
    /// Order in the queue; a requeued entry goes back by it.
    let sequence: UInt64
    /// Monotonic milliseconds at which it expires; `QueueEntry.never` when it does not.
    let expiry: Int64
    /// How often it was handed out before and came back.
    var deliveryCount: UInt32 = 0
    /// Level in a priority queue, already clamped.
    var priority: UInt8 = 0
    var isRedelivered = false
    /// In a durable queue and in the log: settling it is journaled.
    let isLogged: Bool

    static let never = Int64.max

    /// Takes one count of `message` over for the entry.
    @inline(__always)
    init(
        retaining message: Message, sequence: UInt64, expiry: Int64, priority: UInt8, isLogged: Bool
    ) {
        unmanagedMessage = Unmanaged.passRetained(message)
        self.sequence = sequence
        self.expiry = expiry
        self.priority = priority
        self.isLogged = isLogged
    }

    /// The message, with a count of its own: not for the hot path, which uses the accessors below.
    var message: Message { unmanagedMessage.takeUnretainedValue() }

    /// Lends the message to `body` without counting.
    @inline(__always)
    func withMessage<R>(_ body: (Message) -> R) -> R { unmanagedMessage._withUnsafeGuaranteedRef(body) }

    @inline(__always)
    var bodyBytes: Int { withMessage { $0.header.bodyBytes } }

    @inline(__always)
    var logPosition: LogPosition { withMessage { $0.header.logPosition } }

    /// Gives the entry's count of its message back. The entry is spent.
    @inline(__always)
    func release() { unmanagedMessage.release() }

    @inline(__always)
    var hasExpiry: Bool { expiry != Self.never }
}
