import Testing
import Wire

@testable import Engine

/// What a field makes of a number, in exact arithmetic.
private struct FieldModel {
    let isSigned: Bool
    let width: Int

    var minimum: Int128 { isSigned ? -(Int128(1) << Int128(width - 1)) : 0 }
    var maximum: Int128 { (Int128(1) << Int128(isSigned ? width - 1 : width)) - 1 }

    private func outcome(_ exact: Int128, isAbove: Bool, _ rule: BitField.OverflowRule) -> Int128? {
        if exact >= minimum, exact <= maximum { return exact }
        switch rule {
        case .fail: return nil
        case .saturate: return isAbove ? maximum : minimum
        case .wrap:
            let size = maximum - minimum + 1
            let rest = (exact - minimum) % size
            return minimum + (rest < 0 ? rest + size : rest)
        }
    }

    func sum(_ value: Int64, _ increment: Int64, _ rule: BitField.OverflowRule) -> Int128? {
        let exact = Int128(value) + Int128(increment)
        return outcome(exact, isAbove: exact > maximum, rule)
    }

    /// Redis compares by subtracting in 64 bits: so far below the range a number counts as above it. Without sign
    /// all negative numbers do.
    func set(_ value: Int64, _ rule: BitField.OverflowRule) -> Int128? {
        let isAbove = Int128(value) > maximum || (isSigned ? maximum - Int128(value) > Int128(Int64.max) : value < 0)
        return outcome(Int128(value), isAbove: isAbove, rule)
    }
}

/// Goal: no pair of numbers stops the daemon, and each field answers as Redis's does. Method: every sign, width and
/// rule, numbers at and beside every limit, against exact arithmetic.
@Test(arguments: [true, false])
func bitFieldsAgreeWithExactArithmetic(isSigned: Bool) {
    for width in 1...(isSigned ? 64 : 63) {
        let field = BitField(isSigned: isSigned, width: width, offset: 0)
        let model = FieldModel(isSigned: isSigned, width: width)
        #expect(Int128(field.minimum) == model.minimum && Int128(field.maximum) == model.maximum)
        var numbers: Set<Int64> = [0, 1, -1, 2, -2, 77, -77, .max, .min, .max - 1, .min + 1, .max / 2, .min / 2]
        for limit in [field.minimum, field.maximum] {
            numbers.formUnion([limit, limit &+ 1, limit &- 1, 0 &- limit, ~limit, limit << 1, limit &- .max])
        }
        for rule in [BitField.OverflowRule.wrap, .saturate, .fail] {
            for number in numbers {
                #expect(
                    field.sum(number, 0, rule).map { Int128($0) } == model.set(number, rule),
                    "set \(number) in \(width) bits, signed \(isSigned), \(rule)")
                let held = field.wrapped(number)
                #expect(held >= field.minimum && held <= field.maximum)
                for increment in numbers {
                    #expect(
                        field.sum(held, increment, rule).map { Int128($0) } == model.sum(held, increment, rule),
                        "\(held) + \(increment) in \(width) bits, signed \(isSigned), \(rule)")
                }
            }
        }
    }
}

/// Goal: what is written is read back, and no other bit changes. Method: every width at offsets around bytes.
@Test func bitFieldsWriteTheirBitsOnly() {
    var random = RandomSource(seed: 7)
    for width in 1...64 {
        for offset in 0..<17 {
            let field = BitField(isSigned: true, width: width, offset: offset)
            var bytes = (0..<12).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let before = bytes
            let number = field.wrapped(Int64(bitPattern: random.next()))
            bytes.withUnsafeMutableBytes { field.write(number, to: $0.baseAddress!) }
            #expect(bytes.withUnsafeBytes { field.read(ByteSlice($0)) } == number)
            for bit in 0..<96 where bit < field.offset || bit >= field.end {
                #expect(bytes[bit / 8] >> UInt8(7 - bit % 8) & 1 == before[bit / 8] >> UInt8(7 - bit % 8) & 1)
            }
        }
    }
}
