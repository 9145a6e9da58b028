// Integers of any width at any bit of a string, as BITFIELD has them, and what becomes of a number that such
// an integer cannot hold. All arithmetic wraps: both numbers come from clients.
// Pure; any thread. Next: ../Commands/BitfieldCommands.swift.

import Wire

/// An integer of 1 to 64 bits (63 without sign) at a bit of a string.
struct BitField {
    /// What is done with a number out of range.
    enum OverflowRule { case wrap, saturate, fail }

    private enum Direction { case up, down }

    var isSigned: Bool
    var width: Int
    var offset: Int

    /// The bit after its last one.
    var end: Int { offset + width }

    var minimum: Int64 { isSigned ? Int64.min >> (64 - width) : 0 }
    var maximum: Int64 { Int64(bitPattern: UInt64.max >> (isSigned ? 65 - width : 64 - width)) }

    // MARK: Bits

    /// Bits beyond the end of the string are 0.
    func read(_ value: ByteSlice) -> Int64 {
        var bits: UInt64 = 0
        for index in offset..<end {
            let byte = index / 8 < value.count ? value[index / 8] : 0
            bits = bits << 1 | UInt64(byte >> UInt8(7 - index % 8) & 1)
        }
        return wrapped(Int64(bitPattern: bits))
    }

    /// Writes the number's low bits; there is room.
    func write(_ number: Int64, to bytes: UnsafeMutableRawPointer) {
        for index in 0..<width {
            let position = offset + index
            let mask = UInt8(0x80) >> UInt8(position % 8)
            let old = bytes.load(fromByteOffset: position / 8, as: UInt8.self)
            let isSet = (number >> Int64(width - 1 - index)) & 1 == 1
            bytes.storeBytes(of: isSet ? old | mask : old & ~mask, toByteOffset: position / 8, as: UInt8.self)
        }
    }

    // MARK: Numbers

    /// The number's low bits, as this field reads them.
    func wrapped(_ number: Int64) -> Int64 {
        let unused = Int64(64 - width)
        let shifted = number << unused
        return isSigned ? shifted >> unused : Int64(bitPattern: UInt64(bitPattern: shifted) >> UInt64(unused))
    }

    /// What the field holds after `increment` is added to `value`; nil when it refuses. To set a number is to add
    /// nothing to it, so `value` may be any.
    func sum(_ value: Int64, _ increment: Int64, _ rule: OverflowRule) -> Int64? {
        guard let direction = isSigned ? signedOverflow(value, increment) : unsignedOverflow(value, increment) else {
            return value &+ increment
        }
        switch rule {
        case .wrap: return wrapped(value &+ increment)
        case .saturate: return direction == .up ? maximum : minimum
        case .fail: return nil
        }
    }

    // On which side the range is left is decided as Redis decides it, whose subtractions wrap: a narrow field
    // takes a number further than 2⁶³ below its maximum for too large.

    private func signedOverflow(_ value: Int64, _ increment: Int64) -> Direction? {
        let room = maximum &- value
        if value > maximum || increment > room && (width < 64 || value >= 0 && increment > 0) { return .up }
        let depth = minimum &- value
        if value < minimum || increment < depth && (width < 64 || value < 0 && increment < 0) { return .down }
        return nil
    }

    /// A negative number is a very large one without sign.
    private func unsignedOverflow(_ value: Int64, _ increment: Int64) -> Direction? {
        if value < 0 || value > maximum || increment > 0 && increment > maximum &- value { return .up }
        return increment < 0 && increment < 0 &- value ? .down : nil
    }
}
