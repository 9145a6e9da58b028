// Offsets, positions and stretches of a stream.

import Testing

@testable import Engine

/// Goal: the index behaves as an array of entries with the first ones removed. Method: random steps on both.
@Test(arguments: 1...40 as ClosedRange<UInt64>)
func streamIndexBehavesAsAnArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var index = StreamIndex()
    var model: [(offset: UInt64, entry: StreamRunEntry)] = []
    var entry = StreamRunEntry(position: 64, bodyBytes: 0, wallMilliseconds: 1_000)
    let entriesMax = Int.random(in: 1...20, using: &random)
    for _ in 0..<1_500 {
        switch Int.random(in: 0..<20, using: &random) {
        case 0:
            let removed = index.removeOldest()
            #expect(removed?.count ?? 0 <= model.count)
            model.removeFirst(removed?.count ?? 0)
        case 1:
            let milliseconds = entry.wallMilliseconds - Int64.random(in: -5...300, using: &random)
            let found = model.first { $0.entry.wallMilliseconds >= milliseconds }?.offset ?? index.nextOffset
            #expect(index.offset(publishedFrom: milliseconds) == found)
        case 2:
            let from = UInt64.random(in: 0...index.nextOffset + 1, using: &random)
            var seen: [UInt64] = []
            index.walk(from: from) { offset, entry in
                seen.append(offset)
                return seen.count < 30
            }
            #expect(seen == model.filter { $0.offset >= from }.prefix(30).map(\.offset))
        default:
            entry.position += UInt64(entry.bodyBytes) + UInt64.random(in: 50...400, using: &random)
            entry.bodyBytes = Int.random(in: 0...100, using: &random)
            entry.wallMilliseconds += Int64.random(in: 0...3, using: &random)
            model.append((index.nextOffset, entry))
            #expect(index.append(entry, entriesMax: entriesMax, bytesMax: 700).offset == model.last?.offset)
        }
        #expect(index.count == model.count)
        #expect(index.firstOffset == model.first?.offset ?? index.nextOffset)
    }
    index.checkInvariants()
    var all: [StreamRunEntry] = []
    index.walk { _, entry in
        all.append(entry)
        return true
    }
    #expect(all == model.map(\.entry))
    while index.removeOldest() != nil {}
    #expect(index.memoryBytes == 0 && index.bodyBytes == 0)
}

/// Goal: ten million messages of a stream need some bytes each, not an entry of a queue.
@Test func longStreamsTakeLittleMemory() {
    var index = StreamIndex()
    for number in 0..<1_000_000 {
        _ = index.append(
            StreamRunEntry(
                position: UInt64(64 + number * 190), bodyBytes: 100,
                wallMilliseconds: 1_700_000_000_000 + Int64(number / 50)),
            entriesMax: Limits.streamStretchEntries, bytesMax: Limits.streamStretchBytes)
    }
    #expect(index.memoryBytes < 2_000_000)
}
