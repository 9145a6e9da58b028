// What SCAN, HSCAN, SSCAN and ZSCAN have in common: cursor, MATCH, COUNT, TYPE.
// Next: KeyCommands.swift.

import Wire

/// Options of a scan. Borrows from the call.
struct ScanOptions {
    var pattern: ByteSlice?
    var count = 10
    var type: ByteSlice?

    init(_ call: CommandCall, from first: Int, allowsType: Bool = false) throws(CommandError) {
        var index = first
        while index < call.count {
            guard index + 1 < call.count else { throw .syntax }
            if call.word(index, is: "match") {
                // A lone star matches everything and is not worth trying.
                pattern = call[index + 1].equals("*") ? nil : call[index + 1]
            } else if call.word(index, is: "count") {
                let wanted = try call.integer(index + 1)
                guard wanted >= 1 else { throw .syntax }
                count = Int(min(wanted, 1_000_000_000))
            } else if allowsType, call.word(index, is: "type") {
                type = call[index + 1]
            } else {
                throw .syntax
            }
            index += 2
        }
    }

    /// Whether a name or member is wanted.
    func matches(_ name: ByteSlice) -> Bool { pattern.map { Glob.matches($0, name) } ?? true }

    /// A cursor is an unsigned number of 64 bits; no text at all is 0, as it is for Redis.
    static func cursor(_ text: ByteSlice) throws(CommandError) -> UInt64 {
        guard let cursor = parse(text) else { throw .text("ERR invalid cursor") }
        return cursor
    }

    private static func parse(_ text: ByteSlice) -> UInt64? {
        guard text.count <= 20 else { return nil }
        var value: UInt64 = 0
        for byte in text.buffer {
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(UInt64(digit))
            guard !tooLarge, !overflow else { return nil }
            value = sum
        }
        return value
    }
}
