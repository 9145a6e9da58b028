// Integers as decimal text and back, the way the store counts text as an integer: what prints the same.
// So no sign `+`, no leading zero, no space. Without String.
// Loop thread only. Next: DoubleText.swift.

import Wire

enum DecimalText {
    /// Most bytes of an Int64's text.
    static let bytesMax = 20

    /// The integer that this is the text of; nil if it is not one or leaves Int64.
    static func parse(_ text: ByteSlice) -> Int64? {
        let count = text.count
        guard count > 0, count <= bytesMax else { return nil }
        var index = 0
        let isNegative = text[0] == UInt8(ascii: "-")
        if isNegative {
            index = 1
            guard count > 1 else { return nil }
        }
        let first = text[index] &- 0x30
        if first == 0 { return count == 1 ? 0 : nil }
        guard first <= 9 else { return nil }
        var magnitude = UInt64(first)
        index += 1
        while index < count {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { return nil }
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            magnitude = sum
            index += 1
        }
        if isNegative {
            guard magnitude <= 1 << 63 else { return nil }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        return Int64(exactly: magnitude)
    }

    /// Hands the text of `value` to `body`, borrowed.
    @inline(__always)
    static func with<R>(_ value: Int64, _ body: (ByteSlice) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: bytesMax, alignment: 1) { buffer in
            var position = bytesMax
            var magnitude = value.magnitude
            repeat {
                position -= 1
                let (quotient, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
                buffer[position] = UInt8(truncatingIfNeeded: digit) + 0x30
                magnitude = quotient
            } while magnitude > 0
            if value < 0 {
                position -= 1
                buffer[position] = UInt8(ascii: "-")
            }
            return body(ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[position..<bytesMax])))
        }
    }

    /// Characters in the text of `value`.
    static func count(_ value: Int64) -> Int { with(value) { $0.count } }
}
