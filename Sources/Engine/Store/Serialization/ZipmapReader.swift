// Walks the packed form in which Redis before 2.6 kept small hashes:
//
//     size  field
//     1     number of pairs, 254 and more: not known
//     …     for each pair: length of the field, field, length of the value, bytes of padding (1), value, padding
//     1     255
//
// A length is one byte, or 254 and four bytes. Bytes are a client's: every step is checked.
// Boundary file for raw pointers. Next: DumpValueReader.swift, PackedReader.swift.

import Wire

/// Pairs of a zipmap, front to back.
struct ZipmapReader {
    private let bytes: ByteSlice
    private var position = 1
    private var seen = 0

    private static let long: UInt8 = 254
    private static let end: UInt8 = 255

    init(_ bytes: ByteSlice) throws(DumpError) {
        guard bytes.count >= 2 else { throw .badFormat }
        self.bytes = bytes
    }

    /// The next pair, nil behind the last.
    mutating func next() throws(DumpError) -> (field: ByteSlice, value: ByteSlice)? {
        guard try take(1)[0] != Self.end else {
            guard position == bytes.count, bytes[0] >= Self.long || Int(bytes[0]) == seen else { throw .badFormat }
            return nil
        }
        position -= 1
        seen += 1
        let field = try take(try length())
        let count = try length()
        let padding = Int(try take(1)[0])
        let value = try take(count)
        _ = try take(padding)
        return (field, value)
    }

    private mutating func length() throws(DumpError) -> Int {
        let first = try take(1)[0]
        guard first >= Self.long else { return Int(first) }
        guard first == Self.long else { throw .badFormat }
        return Int(UInt32(littleEndian: try take(4).base.loadUnaligned(as: UInt32.self)))
    }

    private mutating func take(_ count: Int) throws(DumpError) -> ByteSlice {
        guard count <= bytes.count - position else { throw .badFormat }
        defer { position += count }
        return bytes.slice(from: position, count: count)
    }
}
