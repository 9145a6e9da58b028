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

/// Goal: the same when it is made of blocks, whose borders both ends cross. Method: as above, in steps of thousands.
@Test(arguments: 1...4 as ClosedRange<UInt64>)
func largeEntryRingBehavesAsArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var ring = EntryRing()
    var model: [UInt64] = []
    var next: UInt64 = 1_000
    var removed: [UInt64] = []
    for step in 0..<40 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<4:
            for _ in 0..<Int.random(in: 1...9_000, using: &random) {
                ring.append(makeEntry(next))
                model.append(next)
                next += 1
            }
        case 4..<6:
            for _ in 0..<min(model.count, Int.random(in: 1...9_000, using: &random)) {
                let entry = ring.removeFirst()
                removed.append(entry.sequence)
                entry.release()
            }
            #expect(removed.suffix(model.count - ring.count).elementsEqual(model.prefix(model.count - ring.count)))
            model.removeFirst(model.count - ring.count)
        case 6 where !removed.isEmpty:
            // All of them, from the front: the head moves backwards through several blocks.
            let batch = removed.suffix(Int.random(in: 1...removed.count, using: &random)).sorted()
            removed.removeLast(batch.count)
            if Bool.random(using: &random) {
                for sequence in batch.reversed() { ring.insertOrdered(makeEntry(sequence)) }
            } else {
                ring.mergeOrdered(ArraySlice(batch.map { makeEntry($0) }))
            }
            model = (model + batch).sorted()
        case 7 where !removed.isEmpty:
            // Every second one, into the middle of what will come back later.
            let batch = removed.enumerated().filter { $0.offset % 2 == 0 }.map(\.element).sorted()
            removed = removed.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            ring.mergeOrdered(ArraySlice(batch.map { makeEntry($0) }))
            model = (model + batch).sorted()
        default: break
        }
        #expect(ring.count == model.count)
        guard step % 5 == 4 else { continue }
        ring.checkInvariants()
        #expect((0..<ring.count).allSatisfy { ring[$0].sequence == model[$0] })
    }
    var shown: [UInt64] = []
    for start in stride(from: 0, to: ring.count, by: 1_000) {
        ring.forEach(from: start, limit: 1_000) { shown.append($0.sequence) }
    }
    #expect(shown == model)
    ring.releaseAll()
    #expect(ring.capacity == 0)
}

/// Goal: a walk in slices sees each entry of a level once, in order, while the front goes.
@Test func levelsAreWalkedInSlices() {
    var ready = ReadyEntries()
    for sequence in 1...100 as ClosedRange<UInt64> {
        ready.append(makeEntry(sequence, priority: sequence % 2 == 0 ? 1 : 0))
    }
    let entry = ready.removeFirst()
    ready.putBack(entry)
    var seen: [UInt64] = []
    while ready.forEach(level: 1, from: (seen.last ?? 0) + 1, limit: 7, { seen.append($0.sequence) }) > 0 {
        ready.removeFirst().release()
    }
    #expect(seen == Array(stride(from: 2, through: 100, by: 2)))
    #expect(ready.forEach(level: 5, from: 0, limit: 1) { _ in } == 0)
    for var ring in ready.takeRings() { ring.releaseAll() }
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
