// What an RDB file is, Redis's snapshot:
//
//     size  field
//     5     "REDIS"
//     4     version, as digits
//     …     items: an opcode and what belongs to it; a type, a key and its value
//     1     255, the end
//     8     CRC-64 of all that, little-endian; 0: none was computed. Since version 5
//
// What is said of a key (expiry, idle time, frequency) comes before it. Values are those of DUMP.
// Next: RDBReader.swift, RDBWriter.swift; ../Serialization/DumpPayload.swift (values).

import Wire

/// An item's first byte, where it is no type of value.
enum RDBOpcode: UInt8 {
    /// Of a cluster's node: number of a slot, its keys, those that expire.
    case slotInfo = 244
    /// The text of a library of functions.
    case function = 245
    /// The same in a release candidate of Redis 7.0.
    case earlyFunction = 246
    /// Data of a module that belongs to no key.
    case moduleAuxiliary = 247
    /// Seconds since the next key was used.
    case idle = 248
    /// How often it is used, under an LFU policy.
    case frequency = 249
    /// A name and a value that say something about the file.
    case auxiliary = 250
    /// How many keys the database has, and how many of them expire.
    case sizes = 251
    case expiryMilliseconds = 252
    case expirySeconds = 253
    case database = 254
    case end = 255
}

/// Types of values that only modules have.
enum RDBModule {
    static let early: UInt8 = 6
    static let value: UInt8 = 7

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Nine letters of six bits each, then ten bits of a version.
    static func name(_ id: UInt64) -> String {
        let name = (0..<9).map { letters[Int(id >> UInt64(10 + 6 * (8 - $0)) & 63)] }
        return String(decoding: name, as: UTF8.self)
    }
}

enum RDBFormat {
    static let magic: StaticString = "REDIS"
    /// Read: up to that of Redis 7.4 and 8.
    static let versionMax = 12
    /// Written: of Redis 7.0, which 7.2 and later ones read as well.
    static let versionWritten = 10
    /// Redis 7.4's, which knows fields of hashes that expire.
    static let versionWithFieldTimes = 12
    /// Since then there is a checksum.
    static let checksumVersionMin = 5
    /// No file is shorter.
    static let headerBytes = 9
}

/// Why an RDB file is refused: one line that says where and what.
public struct RDBError: Error, Equatable {
    public let description: String

    init(_ description: String) { self.description = description }

    /// The daemon was told to end meanwhile.
    public static let stopped = RDBError("stopped before it was done")

    init(at offset: Int, _ text: String) { self.init("offset \(offset): \(text)") }
}
