// Random commands of all types for a store, those that change anything first of all.

import Wire

@testable import Engine

/// Words of random commands on a few keys; most find a key of their type.
struct StoreCommandMix {
    var random: RandomSource
    /// Keys of each type in each database.
    let keys = 4
    let databases = 3

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    mutating func pick(_ choices: [String]) -> String { choices[random.below(choices.count)] }
    mutating func chance(_ one: Int) -> Bool { random.below(one) == 0 }

    private mutating func key(_ kind: String) -> String {
        // Now and then a key of another type.
        chance(25) ? "\(pick(["s", "l", "h", "t", "z", "x"]))\(random.below(keys))" : "\(kind)\(random.below(keys))"
    }

    private mutating func anyKey() -> String { key(pick(["s", "l", "h", "t", "z", "x"])) }
    private mutating func number() -> String { pick(["0", "1", "-1", "2", "3", "17"]) }
    private mutating func end() -> String { pick(["LEFT", "RIGHT"]) }
    private mutating func member() -> String {
        pick(["a", "b", "c", "1", "2", "-3", String(repeating: "m", count: 70)])
    }
    private mutating func members() -> [String] { (0..<(1 + random.below(4))).map { _ in member() } }
    private mutating func score() -> String {
        pick(["1", "-2.5", "0.1", "inf", "-inf", "1e300", "3.0000000000000004"])
    }
    private mutating func time() -> String { "\(1 + random.below(4_000))" }

    /// One command, or a whole transaction.
    mutating func next() -> [[String]] {
        switch random.below(24) {
        case 0...3: return [string()]
        case 4...6: return [list()]
        case 7, 8: return [hash()]
        case 9, 10: return [set()]
        case 11, 12: return [sortedSet()]
        case 13...16: return [stream()]
        case 17, 18: return [keyspace()]
        case 19: return [database()]
        case 20: return [script()]
        case 21:
            var all = [["MULTI"]]
            for _ in 0..<(1 + random.below(4)) { all.append(chance(2) ? list() : keyspace()) }
            return all + [["EXEC"]]
        case 22: return [many()]
        default: return [["SELECT", "\(random.below(databases))"]]
        }
    }

    private mutating func string() -> [String] {
        let key = key("s")
        switch random.below(16) {
        case 0, 1: return ["SET", key, member()]
        case 2: return ["SET", key, member(), pick(["KEEPTTL", "NX", "XX", "GET"])]
        case 3: return ["PSETEX", key, time(), member()]
        case 4: return ["APPEND", key, member()]
        case 5: return ["INCRBY", key, number()]
        case 6: return ["INCRBYFLOAT", key, "0.5"]
        case 7: return ["SETRANGE", key, "\(random.below(20))", member()]
        case 8: return ["SETBIT", key, "\(random.below(200))", pick(["0", "1"])]
        case 9: return ["GETDEL", key]
        case 10: return ["GETEX", key, "PX", time()]
        case 11: return ["GETSET", key, member()]
        case 12: return ["BITOP", pick(["AND", "OR", "XOR"]), key, self.key("s"), self.key("s")]
        case 13: return ["BITFIELD", key, "SET", "u8", "#\(random.below(4))", number()]
        case 14:
            guard chance(2) else { return ["PFADD", "p\(random.below(keys))", member(), member()] }
            return ["SETRANGE", key, "9000", "long"]
        default: return ["MSETNX", key, member(), self.key("s"), member()]
        }
    }

    private mutating func list() -> [String] {
        let key = key("l")
        switch random.below(12) {
        case 0...3: return [pick(["LPUSH", "RPUSH"]), key] + members()
        case 4: return [pick(["LPOP", "RPOP"]), key, pick(["1", "2"])]
        case 5: return ["LMOVE", key, self.key("l"), end(), end()]
        case 6: return ["LMPOP", "2", key, self.key("l"), end(), "COUNT", "2"]
        case 7: return ["LREM", key, number(), member()]
        case 8: return ["LINSERT", key, "AFTER", member(), member()]
        case 9: return ["LSET", key, number(), member()]
        case 10: return ["RPOPLPUSH", key, self.key("l")]
        default: return ["LTRIM", key, number(), number()]
        }
    }

    private mutating func hash() -> [String] {
        let key = key("h")
        switch random.below(8) {
        case 0, 1: return ["HSET", key, member(), member(), member(), member()]
        case 2: return ["HINCRBY", key, member(), number()]
        case 3: return ["HINCRBYFLOAT", key, member(), "0.25"]
        case 4: return ["HSETNX", key, member(), member()]
        case 5: return ["HPEXPIRE", key, time(), "FIELDS", "2", member(), member()]
        case 6: return ["HPERSIST", key, "FIELDS", "1", member()]
        default: return ["HDEL", key] + members()
        }
    }

    private mutating func set() -> [String] {
        let key = key("t")
        switch random.below(7) {
        case 0, 1: return ["SADD", key] + members()
        case 2: return ["SPOP", key]
        case 3: return ["SREM", key] + members()
        case 4: return ["SMOVE", key, self.key("t"), member()]
        case 5: return ["SADD", key, "4", "5"]
        default: return [pick(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), key, self.key("t"), self.key("t")]
        }
    }

