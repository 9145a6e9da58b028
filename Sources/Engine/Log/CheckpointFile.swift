// The file of a checkpoint: header, `checkpointBegin`, the records that store and broker wrote, `checkpointEnd`
// with their number. It is written under a temporary name, synced and then given its own: so one that has its
// name is whole, unless the disk damaged it later.
// Any thread, one at a time. Next: SegmentArchive.swift (who writes it), SegmentedLog.swift (who reads it).

import Wire

/// Reading a checkpoint.
enum CheckpointFile {
    /// Visits every record with its offset, begin and end included, and fails when the file is not whole.
    static func read(
        _ file: RecordFile, visit: (UInt8, ByteSlice, Int) throws(LogError) -> Void
    ) throws(LogError) {
        func damaged(_ offset: Int, _ reason: String) -> LogError {
            .damaged(segment: file.name, offset: offset, reason: reason)
        }
        guard file.kind == .checkpoint else { throw damaged(0, "not a checkpoint") }
        var offset = SegmentFormat.headerBytes
        var count: UInt64 = 0
        var hasEnd = false
        while offset < file.bytes {
            guard !hasEnd else { throw damaged(offset, "something follows the end") }
            guard case .record(let type, let payload, _, let next) = try file.record(at: offset) else {
                throw damaged(offset, "wrong record")
            }
            if type == RecordType.checkpointEnd.rawValue {
                guard payload.count == 8, UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self)) == count
                else { throw damaged(offset, "another number of records than its end says") }
                hasEnd = true
            }
            count += 1
            try visit(type, payload, offset)
            offset = next
        }
        guard hasEnd else { throw damaged(offset, "the checkpoint has no end") }
    }
}

/// Writing one, chunk by chunk.
final class CheckpointWriter {
    let position: LogPosition
    private let disk: any LogDisk
    private let temporaryName: String
    private(set) var bytes: Int
    private var unsyncedBytes = 0

    /// Synced after so much, so that the sync at the end, for which the log's own syncs may have to wait, is short.
    private static let syncBytes = 8_388_608

    init(_ disk: any LogDisk, position: LogPosition) throws(LogDiskError) {
        self.disk = disk
        self.position = position
        temporaryName = SegmentFormat.checkpointName(position) + SegmentFormat.temporarySuffix
        bytes = 0
        let header = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentFormat.headerBytes, alignment: 8)
        defer { header.deallocate() }
        SegmentFormat.writeHeader(.checkpoint, first: position, to: header.baseAddress!)
        try disk.create(temporaryName)
        try write(UnsafeRawBufferPointer(header))
    }

    func write(_ chunk: UnsafeRawBufferPointer) throws(LogDiskError) {
        try disk.write(temporaryName, at: bytes, chunk)
        bytes += chunk.count
        unsyncedBytes += chunk.count
        guard unsyncedBytes >= Self.syncBytes else { return }
        unsyncedBytes = 0
        try disk.sync(temporaryName)
    }

    /// The last record is written: gives the file its name. It is durable then.
    func finish() throws(LogDiskError) -> LogFileInfo {
        try disk.sync(temporaryName)
        let name = SegmentFormat.checkpointName(position)
        try disk.rename(temporaryName, to: name)
        try disk.syncFolder()
        disk.close(name)
        return LogFileInfo(name: name, first: position, end: position, isSparse: false, bytes: bytes)
    }

    /// It will not be finished.
    func abandon() { try? disk.remove(temporaryName) }
}
