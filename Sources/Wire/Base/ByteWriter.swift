// Writes big-endian integers and bytes into memory that was reserved for them.
// Two writers with the same verbs: `RawWriter` writes into space the caller has measured (the hot path:
// one reserve for each frame, then plain stores), `ByteWriter` owns its growing bytes (handshakes,
// client side, tests).
// Boundary file for raw pointers. Next: AMQP/Methods.swift.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes into reserved memory without bound checks in release builds: the caller reserved enough.
@frozen
public struct RawWriter {
    public let start: UnsafeMutableRawPointer
    @usableFromInline var position: UnsafeMutableRawPointer

    @inlinable @inline(__always)
    public init(_ start: UnsafeMutableRawPointer) {
        self.start = start
        position = start
    }

    /// Bytes written so far.
    @inlinable @inline(__always)
    public var count: Int { position - start }

    @inlinable @inline(__always)
    public mutating func writeUInt8(_ value: UInt8) {
        position.storeBytes(of: value, as: UInt8.self)
        position += 1
    }

    @inlinable @inline(__always)
    public mutating func writeUInt16(_ value: UInt16) {
        position.storeBytes(of: value.bigEndian, as: UInt16.self)
        position += 2
    }

    @inlinable @inline(__always)
    public mutating func writeUInt32(_ value: UInt32) {
        position.storeBytes(of: value.bigEndian, as: UInt32.self)
        position += 4
    }

    @inlinable @inline(__always)
    public mutating func writeUInt64(_ value: UInt64) {
        position.storeBytes(of: value.bigEndian, as: UInt64.self)
        position += 8
    }

    @inlinable @inline(__always)
    public mutating func writeBytes(_ base: UnsafeRawPointer, count: Int) {
        memcpy(position, base, count)
        position += count
    }

    @inlinable @inline(__always)
    public mutating func writeSlice(_ slice: ByteSlice) {
        writeBytes(slice.base, count: slice.count)
    }

    /// AMQP short string. The caller has checked that it is at most 255 bytes.
    @inlinable @inline(__always)
    public mutating func writeShortString(_ slice: ByteSlice) {
        precondition(slice.count <= 255, "short string too long")
        writeUInt8(UInt8(truncatingIfNeeded: slice.count))
        writeSlice(slice)
    }
}

/// Owns a growing array of bytes.
public struct ByteWriter {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public var count: Int { bytes.count }

    public mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    public mutating func writeUInt8(_ value: UInt8) { bytes.append(value) }

    public mutating func writeUInt16(_ value: UInt16) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func writeUInt32(_ value: UInt32) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func writeUInt64(_ value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func writeSlice(_ slice: ByteSlice) { bytes.append(contentsOf: slice.buffer) }

    public mutating func writeBytes(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

    /// AMQP short string; at most 255 bytes.
    public mutating func writeShortString(_ text: some Collection<UInt8>) {
        precondition(text.count <= 255, "short string too long")
        writeUInt8(UInt8(text.count))
        writeBytes(text)
    }

    /// AMQP long string.
    public mutating func writeLongString(_ text: some Collection<UInt8>) {
        writeUInt32(UInt32(text.count))
        writeBytes(text)
    }

    /// Has `fill` write exactly `count` bytes at the end by a raw writer.
    public mutating func writeRaw(_ count: Int, _ fill: (inout RawWriter) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        bytes.withUnsafeMutableBytes { buffer in
            // An empty buffer may have no address.
            guard count > 0, let base = buffer.baseAddress else { return }
            var writer = RawWriter(base + start)
            fill(&writer)
            precondition(writer.count == count, "measured and written sizes differ")
        }
    }

    /// Drops the bytes and keeps the room.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Overwrites four bytes at `offset`: lengths that are known only at the end.
    public mutating func patchUInt32(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count)
        withUnsafeBytes(of: value.bigEndian) { source in
            for index in 0..<4 { bytes[offset + index] = source[index] }
        }
    }

    public func withSlice<R>(_ body: (ByteSlice) throws -> R) rethrows -> R {
        try bytes.withUnsafeBytes { try body(ByteSlice($0)) }
    }
}
