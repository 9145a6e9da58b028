// A borrowed run of bytes: pointer and count, nothing owned, nothing counted.
// What it is not: safe to keep. It is valid only until the call that handed it out returns (the read
// buffer it points into is used again); whoever wants to keep the bytes copies them.
// Boundary file for raw pointers. Next: ByteCursor.swift (reading), ByteWriter.swift (writing).

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Borrowed bytes. Valid only during the call that passed them.
@frozen
public struct ByteSlice {
    public let base: UnsafeRawPointer
    public let count: Int

    @inlinable @inline(__always)
    public init(base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    @inlinable @inline(__always)
    public init(_ buffer: UnsafeRawBufferPointer) {
        // Any non-null address serves for an empty slice: it is never read.
        self.base = buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
        self.count = buffer.count
    }

    /// The bytes of a literal: they live as long as the process.
    @inlinable @inline(__always)
    public init(_ text: StaticString) {
        base = UnsafeRawPointer(text.utf8Start)
        count = text.utf8CodeUnitCount
    }

    @inlinable
    public static var empty: ByteSlice { ByteSlice(base: UnsafeRawPointer(bitPattern: 1)!, count: 0) }

    @inlinable @inline(__always)
    public var isEmpty: Bool { count == 0 }

    @inlinable @inline(__always)
    public var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// The byte at `index`; bounds are the caller's duty (checked in debug builds).
    @inlinable @inline(__always)
    public subscript(index: Int) -> UInt8 {
        assert(index >= 0 && index < count)
        return base.load(fromByteOffset: index, as: UInt8.self)
    }

    /// The part that begins at `offset` and has `count` bytes.
    @inlinable @inline(__always)
    public func slice(from offset: Int, count: Int) -> ByteSlice {
        precondition(offset >= 0 && count >= 0 && count <= self.count - offset, "slice leaves its bytes")
        return ByteSlice(base: base + offset, count: count)
    }

    @inlinable
    public static func == (left: ByteSlice, right: ByteSlice) -> Bool {
        left.count == right.count && (left.count == 0 || memcmp(left.base, right.base, left.count) == 0)
    }

    @inlinable
    public static func != (left: ByteSlice, right: ByteSlice) -> Bool { !(left == right) }

    /// Whether the bytes are exactly this ASCII text.
    @inlinable
    public func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && (count == 0 || memcmp(base, text.utf8Start, count) == 0)
    }

    /// Whether the bytes are this ASCII text in any case; `lowercase` must be lower case.
    @inlinable
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        let other = lowercase.utf8Start
        for index in 0..<count {
            var byte = self[index]
            if byte &- 0x41 < 26 { byte |= 0x20 }
            if byte != other[index] { return false }
        }
        return true
    }

    /// A copy as text; bytes that are no UTF-8 are replaced. For messages and logs, never per message.
    public var string: String { String(decoding: buffer, as: UTF8.self) }

    /// A copy as an array.
    public var array: [UInt8] { [UInt8](buffer) }
}
