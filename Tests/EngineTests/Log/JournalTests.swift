import CTaskdShims
import Testing
import Wire

@testable import Engine

/// One record as read back from a batch's bytes.
private struct ReadRecord: Equatable {
    var type: UInt8
    var payload: [UInt8]
    var position: LogPosition
}

/// Reads a batch as recovery does, checking every checksum.
private func records(of batch: LogBatch) -> [ReadRecord] {
    var found: [ReadRecord] = []
    var offset = 0
    while offset < batch.count {
        let length = Int(UInt32(littleEndian: batch.bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        let crc = UInt32(littleEndian: batch.bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
        let covered = UnsafeRawBufferPointer(start: batch.bytes + offset + 8, count: length + 1)
        #expect(taskd_crc32c(0, covered.baseAddress, covered.count) == crc)
        found.append(
            ReadRecord(
                type: covered[0], payload: Array(covered.dropFirst()), position: batch.position + UInt64(offset)))
        offset += RecordFormat.headerBytes + length
    }
    return found
}

/// The check value of CRC-32C for the digits 1 to 9 is known from its definition (RFC 3720, B.4 uses the same
/// polynomial); the byte-wise and the word-wise part must also agree at every split.
@Test func checksumIsCastagnoli() {
    let digits = Array("123456789".utf8)
    #expect(digits.withUnsafeBytes { taskd_crc32c(0, $0.baseAddress, $0.count) } == 0xE306_9283)
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let whole = bytes.withUnsafeBytes { taskd_crc32c(0, $0.baseAddress, $0.count) }
    for split in 0...bytes.count {
        let parts = bytes.withUnsafeBytes { buffer in
            taskd_crc32c(
                taskd_crc32c(0, buffer.baseAddress, split), buffer.baseAddress! + split, buffer.count - split)
        }
        #expect(parts == whole)
    }
}

/// Goal: what is appended is what the log thread gets, at the positions the appends returned, over any number
/// of batches with one in flight. Method: random sizes and takes; seed replays.
@Test(arguments: 1...16 as ClosedRange<UInt64>)
func journalHandsOverWhatWasAppended(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let journal = Journal()
    journal.begin(epoch: 3, at: 1_000)
    var expected: [ReadRecord] = []
    var seen: [ReadRecord] = []
    var inFlight: LogBatch?
    for step in 0..<400 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            if let batch = inFlight {
                #expect(journal.takeBatch().map(\.sequence) == nil, "one batch in flight")
                seen += records(of: batch)
                journal.written(batch)
                journal.durable(upTo: batch.sequence)
                #expect(journal.durableSequence == batch.sequence)
                inFlight = nil
            } else {
                inFlight = journal.takeBatch()
            }
        default:
            let size = [0, 1, 30, 5_000, 80_000].randomElement(using: &random)!
            let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ step) }
            let announced = journal.nextPosition
            let position = journal.append(.settle, payloadBytes: size) { writer in
                payload.withUnsafeBytes { writer.writeSlice(ByteSlice($0)) }
            }
            #expect(position == announced)
            expected.append(ReadRecord(type: RecordType.settle.rawValue, payload: payload, position: position))
        }
    }
    if let batch = inFlight {
        seen += records(of: batch)
        journal.written(batch)
    }
    if let batch = journal.takeBatch() {
        seen += records(of: batch)
        journal.written(batch)
    }
    #expect(seen.filter { $0.type == RecordType.settle.rawValue } == expected)
}

@Test func recordTypesHaveDistinctNumbers() {
    #expect(Set(RecordType.allCases.map(\.rawValue)).count == RecordType.allCases.count)
}
