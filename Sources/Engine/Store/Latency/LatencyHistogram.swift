// How long the calls of one command took: counts by duration, with two significant digits, as an HDR histogram keeps
// them (hdrhistogram.org). Durations are whole microseconds, so up to 255 µs each has a count of its own; above that 128
// counts share each doubling. What is shown are the upper ends of the ranges that Redis counts in, nanoseconds cut off.
// Loop thread only. Next: ../Commands/Server/LatencyCommands.swift.

/// Counts of one command's durations. No memory until the first.
struct LatencyHistogram {
    private static let halfShift = 7
    private static let half = 1 << halfShift
    /// Longer durations count as this, as in Redis.
    static let microsecondsMax: Int64 = 1_000_000
    private static let size = index(microsecondsMax) + 1

    private var counts: [UInt64] = []
    private(set) var total: UInt64 = 0

    @inline(__always)
    private static func index(_ microseconds: Int64) -> Int {
        let value = Int(truncatingIfNeeded: microseconds)
        // The doubling it lies in, counted from the second half of the first 256.
        let doubling = max(0, Int.bitWidth - 1 - halfShift - (value | half).leadingZeroBitCount)
        return doubling * half + (value >> doubling)
    }

    /// The least duration that is counted at `index`.
    private static func microseconds(_ index: Int) -> Int64 {
        guard index >= 2 * half else { return Int64(index) }
        let doubling = index / half - 1
        return Int64((index - doubling * half) << doubling)
    }

    @inline(__always)
    mutating func note(_ microseconds: Int64) {
        if counts.isEmpty { counts = Array(repeating: 0, count: Self.size) }
        counts[Self.index(min(microseconds, Self.microsecondsMax))] &+= 1
        total &+= 1
    }

    mutating func reset() { self = LatencyHistogram() }

    /// Upper end, nanoseconds, of the range of Redis's histogram that this many nanoseconds lie in.
    private static func rangeEnd(_ nanoseconds: Int64) -> Int64 {
        let shift = max(0, Int64.bitWidth - 8 - nanoseconds.leadingZeroBitCount)
        return ((nanoseconds >> Int64(shift)) + 1) << Int64(shift) - 1
    }

    /// The duration that `percent` of the calls did not exceed, nanoseconds; 0 without calls.
    func percentile(_ percent: Double) -> Int64 {
        guard total > 0 else { return 0 }
        let wanted = max(1, UInt64((min(percent, 100) / 100 * Double(total) + 0.5).rounded(.down)))
        var seen: UInt64 = 0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= wanted { return Self.rangeEnd(Self.microseconds(index) * 1_000) }
        }
        return Self.rangeEnd(Self.microsecondsMax * 1_000)
    }

    /// Pairs of a bound, microseconds, and how many calls did not exceed it; bounds double from 1.024 µs on, and those
    /// that add nothing are left out.
    var cumulative: [(bound: Int64, calls: UInt64)] {
        var shown: [(bound: Int64, calls: UInt64)] = []
        var bound: Int64 = 1_024
        var seen: UInt64 = 0
        var index = 0
        while seen < total {
            let end = Self.rangeEnd(bound)
            let before = seen
            while index < counts.count, Self.microseconds(index) * 1_000 <= end {
                seen += counts[index]
                index += 1
            }
            if seen > before { shown.append((end / 1_000, seen)) }
            bound *= 2
        }
        return shown
    }
}
