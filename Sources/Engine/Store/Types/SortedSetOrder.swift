// The order of a large sorted set: a B+ tree by score, then by member's bytes, whose inner nodes count what is below
// each child, so that rank and element at a rank take O(log n). Scores lie side by side in a node: finding a place
// looks at a few cache lines, and at members only where scores are equal.
// It holds the entries of the set's MemberTable, which it neither makes nor frees.
// Loop thread only. Boundary file for raw pointers. Next: SortedSetNode.swift, SortedSetValue.swift.
//
// Body of an entry (its header is in MemberTable.swift):
//
//     offset  size  field
//     16      8     score
//     24      …     member

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// B+ tree over entries of a sorted set's table.
struct SortedSetOrder: ~Copyable {
    private static let scoreOffset = 16
    static let memberOffset = 24
    /// Nodes from the root to a leaf: enough for 2³² entries in nodes that are nearly empty.
    private static let heightMax = 16

    private var root: SortedSetNode
    /// Levels of inner nodes above the leaves.
    private var height = 0
    private(set) var count = 0
    /// 0: the root is the one that all empty orders share.
    private var nodes = 0

    /// A place in the tree: for each level from the root down a node, and which of its children or entries.
    private typealias Path = UnsafeMutableBufferPointer<(node: SortedSetNode, index: Int)>

    init() { root = Self.empty }

    deinit { if nodes > 0 { Self.free(root, height) } }

    private nonisolated(unsafe) static let empty = SortedSetNode.make(isLeaf: true)

    private static func free(_ node: SortedSetNode, _ height: Int) {
        if height > 0 {
            for index in 0..<node.count { free(node.child(index), height - 1) }
        }
        node.deallocate()
    }

    // MARK: Entries

    @inline(__always)
    static func score(_ entry: MemberEntry) -> Double { entry.load(fromByteOffset: scoreOffset, as: Double.self) }

    @inline(__always)
    private static func setScore(_ entry: MemberEntry, _ score: Double) {
        entry.storeBytes(of: score, toByteOffset: scoreOffset, as: Double.self)
    }

