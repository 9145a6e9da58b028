// What HSCAN, SSCAN and ZSCAN share: cursor, options, the page of one step; and how random members are chosen.
// A page is collected before it is written, since its length stands first.
// Loop thread only. Next: HashCommands.swift, which uses both.

import Wire

/// Options of a scan of one collection.
struct CollectionScan {
    private let cursor: UInt64
    private var countWanted = 10
    private var pattern: ByteSlice?
    private let call: CommandCall

    /// Matching elements of one step, in the reply's form, and how many were visited.
    struct Page {
        fileprivate let pattern: ByteSlice?
        fileprivate var bytes: [UInt8] = []
        fileprivate var elements = 0
        fileprivate(set) var visited = 0

        private mutating func append(_ slice: ByteSlice) {
            bytes.append(UInt8(ascii: "$"))
            DecimalText.with(Int64(slice.count)) { bytes.append(contentsOf: $0.buffer) }
            bytes.append(13)
            bytes.append(10)
            bytes.append(contentsOf: slice.buffer)
            bytes.append(13)
            bytes.append(10)
            elements += 1
        }

        mutating func add(_ element: ByteSlice) {
            visited += 1
            if let pattern, !Glob.matches(pattern, element) { return }
            append(element)
        }

        mutating func add(_ element: ByteSlice, _ second: ByteSlice) {
            visited += 1
            if let pattern, !Glob.matches(pattern, element) { return }
            append(element)
            append(second)
        }
    }

    /// `key cursor [MATCH pattern] [COUNT count]`
    init(_ call: CommandCall) throws(CommandError) {
        self.call = call
        guard let cursor = Self.parseCursor(call[2]) else { throw .text("ERR invalid cursor") }
        self.cursor = cursor
        var word = 3
        while word < call.count {
            guard word + 1 < call.count else { throw .syntax }
            if call.word(word, is: "count") {
                let wanted = try call.integer(word + 1)
                guard wanted >= 1 else { throw .syntax }
                countWanted = Int(clamping: wanted)
            } else if call.word(word, is: "match") {
                pattern = call[word + 1]
            } else {
                throw .syntax
            }
            word += 2
        }
    }

    static func parseCursor(_ text: ByteSlice) -> UInt64? {
        guard text.count > 0, text.count <= 20 else { return nil }
        var value: UInt64 = 0
        for index in 0..<text.count {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// Steps until enough elements were visited or the walk is at its end, then replies. Bounded, so that a
    /// sparse table cannot hold the loop up.
    mutating func run(_ call: CommandCall, _ step: (UInt64, inout Page) -> UInt64) {
        var page = Page(pattern: pattern)
        var next = cursor
        var stepsLeft = countWanted < Int.max / 10 ? countWanted * 10 : Int.max
        repeat {
            next = step(next, &page)
            stepsLeft -= 1
        } while next != 0 && stepsLeft > 0 && page.visited < countWanted
        call.reply.array(2)
        call.reply.bulk(String(next))
        call.reply.array(page.elements)
        call.reply.output.append(page.bytes)
    }
}

extension CommandCall {
    /// The reply of a scan of a key that does not exist.
    func replyEmptyScan() {
        reply.array(2)
        reply.bulk("0")
        reply.array(0)
    }

    /// Count and option of HRANDFIELD, ZRANDMEMBER: `key count [option]`.
    func randomCount(option: StaticString) throws(CommandError) -> (count: Int, hasOption: Bool) {
        let wanted = try integer(2)
        if wanted == .min {
            throw .text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
        }
        guard count <= 4, count == 3 || word(3, is: option) else { throw .syntax }
        // Twice the count must stay an array's length.
        if count == 4, wanted < -Int64.max / 2 || wanted > Int64.max / 2 {
            throw .text("ERR value is out of range")
        }
        return (Int(wanted), count == 4)
    }
}

/// Which of a run of elements are chosen.
enum RandomChoice {
    struct Chosen {
        /// Sorted; nil when all are chosen.
        fileprivate let indexes: Set<Int>?
        let count: Int
        /// After the last chosen index.
        let end: Int

        func contains(_ index: Int) -> Bool { indexes?.contains(index) ?? true }
    }

    /// `wanted` different indexes of `0..<count`, or all of them if there are not so many.
    static func distinct(_ wanted: Int, of count: Int, using random: inout RandomSource) -> Chosen {
        guard wanted < count else { return Chosen(indexes: nil, count: count, end: count) }
        // Floyd's method: each subset is equally likely, and no draw is repeated.
        var indexes: Set<Int> = []
        for bound in (count - wanted)..<count {
            let drawn = Int.random(in: 0...bound, using: &random)
            if !indexes.insert(drawn).inserted { indexes.insert(bound) }
        }
        return Chosen(indexes: indexes, count: wanted, end: (indexes.max() ?? -1) + 1)
    }
}
