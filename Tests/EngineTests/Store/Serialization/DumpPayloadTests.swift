import Testing
import Wire

@testable import Engine

extension StoreTestClient {
    fileprivate func restore(_ key: String, _ payload: [UInt8], _ options: String...) -> String {
        send(words: [Array("RESTORE".utf8), Array(key.utf8), [0x30], payload] + options.map { Array($0.utf8) })
    }

    /// A body with a right footer, restored.
    fileprivate func restore(body: [UInt8]) -> String {
        var payload = body
        DumpFooter.append(to: &payload)
        return restore("k", payload, "REPLACE")
    }
}

struct DumpPayloadTests {
    private static let badFormat = "-ERR Bad data format"
    private static let badFooter = "-ERR DUMP payload version or checksum are wrong"

    @Test func checksumIsJoness() {
        #expect(withSlice("123456789") { CRC64.sum($0) } == 0xE9C6_D914_C4B8_D9CA)
    }

    /// Goal: what Redis has dumped is restored. Method: recorded payloads of every form.
    @Test func readsWhatRedisDumps() {
        let client = StoreHarness().connect()
        for (name, payload, command, reply) in dumpRecordings {
            #expect(client.restore("k", .init(hexadecimal: payload)) == "+OK", "\(name)")
            #expect(client.send(command) == reply, "\(name)")
            #expect(client.restore("k", .init(hexadecimal: payload)) == "-BUSYKEY Target key name already exists.")
            client.send("DEL k")
        }
    }

