// Reads big-endian integers and slices from borrowed bytes, front to back.
// Every read checks its bound first and fails with `CursorError.outOfBytes`; nothing is ever read past
// the end, whatever the lengths inside the bytes say.
// Boundary file for raw pointers. Next: AMQP/FieldTable.swift, which is the deepest user.

/// Why a read from a cursor failed.
public enum CursorError: Error, Equatable {
    /// The bytes end before the value does.
    case outOfBytes
}

/// A position in borrowed bytes. Valid as long as the bytes are.
@frozen
public struct ByteCursor {
    @usableFromInline var position: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer

    @inlinable @inline(__always)
    public init(_ slice: ByteSlice) {
        position = slice.base
        end = slice.base + slice.count
    }

    @inlinable @inline(__always)
    public init(_ buffer: UnsafeRawBufferPointer) {
        self.init(ByteSlice(buffer))
    }

    /// Bytes not yet read.
    @inlinable @inline(__always)
    public var remaining: Int { end - position }

    /// All bytes not yet read, without reading them.
    @inlinable @inline(__always)
    public var rest: ByteSlice { ByteSlice(base: position, count: remaining) }

    @inlinable @inline(__always)
    func need(_ count: Int) throws(CursorError) {
        guard count <= end - position else { throw .outOfBytes }
    }

    @inlinable @inline(__always)
    public mutating func readUInt8() throws(CursorError) -> UInt8 {
        try need(1)
        defer { position += 1 }
        return position.load(as: UInt8.self)
    }

    @inlinable @inline(__always)
    public mutating func readUInt16() throws(CursorError) -> UInt16 {
        try need(2)
        defer { position += 2 }
        return UInt16(bigEndian: position.loadUnaligned(as: UInt16.self))
    }

    @inlinable @inline(__always)
    public mutating func readUInt32() throws(CursorError) -> UInt32 {
        try need(4)
        defer { position += 4 }
        return UInt32(bigEndian: position.loadUnaligned(as: UInt32.self))
    }

    @inlinable @inline(__always)
    public mutating func readUInt64() throws(CursorError) -> UInt64 {
        try need(8)
        defer { position += 8 }
        return UInt64(bigEndian: position.loadUnaligned(as: UInt64.self))
    }

    /// The next `count` bytes, borrowed.
    @inlinable @inline(__always)
    public mutating func readSlice(_ count: Int) throws(CursorError) -> ByteSlice {
        guard count >= 0, count <= end - position else { throw .outOfBytes }
        defer { position += count }
        return ByteSlice(base: position, count: count)
    }

    /// AMQP short string: one length octet, then up to 255 bytes.
    @inlinable @inline(__always)
    public mutating func readShortString() throws(CursorError) -> ByteSlice {
        let count = Int(try readUInt8())
        return try readSlice(count)
    }

    /// AMQP long string: four length octets, then the bytes.
    @inlinable @inline(__always)
    public mutating func readLongString() throws(CursorError) -> ByteSlice {
        let count = Int(try readUInt32())
        return try readSlice(count)
    }

    @inlinable @inline(__always)
    public mutating func skip(_ count: Int) throws(CursorError) {
        guard count >= 0, count <= end - position else { throw .outOfBytes }
        position += count
    }
}
