import Testing
import Wire

@testable import Engine

private func makeEntry(_ sequence: UInt64, priority: UInt8 = 0) -> QueueEntry {
    let message = Message.make(exchange: .empty, routingKey: .empty, properties: .empty, bodyBytes: 0)
    return QueueEntry(
        retaining: message, sequence: sequence, expiry: QueueEntry.never, priority: priority, isLogged: false)
}

/// Goal: entries are of fixed size and small. A longer one costs memory for every message of a backlog.
@Test func queueEntryIsSmall() { #expect(MemoryLayout<QueueEntry>.stride <= 48) }

/// Goal: the ring behaves as a sorted array at every wrap. Method: same random steps on both; seed replays.
@Test(arguments: 1...32 as ClosedRange<UInt64>)
func entryRingBehavesAsArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var ring = EntryRing()
    var model: [UInt64] = []
    var next: UInt64 = 1_000
    var removed: [UInt64] = []
    for _ in 0..<1_500 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
            ring.append(makeEntry(next))
            model.append(next)
            next += 1
        case 4..<7 where !model.isEmpty:
            let entry = ring.removeFirst()
            #expect(entry.sequence == model.removeFirst())
            removed.append(entry.sequence)
            entry.release()
        case 7 where !removed.isEmpty:
            let sequence = removed.remove(at: Int.random(in: 0..<removed.count, using: &random))
            ring.insertOrdered(makeEntry(sequence))
            model.append(sequence)
            model.sort()
        case 8 where !removed.isEmpty:
            removed.shuffle(using: &random)
            let batch = removed.prefix(Int.random(in: 1...removed.count, using: &random)).sorted()
            removed.removeFirst(batch.count)
            ring.mergeOrdered(ArraySlice(batch.map { makeEntry($0) }))
            model.append(contentsOf: batch)
            model.sort()
        default: break
        }
        #expect(ring.count == model.count)
    }
    ring.checkInvariants()
    for index in 0..<ring.count { #expect(ring[index].sequence == model[index]) }
    ring.releaseAll()
}

/// Goal: what comes back stands before what was never handed out, level by level.
@Test func readyEntriesKeepOrderAndPriority() {
    var ready = ReadyEntries()
    for sequence in 1...6 as ClosedRange<UInt64> {
        ready.append(makeEntry(sequence, priority: sequence % 2 == 0 ? 3 : 0))
    }
    let taken = (0..<4).map { _ in ready.removeFirst() }
    #expect(taken.map(\.sequence) == [2, 4, 6, 1])
    ready.putBack(taken[3])
    ready.putBack(taken[1])
    ready.putBack(taken[0])
    ready.checkInvariants()
    #expect((0..<ready.count).map { ready[$0].sequence } == [2, 4, 1, 3, 5])
    taken[2].release()
    for var ring in ready.takeRings() { ring.releaseAll() }
    #expect(ready.isEmpty)
}
