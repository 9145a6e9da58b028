import Testing
import Wire

@testable import Engine

/// Goal: a checkpoint taken beside any commands is the store as it was when it began, so that the log after it leads
/// to the same store. Method: random commands, checkpoints begun at random moments and walked in tiny steps between
/// the commands, some abandoned; each whole one is recovered with the log, then and at the end. Seed replays.
@Test(arguments: 1...60 as ClosedRange<UInt64>)
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
                guard try check(checkpoint, step) else { return }
            }
        } else if mix.chance(12) {
            running = CheckpointFixture(harness)
        }
    }
    #expect(whole > 0)
    if let last { _ = try check(last, 700) }
}
