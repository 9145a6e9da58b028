// Writes replies: one value for each command, in RESP2 or RESP3 as the connection has chosen.
// Aggregates announce how many elements follow; the writer does not check that they do.
// Writes straight into the connection's output; nothing is kept here. Boundary file for raw pointers.
// Loop thread only. Next: CommandCall.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Encoder of replies.
struct ReplyWriter {
    /// Where replies go: the connection's output, or a script's or discarded one.
    var output: OutputQueue
    /// Set by `HELLO 3`.
    var isRESP3 = false

    private static let carriageReturnLineFeed: UInt16 = 0x0A0D

    /// Nobody will read this reply, so that what would only lengthen it need not be done.
    var isPointless: Bool { output.hasOverflowed }

    // MARK: Primitives

    /// `type`, a number, CR LF.
    @inline(__always)
    private func line(_ type: UInt8, _ number: Int64) {
        let target = output.reserve(24)
        target.storeBytes(of: type, as: UInt8.self)
        let digits = RESPNumber.write(number, to: target + 1)
        target.storeBytes(of: Self.carriageReturnLineFeed, toByteOffset: 1 + digits, as: UInt16.self)
        output.commit(3 + digits)
    }

    /// Bytes as they are: protocol text written out by the caller.
    @inline(__always)
    func raw(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        memcpy(output.reserve(count), text.utf8Start, count)
        output.commit(count)
    }

    // MARK: Scalars

    /// A bulk string.
    @inline(__always)
    func bulk(_ slice: ByteSlice) {
        let target = output.reserve(slice.count + 26)
        target.storeBytes(of: 0x24, as: UInt8.self)
        let digits = RESPNumber.write(Int64(slice.count), to: target + 1)
        target.storeBytes(of: Self.carriageReturnLineFeed, toByteOffset: 1 + digits, as: UInt16.self)
        memcpy(target + 3 + digits, slice.base, slice.count)
        target.storeBytes(of: Self.carriageReturnLineFeed, toByteOffset: 3 + digits + slice.count, as: UInt16.self)
        output.commit(5 + digits + slice.count)
    }

    func bulk(_ text: StaticString) { bulk(ByteSlice(base: text.utf8Start, count: text.utf8CodeUnitCount)) }

    func bulk(_ text: String) {
        var copy = text
        copy.withUTF8 { bulk(ByteSlice(UnsafeRawBufferPointer($0))) }
    }

    func bulk(_ bytes: [UInt8]) { bytes.withUnsafeBytes { bulk(ByteSlice($0)) } }

    /// A bulk string whose bytes live as long as `owner`: large ones are referred to, not copied.
    func bulk(_ slice: ByteSlice, owner: AnyObject) {
        guard slice.count >= Limits.outputReferenceBytesMin else { return bulk(slice) }
        line(0x24, Int64(slice.count))
        output.appendReference(slice, owner: owner)
        raw("\r\n")
    }

    /// A number as a bulk string.
    func bulk(integer: Int64) {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { buffer in
            bulk(ByteSlice(base: buffer.baseAddress!, count: RESPNumber.write(integer, to: buffer.baseAddress!)))
        }
    }

    /// A simple string; no line ends in it.
    @inline(__always)
    func simple(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        let target = output.reserve(count + 3)
        target.storeBytes(of: 0x2B, as: UInt8.self)
        memcpy(target + 1, text.utf8Start, count)
        target.storeBytes(of: Self.carriageReturnLineFeed, toByteOffset: 1 + count, as: UInt16.self)
        output.commit(count + 3)
    }

    /// The same for text put together; line ends become blanks.
    func simpleText(_ text: String) { statusLine(0x2B, text) }

    @inline(__always)
    func ok() { raw("+OK\r\n") }

    /// An error reply; line ends in the text become blanks, so that nobody can forge replies through it.
    func error(_ text: String) { statusLine(0x2D, text) }

    private func statusLine(_ type: UInt8, _ text: String) {
        var bytes: [UInt8] = [type]
        for byte in text.utf8 { bytes.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
        bytes.append(0x0D)
        bytes.append(0x0A)
        output.append(bytes)
    }

    func error(_ error: CommandError) { self.error(error.text) }

    @inline(__always)
    func integer(_ value: Int64) { line(0x3A, value) }

    @inline(__always)
    func integer(_ value: Int) { line(0x3A, Int64(value)) }

    /// RESP3 has a type for it; RESP2 sends the text as a bulk string.
    func double(_ value: Double) {
        DoubleText.with(value) { text in
            guard isRESP3 else { return bulk(text) }
            let target = output.reserve(text.count + 3)
            target.storeBytes(of: 0x2C, as: UInt8.self)
            memcpy(target + 1, text.base, text.count)
            target.storeBytes(of: Self.carriageReturnLineFeed, toByteOffset: 1 + text.count, as: UInt16.self)
            output.commit(text.count + 3)
        }
    }

    /// RESP3 `#t`/`#f`; RESP2 1 or 0.
    func bool(_ value: Bool) {
        if isRESP3 { raw(value ? "#t\r\n" : "#f\r\n") } else { raw(value ? ":1\r\n" : ":0\r\n") }
    }

    /// No value, where a bulk string would stand.
    @inline(__always)
    func null() { raw(isRESP3 ? "_\r\n" : "$-1\r\n") }

    /// No value, where an array would stand.
    func nullArray() { raw(isRESP3 ? "_\r\n" : "*-1\r\n") }

    /// Text with a three-letter format, for people to read.
    func verbatim(_ text: String, format: StaticString = "txt") {
        guard isRESP3 else { return bulk(text) }
        let bytes = Array(text.utf8)
        line(0x3D, Int64(bytes.count + 4))
        raw(format)
        raw(":")
        output.append(bytes)
        raw("\r\n")
    }

    // MARK: Aggregates

    /// `count` values follow.
    @inline(__always)
    func array(_ count: Int) { line(0x2A, Int64(count)) }

    /// `pairs` times key and value follow; in RESP2 a flat array.
    func map(_ pairs: Int) {
        if isRESP3 { line(0x25, Int64(pairs)) } else { line(0x2A, Int64(pairs * 2)) }
    }

    /// `count` distinct values follow; in RESP2 an array.
    func set(_ count: Int) { line(isRESP3 ? 0x7E : 0x2A, Int64(count)) }

    /// Out-of-band data of `count` values; in RESP2 an array.
    @inline(__always)
    func push(_ count: Int) { line(isRESP3 ? 0x3E : 0x2A, Int64(count)) }

    /// Attributes precede the reply proper. RESP3 only.
    func attribute(_ pairs: Int) {
        precondition(isRESP3)
        line(0x7C, Int64(pairs))
    }
}
