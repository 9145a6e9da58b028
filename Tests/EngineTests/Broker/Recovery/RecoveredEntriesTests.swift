// Entries by position behave as a dictionary whatever order they come and go in.

import Testing

@testable import Engine

/// Method: random steps on both; seed replays.
@Test(arguments: 1...40 as ClosedRange<UInt64>)
func recoveredEntriesBehaveAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var entries = RecoveredEntries()
    var model: [LogPosition: (redelivered: Bool, count: UInt16)] = [:]
    var end: LogPosition = 100
    func entry(_ position: LogPosition) -> RecoveredEntry {
        RecoveredEntry(position: position, wallExpiry: -1, bodyBytes: 1, priority: 0)
    }
    // A checkpoint: runs out of order, some twice.
    for position in (1...100 as ClosedRange<LogPosition>).shuffled(using: &random) where position % 3 != 0 {
        entries.add(entry(position))
        if position % 5 == 0 { entries.add(entry(position)) }
        model[position] = (false, 0)
    }
    var oldest: LogPosition = 1
    func some() -> LogPosition {
        guard Bool.random(using: &random) else { return LogPosition.random(in: 1...end + 1, using: &random) }
        while oldest < end, model[oldest] == nil { oldest += 1 }
        return oldest
    }
    for _ in 0..<20_000 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<4:
            end += LogPosition.random(in: 1...3, using: &random)
            entries.add(entry(end))
            model[end] = (false, 0)
        case 4, 5:
            let position = some()
            entries.settle(position)
            model[position] = nil
        case 6:
            let position = some()
            entries.noteDelivered(position)
            model[position]?.redelivered = true
        default:
            let position = some()
            let count = UInt32.random(in: 0...70_000, using: &random)
            entries.noteReturned(position, count: count)
            if let old = model[position] { model[position] = (true, max(old.count, UInt16(clamping: count))) }
        }
        if Int.random(in: 0..<8_000, using: &random) == 0 {
            let kept = model.keys.filter { _ in Bool.random(using: &random) }
            entries.keepOnly(kept + [end + 100])
            model = model.filter { kept.contains($0.key) }
        }
    }
    #expect(entries.liveCount == model.count)
    var found: [LogPosition] = []
    entries.drain { entry in
        found.append(entry.position)
        #expect(model[entry.position]?.redelivered == entry.isRedelivered)
        #expect(model[entry.position]?.count == entry.deliveryCount)
    }
    #expect(found == model.keys.sorted())
}
