import Testing
import Wire

@testable import Engine

/// Goal: a checkpoint taken beside any commands is the store as it was when it began, so that the log after it leads
/// to the same store. Method: random commands, checkpoints begun at random moments and walked in tiny steps between
/// the commands, some abandoned; each whole one is compared with the store at its beginning, since many effects hide
/// a picture that is a little too new, and recovered with the log, then and at the end. Seed replays.
@Test(arguments: 1...30 as ClosedRange<UInt64>)
func checkpointAndLogGiveTheSameStore(seed: UInt64) throws {
    var mix = StoreCommandMix(seed: seed)
    let harness = StoreHarness(seed: seed, journals: true)
    let client = harness.connect()
    var running: CheckpointFixture?
    var last: CheckpointFixture?
    var whole = 0

    func check(_ checkpoint: CheckpointFixture, _ step: Int) throws -> Bool {
        let found = try checkpoint.recovered()
        let different = differences(harness.store.description(), found.store.description())
        #expect(different.isEmpty, "step \(step), left the live store")
        for keyspace in harness.store.databases { keyspace.table.checkInvariants() }
        return different.isEmpty
    }

    for step in 0..<700 {
        for words in mix.next() { client.send(words: words.map { Array($0.utf8) }) }
        harness.advance(milliseconds: Int64(mix.random.below(mix.chance(20) ? 3_000 : 20)))
        if let checkpoint = running {
            if mix.chance(150) {
                harness.store.endCheckpoint()
                running = nil
            } else if mix.chance(2), checkpoint.advance(visits: 1 + mix.random.below(4)) {
                whole += 1
                running = nil
                last = checkpoint
                let flaws = try checkpoint.flaws()
                #expect(flaws.isEmpty, "step \(step), left the store when it began")
                guard flaws.isEmpty else { return }
                guard try check(checkpoint, step) else { return }
            }
        } else if mix.chance(12) {
            running = CheckpointFixture(harness)
        }
    }
    #expect(whole > 1)
    if let last { _ = try check(last, 700) }
}

/// A store with keys of all kinds, some with an expiry that has passed but nobody has noticed.
private func filled(_ harness: StoreHarness, keys: Int = 2_000) -> StoreTestClient {
    let client = harness.connect()
    for number in 0..<keys { client.send("SET key\(number) \(number % 3 == 0 ? "text" : "")\(number)") }
    client.send("PSETEX gone 1 x")
    client.send("RPUSH list " + (0..<2_500).map { "e\($0)" }.joined(separator: " "))
    client.send("HSET hash " + (0..<1_500).map { "f\($0) v\($0)" }.joined(separator: " "))
    client.send("SADD set " + (0..<1_500).map { "m\($0)" }.joined(separator: " "))
    client.send("ZADD zset " + (0..<1_500).map { "0.\($0) m\($0)" }.joined(separator: " "))
    client.send("EXPIRE list 1000")
    client.send(words: ["SET", "long", String(repeating: "l", count: 100_000)].map { Array($0.utf8) })
    client.send("XGROUP CREATE empty g $ MKSTREAM")
    client.send("XGROUP DESTROY empty g")
    for number in 1...1_200 { client.send("XADD stream \(number)-1 f \(number)") }
    client.send("XGROUP CREATE stream g 0 ENTRIESREAD 3")
    client.send("XGROUP CREATECONSUMER stream g idle")
    client.send("XREADGROUP GROUP g busy COUNT 1100 STREAMS stream >")
    // Pending, but gone from the stream; the highest identifier, too.
    client.send("XDEL stream 7-1 1200-1")
    return client
}

@Test func aCheckpointHasEverythingInBoundedRecords() throws {
    let harness = StoreHarness(journals: true)
    _ = filled(harness)
    harness.context.time.advance(monotonicMicroseconds: 9_000_000, wallMicroseconds: 1_700_000_009_000_000)
    let checkpoint = CheckpointFixture(harness)
    #expect(checkpoint.picture["0 gone"] != nil)
    var slices = 0
    while !checkpoint.advance(visits: 10, bytes: 5_000) { slices += 1 }
    #expect(slices > 30)
    #expect(try checkpoint.flaws() == [])
    #expect(checkpoint.recordTypes.first == .storeJournaling)
    #expect(checkpoint.largestRecord < 2 * Limits.checkpointRecordBytes)
}

/// Goal: a large value that is half written is finished before it changes.
@Test(arguments: [
    "LPOP list", "DEL hash", "SREM set m7", "RENAME zset other", "XADD stream * a b", "FLUSHALL", "SWAPDB 0 1",
])
func aChangeFinishesAValueThatIsHalfWritten(change: String) throws {
    let harness = StoreHarness(journals: true)
    let client = filled(harness, keys: 10)
    for visits in 1...40 {
        let checkpoint = CheckpointFixture(harness)
        checkpoint.advance(visits: visits)
        client.send(change)
        harness.turn()
        checkpoint.finish()
        let flaws = try checkpoint.flaws()
        #expect(flaws == [])
        let other = try checkpoint.recovered()
        withExtendedLifetime(other) {
            #expect(differences(harness.store.description(), other.store.description()) == [])
        }
    }
}

@Test func checkpointsFollowOneAnotherAndAbandonedOnes() throws {
    let harness = StoreHarness(journals: true)
    let client = filled(harness)
    for round in 0..<40 {
        let checkpoint = CheckpointFixture(harness)
        checkpoint.advance(visits: 300)
        client.send("SET key\(round) changed\(round)")
        client.send("DEL key\(round + 100)")
        // More in a row than there are generations.
        if round % 13 != 12 {
            harness.store.endCheckpoint()
            continue
        }
        checkpoint.finish()
        #expect(try checkpoint.flaws() == [])
    }
}

@Test func aCheckpointIsWalkedWhileTheTableIsResized() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    var number = 0
    let table = harness.store.databases[0].table
    while !(table.isResizing && number > 3_000) {
        client.send("SET key\(number) \(number)")
        number += 1
    }
    let checkpoint = CheckpointFixture(harness)
    while !checkpoint.advance(visits: 40) {
        for _ in 0..<20 {
            client.send("SET key\(number) new")
            client.send("DEL key\(number / 3)")
            number += 1
        }
    }
    #expect(try checkpoint.flaws() == [])
    table.checkInvariants()
}

/// Goal: effects that only replay knows are out of clients' reach.
@Test func noClientCanNameWhatRestoresStreams() {
    let store = TestStore()
    #expect(store.reply("%STREAM", "a", "1-1", "0", "0-0").hasPrefix("-ERR unknown command"))
    let script = store.reply("EVAL", "return redis.call('%STREAM', 'a', '1-1', '0', '0-0')", "0")
    #expect(script.hasPrefix("-ERR Unknown Redis command"))
    #expect(store.reply("EXISTS", "a") == ":0\r\n")
}

@Test func replayCountsNothing() throws {
    let harness = StoreHarness(journals: true)
    _ = filled(harness)
    let checkpoint = CheckpointFixture(harness)
    checkpoint.finish()
    let other = try checkpoint.recovered()
    withExtendedLifetime(other) {
        #expect(other.store.statistics.commandsProcessed == 0)
        #expect(ByteString("rpush").withSlice { other.store.table.find($0)?.calls } == 0)
        #expect(other.store.unsavedChanges == 0)
    }
}
