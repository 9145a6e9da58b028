// The run of bytes that tells where a stream's messages are.

import Testing
import Wire

@testable import Engine

private func encoded(_ entries: [StreamRunEntry]) -> [UInt8] {
    var bytes: [UInt8] = []
    var state = StreamRunState()
    for entry in entries { state.append(entry, to: &bytes) }
    return bytes
}

private func decoded(_ bytes: [UInt8], count: Int) throws -> [StreamRunEntry] {
    try bytes.withUnsafeBytes { bytes in
        var cursor = ByteCursor(ByteSlice(bytes))
        var state = StreamRunState()
        var entries: [StreamRunEntry] = []
        for _ in 0..<count { entries.append(try state.read(&cursor)) }
        #expect(cursor.remaining == 0)
        return entries
    }
}

/// Goal: whatever is written is read. Method: random entries, near to each other and far apart, clocks set back.
@Test(arguments: 1...50 as ClosedRange<UInt64>)
func streamRunsAreReadAsWritten(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    var entry = StreamRunEntry(position: .random(in: 0...1 << 40, using: &random), bodyBytes: 0, wallMilliseconds: 0)
    var entries: [StreamRunEntry] = []
    for _ in 0..<200 {
        if Bool.random(using: &random) { entry.bodyBytes = Int.random(in: 0...5_000, using: &random) }
        if Int.random(in: 0..<3, using: &random) == 0 {
            entry.wallMilliseconds += Int64.random(in: -1_000...100_000, using: &random)
        }
        entry.position += UInt64(entry.bodyBytes + 50)
        if Int.random(in: 0..<4, using: &random) == 0 { entry.position += .random(in: 0...1 << 33, using: &random) }
        entries.append(entry)
    }
    #expect(try decoded(encoded(entries), count: entries.count) == entries)
}

@Test func streamRunsAreReadAtTheEdges() throws {
    let entries = [
        StreamRunEntry(position: .max / 2, bodyBytes: Int(UInt32.max), wallMilliseconds: .max),
        StreamRunEntry(position: .max, bodyBytes: 0, wallMilliseconds: .min),
    ]
    #expect(try decoded(encoded(entries), count: 2) == entries)
}

/// Goal: a long stream of like messages takes two bytes for each at most.
@Test func likeMessagesTakeLittle() {
    let entries = (0..<1_000).map { index in
        StreamRunEntry(
            position: UInt64(64 + index * 150), bodyBytes: 16, wallMilliseconds: 1_700_000_000_000 + Int64(index / 4))
    }
    #expect(encoded(entries).count < 1_400)
}

/// Goal: bytes that are no run are refused. Method: every cut of one, and a varint that never ends.
@Test func brokenStreamRunsAreRefused() {
    let bytes = encoded([StreamRunEntry(position: 1 << 20, bodyBytes: 300, wallMilliseconds: 1 << 40)])
    for count in 0..<bytes.count {
        #expect(throws: (any Error).self) { try decoded(Array(bytes.prefix(count)), count: 1) }
    }
    #expect(throws: (any Error).self) { try decoded([4] + [UInt8](repeating: 0x80, count: 12), count: 1) }
    // More messages than bytes.
    let payload: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0]
    payload.withUnsafeBytes { bytes in
        _ = #expect(throws: (any Error).self) { try StreamEntriesRecord(ByteSlice(bytes)) }
    }
}
