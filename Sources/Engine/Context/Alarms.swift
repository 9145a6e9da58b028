// Reasons to take no more in: the disk is nearly full, the log cannot be written, messages take too much memory.
// The server and the broker set them; sessions look at them: publishers are blocked (`connection.blocked`),
// store writes are refused with MISCONF, reading goes on (rabbitmq.com/docs/alarms).
// Loop thread only. Next: EngineContext.swift.

/// What is wrong at the moment.
public struct Alarms: Equatable, Sendable {
    /// Free space is below `disk.free_limit`.
    public var isDiskLow = false
    /// The disk has refused a write for lack of space; it is tried again until it goes well.
    public var isDiskFull = false
    /// Messages take more than `memory.high_watermark` although everything that can be is paged out.
    public var isMemoryLow = false
    /// The log has failed and the daemon was told to go on reading; why, in words. Never goes away.
    public var logFailure: String?

    public init() {}

    /// Publishers have to wait.
    public var blocksPublishers: Bool { isDiskLow || isDiskFull || isMemoryLow || logFailure != nil }

    /// Why publishers wait, as `connection.blocked` says it: RabbitMQ's words for what it knows, too.
    public var blockedReason: String {
        if let logFailure { return "the log has failed: \(logFailure)" }
        if isDiskLow || isDiskFull { return isMemoryLow ? "low on disk & memory" : "low on disk" }
        return "low on memory"
    }

    /// Store writes have to be refused. Why, in the words of the system.
    public var refusesStoreWrites: String? {
        if let logFailure { return logFailure }
        return isDiskLow || isDiskFull ? "No space left on device" : nil
    }
}
