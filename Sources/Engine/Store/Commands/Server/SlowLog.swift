// SLOWLOG: the commands that took longest, newest first, bounded in number and in size of each.
// Loop thread only. Next: ../../Framework/Execution.swift (which measures).

import Wire

/// Ring of slow commands.
final class SlowLog {
    struct Entry {
        let id: Int64
        let wallSeconds: Int64
        let microseconds: Int64
        let words: [[UInt8]]
        let address: String
        let name: String
    }

    /// Oldest first.
    private(set) var entries: [Entry] = []
    private var nextID: Int64 = 0
    /// `slowlog-max-len`.
    var countMax = Limits.slowLogEntriesMax {
        didSet { trim() }
    }

    private func trim() {
        if entries.count > countMax { entries.removeFirst(entries.count - countMax) }
    }

    func note(_ call: CommandCall, microseconds: Int64) {
        guard countMax > 0 else { return }
        let client = call.client
        entries.append(
            Entry(
                id: nextID, wallSeconds: call.store.context.time.wallMilliseconds / 1_000,
                microseconds: microseconds, words: Self.shortened(call.arguments), address: client.address,
                name: client.name))
        nextID += 1
        trim()
    }

    /// Copies of the words, the long ones cut and the many left out, with a remark instead.
    private static func shortened(_ words: RESPArguments) -> [[UInt8]] {
        let shown = words.count > Limits.slowLogWordsMax ? Limits.slowLogWordsMax - 1 : words.count
        var copies: [[UInt8]] = []
        for index in 0..<shown {
            let word = words[index]
            if word.count > Limits.slowLogWordBytesMax {
                let left = word.count - Limits.slowLogWordBytesMax
                copies.append(
                    word.slice(from: 0, count: Limits.slowLogWordBytesMax).array
                        + Array("... (\(left) more bytes)".utf8))
            } else {
                copies.append(word.array)
            }
        }
        if shown < words.count { copies.append(Array("... (\(words.count - shown) more arguments)".utf8)) }
        return copies
    }

    func removeAll() { entries.removeAll() }
}

extension RESPCommand {
    static let slowLogCommands: [RESPCommand] = [slowlog]

    private static let flags: CommandFlags = [.admin, .loading, .stale]

    static let slowlog = RESPCommand(
        container: "SLOWLOG", group: .server, since: "2.2.12", summary: "A container for slow log commands.",
        subcommands: [
            RESPCommand(
                "GET", .atLeast(2), flags, group: .server, since: "2.2.12",
                summary: "Returns the slow log's entries.",
                complexity: "O(N) where N is the number of entries returned"
            ) { call throws(CommandError) in
                try replySlowLog(call)
            },
            RESPCommand(
                "LEN", .exactly(2), flags, group: .server, since: "2.2.12",
                summary: "Returns the number of entries in the slow log."
            ) { call throws(CommandError) in
                call.reply.integer(call.store.administration.slowLog.entries.count)
            },
            RESPCommand(
                "RESET", .exactly(2), flags, group: .server, since: "2.2.12",
                summary: "Clears all entries from the slow log.",
                complexity: "O(N) where N is the number of entries in the slowlog"
            ) { call throws(CommandError) in
                call.store.administration.slowLog.removeAll()
                call.reply.ok()
            },
            RESPCommand(
                "HELP", .exactly(2), [.loading, .stale], group: .server, since: "6.2.0",
                summary: "Shows helpful text about the different subcommands."
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])

    /// `SLOWLOG GET [count]`: −1 is all.
    private static func replySlowLog(_ call: CommandCall) throws(CommandError) {
        guard call.count <= 3 else { throw .wrongArity(command: call.commandName) }
        var wanted = 10
        if call.count == 3 {
            let count = try call.integer(
                2, in: -1...Int64.max, or: .text("ERR count should be greater than or equal to -1"))
            wanted = count < 0 ? .max : Int(count)
        }
        let entries = call.store.administration.slowLog.entries.reversed().prefix(wanted)
        call.reply.array(entries.count)
        for entry in entries {
            call.reply.array(6)
            call.reply.integer(entry.id)
            call.reply.integer(entry.wallSeconds)
            call.reply.integer(entry.microseconds)
            call.reply.array(entry.words.count)
            for word in entry.words { call.reply.bulk(word) }
            call.reply.bulk(entry.address)
            call.reply.bulk(entry.name)
        }
    }
}
