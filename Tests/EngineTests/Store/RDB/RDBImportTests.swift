import Testing
import Wire

@testable import Engine

nonisolated(unsafe) private var harnessClock: Int64 = 0

private let zipmap: [UInt8] = [2, 1, 0x66, 2, 0, 0x76, 0x31, 1, 0x67, 254, 1, 0, 0, 0, 3, 0x78, 0, 0, 0, 0xFF]

struct RDBImportTests {
    /// Goal: every form of value that Redis has written is read, wherever the window ends. Method: recorded values,
    /// each as a file of its own, read a few bytes at a time.
    @Test(arguments: [1, 2, 5, 16, 64, 1 << 20])
    func readsEveryFormOfValue(readBytes: Int) throws {
        for (name, recorded, command, reply) in dumpRecordings {
            let payload = [UInt8](hexadecimal: recorded)
            let value = Array(payload.dropLast(DumpFooter.bytes).dropFirst())
            let harness = StoreHarness()
            let file = (RDBFile() + RDBFile.key("k", type: payload[0], value)).ended
            let report = try harness.load(file, readBytes: readBytes)
            #expect(report.keys == 1 && report.bytes == file.count, "\(name)")
            #expect(harness.connect().send(command) == reply, "\(name)")
            harness.store.checkValues()
        }
    }

    @Test func readsHashesOfOldVersions() throws {
        let harness = StoreHarness()
        try harness.load((RDBFile(version: "0001") + RDBFile.key("h", type: 9, [20] + zipmap) + [0xFF]).bytes)
        #expect(harness.connect().send("HGETALL h") == "*4 $1 f $2 v1 $1 g $1 x")
        for length in 0..<zipmap.count {
            let file = RDBFile() + RDBFile.key("h", type: 9, [UInt8(length)] + zipmap[..<length])
            #expect(throws: RDBError.self) { try StoreHarness().load(file.ended) }
        }
    }

    @Test func readsWhatIsSaidOfKeysAndDatabases() throws {
        let now: Int64 = 1_700_000_000_000
        var file = RDBFile(version: "0012") + [0xFA] + RDBFile.string("redis-ver") + RDBFile.string("7.4.1")
        file = file + [0xFA] + RDBFile.string("redis-bits") + [0xC0, 64]
        file = file + [0xF5] + RDBFile.string("#!lua name=l\nredis.register_function('f',function() end)")
        file = file + [0xFE, 0, 0xFB, 5, 3] + [0xF4, 1, 2, 3]
        file = file + [0xFC] + RDBFile.littleEndian(now + 5_000) + RDBFile.key("ms", "v")
        file = file + [0xFD] + RDBFile.littleEndian(Int32(now / 1_000 + 9)) + RDBFile.key("s", type: 1, [1, 1, 0x61])
        file = file + [0xF8, 0x40, 200] + RDBFile.key("idle", "v") + [0xF9, 7] + RDBFile.key("frequent", "v")
        file = file + [0xFC] + RDBFile.littleEndian(now) + RDBFile.key("expired", "v")
        file = file + [0xFD] + RDBFile.littleEndian(Int32(-1)) + RDBFile.key("long ago", "v")
        file = file + RDBFile.key("empty", type: 1, [0]) + [0xFE, 15] + RDBFile.key("ms", "other")
        let harness = StoreHarness()
        let report = try harness.load(file.ended)
        #expect(report.version == 12 && report.writtenBy == "7.4.1" && report.functionLibraries == 1)
        #expect(report.keys == 5 && report.expiredKeys == 2 && report.emptyKeys == 1)
        let client = harness.connect()
        #expect(client.send("PTTL ms") == ":5000")
        #expect(client.send("PTTL s") == ":9000")
        #expect(client.send("LRANGE s 0 -1") == "*1 $1 a")
        #expect(client.send("OBJECT IDLETIME idle") == ":200")
        #expect(client.send("DBSIZE") == ":4")
        #expect(client.send("FUNCTION STATS").contains("libraries_count :1"))
        client.send("SELECT 15")
        #expect(client.send("GET ms") == "$5 other")
    }

    @Test func frequenciesCountUnderTheirPolicies() throws {
        let harness = StoreHarness()
        harness.context.configuration.evictionPolicy = .allKeysLFU
        harness.store.evictionConfigured()
        try harness.load((RDBFile() + [0xF9, 77] + RDBFile.key("k", "v") + [0xF8, 9] + RDBFile.key("l", "v")).ended)
        #expect(harness.connect().send("OBJECT FREQ k") == ":77")
    }

