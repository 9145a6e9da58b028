// Bits of strings: the first bit is the highest of the first byte. BITFIELD is in BitfieldCommands.swift.
// Next: ../Keyspace/Keyspace+Strings.swift.

import Wire

extension RESPCommand {
    static var bitmapCommands: [RESPCommand] { [setbit, getbit, bitcount, bitpos, bitop] }

    /// `SETBIT key offset 0|1` → the old bit. Grows the string with zeros.
    static let setbit = RESPCommand(
        "SETBIT", .exactly(4), [.write, .denyOOM], keys: .first, group: .bitmap, since: "2.2.0",
        summary: "Sets or clears a bit of a string value."
    ) { call throws(CommandError) in
        let offset = try call.bitOffset(2)
        let invalid = CommandError.text("ERR bit is not an integer or out of range")
        let bit = UInt8(try call.integer(3, in: 0...1, or: invalid))
        let bytes = try call.keys.editString(call[1], minimumCount: offset / 8 + 1)
        let mask = UInt8(0x80) >> UInt8(offset % 8)
        let old = bytes.load(fromByteOffset: offset / 8, as: UInt8.self)
        bytes.storeBytes(of: bit == 1 ? old | mask : old & ~mask, toByteOffset: offset / 8, as: UInt8.self)
        call.keys.modified(call[1], .string, "setbit")
        call.reply.integer(old & mask == 0 ? 0 : 1)
    }

    /// `GETBIT key offset` → the bit; 0 beyond the end.
    static let getbit = RESPCommand(
        "GETBIT", .exactly(3), [.readonly, .fast], keys: .first, group: .bitmap, since: "2.2.0",
        summary: "Returns a bit of a string value."
    ) { call throws(CommandError) in
        let offset = try call.bitOffset(2)
        guard let value = try call.keys.readString(call[1]), offset / 8 < value.count else {
            return call.reply.integer(0)
        }
        call.reply.integer(value[offset / 8] & (0x80 >> UInt8(offset % 8)) == 0 ? 0 : 1)
    }

    /// `BITCOUNT key [start end [BYTE|BIT]]` → how many bits are set.
    static let bitcount = RESPCommand(
        "BITCOUNT", .atLeast(2), [.readonly], keys: .first, group: .bitmap, since: "2.6.0",
        summary: "Counts the set bits of a string value.", complexity: "O(N)"
    ) { call throws(CommandError) in
        guard let value = try call.keys.readString(call[1]) else { return call.reply.integer(0) }
        guard call.count == 2 || call.count == 4 || call.count == 5 else { throw .syntax }
        let range = try call.bitRange(of: value, from: 2, isCount: true)
        call.reply.integer(Bits.count(value, range))
    }

    /// `BITPOS key bit [start [end [BYTE|BIT]]]` → position of the first such bit, or −1.
    static let bitpos = RESPCommand(
        "BITPOS", .atLeast(3), [.readonly], keys: .first, group: .bitmap, since: "2.8.7",
        summary: "Finds the first set or clear bit of a string value.", complexity: "O(N)"
    ) { call throws(CommandError) in
        let number = try call.integer(2)
        guard number == 0 || number == 1 else { throw .text("ERR The bit argument must be 1 or 0.") }
        let bit = number == 1
        guard let value = try call.keys.readString(call[1]) else { return call.reply.integer(bit ? -1 : 0) }
        guard call.count <= 6 else { throw .syntax }
        let range = try call.bitRange(of: value, from: 3, isCount: false)
        if let found = Bits.first(bit, value, range) { return call.reply.integer(found) }
        // Without an end given, the string counts as followed by zeros.
        call.reply.integer(!bit && call.count <= 4 && !range.isEmpty ? range.upperBound : -1)
    }

    /// `BITOP AND|OR|XOR|NOT destination key …` → length of the result. Shorter strings count as followed by zeros.
    static let bitop = RESPCommand(
        "BITOP", .atLeast(4), [.write, .denyOOM], keys: .range(first: 2, last: -1, step: 1), group: .bitmap,
        since: "2.6.0", summary: "Combines string values bit by bit and keeps the result.", complexity: "O(N)"
    ) { call throws(CommandError) in
        try call.combineBits()
    }
}

