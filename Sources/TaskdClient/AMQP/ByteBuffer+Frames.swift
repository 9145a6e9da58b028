// Frames straight into a NIO buffer. Boundary file for raw pointers of the client.

import NIOCore
import Wire

extension ByteBuffer {
    /// Has `fill` write exactly `count` bytes at the end.
    mutating func writeRaw(_ count: Int, _ fill: (inout RawWriter) -> Void) {
        guard count > 0 else { return }
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("no room was made") }
            var writer = RawWriter(base)
            fill(&writer)
            precondition(writer.count == count, "measured and written sizes differ")
            return count
        }
    }

    mutating func writeMethodFrame(channel: UInt16, _ method: some AMQPMethod) {
        writeRaw(method.frameBytes) { $0.writeMethodFrame(channel: channel, method) }
    }
}

/// Borrows the bytes of short names for a method's fields.
func withNames<R>(_ first: String, _ body: (ByteSlice) throws -> R) rethrows -> R {
    var first = first
    return try first.withUTF8 { try body(ByteSlice(UnsafeRawBufferPointer($0))) }
}

func withNames<R>(_ first: String, _ second: String, _ body: (ByteSlice, ByteSlice) throws -> R) rethrows -> R {
    try withNames(first) { first in try withNames(second) { try body(first, $0) } }
}

func withNames<R>(
    _ first: String, _ second: String, _ third: String, _ body: (ByteSlice, ByteSlice, ByteSlice) throws -> R
) rethrows -> R {
    try withNames(first) { first in try withNames(second, third) { try body(first, $0, $1) } }
}

/// Borrows an encoded table for a method's `arguments`.
func withTable<R>(_ table: FieldTable, _ body: (ByteSlice) throws -> R) rethrows -> R {
    try table.encoded.withUnsafeBytes { try body(ByteSlice($0)) }
}

/// Short strings hold 255 bytes.
func checkNames(_ names: String...) throws(AMQPClientError) {
    for name in names where name.utf8.count > 255 { throw .nameTooLong }
}
