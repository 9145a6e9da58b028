// The system's clocks. The engine never reads them: the server tells it the time at the start of a turn.
// Any thread.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Both clocks, in microseconds.
public enum LoopClock {
    /// Since an arbitrary start; never goes back.
    public static var monotonicMicroseconds: Int64 { read(CLOCK_MONOTONIC) }

    /// Since 1970, UTC.
    public static var wallMicroseconds: Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
