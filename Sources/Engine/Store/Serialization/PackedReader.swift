// Walks the two packed forms in which Redis keeps small collections: the ziplist, until 6.2, and the listpack. Both
// are a header with size and count, entries, and a last byte of 255.
//
//     ziplist entry    length of the one before (1 or 5 bytes), encoding, bytes
//     listpack entry   encoding, bytes, own length (1 to 5 bytes, for walking backwards; not looked at here)
//
// Bytes are a client's: every step is checked. Boundary file for raw pointers. Next: DumpValueReader.swift.

import Wire

/// Entries of a ziplist or a listpack, front to back.
struct PackedReader {
    enum Form { case ziplist, listpack }

    enum Element {
        case bytes(ByteSlice)
        case integer(Int64)

        /// Hands the element's text to `body`, borrowed.
        func withText<R>(_ body: (ByteSlice) -> R) -> R {
            switch self {
            case .bytes(let bytes): body(bytes)
            case .integer(let value): DecimalText.with(value, body)
            }
        }

        /// As a score.
        var double: Double? {
            switch self {
            case .bytes(let bytes): DoubleText.parse(bytes)
            case .integer(let value): Double(value)
            }
        }
    }

    private let form: Form
    private let entries: ByteSlice
    private var position = 0
    private var seen = 0
    /// By the header; nil when it has no room for the number.
    private let count: Int?

    init(_ form: Form, _ bytes: ByteSlice) throws(DumpError) {
        self.form = form
        let headerBytes = form == .ziplist ? 10 : 6
        guard bytes.count > headerBytes, bytes[bytes.count - 1] == 0xFF else { throw .badFormat }
        let total = UInt32(littleEndian: bytes.base.loadUnaligned(as: UInt32.self))
        let number = UInt16(
            littleEndian: bytes.base.loadUnaligned(fromByteOffset: headerBytes - 2, as: UInt16.self))
        guard Int(total) == bytes.count else { throw .badFormat }
        count = number == .max ? nil : Int(number)
        entries = bytes.slice(from: headerBytes, count: bytes.count - headerBytes - 1)
    }

    /// Bytes not yet walked over.
    var remaining: Int { entries.count - position }

    /// The next entry, nil behind the last.
    mutating func next() throws(DumpError) -> Element? {
        guard position < entries.count else {
            guard count == nil || count == seen else { throw .badFormat }
            return nil
        }
        seen += 1
        return form == .ziplist ? try nextOfZiplist() : try nextOfListpack()
    }

    /// The next entry, which has to be there.
    mutating func required() throws(DumpError) -> Element {
        guard let element = try next() else { throw .badFormat }
        return element
    }

    /// The next entry, which has to be a number.
    mutating func integer() throws(DumpError) -> Int64 {
        switch try required() {
        case .integer(let value): return value
        case .bytes(let bytes):
            guard let value = RESPNumber.integer(bytes) else { throw .badFormat }
            return value
        }
    }

    private mutating func take(_ bytes: Int) throws(DumpError) -> ByteSlice {
        guard bytes >= 0, bytes <= entries.count - position else { throw .badFormat }
        defer { position += bytes }
        return entries.slice(from: position, count: bytes)
    }

    private mutating func byte() throws(DumpError) -> UInt8 { try take(1)[0] }

    /// A number of one to eight bytes, little-endian, with its sign.
    private mutating func signed(_ bytes: Int) throws(DumpError) -> Element {
        let slice = try take(bytes)
        var value: UInt64 = 0
        for index in 0..<bytes { value |= UInt64(slice[index]) << UInt64(8 * index) }
        let shift = UInt64(64 - bytes * 8)
        return .integer(Int64(bitPattern: value << shift) >> Int64(shift))
    }

    private mutating func nextOfZiplist() throws(DumpError) -> Element {
        if try byte() == 0xFE { _ = try take(4) }
        let encoding = try byte()
        switch encoding {
        case 0x00...0x3F: return .bytes(try take(Int(encoding)))
        case 0x40...0x7F: return .bytes(try take(Int(encoding & 63) << 8 | Int(try byte())))
        case 0x80:
            let size = UInt32(bigEndian: try take(4).base.loadUnaligned(as: UInt32.self))
            return .bytes(try take(Int(size)))
        case 0xC0: return try signed(2)
        case 0xD0: return try signed(4)
        case 0xE0: return try signed(8)
        case 0xF0: return try signed(3)
        case 0xFE: return try signed(1)
        case 0xF1...0xFD: return .integer(Int64(encoding & 15) - 1)
        default: throw .badFormat
        }
    }

    private mutating func nextOfListpack() throws(DumpError) -> Element {
        let start = position
        let element = try listpackElement()
        // Of the entry's own length only the size matters.
        let bytes = position - start
        switch bytes {
        case ..<128: _ = try take(1)
        case ..<16_384: _ = try take(2)
        case ..<2_097_152: _ = try take(3)
        case ..<268_435_456: _ = try take(4)
        default: _ = try take(5)
        }
        return element
    }

    private mutating func listpackElement() throws(DumpError) -> Element {
        let encoding = try byte()
        switch encoding {
        case 0x00...0x7F: return .integer(Int64(encoding))
        case 0x80...0xBF: return .bytes(try take(Int(encoding & 63)))
        case 0xC0...0xDF:
            // Thirteen bits with their sign.
            let value = Int64(encoding & 31) << 8 | Int64(try byte())
            return .integer(value < 4_096 ? value : value - 8_192)
        case 0xE0...0xEF: return .bytes(try take(Int(encoding & 15) << 8 | Int(try byte())))
        case 0xF0:
            let size = UInt32(littleEndian: try take(4).base.loadUnaligned(as: UInt32.self))
            return .bytes(try take(Int(size)))
        case 0xF1: return try signed(2)
        case 0xF2: return try signed(3)
        case 0xF3: return try signed(4)
        case 0xF4: return try signed(8)
        default: throw .badFormat
        }
    }
}
