// Doubles as text and back, as the store's clients see scores: integers without a point, else the fewest
// digits that give the same double, with an exponent where it is far from the digits.
// Also the longer fixed-point form of HINCRBYFLOAT and INCRBYFLOAT, which reckon in extended precision
// where the processor has it.
// Loop thread only. Next: SortedSetBounds.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

enum DoubleText {
    /// Most bytes of a double's text.
    static let bytesMax = 40

    // MARK: Reading

    /// The double that this text names, read by C's rules (so `inf`, `1e3` and `0x10` count); nil for
    /// anything else, for NaN, for what is too large or too small, and for leading space.
    static func parse(_ text: ByteSlice) -> Double? {
        if let short = parseShortInteger(text) { return short }
        guard text.count > 0, !isSpace(text[0]) else { return nil }
        return withCText(text) { start in
            var end: UnsafeMutablePointer<CChar>?
            errno = 0
            let value = strtod(start, &end)
            guard end == start + text.count, !value.isNaN else { return nil }
            if errno == ERANGE, value.isInfinite || value == 0 { return nil }
            return value
        }
    }

    /// One end of a range of scores: `(` in front excludes it. Unlike a score it may be empty, for 0, and
    /// begin with space.
    static func parseBound(_ text: ByteSlice) -> (value: Double, isExcluded: Bool)? {
        let isExcluded = text.count > 0 && text[0] == UInt8(ascii: "(")
        let number = isExcluded ? text.slice(from: 1, count: text.count - 1) : text
        if let short = parseShortInteger(number) { return (short, isExcluded) }
        return withCText(number) { start in
            var end: UnsafeMutablePointer<CChar>?
            let value = strtod(start, &end)
            guard let end, end.pointee == 0, !value.isNaN else { return nil }
            return (value, isExcluded)
        }
    }

    /// Up to fifteen digits, perhaps with a sign: what most scores are.
    private static func parseShortInteger(_ text: ByteSlice) -> Double? {
        var index = 0
        var isNegative = false
        if text.count > 1, text[0] == UInt8(ascii: "-") {
            isNegative = true
            index = 1
        }
        guard text.count > index, text.count - index <= 15 else { return nil }
        var magnitude = 0
        while index < text.count {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { return nil }
            magnitude = magnitude * 10 + Int(digit)
            index += 1
        }
        return isNegative ? -Double(magnitude) : Double(magnitude)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }

    private static func withCText<R>(_ text: ByteSlice, _ body: (UnsafeMutablePointer<CChar>) -> R) -> R {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { buffer in
            memcpy(buffer.baseAddress!, text.base, text.count)
            buffer[text.count] = 0
            return body(buffer.baseAddress!)
        }
    }

    // MARK: Writing

    /// The same as text, for what is shown rarely.
    static func string(_ value: Double) -> String { with(value) { $0.string } }

