import Testing
import Wire

@testable import Engine

@Suite struct LatencyTests {
    /// Goal: bounds and percentiles are those that Redis shows. Expected values were read from a Redis 7.0: durations
    /// of 29 µs, 8 µs, 34 ms and of more than a second.
    @Test(
        arguments: [
            (29, 29_055, 33), (8, 8_031, 8), (1, 1_003, 1), (0, 0, 1), (33_800, 33_816_575, 33_816),
            (5_000_000, 1_002_438_655, 1_082_130),
        ] as [(Int64, Int64, Int64)])
    func rangesAreThoseOfRedis(microseconds: Int64, percentile: Int64, bound: Int64) {
        var histogram = LatencyHistogram()
        histogram.note(microseconds)
        #expect(histogram.percentile(50) == percentile)
        #expect(histogram.cumulative.map(\.bound) == [bound] && histogram.cumulative.map(\.calls) == [1])
    }

    /// Goal: every duration is counted once, percentiles are within a hundredth of the truth, counts never fall.
    /// Method: random durations against the sorted list; seed replays.
    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func histogramFollowsTheDurations(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var histogram = LatencyHistogram()
        var durations: [Int64] = []
        for _ in 0..<2_000 {
            let duration = Int64.random(in: 0...(1 << Int64.random(in: 0...19, using: &random)), using: &random)
            durations.append(duration)
            histogram.note(duration)
        }
        durations.sort()
        #expect(histogram.total == 2_000)
        #expect(histogram.cumulative.last?.calls == 2_000)
        #expect(
            zip(histogram.cumulative, histogram.cumulative.dropFirst()).allSatisfy {
                $0.calls < $1.calls && $0.bound < $1.bound
            })
        for percent in [0.1, 25, 50, 90, 99, 99.9, 100] {
            let wanted = durations[max(0, Int((percent / 100 * 2_000 + 0.5).rounded(.down)) - 1)]
            let shown = histogram.percentile(percent) / 1_000
            #expect(
                shown >= wanted - wanted / 64 && shown <= wanted + wanted / 64 + 1,
                "p\(percent): \(shown) for \(wanted)")
        }
        histogram.reset()
        #expect(histogram.total == 0 && histogram.percentile(50) == 0 && histogram.cumulative.isEmpty)
    }

    /// Goal: an event keeps the longest of each second, at most 160 seconds, and the longest of all.
    @Test func samplesAreKeptBySecond() {
        var monitor = LatencyMonitor()
        monitor.note(.command, microseconds: 5_000_000, at: 1)
        #expect(monitor.events.isEmpty, "nothing is watched")
        monitor.thresholdMilliseconds = 10
        monitor.note(.command, microseconds: 9_999, at: 1)
        #expect(monitor.events.isEmpty)
        monitor.note(.command, microseconds: 30_000, at: 1)
        monitor.note(.command, microseconds: 20_000, at: 1)
        #expect(monitor.samples("command")?.samples == [.init(time: 1, milliseconds: 30)])
        for second in 2...200 as ClosedRange<Int64> { monitor.note(.command, microseconds: 10_000, at: second) }
        #expect(monitor.samples("command")?.samples.count == LatencySamples.countMax)
        #expect(monitor.samples("command")?.longestMilliseconds == 30)
        monitor.note(.expireCycle, microseconds: 10_000, at: 201)
        #expect(monitor.reset(["nothing"]) == 0 && monitor.reset(["command"]) == 1)
        #expect(monitor.events.map(\.event) == [.expireCycle])
        #expect(monitor.reset([]) == 1 && monitor.events.isEmpty)
    }

    /// Goal: LATENCY shows what took long, and only that. Method: a clock that each command moves by 20 ms.
    @Test func commandsAreWatched() {
        let store = TestStore()
        #expect(store.reply("LATENCY", "DOCTOR").contains("Latency is not watched"))
        store.reply("CONFIG", "SET", "latency-monitor-threshold", "15")
        #expect(store.reply("LATENCY", "LATEST") == "*0\r\n")
        clock = 0
        store.context.time.stopwatch = {
            clock += 20_000
            return clock
        }
        store.reply("SORT", "k")
        store.context.time.stopwatch = nil
        #expect(store.reply("LATENCY", "LATEST") == "*1\r\n*4\r\n$7\r\ncommand\r\n:1700000000\r\n:20\r\n:20\r\n")
        #expect(store.reply("LATENCY", "HISTORY", "command") == "*1\r\n*2\r\n:1700000000\r\n:20\r\n")
        #expect(store.reply("LATENCY", "HISTORY", "none") == "*0\r\n")
        #expect(store.reply("LATENCY", "GRAPH", "none") == "-ERR No samples available for event 'none'\r\n")
        #expect(
            store.reply("LATENCY", "GRAPH", "command").contains(
                "command - high 20 ms, low 20 ms (all time high 20 ms)\n"))
        #expect(
            store.reply("LATENCY", "HISTOGRAM", "sort", "nosuch")
                == "*2\r\n$4\r\nsort\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:33816\r\n:1\r\n")
        #expect(store.reply("INFO", "latencystats").contains("latency_percentiles_usec_sort:p50=20054.015,p99="))
        store.reply("CONFIG", "RESETSTAT")
        #expect(store.reply("LATENCY", "HISTOGRAM", "sort") == "*0\r\n")
        #expect(store.reply("LATENCY", "RESET") == ":1\r\n")
    }

}

nonisolated(unsafe) private var clock: Int64 = 0

/// Goal: `timeout` closes who is silent, and nobody who waits or listens.
@Test func idleClientsAreClosed() {
    let harness = StoreHarness()
    let idle = harness.connect()
    let busy = harness.connect()
    let waiting = harness.connect()
    let listening = harness.connect()
    waiting.send("BLPOP k 0")
    listening.send("SUBSCRIBE c")
    #expect(idle.send("CONFIG SET timeout 10") == "+OK")
    harness.advance(milliseconds: 9_000)
    #expect(busy.send("PING") == "+PONG")
    harness.advance(milliseconds: 2_000)
    #expect(idle.session.closesNow)
    #expect(!busy.session.closesNow && !waiting.session.closesNow && !listening.session.closesNow)
    harness.advance(milliseconds: 9_000)
    #expect(busy.session.closesNow && !waiting.session.closesNow && !listening.session.closesNow)
}
