// Where a command's keys stand and what becomes of them, as COMMAND tells it. Mostly it follows from the row; what does
// not stands in one table, with the flags and positions that Redis 7 gives.
// Permissions have a shorter table of their own (ACL/KeyAccess.swift): they ask only for reading and writing.
// Loop thread only. Next: CommandDescription.swift (writes this).

import Wire

/// One group of keys of a command.
struct KeySpecification {
    /// Where the search begins.
    enum Begin {
        case index(Int)
        case keyword(String, from: Int)
        /// Depends on more than words.
        case unknown
    }

    /// How it goes on from there.
    enum Find {
        /// Up to `last`, counted from the beginning, or from the end if it is negative; of what is left one part in
        /// `limit`, if that is not 0.
        case range(last: Int, step: Int, limit: Int)
        /// A number of keys stands there, then they.
        case counted
        case unknown
    }

    let flags: [Substring]
    let begin: Begin
    let find: Find

    init(_ flags: String, _ begin: Begin, _ find: Find = .range(last: 0, step: 1, limit: 0)) {
        self.flags = flags.split(separator: " ")
        self.begin = begin
        self.find = find
    }

    /// First, last and step say it all.
    var isRange: Bool {
        guard case .index = begin, case .range = find else { return false }
        return true
    }

    private static let toEnd = Find.range(last: -1, step: 1, limit: 0)

    /// Those that no rule gives, by full name.
    private static let listed: [String: [KeySpecification]] = {
        var table: [String: [KeySpecification]] = [:]
        func list(_ names: String, _ specifications: KeySpecification...) {
            for name in names.split(separator: " ") { table[String(name)] = specifications }
        }
        list("bitfield set", .init("RW access update variable_flags", .index(1)))
        list("bitop", .init("OW update", .index(2)), .init("RO access", .index(3), toEnd))
        list(
            "blmove brpoplpush lmove rpoplpush smove", .init("RW access delete", .index(1)),
            .init("RW insert", .index(2)))
        list("copy", .init("RO access", .index(1)), .init("OW update", .index(2)))
        list("exists touch watch", .init("RO", .index(1), toEnd))
        for (name, from) in [("georadius", 6), ("georadiusbymember", 5)] {
            list(
                name, .init("RO access", .index(1)), .init("OW update", .keyword("STORE", from: from)),
                .init("OW update", .keyword("STOREDIST", from: from)))
        }
        list("geosearchstore zrangestore", .init("OW update", .index(1)), .init("RO access", .index(2)))
        list("getex move setbit", .init("RW access update", .index(1)))
        list("hexists hlen hstrlen llen scard sismember strlen type xlen zcard", .init("RO", .index(1)))
        list("hsetnx linsert", .init("RW insert", .index(1)))
        list(
            "memory|usage object|encoding object|freq object|idletime object|refcount", .init("RO", .index(2)))
        list("msetnx", .init("OW insert", .index(1), .range(last: -1, step: 2, limit: 0)))
        list("pfmerge", .init("RW access insert", .index(1)), .init("RO access", .index(2), toEnd))
        list("rename", .init("RW access delete", .index(1)), .init("OW update", .index(2)))
        list("renamenx", .init("RW access delete", .index(1)), .init("OW insert", .index(2)))
        list("sdiffstore sunionstore", .init("OW update", .index(1)), .init("RO access", .index(2), toEnd))
        list("sinterstore", .init("RW update", .index(1)), .init("RO access", .index(2), toEnd))
        list("setnx", .init("OW insert", .index(1)))
        list(
            "sort", .init("RO access", .index(1)), .init("RO access", .unknown, .unknown),
            .init("OW update", .unknown, .unknown))
        list("sort_ro", .init("RO access", .index(1)), .init("RO access", .unknown, .unknown))
        list("spublish", .init("not_key", .index(1)))
        list("ssubscribe sunsubscribe", .init("not_key", .index(1), toEnd))
        list("xautoclaim xdel xtrim", .init("RW delete", .index(1)))
        list("xgroup|create xgroup|createconsumer", .init("RW insert", .index(2)))
        list("xgroup|delconsumer xgroup|destroy", .init("RW delete", .index(2)))
        list("xreadgroup", .init("RO access", .keyword("STREAMS", from: 4), .range(last: -1, step: 1, limit: 2)))
        list(
            "zdiffstore zinterstore zunionstore", .init("OW update", .index(1)),
            .init("RO access", .index(2), .counted))
        return table
    }()

    /// The groups of a command's keys.
    static func all(of row: CommandRow) -> [KeySpecification] {
        if let listed = listed[row.fullName] { return listed }
        let flags = usualFlags(row)
        return switch row.command.keys {
        case .none: []
        case .first: [.init(flags, .index(1))]
        case .all: [.init(flags, .index(1), toEnd)]
        case .range(let first, let last, let step):
            [.init(flags, .index(first), .range(last: last < 0 ? last : last - first, step: step, limit: 0))]
        case .counted(let at, let destination):
            (destination.map { [.init(flags, .index($0))] } ?? []) + [.init(flags, .index(at), .counted)]
        case .migrated:
            [
                .init(flags, .index(3)),
                .init(flags + " incomplete", .keyword("KEYS", from: -2), toEnd),
            ]
        case .streams:
            [.init(flags, .keyword("STREAMS", from: 1), .range(last: -1, step: 1, limit: 2))]
        case .firstAndStored(let from):
            [
                .init(flags, .index(1)), .init(flags, .keyword("STORE", from: from)),
                .init(flags, .keyword("STOREDIST", from: from)),
            ]
        }
    }

    private static func usualFlags(_ row: CommandRow) -> String {
        switch row.fullName {
        // Keeps its estimate, in spite of its flag.
        case "pfcount", "pfdebug": "RW access"
        case _ where row.flags.contains(.readonly): "RO access"
        case "del", "unlink": "RM delete"
        case "mset", "setex", "psetex", "restore", "restore-asking": "OW update"
        case "getdel", "migrate", "lpop", "rpop", "blpop", "brpop", "spop", "zpopmin", "zpopmax", "bzpopmin",
            "bzpopmax", "lmpop",
            "blmpop", "zmpop", "bzmpop":
            "RW access delete"
        case "pfadd", "lpush", "rpush", "lpushx", "rpushx", "sadd", "append": "RW insert"
        case "srem", "zrem", "hdel", "lrem", "ltrim", "zremrangebyrank", "zremrangebyscore", "zremrangebylex":
            "RW delete"
        case "eval", "evalsha", "fcall", "incr", "decr", "incrby", "decrby", "incrbyfloat", "hincrby", "hincrbyfloat",
            "zincrby", "getset":
            "RW access update"
        default: row.flags.contains(.write) ? "RW update" : "RO access"
        }
    }

    /// What becomes of the key that is the `number`th among a call's keys.
    static func flags(of row: CommandRow, number: Int, _ words: RESPArguments) -> [Substring] {
        switch row.fullName {
        case "set", "bitfield":
            let change: [StaticString] = row.fullName == "set" ? ["get"] : ["set", "incrby"]
            let changes = (2..<max(2, words.count)).contains { at in
                change.contains { words[at].equalsIgnoringCase($0) }
            }
            if row.fullName == "set" { return changes ? ["RW", "access", "update"] : ["OW", "update"] }
            return changes ? ["RW", "access", "update"] : ["RO", "access"]
        default:
            let all = all(of: row)
            return (number == 0 ? all.first : all.last)?.flags ?? []
        }
    }
}
