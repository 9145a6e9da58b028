// A sorted set: members with scores. Small ones are packed in order, member and the eight bytes of its score
// in turn; larger ones are a table by member and an order by score over the same entries.
// Ranges of every kind are turned into ranges of ranks first; everything else walks or removes ranks.
// Members handed out are borrowed, valid until the next change; what is put in must not point into it.
// Loop thread only. Boundary file for raw pointers. Next: SortedSetBounds.swift, ../Commands/SortedSet*.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The value of a sorted set key.
final class SortedSetValue: StoredValue {
    override class var kind: ValueKind { .sortedSet }

    private var packed = PackedEntries()
    private var table: MemberTable?
    private var order = SortedSetOrder()

    override init() {}

    var count: Int { table?.count ?? packed.count / 2 }
    override var isEmpty: Bool { count == 0 }
    override var elementCount: Int { count }
    override var memberTable: MemberTable? { table }

    /// Name that `OBJECT ENCODING` gives.
    override var encodingName: StaticString { table == nil ? "listpack" : "skiplist" }

    override var memoryBytes: Int {
        64 + packed.memoryBytes + (table.map { $0.memoryBytes + order.memoryBytes } ?? 0)
    }

    // MARK: The packed form

    private static func score(_ bytes: ByteSlice) -> Double {
        Double(bitPattern: bytes.base.loadUnaligned(as: UInt64.self))
    }

    private static func withBytes(_ score: Double, _ body: (ByteSlice) -> Void) {
        withUnsafeBytes(of: score.bitPattern) { body(ByteSlice($0)) }
    }

    /// Position of the member that does not precede (score, member).
    private func packedPosition(_ score: Double, _ member: ByteSlice) -> Int {
        var position = 0
        while position < packed.endPosition {
            let scorePosition = packed.next(after: position)
            let own = Self.score(packed[scorePosition])
            if own > score || own == score && SortedSetOrder.compare(packed[position], member) >= 0 { break }
            position = packed.next(after: scorePosition)
        }
        return position
    }

    private func insertPacked(_ member: ByteSlice, _ score: Double) {
        // What counts as an integer is stored as one, so that -0 becomes 0 as it does in Redis.
        let score = score == 0 ? 0 : score
        let position = packedPosition(score, member)
        packed.insert(member, at: position)
        Self.withBytes(score) { packed.insert($0, at: packed.next(after: position)) }
    }

    private func makeTable(expectedCount: Int = 0) {
        let fresh = MemberTable(.sortedSet, expectedCount: max(expectedCount, packed.count / 2))
        var position = 0
        while position < packed.endPosition {
            let scorePosition = packed.next(after: position)
            let entry = SortedSetOrder.make(packed[position], score: Self.score(packed[scorePosition]))
            fresh.insert(entry)
            order.insert(entry)
            position = packed.next(after: scorePosition)
        }
        packed.removeAll()
        table = fresh
    }

    // MARK: Members

    func score(of member: ByteSlice) -> Double? {
        if let table {
            guard let entry = table.find(member) else { return nil }
            return SortedSetOrder.score(entry)
        }
        guard let position = packed.find(member, stride: 2) else { return nil }
        return Self.score(packed[packed.next(after: position)])
    }

    /// Sets the score that `decide` returns for the member, given its present score (nil: not in the set);
    /// leaves all as it is when it returns nil.
    func update(_ member: ByteSlice, _ decide: (Double?) -> Double?) {
        if let table {
            if let entry = table.find(member) {
                let old = SortedSetOrder.score(entry)
                guard let new = decide(old), new != old else { return }
                order.setScore(entry, to: new)
            } else if let new = decide(nil) {
                let entry = SortedSetOrder.make(member, score: new)
                table.insert(entry)
                order.insert(entry)
            }
            return
        }
        if let position = packed.find(member, stride: 2) {
            let old = Self.score(packed[packed.next(after: position)])
            guard let new = decide(old), new != old else { return }
            packed.remove(at: position, entryCount: 2)
            insertPacked(member, new)
        } else if let new = decide(nil) {
            if packed.count / 2 >= CompactForms.sortedSetEntriesMax
                || member.count > CompactForms.sortedSetValueBytesMax
            {
                makeTable()
                update(member) { _ in new }
            } else {
                insertPacked(member, new)
            }
        }
    }

    func set(_ member: ByteSlice, to score: Double) { update(member) { _ in score } }

    @discardableResult
    func remove(_ member: ByteSlice) -> Bool {
        if let table {
            guard let entry = table.remove(member) else { return false }
            order.remove(entry)
            StoreHeap.free(entry)
            return true
        }
        guard let position = packed.find(member, stride: 2) else { return false }
        packed.remove(at: position, entryCount: 2)
        return true
    }

    /// Told before `memberCount` members are added at once: more than fit the packed form make a table now.
    func expect(memberCount: Int) {
        if table == nil, memberCount > CompactForms.sortedSetEntriesMax { makeTable(expectedCount: memberCount) }
    }

    // MARK: Ranks