    /// Hands the text of `value` to `body`, borrowed.
    static func with<R>(_ value: Double, _ body: (ByteSlice) -> R) -> R {
        if let integer = Int64(exactly: value), value.sign == .plus || integer != 0,
            integer.magnitude <= UInt64(Int64.max / 2)
        {
            return DecimalText.with(integer, body)
        }
        return withUnsafeTemporaryAllocation(byteCount: bytesMax, alignment: 1) { buffer in
            var writer = Writer(buffer: buffer)
            if value.isNaN {
                writer.put("nan")
            } else if value.isInfinite {
                writer.put(value < 0 ? "-inf" : "inf")
            } else if value == 0 {
                writer.put("-0")
            } else {
                writer.putShortest(value)
            }
            return body(ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[0..<writer.count])))
        }
    }

    private struct Writer {
        let buffer: UnsafeMutableRawBufferPointer
        var count = 0

        mutating func put(_ byte: UInt8) {
            buffer[count] = byte
            count += 1
        }

        mutating func put(_ text: StaticString) {
            for index in 0..<text.utf8CodeUnitCount { put(text.utf8Start[index]) }
        }

        mutating func putZeros(_ zeros: Int) {
            for _ in 0..<max(0, zeros) { put(0x30) }
        }

        mutating func putShortest(_ value: Double) {
            if value < 0 { put(UInt8(ascii: "-")) }
            // The standard library finds the shortest digits; only their arrangement differs.
            var digits: (InlineArray<20, UInt8>) = .init(repeating: 0)
            var digitCount = 0
            var exponent = 0
            var pointAt: Int?
            var text = value.magnitude.description
            text.withUTF8 { bytes in
                var index = 0
                while index < bytes.count {
                    let byte = bytes[index]
                    index += 1
                    if byte == UInt8(ascii: ".") {
                        pointAt = digitCount
                    } else if byte == UInt8(ascii: "e") {
                        var isNegative = false
                        while index < bytes.count {
                            if bytes[index] == UInt8(ascii: "-") { isNegative = true }
                            if bytes[index] &- 0x30 <= 9 { exponent = exponent * 10 + Int(bytes[index] &- 0x30) }
                            index += 1
                        }
                        if isNegative { exponent = -exponent }
                    } else if digitCount > 0 || byte != 0x30 {
                        digits[digitCount] = byte
                        digitCount += 1
                    } else if pointAt != nil {
                        // A zero after the point and before the first digit.
                        exponent -= 1
                    }
                }
            }
            // value = 0.d₁d₂… · 10^point → digits · 10^shift
            let integerDigits = pointAt ?? digitCount
            while digitCount > 1, digits[digitCount - 1] == 0x30 {
                digitCount -= 1
            }
            let shift = integerDigits + exponent - digitCount
            putArranged(digits, digitCount, shift)
        }

        /// `digits` · 10^`shift`, as an integer, with a point, or with an exponent.
        private mutating func putArranged(_ digits: InlineArray<20, UInt8>, _ digitCount: Int, _ shift: Int) {
            let exponent = shift + digitCount - 1
            if shift >= 0, exponent.magnitude < digitCount + 7 {
                for index in 0..<digitCount { put(digits[index]) }
                putZeros(shift)
            } else if shift < 0, shift > -7 || exponent.magnitude < 4 {
                let before = digitCount + shift
                if before <= 0 {
                    put("0.")
                    putZeros(-before)
                    for index in 0..<digitCount { put(digits[index]) }
                } else {
                    for index in 0..<digitCount {
                        if index == before { put(UInt8(ascii: ".")) }
                        put(digits[index])
                    }
                }
            } else {
                put(digits[0])
                if digitCount > 1 {
                    put(UInt8(ascii: "."))
                    for index in 1..<digitCount { put(digits[index]) }
                }
                put(UInt8(ascii: "e"))
                put(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
                DecimalText.with(Int64(exponent.magnitude)) { text in
                    for index in 0..<text.count { put(text[index]) }
                }
            }
        }
    }
}

#if arch(x86_64)
typealias ExtendedDouble = Float80
#else
typealias ExtendedDouble = Double
#endif

/// Numbers of HINCRBYFLOAT and INCRBYFLOAT.
enum ExtendedText {
    /// Longest text that is read as a number.
    private static let inputBytesMax = 255
    /// The largest double in fixed-point form, sign, point and 17 decimals.
    private static let outputBytesMax = 5_120

    static func parse(_ text: ByteSlice) -> ExtendedDouble? {
        guard text.count > 0, text.count <= inputBytesMax, text[0] != 0x20, text[0] &- 9 >= 5 else { return nil }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { buffer in
            memcpy(buffer.baseAddress!, text.base, text.count)
            buffer[text.count] = 0
            var end: UnsafeMutablePointer<CChar>?
            errno = 0
            #if arch(x86_64)
            let value = strtold(buffer.baseAddress!, &end)
            #else
            let value = strtod(buffer.baseAddress!, &end)
            #endif
            guard end == buffer.baseAddress! + text.count, !value.isNaN else { return nil }
            if errno == ERANGE, value.isInfinite || value == 0 { return nil }
            return value
        }
    }

    /// Hands the text of `value` to `body`, borrowed: up to 17 decimals, no trailing zeros, no exponent.
    static func with<R>(_ value: ExtendedDouble, _ body: (ByteSlice) -> R) -> R {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: outputBytesMax) { buffer in
            #if arch(x86_64)
            let format = "%.17Lf"
            #else
            let format = "%.17f"
            #endif
            var count = Int(
                withVaList([value]) { vsnprintf(buffer.baseAddress!, buffer.count, format, $0) })
            precondition(count > 0 && count < buffer.count)
            if (0..<count).contains(where: { buffer[$0] == 0x2E }) {
                while buffer[count - 1] == 0x30 { count -= 1 }
                if buffer[count - 1] == 0x2E { count -= 1 }
            }
            let text = ByteSlice(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<count]))
            return text.equals("-0") ? body(ByteSlice(base: text.base + 1, count: 1)) : body(text)
        }
    }
}

/// Numbers with so many decimals, as C's `%f` writes them.
enum FixedText {
    /// The largest double has 309 digits before the point.
    private static let bytesMax = 400

    static func with<R>(_ value: Double, decimals: Int, _ body: (ByteSlice) -> R) -> R {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytesMax) { buffer in
            let count = Int(
                withVaList([Int32(decimals), value]) { vsnprintf(buffer.baseAddress!, buffer.count, "%.*f", $0) })
            precondition(count > 0 && count < buffer.count)
            return body(ByteSlice(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<count])))
        }
    }
}
