// The checksum of what DUMP gives, a table's entry for each byte.
// Next: DumpPayload.swift.

import Wire

/// CRC-64 with Jones's polynomial, as Redis uses it: bits reflected, nothing inverted.
enum CRC64 {
    private static let polynomial: UInt64 = 0x95AC_9329_AC4B_C9B5

    private static let table: [UInt64] = (0..<256 as Range<UInt64>).map { byte in
        (0..<8).reduce(byte) { sum, _ in sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ polynomial }
    }

    static func sum(_ bytes: ByteSlice) -> UInt64 {
        table.withUnsafeBufferPointer { table in
            var sum: UInt64 = 0
            for byte in bytes.buffer { sum = table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8 }
            return sum
        }
    }
}
