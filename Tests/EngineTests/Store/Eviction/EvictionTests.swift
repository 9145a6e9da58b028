// What goes when the store's memory is used up, in which order, and what clients are told.

import Testing
import Wire

@testable import Engine

@Suite struct EvictionTests {
    private let value = String(repeating: "v", count: 500)

    /// A store with `count` keys `k0`… and memory for no more than that.
    private func filled(_ policy: String, count: Int = 200, expiring: Int = 0) -> TestStore {
        let test = TestStore()
        for index in 0..<count {
            if index < expiring {
                test.reply("SET", "k\(index)", value, "EX", String(1_000 + index))
            } else {
                test.reply("SET", "k\(index)", value)
            }
        }
        #expect(test.reply("CONFIG", "SET", "maxmemory-policy", policy) == "+OK\r\n")
        test.reply("CONFIG", "SET", "maxmemory", String(test.store.datasetBytes))
        return test
    }

    private func exists(_ test: TestStore, _ range: Range<Int>) -> Int {
        range.count { test.store.databases[0].table.find(ByteString("k\($0)")) != nil }
    }

    /// Goal: the store's count of memory is complete. Method: values of all kinds grow, shrink and go; what is
    /// left is what an empty store has.
    @Test func memoryIsCountedAndGivenBack() {
        let test = TestStore()
        let empty = test.store.datasetBytes
        #expect(empty > 0 && empty < 16_384)
        for index in 0..<1_000 {
            let text = "value \(index) \(value)"
            test.reply("SET", "s\(index)", text)
            test.reply("RPUSH", "l\(index % 7)", text)
            test.reply("HSET", "h\(index % 5)", "f\(index)", text)
            test.reply("SADD", "i\(index % 3)", String(index))
            test.reply("SADD", "m\(index % 3)", text)
            test.reply("ZADD", "z\(index % 3)", String(index), text)
            test.reply("XADD", "x\(index % 3)", "*", "f", text)
        }
        #expect(test.store.datasetBytes > 1_000 * 7 * 500)
        for kind in ["l", "h", "i", "m", "z", "x"] {
            for index in 0..<7 { test.reply("DEL", "\(kind)\(index)") }
        }
        for index in 0..<1_000 { test.reply("DEL", "s\(index)") }
        for _ in 0..<2_000 { test.store.endTurn() }
        #expect(test.store.datasetBytes < empty + 16_384)
    }

    @Test func withoutEvictionCommandsThatNeedMemoryAreRefused() {
        let refusal = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
        let test = TestStore()
        test.reply("SET", "a", "1")
        #expect(test.reply("CONFIG", "SET", "maxmemory", "1") == "+OK\r\n")
        #expect(test.reply("SET", "a", "2") == refusal)
        #expect(test.reply("GET", "a") == "$1\r\n1\r\n")
        #expect(test.reply("EVAL", "return redis.call('get', 'a')", "0") == "$1\r\n1\r\n")
        #expect(test.reply("EVAL", "return redis.call('set', 'a', '2')", "0").hasPrefix("-OOM command not allowed"))
        #expect(test.reply("EVAL", "#!lua\nreturn 1", "0") == refusal)
        #expect(test.reply("EVAL", "#!lua flags=no-writes\nreturn 1", "0") == ":1\r\n")
        #expect(test.reply("EVAL", "#!lua flags=allow-oom\nreturn redis.call('set','a','2')", "0") == "+OK\r\n")
        // What has begun to write may go on: it cannot be undone.
        #expect(test.reply("EVAL", "redis.call('del', 'b') return redis.call('set','a','3')", "0") == "+OK\r\n")
        #expect(test.reply("DEL", "a") == ":1\r\n")
        #expect(test.reply("CONFIG", "SET", "maxmemory", "0") == "+OK\r\n")
        #expect(test.reply("SET", "a", "2") == "+OK\r\n")
    }

