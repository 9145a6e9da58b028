// Identifiers of stream entries: milliseconds and a sequence number, in order of time.
// Loop thread only. Next: StreamValue.swift.

import Wire

/// Identifier of a stream's entry.
struct StreamID: Comparable {
    var milliseconds: UInt64
    var sequence: UInt64

    static let zero = StreamID(milliseconds: 0, sequence: 0)
    static let max = StreamID(milliseconds: .max, sequence: .max)

    @inline(__always)
    static func < (left: StreamID, right: StreamID) -> Bool {
        left.milliseconds < right.milliseconds
            || left.milliseconds == right.milliseconds && left.sequence < right.sequence
    }

    /// The one after this; nil after the last.
    var next: StreamID? {
        if sequence < .max { return StreamID(milliseconds: milliseconds, sequence: sequence + 1) }
        return milliseconds < .max ? StreamID(milliseconds: milliseconds + 1, sequence: 0) : nil
    }

    var previous: StreamID? {
        if sequence > 0 { return StreamID(milliseconds: milliseconds, sequence: sequence - 1) }
        return milliseconds > 0 ? StreamID(milliseconds: milliseconds - 1, sequence: .max) : nil
    }

    /// Longest text: two numbers of twenty digits and a dash.
    private static let bytesMax = 41

    /// Hands the text to `body`, borrowed.
    func withText<R>(_ body: (ByteSlice) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: Self.bytesMax, alignment: 1) { buffer in
            var position = Self.bytesMax
            func put(_ number: UInt64) {
                var left = number
                repeat {
                    position -= 1
                    buffer[position] = UInt8(truncatingIfNeeded: left % 10) + 0x30
                    left /= 10
                } while left > 0
            }
            put(sequence)
            position -= 1
            buffer[position] = UInt8(ascii: "-")
            put(milliseconds)
            return body(ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[position..<Self.bytesMax])))
        }
    }

    /// A number of an identifier: digits only, leading zeros allowed.
    static func parseNumber(_ text: ByteSlice) -> UInt64? {
        guard text.count > 0, text.count <= 20 else { return nil }
        var value: UInt64 = 0
        for index in 0..<text.count {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// `milliseconds-sequence`, or milliseconds alone: then the sequence is nil.
    static func parse(_ text: ByteSlice) -> (milliseconds: UInt64, sequence: UInt64?)? {
        var dash = 0
        while dash < text.count, text[dash] != UInt8(ascii: "-") { dash += 1 }
        guard let milliseconds = parseNumber(text.slice(from: 0, count: dash)) else { return nil }
        if dash == text.count { return (milliseconds, nil) }
        guard let sequence = parseNumber(text.slice(from: dash + 1, count: text.count - dash - 1)) else { return nil }
        return (milliseconds, sequence)
    }
}
