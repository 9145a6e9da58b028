// Delayed entries behave as a sorted array.

import Testing
import Wire

@testable import Engine

private func entry(due: Int64, sequence: UInt64, bodyBytes: Int) -> QueueEntry {
    let message = Message.make(exchange: .empty, routingKey: .empty, properties: .empty, bodyBytes: bodyBytes)
    return QueueEntry(retaining: message, sequence: sequence, expiry: due, priority: 0, isLogged: false)
}

/// Goal: order, counts and walks are right whatever comes in which order. Method: same random steps on both; seed
/// replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func delayedEntriesBehaveAsSortedArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var entries = DelayedEntries()
    var model: [(due: Int64, sequence: UInt64)] = []
    // Many equal due times, or nearly none.
    let spread: Int64 = seed % 3 == 0 ? 20 : 1_000_000
    for sequence in 0..<4_000 as Range<UInt64> {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<7:
            let due = seed % 4 == 0 ? Int64(sequence) : Int64.random(in: 0..<spread, using: &random)
            entries.insert(entry(due: due, sequence: sequence, bodyBytes: Int(sequence % 50)))
            let index = model.firstIndex { ($0.due, $0.sequence) > (due, sequence) } ?? model.count
            model.insert((due, sequence), at: index)
        case 7 where seed % 2 == 0:
            var budget = Int.random(in: 0..<200, using: &random)
            _ = entries.pageOut { pointer in
                guard budget > 0 else { return false }
                budget -= 1
                pointer.pointee.moveToDisk(1)
                return true
            }
        default:
            guard !model.isEmpty else { continue }
            let first = entries.removeFirst()
            let expected = model.removeFirst()
            #expect(first.expiry == expected.due && first.sequence == expected.sequence)
            first.release()
        }
        #expect(entries.first?.sequence == model.first?.sequence)
        if sequence % 500 == 0 { entries.checkInvariants() }
    }
    entries.checkInvariants()
    #expect(entries.count == model.count)
    // In slices of any size, nothing is missed or seen twice.
    var place = DelayPlace()
    var walked: [UInt64] = []
    while true {
        var left = Int.random(in: 1...300, using: &random)
        let isDone = entries.walk(after: &place) { entry in
            guard left > 0 else { return false }
            left -= 1
            walked.append(entry.sequence)
            return true
        }
        if isDone { break }
    }
    #expect(walked == model.map(\.sequence))
    var ring = entries.takeAll()
    #expect(ring.count == model.count && entries.isEmpty)
    ring.releaseAll()
}