    private mutating func sortedSet() -> [String] {
        let key = key("z")
        switch random.below(9) {
        case 0, 1: return ["ZADD", key, score(), member(), score(), member()]
        case 2: return ["ZADD", key, pick(["GT", "LT", "XX", "NX"]), score(), member()]
        case 3: return ["ZINCRBY", key, pick(["0.1", "-1.5"]), member()]
        case 4: return [pick(["ZPOPMIN", "ZPOPMAX"]), key]
        case 5: return ["ZRANGESTORE", key, self.key("z"), "0", "2"]
        case 6: return ["ZUNIONSTORE", key, "2", self.key("z"), self.key("t")]
        case 7: return ["ZREM", key] + members()
        default: return [pick(["ZREMRANGEBYSCORE", "ZREMRANGEBYRANK"]), key, "0", "1"]
        }
    }

    private mutating func stream() -> [String] {
        let key = key("x")
        let (group, consumer) = (pick(["g", "k"]), pick(["u", "v"]))
        let id = "\(5 + random.below(20))-\(random.below(3))"
        switch random.below(20) {
        case 0...2: return ["XADD", key, "*", member(), member()]
        case 3: return ["XADD", key, id, member(), member(), "f", "v"]
        case 4: return ["XADD", key, "MAXLEN", "5", "*", "f", member()]
        case 5, 6: return ["XGROUP", "CREATE", key, group, pick(["0", "$"]), "MKSTREAM"]
        case 7, 8: return ["XREADGROUP", "GROUP", group, consumer, "COUNT", "2", "STREAMS", key, ">"]
        case 9: return ["XREADGROUP", "GROUP", group, consumer, "STREAMS", key, "0"]
        case 10: return ["XREADGROUP", "GROUP", group, consumer, "NOACK", "STREAMS", key, ">"]
        case 11: return ["XAUTOCLAIM", key, group, consumer, "0", "0", "COUNT", "2"]
        case 12: return ["XCLAIM", key, group, consumer, "0", id, "FORCE"]
        case 13: return ["XACK", key, group, id, "0-1"]
        case 14: return ["XDEL", key, id]
        case 15: return ["XTRIM", key, "MAXLEN", number()]
        case 16: return ["XSETID", key, "\(1_800_000_000_000 + random.below(9))-0"]
        case 17: return ["XGROUP", pick(["CREATECONSUMER", "DELCONSUMER"]), key, group, consumer]
        case 18: return ["XGROUP", "SETID", key, group, id, "ENTRIESREAD", number()]
        default: return chance(3) ? ["XGROUP", "DESTROY", key, group] : ["XADD", key, "*", "n", number()]
        }
    }

    private mutating func keyspace() -> [String] {
        let key = anyKey()
        switch random.below(12) {
        case 0: return ["DEL", key, anyKey()]
        case 1: return ["RENAME", key, anyKey()]
        case 2: return ["RENAMENX", key, anyKey()]
        case 3: return ["COPY", key, anyKey(), "DB", "\(random.below(databases))", "REPLACE"]
        case 4: return ["MOVE", key, "\(random.below(databases))"]
        case 5, 6: return ["PEXPIRE", key, time()]
        case 7: return ["PERSIST", key]
        case 8: return ["UNLINK", key]
        case 9: return ["SORT", self.key(pick(["l", "t"])), "ALPHA", "STORE", self.key("l")]
        case 10:
            let script = "return redis.call('RESTORE', KEYS[2], ARGV[1], redis.call('DUMP', KEYS[1]), 'REPLACE')"
            return ["EVAL", script, "2", key, anyKey(), pick(["0", time()])]
        default: return pick(["GET", "PFCOUNT"]) == "GET" ? ["GET", key] : ["PFCOUNT", "p\(random.below(keys))"]
        }
    }

    private mutating func database() -> [String] {
        switch random.below(12) {
        case 0: return ["FLUSHDB"]
        case 1: return chance(3) ? ["FLUSHALL"] : ["FLUSHDB", "ASYNC"]
        case 2...5: return ["SWAPDB", "\(random.below(databases))", "\(random.below(databases))"]
        default: return ["DEL", anyKey()]
        }
    }

    private mutating func script() -> [String] {
        [
            "EVAL", "redis.pcall('RPUSH', KEYS[1], 'e') redis.pcall('RENAME', KEYS[1], KEYS[2]) return 1", "2",
            key("l"), key("l"),
        ]
    }

    /// Keys in numbers, so that tables grow and shrink.
    private mutating func many() -> [String] {
        let start = random.below(400)
        let length = 1 + random.below(60)
        if chance(2) { return ["MSET"] + (start..<(start + length)).flatMap { ["many\($0)", "\($0)"] } }
        return ["DEL"] + (start..<(start + length * 3)).map { "many\($0)" }
    }
}
