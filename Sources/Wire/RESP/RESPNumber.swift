// Integers as RESP and Redis's commands write them: strict, 64 bits.
// Any thread; pure functions. Next: RESPRequestParser.swift.

/// Conversions between numbers and their text.
public enum RESPNumber {
    /// Longest text of a 64-bit integer: sign and 19 digits.
    public static let integerBytesMax = 20

    /// Strict: digits with an optional minus, no plus, no blanks, no leading zeros, in range.
    @inlinable
    public static func integer(_ slice: ByteSlice) -> Int64? {
        let count = slice.count
        guard count > 0, count <= integerBytesMax else { return nil }
        var index = 0
        let isNegative = slice[0] == 0x2D
        if isNegative { index = 1 }
        guard index < count else { return nil }
        let first = slice[index]
        if first == 0x30 { return count == 1 ? 0 : nil }
        guard first &- 0x31 < 9 else { return nil }
        var magnitude = UInt64(first &- 0x30)
        index += 1
        while index < count {
            let digit = slice[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, tooLarge) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(UInt64(digit))
            if tooLarge || overflow { return nil }
            magnitude = sum
            index += 1
        }
        if isNegative {
            return magnitude <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
        }
        return magnitude <= UInt64(Int64.max) ? Int64(magnitude) : nil
    }

    /// Decimal digits of `value` at `target`, which has `integerBytesMax` bytes of room. Returns how many.
    @inlinable
    public static func write(_ value: Int64, to target: UnsafeMutableRawPointer) -> Int {
        var magnitude = value.magnitude
        var digits = 1
        var bound: UInt64 = 10
        // 19 digits is the most: 2⁶³ has as many, so `bound` cannot overflow before the loop ends.
        while digits < 19, magnitude >= bound {
            digits += 1
            bound &*= 10
        }
        let start = value < 0 ? 1 : 0
        if value < 0 { target.storeBytes(of: 0x2D, as: UInt8.self) }
        let count = start + digits
        var index = count
        repeat {
            index -= 1
            let quotient = magnitude / 10
            target.storeBytes(
                of: UInt8(truncatingIfNeeded: magnitude &- quotient &* 10) &+ 0x30, toByteOffset: index, as: UInt8.self)
            magnitude = quotient
        } while index > start
        return count
    }
}
