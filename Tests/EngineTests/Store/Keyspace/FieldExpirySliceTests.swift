import Testing
import Wire

@testable import Engine

/// Goal: fields go without being touched, soon, in bounded slices, and durably so.
struct FieldExpirySliceTests {
    private func fill(_ client: StoreTestClient, _ key: String, _ fields: Int, milliseconds: Int) {
        let names = (0..<fields).map { "f\($0)" }
        client.send(words: (["HSET", key] + names.flatMap { [$0, "v"] }).map { Array($0.utf8) })
        let words = ["HPEXPIRE", key, "\(milliseconds)", "FIELDS", "\(fields)"] + names
        client.send(words: words.map { Array($0.utf8) })
    }

    @Test func fieldsGoUntouched() {
        let harness = StoreHarness()
        let client = harness.connect()
        for size in [1, 15, 16, 17, 33, 200] {
            fill(client, "all\(size)", size, milliseconds: 50)
            fill(client, "mix\(size)", size, milliseconds: 50)
            client.send("HSET mix\(size) stays v")
        }
        let wait = harness.store.nextDeadline! - harness.context.time.monotonicMilliseconds
        #expect(wait == 51, "the loop is told when")
        harness.advance(milliseconds: 50)
        #expect(client.send("HLEN all200") == ":200")
        harness.advance(milliseconds: 1)
        #expect(client.send("DBSIZE") == ":6")
        #expect(client.send("HLEN mix200") == ":1")
        #expect(client.send("INFO stats").contains("expired_subkeys:564"))
        #expect(client.send("INFO keyspace").contains("subexpiry=0"))
        #expect(harness.store.nextFieldExpiryMilliseconds == FieldExpiry.never)
    }

    @Test func slicesAreBounded() {
        let harness = StoreHarness()
        let client = harness.connect()
        fill(client, "h", 5_000, milliseconds: 10)
        harness.advance(milliseconds: 11)
        #expect(harness.store.statistics.expiredFields == UInt64(Limits.expirySliceFields))
        #expect(harness.store.nextDeadline == harness.context.time.monotonicMilliseconds + 1)
        harness.turn()
        // Not twice in a millisecond.
        #expect(harness.store.statistics.expiredFields == UInt64(Limits.expirySliceFields))
        // What walks sees none of them meanwhile.
        #expect(client.send("HGETALL h") == "*0")
        for _ in 0..<5 { harness.advance(milliseconds: 1) }
        #expect(client.send("EXISTS h") == ":0")
        harness.store.checkValues()
    }

    @Test func manyHashesGoInOrder() {
        let harness = StoreHarness()
        let client = harness.connect()
        for index in 0..<3_000 {
            client.send("HSET h\(index) f v g v")
            client.send("HPEXPIRE h\(index) \(index % 10 + 1) FIELDS 1 f")
        }
        for _ in 0..<20 { harness.advance(milliseconds: 1) }
        #expect(harness.store.statistics.expiredFields == 3_000)
        #expect(harness.store.databases[0].fieldExpiringCount == 0)
    }

    @Test func timesThatWereTakenAwayDoNotMatter() {
        let harness = StoreHarness()
        let client = harness.connect()
        client.send("HSET a f v")
        client.send("HSET b f v g v")
        client.send("HSET c f v")
        client.send("HPEXPIRE a 10 FIELDS 1 f")
        client.send("HPEXPIRE b 10 FIELDS 1 f")
        client.send("HPEXPIRE b 90 FIELDS 1 g")
        client.send("HPEXPIRE c 10 FIELDS 1 f")
        client.send("HSET a f w")
        client.send("HPEXPIRE b 80 FIELDS 1 f")
        client.send("DEL c")
        harness.store.checkValues()
        harness.advance(milliseconds: 20)
        harness.store.checkValues()
        #expect(harness.store.statistics.expiredFields == 0)
        harness.advance(milliseconds: 61)
        #expect(client.send("HKEYS b") == "*1 $1 g")
        #expect(client.send("HKEYS a") == "*1 $1 f")
    }

    /// Goal: the journal says what went; a replay at another time comes to the same.
    @Test func expiryIsJournaled() throws {
        let harness = StoreHarness(journals: true)
        let client = harness.connect()
        client.send("HSET h a 1 b 2 c 3 d 4.5")
        client.send("HPEXPIRE h 10 FIELDS 2 a b")
        client.send("HPEXPIRE h 10000 FIELDS 1 d")
        client.send("HINCRBYFLOAT h d 1")
        harness.passTime(milliseconds: 11)
        // Not there, so it must not come back through the log either.
        #expect(client.send("HPERSIST h FIELDS 2 b d") == "*2 :-2 :1")
        client.send("HPEXPIRE h 20000 FIELDS 1 d")
        client.send("HGET h a")
        #expect(try harness.replayed().connect().send("HLEN h") == ":3", "b is past its time and still there")
        harness.advance(milliseconds: 1)
        let replayed = try harness.replayed(laterBy: 100)
        #expect(replayed.connect().send("HKEYS h") == "*2 $1 c $1 d")
        #expect(replayed.connect().send("HPEXPIRETIME h FIELDS 2 c d") == "*2 :-1 :1700000020011")
        replayed.store.checkValues()
    }
}
