// A checkpoint written anew with what can be read of it, without the entries of messages that cannot be read any more
// and with an end that fits.
// Any thread, one at a time. Next: LogRepair.swift (when), SegmentSalvage.swift (how files are written).

import Wire

/// One checkpoint being written anew.
struct CheckpointSalvage {
    private let disk: any LogDisk
    private let file: ExaminedFile
    private let writer: SegmentFileWriter?
    private let keptName: String
    private var records: UInt64 = 0
    private var lostEntries = 0

    /// Writes it, but does not put it in the old one's place yet. `epoch`: the greatest that the log tells.
    init(
        _ disk: any LogDisk, _ file: ExaminedFile, epoch: UInt64, _ lookup: PositionLookup, isDryRun: Bool,
        keptName: String
    ) throws(LogError) {
        self.disk = disk
        self.file = file
        self.keptName = keptName
        do throws(LogDiskError) {
            if isDryRun {
                writer = nil
            } else {
                try SegmentFileWriter.copy(disk, file.name, to: keptName)
                writer = try SegmentFileWriter(
                    disk, file.name, .checkpoint, first: file.first, end: 0, isRepaired: true)
            }
        } catch {
            throw .disk(error)
        }
        do throws(LogError) {
            try fill(epoch, lookup)
        } catch {
            writer?.abandon()
            throw error
        }
    }

    private mutating func fill(_ epoch: UInt64, _ lookup: PositionLookup) throws(LogError) {
        var begin = ByteWriter()
        begin.writeUInt64(file.first)
        begin.writeUInt64(max(epoch, file.epoch))
        try add(RecordType.checkpointBegin.rawValue, begin.bytes)
        if file.isReadable {
            let walk = RecordWalk(try file.open(disk), replayedFrom: 0)
            while let step = try walk.next() {
                guard case .record(let type, let payload, _, _) = step else { continue }
                switch RecordType(rawValue: type) {
                // Both are written anew.
                case .checkpointBegin, .checkpointEnd: break
                case .queueEntries: try addEntries(payload, lookup)
                case .streamEntries: try addStream(payload, lookup)
                default: try add(type, payload)
                }
            }
        }
        var end = ByteWriter()
        end.writeUInt64(records)
        try add(RecordType.checkpointEnd.rawValue, end.bytes)
    }

    private mutating func addEntries(_ payload: ByteSlice, _ lookup: PositionLookup) throws(LogError) {
        let check = try QueueEntriesCheck(payload, before: file.first, lookup)
        guard !check.lost.isEmpty else { return try add(RecordType.queueEntries.rawValue, payload) }
        lostEntries += check.lost.count
        var kept = payload.slice(from: 0, count: QueueEntriesRecord.headBytes).array
        var next = 0
        var offset = QueueEntriesRecord.headBytes
        while offset + QueueEntriesRecord.entryBytes <= payload.count {
            let entry = payload.slice(from: offset, count: QueueEntriesRecord.entryBytes)
            offset += QueueEntriesRecord.entryBytes
            let position = UInt64(littleEndian: entry.base.loadUnaligned(as: UInt64.self))
            if next < check.lost.count, check.lost[next] == position {
                next += 1
            } else {
                kept += entry.array
            }
        }
        if kept.count > QueueEntriesRecord.headBytes { try add(RecordType.queueEntries.rawValue, kept) }
    }

    /// Every message that is left keeps its offset.
    private mutating func addStream(_ payload: ByteSlice, _ lookup: PositionLookup) throws(LogError) {
        let check = try StreamEntriesCheck(payload, before: file.first, lookup)
        guard !check.lost.isEmpty else { return try add(RecordType.streamEntries.rawValue, payload) }
        lostEntries += check.lost.count
        for run in check.kept {
            var writer = ByteWriter()
            writer.writeRaw(StreamEntriesRecord.headBytes + run.bytes.count) { writer in
                run.bytes.withUnsafeBytes {
                    StreamEntriesRecord.write(
                        queueID: check.queueID, firstOffset: run.firstOffset, count: run.count, run: ByteSlice($0),
                        to: &writer)
                }
            }
            try add(RecordType.streamEntries.rawValue, writer.bytes)
        }
    }

    private mutating func add(_ type: UInt8, _ payload: [UInt8]) throws(LogError) {
        var failure: LogError?
        payload.withUnsafeBytes { bytes in
            do throws(LogError) { try add(type, ByteSlice(bytes)) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private mutating func add(_ type: UInt8, _ payload: ByteSlice) throws(LogError) {
        records += 1
        guard let writer else { return }
        writer.add(type, payload, at: 0)
        do throws(LogDiskError) { try writer.writeIfMuch() } catch { throw .disk(error) }
    }

    /// The new file takes the old one's place.
    func finish() throws(LogError) {
        do throws(LogDiskError) { try writer?.finish() } catch { throw .disk(error) }
    }

    var action: String {
        "\(file.name) is written anew with \(records) records; the original is kept as \(keptName)"
    }

    var losses: [String] {
        var losses: [String] = []
        let lost = file.damage.map { "\($0.bytes) bytes at offset \($0.offset)" }
        if let promised = file.promisedRecords, promised > file.recordsBeforeEnd {
            losses.append(
                "\(file.name): \(promised - file.recordsBeforeEnd) of its \(promised) records"
                    + (lost.isEmpty ? "" : ", " + lost.prefix(Limits.shownFindingsMax).joined(separator: ", ")))
        } else if file.promisedRecords == nil {
            losses.append(
                "\(file.name): everything behind its first \(file.bytes) bytes, which is where it has been cut"
                    + (lost.isEmpty ? "" : "; " + lost.prefix(Limits.shownFindingsMax).joined(separator: ", ")))
        } else if !lost.isEmpty {
            losses.append("\(file.name): " + lost.prefix(Limits.shownFindingsMax).joined(separator: ", "))
        }
        if lostEntries > 0 {
            losses.append("\(lostEntries) entries of queues whose messages are not in the segments any more")
        }
        return losses
    }
}
