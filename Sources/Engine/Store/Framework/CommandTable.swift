// All commands by name. The lists come from the files under Commands/ (and Inspection/); joining them here is
// the only place that names them all. A name given twice stops the start.
// Rows carry what is counted about a command, so that counting costs no second lookup.
// Loop thread only. Next: RESPCommand.swift (how to add one).

import Wire

/// A command with its statistics.
final class CommandRow {
    let command: RESPCommand
    /// Lower case: `set`, `client|kill`.
    let fullName: String
    /// Its place among all rows of its table, subcommands included.
    fileprivate(set) var number = 0
    let isSubcommand: Bool
    /// How it uses its keys.
    let keyAccess: KeyAccess
    /// Its categories, by their places among all: rules of users ask often.
    private(set) lazy var categoryBits = CommandDescription(self).categoryBits
    let flags: CommandFlags
    let arity: CommandArity
    let handler: RESPCommand.Handler
    /// The first argument is a key: worth fetching ahead.
    let hasKeyFirst: Bool
    /// The word that mostly is a member of the key's value, for commands that look one up; 0: none.
    let memberWord: Int
    /// Lower-case names of subcommands.
    fileprivate(set) var subcommands: [(name: ByteString, row: CommandRow)] = []

    // What INFO commandstats shows.
    var calls: UInt64 = 0
    var microseconds: Int64 = 0
    var rejectedCalls: UInt64 = 0
    var failedCalls: UInt64 = 0
    /// How long its calls took, while `latency-tracking` is on.
    var latency = LatencyHistogram()

    fileprivate init(_ command: RESPCommand, container: RESPCommand? = nil) {
        self.command = command
        let name = command.name.description.lowercased()
        fullName = container.map { "\($0.name.description.lowercased())|\(name)" } ?? name
        isSubcommand = container != nil
        keyAccess = KeyAccess(command, fullName: fullName)
        flags = command.flags
        arity = command.arity
        handler = command.handler
        hasKeyFirst =
            switch command.keys {
            case .first, .all: true
            case .range(let first, _, _): first == 1
            default: false
            }
        memberWord =
            switch command.group {
            case .hash, .set: 2
            case .sortedSet: ["zadd", "zincrby"].contains(name) ? 3 : 2
            default: 0
            }
    }

    /// The subcommand of this name, in any case.
    func subcommand(_ name: ByteSlice) -> CommandRow? {
        for (candidate, row) in subcommands where candidate.count == name.count {
            var isSame = true
            for index in 0..<name.count where CommandTable.lower(name[index]) != candidate.slice[index] {
                isSame = false
                break
            }
            if isSame { return row }
        }
        return nil
    }
}

/// Name → row, in any case.
final class CommandTable {
    /// In the order of the lists.
    let rows: [CommandRow]
    /// The same with their subcommands, by number.
    let allRows: [CommandRow]
    private var slots: [Slot]
    private let mask: Int

    /// Names are compared as three words of eight lower-case letters, padded with zeros.
    static let nameBytesMax = 24

    private struct PackedName: Equatable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
    }

    private struct Slot {
        var name: PackedName
        var row: CommandRow?
    }

    /// A row to stand where none has been chosen yet.
    var anyRow: CommandRow { rows[0] }

    init(_ lists: [[RESPCommand]] = CommandTable.allLists) {
        rows = lists.joined().map { CommandRow($0) }
        for row in rows {
            for subcommand in row.command.subcommands {
                let name = ByteString(subcommand.name.description.lowercased())
                precondition(
                    row.subcommand(name.slice) == nil, "subcommand defined twice: \(row.fullName) \(name.string)")
                row.subcommands.append((name, CommandRow(subcommand, container: row.command)))
            }
        }
        allRows = rows.flatMap { [$0] + $0.subcommands.map(\.row) }
        for (number, row) in allRows.enumerated() { row.number = number }
        var capacity = 256
        while capacity < rows.count * 4 { capacity *= 2 }
        mask = capacity - 1
        slots = Array(repeating: Slot(name: PackedName(), row: nil), count: capacity)
        for row in rows {
            let text = row.command.name
            precondition(text.utf8CodeUnitCount <= Self.nameBytesMax, "command name too long: \(text)")
            let packed = Self.pack(ByteSlice(base: text.utf8Start, count: text.utf8CodeUnitCount))!
            var index = Self.spread(packed) & mask
            while slots[index].row != nil {
                precondition(slots[index].name != packed, "command defined twice: \(text)")
                index = (index + 1) & mask
            }
            slots[index] = Slot(name: packed, row: row)
        }
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// Eight letters at once, to lower case.
    @inline(__always)
    private static func lower(_ word: UInt64) -> UInt64 {
        let low = word & 0x7F7F_7F7F_7F7F_7F7F
        // Bit 7 of each byte: ≥ 'A', and > 'Z'.
        let fromA = low &+ 0x3F3F_3F3F_3F3F_3F3F
        let afterZ = low &+ 0x2525_2525_2525_2525
        let isUpper = (fromA & ~afterZ & ~word) & 0x8080_8080_8080_8080
        return word | isUpper >> 2
    }

    /// Up to eight bytes, zero padded, in lower case.
    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 8 { return lower(base.loadUnaligned(as: UInt64.self)) }
        var value: UInt64 = 0
        if count >= 4 {
            let head = UInt64(base.loadUnaligned(as: UInt32.self))
            let tail = UInt64(base.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
            value = head | tail << UInt64((count - 4) * 8)
        } else if count > 0 {
            value = UInt64(base.load(as: UInt8.self))
            if count > 1 { value |= UInt64(base.load(fromByteOffset: 1, as: UInt8.self)) << 8 }
            if count > 2 { value |= UInt64(base.load(fromByteOffset: 2, as: UInt8.self)) << 16 }
        }
        return lower(value)
    }

    @inline(__always)
    private static func pack(_ name: ByteSlice) -> PackedName? {
        let count = name.count
        guard count <= nameBytesMax else { return nil }
        var packed = PackedName(first: word(name.base, count))
        if count > 8 { packed.second = word(name.base + 8, count - 8) }
        if count > 16 { packed.third = word(name.base + 16, count - 16) }
        return packed
    }

    @inline(__always)
    private static func spread(_ name: PackedName) -> Int {
        Int(truncatingIfNeeded: ByteHash.fold(name.first ^ name.third &* 3, 0x9E37_79B9_7F4A_7C15 ^ name.second) >> 1)
    }

    /// The row of a command, not looking at subcommands.
    @inline(__always)
    func find(_ name: ByteSlice) -> CommandRow? {
        guard let packed = Self.pack(name) else { return nil }
        var index = Self.spread(packed) & mask
        while true {
            let slot = slots[index]
            guard let row = slot.row else { return nil }
            if slot.name == packed { return row }
            index = (index + 1) & mask
        }
    }

    /// The row that these words name: of the subcommand, where the command has any. A container with an unknown
    /// second word gives the container's own row, whose handler says so.
    @inline(__always)
    func find(_ arguments: RESPArguments) -> CommandRow? {
        guard let row = find(arguments[0]) else { return nil }
        if !row.subcommands.isEmpty, arguments.count > 1 { return row.subcommand(arguments[1]) ?? row }
        return row
    }
}
