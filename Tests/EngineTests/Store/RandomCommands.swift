// Random commands that write, of every type: sensible ones mostly, at times on keys of another type or with
// numbers at the limits.

@testable import Engine

/// Draws words of commands.
struct RandomCommands {
    var random: RandomSource
    /// How often a number is one that nobody expects.
    var hostileShare = 0.06

    static let hostileNumbers = [
        "0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775806", "-9223372036854775807",
        "9223372036854775808", "4611686018427387904", "9223372036854775", "9223372036854776", "4294967296",
        "2147483648", "-2147483649", "18446744073709551615", "1e400", "",
    ]

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    // MARK: Words

    mutating func chance(_ share: Double) -> Bool { Double(random.below(1 << 20)) < share * Double(1 << 20) }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[random.below(choices.count)] }

    mutating func key(_ kind: String) -> String {
        let kinds = ["string", "number", "list", "hash", "set", "zset", "stream"]
        return "\(chance(0.04) ? pick(kinds) : kind)\(random.below(3))"
    }

    mutating func keys(_ kind: String) -> [String] { (0...random.below(3)).map { _ in key(kind) } }

    mutating func counted(_ kind: String) -> [String] {
        let keys = keys(kind)
        return ["\(keys.count)"] + keys
    }

    mutating func number() -> String {
        chance(hostileShare) ? pick(Self.hostileNumbers) : pick(["0", "1", "-1", "2", "3", "-2", "5", "10"])
    }

    mutating func positive() -> String {
        chance(hostileShare) ? pick(Self.hostileNumbers) : pick(["1", "2", "3", "7"])
    }

    mutating func score() -> String {
        chance(hostileShare)
            ? pick(Self.hostileNumbers) : pick(["0", "1", "-1", "2.5", "3", "1e3", "inf", "-inf", "0.1", "-0", "1e-9"])
    }

    mutating func member() -> String {
        pick(["a", "b", "c", "d", "1", "2", "3", "-7", "007", "", String(repeating: "x", count: 70)])
    }

    mutating func members() -> [String] { (0...random.below(5)).map { _ in member() } }

    mutating func text() -> String {
        pick(["", "v", "12", "-3", "2.5", "ab cd", "\u{0}\u{1}", "9223372036854775807"])
            + (chance(0.02) ? String(repeating: "y", count: 9_000) : "")
    }

    mutating func milliseconds() -> String {
        chance(hostileShare) ? number() : pick(["1", "15", "40", "900", "60000"])
    }

    /// These words with the given chance.
    mutating func maybe(_ share: Double = 0.3, _ words: String...) -> [String] { chance(share) ? words : [] }

    mutating func end() -> String { pick(["LEFT", "RIGHT"]) }

    mutating func field() -> String {
        chance(0.02) ? pick(["u64", "i65", "x8", "u0"]) : pick(["u", "i"]) + pick(["1", "2", "8", "17", "62", "63"])
    }

    mutating func entryID() -> String {
        chance(hostileShare)
            ? pick(
                ["0-0", "18446744073709551615-18446744073709551615", "18446744073709551614", "x"] + Self.hostileNumbers)
            : pick(["0", "1-1", "2-0", "3-3", "5", "170000000-0"])
    }

    mutating func group() -> String { pick(["g", "h"]) }

    mutating func consumer() -> String { pick(["x", "y", "z"]) }

    // MARK: Commands

    /// A command that writes, and does not wait.
    mutating func next() -> [String] {
        switch random.below(22) {
        case 20: hyperLogLog()
        case 21: geo()
        case 0...2: string()
        case 3: bits()
        case 4, 5: list()
        case 6, 7: hash()
        case 8, 9: set()
        case 10, 11: sortedSet()
        case 12...15: stream()
        case 16, 17: expiry()
        case 18: key()
        default: sort()
        }
    }

    /// A command that waits when it finds nothing.
    mutating func waiting() -> [String] {
        let timeout = chance(hostileShare) ? number() : pick(["0.5", "1", "0.01"])
        switch random.below(9) {
        case 0: return [pick(["BLPOP", "BRPOP"])] + keys("list") + [timeout]
        case 1: return ["BLMOVE", key("list"), key("list"), end(), end(), timeout]
        case 2: return ["BRPOPLPUSH", key("list"), key("list"), timeout]
        case 3: return ["BLMPOP", timeout] + counted("list") + [end()] + maybe(0.5, "COUNT", positive())
        case 4: return [pick(["BZPOPMIN", "BZPOPMAX"])] + keys("zset") + [timeout]
        case 5:
            return ["BZMPOP", timeout] + counted("zset") + [pick(["MIN", "MAX"])] + maybe(0.5, "COUNT", positive())
        default:
            let keys = keys("stream")
            return ["XREADGROUP", "GROUP", group(), consumer()] + maybe(0.5, "COUNT", positive())
                + ["BLOCK", pick(["500", "10", number()])] + maybe(0.2, "NOACK") + ["STREAMS"] + keys
                + keys.map { _ in ">" }
        }
    }

    private mutating func setOptions() -> [String] {
        var words = maybe(0.2, pick(["NX", "XX"])) + maybe(0.2, "GET")
        if chance(0.3) {
            words += pick([
                ["EX", positive()], ["PX", milliseconds()], ["EXAT", "1700000100"], ["PXAT", "1700000005000"],
                ["KEEPTTL"],
            ])
        }
        return words
    }

    private mutating func string() -> [String] {
        let key = key("string")
        let counter = self.key("number")
        switch random.below(16) {
        case 0...2: return ["SET", key, text()] + setOptions()
        case 3: return ["SET", counter, number()]
        case 4: return ["SETNX", key, text()]
        case 5: return [pick(["SETEX", "PSETEX"]), key, positive(), text()]
        case 6: return ["GETSET", key, text()]
        case 7: return ["GETDEL", key]
        case 8:
            return ["GETEX", key]
                + pick([["EX", positive()], ["PX", milliseconds()], ["PERSIST"], ["PXAT", "1700000005000"], []])
        case 9: return [pick(["MSET", "MSETNX"]), key, text(), self.key("string"), text()]
        case 10: return [pick(["INCR", "DECR"]), counter]
        case 11, 12: return [pick(["INCRBY", "DECRBY"]), counter, number()]
        case 13: return ["INCRBYFLOAT", counter, score()]
        case 14: return ["APPEND", key, text()]
        default: return ["SETRANGE", key, pick(["0", "1", "5", "100"]), text()]
        }
    }

    private mutating func bits() -> [String] {
        let key = key("string")
        switch random.below(4) {
        case 0: return ["SETBIT", key, pick(["0", "7", "100", "4294967296", "-1"]), pick(["0", "1"])]
        case 1: return ["BITOP", "NOT", key, self.key("string")]
        case 2: return ["BITOP", pick(["AND", "OR", "XOR"]), key] + keys("string")
        default:
            var words = ["BITFIELD", key]
            for _ in 0...random.below(3) {
                words += maybe(0.4, "OVERFLOW", pick(["WRAP", "SAT", "FAIL"]))
                let offset = pick(["0", "3", "#1", "100", "#2"])
                words += pick([
                    ["GET", field(), offset], ["SET", field(), offset, number()],
                    ["INCRBY", field(), offset, number()],
                ])
            }
            return words
        }
    }

    private mutating func hyperLogLog() -> [String] {
        let key = key("log")
        switch random.below(8) {
        case 0...3: return ["PFADD", key] + members()
        // Enough to become dense.
        case 4: return ["PFADD", key] + (0..<random.below(3_000)).map { "many\($0)" }
        case 5: return ["PFCOUNT", key]
        case 6: return ["PFMERGE", key] + keys("log")
        default: return ["PFDEBUG", pick(["TODENSE", "GETREG", "ENCODING"]), key]
        }
    }

    private mutating func geo() -> [String] {
        let key = key("place")
        let area = [pick(["0.1", "1", "100", number()]), pick(["m", "km"])]
        func angle() -> String { pick(["0", "1.5", "-0.001", "60", "-85.05112878"]) }
        switch random.below(8) {
        case 0...3:
            return ["GEOADD", key] + pick([[], [], ["NX"], ["XX"], ["CH"]])
                + [angle(), angle(), member(), angle(), angle(), member()]
        case 4:
            return ["GEOSEARCHSTORE", self.key("place"), key, "FROMLONLAT", angle(), angle(), "BYRADIUS"] + area
                + maybe(0.3, "STOREDIST")
        case 5:
            return ["GEORADIUS", key, angle(), angle()] + area
                + maybe(0.7, pick(["STORE", "STOREDIST"]), self.key("place"))
        default:
            return ["GEORADIUSBYMEMBER", key, member()] + area + maybe(0.3, "COUNT", positive())
                + maybe(0.7, pick(["STORE", "STOREDIST"]), self.key("place"))
        }
    }

    private mutating func list() -> [String] {
        let key = key("list")
        switch random.below(12) {
        case 0...3: return [pick(["LPUSH", "RPUSH"]), key] + members()
        case 4: return [pick(["LPUSHX", "RPUSHX"]), key] + members()
        case 5: return [pick(["LPOP", "RPOP"]), key] + maybe(0.5, number())
        case 6: return ["LREM", key, number(), member()]
        case 7: return ["LINSERT", key, pick(["BEFORE", "AFTER"]), member(), member()]
        case 8: return ["LTRIM", key, number(), number()]
        case 9: return ["LSET", key, number(), member()]
        case 10: return ["LMOVE", key, self.key("list"), end(), end()]
        default:
            return pick([
                ["RPOPLPUSH", key, self.key("list")], ["LMPOP"] + counted("list") + [end(), "COUNT", positive()],
            ])
        }
    }

    private mutating func hash() -> [String] {
        let key = key("hash")
        if chance(0.4) { return fieldExpiry(key) }
        switch random.below(6) {
        case 0, 1: return [pick(["HSET", "HMSET"]), key, member(), text(), member(), number()]
        case 2: return ["HSETNX", key, member(), text()]
        case 3: return ["HINCRBY", key, pick(["n", "m", member()]), number()]
        case 4: return ["HINCRBYFLOAT", key, pick(["f", "n", member()]), score()]
        default: return ["HDEL", key] + members()
        }
    }

    /// Times of fields; and who asks for fields, which removes those that are past it.
    private mutating func fieldExpiry(_ key: String) -> [String] {
        let fields = (0...random.below(3)).map { _ in pick(["n", "m", "f", member()]) }
        let named = ["FIELDS", "\(fields.count)"] + fields
        let condition = maybe(0.3, pick(["NX", "XX", "GT", "LT"]))
        switch random.below(9) {
        case 0: return ["HEXPIRE", key, number()] + condition + named
        case 1, 2: return ["HPEXPIRE", key, milliseconds()] + condition + named
        case 3: return ["HEXPIREAT", key, pick(["1700000001", "1700000100", "1", number()])] + condition + named
        case 4: return ["HPEXPIREAT", key, pick(["1700000000500", "1700000100000", number()])] + condition + named
        case 5: return ["HPERSIST", key] + named
        case 6: return ["HMGET", key] + fields
        case 7: return ["HRANDFIELD", key, number()]
        default: return [pick(["HGETALL", "HLEN"]), key]
        }
    }

    private mutating func set() -> [String] {
        let key = key("set")
        switch random.below(8) {
        case 0...2: return ["SADD", key] + members()
        // Enough for a table, which is then drawn from.
        case 3: return ["SADD", key] + (0..<random.below(200)).map { "many\($0)" } + ["last"]
        case 4: return ["SREM", key] + members()
        case 5: return ["SPOP", key] + maybe(0.7, pick(["1", "5", "50", number()]))
        case 6: return ["SMOVE", key, self.key("set"), member()]
        default: return [pick(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), key] + keys("set")
        }
    }

    private mutating func sortedSet() -> [String] {
        let key = key("zset")
        switch random.below(12) {
        case 0...3:
            let condition = pick([[], [], ["NX"], ["XX"], ["GT"], ["LT"], ["XX", "GT"]])
            return ["ZADD", key] + condition + maybe(0.2, "CH")
                + pick([[score(), member(), score(), member()], ["INCR", score(), member()]])
        case 4: return ["ZINCRBY", key, score(), member()]
        case 5: return ["ZREM", key] + members()
        case 6: return [pick(["ZPOPMIN", "ZPOPMAX"]), key] + maybe(0.5, number())
        case 7: return ["ZMPOP"] + counted("zset") + [pick(["MIN", "MAX"]), "COUNT", positive()]
        case 8:
            return pick([
                ["ZREMRANGEBYRANK", key, number(), number()], ["ZREMRANGEBYSCORE", key, "(1", score()],
                ["ZREMRANGEBYLEX", key, "[a", "(c"],
            ])
        case 9:
            let source = self.key("zset")
            return pick([
                ["ZRANGESTORE", key, source, number(), number()],
                ["ZRANGESTORE", key, source, "-inf", score(), "BYSCORE", "LIMIT", number(), number()],
                ["ZRANGESTORE", key, source, "+", "-", "BYLEX", "REV"],
            ])
        case 10: return ["ZDIFFSTORE", key] + counted("zset")
        default:
            return [
                pick(["ZUNIONSTORE", "ZINTERSTORE"]), key, "2", self.key("zset"), self.key(pick(["set", "zset"])),
            ]
                + maybe(0.4, "WEIGHTS", score(), score())
                + maybe(0.4, "AGGREGATE", pick(["SUM", "MIN", "MAX"]))
        }
    }

    private mutating func trim() -> [String] {
        pick([
            ["MAXLEN", "=", number()], ["MAXLEN", "~", pick(["2", "5", "100"])], ["MINID", entryID()],
            ["MAXLEN", "~", "1", "LIMIT", number()],
        ])
    }

    private mutating func stream() -> [String] {
        let key = key("stream")
        switch random.below(22) {
        case 0...4:
            return ["XADD", key] + maybe(0.1, "NOMKSTREAM") + (chance(0.3) ? trim() : [])
                + [chance(0.85) ? "*" : pick([entryID(), "5-*", "1700000000001-*"])] + ["field", text()]
                + maybe(0.3, member(), text())
        case 5: return ["XTRIM", key] + trim()
        // Identifiers of entries that are there: the time of the harness's clock, rounded by its steps.
        case 6: return ["XDEL", key, presentID(key), presentID(key)]
        case 7:
            return ["XSETID", key, pick([entryID(), presentID(key)])]
                + maybe(0.4, "ENTRIESADDED", number(), "MAXDELETEDID", entryID())
        case 8...10:
            return ["XGROUP", "CREATE", key, group(), pick(["0", "$", presentID(key)])] + maybe(0.7, "MKSTREAM")
                + maybe(0.2, "ENTRIESREAD", number())
        case 11:
            return ["XGROUP", "SETID", key, group(), pick(["0", "$", presentID(key)])]
                + maybe(0.3, "ENTRIESREAD", number())
        case 12:
            return chance(0.3)
                ? ["XGROUP", "DESTROY", key, group()] : ["XGROUP", "CREATECONSUMER", key, group(), consumer()]
        case 13: return ["XGROUP", "DELCONSUMER", key, group(), consumer()]
        case 14...16:
            let keys = keys("stream")
            return ["XREADGROUP", "GROUP", group(), consumer()] + maybe(0.5, "COUNT", positive()) + maybe(0.1, "NOACK")
                + ["STREAMS"] + keys + keys.map { _ in pick([">", ">", ">", "0"]) }
        case 17: return ["XACK", key, group(), presentID(key), presentID(key), presentID(key)]
        case 18, 19:
            return ["XCLAIM", key, group(), consumer(), pick(["0", "5", number()]), presentID(key), presentID(key)]
                + maybe(0.2, "IDLE", number()) + maybe(0.2, "TIME", number()) + maybe(0.2, "RETRYCOUNT", number())
                + maybe(0.3, "FORCE") + maybe(0.3, "JUSTID") + maybe(0.2, "LASTID", presentID(key))
        default:
            return [
                "XAUTOCLAIM", key, group(), consumer(), pick(["0", "5", number()]), pick(["0", "-", presentID(key)]),
            ]
                + maybe(0.4, "COUNT", positive()) + maybe(0.3, "JUSTID")
        }
    }

    /// Identifiers that entries of streams got, by key.
    private var presentIDs: [String: [String]] = [:]

    /// An entry was added.
    mutating func note(id: String, of key: String) {
        guard id.first?.isNumber == true, id.contains("-") else { return }
        presentIDs[key, default: []].append(id)
        if presentIDs[key]!.count > 8 { presentIDs[key]!.removeFirst() }
    }

    private mutating func presentID(_ key: String) -> String {
        guard let ids = presentIDs[key], chance(0.85) else { return entryID() }
        return pick(ids)
    }

    private static let kinds = ["string", "number", "list", "hash", "set", "zset", "stream", "log", "place"]

    private mutating func anyKey() -> String { key(pick(Self.kinds)) }

    private mutating func expiry() -> [String] {
        let key = anyKey()
        let condition = maybe(0.3, pick(["NX", "XX", "GT", "LT"]))
        switch random.below(6) {
        case 0: return ["EXPIRE", key, number()] + condition
        case 1, 2: return ["PEXPIRE", key, milliseconds()] + condition
        case 3: return ["EXPIREAT", key, pick(["1700000001", "1700000100", "1", number()])] + condition
        case 4: return ["PEXPIREAT", key, pick(["1700000000500", "1700000100000", "1", number()])] + condition
        default: return ["PERSIST", key]
        }
    }

    private mutating func key() -> [String] {
        let kind = pick(Self.kinds)
        let key = key(kind)
        let other = self.key(kind)
        switch random.below(16) {
        case 14, 15:
            let script = """
                local value = redis.call('DUMP', KEYS[1])
                if value then redis.call('RESTORE', KEYS[2], ARGV[1], value, unpack(ARGV, 2)) end
                """
            return ["EVAL", script, "2", key, other, pick(["0", "0", milliseconds(), number()])]
                + maybe(0.8, "REPLACE") + maybe(0.1, "ABSTTL")
        case 0: return [pick(["DEL", "UNLINK"]), key, other]
        case 1, 2: return ["RENAME", key, other]
        case 3: return ["RENAMENX", key, other]
        case 4, 5: return ["COPY", key, other] + maybe(0.7, "REPLACE")
        case 6, 7: return ["COPY", key, other, "DB", pick(["0", "1", "2", number()])] + maybe(0.7, "REPLACE")
        case 8, 9: return ["MOVE", key, pick(["0", "1", "2", number()])]
        case 10, 11: return ["SWAPDB", pick(["0", "1", "2"]), pick(["0", "1", "2"])]
        case 12: return chance(0.3) ? [pick(["FLUSHDB", "FLUSHALL"])] : ["TOUCH", key]
        default: return ["OBJECT", "ENCODING", key]
        }
    }

    private mutating func sort() -> [String] {
        ["SORT", key(pick(["list", "set", "zset"]))]
            + maybe(0.4, "BY", pick(["nosort", "number*", "hash*->n", "string*"]))
            + maybe(0.3, "LIMIT", number(), number()) + maybe(0.3, "GET", pick(["#", "string*", "hash*->a"]))
            + maybe(0.4, "ALPHA") + maybe(0.3, "DESC") + ["STORE", key("list")]
    }
}