/// Counting and finding bits.
private enum Bits {
    static func get(_ value: ByteSlice, _ index: Int) -> Bool {
        value[index / 8] & (0x80 >> UInt8(index % 8)) != 0
    }

    static func count(_ value: ByteSlice, _ range: Range<Int>) -> Int {
        var total = 0
        var index = range.lowerBound
        while index < range.upperBound {
            if index % 8 == 0, range.upperBound - index >= 64 {
                total += value.base.loadUnaligned(fromByteOffset: index / 8, as: UInt64.self).nonzeroBitCount
                index += 64
            } else {
                if get(value, index) { total += 1 }
                index += 1
            }
        }
        return total
    }

    static func first(_ bit: Bool, _ value: ByteSlice, _ range: Range<Int>) -> Int? {
        let skipped: UInt64 = bit ? 0 : UInt64.max
        var index = range.lowerBound
        while index < range.upperBound {
            if index % 8 == 0, range.upperBound - index >= 64,
                value.base.loadUnaligned(fromByteOffset: index / 8, as: UInt64.self) == skipped
            {
                index += 64
            } else {
                if get(value, index) == bit { return index }
                index += 1
            }
        }
        return nil
    }
}

extension CommandCall {
    /// Offset of a bit, below what the largest string has.
    func bitOffset(_ index: Int) throws(CommandError) -> Int {
        let bits = Int64(store.context.configuration.respBulkBytesMax) * 8
        return Int(
            try integer(
                index, in: 0...bits - 1, or: .text("ERR bit offset is not an integer or out of range")))
    }

    /// Positions of bits from `[start [end [BYTE|BIT]]]`; negative numbers count from the end.
    fileprivate func bitRange(
        of value: ByteSlice, from first: Int, isCount: Bool
    ) throws(CommandError) -> Range<Int> {
        guard count > first else { return 0..<value.count * 8 }
        var start = try integer(first)
        let given = count > first + 1 ? try integer(first + 1) : nil
        var isInBits = false
        if count > first + 2 {
            if word(first + 2, is: "bit") {
                isInBits = true
            } else if !word(first + 2, is: "byte") {
                throw .syntax
            }
        }
        let total = Int64(isInBits ? value.count * 8 : value.count)
        var end = given ?? total - 1
        if isCount, start < 0, end < 0, start > end { return 0..<0 }
        if start < 0 { start = max(0, start + total) }
        if end < 0 { end = max(0, end + total) }
        end = min(end, total - 1)
        guard start <= end else { return 0..<0 }
        let unit = isInBits ? 1 : 8
        return Int(start) * unit..<(Int(end) + 1) * unit
    }

    fileprivate func combineBits() throws(CommandError) {
        enum Operation { case and, or, xor, not }
        let operation: Operation
        if word(1, is: "and") {
            operation = .and
        } else if word(1, is: "or") {
            operation = .or
        } else if word(1, is: "xor") {
            operation = .xor
        } else if word(1, is: "not") {
            operation = .not
        } else {
            throw .syntax
        }
        guard operation != .not || count == 4 else {
            throw .text("ERR BITOP NOT must be called with a single source key.")
        }
        var result = try keys.readString(self[3])?.array ?? []
        if operation == .not {
            for index in result.indices { result[index] = ~result[index] }
        }
        for position in 4..<max(4, count) {
            let other = try keys.readString(self[position]) ?? .empty
            if other.count > result.count {
                result += [UInt8](repeating: 0, count: other.count - result.count)
            }
            for index in result.indices {
                let byte = index < other.count ? other[index] : 0
                switch operation {
                case .and: result[index] &= byte
                case .or: result[index] |= byte
                case .xor, .not: result[index] ^= byte
                }
            }
        }
        if result.isEmpty {
            if keys.remove(self[2]) { keys.modified(self[2], .generic, "del") }
        } else {
            result.withUnsafeBytes { keys.setString(self[2], ByteSlice($0)) }
            keys.modified(self[2], .string, "set")
        }
        reply.integer(result.count)
    }
}
