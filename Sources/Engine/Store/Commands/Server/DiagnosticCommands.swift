// MEMORY, LATENCY and the harmless part of DEBUG.
// Loop thread only. Next: ServerCommands.swift.

import CTaskdShims
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension RESPCommand {
    static let diagnosticCommands: [RESPCommand] = [memory, latency, debug]

    private static func help(_ since: StaticString) -> RESPCommand {
        RESPCommand(
            "HELP", .exactly(2), [.loading, .stale], group: .server, since: since,
            summary: "Returns helpful text about the different subcommands."
        ) { call throws(CommandError) in
            call.replyHelp()
        }
    }

    // MARK: MEMORY

    static let memory = RESPCommand(
        container: "MEMORY", group: .server, since: "4.0.0", summary: "A container for memory diagnostics commands.",
        subcommands: [
            RESPCommand(
                "USAGE", .atLeast(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .server,
                since: "4.0.0", summary: "Estimates the memory usage of a key.",
                complexity: "O(N) where N is the number of samples."
            ) { call throws(CommandError) in
                if call.count != 3 {
                    guard call.count == 5, call.word(3, is: "samples") else { throw .syntax }
                    guard try call.integer(4) >= 0 else { throw .syntax }
                }
                guard let entry = call.keys.find(call[2]) else { return call.reply.null() }
                call.reply.integer(entry.allocatedBytes + (entry.holdsObject ? entry.object.memoryBytes : 0))
            },
            RESPCommand(
                "DOCTOR", .exactly(2), [], group: .server, since: "4.0.0",
                summary: "Outputs a memory problems report."
            ) { call throws(CommandError) in
                let facts = call.store.context.processFacts()
                call.reply.verbatim(
                    "Resident \(InfoText.human(facts.residentBytes)), allocated "
                        + "\(InfoText.human(facts.allocatedBytes)), peak \(InfoText.human(facts.residentBytesPeak)) of "
                        + "\(InfoText.human(facts.systemMemoryBytes)). Keys and values: "
                        + "\(InfoText.human(call.store.datasetBytes)), maxmemory "
                        + "\(call.store.context.configuration.maxMemoryBytes).\n")
            },
            RESPCommand(
                "STATS", .exactly(2), [], group: .server, since: "4.0.0", summary: "Returns details about memory usage."
            ) { call throws(CommandError) in
                replyMemoryStatistics(call)
            },
            RESPCommand(
                "PURGE", .exactly(2), [], group: .server, since: "4.0.0",
                summary: "Asks the allocator to release memory.", complexity: "Depends on how much memory is free."
            ) { call throws(CommandError) in
                taskd_trim_heap()
                call.reply.ok()
            },
            RESPCommand(
                "MALLOC-STATS", .exactly(2), [], group: .server, since: "4.0.0",
                summary: "Returns the allocator statistics."
            ) { call throws(CommandError) in
                call.reply.verbatim("Stats not supported for the current allocator")
            },
            help("4.0.0"),
        ])

    private static func replyMemoryStatistics(_ call: CommandCall) {
        let facts = call.store.context.processFacts()
        let used = facts.allocatedBytes > 0 ? facts.allocatedBytes : facts.residentBytes
        let dataset = call.store.datasetBytes
        let keys = call.store.databases.reduce(0) { $0 + $1.count }
        let fields: [(StaticString, Int)] = [
            ("peak.allocated", facts.residentBytesPeak), ("total.allocated", used), ("startup.allocated", 0),
            ("replication.backlog", 0), ("clients.slaves", 0),
            ("clients.normal", call.store.clients.values.reduce(0) { $0 + $1.output.pendingBytes }),
            ("cluster.links", 0), ("aof.buffer", call.store.context.journal.pendingBytes),
            ("lua.caches", call.store.scripts.cache.textBytes), ("functions.caches", call.store.functions.codeBytes),
            ("keys.count", keys),
            ("keys.bytes-per-key", keys > 0 ? dataset / keys : 0), ("dataset.bytes", dataset),
            ("allocator.allocated", used), ("allocator.active", used), ("allocator.resident", facts.residentBytes),
            ("fragmentation.bytes", facts.residentBytes - used),
        ]
        call.reply.map(fields.count + 1)
        for (name, value) in fields {
            call.reply.bulk(name)
            call.reply.integer(value)
        }
        call.reply.bulk("fragmentation")
        call.reply.double(used > 0 ? Double(facts.residentBytes) / Double(used) : 0)
    }

    // MARK: LATENCY

    /// No events are recorded (`latency-monitor-threshold` is 0 and stays so), and the replies say so.
    static let latency = RESPCommand(
        container: "LATENCY", group: .server, since: "2.8.13",
        summary: "A container for latency diagnostics commands.",
        subcommands: [
            latencyCommand("LATEST", .exactly(2), "Returns the latest latency samples for all events.") {
                $0.reply.array(0)
            },
            latencyCommand("HISTORY", .exactly(3), "Returns timestamp-latency samples for an event.") {
                $0.reply.array(0)
            },
            latencyCommand("RESET", .atLeast(2), "Resets the latency data for one or more events.") {
                $0.reply.integer(0)
            },
            latencyCommand("HISTOGRAM", .atLeast(2), "Returns the cumulative distribution of latencies of commands.") {
                $0.reply.map(0)
            },
            latencyCommand("DOCTOR", .exactly(2), "Returns a human-readable latency analysis report.") {
                $0.reply.verbatim("Latency events are not recorded. SLOWLOG GET shows the commands that took long.\n")
            },
            RESPCommand(
                "GRAPH", .exactly(3), latencyFlags, group: .server, since: "2.8.13",
                summary: "Returns a latency graph for an event."
            ) { call throws(CommandError) in
                throw .message("ERR No samples available for event '\(call[2].string)'")
            },
            help("2.8.13"),
        ])

    private static let latencyFlags: CommandFlags = [.admin, .noScript, .loading, .stale]

    private static func latencyCommand(
        _ name: StaticString, _ arity: CommandArity, _ summary: StaticString,
        _ answer: @escaping @Sendable (CommandCall) -> Void
    ) -> RESPCommand {
        RESPCommand(name, arity, latencyFlags, group: .server, since: "2.8.13", summary: summary) {
            call throws(CommandError) in
            answer(call)
        }
    }

    // MARK: DEBUG

    /// Only what harms nobody; everything else is refused as an unknown subcommand.
    static let debug = RESPCommand(
        "DEBUG", .atLeast(2), [.admin, .noScript, .loading, .stale], group: .server, since: "1.0.0",
        summary: "A container for debugging commands.", complexity: "Depends on subcommand."
    ) { call throws(CommandError) in
        if call.word(1, is: "sleep"), call.count == 3 {
            let seconds = try call.double(2)
            // Everybody waits meanwhile, so it is bounded.
            let bound = Double(Limits.debugSleepMillisecondsMax) / 1_000
            if seconds > 0 { usleep(UInt32(min(seconds, bound) * 1_000_000)) }
            call.reply.ok()
        } else if call.word(1, is: "object"), call.count >= 3 {
            guard let entry = call.keys.find(call[2]) else { throw .noSuchKey }
            let idle = call.store.idleSeconds(entry)
            let bytes = entry.allocatedBytes + (entry.holdsObject ? entry.object.memoryBytes : 0)
            call.reply.simpleText(
                "Value at:0x0 refcount:1 encoding:\(entry.encodingName) serializedlength:\(bytes) "
                    + "lru:\(entry.accessBits) lru_seconds_idle:\(idle)")
        } else if call.word(1, is: "help"), call.count == 2 {
            call.reply.array(5)
            call.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
            call.reply.simple("OBJECT <key>")
            call.reply.simple("    Show low level info about `key` and associated value.")
            call.reply.simple("SLEEP <seconds>")
            call.reply.simple("    Stop the server for <seconds>, one at most.")
        } else {
            throw .message(
                "ERR unknown subcommand or wrong number of arguments for '\(call[1].string)'. Try DEBUG HELP.")
        }
    }
}
