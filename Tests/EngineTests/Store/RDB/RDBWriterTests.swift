import Testing
import Wire

@testable import Engine

struct RDBWriterTests {
    /// Goal: what is written is read back the same. Method: a store of random values in several databases, with
    /// expiries; seed replays.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func roundTripKeepsEverything(seed: UInt64) throws {
        let harness = StoreHarness(seed: seed)
        let client = harness.connect()
        let library = "#!lua name=l\nredis.register_function('f',function() end)"
        client.send(words: ["FUNCTION", "LOAD", library].map { Array($0.utf8) })
        var commands = RandomCommands(seed: seed)
        for step in 0..<800 {
            if step % 100 == 0 { client.send("SELECT \(step / 100)") }
            let words = commands.next()
            let reply = client.send(words: words.map { Array($0.utf8) })
            if words[0] == "XADD", let id = reply.split(separator: " ").last {
                commands.note(id: String(id), of: words[1])
            }
        }
        let other = StoreHarness(seed: seed + 1)
        let report = try other.load(harness.saved().bytes, readBytes: 100)
        #expect(report.keys > 8 && report.functionLibraries == 1)
        let hasFieldTimes = harness.store.databases.contains { $0.fieldExpiringCount > 0 }
        #expect(report.version == (hasFieldTimes ? 12 : 10))
        #expect(differences(harness.store.description(), other.store.description()) == [])
    }

    /// Goal: memory stays bounded. Method: values larger than a write; no piece is much larger than one.
    @Test func largeValuesGoOutInPieces() throws {
        let harness = StoreHarness()
        let client = harness.connect()
        let element = Array(repeating: UInt8(0x61), count: 1_000)
        for _ in 0..<30 {
            client.send(words: [Array("RPUSH".utf8), Array("l".utf8)] + Array(repeating: element, count: 100))
            for _ in 0..<100 { client.send(words: ["XADD", "x", "*", "f"].map { Array($0.utf8) } + [element]) }
        }
        client.send(words: [Array("SET".utf8), Array("s".utf8), Array(repeating: 0x62, count: 3_000_000)])
        let target = harness.saved()
        #expect(target.bytes.count > 9_000_000)
        #expect(target.largest == 3_000_000, "the long string in one piece, without a copy")
        let other = StoreHarness()
        try other.load(target.bytes, readBytes: 1 << 16)
        #expect(differences(harness.store.description(), other.store.description()) == [])
    }

    /// Goal: times of fields are kept, in the format that knows them.
    @Test func fieldsKeepTheirTimes() throws {
        let harness = StoreHarness()
        let client = harness.connect()
        client.send("HSET h a 1 b 2")
        client.send("HPEXPIREAT h 1700000100000 FIELDS 1 a")
        let other = StoreHarness()
        #expect(try other.load(harness.saved().bytes).version == 12)
        #expect(other.connect().send("HPEXPIRETIME h FIELDS 2 a b") == "*2 :1700000100000 :-1")
    }

    @Test func expiredKeysAreLeftOut() throws {
        let harness = StoreHarness()
        let client = harness.connect()
        client.send("SET gone v PX 10")
        client.send("SET stays v PX 10000")
        harness.context.time.advance(monotonicMicroseconds: 2_000_000, wallMicroseconds: 1_700_000_001_000_000)
        let other = StoreHarness()
        #expect(try other.load(harness.saved().bytes).keys == 1)
        #expect(other.connect().send("KEYS *") == "*1 $5 stays")
    }

    @Test func checksumsGoOnWhereTheyEnded() {
        let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let whole = withSlice(bytes) { CRC64.sum($0) }
        for cut in [0, 1, 7, 8, 9, 500, 999, 1_000] {
            let first = withSlice(Array(bytes[..<cut])) { CRC64.sum($0) }
            #expect(withSlice(Array(bytes[cut...])) { CRC64.sum($0, after: first) } == whole)
        }
    }
}
