// A segment file: its name, its header, and walking its records. Pure bytes, no files.
//
// Header, little-endian:
//
//     offset  size  field
//     0       8     magic "TASKDLOG"
//     8       4     format version
//     12      4     zero
//     16      8     log position of the first record
//     24      4     zero
//     28      4     CRC-32C of the 28 bytes before
//
// Records follow without gaps (Record.swift). Batches leave no trace of their own: what must hold together
// is one record, and a batch's epoch is that of the last fence before it.
// Loop and log thread. Boundary file for raw pointers. Next: SegmentedLog.swift.

import CTaskdShims
import Wire

/// Name and header of segment files.
public enum SegmentFormat {
    public static let headerBytes = 32
    static let magic: StaticString = "TASKDLOG"

    /// `00000000000000000000.seg`: twenty digits, so that names sort by position.
    public static func name(first position: LogPosition) -> String {
        let digits = String(position)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".seg"
    }

    /// The first position a name stands for; nil when it is no segment's name.
    public static func position(ofName name: String) -> LogPosition? {
        guard name.utf8.count == 24, name.hasSuffix(".seg") else { return nil }
        return LogPosition(name.prefix(20))
    }

    /// Writes the header of a segment that begins at `position`: `headerBytes` at `base`.
    static func writeHeader(first position: LogPosition, to base: UnsafeMutableRawPointer) {
        base.initializeMemory(as: UInt8.self, repeating: 0, count: headerBytes)
        base.copyMemory(from: magic.utf8Start, byteCount: 8)
        base.storeBytes(of: RecordFormat.version.littleEndian, toByteOffset: 8, as: UInt32.self)
        base.storeBytes(of: position.littleEndian, toByteOffset: 16, as: UInt64.self)
        base.storeBytes(of: taskd_crc32c(0, base, 28).littleEndian, toByteOffset: 28, as: UInt32.self)
    }

    /// What a header says.
    enum Header: Equatable {
        case valid(first: LogPosition)
        case otherVersion(UInt32)
        case bad
    }

    static func parse(_ slice: ByteSlice) -> Header {
        guard slice.count >= headerBytes, slice.slice(from: 0, count: 8).equals(magic) else { return .bad }
        let stored = UInt32(littleEndian: slice.base.loadUnaligned(fromByteOffset: 28, as: UInt32.self))
        guard stored == taskd_crc32c(0, slice.base, 28) else { return .bad }
        let version = UInt32(littleEndian: slice.base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard version == RecordFormat.version else { return .otherVersion(version) }
        return .valid(first: UInt64(littleEndian: slice.base.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
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
