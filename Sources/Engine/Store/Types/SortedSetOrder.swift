// The order of a large sorted set: a skip list by score, then by member's bytes, whose links carry how many
// entries they pass, so that rank and element at a rank take O(log n).
// Its nodes are the entries of the set's MemberTable: one allocation serves both. It neither makes nor frees
// them.
// Loop thread only. Boundary file for raw pointers. Next: SortedSetValue.swift.
//
// Body of an entry with n levels (its header is in MemberTable.swift):
//
//     offset  size  field
//     16      8     score
//     24      8     previous entry, on the lowest level
//     32      4     n
//     36      4·n   entries that the link of each level passes, its end included
//     …       8·n   next entry on each level, aligned to 8
//     …       …     member

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Skip list over entries of a sorted set's table.
struct SortedSetOrder: ~Copyable {
    private static let scoreOffset = 16
    private static let previousOffset = 24
    private static let levelsOffset = 32
    private static let spansOffset = 36
    /// Enough for 2³² entries at a quarter going up each level, with much to spare.
    static let levelsMax = 20

    /// Not an entry of the set: links to the first entry of every level.
    private let head: MemberEntry
    private(set) var last: MemberEntry?
    private(set) var count = 0
    private var levels = 1
    private var random: RandomSource

    init(seed: UInt64) {
        let bytes = Self.memberOffset(levels: Self.levelsMax)
        head = calloc(1, bytes)!
        head.storeBytes(of: UInt32(Self.levelsMax), toByteOffset: Self.levelsOffset, as: UInt32.self)
        random = RandomSource(seed: seed)
    }

    deinit { free(head) }

    // MARK: Fields of an entry

    @inline(__always)
    static func memberOffset(levels: Int) -> Int { forwardsOffset(levels) + levels * 8 }

    @inline(__always)
    private static func forwardsOffset(_ levels: Int) -> Int { (spansOffset + levels * 4 + 7) & ~7 }

    @inline(__always)
    static func levels(_ entry: MemberEntry) -> Int {
        Int(entry.load(fromByteOffset: levelsOffset, as: UInt32.self))
    }

    @inline(__always)
    static func score(_ entry: MemberEntry) -> Double { entry.load(fromByteOffset: scoreOffset, as: Double.self) }

    @inline(__always)
    static func previous(_ entry: MemberEntry) -> MemberEntry? {
        entry.load(fromByteOffset: previousOffset, as: MemberEntry?.self)
    }

    @inline(__always)
    static func next(_ entry: MemberEntry) -> MemberEntry? { forward(entry, 0) }

    @inline(__always)
    private static func forward(_ entry: MemberEntry, _ level: Int) -> MemberEntry? {
        entry.load(fromByteOffset: forwardsOffset(levels(entry)) + level * 8, as: MemberEntry?.self)
    }

    @inline(__always)
    private static func setForward(_ entry: MemberEntry, _ level: Int, _ next: MemberEntry?) {
        entry.storeBytes(
            of: next, toByteOffset: forwardsOffset(levels(entry)) + level * 8, as: MemberEntry?.self)
    }

    @inline(__always)
    private static func span(_ entry: MemberEntry, _ level: Int) -> Int {
        Int(entry.load(fromByteOffset: spansOffset + level * 4, as: UInt32.self))
    }

    @inline(__always)
    private static func setSpan(_ entry: MemberEntry, _ level: Int, _ span: Int) {
        entry.storeBytes(of: UInt32(span), toByteOffset: spansOffset + level * 4, as: UInt32.self)
    }

    @inline(__always)
    private static func setPrevious(_ entry: MemberEntry, _ previous: MemberEntry?) {
        entry.storeBytes(of: previous, toByteOffset: previousOffset, as: MemberEntry?.self)
    }

    /// A fresh entry with a drawn number of levels, in neither table nor order yet.
    mutating func make(_ member: ByteSlice, score: Double) -> MemberEntry {
        var levels = 1
        var bits = random.next()
        while bits & 3 == 0, levels < Self.levelsMax {
            levels += 1
            bits >>= 2
        }
        let entry = MemberLayout.sortedSet.make(
            member, memberOffset: Self.memberOffset(levels: levels), tailBytes: 0)
        entry.storeBytes(of: score, toByteOffset: Self.scoreOffset, as: Double.self)
        entry.storeBytes(of: UInt32(levels), toByteOffset: Self.levelsOffset, as: UInt32.self)
        return entry
    }

    // MARK: Finding

    /// How members compare: byte by byte, the shorter one first.
    @inline(__always)
    static func compare(_ left: ByteSlice, _ right: ByteSlice) -> Int {
        let shared = min(left.count, right.count)
        if shared > 0 {
            let order = memcmp(left.base, right.base, shared)
            if order != 0 { return Int(order) }
        }
        return left.count - right.count
    }

    @inline(__always)
    static func precedes(_ entry: MemberEntry, _ score: Double, _ member: ByteSlice) -> Bool {
        let own = Self.score(entry)
        return own < score || own == score && compare(MemberLayout.sortedSet.member(entry), member) < 0
    }

    /// How many entries at the front satisfy `isBefore`, which holds for a front part of the order only.
    @inline(__always)
    func countFront(where isBefore: (MemberEntry) -> Bool) -> Int {
        var passed = 0
        var entry = head
        var level = levels - 1
        while level >= 0 {
            while let next = Self.forward(entry, level), isBefore(next) {
                passed += Self.span(entry, level)
                entry = next
            }
            level -= 1
        }
        return passed
    }