    @Test func transactionsAreRefusedWhereMemoryIsMissed() {
        let test = TestStore()
        test.reply("MULTI")
        test.reply("SET", "a", "1")
        // Somebody else sets the limit meanwhile.
        let other = TestStore.makeClient(test.store)
        test.reply("CONFIG", "SET", "maxmemory", "1", by: other)
        #expect(
            test.reply("EXEC")
                == "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > "
                + "'maxmemory'.\r\n")
        #expect(test.reply("MULTI") == "+OK\r\n")
        #expect(test.reply("PING").hasPrefix("-OOM "))
        #expect(test.reply("EXEC") == "-EXECABORT Transaction discarded because of previous errors.\r\n")
    }

    /// Goal: the keys used last stay. Method: the second half is read later than the first; then as much is written.
    @Test func leastRecentlyUsedGoFirst() {
        let test = filled("allkeys-lru")
        test.context.time.advance(monotonicMicroseconds: 101_000_000, wallMicroseconds: 1_700_000_100_000_000)
        for index in 100..<200 { test.reply("GET", "k\(index)") }
        for index in 0..<50 { #expect(test.reply("SET", "n\(index)", value) == "+OK\r\n") }
        #expect(test.store.datasetBytes <= test.context.configuration.maxMemoryBytes + 2_048)
        #expect(test.store.statistics.evictedKeys >= 45)
        #expect(exists(test, 100..<200) > 95)
        #expect(exists(test, 0..<100) < 60)
    }

    @Test func leastFrequentlyUsedGoFirst() {
        let test = filled("allkeys-lfu")
        for _ in 0..<50 { for index in 100..<200 { test.reply("GET", "k\(index)") } }
        #expect(test.reply("OBJECT", "IDLETIME", "k150").hasPrefix("-ERR An LFU maxmemory policy is selected"))
        for index in 0..<50 { test.reply("SET", "n\(index)", value) }
        #expect(exists(test, 100..<200) > 95)
        #expect(test.store.statistics.evictedKeys >= 45)
    }

    @Test func volatilePoliciesSpareKeysThatDoNotExpire() {
        for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
            let test = filled(policy, expiring: 100)
            for index in 0..<50 { #expect(test.reply("SET", "n\(index)", value) == "+OK\r\n") }
            #expect(exists(test, 100..<200) == 100, "\(policy)")
            #expect(exists(test, 0..<100) < 60, "\(policy)")
            // Those that expire first go first.
            if policy == "volatile-ttl" { #expect(exists(test, 0..<20) < exists(test, 80..<100)) }
            // When none of them is left, memory is refused.
            var refused = false
            for index in 0..<100 where !refused { refused = test.reply("SET", "o\(index)", value).hasPrefix("-OOM") }
            #expect(refused, "\(policy)")
        }
    }

    @Test func randomEvictionTakesFromAllDatabases() {
        let test = filled("allkeys-random")
        test.reply("CONFIG", "SET", "maxmemory", "0")
        test.reply("SELECT", "5")
        for index in 0..<200 { test.reply("SET", "k\(index)", value) }
        test.reply("CONFIG", "SET", "maxmemory", String(test.store.datasetBytes / 2))
        for _ in 0..<20 { test.store.endTurn() }
        #expect(test.store.datasetBytes <= test.context.configuration.maxMemoryBytes)
        #expect(test.store.databases[0].count < 150 && test.store.databases[0].count > 40)
        #expect(test.store.databases[5].count < 150 && test.store.databases[5].count > 40)
    }

    /// An evicted key is a deletion in the journal, and tells those who listen.
    @Test func evictionIsJournaledAndTold() throws {
        let test = TestStore()
        test.beginJournal()
        let listener = TestStore.makeClient(test.store)
        test.reply("CONFIG", "SET", "notify-keyspace-events", "Ee")
        test.reply("SUBSCRIBE", "__keyevent@0__:evicted", by: listener)
        test.reply("SET", "a", value)
        test.reply("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        if let batch = test.context.journal.takeBatch() { test.context.journal.written(batch) }
        test.reply("CONFIG", "SET", "maxmemory", "1")
        #expect(test.reply("SET", "b", "1").hasPrefix("-OOM"))
        #expect(test.store.databases[0].count == 0)
        let heard = String(decoding: TestStore.take(listener), as: UTF8.self)
        #expect(heard.contains("__keyevent@0__:evicted") && heard.hasSuffix("$1\r\na\r\n"))
        let batch = try #require(test.context.journal.takeBatch())
        let text = String(decoding: UnsafeRawBufferPointer(start: batch.bytes, count: batch.count), as: UTF8.self)
        #expect(text.contains("DEL"))
        test.context.journal.written(batch)
    }

    @Test func frequencyGrowsRarelyAndShrinksWithTime() {
        var random = RandomSource(seed: 7)
        var frequency = AccessFrequency(minute: 65_535)
        for _ in 0..<10_000 { frequency.use(at: 65_535, decayMinutes: 1, logFactor: 10, random: &random) }
        let grown = frequency.count
        #expect(grown > 10 && grown < 100)
        #expect(AccessFrequency(bits: frequency.bits) == frequency)
        // Two minutes later, across the end of the 16 bits.
        #expect(frequency.count(at: 1, decayMinutes: 1) == grown - 2)
        #expect(frequency.count(at: 30_000, decayMinutes: 1) == 0)
        #expect(frequency.count(at: 30_000, decayMinutes: 0) == grown)
    }

    @Test func candidatesAreOrderedAndBounded() {
        let test = TestStore()
        let keyspace = test.store.databases[0]
        var pool = EvictionPool()
        for score in [5, 3, 9, 1, 7, 12, 30, 2, 8, 6, 4, 11, 10, 13, 14, 15, 16, 17, 0] {
            pool.offer(ByteString("k\(score)").slice, of: keyspace, score: UInt64(score))
        }
        #expect(pool.candidates.count == Limits.evictionCandidatesMax)
        #expect(pool.takeBest()?.score == 30)
        #expect(pool.takeBest()?.score == 17)
        #expect(pool.candidates.first?.score == 3)
    }
}

extension KeyTable {
    fileprivate func find(_ key: ByteString) -> KeyEntry? { find(key.slice, hash: ByteHash.hash(key.slice)) }
}
