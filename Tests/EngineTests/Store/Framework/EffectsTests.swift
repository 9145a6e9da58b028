import Testing
import Wire

@testable import Engine

private struct Record {
    let type: RecordType
    let position: LogPosition
    let payload: [UInt8]
}

private func records(of journal: Journal) throws -> [Record] {
    guard let batch = journal.takeBatch() else { return [] }
    defer { journal.written(batch) }
    var found: [Record] = []
    var position = 0
    while position < batch.count {
        let count = Int(UInt32(littleEndian: batch.bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
        let type = try #require(RecordType(rawValue: batch.bytes.load(fromByteOffset: position + 8, as: UInt8.self)))
        let payload = batch.bytes + position + RecordFormat.headerBytes
        found.append(
            Record(
                type: type, position: batch.position + LogPosition(position),
                payload: [UInt8](UnsafeRawBufferPointer(start: payload, count: count))))
        position += RecordFormat.headerBytes + count
    }
    return found
}

/// How many keys an engine has after reading this.
private func keys(after records: some Sequence<Record>) throws -> Int {
    let engine = Engine(configuration: EngineConfiguration())
    for record in records {
        try record.payload.withUnsafeBytes {
            try engine.replay(type: record.type, payload: ByteSlice($0), position: record.position)
        }
    }
    engine.finishRecovery()
    return engine.store.databases.reduce(0) { $0 + $1.count }
}

private func setKeys(_ numbers: Range<Int>, _ journal: Journal, recordBytesMax: Int) {
    let effects = EffectBuffer()
    effects.isEnabled = true
    for number in numbers {
        let value = [UInt8](repeating: UInt8(number), count: number * 7 % 40)
        [UInt8(number)].withUnsafeBytes { key in
            value.withUnsafeBytes { effects.append(database: 3, "SET", ByteSlice(key), ByteSlice($0)) }
        }
    }
    effects.flush(to: journal, recordBytesMax: recordBytesMax)
    #expect(effects.isEmpty)
}

/// Goal: what is more than a record is whole after a start, or not there at all, wherever the log ends. Method: all
/// sizes of records, and all ends.
@Test(arguments: [1, 2, 7, 40, 61, 200, 1_000, 5_000])
func effectsThatExceedARecordStayOneUnit(recordBytesMax: Int) throws {
    let journal = Journal()
    journal.begin(epoch: 1, at: 0)
    _ = try records(of: journal)
    setKeys(0..<30, journal, recordBytesMax: recordBytesMax)
    let unit = try records(of: journal)
    #expect(unit.allSatisfy { $0.payload.count <= recordBytesMax })
    #expect(recordBytesMax == 5_000 ? unit.count == 1 : unit.count > 1)
    #expect(try keys(after: unit) == 30)
    let step = max(1, unit.count / 20)
    for end in stride(from: 0, to: unit.count, by: step) {
        #expect(try keys(after: unit.prefix(end)) == 0)
    }
    guard unit.count > 1 else { return }
    // The rest of an interrupted write counts for nothing with what another leader has written there.
    let other = Journal()
    other.begin(epoch: 2, at: unit[unit.count / 2].position)
    _ = try records(of: other)
    setKeys(30..<35, other, recordBytesMax: 20)
    setKeys(35..<37, other, recordBytesMax: 5_000)
    let later = try records(of: other)
    #expect(try keys(after: Array(unit.prefix(unit.count / 2)) + later) == 7)
    #expect(throws: ReplayError.self) { try keys(after: unit.suffix(1)) }
}
