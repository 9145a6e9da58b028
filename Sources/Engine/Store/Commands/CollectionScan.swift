// What HSCAN, SSCAN and ZSCAN share: the page of one step; and how random members are chosen.
// A page is collected before it is written, since its length stands first.
// Loop thread only. Next: ScanOptions.swift; HashCommands.swift, which uses both.

import Wire

/// Matching elements of one step, in the reply's form, and how many were visited.
struct ScanPage {
    private let options: ScanOptions
    fileprivate var bytes: [UInt8] = []
    fileprivate var elements = 0
    fileprivate var visited = 0

    fileprivate init(_ options: ScanOptions) { self.options = options }

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

    /// An element that nobody may see counts as visited.
    mutating func pass() { visited += 1 }

    mutating func add(_ element: ByteSlice) {
        visited += 1
        if options.matches(element) { append(element) }
    }

    mutating func add(_ element: ByteSlice, _ second: ByteSlice) {
        visited += 1
        guard options.matches(element) else { return }
        append(element)
        append(second)
    }
}

extension CommandCall {
    /// `key cursor [MATCH pattern] [COUNT count]`: steps from the cursor on until enough elements were visited or
    /// the walk is at its end, then replies. Bounded, so that a sparse table cannot hold the loop up.
    /// Redis looks at the key before it looks at the options, so this is called with the key found.
    func scanCollection(
        from cursor: UInt64, _ step: (UInt64, inout ScanPage) -> UInt64
    ) throws(CommandError) {
        let options = try ScanOptions(self, from: 3)
        var page = ScanPage(options)
        var next = cursor
        var stepsLeft = options.count * 10
        repeat {
            next = step(next, &page)
            stepsLeft -= 1
        } while next != 0 && stepsLeft > 0 && page.visited < options.count
        reply.array(2)
        reply.bulk(String(next))
        reply.array(page.elements)
        reply.output.append(page.bytes)
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
        let wanted = try randomCount()
        guard count <= 4, count == 3 || word(3, is: option) else { throw .syntax }
        // Twice the count must stay an array's length.
        if count == 4, wanted > Int.max / 2 { throw .text("ERR value is out of range") }
        return (wanted, count == 4)
    }

    /// How many random elements word 2 asks for: a negative number may repeat them and is bounded.
    func randomCount() throws(CommandError) -> Int {
        let wanted = try integer(2)
        if wanted == .min {
            throw .text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
        }
        if wanted < -Int64(Limits.randomElementsMax) { throw .text("ERR value is out of range") }
        return Int(wanted)
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
