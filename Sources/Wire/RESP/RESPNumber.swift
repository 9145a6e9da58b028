// Numbers as RESP and Redis's commands write them: strict 64-bit integers, doubles in the shortest form.
// Any thread; pure functions. Next: RESPRequestParser.swift.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

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

    /// A double in any form `strtod` takes, `inf` and `-inf` included; the whole text must be the number, and
    /// `nan` is refused, as are leading blanks.
    public static func double(_ slice: ByteSlice) -> Double? {
        guard slice.count > 0, slice.count < 256 else { return nil }
        let first = slice[0]
        if first == 0x20 || (first >= 0x09 && first <= 0x0D) { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 257, alignment: 1) { buffer -> Double? in
            let text = buffer.baseAddress!
            memcpy(text, slice.base, slice.count)
            text.storeBytes(of: 0, toByteOffset: slice.count, as: UInt8.self)
            let characters = text.assumingMemoryBound(to: CChar.self)
            var end: UnsafeMutablePointer<CChar>?
            let value = strtod(characters, &end)
            guard let end, end - characters == slice.count, !value.isNaN else { return nil }
            // Overflow to infinity is an error unless infinity was written.
            if value.isInfinite, text.load(as: UInt8.self) != 0x69, text.load(as: UInt8.self) != 0x49 {
                let second = text.load(fromByteOffset: 1, as: UInt8.self) | 0x20
                if second != 0x69 { return nil }
            }
            return value
        }
    }

    /// Shortest text that reads back as `value`: integers without a point, an exponent only far from one.
    public static func text(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        if abs(value) < 4_503_599_627_370_496, value == value.rounded(.towardZero) { return String(Int64(value)) }
        // Swift's description has the shortest digits; only their layout differs.
        var digits: [UInt8] = []
        var pointAt: Int?
        var exponent = 0
        var text = Substring(value.magnitude.description)
        if let mark = text.firstIndex(of: "e") {
            exponent = Int(text[text.index(after: mark)...])!
            text = text[..<mark]
        }
        for character in text.utf8 {
            if character == 0x2E { pointAt = digits.count } else { digits.append(character) }
        }
        var scale = exponent - (digits.count - (pointAt ?? digits.count))
        while digits.count > 1, digits.last == 0x30 {
            digits.removeLast()
            scale += 1
        }
        let leading = digits.prefix { $0 == 0x30 }.count
        if leading > 0 { digits.removeFirst(min(leading, digits.count - 1)) }
        let sign = value < 0 ? "-" : ""
        let plain = String(decoding: digits, as: UTF8.self)
        let power = scale + digits.count - 1
        if scale >= 0, abs(power) < digits.count + 7 {
            return sign + plain + String(repeating: "0", count: scale)
        }
        if scale < 0, scale > -7 || abs(power) < 4 {
            let before = digits.count + scale
            if before <= 0 { return sign + "0." + String(repeating: "0", count: -before) + plain }
            return sign + plain.prefix(before) + "." + plain.dropFirst(before)
        }
        let fraction = digits.count > 1 ? "." + plain.dropFirst() : ""
        return sign + plain.prefix(1) + fraction + "e" + (power < 0 ? "-" : "+") + String(abs(power))
    }
}
