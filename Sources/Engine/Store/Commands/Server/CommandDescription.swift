// What COMMAND tells about one command, worked out from its row: categories, key positions, key
// specifications, documentation.
// Loop thread only. Next: CommandArguments.swift.

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

    /// How the keys are used.
    var keyFlags: [StaticString] {
        switch row.fullName {
        // Keeps its estimate, in spite of its flag.
        case "pfcount": return ["RW", "access"]
        case _ where row.flags.contains(.readonly): return ["RO", "access"]
        case "pfadd": return ["RW", "insert"]
        case "pfmerge": return ["RW", "access", "insert"]
        case "pfdebug": return ["RW", "access"]
        case "del", "unlink": return ["RM", "delete"]
        case "getdel", "migrate": return ["RW", "access", "delete"]
        case "set", "mset", "msetnx", "setnx", "setex", "psetex", "restore": return ["OW", "update"]
        case "lpop", "rpop", "blpop", "brpop", "spop", "zpopmin", "zpopmax", "bzpopmin", "bzpopmax", "lmpop", "blmpop",
            "zmpop", "bzmpop":
            return ["RW", "access", "delete"]
        case "lpush", "rpush", "lpushx", "rpushx", "sadd", "append": return ["RW", "insert"]
        case "srem", "zrem", "hdel", "lrem", "ltrim", "zremrangebyrank", "zremrangebyscore", "zremrangebylex":
            return ["RW", "delete"]
        case "eval", "evalsha", "fcall": return ["RW", "access", "update"]
        case "incr", "decr", "incrby", "decrby", "incrbyfloat", "hincrby", "hincrbyfloat", "zincrby", "getset":
            return ["RW", "access", "update"]
        default: return row.flags.contains(.write) ? ["RW", "update"] : ["RO", "access"]
        }
    }

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

    /// How to find keys: where to begin, then how to go on.
    private enum KeySpecification {
        case range(first: Int, last: Int, step: Int)
        case counted(at: Int)
        case keyword(String, limit: Int)
        case following(String, from: Int)
        /// Everything behind the word, which is looked for from the end.
        case last(String, from: Int)
    }

    private var keySpecifications: [KeySpecification] {
        switch row.command.keys {
        case .none: []
        case .first: [.range(first: 1, last: 0, step: 1)]
        case .all: [.range(first: 1, last: -1, step: 1)]
        case .range(let first, let last, let step):
            [.range(first: first, last: last < 0 ? last : last - first, step: step)]
        case .counted(let at, let destination):
            (destination.map { [.range(first: $0, last: 0, step: 1)] } ?? []) + [.counted(at: at)]
        case .streams: [.keyword("STREAMS", limit: 2)]
        case .firstAndStored(let from):
            [
                .range(first: 1, last: 0, step: 1), .following("STORE", from: from),
                .following("STOREDIST", from: from),
            ]
        case .migrated: [.range(first: 3, last: 0, step: 1), .last("KEYS", from: -2)]
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
        func search(_ word: String, from start: Int) {
            reply.bulk("begin_search")
            reply.map(2)
            reply.bulk("type")
            reply.bulk("keyword")
            reply.bulk("spec")
            reply.map(2)
            reply.bulk("keyword")
            reply.bulk(word)
            reply.bulk("startfrom")
            reply.integer(start)
        }
        reply.map(3)
        reply.bulk("flags")
        var flags = keyFlags
        if case .last = specification { flags.append("incomplete") }
        reply.set(flags.count)
        for flag in flags { reply.simple(flag) }
        switch specification {
        case .range(let first, let last, let step):
            section("begin_search", "index", [("index", first)])
            section("find_keys", "range", [("lastkey", last), ("keystep", step), ("limit", 0)])
        case .counted(let at):
            section("begin_search", "index", [("index", at)])
            section("find_keys", "keynum", [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)])
        case .keyword(let word, let limit):
            search(word, from: 1)
            section("find_keys", "range", [("lastkey", -1), ("keystep", 1), ("limit", limit)])
        case .last(let word, let from):
            search(word, from: from)
            section("find_keys", "range", [("lastkey", -1), ("keystep", 1), ("limit", 0)])
        case .following(let word, let from):
            search(word, from: from)
            section("find_keys", "range", [("lastkey", 0), ("keystep", 1), ("limit", 0)])
        }
    }

    // MARK: COMMAND INFO

    func writeInfo(to reply: ReplyWriter) {
        reply.array(10)
        reply.bulk(row.fullName)
        reply.integer(row.arity.number)
        let flags = CommandFlags.shownNames.filter { row.flags.contains($0.0) }
        reply.set(flags.count)
        for (_, name) in flags { reply.simple(name) }
        let range = keyRange
        reply.integer(range.first)
        reply.integer(range.last)
        reply.integer(range.step)
        let categories = categories
        reply.set(categories.count)
        for category in categories { reply.simpleText("@" + category) }
        // Hints for proxies: none are given.
        reply.set(0)
        let specifications = keySpecifications
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
