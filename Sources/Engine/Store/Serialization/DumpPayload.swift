// What DUMP gives and RESTORE takes: a value as Redis 7.0 writes it into a snapshot, and a footer. A hash with fields
// that expire is written as Redis 7.4 does, with the version of that.
//
//     size  field
//     1     type (see `DumpType`)
//     …     the value, as its type has it
//     2     version of the format, little-endian
//     8     CRC-64 of all that, little-endian
//
// Loop thread only. Next: DumpReader.swift, DumpWriter.swift (values), ../Commands/DumpCommands.swift.

import Wire

/// How a value is written.
enum DumpType: UInt8 {
    case string = 0
    case list = 1
    case set = 2
    /// Scores as text.
    case sortedSetText = 3
    case hash = 4
    /// Scores as eight bytes.
    case sortedSet = 5
    /// Of Redis before 2.6.
    case hashZipmap = 9
    case listZiplist = 10
    case setIntegers = 11
    case sortedSetZiplist = 12
    case hashZiplist = 13
    /// Ziplists.
    case listNodes = 14
    case stream = 15
    case hashListpack = 16
    case sortedSetListpack = 17
    /// Listpacks and single elements.
    case listNodes2 = 18
    /// With counters of entries.
    case stream2 = 19
    /// Since Redis 7.2.
    case setListpack = 20
    /// With times of activity; since Redis 7.2.
    case stream3 = 21
    // 22 and 23 were in candidates for Redis 7.4 only, without the first time of expiry.
    /// With times of expiry, counted from the first; since Redis 7.4.
    case hashWithTimes = 24
    /// Field, value and time in turn; since Redis 7.4.
    case hashListpackWithTimes = 25

    /// The version of the format that has it.
    var version: UInt16 { rawValue >= DumpType.hashWithTimes.rawValue ? 12 : DumpFooter.versionWritten }
}

/// Why a payload was refused.
enum DumpError: Error, Equatable {
    /// Cut off, from a later version, or changed on its way.
    case footer
    case badFormat
    /// The bytes end before the value does.
    case cutOff
    /// A string longer than any that a client may send: `Limits.respBulkBytesMax`.
    case tooLong
    /// The file cannot be read; why.
    case unreadable(String)
}

enum DumpFooter {
    static let bytes = 10
    /// Written where it suffices: of Redis 7.0. Read: up to that of 7.4, whose further types are known here.
    static let versionWritten: UInt16 = 10
    static let versionMax: UInt16 = 12

    /// The payload without its footer, which must be right.
    static func check(_ payload: ByteSlice) throws(DumpError) -> ByteSlice {
        guard payload.count >= bytes else { throw .footer }
        let body = payload.slice(from: 0, count: payload.count - bytes)
        let version = UInt16(littleEndian: payload.base.loadUnaligned(fromByteOffset: body.count, as: UInt16.self))
        let sum = UInt64(littleEndian: payload.base.loadUnaligned(fromByteOffset: body.count + 2, as: UInt64.self))
        guard version <= versionMax, sum == CRC64.sum(payload.slice(from: 0, count: body.count + 2)) else {
            throw .footer
        }
        return body
    }

    static func append(to bytes: inout [UInt8], version: UInt16 = versionWritten) {
        withUnsafeBytes(of: version.littleEndian) { bytes.append(contentsOf: $0) }
        let sum = bytes.withUnsafeBytes { CRC64.sum(ByteSlice($0)) }
        withUnsafeBytes(of: sum.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
