// The harmless part of DEBUG, which tests of clients and tools use.
// Loop thread only. Next: ServerCommands.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension RESPCommand {
    /// Only what harms nobody; everything else is refused as an unknown subcommand.
    static let debug = RESPCommand(
        "DEBUG", .atLeast(2), [.admin, .noScript, .loading, .stale], group: .server, since: "1.0.0",
        summary: "A container for debugging commands.", complexity: "Depends on subcommand."
    ) { call throws(CommandError) in
        for subcommand in DebugSubcommand.all
        where subcommand.argumentCounts.contains(call.count - 2) && call[1].equalsIgnoringCase(subcommand.name) {
            return try subcommand.run(call)
        }
        throw .message("ERR unknown subcommand or wrong number of arguments for '\(call[1].string)'. Try DEBUG HELP.")
    }
}

private struct DebugSubcommand: Sendable {
    /// Lower case.
    let name: StaticString
    let argumentCounts: ClosedRange<Int>
    let help: [StaticString]
    let run: @Sendable (CommandCall) throws(CommandError) -> Void

    init(
        _ name: StaticString, _ argumentCounts: ClosedRange<Int>, _ help: StaticString...,
        run: @escaping @Sendable (CommandCall) throws(CommandError) -> Void
    ) {
        self.name = name
        self.argumentCounts = argumentCounts
        self.help = help
        self.run = run
    }

    static let all: [DebugSubcommand] = [
        sleep, error, object, listpack, hashTableStatistics, setActiveExpire, matchLongPattern, packedThreshold,
        protocolReply,
        showHelp,
    ]

    private static let sleep = DebugSubcommand(
        "sleep", 1...1, "SLEEP <seconds>", "    Stop the server for <seconds>, one at most."
    ) { call throws(CommandError) in
        let seconds = try call.double(2)
        // Everybody waits meanwhile, so it is bounded.
        let bound = Double(Limits.debugSleepMillisecondsMax) / 1_000
        if seconds > 0 { usleep(UInt32(min(seconds, bound) * 1_000_000)) }
        call.reply.ok()
    }

    private static let error = DebugSubcommand(
        "error", 1...1, "ERROR <string>", "    Reply with the error <string>."
    ) { call throws(CommandError) in
        throw .message(String(call[2].string.map { $0 == "\r" || $0 == "\n" || $0 == "\r\n" ? " " : $0 }))
    }

    private static let object = DebugSubcommand(
        "object", 1...2, "OBJECT <key>", "    Show low level info about `key` and associated value."
    ) { call throws(CommandError) in
        guard let entry = call.keys.find(call[2]) else { throw .noSuchKey }
        let idle = call.store.idleSeconds(entry)
        let bytes = entry.allocatedBytes + (entry.holdsObject ? entry.object.memoryBytes : 0)
        call.reply.simpleText(
            "Value at:0x0 refcount:1 encoding:\(entry.encodingName) serializedlength:\(bytes) "
                + "lru:\(entry.accessBits) lru_seconds_idle:\(idle)")
    }

    private static let listpack = DebugSubcommand(
        "listpack", 1...1, "LISTPACK <key>", "    Show how large the packed value of <key> is."
    ) { call throws(CommandError) in
        guard let entry = call.keys.find(call[2]) else { throw .noSuchKey }
        guard String(describing: entry.encodingName) == "listpack" else {
            throw .text("ERR Not a listpack encoded object.")
        }
        call.reply.simpleText("listpack of \(entry.object.memoryBytes) bytes")
    }

    private static let hashTableStatistics = DebugSubcommand(
        "htstats", 1...2, "HTSTATS <dbid>", "    Show the sizes of the hash tables of a database."
    ) { call throws(CommandError) in
        guard let index = Int(exactly: try call.integer(2)), call.store.databases.indices.contains(index) else {
            throw .text("ERR Out of range database")
        }
        let keyspace = call.store.databases[index]
        call.reply.verbatim(
            "[Dictionary HT]\nbuckets: \(keyspace.table.bucketCount), entries: \(keyspace.count)\n"
                + "[Expires HT]\nbuckets: \(keyspace.expiring.bucketCount), entries: \(keyspace.expiringCount)\n")
    }

    private static let setActiveExpire = DebugSubcommand(
        "set-active-expire", 1...1, "SET-ACTIVE-EXPIRE <0|1>",
        "    Keys expire only when they are looked at (0), or also by themselves (1)."
    ) { call throws(CommandError) in
        call.store.expiresActively = try call.integer(2) != 0
        call.reply.ok()
    }

    private static let matchLongPattern = DebugSubcommand(
        "stringmatch-len", 2...2, "STRINGMATCH-LEN <len> <pattern>",
        "    Match <pattern> against a string of <len> letters 'a', up to 1 MiB."
    ) { call throws(CommandError) in
        let count = min(max(0, try call.integer(2)), 1 << 20)
        let text = [UInt8](repeating: 0x61, count: Int(count))
        let matches = text.withUnsafeBytes { Glob.matches(call[3], ByteSlice($0)) }
        call.reply.integer(matches ? 1 : 0)
    }

    private static let packedThreshold = DebugSubcommand(
        "quicklist-packed-threshold", 1...1, "QUICKLIST-PACKED-THRESHOLD <size>",
        "    Accepted for tests of Redis; elements of lists are held the same way whatever their size."
    ) { call throws(CommandError) in
        guard ConfigParameter.bytes(call[2].string) != nil else {
            throw .text("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
        }
        call.reply.ok()
    }

    private static let protocolReply = DebugSubcommand(
        "protocol", 1...1, "PROTOCOL <type>",
        "    Reply with a test value of the specified type. <type> can be: string, integer, double, null, array, set,",
        "    map, verbatim, true, false."
    ) { call throws(CommandError) in
        switch call[2].string.lowercased() {
        case "string": call.reply.bulk("Hello World")
        case "integer": call.reply.integer(12_345)
        case "double": call.reply.double(3.141)
        case "null": call.reply.null()
        case "array":
            call.reply.array(3)
            for value in 0..<3 { call.reply.integer(value) }
        case "set":
            call.reply.set(3)
            for value in 0..<3 { call.reply.integer(value) }
        case "map":
            call.reply.map(3)
            for value in 0..<3 {
                call.reply.integer(value)
                call.reply.bool(value == 1)
            }
        case "verbatim": call.reply.verbatim("This is a verbatim\nstring")
        case "true": call.reply.bool(true)
        case "false": call.reply.bool(false)
        default:
            throw .message(
                "ERR Wrong protocol type name. Please use one of the following: "
                    + "string|integer|double|null|array|set|map|attrib|push|verbatim|true|false")
        }
    }

    private static let showHelp = DebugSubcommand("help", 0...0) { call throws(CommandError) in
        let lines = all.flatMap(\.help)
        call.reply.array(lines.count + 1)
        call.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        for line in lines { call.reply.simple(line) }
    }
}
