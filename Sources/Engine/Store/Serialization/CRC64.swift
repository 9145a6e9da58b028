// The checksum of what DUMP gives and of RDB files: eight tables, so that eight bytes go through at a time.
// Next: DumpPayload.swift, DumpWindow.swift.

import Wire

/// CRC-64 with Jones's polynomial, as Redis uses it: bits reflected, nothing inverted.
enum CRC64 {
    private static let polynomial: UInt64 = 0x95AC_9329_AC4B_C9B5

    /// Entry `256 · n + byte`: what a byte does to the sum that n zero bytes follow.
    private static let tables: [UInt64] = {
        var tables = (0..<256 as Range<UInt64>).map { byte in
            (0..<8).reduce(byte) { sum, _ in sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ polynomial }
        }
        for index in 256..<8 * 256 {
            let before = tables[index - 256]
            tables.append(tables[Int(before & 255)] ^ before >> 8)
        }
        return tables
    }()

    /// The sum of bytes that follow those whose sum is `sum`.
    static func sum(_ bytes: ByteSlice, after sum: UInt64 = 0) -> UInt64 {
        tables.withUnsafeBufferPointer { tables in
            var sum = sum
            var position = bytes.base
            let end = bytes.base + bytes.count
            while end - position >= 8 {
                let word = sum ^ UInt64(littleEndian: position.loadUnaligned(as: UInt64.self))
                sum = 0
                for byte in 0..<8 {
                    sum ^= tables[(7 - byte) << 8 | Int(truncatingIfNeeded: word >> UInt64(byte * 8) & 255)]
                }
                position += 8
            }
            while position < end {
                sum = tables[Int(UInt8(truncatingIfNeeded: sum) ^ position.load(as: UInt8.self))] ^ sum >> 8
                position += 1
            }
            return sum
        }
    }
}