    /// A fresh entry, in neither table nor order yet.
    static func make(_ member: ByteSlice, score: Double) -> MemberEntry {
        let entry = MemberLayout.sortedSet.make(member, memberOffset: memberOffset, tailBytes: 0)
        setScore(entry, score)
        return entry
    }

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
        precedes(Self.score(entry), entry, score, member)
    }

    @inline(__always)
    private static func precedes(_ own: Double, _ entry: MemberEntry, _ score: Double, _ member: ByteSlice) -> Bool {
        own < score || own == score && compare(MemberLayout.sortedSet.member(entry), member) < 0
    }

    var memoryBytes: Int { nodes * SortedSetNode.leafBytes }

    // MARK: Finding

    /// How many keys of a node from `low` on precede this one; they are in order.
    @inline(__always)
    private static func lowerBound(_ node: SortedSetNode, from low: Int, _ score: Double, _ member: ByteSlice) -> Int {
        var low = low
        var high = node.count
        while low < high {
            let middle = (low + high) / 2
            if precedes(node.score(middle), node.entry(middle), score, member) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Fills `path` down to the leaf where this entry is, or belongs; adds `change` to the counts on the way.
    @inline(__always)
    private func descend(to entry: MemberEntry, _ score: Double, _ path: Path, adding change: Int = 0) {
        let member = MemberLayout.sortedSet.member(entry)
        var node = root
        for level in 0..<height {
            var index = Self.lowerBound(node, from: 1, score, member)
            // A key between two children is the first of the right one's.
            if index == node.count || node.entry(index) != entry { index -= 1 }
            path[level] = (node, index)
            if change != 0 { node.setTotal(index, node.total(index) + change) }
            node = node.child(index)
        }
        path[height] = (node, Self.lowerBound(node, from: 0, score, member))
    }

    @inline(__always)
    private static func withPath<R>(_ body: (Path) -> R) -> R {
        withUnsafeTemporaryAllocation(of: (node: SortedSetNode, index: Int).self, capacity: Self.heightMax, body)
    }

    /// How many entries lie before this one, which is in the order.
    func rank(of entry: MemberEntry) -> Int {
        Self.withPath { path in
            descend(to: entry, Self.score(entry), path)
            var passed = path[height].index
            for level in 0..<height {
                let (node, index) = path[level]
                for before in 0..<index { passed += node.total(before) }
            }
            return passed
        }
    }

    /// How many entries at the front satisfy `isBefore`, which holds for a front part of the order only.
    @inline(__always)
    func countFront(where isBefore: (MemberEntry, _ score: Double) -> Bool) -> Int {
        var passed = 0
        var node = root
        for _ in 0..<height {
            let index = Self.front(node, from: 1, isBefore) - 1
            for before in 0..<index { passed += node.total(before) }
            node = node.child(index)
        }
        return passed + Self.front(node, from: 0, isBefore)
    }

    @inline(__always)
    private static func front(
        _ node: SortedSetNode, from low: Int, _ isBefore: (MemberEntry, _ score: Double) -> Bool
    ) -> Int {
        var low = low
        var high = node.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(node.entry(middle), node.score(middle)) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func place(ofRank rank: Int) -> (leaf: SortedSetNode, index: Int) {
        precondition(rank >= 0 && rank < count)
        var left = rank
        var node = root
        for _ in 0..<height {
            var index = 0
            while left >= node.total(index) {
                left -= node.total(index)
                index += 1
            }
            node = node.child(index)
        }
        return (node, left)
    }

    /// The entry with this rank, `0..<count`.
    func entry(atRank rank: Int) -> MemberEntry {
        let (leaf, index) = place(ofRank: rank)
        return leaf.entry(index)
    }

    /// Calls `body` for the entries from this rank on, forwards or backwards, until it returns false.
    @inline(__always)
    func forEach(fromRank rank: Int, backwards: Bool, _ body: (MemberEntry, _ score: Double) -> Bool) {
        var (leaf, index) = place(ofRank: rank)
        while true {
            guard body(leaf.entry(index), leaf.score(index)) else { return }
            index += backwards ? -1 : 1
            if index < 0 {
                guard let previous = leaf.previous else { return }
                leaf = previous
                index = leaf.count - 1
            } else if index == leaf.count {
                guard let next = leaf.next else { return }
                leaf = next
                index = 0
            }
        }
    }

    // MARK: Changing

    /// Puts the entry where its score and member belong.
    mutating func insert(_ entry: MemberEntry) {
        if nodes == 0 {
            root = SortedSetNode.make(isLeaf: true)
            nodes = 1
        }
        Self.withPath { path in
            descend(to: entry, Self.score(entry), path, adding: 1)
            let (leaf, index) = path[height]
            if leaf.count < SortedSetNode.capacity {
                leaf.insert(Self.score(entry), entry, at: index)
            } else {
                split(leaf, index, entry, path)
            }
        }
        count += 1
    }

    /// A full leaf becomes two, and its parent gets one more child; so on upwards.
    @inline(never)
    private mutating func split(_ leaf: SortedSetNode, _ index: Int, _ entry: MemberEntry, _ path: Path) {
        // What is filled in order leaves full nodes behind.
        let isAtEnd = leaf.next == nil && index == leaf.count
        let right = leaf.split(at: isAtEnd ? leaf.count : leaf.count / 2, isLeaf: true)
        nodes += 1
        if let next = leaf.next { next.setPrevious(right) }
        right.setNext(leaf.next)
        right.setPrevious(leaf)
        leaf.setNext(right)
        if index <= leaf.count, !isAtEnd {
            leaf.insert(Self.score(entry), entry, at: index)
        } else {
            right.insert(Self.score(entry), entry, at: index - leaf.count)
        }
        var (left, added) = (leaf, right)
        var (leftTotal, addedTotal) = (leaf.count, right.count)
        var level = height - 1
        while level >= 0 {
            let (parent, index) = path[level]
            parent.setTotal(index, leftTotal)
            if parent.count < SortedSetNode.capacity {
                return parent.insert(added, addedTotal, at: index + 1)
            }
            let right = parent.split(at: isAtEnd ? parent.count : parent.count / 2, isLeaf: false)
            nodes += 1
            if index + 1 <= parent.count, !isAtEnd {
                parent.insert(added, addedTotal, at: index + 1)
            } else {
                right.insert(added, addedTotal, at: index + 1 - parent.count)
            }
            (left, added) = (parent, right)
            (leftTotal, addedTotal) = (parent.totals, right.totals)
            level -= 1
        }
        root = SortedSetNode.make(isLeaf: false)
        nodes += 1
        root.insert(left, leftTotal, at: 0)
        root.insert(added, addedTotal, at: 1)
        height += 1
        precondition(height < Self.heightMax)
    }

    /// Takes the entry out; it stays allocated.
    mutating func remove(_ entry: MemberEntry) {
        Self.withPath { path in
            descend(to: entry, Self.score(entry), path, adding: -1)
            let (leaf, index) = path[height]
            precondition(index < leaf.count && leaf.entry(index) == entry, "entry is not in the order")
            removeFound(path)
        }
    }

    /// Takes out the entry with this rank and returns it.
    mutating func remove(atRank rank: Int) -> MemberEntry {
        let entry = entry(atRank: rank)
        remove(entry)
        return entry
    }

    /// Takes out what is at the end of the path; the counts on the way are right already.
    @inline(__always)
    private mutating func removeFound(_ path: Path) {
        let (leaf, index) = path[height]
        leaf.remove(at: index)
        count -= 1
        if index == 0, leaf.count > 0 { noteFirst(leaf.score(0), leaf.entry(0), above: height, path) }
        if leaf.count < SortedSetNode.capacity / 4, height > 0 { join(path) }
    }

    /// The first key below the node at `level` has changed: the inner node that has it as a border hears of it.
    private func noteFirst(_ score: Double, _ entry: MemberEntry, above level: Int, _ path: Path) {
        var level = level - 1
        while level >= 0 {
            let (node, index) = path[level]
            if index > 0 { return node.setKey(index, score, entry) }
            level -= 1
        }
    }

    /// Joins a node of few entries with a neighbour that has room, or takes it out when it is empty; so on upwards.
    @inline(never)
    private mutating func join(_ path: Path) {
        var level = height
        while level > 0 {
            let node = path[level].node
            let (parent, index) = path[level - 1]
            if node.count == 0 {
                if level == height { unlink(node) }
                node.deallocate()
                nodes -= 1
                parent.removeChild(at: index)
                if index == 0, parent.count > 0 {
                    noteFirst(parent.score(0), parent.entry(0), above: level - 1, path)
                }
            } else if index + 1 < parent.count, fits(node, parent.child(index + 1)) {
                absorb(index, parent, isLeaf: level == height)
            } else if index > 0, fits(parent.child(index - 1), node) {
                absorb(index - 1, parent, isLeaf: level == height)
            } else {
                break
            }
            guard parent.count < SortedSetNode.capacity / 4 else { break }
            level -= 1
        }
        while height > 0, root.count <= 1 {
            let old = root
            root = old.count == 1 ? old.child(0) : SortedSetNode.make(isLeaf: true)
            height = old.count == 1 ? height - 1 : 0
            if old.count == 1 { nodes -= 1 }
            old.deallocate()
        }
    }

    private func fits(_ left: SortedSetNode, _ right: SortedSetNode) -> Bool {
        left.count + right.count <= SortedSetNode.capacity * 3 / 4
    }

    /// The child after `index` becomes part of the one at `index`.
    private mutating func absorb(_ index: Int, _ parent: SortedSetNode, isLeaf: Bool) {
        let left = parent.child(index)
        let right = parent.child(index + 1)
        // The first key of an inner node is nowhere but in its parent.
        if !isLeaf { right.setKey(0, parent.score(index + 1), parent.entry(index + 1)) }
        left.append(right, isLeaf: isLeaf)
        if isLeaf { unlink(right) }
        parent.setTotal(index, parent.total(index) + parent.total(index + 1))
        parent.removeChild(at: index + 1)
        right.deallocate()
        nodes -= 1
    }

    private func unlink(_ leaf: SortedSetNode) {
        if let previous = leaf.previous { previous.setNext(leaf.next) }
        if let next = leaf.next { next.setPrevious(leaf.previous) }
    }

    /// Changes the score of an entry that is in the order.
    mutating func setScore(_ entry: MemberEntry, to score: Double) {
        let staysInPlace = Self.withPath { path in
            descend(to: entry, Self.score(entry), path)
            let (leaf, index) = path[height]
            precondition(index < leaf.count && leaf.entry(index) == entry, "entry is not in the order")
            let member = MemberLayout.sortedSet.member(entry)
            let before = index > 0 ? leaf.entry(index - 1) : leaf.previous.map { $0.entry($0.count - 1) }
            let after = index + 1 < leaf.count ? leaf.entry(index + 1) : leaf.next.map { $0.entry(0) }
            guard before.map({ Self.precedes($0, score, member) }) ?? true,
                !(after.map { Self.precedes($0, score, member) } ?? false)
            else {
                for level in 0..<height {
                    let (node, index) = path[level]
                    node.setTotal(index, node.total(index) - 1)
                }
                removeFound(path)
                return false
            }
            leaf.setKey(index, score, entry)
            if index == 0 { noteFirst(score, entry, above: height, path) }
            return true
        }
        Self.setScore(entry, score)
        if !staysInPlace { insert(entry) }
    }

    // MARK: Checks

    func checkInvariants() {
        var leaves: [SortedSetNode] = []
        var seen = 0
        precondition(check(root, height, &leaves, &seen) == count, "wrong count")
        precondition(seen == max(1, nodes), "nodes miscounted")
        var previous: MemberEntry?
        for (index, leaf) in leaves.enumerated() {
            precondition(leaf.previous == (index > 0 ? leaves[index - 1] : nil), "backward link wrong")
            precondition(leaf.next == (index + 1 < leaves.count ? leaves[index + 1] : nil), "forward link wrong")
            for place in 0..<leaf.count {
                let entry = leaf.entry(place)
                precondition(leaf.score(place) == Self.score(entry), "score differs")
                if let previous {
                    precondition(
                        Self.precedes(previous, Self.score(entry), MemberLayout.sortedSet.member(entry)),
                        "out of order")
                }
                previous = entry
            }
        }
    }

    /// Entries below a node; collects its leaves.
    private func check(
        _ node: SortedSetNode, _ height: Int, _ leaves: inout [SortedSetNode], _ seen: inout Int
    ) -> Int {
        seen += 1
        precondition(node.count > 0 || node == root && height == 0, "empty node")
        guard height > 0 else {
            leaves.append(node)
            return node.count
        }
        var sum = 0
        for index in 0..<node.count {
            let firstLeaf = leaves.count
            let total = check(node.child(index), height - 1, &leaves, &seen)
            precondition(total == node.total(index), "total wrong")
            if index > 0 {
                let first = leaves[firstLeaf].entry(0)
                precondition(
                    node.entry(index) == first && node.score(index) == Self.score(first), "border is not the first key")
            }
            sum += total
        }
        return sum
    }
}
