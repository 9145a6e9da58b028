// LATENCY: events that took long, and how long the calls of each command took.
// Loop thread only. Next: ../../Latency/LatencyMonitor.swift, ../../Latency/LatencyHistogram.swift.

import Wire

extension RESPCommand {
    static let latency = RESPCommand(
        container: "LATENCY", group: .server, since: "2.8.13",
        summary: "A container for latency diagnostics commands.",
        subcommands: [
            latencyLatest, latencyHistory, latencyReset, latencyHistogram, latencyGraph, latencyDoctor,
            RESPCommand(
                "HELP", .exactly(2), [.loading, .stale], group: .server, since: "2.8.13",
                summary: "Returns helpful text about the different subcommands."
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])

    private static let latencyFlags: CommandFlags = [.admin, .noScript, .loading, .stale]

    /// `LATENCY LATEST` → for each event: name, seconds since 1970 of the last sample, its milliseconds, the most.
    private static let latencyLatest = RESPCommand(
        "LATEST", .exactly(2), latencyFlags, group: .server, since: "2.8.13",
        summary: "Returns the latest latency samples for all events."
    ) { call throws(CommandError) in
        let events = call.store.latency.events
        call.reply.array(events.count)
        for (event, samples) in events {
            call.reply.array(4)
            call.reply.bulk(event.rawValue)
            call.reply.integer(samples.samples.last?.time ?? 0)
            call.reply.integer(samples.samples.last?.milliseconds ?? 0)
            call.reply.integer(samples.longestMilliseconds)
        }
    }

    /// `LATENCY HISTORY event` → pairs of seconds since 1970 and milliseconds, oldest first.
    private static let latencyHistory = RESPCommand(
        "HISTORY", .exactly(3), latencyFlags, group: .server, since: "2.8.13",
        summary: "Returns timestamp-latency samples for an event."
    ) { call throws(CommandError) in
        let samples = call.store.latency.samples(call[2].string)?.samples ?? []
        call.reply.array(samples.count)
        for sample in samples {
            call.reply.array(2)
            call.reply.integer(sample.time)
            call.reply.integer(sample.milliseconds)
        }
    }

    /// `LATENCY RESET [event …]` → how many were forgotten.
    private static let latencyReset = RESPCommand(
        "RESET", .atLeast(2), latencyFlags, group: .server, since: "2.8.13",
        summary: "Resets the latency data for one or more events."
    ) { call throws(CommandError) in
        call.reply.integer(call.store.latency.reset((2..<call.count).map { call[$0].string }))
    }

    /// `LATENCY HISTOGRAM [command …]` → for each command that was called: calls, and by bound in microseconds how many
    /// did not exceed it. A container stands for its subcommands.
    private static let latencyHistogram = RESPCommand(
        "HISTOGRAM", .atLeast(2), latencyFlags, group: .server, since: "7.0.0",
        summary: "Returns the cumulative distribution of latencies of commands."
    ) { call throws(CommandError) in
        var rows: [CommandRow] = []
        if call.count == 2 {
            rows = call.store.table.rows
        } else {
            for index in 2..<call.count {
                if let row = call.store.table.findByFullName(call[index]) { rows.append(row) }
            }
        }
        rows = rows.flatMap { [$0] + $0.subcommands.map(\.row) }.filter { $0.latency.total > 0 }
        call.reply.map(rows.count)
        for row in rows {
            call.reply.bulk(row.fullName)
            call.reply.map(2)
            call.reply.bulk("calls")
            call.reply.integer(row.latency.total)
            call.reply.bulk("histogram_usec")
            let bounds = row.latency.cumulative
            call.reply.map(bounds.count)
            for (bound, calls) in bounds {
                call.reply.integer(bound)
                call.reply.integer(calls)
            }
        }
    }

    /// `LATENCY GRAPH event` → its samples as a drawing of letters.
    private static let latencyGraph = RESPCommand(
        "GRAPH", .exactly(3), latencyFlags, group: .server, since: "2.8.13",
        summary: "Returns a latency graph for an event."
    ) { call throws(CommandError) in
        let name = call[2].string
        guard let samples = call.store.latency.samples(name) else {
            throw .message("ERR No samples available for event '\(name)'")
        }
        call.reply.verbatim(LatencyGraph(name, samples, now: call.now / 1_000).text)
    }

    /// `LATENCY DOCTOR` → what was seen, in words.
    private static let latencyDoctor = RESPCommand(
        "DOCTOR", .exactly(2), latencyFlags, group: .server, since: "2.8.13",
        summary: "Returns a human-readable latency analysis report."
    ) { call throws(CommandError) in
        let monitor = call.store.latency
        guard monitor.isOn || !monitor.events.isEmpty else {
            return call.reply.verbatim(
                "Latency is not watched. CONFIG SET latency-monitor-threshold <milliseconds> begins it.\n")
        }
        guard !monitor.events.isEmpty else {
            return call.reply.verbatim(
                "Nothing has taken \(monitor.thresholdMilliseconds) ms or longer since it is watched.\n")
        }
        var text = ""
        for (event, samples) in monitor.events {
            let values = samples.samples.map(\.milliseconds)
            let mean = values.reduce(0, +) / Int64(max(1, values.count))
            text +=
                "\(event.rawValue): \(values.count) samples, \(mean) ms on average, \(samples.longestMilliseconds) ms "
            text += "at most. \(advice(event))\n"
        }
        call.reply.verbatim(text)
    }

    private static func advice(_ event: LatencyEvent) -> String {
        switch event {
        case .command, .fastCommand: "SLOWLOG GET names the commands."
        case .expireCycle: "Many keys expire at the same time."
        case .evictionCycle: "Writes outrun what maxmemory allows; see maxmemory-policy."
        case .lazyFree: "Large values are being freed."
        case .loopTurn: "Other clients wait as long; compare with the other events."
        }
    }
}

extension ReplyWriter {
    func integer(_ value: UInt64) { integer(Int64(clamping: value)) }
}

/// Samples as columns of letters, with their age below.
private struct LatencyGraph {
    private static let rows = 4
    /// What tops a column, by third of a row.
    private static let tops: [Character] = ["_", "o", "#"]

    let text: String

    init(_ name: String, _ samples: LatencySamples, now: Int64) {
        let values = samples.samples.map(\.milliseconds)
        let high = values.max() ?? 0
        let low = values.min() ?? 0
        var lines = [
            "\(name) - high \(high) ms, low \(low) ms (all time high \(samples.longestMilliseconds) ms)",
            String(repeating: "-", count: 80),
        ]
        let steps = Int64(Self.rows * Self.tops.count)
        let heights = values.map { Int(min(steps - 1, ($0 - low) * steps / max(1, high - low))) }
        for row in (0..<Self.rows).reversed() {
            lines.append(
                String(
                    heights.map { height in
                        let part = height - row * Self.tops.count
                        return part < 0 ? " " : part < Self.tops.count ? Self.tops[part] : "|"
                    }))
        }
        lines.append("")
        let ages = samples.samples.map { Array(Self.age(now - $0.time)) }
        for row in 0..<(ages.map(\.count).max() ?? 0) {
            lines.append(String(ages.map { row < $0.count ? $0[row] : " " }))
        }
        text = lines.joined(separator: "\n") + "\n"
    }

    private static func age(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(max(0, seconds))s"
        case ..<3_600: "\(seconds / 60)m"
        case ..<86_400: "\(seconds / 3_600)h"
        default: "\(seconds / 86_400)d"
        }
    }
}