    /// The entry with this rank, `0..<count`.
    func entry(atRank rank: Int) -> MemberEntry {
        precondition(rank >= 0 && rank < count)
        var left = rank + 1
        var entry = head
        var level = levels - 1
        while left > 0 {
            while let next = Self.forward(entry, level), Self.span(entry, level) <= left {
                left -= Self.span(entry, level)
                entry = next
            }
            level -= 1
        }
        return entry
    }

    // MARK: Changing

    /// Puts the entry where its score and member belong.
    mutating func insert(_ entry: MemberEntry) {
        let score = Self.score(entry)
        let member = MemberLayout.sortedSet.member(entry)
        let entryLevels = Self.levels(entry)
        withUnsafeTemporaryAllocation(of: (entry: MemberEntry, rank: Int).self, capacity: Self.levelsMax) { path in
            // Where the walk goes down on each level, and how many entries lie before that place.
            var at = head
            var passed = 0
            var level = levels - 1
            while level >= 0 {
                while let next = Self.forward(at, level), Self.precedes(next, score, member) {
                    passed += Self.span(at, level)
                    at = next
                }
                path[level] = (at, passed)
                level -= 1
            }
            while levels < entryLevels {
                path[levels] = (head, 0)
                Self.setSpan(head, levels, count)
                levels += 1
            }
            for level in 0..<entryLevels {
                let (before, rank) = path[level]
                let skipped = passed - rank
                Self.setForward(entry, level, Self.forward(before, level))
                Self.setSpan(entry, level, Self.span(before, level) - skipped)
                Self.setForward(before, level, entry)
                Self.setSpan(before, level, skipped + 1)
            }
            for level in entryLevels..<max(entryLevels, levels) {
                Self.setSpan(path[level].entry, level, Self.span(path[level].entry, level) + 1)
            }
            Self.setPrevious(entry, path[0].entry == head ? nil : path[0].entry)
        }
        if let next = Self.next(entry) { Self.setPrevious(next, entry) } else { last = entry }
        count += 1
    }

    /// Takes the entry out; it stays allocated.
    mutating func remove(_ entry: MemberEntry) {
        let score = Self.score(entry)
        let member = MemberLayout.sortedSet.member(entry)
        let taken = remove(where: { Self.precedes($0, score, member) }, length: 1) { removed in
            precondition(removed == entry, "entry is not in the order")
        }
        precondition(taken == 1)
    }

    /// Takes out up to `length` entries, from the first one that does not satisfy `isBefore` on; hands each
    /// over. Returns how many.
    @discardableResult
    mutating func remove(where isBefore: (MemberEntry) -> Bool, length: Int, _ body: (MemberEntry) -> Void) -> Int {
        withUnsafeTemporaryAllocation(of: MemberEntry.self, capacity: Self.levelsMax) { path in
            var at = head
            var level = levels - 1
            while level >= 0 {
                while let next = Self.forward(at, level), isBefore(next) { at = next }
                path[level] = at
                level -= 1
            }
            var taken = 0
            while taken < length, let entry = Self.next(at) {
                unlink(entry, path)
                body(entry)
                taken += 1
            }
            return taken
        }
    }

    private mutating func unlink(_ entry: MemberEntry, _ path: UnsafeMutableBufferPointer<MemberEntry>) {
        for level in 0..<levels {
            let before = path[level]
            if Self.forward(before, level) == entry {
                Self.setSpan(before, level, Self.span(before, level) + Self.span(entry, level) - 1)
                Self.setForward(before, level, Self.forward(entry, level))
            } else {
                Self.setSpan(before, level, Self.span(before, level) - 1)
            }
        }
        let previous = Self.previous(entry)
        if let next = Self.next(entry) { Self.setPrevious(next, previous) } else { last = previous }
        count -= 1
        while levels > 1, Self.forward(head, levels - 1) == nil { levels -= 1 }
    }

    /// Changes the score of an entry that is in the order.
    mutating func setScore(_ entry: MemberEntry, to score: Double) {
        let member = MemberLayout.sortedSet.member(entry)
        var staysInPlace = true
        if let previous = Self.previous(entry) { staysInPlace = Self.precedes(previous, score, member) }
        if staysInPlace, let next = Self.next(entry) { staysInPlace = !Self.precedes(next, score, member) }
        if staysInPlace {
            entry.storeBytes(of: score, toByteOffset: Self.scoreOffset, as: Double.self)
        } else {
            remove(entry)
            entry.storeBytes(of: score, toByteOffset: Self.scoreOffset, as: Double.self)
            insert(entry)
        }
    }

    func checkInvariants() {
        var previous: MemberEntry?
        var entry = Self.next(head)
        var seen = 0
        while let this = entry {
            precondition(Self.previous(this) == previous, "backward link wrong")
            if let previous {
                precondition(
                    Self.precedes(previous, Self.score(this), MemberLayout.sortedSet.member(this)), "out of order")
            }
            precondition(self.entry(atRank: seen) == this, "spans wrong")
            seen += 1
            previous = this
            entry = Self.next(this)
        }
        precondition(seen == count && previous == last)
    }
}
