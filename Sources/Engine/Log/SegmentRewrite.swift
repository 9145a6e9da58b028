// A segment of which little is needed any more, written anew with only that: each record behind its position, so
// that it is found as before. The new file takes the old one's name in one step; until then the old one is there.
// Storage thread. Next: SegmentArchive.swift (which segments, and when).

import Wire

/// One segment being rewritten.
final class SegmentRewrite {
    let segment: LogFileInfo
    private(set) var index = SparseIndex()
    private let disk: any LogDisk
    private let source: RecordFile
    /// What stays, ascending.
    private let positions: [LogPosition]
    private var next = 0
    /// Where reading goes on in a sparse source.
    private var offset = SegmentFormat.headerBytes
    private let temporaryName: String
    private var bytes = 0
    private var buffer = ByteWriter()

    init(_ disk: any LogDisk, _ segment: LogFileInfo, positions: [LogPosition]) throws(LogError) {
        self.disk = disk
        self.segment = segment
        self.positions = positions
        source = try RecordFile(disk, segment.name, first: segment.first)
        temporaryName = segment.name + SegmentFormat.temporarySuffix
        do throws(LogDiskError) { try disk.create(temporaryName) } catch { throw .disk(error) }
        buffer.writeRaw(SegmentFormat.headerBytes) { writer in
            withUnsafeTemporaryAllocation(byteCount: SegmentFormat.headerBytes, alignment: 8) { header in
                SegmentFormat.writeHeader(.sparse, first: segment.first, end: segment.end, to: header.baseAddress!)
                writer.writeSlice(ByteSlice(UnsafeRawBufferPointer(header)))
            }
        }
    }

    /// Copies about `bytes`; true when all is copied.
    func step(bytes budget: Int) throws(LogError) -> Bool {
        while next < positions.count, buffer.count < budget { try copy(positions[next]) }
        try write()
        return next == positions.count
    }

    private func copy(_ position: LogPosition) throws(LogError) {
        if source.kind == .dense { offset = source.offset(of: position) }
        while true {
            guard offset < source.bytes else { throw lost("is not there") }
            guard case .record(let number, let payload, let found, let after) = try source.record(at: offset) else {
                throw lost("cannot be read")
            }
            offset = after
            if found != position {
                // A sparse source has others in between; a dense one has the record just there.
                guard source.kind == .sparse, found < position else { throw lost("is not there") }
                continue
            }
            guard let type = RecordType(rawValue: number) else { throw lost("has an unknown type") }
            index.note(position, at: bytes + buffer.count)
            buffer.writeRaw(8 + RecordFormat.headerBytes + payload.count) { writer in
                writer.writeLittle(position)
                writer.writeRecord(type, payload)
            }
            next += 1
            return
        }
    }

    private func lost(_ what: String) -> LogError {
        .damaged(segment: source.name, offset: offset, reason: "a live message \(what)")
    }

    private func write() throws(LogError) {
        guard buffer.count > 0 else { return }
        var failed: LogDiskError?
        let count = buffer.count
        buffer.withSlice { slice in
            do throws(LogDiskError) {
                try disk.write(
                    temporaryName, at: bytes, UnsafeRawBufferPointer(start: slice.base, count: slice.count))
            } catch {
                failed = error
            }
        }
        if let failed { throw .disk(failed) }
        bytes += count
        buffer = ByteWriter()
    }

    /// The new file takes the old one's place.
    func finish() throws(LogError) -> LogFileInfo {
        do throws(LogDiskError) {
            try disk.sync(temporaryName)
            try disk.rename(temporaryName, to: segment.name)
        } catch {
            throw .disk(error)
        }
        // The name is the new file's from here on, so this must not fail any more. If the folder cannot be synced, a
        // power cut may bring the old file back, which does as well: everything live is in both.
        try? disk.syncFolder()
        return LogFileInfo(
            name: segment.name, first: segment.first, end: segment.end, isSparse: true, bytes: bytes)
    }

    /// It will not be finished.
    func abandon() { try? disk.remove(temporaryName) }
}

/// Where records stand in a sparse segment: every few of them, the rest is found from there.
struct SparseIndex {
    private var positions: [LogPosition] = []
    private var offsets: [Int] = []
    private var count = 0

    init() {}

    /// From the file itself.
    init(reading file: RecordFile) throws(LogError) {
        var offset = SegmentFormat.headerBytes
        while offset < file.bytes {
            guard case .record(_, _, let position, let next) = try file.record(at: offset) else {
                throw .damaged(segment: file.name, offset: offset, reason: "wrong record")
            }
            note(position, at: offset)
            offset = next
        }
    }

    mutating func note(_ position: LogPosition, at offset: Int) {
        if count % Limits.logSparseIndexRecords == 0 {
            positions.append(position)
            offsets.append(offset)
        }
        count += 1
    }

    /// Offset of the record at `position`.
    func offset(of position: LogPosition, in file: RecordFile) throws(LogError) -> Int {
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] <= position { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { throw .missing(position: position, next: file.name) }
        var offset = offsets[low - 1]
        while offset < file.bytes {
            guard case .record(_, _, let found, let next) = try file.record(at: offset, readAhead: 65_536) else {
                break
            }
            if found == position { return offset }
            guard found < position else { break }
            offset = next
        }
        throw .missing(position: position, next: file.name)
    }
}

extension RawWriter {
    /// A whole record with this payload.
    fileprivate mutating func writeRecord(_ type: RecordType, _ payload: ByteSlice) {
        withUnsafeTemporaryAllocation(byteCount: RecordFormat.headerBytes + payload.count, alignment: 8) { record in
            RecordFormat.write(type, payloadBytes: payload.count, to: record.baseAddress!) { $0.writeSlice(payload) }
            writeSlice(ByteSlice(UnsafeRawBufferPointer(record)))
        }
    }
}
