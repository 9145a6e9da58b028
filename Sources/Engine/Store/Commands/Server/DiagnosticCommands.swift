// MEMORY, and the list of all that helps to find what is wrong.
// Loop thread only. Next: LatencyCommands.swift, DebugCommand.swift.

import CTaskdShims
import Wire

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
}