    /// Goal: what is wrong is told with its place. Method: a file for each thing that can be.
    @Test func refusesWithPlaceAndReason() {
        let file = RDBFile() + [0xFE, 3]
        let damagedSum = Array((file + RDBFile.key("k", "v")).ended.dropLast()) + [0]
        let cases: [([UInt8], String)] = [
            ([], "no RDB file: it has 0 bytes"),
            (Array("GIFFISH000".utf8), "no RDB file: it does not begin with REDIS"),
            (Array("VALKEY080".utf8), "an RDB file of Valkey 9 or later, which Redis does not read either"),
            (RDBFile(version: "00x1").ended, "offset 5: no version of RDB: \"00x1\""),
            (RDBFile(version: "0013").ended, "offset 5: RDB version 13 is later than those known here, up to 12"),
            (file.bytes, "offset 11: the file ends in the middle of an item"),
            ((file + [0xFC, 1]).bytes, "offset 11: the file ends in the middle of an expiry"),
            ((file + [99]).ended, "offset 11: neither an opcode nor a type of value: 99"),
            ((file + [0, 1]).bytes, "offset 11: the file ends in the middle of a key"),
            (
                (file + RDBFile.key("name", type: 1, [2, 1])).bytes,
                "offset 11: the file ends in the middle of the value of key \"name\", type 1 (list) of database 3"
            ),
            (
                (file + RDBFile.key("name", type: 2, [2, 1, 0x61, 1, 0x61])).ended,
                "offset 11: the value of key \"name\", type 2 (set) of database 3, is damaged (noticed at offset 22)"
            ),
            (
                (file + [7] + RDBFile.string("k") + [0x81, 0xAB, 0xCD, 0, 0, 0, 0, 4, 0]).ended,
                "offset 11: key \"k\" of database 3 is of the module type q80AAAAAB; there are no modules here"
            ),
            (
                (file + [0xF7, 0x81, 0xAB, 0xCD, 0, 0, 0, 0, 4, 0]).ended,
                "offset 11: data of the module type q80AAAAAB; there are no modules here"
            ),
            ((file + [0xF6, 0]).ended, "offset 11: functions as a release candidate of Redis 7.0 wrote them"),
            (
                (file + [0xFE, 16]).ended, "offset 11: database 16, but there are only 16 (resp.databases)"
            ),
            (
                (file + RDBFile.key("k", "v") + RDBFile.key("k", "w")).ended,
                "offset 16: key \"k\" of database 3 stands in the file a second time"
            ),
            (
                (file + RDBFile.key("k", [0xC3, 5, 0x80, 0x20, 0, 0, 1, 0, 0, 0, 0, 0])).ended,
                "offset 11: the value of key \"k\", a string of database 3, has a string of more than 536870912 bytes"
            ),
            (
                (file + [0xF5] + RDBFile.string("no code")).ended,
                "offset 11: a library of functions cannot be loaded: ERR Missing library metadata"
            ),
        ]
        let tail = Array("*1\r\n$8\r\nFLUSHALL\r\n".utf8)
        let preamble = (file + RDBFile.key("k", "v")).ended
        #expect(
            throws: RDBError(
                "offset \(preamble.count): \(tail.count) bytes follow the end; of an append-only file with an RDB preamble "
                    + "only that would be read: have Redis write a dump with SAVE")
        ) { try StoreHarness().load(preamble + tail) }
        for (file, reason) in cases {
            #expect(throws: RDBError(reason)) { try StoreHarness().load(file, readBytes: 1 << 20) }
            #expect(throws: RDBError.self) { try StoreHarness().load(file, readBytes: 3) }
        }
        let error = #expect(throws: RDBError.self) { try StoreHarness().load(damagedSum) }
        #expect(error?.description.hasPrefix("offset 17: the checksum is ") ?? false)
    }

    /// Nobody could stop such a start.
    @Test func librariesThatDoNotEndAreRefused() {
        let code = "#!lua name=l\nwhile true do end"
        let file = (RDBFile() + [0xF5] + RDBFile.string(code)).ended
        let harness = StoreHarness()
        // Each look finds another second gone.
        harness.context.time.stopwatch = {
            harnessClock += 1_000_000
            return harnessClock
        }
        let error = #expect(throws: RDBError.self) { try harness.load(file) }
        #expect(error?.description.hasPrefix("offset 9: a library of functions cannot be loaded: ERR ") ?? false)
    }

    @Test func filesThatCannotBeReadAreTold() {
        let file = (RDBFile() + RDBFile.key("k", "v")).ended
        let source = TestSource(file)
        source.failsAt = 12
        let harness = StoreHarness()
        #expect(throws: RDBError("offset 11: cannot read it: broken")) {
            let load = try RDBImport(source, into: harness.store, readBytes: 2)
            while try !load.advance(keys: 1) {}
        }
    }

    /// Zero stands for "none was computed"; before version 5 there is none.
    @Test func checksumsMayBeMissing() throws {
        let file = RDBFile() + RDBFile.key("k", "v") + [0xFF]
        #expect(try StoreHarness().load(file.bytes + [0, 0, 0, 0, 0, 0, 0, 0]).keys == 1)
        #expect(throws: RDBError.self) { try StoreHarness().load(file.bytes) }
        #expect(try StoreHarness().load((RDBFile(version: "0004") + RDBFile.key("k", "v") + [0xFF]).bytes).keys == 1)
    }

    /// What is announced is believed only as far as the file can hold it.
    @Test func announcedSizesAreNoTrap() throws {
        let huge: [UInt8] = [0x81, 0x7F] + Array(repeating: 0xFF, count: 7)
        let harness = StoreHarness()
        try harness.load((RDBFile() + [0xFB] + huge + huge + RDBFile.key("k", "v")).ended)
        #expect(harness.store.databases[0].table.bucketCount < 64)
    }

    @Test func replacingLeavesNothingOfBefore() throws {
        let harness = StoreHarness()
        try harness.load((RDBFile() + RDBFile.key("old", "v") + [0xFE, 2] + RDBFile.key("old", "v")).ended)
        #expect(!harness.store.holdsNothing)
        try harness.load((RDBFile() + RDBFile.key("new", "v")).ended, replaces: true)
        let client = harness.connect()
        #expect(client.send("KEYS *") == "*1 $3 new")
        #expect(client.send("INFO keyspace").contains("db2") == false)
    }

    /// Goal: nothing expires and nothing is journaled before the import is on disk.
    @Test func nothingHappensBeforeTheEnd() throws {
        let harness = StoreHarness(journals: true)
        harness.takeRecords()
        let soon: Int64 = 1_700_000_000_050
        let file = (RDBFile() + [0xFC] + RDBFile.littleEndian(soon) + RDBFile.key("k", "v")).ended
        let load = try RDBImport(TestSource(file), into: harness.store)
        harness.store.beginImport(replaces: false)
        #expect(try load.advance(keys: 100))
        harness.advance(milliseconds: 1_000)
        harness.takeRecords()
        #expect(harness.store.databases[0].count == 1 && harness.records.isEmpty)
        harness.store.endImport()
        harness.advance(milliseconds: 1_000)
        harness.takeRecords()
        #expect(harness.store.databases[0].count == 0 && harness.records.count == 1)
    }

    /// Goal: no file stops the daemon or leaves a broken value. Method: a file of all recorded values, changed at
    /// random, without a checksum, read in pieces of any size; what is accepted is saved again; seed replays.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func changedFilesAreSurvived(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var accepted = 0
        for _ in 0..<25 {
            var file = RDBFile(version: "0011") + [0xFA] + RDBFile.string("redis-ver") + RDBFile.string("7.2.0")
            for (index, recording) in dumpRecordings.enumerated() where random.below(4) == 0 {
                let payload = [UInt8](hexadecimal: recording.payload)
                if random.below(4) == 0 { file = file + [0xFC] + RDBFile.littleEndian(Int64(1_800_000_000_000)) }
                if random.below(6) == 0 { file = file + [0xFE, UInt8(random.below(16)), 0xFB, 3, 1] }
                let value = Array(payload.dropLast(DumpFooter.bytes).dropFirst())
                file = file + RDBFile.key("k\(index)", type: payload[0], value)
            }
            var bytes = file.bytes + [0xFF] + Array(repeating: 0, count: 8)
            for _ in 0...random.below(3) { Self.change(&bytes, &random) }
            let harness = StoreHarness(seed: seed)
            guard (try? harness.load(bytes, readBytes: 1 + random.below(50))) != nil else { continue }
            accepted += 1
            harness.store.checkValues()
            let other = StoreHarness(seed: seed + 1)
            try other.load(harness.saved().bytes)
            #expect(differences(harness.store.description(), other.store.description()) == [])
        }
        #expect(accepted > 0)
    }

    private static func change(_ bytes: inout [UInt8], _ random: inout RandomSource) {
        let place = random.below(bytes.count)
        switch random.below(6) {
        case 0: bytes[place] = UInt8(random.below(256))
        case 1: bytes[place] ^= 1 << UInt8(random.below(8))
        case 2: bytes[place] = [0, 1, 0x7F, 0x80, 0x81, 0xC3, 0xF5, 0xFC, 0xFE, 0xFF][random.below(10)]
        case 3: bytes.remove(at: place)
        case 4: bytes.insert(UInt8(random.below(256)), at: place)
        default: bytes[place] = bytes[random.below(bytes.count)]
        }
    }
}
