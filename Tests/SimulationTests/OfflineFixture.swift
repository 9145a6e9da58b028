// A log made by hand for the offline tools, with every record known, and ways to damage its files.

import Simulation
import Testing
import Wire

@testable import Engine

/// A record as it was appended.
struct WrittenRecord: Equatable {
    let type: RecordType
    let position: LogPosition
    let payload: [UInt8]
}

/// A disk with a log of several segments.
final class OfflineFixture {
    let disk: SimulatedDisk
    private(set) var records: [WrittenRecord] = []
    private var random: RandomSource
    static let segmentBytes = 4_000

    init(seed: UInt64 = 1) {
        disk = SimulatedDisk(seed: seed)
        random = RandomSource(seed: seed)
    }

    /// Appends `batches` batches of effects, messages and groups as a new leader, all durable. `isKilled`: what was
    /// prepared for more stays at the end.
    /// `imported`: they begin with the record of an import into the checkpoint of this position.
    func append(batches: Int, isKilled: Bool = false, imported: LogPosition? = nil) throws {
        let log = SegmentedLog(disk: disk, segmentBytesMax: Self.segmentBytes, preparedBytes: 1_000)
        try log.recover { _ in
        } visit: { _, _, _ in
        }
        let claim = try log.claim()
        let journal = Journal()
        journal.begin(epoch: claim.epoch, at: claim.position)
        if let imported {
            let payload = withUnsafeBytes(of: imported.bigEndian) { Array($0) }
            append(.storeImported, payload, to: journal)
        }
        for _ in 0..<batches {
            for _ in 0..<Int.random(in: 1...3, using: &random) { append(to: journal) }
            let batch = try #require(journal.takeBatch())
            try #require(log.append(batch, sync: true) == .durable)
            journal.written(batch)
            journal.durable(upTo: batch.sequence)
        }
        if let mark = journal.takeLastMark() { _ = log.append(mark, sync: true) }
        if !isKilled { #expect(log.finish() == .durable) }
    }

    private func append(to journal: Journal) {
        let (type, payload) = makeRecord()
        append(type, payload, to: journal)
    }

    private func append(_ type: RecordType, _ payload: [UInt8], to journal: Journal) {
        let position = journal.append(type, payloadBytes: payload.count) {
            $0.writeBytes(payload, count: payload.count)
        }
        records.append(WrittenRecord(type: type, position: position, payload: payload))
    }

    private func makeRecord() -> (RecordType, [UInt8]) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: return (.storeEffects, Self.effects(["SET", "key\(records.count)", text(200)]))
        case 2:
            let inner = RecordBuffer()
            for payload in [Self.publish(queue: 7, body: text(60)), Self.publish(queue: 8, body: text(60))] {
                inner.append(.publish, payloadBytes: payload.count) { $0.writeBytes(payload, count: payload.count) }
            }
            return (.brokerGroup, inner.slice.array)
        default: return (.publish, Self.publish(queue: 7, body: text(400)))
        }
    }

    private func text(_ bytesMax: Int) -> String {
        String(
            decoding: (0..<Int.random(in: 1...bytesMax, using: &random)).map { _ in
                UInt8.random(in: 0x20...0x7E, using: &random)
            }, as: UTF8.self)
    }

    static func effects(_ words: [String]) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeUInt16(0)
        writer.writeUInt32(UInt32(words.count).byteSwapped)
        for word in words {
            writer.writeUInt32(UInt32(word.utf8.count).byteSwapped)
            writer.writeBytes(Array(word.utf8))
        }
        return writer.bytes
    }

    static func publish(queue: UInt32, body: String) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeUInt64(UInt64(1_700_000_000_000).byteSwapped)
        writer.writeUInt32(UInt32(1).byteSwapped)
        writer.writeUInt32(queue.byteSwapped)
        writer.writeUInt64(UInt64.max)
        writer.writeUInt8(0)
        // Exchange "" and key "work", no properties.
        writer.writeUInt32(UInt32(6).byteSwapped)
        writer.writeUInt32(UInt32(1).byteSwapped)
        writer.writeUInt32(UInt32(2).byteSwapped)
        writer.writeShortString([])
        writer.writeShortString(Array("work".utf8))
        writer.writeUInt16(0)
        writer.writeBytes(Array(body.utf8))
        return writer.bytes
    }

    static func entries(queue: UInt32, _ positions: [LogPosition]) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeUInt32(queue.byteSwapped)
        for position in positions {
            writer.writeUInt64(position.byteSwapped)
            writer.writeUInt64(UInt64.max)
            writer.writeUInt64(0)
        }
        return writer.bytes
    }

    /// One stretch of a stream.
    static func stream(queue: UInt32, firstOffset: UInt64, _ positions: [LogPosition]) -> [UInt8] {
        var run: [UInt8] = []
        var state = StreamRunState()
        for position in positions { state.append(StreamRunEntry(position: position, bodyBytes: 3), to: &run) }
        var writer = ByteWriter()
        writer.writeRaw(StreamEntriesRecord.headBytes + run.count) { writer in
            run.withUnsafeBytes {
                StreamEntriesRecord.write(
                    queueID: queue, firstOffset: firstOffset, count: positions.count, run: ByteSlice($0), to: &writer)
            }
        }
        return writer.bytes
    }

    /// A checkpoint with these records between its begin and its end.
    func writeCheckpoint(at position: LogPosition, _ inner: [(RecordType, [UInt8])]) throws {
        var begin = ByteWriter()
        begin.writeUInt64(position)
        begin.writeUInt64(1)
        var end = ByteWriter()
        end.writeUInt64(UInt64(inner.count + 1))
        let buffer = RecordBuffer()
        for (type, payload) in [(.checkpointBegin, begin.bytes)] + inner + [(.checkpointEnd, end.bytes)] {
            buffer.append(type, payloadBytes: payload.count) { $0.writeBytes(payload, count: payload.count) }
        }
        let writer = try CheckpointWriter(disk, position: position)
        try writer.write(buffer.slice.buffer)
        _ = try writer.finish()
    }

    // MARK: Damage

    var segmentNames: [String] { ((try? disk.list()) ?? []).filter { SegmentFormat.position(ofName: $0) != nil } }
    var checkpointNames: [String] { ((try? disk.list()) ?? []).filter { $0.hasSuffix(".ckpt") } }

    func replace(_ name: String, _ bytes: [UInt8]) throws {
        try disk.create(name)
        try bytes.withUnsafeBytes { try disk.write(name, at: 0, $0) }
        try disk.sync(name)
        try disk.syncFolder()
    }

    func change(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = disk.bytes(of: name)
        body(&bytes)
        try replace(name, bytes)
    }

    func remove(_ name: String) throws {
        try disk.remove(name)
        try disk.syncFolder()
    }

    /// The file a position is in, and where.
    func place(of position: LogPosition) -> (name: String, offset: Int)? {
        for name in segmentNames.reversed() {
            guard let first = SegmentFormat.position(ofName: name), first <= position else { continue }
            return (name, Int(position - first) + SegmentFormat.headerBytes)
        }
        return nil
    }

    // MARK: Reading

    /// Everything a start applies, groups taken apart.
    func recovered() throws(LogError) -> [WrittenRecord] {
        var found: [WrittenRecord] = []
        try SegmentedLog(disk: disk, segmentBytesMax: Self.segmentBytes).recover { _ in
        } visit: { type, payload, position in
            found += Self.flat(WrittenRecord(type: type, position: position, payload: payload.array))
        }
        return found
    }

    static func flat(_ record: WrittenRecord) -> [WrittenRecord] {
        guard record.type == .brokerGroup else { return [record] }
        var inner: [WrittenRecord] = []
        record.payload.withUnsafeBytes { bytes in
            GroupRecords.forEach(record.type.rawValue, ByteSlice(bytes), record.position) {
                inner.append(WrittenRecord(type: RecordType(rawValue: $0)!, position: $2, payload: $1.array))
            }
        }
        return inner
    }

    var files: [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: ((try? disk.list()) ?? []).map { ($0, disk.bytes(of: $0)) })
    }
}
