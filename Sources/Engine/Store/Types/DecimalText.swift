// Integers as decimal text, lent for the time of a call: what commands put into values and replies.
// Reading them back is RESPNumber's.
// Loop thread only. Next: DoubleText.swift.

import Wire

enum DecimalText {
    /// Most bytes of an Int64's text.
    static let bytesMax = 20

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
