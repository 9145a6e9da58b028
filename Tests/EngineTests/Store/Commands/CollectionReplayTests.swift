import Testing
import Wire

@testable import Engine

/// Words of a random command on one of a few keys of each type: valid ones mostly, whatever they meet.
private struct CollectionCommands {
    var random: RandomSource

    mutating func pick(_ choices: [String]) -> String { choices[random.below(choices.count)] }

    mutating func member() -> String {
        pick(["a", "b", "c", "d", "1", "2", "3", "-7", String(repeating: "x", count: 70)])
    }

    mutating func many() -> [String] { (0..<(1 + random.below(5))).map { _ in member() } }

    mutating func number() -> String { pick(["0", "1", "-1", "2", "3", "-2"]) }

    mutating func end() -> String { pick(["LEFT", "RIGHT"]) }

    mutating func key(_ kind: String) -> String { "\(kind)\(random.below(3))" }

    mutating func next() -> [String] {
        switch random.below(5) {
        case 0: list()
        case 1: hash()
        case 2: set()
        case 3: sortedSet()
        default: stream()
        }
    }

    private mutating func list() -> [String] {
        let key = key("list")
        switch random.below(10) {
        case 0...2: return [pick(["LPUSH", "RPUSH"]), key] + many()
        case 3: return [pick(["LPOP", "RPOP"]), key, number()]
        case 4: return [pick(["BLPOP", "BRPOP"]), key, self.key("list"), "1"]
        case 5: return ["BLMOVE", key, self.key("list"), end(), end(), "1"]
        case 6: return ["BLMPOP", "1", "2", key, self.key("list"), end(), "COUNT", "2"]
        case 7: return ["LREM", key, number(), member()]
        case 8: return ["LINSERT", key, "BEFORE", member(), member()]
        default: return ["LTRIM", key, number(), number()]
        }
    }

    private mutating func hash() -> [String] {
        let key = key("hash")
        switch random.below(5) {
        case 0, 1: return ["HSET", key, member(), member(), member(), member()]
        case 2: return ["HINCRBY", key, "n\(random.below(3))", number()]
        case 3: return ["HINCRBYFLOAT", key, "f\(random.below(3))", pick(["0.1", "-2.5", "1e3"])]
        default: return ["HDEL", key] + many()
        }
    }

    private mutating func set() -> [String] {
        let key = key("set")
        switch random.below(6) {
        case 0, 1: return ["SADD", key] + many()
        case 2: return ["SPOP", key]
        case 3: return ["SPOP", key, number()]
        case 4: return ["SMOVE", key, self.key("set"), member()]
        default: return [pick(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), key, self.key("set"), self.key("set")]
        }
    }

    private mutating func sortedSet() -> [String] {
        let key = key("zset")
        switch random.below(9) {
        case 0, 1: return ["ZADD", key, number(), member(), number(), member()]
        case 2: return ["ZADD", key, pick(["GT", "LT", "XX", "NX"]), number(), member()]
        case 3: return ["ZINCRBY", key, pick(["0.1", "-1.5", "inf"]), member()]
        case 4: return [pick(["ZPOPMIN", "ZPOPMAX"]), key]
        case 5: return [pick(["BZPOPMIN", "BZPOPMAX"]), key, self.key("zset"), "1"]
        case 6: return ["BZMPOP", "1", "2", key, self.key("zset"), pick(["MIN", "MAX"]), "COUNT", "2"]
        case 7: return ["ZUNIONSTORE", key, "2", self.key("zset"), self.key("set")]
        default: return ["ZREMRANGEBYSCORE", key, "-inf", number()]
        }
    }

    private mutating func stream() -> [String] {
        let key = key("stream")
        let (group, consumer) = (pick(["g", "h"]), pick(["x", "y"]))
        switch random.below(10) {
        case 0...2: return ["XADD", key, "*", "field", member()]
        case 3: return ["XADD", key, "MAXLEN", "~", "5", "*", "field", member()]
        case 4: return ["XGROUP", "CREATE", key, group, pick(["0", "$"]), "MKSTREAM"]
        case 5, 6: return ["XREADGROUP", "GROUP", group, consumer, "COUNT", "2", "STREAMS", key, ">"]
        case 7: return ["XAUTOCLAIM", key, group, consumer, "0", "0", "COUNT", "2"]
        case 8: return ["XTRIM", key, "MAXLEN", "3"]
        default: return ["XREADGROUP", "GROUP", group, consumer, "NOACK", "STREAMS", key, ">"]
        }
    }
}

/// Everything the store holds, in words that do not depend on the order of tables.
private func contents(_ harness: StoreHarness) -> [String] {
    let client = harness.connect()
    var found: [String] = []
    for number in 0..<3 {
        found.append(client.send("LRANGE list\(number) 0 -1"))
        found.append(client.send("HGETALL hash\(number)").split(separator: " ").sorted().joined(separator: " "))
        found.append(client.send("SMEMBERS set\(number)").split(separator: " ").sorted().joined(separator: " "))
        found.append(client.send("ZRANGE zset\(number) 0 -1 WITHSCORES"))
        found.append(client.send("XRANGE stream\(number) - +"))
        found.append(client.send("XINFO GROUPS stream\(number)"))
        for group in ["g", "h"] {
            found.append(client.send("XPENDING stream\(number) \(group)"))
            found.append(client.send("XPENDING stream\(number) \(group) - + 1000"))
        }
    }
    return found
}

/// Goal: replaying the journal gives the same state, whatever was drawn, awaited or relative to the time.
/// Method: random commands of one client while another waits now and then; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func journalOfCollectionsGivesTheSameState(seed: UInt64) throws {
    var commands = CollectionCommands(random: RandomSource(seed: seed))
    let harness = StoreHarness(seed: seed, journals: true)
    let client = harness.connect()
    let waiting = harness.connect()
    for step in 0..<600 {
        let words = commands.next().map { Array($0.utf8) }
        // A client that waits takes no further command: what waits is left to the second one, for at most a second.
        if words[0].first == UInt8(ascii: "B") { waiting.send(words: words) } else { client.send(words: words) }
        harness.advance(milliseconds: step % 7 == 0 ? 1_500 : 10)
        _ = waiting.pending()
    }
    for number in 0..<3 {
        harness.store.databases[0].checkCollections(["list\(number)", "hash\(number)", "set\(number)"])
        harness.store.databases[0].checkCollections(["zset\(number)", "stream\(number)"])
    }
    let other = try harness.replayed()
    #expect(contents(other) == contents(harness))
}

extension Keyspace {
    fileprivate func checkCollections(_ names: [String]) {
        for name in names {
            withSlice(name) { key in
                switch kind(of: key) {
                case .list: try? read(key, as: ListValue.self)?.checkInvariants()
                case .hash: try? read(key, as: HashValue.self)?.checkInvariants()
                case .set: try? read(key, as: SetValue.self)?.checkInvariants()
                case .sortedSet: try? read(key, as: SortedSetValue.self)?.checkInvariants()
                case .stream: try? read(key, as: StreamValue.self)?.checkInvariants()
                default: break
                }
            }
        }
    }
}
