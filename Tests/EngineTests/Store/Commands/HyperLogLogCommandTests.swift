import Testing
import Wire

@testable import Engine

struct HyperLogLogCommandTests {
    private let harness = StoreHarness(journals: true)

    private func value(_ client: StoreTestClient, _ key: String) -> [UInt8] { client.ask("GET", key)?.bytes ?? [] }

    private func sum(_ bytes: [UInt8]) -> UInt64 { withSlice(bytes) { CRC64.sum($0) } }

    /// Goal: the same bytes as Redis. Method: checksums and estimates recorded from Redis 7.0, as elements are added.
    @Test func valuesAreRedissBytes() throws {
        let client = harness.connect()
        client.send("PFADD small a b c")
        let expected: [UInt8] =
            Array("HYLL".utf8) + [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x60, 0xF3, 0x80, 0x50, 0xB1, 0x84]
            + [0x4B, 0xFB, 0x80, 0x42, 0x5A]
        #expect(value(client, "small") == expected)

        let recorded: [(elements: Int, estimate: Int, bytes: Int, sum: UInt64)] = [
            (0, 0, 18, 0x4A81_473F_7D92_80DC), (1, 1, 21, 0x7400_7E60_F311_124D), (10, 10, 48, 0x6777_A208_AFE6_6DFF),
            (100, 100, 285, 0x5414_4C74_DEA4_C333), (300, 302, 713, 0x8ABA_480E_321A_7171),
            (700, 704, 1403, 0xD3C0_D259_62BB_3F89), (1000, 1008, 1906, 0x4DE4_9F24_551D_A382),
            (1500, 1509, 2719, 0x1ED1_722B_901C_BD33), (5000, 4968, 12304, 0x5AB8_7501_65E6_7972),
            (20000, 19901, 12304, 0x6A6A_9CA5_0678_E2F7),
        ]
        var added = 0
        for (elements, estimate, bytes, expected) in recorded {
            var words = ["PFADD", "many"]
            while added < elements {
                words.append("e\(added)")
                added += 1
            }
            client.send(words: words.map { Array($0.utf8) })
            #expect(client.send("PFCOUNT many") == ":\(estimate)")
            let bytesNow = value(client, "many")
            #expect(bytesNow.count == bytes && sum(bytesNow) == expected, "after \(elements)")
        }
        #expect(client.send("OBJECT ENCODING many") == "$3 raw")
        #expect(client.send("PFDEBUG ENCODING many") == "+dense")
        let replayed = try harness.replayed(seed: 9)
        #expect(differences(harness.store.description(), replayed.store.description()) == [])
    }

    @Test func mergesAsRedis() {
        let client = harness.connect()
        func add(_ key: String, _ range: Range<Int>) {
            client.send(words: (["PFADD", key] + range.map { "e\($0)" }).map { Array($0.utf8) })
        }
        add("a", 0..<100)
        add("b", 50..<200)
        #expect(client.send("PFCOUNT a b") == ":200")
        #expect(client.send("PFMERGE c a b") == "+OK")
        #expect(client.send("PFCOUNT c") == ":200")
        #expect(sum(value(client, "c")) == 0x01AD_4E82_A88F_CD36)
        add("k", 0..<20_000)
        #expect(client.send("PFMERGE c k") == "+OK")
        #expect(client.send("PFCOUNT c") == ":19901")
        #expect(sum(value(client, "c")) == 0x6A6A_9CA5_0678_E2F7)
    }

    /// Goal: errors are Redis's, and a refused command changes nothing.
    @Test func refusesWhatIsNone() {
        let client = harness.connect()
        let notValid = "-WRONGTYPE Key is not a valid HyperLogLog string value."
        let corrupted = "-INVALIDOBJ Corrupted HLL object detected"
        client.send("SET text hello")
        client.send("SET number 12345678901234567")
        client.send("RPUSH list a")
        for command in ["PFADD", "PFCOUNT", "PFMERGE"] {
            #expect(client.send("\(command) text") == notValid)
            #expect(client.send("\(command) number") == notValid)
            #expect(client.send("\(command) list").hasPrefix("-WRONGTYPE Operation against"))
        }
        // Runs that end before the registers do, and beyond them.
        let header = Array("HYLL".utf8) + [1] + Array(repeating: 0, count: 10) + [0x80]
        for runs: [UInt8] in [[], [0x40], [0x7F], [0x7F, 0xFF, 0x80], [0x7F, 0xFE, 0x81]] {
            client.send(words: [Array("SET".utf8), Array("broken".utf8), header + runs])
            #expect(client.send("PFCOUNT broken") == corrupted)
            #expect(client.send("PFCOUNT broken broken") == corrupted)
            #expect(client.send("PFMERGE other broken") == corrupted)
            #expect(client.send("PFDEBUG TODENSE broken") == corrupted)
            #expect(value(client, "broken") == header + runs)
        }
        client.send(words: [Array("SET".utf8), Array("long".utf8), header + Array(repeating: 0, count: 40_000)])
        #expect(client.send("PFADD long a") == corrupted)
        #expect(client.send("EXISTS other") == ":0")
        #expect(client.send("PFDEBUG GETREG none") == "-ERR The specified key does not exist")
        client.send("PFADD good a")
        #expect(client.send("PFDEBUG NOSUCH good") == "-ERR Unknown PFDEBUG subcommand 'NOSUCH'")
        #expect(client.send("PFDEBUG TODENSE good") == ":1")
        #expect(client.send("PFDEBUG DECODE good") == "-ERR HLL encoding is not sparse")
        #expect(client.send("PFSELFTEST") == "+OK")
    }

    /// Goal: counting, which keeps its estimate in the value, is a change: journaled, seen by watchers, refused in
    /// read-only scripts.
    @Test func countingIsAChangeOnce() throws {
        let client = harness.connect()
        let watcher = harness.connect()
        client.send("PFADD k a b")
        watcher.send("WATCH k")
        #expect(client.send("PFCOUNT k") == ":2")
        watcher.send("MULTI")
        #expect(watcher.send("EXEC") == "*-1")
        watcher.send("WATCH k")
        #expect(client.send("PFCOUNT k") == ":2")
        watcher.send("MULTI")
        #expect(watcher.send("EXEC") == "*0")
        #expect(client.send("PFADD k a") == ":0")
        let inScript = client.send("EVAL_RO \"return redis.call('PFCOUNT','k')\" 0")
        #expect(inScript.contains("Write commands are not allowed"))
        client.send("PEXPIRE k 100000")
        #expect(client.send("PFADD k c") == ":1")
        #expect(client.send("PTTL k") == ":100000")
        let replayed = try harness.replayed()
        #expect(differences(harness.store.description(), replayed.store.description()) == [])
    }
}
