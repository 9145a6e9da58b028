// What time it is, as the server told at the start of the turn. The engine has no clock of its own: the
// same input with the same times gives the same output, which is what the simulation lives on.
// Loop thread only. Next: DeadlineHeap.swift.

/// The time of the current turn; one object, shared by everything in the engine.
public final class EngineTime {
    /// Never goes back. Milliseconds since an arbitrary start; for time-outs, heartbeats, TTLs of messages.
    public private(set) var monotonicMilliseconds: Int64 = 0

    /// The same clock in microseconds, for how long the turn has taken. May go back.
    public private(set) var turnStartMicroseconds: Int64 = 0

    /// Milliseconds since 1970, UTC; for key expiry and everything a client sees.
    public private(set) var wallMilliseconds: Int64 = 0

    /// Microseconds since 1970, UTC; for `TIME` and `SLOWLOG`.
    public private(set) var wallMicroseconds: Int64 = 0

    /// A finer clock, microseconds, for statistics only (commandstats, SLOWLOG); nil where runs must repeat.
    public var stopwatch: (@convention(c) () -> Int64)?
    /// What it said last.
    public var lastStopwatchMicroseconds: Int64 = 0

    public init() {}

    /// Called by the server at the start of every turn. Both in microseconds.
    public func advance(monotonicMicroseconds: Int64, wallMicroseconds: Int64) {
        turnStartMicroseconds = monotonicMicroseconds
        monotonicMilliseconds = max(monotonicMilliseconds, monotonicMicroseconds / 1000)
        wallMilliseconds = wallMicroseconds / 1000
        self.wallMicroseconds = wallMicroseconds
    }
}
