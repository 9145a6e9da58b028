// What everybody may know of checkpoints and ask of them. Commands ask here (`SAVE`, `BGSAVE`, `BGREWRITEAOF`,
// `CONFIG SET appendonly yes`); `Engine.Checkpoint` takes them and reports here.
// Loop thread only. Next: ../Checkpoint.swift.

/// Requests for checkpoints and what became of them.
public final class CheckpointControl {
    /// Number of the checkpoint asked for last: done once `finished` has reached it.
    public private(set) var requested: UInt64 = 0
    /// Number of the last checkpoint that was begun.
    public private(set) var begun: UInt64 = 0
    /// Number of the last checkpoint that ended, well or not.
    public private(set) var finished: UInt64 = 0
    /// The last one that ended is whole on disk. True before the first.
    public private(set) var lastSucceeded = true
    /// Why it is not.
    public private(set) var lastFailure = ""
    /// When the last whole one ended, seconds since 1970; the daemon's start before the first.
    public internal(set) var lastSuccessSeconds: Int64 = 0
    /// How long the last one took, milliseconds; −1 before the first.
    public private(set) var lastMilliseconds: Int64 = -1
    /// When the running one was begun, monotonic milliseconds.
    public private(set) var beganAtMilliseconds: Int64 = 0

    public var isRunning: Bool { begun > finished }
    /// Somebody waits for one that has not begun.
    public var isAsked: Bool { requested > begun }

    /// Asks for a checkpoint whose picture is not older than this moment. Returns its number.
    func request() -> UInt64 {
        requested = max(requested, begun + 1)
        return requested
    }

    func noteBegun(atMilliseconds now: Int64) {
        precondition(!isRunning)
        begun += 1
        beganAtMilliseconds = now
    }

    /// `failure`: why it is not whole; nil when it is.
    func noteFinished(failure: String?, wallSeconds: Int64, monotonicMilliseconds now: Int64) {
        precondition(isRunning)
        finished = begun
        lastSucceeded = failure == nil
        lastFailure = failure ?? ""
        lastMilliseconds = now - beganAtMilliseconds
        if failure == nil { lastSuccessSeconds = wallSeconds }
    }
}
