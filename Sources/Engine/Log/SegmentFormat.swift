// The files of the log: their names and headers. Pure bytes, no files.
//
//     NNN.seg    segment: records of the log from position NNN on, twenty digits
//     NNN.ckpt   checkpoint: the state as of position NNN
//     *.tmp      one of both being written; removed at the next start
//
// Header, little-endian:
//
//     offset  size  field
//     0       8     magic "TASKDLOG"
//     8       4     format version
//     12      4     kind: 0 dense segment, 1 sparse segment, 2 checkpoint
//     16      8     log position of the first record; of a checkpoint: which its state is of
//     24      8     sparse: the position after the last that the segment stands for; otherwise 0
//     32      4     flags: 1 a repair wrote this, and what it could not read is missing from it
//     36      24    zero
//     60      4     CRC-32C of the 60 bytes before
//
// Records follow without gaps (Record.swift). In a dense segment a record's position is its place in the file.
// A sparse one has been rewritten with the records that are still needed: each is preceded by its position
// (8 bytes), so a message keeps its position for as long as it lives, wherever it is moved. One that a repair wrote
// holds everything that was readable instead, and is read by a start like a dense one.
// Batches leave no trace of their own: what must hold together is one record, and a batch's epoch is that of
// the last fence before it.
// Any thread. Boundary file for raw pointers. Next: RecordFile.swift (walks them), SegmentedLog.swift.

import CTaskdShims
import Wire

/// What a file of the log holds.
public enum LogFileKind: UInt32, Sendable {
    case dense = 0
    case sparse = 1
    case checkpoint = 2

    /// Bytes before each record.
    var recordPrefixBytes: Int { self == .sparse ? 8 : 0 }
}

/// Names and headers of the log's files.
public enum SegmentFormat {
    public static let headerBytes = 64
    static let magic: StaticString = "TASKDLOG"
    public static let segmentSuffix = ".seg"
    public static let checkpointSuffix = ".ckpt"
    public static let temporarySuffix = ".tmp"

    /// Twenty digits and the suffix, so that names sort by position.
    private static func name(_ position: LogPosition, _ suffix: String) -> String {
        let digits = String(position)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + suffix
    }

    public static func name(first position: LogPosition) -> String { name(position, segmentSuffix) }
    public static func checkpointName(_ position: LogPosition) -> String { name(position, checkpointSuffix) }

    /// The position a name stands for; nil when it is no name of a segment, or of a checkpoint.
    public static func position(ofName name: String, suffix: String = segmentSuffix) -> LogPosition? {
        guard name.utf8.count == 20 + suffix.utf8.count, name.hasSuffix(suffix) else { return nil }
        return LogPosition(name.prefix(20))
    }

    /// Writes a header of `headerBytes` at `base`.
    static func writeHeader(
        _ kind: LogFileKind = .dense, first position: LogPosition, end: LogPosition = 0, isRepaired: Bool = false,
        to base: UnsafeMutableRawPointer
    ) {
        base.initializeMemory(as: UInt8.self, repeating: 0, count: headerBytes)
        base.copyMemory(from: magic.utf8Start, byteCount: 8)
        base.storeBytes(of: RecordFormat.version.littleEndian, toByteOffset: 8, as: UInt32.self)
        base.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 12, as: UInt32.self)
        base.storeBytes(of: position.littleEndian, toByteOffset: 16, as: UInt64.self)
        base.storeBytes(of: end.littleEndian, toByteOffset: 24, as: UInt64.self)
        base.storeBytes(of: UInt32(isRepaired ? 1 : 0).littleEndian, toByteOffset: 32, as: UInt32.self)
        base.storeBytes(of: taskd_crc32c(0, base, 60).littleEndian, toByteOffset: 60, as: UInt32.self)
    }

    /// What a header says.
    enum Header: Equatable {
        case valid(LogFileKind, first: LogPosition, end: LogPosition, isRepaired: Bool)
        case otherVersion(UInt32)
        case bad
    }

    /// Whether this is a header with the right checksum, whatever it says.
    static func hasValidChecksum(_ slice: ByteSlice) -> Bool {
        guard slice.count >= headerBytes else { return false }
        let stored = UInt32(littleEndian: slice.base.loadUnaligned(fromByteOffset: 60, as: UInt32.self))
        return stored == taskd_crc32c(0, slice.base, 60)
    }

    static func parse(_ slice: ByteSlice) -> Header {
        guard slice.count >= 12, slice.slice(from: 0, count: 8).equals(magic) else { return .bad }
        // Before the checksum: another version's header may be of another size.
        let version = UInt32(littleEndian: slice.base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard version == RecordFormat.version else { return .otherVersion(version) }
        guard slice.count >= headerBytes else { return .bad }
        let kind = UInt32(littleEndian: slice.base.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        guard hasValidChecksum(slice), let kind = LogFileKind(rawValue: kind) else { return .bad }
        return .valid(
            kind, first: UInt64(littleEndian: slice.base.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
            end: UInt64(littleEndian: slice.base.loadUnaligned(fromByteOffset: 24, as: UInt64.self)),
            isRepaired: slice.base.loadUnaligned(fromByteOffset: 32, as: UInt32.self).littleEndian & 1 != 0)
    }
}

/// The front of some bytes, read as a record.
enum RecordRead {
    /// A whole, correct record: its type number, its payload, and the bytes it takes with its header.
    case record(type: UInt8, payload: ByteSlice, bytes: Int)
    /// More bytes are needed: as many in all.
    case needs(Int)
    /// The length is impossible or the checksum wrong.
    case bad(reason: String)

    /// Reads the record at the front of `bytes`; at most `available` bytes can ever be had.
    static func front(of bytes: ByteSlice, available: Int) -> RecordRead {
        guard available >= RecordFormat.headerBytes else { return .bad(reason: "the record is cut short") }
        guard bytes.count >= RecordFormat.headerBytes else { return .needs(RecordFormat.headerBytes) }
        let length = Int(UInt32(littleEndian: bytes.base.loadUnaligned(as: UInt32.self)))
        // Before reading on: a damaged length must not make us allocate gigabytes.
        guard length <= Limits.logRecordBytesMax else { return .bad(reason: "impossible record length") }
        let total = RecordFormat.headerBytes + length
        guard total <= available else { return .bad(reason: "the record is cut short") }
        guard bytes.count >= total else { return .needs(total) }
        let stored = UInt32(littleEndian: bytes.base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        guard stored == taskd_crc32c(0, bytes.base + 8, length + 1) else { return .bad(reason: "wrong checksum") }
        return .record(
            type: bytes[8], payload: bytes.slice(from: RecordFormat.headerBytes, count: length), bytes: total)
    }
}
