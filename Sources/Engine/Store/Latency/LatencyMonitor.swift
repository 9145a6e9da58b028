// What took longer than `latency-monitor-threshold`: the last samples of each kind of event, for LATENCY.
// redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor
// Loop thread only. Next: ../Commands/Server/LatencyCommands.swift.

/// Kinds of events that are watched.
enum LatencyEvent: String, CaseIterable {
    case command
    /// A command that should take constant or logarithmic time.
    case fastCommand = "fast-command"
    case expireCycle = "expire-cycle"
    case evictionCycle = "eviction-cycle"
    /// Freeing what FLUSHALL ASYNC and the like have left.
    case lazyFree = "lazy-free"
    /// A whole turn of the loop: what a client may have to wait before its request is looked at. Redis has no such event.
    case loopTurn = "loop-turn"
}

/// The last samples of one event.
struct LatencySamples {
    struct Sample: Equatable {
        /// Seconds since 1970.
        var time: Int64
        var milliseconds: Int64
    }

    static let countMax = 160

    /// Oldest first; one for each second.
    private(set) var samples: [Sample] = []
    private(set) var longestMilliseconds: Int64 = 0

    mutating func note(_ milliseconds: Int64, at time: Int64) {
        longestMilliseconds = max(longestMilliseconds, milliseconds)
        if let last = samples.last, last.time == time {
            samples[samples.count - 1].milliseconds = max(last.milliseconds, milliseconds)
            return
        }
        if samples.count == Self.countMax { samples.removeFirst() }
        samples.append(Sample(time: time, milliseconds: milliseconds))
    }
}

/// All events that have happened.
struct LatencyMonitor {
    /// `latency-monitor-threshold`, milliseconds; 0: nothing is watched.
    var thresholdMilliseconds: Int64 = 0
    /// In the order of their first sample.
    private(set) var events: [(event: LatencyEvent, samples: LatencySamples)] = []

    @inline(__always)
    var isOn: Bool { thresholdMilliseconds > 0 }

    mutating func note(_ event: LatencyEvent, microseconds: Int64, at seconds: Int64) {
        let milliseconds = microseconds / 1_000
        guard isOn, milliseconds >= thresholdMilliseconds else { return }
        if let index = events.firstIndex(where: { $0.event == event }) {
            events[index].samples.note(milliseconds, at: seconds)
        } else {
            var samples = LatencySamples()
            samples.note(milliseconds, at: seconds)
            events.append((event, samples))
        }
    }

    func samples(_ name: String) -> LatencySamples? { events.first { $0.event.rawValue == name }?.samples }

    /// Forgets these events, all if none is named. Returns how many there were.
    mutating func reset(_ names: [String]) -> Int {
        let before = events.count
        events.removeAll { names.isEmpty || names.contains($0.event.rawValue) }
        return before - events.count
    }
}

extension Store {
    /// A stretch of work of this turn has ended; it began when the stopwatch showed `start`. Call only while `latency.isOn`.
    @inline(never)
    func noteLatency(_ event: LatencyEvent, since start: Int64) {
        guard let stopwatch = context.time.stopwatch else { return }
        latency.note(event, microseconds: stopwatch() - start, at: context.time.wallMilliseconds / 1_000)
    }
}
