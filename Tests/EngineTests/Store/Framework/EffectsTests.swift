import Testing
import Wire

@testable import Engine

private func payloads(of journal: Journal) -> [[UInt8]] {
    guard let batch = journal.takeBatch() else { return [] }
    defer { journal.written(batch) }
    var found: [[UInt8]] = []
    var position = 0
    while position < batch.count {
        let count = Int(UInt32(littleEndian: batch.bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
        let payload = batch.bytes + position + RecordFormat.headerBytes
        found.append([UInt8](UnsafeRawBufferPointer(start: payload, count: count)))
        position += RecordFormat.headerBytes + count
    }
    return found
}

/// Goal: what is more than a record is cut between effects, and nothing is lost. Method: effects of many sizes and
/// all records that they fit into.
@Test func effectsThatExceedARecordBecomeSeveral() throws {
    let journal = Journal()
    journal.begin(epoch: 1, at: 0)
    _ = payloads(of: journal)
    for recordBytesMax in 61...400 {
        let effects = EffectBuffer()
        effects.isEnabled = true
        var expected: [[UInt8]] = []
        for number in 0..<30 {
            let value = [UInt8](repeating: UInt8(number), count: number * 7 % 40)
            value.withUnsafeBytes { effects.append(database: 3, "SET", ByteSlice("k"), ByteSlice($0)) }
            expected.append(value)
        }
        effects.flush(to: journal, recordBytesMax: recordBytesMax)
        #expect(effects.isEmpty)
        let records = payloads(of: journal)
        #expect(records.count > 2)
        var found: [[UInt8]] = []
        let words = RESPArguments()
        for record in records {
            #expect(record.count <= recordBytesMax)
            try record.withUnsafeBytes {
                var reader = EffectReader(ByteSlice($0))
                while let database = try reader.next(into: words) {
                    #expect(database == 3 && words.count == 3)
                    found.append(words[2].array)
                }
            }
        }
        #expect(found == expected)
    }
}
