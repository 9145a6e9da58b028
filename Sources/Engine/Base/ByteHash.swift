// The hash of a byte string: 64 bits, seeded, eight bytes a step.
// Used for names, keys and members alike. The seed is drawn anew at every start, so that nobody outside
// can prepare colliding keys; results never leave the process and are never stored.
// Loop thread only. Next: ByteString.swift.

import Wire

/// Seeded multiply-and-fold hash over bytes.
public enum ByteHash {
    /// Set once by the server before the engine is made; tests leave it as it is, for runs that repeat.
    nonisolated(unsafe) public static var seed: UInt64 = 0x9AE1_6A3B_2F90_404F

    @inline(__always)
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// The hash of `count` bytes at `base`.
    static func hash(_ base: UnsafeRawPointer, count: Int) -> UInt64 {
        let prime0: UInt64 = 0xA076_1D64_78BD_642F
        let prime1: UInt64 = 0xE703_7ED1_A0B4_28DB
        var state = seed ^ prime0
        var position = base
        var left = count
        while left > 16 {
            let first = position.loadUnaligned(as: UInt64.self)
            let second = position.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            state = fold(first ^ prime1, second ^ state)
            position += 16
            left -= 16
        }
        var first: UInt64 = 0
        var second: UInt64 = 0
        if left >= 8 {
            first = position.loadUnaligned(as: UInt64.self)
            second = position.loadUnaligned(fromByteOffset: left - 8, as: UInt64.self)
        } else if left >= 4 {
            first = UInt64(position.loadUnaligned(as: UInt32.self))
            second = UInt64(position.loadUnaligned(fromByteOffset: left - 4, as: UInt32.self))
        } else if left > 0 {
            first = UInt64(position.load(as: UInt8.self))
            second =
                UInt64(position.load(fromByteOffset: left >> 1, as: UInt8.self)) << 8
                | UInt64(position.load(fromByteOffset: left - 1, as: UInt8.self))
        }
        return fold(prime1 ^ UInt64(truncatingIfNeeded: count), fold(first ^ prime1, second ^ state))
    }

    @inline(__always)
    static func hash(_ slice: ByteSlice) -> UInt64 { hash(slice.base, count: slice.count) }
}
