// BITFIELD: integers of any width at any bit of a string.
// Loop thread only. Next: ../Types/BitField.swift (their arithmetic), BitmapCommands.swift.

import Wire

extension RESPCommand {
    static var bitfieldCommands: [RESPCommand] { [bitfield, bitfieldReadOnly] }

    /// `BITFIELD key [GET type offset] [SET type offset value] [INCRBY type offset n] [OVERFLOW WRAP|SAT|FAIL] …`
    /// → array with a number or null for each.
    static let bitfield = RESPCommand(
        "BITFIELD", .atLeast(2), [.write, .denyOOM], keys: .first, group: .bitmap, since: "3.2.0",
        summary: "Reads and writes integers of any width within a string value.",
        complexity: "O(1) for each of the operations"
    ) { call throws(CommandError) in
        try call.runBitfield(readsOnly: false)
    }

    /// `BITFIELD_RO key [GET type offset …]` → array of numbers.
    static let bitfieldReadOnly = RESPCommand(
        "BITFIELD_RO", .atLeast(2), [.readonly, .fast], keys: .first, group: .bitmap, since: "6.0.0",
        summary: "Reads integers of any width within a string value.", complexity: "O(1) for each of the operations"
    ) { call throws(CommandError) in
        try call.runBitfield(readsOnly: true)
    }
}

extension CommandCall {
    private enum FieldOperation { case get, set, increment }

    private func field(_ index: Int) throws(CommandError) -> BitField {
        let invalid = CommandError.text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
        let type = self[index]
        guard type.count > 1, type[0] == 0x69 || type[0] == 0x75 else { throw invalid }
        let isSigned = type[0] == 0x69
        guard let width = RESPNumber.integer(type.slice(from: 1, count: type.count - 1)), width >= 1,
            width <= (isSigned ? 64 : 63)
        else { throw invalid }
        let outOfRange = CommandError.text("ERR bit offset is not an integer or out of range")
        let text = self[index + 1]
        var offset: Int64
        if text.count > 1, text[0] == 0x23 {
            guard let number = RESPNumber.integer(text.slice(from: 1, count: text.count - 1)) else { throw outOfRange }
            let (product, overflow) = number.multipliedReportingOverflow(by: width)
            guard !overflow else { throw outOfRange }
            offset = product
        } else {
            guard let number = RESPNumber.integer(text) else { throw outOfRange }
            offset = number
        }
        guard offset >= 0, offset <= Int64(store.context.configuration.respBulkBytesMax) * 8 - width else {
            throw outOfRange
        }
        return BitField(isSigned: isSigned, width: Int(width), offset: Int(offset))
    }

    fileprivate func runBitfield(readsOnly: Bool) throws(CommandError) {
        var operations: [(kind: FieldOperation, field: BitField, number: Int64, rule: BitField.OverflowRule)] = []
        var rule = BitField.OverflowRule.wrap
        var writtenBits = 0
        var index = 2
        while index < count {
            if word(index, is: "get"), index + 2 < count {
                operations.append((.get, try field(index + 1), 0, rule))
                index += 3
            } else if word(index, is: "set"), index + 3 < count {
                let field = try field(index + 1)
                operations.append((.set, field, try integer(index + 3), rule))
                writtenBits = max(writtenBits, field.end)
                index += 4
            } else if word(index, is: "incrby"), index + 3 < count {
                let field = try field(index + 1)
                operations.append((.increment, field, try integer(index + 3), rule))
                writtenBits = max(writtenBits, field.end)
                index += 4
            } else if word(index, is: "overflow"), index + 1 < count {
                if word(index + 1, is: "wrap") {
                    rule = .wrap
                } else if word(index + 1, is: "sat") {
                    rule = .saturate
                } else if word(index + 1, is: "fail") {
                    rule = .fail
                } else {
                    throw .text("ERR Invalid OVERFLOW type specified")
                }
                index += 2
            } else {
                throw .syntax
            }
        }
        if readsOnly, writtenBits > 0 { throw .text("ERR BITFIELD_RO only supports the GET subcommand") }

        var bytes: UnsafeMutableRawPointer?
        let view: ByteSlice
        var hasChanged = false
        if writtenBits > 0 {
            let length = try keys.findString(self[1])?.count
            let needed = (writtenBits + 7) / 8
            let target = try keys.editString(self[1], minimumCount: needed)
            bytes = target
            view = ByteSlice(base: target, count: max(length ?? 0, needed))
            // The string has its new length even if no operation comes to write into it.
            hasChanged = length == nil || needed > length ?? 0
        } else {
            view = try keys.readString(self[1]) ?? .empty
        }
        reply.array(operations.count)
        for (kind, field, number, rule) in operations {
            let old = field.read(view)
            guard kind != .get, let bytes else {
                reply.integer(old)
                continue
            }
            let value = kind == .increment ? field.sum(old, number, rule) : field.sum(number, 0, rule)
            guard let value else {
                reply.null()
                continue
            }
            field.write(value, to: bytes)
            hasChanged = true
            reply.integer(kind == .set ? old : value)
        }
        if hasChanged { keys.modified(self[1], .string, "setbit") }
    }
}
