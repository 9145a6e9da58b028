// COMMAND and its subcommands: the table of commands, told in Redis's format.
// Loop thread only. Next: CommandDescription.swift (one row's description), CommandArguments.swift.

import Wire

extension RESPCommand {
    static let commandCommands: [RESPCommand] = [command]

    /// `COMMAND` → everything about every command.
    static let command = RESPCommand(
        "COMMAND", .atLeast(1), [.loading, .stale], group: .server, since: "2.8.13",
        summary: "Returns detailed information about all commands.",
        complexity: "O(N) where N is the total number of commands.",
        subcommands: [
            commandCount, commandInfo, commandDocs, commandList, commandGetKeys, commandGetKeysAndFlags, commandHelp,
        ]
    ) { call throws(CommandError) in
        guard call.count == 1 else {
            throw .unknownSubcommand(container: "COMMAND", name: call[1].string)
        }
        call.reply.array(call.store.table.rows.count)
        for row in call.store.table.rows { CommandDescription(row).writeInfo(to: call.reply) }
    }

    private static let flags: CommandFlags = [.loading, .stale]

    /// `COMMAND COUNT` → integer.
    private static let commandCount = RESPCommand(
        "COUNT", .exactly(2), flags, group: .server, since: "2.8.13", summary: "Returns a count of commands."
    ) { call throws(CommandError) in
        call.reply.integer(call.store.table.rows.count)
    }

    /// `COMMAND INFO [name …]` → an array; null for names that are unknown.
    private static let commandInfo = RESPCommand(
        "INFO", .atLeast(2), flags, group: .server, since: "2.8.13",
        summary: "Returns information about one, multiple or all commands.",
        complexity: "O(N) where N is the number of commands to look up."
    ) { call throws(CommandError) in
        guard call.count > 2 else {
            call.reply.array(call.store.table.rows.count)
            for row in call.store.table.rows { CommandDescription(row).writeInfo(to: call.reply) }
            return
        }
        call.reply.array(call.count - 2)
        for index in 2..<call.count where !call.reply.isPointless {
            if let row = call.store.table.findByFullName(call[index]) {
                CommandDescription(row).writeInfo(to: call.reply)
            } else {
                call.reply.nullArray()
            }
        }
    }

    /// `COMMAND DOCS [name …]` → a map by name; unknown names are left out.
    private static let commandDocs = RESPCommand(
        "DOCS", .atLeast(2), flags, group: .server, since: "7.0.0",
        summary: "Returns documentary information about one, multiple or all commands.",
        complexity: "O(N) where N is the number of commands to look up."
    ) { call throws(CommandError) in
        var rows = call.store.table.rows
        if call.count > 2 {
            rows = []
            for index in 2..<call.count {
                if let row = call.store.table.findByFullName(call[index]) { rows.append(row) }
            }
        }
        call.reply.map(rows.count)
        for row in rows where !call.reply.isPointless {
            call.reply.bulk(row.fullName)
            CommandDescription(row).writeDocumentation(to: call.reply)
        }
    }

    /// `COMMAND LIST [FILTERBY MODULE name|ACLCAT category|PATTERN glob]` → names.
    private static let commandList = RESPCommand(
        "LIST", .atLeast(2), flags, group: .server, since: "7.0.0", summary: "Returns a list of command names.",
        complexity: "O(N) where N is the total number of commands."
    ) { call throws(CommandError) in
        guard call.count == 2 || (call.count == 5 && call.word(2, is: "filterby")) else { throw .syntax }
        var rows = call.store.table.rows.flatMap { [$0] + $0.subcommands.map(\.row) }
        if call.count == 5 {
            let wanted = call[4]
            if call.word(3, is: "module") {
                rows = []
            } else if call.word(3, is: "aclcat") {
                let category = wanted.string.lowercased()
                rows = rows.filter { CommandDescription($0).categories.contains(category) }
            } else if call.word(3, is: "pattern") {
                rows = rows.filter { row in
                    ByteString(row.fullName).withSlice { Glob.matches(wanted, $0, ignoringCase: true) }
                }
            } else {
                throw .syntax
            }
        }
        call.reply.array(rows.count)
        for row in rows { call.reply.bulk(row.fullName) }
    }

    /// The row, words and key positions of the command that follows from word 2 on.
    private static func inner(_ call: CommandCall) throws(CommandError) -> (CommandRow, RESPArguments, [Int]) {
        let words = RESPArguments(capacity: call.count)
        for index in 2..<call.count { words.append(call[index]) }
        guard let row = call.store.table.find(words) else { throw .text("ERR Invalid command specified") }
        if case .none = row.command.keys { throw .text("ERR The command has no key arguments") }
        guard row.arity.allows(words.count) else {
            throw .text("ERR Invalid number of arguments specified for command")
        }
        let positions = row.command.keyPositions(words)
        guard !positions.isEmpty || row.flags.contains(.noMandatoryKeys) else {
            throw .text("ERR Invalid arguments specified for command")
        }
        return (row, words, positions)
    }

    /// `COMMAND GETKEYS name [arg …]` → the keys among the words.
    private static let commandGetKeys = RESPCommand(
        "GETKEYS", .atLeast(4), flags, group: .server, since: "2.8.13",
        summary: "Extracts the key names from an arbitrary command.",
        complexity: "O(N) where N is the number of arguments to the command."
    ) { call throws(CommandError) in
        let (_, words, positions) = try inner(call)
        call.reply.array(positions.count)
        for position in positions { call.reply.bulk(words[position]) }
    }

    /// `COMMAND GETKEYSANDFLAGS name [arg …]` → key and flags for each.
    private static let commandGetKeysAndFlags = RESPCommand(
        "GETKEYSANDFLAGS", .atLeast(4), flags, group: .server, since: "7.0.0",
        summary: "Extracts the key names and access flags for an arbitrary command.",
        complexity: "O(N) where N is the number of arguments to the command."
    ) { call throws(CommandError) in
        let (row, words, positions) = try inner(call)
        call.reply.array(positions.count)
        for (number, position) in positions.enumerated() {
            let flags = KeySpecification.flags(of: row, number: number, words)
            call.reply.array(2)
            call.reply.bulk(words[position])
            call.reply.set(flags.count)
            for flag in flags { call.reply.simpleText(String(flag)) }
        }
    }

    private static let commandHelp = RESPCommand(
        "HELP", .exactly(2), flags, group: .server, since: "5.0.0",
        summary: "Returns helpful text about the different subcommands."
    ) { call throws(CommandError) in
        call.replyHelp()
    }
}

extension CommandTable {
    /// By `get`, or `client|list` for a subcommand.
    func findByFullName(_ name: ByteSlice) -> CommandRow? {
        guard let bar = name.buffer.firstIndex(of: 0x7C) else { return find(name) }
        let container = find(name.slice(from: 0, count: bar))
        return container?.subcommand(name.slice(from: bar + 1, count: name.count - bar - 1))
    }
}

extension ByteString {
    /// The bytes for as long as `body` runs.
    func withSlice<R>(_ body: (ByteSlice) -> R) -> R {
        withExtendedLifetime(self) { body(slice) }
    }
}
