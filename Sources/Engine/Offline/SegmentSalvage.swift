// A damaged segment, written anew with what can be read of it, and how a repair writes files: under a temporary
// name, synced, with the original copied beside it first.
// A group's records are written one by one: the file comes into being as a whole, so they still hold together, and
// each message in it is found by its own position.
// Any thread, one at a time. Next: RecordWalk.swift (what can be read), LogRepair.swift (which segments).

import Wire

/// One segment being written anew.
struct SegmentSalvage {
    private let disk: any LogDisk
    private let segment: ExaminedFile
    private let end: LogPosition
    private let replayedFrom: LogPosition
    private let isComplete: Bool

    /// `end`: the position after the last that the new file stands for. `isComplete`: a start reads it as the log.
    init(
        _ disk: any LogDisk, _ segment: ExaminedFile, end: LogPosition, replayedFrom: LogPosition, isComplete: Bool
    ) {
        self.disk = disk
        self.segment = segment
        self.end = end
        self.replayedFrom = replayedFrom
        self.isComplete = isComplete
    }

    /// Returns how many records the new file has, groups counted as one.
    func run(keepingOriginalAs kept: String) throws(LogError) -> Int {
        do throws(LogDiskError) {
            try SegmentFileWriter.copy(disk, segment.name, to: kept)
        } catch {
            throw .disk(error)
        }
        let writer: SegmentFileWriter
        do throws(LogDiskError) {
            writer = try SegmentFileWriter(
                disk, segment.name, .sparse, first: segment.first, end: end, isRepaired: isComplete)
        } catch {
            throw .disk(error)
        }
        do throws(LogError) {
            let count = try write(to: writer)
            do throws(LogDiskError) { try writer.finish() } catch { throw .disk(error) }
            return count
        } catch {
            writer.abandon()
            throw error
        }
    }

    private func write(to writer: SegmentFileWriter) throws(LogError) -> Int {
        let walk = RecordWalk(try segment.open(disk), replayedFrom: replayedFrom)
        var count = 0
        while let step = try walk.next() {
            guard case .record(let type, let payload, let position, let offset) = step else { continue }
            if let torn = segment.tornOffset, offset >= torn { break }
            guard position < end else { break }
            count += 1
            GroupRecords.forEach(type, payload, position) { writer.add($0, $1, at: $2) }
            do throws(LogDiskError) { try writer.writeIfMuch() } catch { throw .disk(error) }
        }
        return count
    }
}

/// A file of the log being written by a repair.
final class SegmentFileWriter {
    private let disk: any LogDisk
    private let name: String
    private let kind: LogFileKind
    private var temporaryName: String { name + SegmentFormat.temporarySuffix }
    private var buffer = ByteWriter()
    private var bytes = 0
    private(set) var records: UInt64 = 0

    private static let writeBytes = 1_048_576

    init(
        _ disk: any LogDisk, _ name: String, _ kind: LogFileKind, first: LogPosition, end: LogPosition,
        isRepaired: Bool
    ) throws(LogDiskError) {
        self.disk = disk
        self.name = name
        self.kind = kind
        try disk.create(temporaryName)
        buffer.writeRaw(SegmentFormat.headerBytes) { writer in
            withUnsafeTemporaryAllocation(byteCount: SegmentFormat.headerBytes, alignment: 8) { header in
                SegmentFormat.writeHeader(
                    kind, first: first, end: end, isRepaired: isRepaired, to: header.baseAddress!)
                writer.writeSlice(ByteSlice(UnsafeRawBufferPointer(header)))
            }
        }
    }

    /// Adds a record; `position` stands before it in a sparse segment.
    func add(_ type: UInt8, _ payload: ByteSlice, at position: LogPosition) {
        records += 1
        buffer.writeRaw(kind.recordPrefixBytes + RecordFormat.headerBytes + payload.count) { writer in
            if kind == .sparse { writer.writeLittle(position) }
            writer.writeRecord(type, payload)
        }
    }

    func writeIfMuch() throws(LogDiskError) {
        if buffer.count >= Self.writeBytes { try write() }
    }

    private func write() throws(LogDiskError) {
        guard buffer.count > 0 else { return }
        let taken = buffer
        buffer = ByteWriter()
        var failure: LogDiskError?
        taken.withSlice { slice in
            do throws(LogDiskError) {
                try disk.write(temporaryName, at: bytes, slice.buffer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        bytes += taken.count
    }

    /// The file gets its name, in place of one that had it. It is durable then.
    func finish() throws(LogDiskError) {
        try write()
        try disk.sync(temporaryName)
        try disk.rename(temporaryName, to: name)
        try disk.syncFolder()
        disk.close(name)
    }

    /// It will not be finished.
    func abandon() { try? disk.remove(temporaryName) }

    /// A second file with the same bytes, durable when this returns.
    static func copy(_ disk: any LogDisk, _ name: String, to copy: String) throws(LogDiskError) {
        let temporary = copy + SegmentFormat.temporarySuffix
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: writeBytes, alignment: 16)
        defer { chunk.deallocate() }
        try disk.create(temporary)
        do throws(LogDiskError) {
            var offset = 0
            while true {
                let got = try disk.read(name, at: offset, into: chunk)
                guard got > 0 else { break }
                try disk.write(temporary, at: offset, UnsafeRawBufferPointer(rebasing: chunk[0..<got]))
                offset += got
            }
            try disk.sync(temporary)
            try disk.rename(temporary, to: copy)
            try disk.syncFolder()
            disk.close(copy)
        } catch {
            try? disk.remove(temporary)
            throw error
        }
    }
}

extension RawWriter {
    /// A whole record with this payload.
    fileprivate mutating func writeRecord(_ type: UInt8, _ payload: ByteSlice) {
        let record = start + count
        writeUInt64(0)
        writeUInt8(type)
        writeSlice(payload)
        RecordFormat.seal(record, payloadBytes: payload.count)
    }
}
