// What COMMAND tells about one command, worked out from its row: categories, key positions, documentation.
// Loop thread only. Next: KeySpecification.swift, CommandTips.swift, CommandArguments.swift.

import Wire

/// A row of the table, described.
struct CommandDescription {
    let row: CommandRow

    init(_ row: CommandRow) { self.row = row }

    // MARK: Categories

    /// All categories that there are, in the order in which `ACL CAT` lists them.
    static let allCategories: [String] = [
        "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
        "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction",
        "scripting",
    ]

    /// The bit of a category in `CommandRow.categoryBits`; nil when there is none of that name.
    static func categoryBit(_ name: String) -> UInt32? { allCategories.firstIndex(of: name).map { 1 << UInt32($0) } }

    var categoryBits: UInt32 { categories.reduce(0) { $0 | (Self.categoryBit($1) ?? 0) } }

    /// The command's categories, without "@".
    var categories: [String] {
        let flags = row.flags
        // What a container holds is in categories, not the container.
        if !row.subcommands.isEmpty, row.fullName != "command" { return ["slow"] }
        if let listed = Self.listedCategories[row.fullName] { return listed }
        var found: [String] = []
        if row.fullName == "command" || row.fullName.hasPrefix("command|") { found.append("connection") }
        if row.command.group == .generic { found.append("keyspace") }
        if flags.contains(.write) { found.append("write") }
        if flags.contains(.readonly), row.command.group != .scripting { found.append("read") }
        switch row.command.group {
        case .generic, .server, .broker, .pubsub: break
        case .sortedSet: found.append("sortedset")
        case .transactions: found.append("transaction")
        default: found.append(row.command.group.rawValue)
        }
        if flags.contains(.pubsub) { found.append("pubsub") }
        if flags.contains(.admin) { found.append("admin") }
        found.append(flags.contains(.fast) ? "fast" : "slow")
        if flags.contains(.blocking) { found.append("blocking") }
        if flags.contains(.admin) || Self.dangerous.contains(row.fullName) { found.append("dangerous") }
        return found
    }

    /// Those that no rule gives.
    private static let listedCategories: [String: [String]] = [
        "dbsize": ["keyspace", "read", "fast"],
        "flushall": ["keyspace", "write", "slow", "dangerous"],
        "flushdb": ["keyspace", "write", "slow", "dangerous"],
        "swapdb": ["keyspace", "write", "fast", "dangerous"],
        "lastsave": ["admin", "fast", "dangerous"],
        "role": ["admin", "fast", "dangerous"],
        "sort": ["write", "set", "sortedset", "list", "slow", "dangerous"],
        "sort_ro": ["read", "set", "sortedset", "list", "slow", "dangerous"],
        "wait": ["slow", "blocking", "connection"],
        "waitaof": ["slow", "blocking", "connection"],
        "asking": ["fast", "connection"],
        "readonly": ["fast", "connection"],
        "readwrite": ["fast", "connection"],
    ]

    /// Not for administrators only, but costly or far-reaching.
    private static let dangerous: Set<String> = [
        "keys", "flushall", "flushdb", "swapdb", "sort", "sort_ro", "info", "role", "restore", "migrate", "client|list",
        "queue|purge",
    ]

    // MARK: Keys

    /// First and last position and step, for the commands where that says it all.
    private var keyRange: (first: Int, last: Int, step: Int) {
        switch row.command.keys {
        case .none, .streams: (0, 0, 0)
        case .first, .firstAndStored: (1, 1, 1)
        case .migrated: (3, 3, 1)
        case .all: (1, -1, 1)
        case .range(let first, let last, let step): (first, last, step)
        case .counted(_, let destination): destination.map { ($0, $0, 1) } ?? (0, 0, 0)
        }
    }

    private func write(_ specification: KeySpecification, to reply: ReplyWriter) {
        func section(_ name: StaticString, _ type: StaticString, _ fields: [(StaticString, Int)]) {
            reply.bulk(name)
            reply.map(2)
            reply.bulk("type")
            reply.bulk(type)
            reply.bulk("spec")
            reply.map(fields.count)
            for (field, value) in fields {
                reply.bulk(field)
                reply.integer(value)
            }
        }
        func unknown(_ name: StaticString) {
            reply.bulk(name)
            reply.map(2)
            reply.bulk("type")
            reply.bulk("unknown")
            reply.bulk("spec")
            reply.map(0)
        }
        reply.map(3)
        reply.bulk("flags")
        reply.set(specification.flags.count)
        for flag in specification.flags { reply.simpleText(String(flag)) }
        switch specification.begin {
        case .index(let index): section("begin_search", "index", [("index", index)])
        case .keyword(let word, let from):
            reply.bulk("begin_search")
            reply.map(2)
            reply.bulk("type")
            reply.bulk("keyword")
            reply.bulk("spec")
            reply.map(2)
            reply.bulk("keyword")
            reply.bulk(word)
            reply.bulk("startfrom")
            reply.integer(from)
        case .unknown: unknown("begin_search")
        }
        switch specification.find {
        case .range(let last, let step, let limit):
            section("find_keys", "range", [("lastkey", last), ("keystep", step), ("limit", limit)])
        case .counted: section("find_keys", "keynum", [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)])
        case .unknown: unknown("find_keys")
        }
    }

    // MARK: COMMAND INFO

    func writeInfo(to reply: ReplyWriter) {
        reply.array(10)
        reply.bulk(row.fullName)
        reply.integer(row.arity.number)
        let specifications = KeySpecification.all(of: row)
        let hasMovableKeys = specifications.contains { !$0.isRange }
        let flags = CommandFlags.shownNames.filter {
            row.flags.contains($0.0) || hasMovableKeys && $0.0 == .movableKeys
        }
        reply.set(flags.count)
        for (_, name) in flags { reply.simple(name) }
        let range = keyRange
        reply.integer(range.first)
        reply.integer(range.last)
        reply.integer(range.step)
        let categories = categories
        reply.set(categories.count)
        for category in categories { reply.simpleText("@" + category) }
        let tips = CommandTips.of(row.fullName)
        reply.set(tips.count)
        for tip in tips { reply.bulk(tip) }
        reply.set(specifications.count)
        for specification in specifications { write(specification, to: reply) }
        reply.set(row.subcommands.count)
        for (_, subcommand) in row.subcommands { CommandDescription(subcommand).writeInfo(to: reply) }
    }

    // MARK: COMMAND DOCS

    func writeDocumentation(to reply: ReplyWriter) {
        let arguments = CommandArgument.parse(row.command.syntax ?? CommandSyntax.byName[row.fullName] ?? "")
        reply.map(4 + (arguments.isEmpty ? 0 : 1) + (row.subcommands.isEmpty ? 0 : 1))
        reply.bulk("summary")
        reply.bulk(row.command.summary)
        reply.bulk("since")
        reply.bulk(row.command.since)
        reply.bulk("group")
        reply.bulk(row.command.group.rawValue)
        reply.bulk("complexity")
        reply.bulk(row.command.complexity)
        if !arguments.isEmpty {
            reply.bulk("arguments")
            reply.array(arguments.count)
            for argument in arguments { argument.write(to: reply) }
        }
        if !row.subcommands.isEmpty {
            reply.bulk("subcommands")
            reply.map(row.subcommands.count)
            for (_, subcommand) in row.subcommands {
                reply.bulk(subcommand.fullName)
                CommandDescription(subcommand).writeDocumentation(to: reply)
            }
        }
    }
}