    @Test func streamsKeepTheirGroups() throws {
        let client = StoreHarness().connect()
        let recording = try #require(dumpRecordings.first { $0.name == "stream" })
        #expect(client.restore("k", .init(hexadecimal: recording.payload)) == "+OK")
        #expect(client.send("XPENDING k g") == "*4 :1 $3 1-1 $3 1-1 *1 *2 $1 c $1 1")
        #expect(client.send("XREADGROUP GROUP g d STREAMS k >") == "*1 *2 $1 k *1 *2 $3 3-0 *2 $1 f $1 5")
        let info = client.ask("XINFO", "STREAM", "k")
        guard case .array(let fields) = info else { return #expect(Bool(false), "no array") }
        #expect(fields.contains(.bulkString(Array("2-5".utf8))), "the highest identifier removed")
    }

    /// Goal: DUMP and RESTORE give the same value. Method: a store full of random values of all types, each restored
    /// under another key of a second store; seed replays.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func roundTripKeepsEveryValue(seed: UInt64) {
        let harness = StoreHarness(seed: seed)
        let other = StoreHarness(seed: seed + 1)
        let client = harness.connect()
        let target = other.connect()
        var commands = RandomCommands(seed: seed)
        for _ in 0..<600 {
            let words = commands.next()
            guard !["MOVE", "SWAPDB", "FLUSHALL", "FLUSHDB", "COPY"].contains(words[0]), !words[0].contains("EXPIRE")
            else { continue }
            let reply = client.send(words: words.map { Array($0.utf8) })
            if words[0] == "XADD", let id = reply.split(separator: " ").last {
                commands.note(id: String(id), of: words[1])
            }
        }
        guard case .array(let keys) = client.ask("KEYS", "*") else { return #expect(Bool(false), "no keys") }
        for key in keys.compactMap(\.text) {
            client.send("PERSIST \(key)")
            guard let payload = client.ask("DUMP", key)?.bytes else { continue }
            #expect(target.restore(key, payload) == "+OK", "\(key)")
        }
        #expect(keys.count > 8)
        #expect(differences(harness.store.description(), other.store.description()) == [])
    }

    // MARK: Hostile payloads

    /// Goal: what Redis never writes is refused. Method: a body for each thing that can be wrong.
    @Test func refusesWhatIsNoValue() {
        let client = StoreHarness().connect()
        client.send("SET k kept")
        let huge: [UInt8] = [0x81, 0x7F] + Array(repeating: 0xFF, count: 7)
        func listpack(_ entries: [UInt8], count: UInt8) -> [UInt8] {
            let total = UInt8(entries.count + 7)
            return [total, total, 0, 0, 0, count, 0] + entries + [0xFF]
        }
        let a: [UInt8] = [0x81, 0x61, 2]
        let id = Array(repeating: UInt8(0), count: 15) + [1]
        let bodies: [(String, [UInt8])] = [
            ("nothing", []), ("no such type", [8]), ("module", [7, 0]), ("no length", [0]), ("cut off", [0, 5, 0x61]),
            ("bytes behind the end", [0, 1, 0x61, 0x61]), ("length of 2^63", [0] + huge), ("bad length", [0, 0x82]),
            ("bad string form", [0, 0xC4]), ("string instead of a length", [1, 0xC0, 1]),
            ("compressed to 2^63", [0, 0xC3, 1] + huge + [0]), ("compressed to nothing", [0, 0xC3, 1, 0, 0]),
            ("compressed to 1 GiB", [0, 0xC3, 2, 0x80, 0x40, 0, 0, 0, 0, 0]),
            ("refers to before its beginning", [0, 0xC3, 2, 3, 0x20, 0]),
            ("shorter than it says", [0, 0xC3, 2, 3, 0, 0x61]),
            ("longer than it says", [0, 0xC3, 3, 1, 1, 0x61, 0x61]),
            ("empty list", [1, 0]), ("list of 2^63", [1] + huge), ("list cut off", [1, 2, 1, 0x61]),
            ("empty set", [2, 0]), ("member twice", [2, 2, 1, 0x61, 1, 0x61]), ("empty hash", [4, 0]),
            ("field twice", [4, 2, 1, 0x61, 1, 0x62, 1, 0x61, 1, 0x63]), ("empty sorted set", [5, 0]),
            ("no score", [5, 1, 1, 0x61]), ("score is no number", [5, 1, 1, 0x61, 0, 0, 0, 0, 0, 0, 0xF8, 0x7F]),
            ("score as text is none", [3, 1, 1, 0x61, 253]), ("score as text is a word", [3, 1, 1, 0x61, 1, 0x78]),
            ("integers of three bytes", [11, 8, 3, 0, 0, 0, 0, 0, 0, 0]),
            ("no integers", [11, 8, 2, 0, 0, 0, 0, 0, 0, 0]),
            ("fewer integers", [11, 10, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0]),
            ("2^31 integers", [11, 10, 2, 0, 0, 0, 0, 0, 0, 0x80, 1, 0]),
            ("integers not in order", [11, 12, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0]),
            ("integer twice", [11, 12, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0]),
            ("listpack without bytes", [16, 0]), ("listpack of six bytes", [16, 6, 6, 0, 0, 0, 0, 0]),
            ("empty listpack", [16] + listpack([], count: 0)), ("field alone", [16] + listpack(a, count: 1)),
            ("field twice in a listpack", [16] + listpack(a + a + a + a, count: 4)),
            ("more elements than said", [16] + listpack(a + a, count: 1)),
            ("fewer elements than said", [16] + listpack(a + a, count: 3)),
            ("element leaves its listpack", [16] + listpack([0xBF, 0x61, 2], count: 1)),
            ("element of 4 GiB", [16] + listpack([0xF0, 0xFF, 0xFF, 0xFF, 0xFF], count: 1)),
            ("no such element", [16] + listpack([0xF5, 0, 2], count: 1)),
            ("other size", [16, 10, 11, 0, 0, 0, 1, 0, 0x81, 0x61, 2, 0xFF]),
            ("score is a word", [17] + listpack(a + a, count: 2)),
            ("no such node", [18, 1, 3, 1, 0x61]), ("no nodes", [18, 0]),
            ("empty nodes", [18, 1, 2] + listpack([], count: 0)),
            ("ziplist cut off", [10, 10, 10, 0, 0, 0, 10, 0, 0, 0, 0, 0]),
            ("ziplist entry leaves it", [10, 13, 13, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 5, 0xFF]),
            ("stream without nodes or more", [15, 0]), ("node of no bytes", [15, 1, 0, 0]),
            ("empty node", [15, 1, 16] + id + listpack([], count: 0) + [0, 0, 0, 0]),
            ("length without entries", [15, 0, 1, 0, 0, 0]),
            ("2^63 groups", [15, 0, 0, 0, 0] + huge),
            ("groups in disorder", [15, 0, 0, 0, 0, 2, 1, 0x67, 0, 0, 0, 0, 1, 0x66, 0, 0, 0, 0]),
            ("group twice", [15, 0, 0, 0, 0, 2, 1, 0x67, 0, 0, 0, 0, 1, 0x67, 0, 0, 0, 0]),
            (
                "pending for nobody",
                [15, 0, 0, 0, 0, 1, 1, 0x67, 0, 0, 1] + id + Array(repeating: 0, count: 8) + [1, 0]
            ),
        ]
        for (name, body) in bodies { #expect(client.restore(body: body) == Self.badFormat, "\(name)") }
        #expect(client.send("GET k") == "$4 kept")
    }

    @Test func refusesWrongFooters() {
        let client = StoreHarness().connect()
        var payload: [UInt8] = [0, 1, 0x61]
        DumpFooter.append(to: &payload)
        for length in 0..<payload.count { #expect(client.restore("k", Array(payload[..<length])) == Self.badFooter) }
        for bit in 0..<payload.count * 8 {
            var changed = payload
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(client.restore("k", changed) == Self.badFooter)
        }
        // A later version, with a right sum.
        var later: [UInt8] = [0, 1, 0x61, 13, 0]
        withUnsafeBytes(of: withSlice(later) { CRC64.sum($0) }.littleEndian) { later.append(contentsOf: $0) }
        #expect(client.restore("k", later) == Self.badFooter)
        #expect(client.restore("k", payload) == "+OK")
    }

    /// Goal: no payload stops the daemon or leaves a broken value. Method: recorded payloads, changed at random, with
    /// a right footer; what is accepted is read, changed and dumped again; seed replays.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func changedPayloadsAreSurvived(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let harness = StoreHarness(seed: seed)
        let client = harness.connect()
        var accepted = 0
        for (_, recorded, command, _) in dumpRecordings {
            let body = Array([UInt8](hexadecimal: recorded).dropLast(DumpFooter.bytes))
            for _ in 0..<40 {
                let reply = client.restore(body: Self.changed(body, &random))
                #expect(reply == "+OK" || reply == Self.badFormat)
                guard reply == "+OK" else { continue }
                accepted += 1
                client.send(command)
                for change in [
                    "XADD k * f v", "XREADGROUP GROUP g c STREAMS k >", "XINFO STREAM k FULL", "RPUSH k x",
                    "HSET k f v", "ZADD k 1 m", "SADD k m",
                ] {
                    client.send(change)
                }
                let payload = client.ask("DUMP", "k")?.bytes ?? []
                #expect(client.restore("k", payload, "REPLACE") == "+OK")
                harness.store.checkValues()
            }
        }
        #expect(accepted > 0)
    }

    private static func changed(_ body: [UInt8], _ random: inout RandomSource) -> [UInt8] {
        var body = body
        for _ in 0...random.below(3) {
            guard !body.isEmpty else { break }
            let place = random.below(body.count)
            switch random.below(6) {
            case 0: body[place] = UInt8(random.below(256))
            case 1: body[place] ^= 1 << UInt8(random.below(8))
            case 2: body[place] = [0, 1, 0x7F, 0x80, 0x81, 0xC3, 0xFE, 0xFF][random.below(8)]
            case 3: body.remove(at: place)
            case 4: body.insert(UInt8(random.below(256)), at: place)
            default: body.removeLast(random.below(min(8, body.count)))
            }
        }
        return body
    }

    // MARK: The command

    @Test func expiryIsJournaledAbsolute() throws {
        let harness = StoreHarness(journals: true)
        let client = harness.connect()
        client.send("SET source hello")
        let payload = client.ask("DUMP", "source")?.bytes ?? []
        func restore(_ key: String, _ ttl: String, _ options: String...) -> String {
            let words = [Array("RESTORE".utf8), Array(key.utf8), Array(ttl.utf8), payload]
            return client.send(words: words + options.map { Array($0.utf8) })
        }
        #expect(restore("a", "1000") == "+OK")
        #expect(client.send("PTTL a") == ":1000")
        #expect(restore("a", "0", "REPLACE") == "+OK")
        #expect(client.send("PTTL a") == ":-1")
        #expect(restore("b", "1700000009000", "ABSTTL", "IDLETIME", "100") == "+OK")
        #expect(client.send("OBJECT IDLETIME b") == ":100")
        #expect(restore("c", "9223372036854775807") == "+OK")
        // Expired already: nothing, or the old value's end.
        #expect(restore("d", "1", "ABSTTL") == "+OK")
        #expect(client.send("EXISTS d") == ":0")
        #expect(restore("a", "1", "ABSTTL", "REPLACE") == "+OK")
        #expect(client.send("EXISTS a") == ":0")
        #expect(restore("e", "5000", "FREQ", "7") == "+OK")
        let replayed = try harness.replayed(laterBy: 3_600_000)
        #expect(differences(harness.store.description(), replayed.store.description()) == [])

        #expect(restore("x", "-1") == "-ERR Invalid TTL value, must be >= 0")
        #expect(restore("x", "x") == "-ERR value is not an integer or out of range")
        #expect(restore("x", "0", "IDLETIME", "-1") == "-ERR Invalid IDLETIME value, must be >= 0")
        #expect(restore("x", "0", "FREQ", "256") == "-ERR Invalid FREQ value, must be >= 0 and <= 255")
        #expect(restore("x", "0", "IDLETIME", "1", "FREQ", "1") == "-ERR syntax error")
        #expect(restore("x", "0", "NOSUCH") == "-ERR syntax error")
        #expect(client.send("DUMP none") == "$-1")
    }

    /// Goal: times of fields go and come in Redis 7.4's two forms; hashes without them keep that of 7.0.
    @Test func fieldTimesAreThoseOfRedis() {
        let client = StoreHarness().connect()
        client.send("HSET h a 1")
        guard case .bulkString(let plain)? = client.ask("DUMP", "h") else { return #expect(Bool(false)) }
        #expect(plain[0] == 4 && plain[plain.count - 10] == 10)
        client.send("HPEXPIREAT h 1800000000001 FIELDS 1 a")
        client.send("HSET h b 2 c 3")
        client.send("HPEXPIREAT h 1800000000000 FIELDS 1 c")
        guard case .bulkString(let dumped)? = client.ask("DUMP", "h") else { return #expect(Bool(false)) }
        // The first time; then three fields, each with its time counted from it and one more.
        let first = withUnsafeBytes(of: Int64(1_800_000_000_000).littleEndian) { Array($0) }
        let expected: [UInt8] = [24] + first + [3, 2, 1, 97, 0xC0, 1, 0, 1, 98, 0xC0, 2, 1, 1, 99, 0xC0, 3]
        #expect(Array(dumped.dropLast(10)) == expected)
        #expect(dumped[dumped.count - 10] == 12, "Redis 7.2 refuses it by its version")
        #expect(client.restore("k", dumped) == "+OK")
        #expect(client.send("HPEXPIRETIME k FIELDS 3 a b c") == "*3 :1800000000001 :-1 :1800000000000")
        #expect(client.send("INFO keyspace").contains("subexpiry=2"))

        // Field, value and time in turn: a listpack of "x", 7, 1800000000000, "y", 8, 0.
        let time: [UInt8] = [0xF4] + first + [9]
        let entries: [UInt8] = [0x81, 120, 2, 7, 1] + time + [0x81, 121, 2, 8, 1, 0, 1]
        let pack = [UInt8(6 + entries.count + 1), 0, 0, 0, 6, 0] + entries + [0xFF]
        #expect(client.restore(body: [25] + first + [UInt8(pack.count)] + pack) == "+OK")
        #expect(client.send("HGETALL k") == "*4 $1 x $1 7 $1 y $1 8")
        #expect(client.send("HPEXPIRETIME k FIELDS 2 x y") == "*2 :1800000000000 :-1")
    }

    @Test func refusesFieldTimesThatRedisWouldNotWrite() {
        let client = StoreHarness().connect()
        let first = withUnsafeBytes(of: Int64(1_800_000_000_000).littleEndian) { Array($0) }
        let negative = [UInt8](repeating: 0xFF, count: 8)
        let field: [UInt8] = [1, 97, 0xC0, 1]
        let bodies: [[UInt8]] = [
            // Forms of candidates for 7.4.
            [22, 1, 0] + field, [23, 8, 8, 0, 0, 0, 0, 0, 0xFF],
            // No time, a negative one, one beyond the limit, no fields, fewer than announced, the same twice.
            [24, 1], [24] + negative + [1, 1] + field, [24] + first + [1, 0x81, 0, 0x3F] + negative.prefix(6) + field,
            [24] + first + [0], [24] + first + [2, 1] + field, [24] + first + [2, 1] + field + [1] + field,
            // A time that is no number, and one that is negative.
            [25] + first + [14, 14, 0, 0, 0, 3, 0, 0x81, 120, 2, 7, 1, 0x81, 97, 2, 0xFF].prefix(16),
            [25] + first + [14, 14, 0, 0, 0, 3, 0, 0x81, 120, 2, 7, 1, 0xDF, 0xFF, 2, 0xFF],
        ]
        for body in bodies { #expect(client.restore(body: body) == Self.badFormat, "\(body)") }
    }
}