    /// How many members have a lower place than `member`, which must be in the set with its score.
    func rank(of member: ByteSlice) -> (rank: Int, score: Double)? {
        if let table {
            guard let entry = table.find(member) else { return nil }
            return (order.rank(of: entry), SortedSetOrder.score(entry))
        }
        var rank = 0
        var position = 0
        while position < packed.endPosition {
            let scorePosition = packed.next(after: position)
            if packed[position] == member { return (rank, Self.score(packed[scorePosition])) }
            rank += 1
            position = packed.next(after: scorePosition)
        }
        return nil
    }

    /// How many members at the front satisfy `isBefore`, which holds for a front part of the order only.
    @inline(__always)
    private func countFront(where isBefore: (ByteSlice, Double) -> Bool) -> Int {
        if table != nil {
            return order.countFront { isBefore(MemberLayout.sortedSet.member($0), $1) }
        }
        var passed = 0
        var position = 0
        while position < packed.endPosition {
            let scorePosition = packed.next(after: position)
            guard isBefore(packed[position], Self.score(packed[scorePosition])) else { break }
            passed += 1
            position = packed.next(after: scorePosition)
        }
        return passed
    }

    /// Ranks of the members with scores in this range.
    func ranks(_ range: ScoreRange) -> Range<Int> {
        let lower = countFront { range.isBelow($1) }
        let upper = countFront { !range.isAbove($1) }
        return lower..<max(lower, upper)
    }

    /// Ranks of the members in this range of bytes; makes sense when all scores are equal.
    func ranks(_ range: MemberRange) -> Range<Int> {
        let lower = countFront { member, _ in range.isBelow(member) }
        let upper = countFront { member, _ in !range.isAbove(member) }
        return lower..<max(lower, upper)
    }

    // MARK: Walking

    /// Calls `body` for the members with these ranks, forwards or backwards, until it returns false.
    func forEach(_ ranks: Range<Int>, backwards: Bool = false, _ body: (ByteSlice, Double) -> Bool) {
        guard !ranks.isEmpty else { return }
        if table != nil {
            var left = ranks.count
            return order.forEach(
                fromRank: backwards ? ranks.upperBound - 1 : ranks.lowerBound, backwards: backwards
            ) { entry, score in
                left -= 1
                return body(MemberLayout.sortedSet.member(entry), score) && left > 0
            }
        }
        if backwards {
            var position = packed.position(ofIndex: ranks.upperBound * 2)
            for _ in 0..<ranks.count {
                let scorePosition = packed.previous(before: position)
                position = packed.previous(before: scorePosition)
                guard body(packed[position], Self.score(packed[scorePosition])) else { return }
            }
        } else {
            var position = packed.position(ofIndex: ranks.lowerBound * 2)
            for _ in 0..<ranks.count {
                let scorePosition = packed.next(after: position)
                guard body(packed[position], Self.score(packed[scorePosition])) else { return }
                position = packed.next(after: scorePosition)
            }
        }
    }

    /// Calls `body` for every member in order, until it returns false.
    func forEach(_ body: (ByteSlice, Double) -> Bool) { forEach(0..<count, body) }

    /// One step of ZSCAN; a packed set is visited whole. Returns the next cursor, 0 at the end.
    func scan(_ cursor: UInt64, _ body: (ByteSlice, Double) -> Void) -> UInt64 {
        if let table {
            return table.scan(cursor) { body(MemberLayout.sortedSet.member($0), SortedSetOrder.score($0)) }
        }
        forEach {
            body($0, $1)
            return true
        }
        return 0
    }

    /// Removes the members with these ranks.
    func remove(ranks: Range<Int>) {
        guard !ranks.isEmpty else { return }
        guard let table else {
            return packed.remove(
                at: packed.position(ofIndex: ranks.lowerBound * 2), entryCount: ranks.count * 2)
        }
        for _ in ranks {
            let entry = order.remove(atRank: ranks.lowerBound)
            let removed = table.remove(MemberLayout.sortedSet.member(entry))
            precondition(removed == entry, "order and table differ")
            StoreHeap.free(entry)
        }
    }

    /// The same members and scores, packed again if they are few and short: for results of set operations
    /// and copies.
    override func copy() -> SortedSetValue {
        let copy = SortedSetValue()
        if table != nil {
            copy.makeTable(expectedCount: count)
            forEach {
                copy.set($0, to: $1)
                return true
            }
        } else {
            copy.packed = packed.copy()
        }
        return copy
    }

    func checkInvariants() {
        packed.checkInvariants()
        if let table {
            table.checkInvariants()
            order.checkInvariants()
            precondition(packed.isEmpty && order.count == table.count)
        } else {
            precondition(order.count == 0 && packed.count % 2 == 0)
            precondition(packed.count / 2 <= Limits.packedEntriesCeiling)
            var before: (ByteSlice, Double)?
            forEach { member, score in
                if let before {
                    precondition(
                        before.1 < score || before.1 == score && SortedSetOrder.compare(before.0, member) < 0,
                        "packed members out of order")
                }
                before = (member, score)
                return true
            }
        }
    }
}
