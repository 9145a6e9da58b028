// A node of a sorted set's tree: keys (score and entry) in order, and of inner nodes a child and the number of entries
// below it for each key. A key of an inner node is the first one below its child; that of child 0 is not kept up to
// date, since nobody asks for it.
// Loop thread only. Boundary file for raw pointers. Next: SortedSetOrder.swift.
//
//     offset   size   field
//     0        8      keys in use, n
//     8        8      previous leaf
//     16       8      next leaf
//     24       8·64   scores
//     536      8·64   entries
//     1048     8·64   inner: children
//     1560     4·64   inner: entries below each child

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A leaf or an inner node; a pointer to it.
struct SortedSetNode: Equatable {
    static let capacity = 64
    static let leafBytes = childrenOffset
    private static let scoresOffset = 24
    private static let entriesOffset = scoresOffset + 8 * capacity
    private static let childrenOffset = entriesOffset + 8 * capacity
    private static let totalsOffset = childrenOffset + 8 * capacity
    private static let innerBytes = totalsOffset + 4 * capacity

    private let base: UnsafeMutableRawPointer

    static func make(isLeaf: Bool) -> SortedSetNode {
        let base = StoreHeap.allocate(isLeaf ? leafBytes : innerBytes)
        memset(base, 0, scoresOffset)
        return SortedSetNode(base: base)
    }

    func deallocate() { StoreHeap.free(base) }

    // MARK: Fields

    @inline(__always)
    var count: Int { base.load(as: Int.self) }
    @inline(__always)
    private func setCount(_ count: Int) { base.storeBytes(of: count, as: Int.self) }

    @inline(__always)
    var previous: SortedSetNode? { base.load(fromByteOffset: 8, as: SortedSetNode?.self) }
    @inline(__always)
    var next: SortedSetNode? { base.load(fromByteOffset: 16, as: SortedSetNode?.self) }
    func setPrevious(_ node: SortedSetNode?) { base.storeBytes(of: node, toByteOffset: 8, as: SortedSetNode?.self) }
    func setNext(_ node: SortedSetNode?) { base.storeBytes(of: node, toByteOffset: 16, as: SortedSetNode?.self) }

    @inline(__always)
    func score(_ index: Int) -> Double { base.load(fromByteOffset: Self.scoresOffset + 8 * index, as: Double.self) }
    @inline(__always)
    func entry(_ index: Int) -> MemberEntry {
        base.load(fromByteOffset: Self.entriesOffset + 8 * index, as: MemberEntry.self)
    }
    @inline(__always)
    func setKey(_ index: Int, _ score: Double, _ entry: MemberEntry) {
        base.storeBytes(of: score, toByteOffset: Self.scoresOffset + 8 * index, as: Double.self)
        base.storeBytes(of: entry, toByteOffset: Self.entriesOffset + 8 * index, as: MemberEntry.self)
    }

    @inline(__always)
    func child(_ index: Int) -> SortedSetNode {
        base.load(fromByteOffset: Self.childrenOffset + 8 * index, as: SortedSetNode.self)
    }
    /// Entries below a child.
    @inline(__always)
    func total(_ index: Int) -> Int {
        Int(base.load(fromByteOffset: Self.totalsOffset + 4 * index, as: UInt32.self))
    }
    @inline(__always)
    func setTotal(_ index: Int, _ total: Int) {
        base.storeBytes(of: UInt32(total), toByteOffset: Self.totalsOffset + 4 * index, as: UInt32.self)
    }
    /// Entries below all children.
    var totals: Int { (0..<count).reduce(0) { $0 + total($1) } }

    // MARK: Keys and children

    /// Moves `count` elements of `stride` bytes of the array at `offset`, from one index to another.
    @inline(__always)
    private func shift(_ offset: Int, _ stride: Int, from: Int, to: Int, count: Int) {
        memmove(base + offset + stride * to, base + offset + stride * from, stride * count)
    }

    /// Of a leaf with room.
    @inline(__always)
    func insert(_ score: Double, _ entry: MemberEntry, at index: Int) {
        shift(Self.scoresOffset, 8, from: index, to: index + 1, count: count - index)
        shift(Self.entriesOffset, 8, from: index, to: index + 1, count: count - index)
        setKey(index, score, entry)
        setCount(count + 1)
    }

    /// Of an inner node with room. The key is the child's own at 0, which is right just after it was made.
    func insert(_ child: SortedSetNode, _ total: Int, at index: Int) {
        shift(Self.childrenOffset, 8, from: index, to: index + 1, count: count - index)
        shift(Self.totalsOffset, 4, from: index, to: index + 1, count: count - index)
        base.storeBytes(of: child, toByteOffset: Self.childrenOffset + 8 * index, as: SortedSetNode.self)
        setTotal(index, total)
        insert(child.score(0), child.entry(0), at: index)
    }

    /// Takes a key out of a leaf.
    @inline(__always)
    func remove(at index: Int) {
        shift(Self.scoresOffset, 8, from: index + 1, to: index, count: count - index - 1)
        shift(Self.entriesOffset, 8, from: index + 1, to: index, count: count - index - 1)
        setCount(count - 1)
    }

    /// Takes a child and its key out of an inner node.
    func removeChild(at index: Int) {
        shift(Self.childrenOffset, 8, from: index + 1, to: index, count: count - index - 1)
        shift(Self.totalsOffset, 4, from: index + 1, to: index, count: count - index - 1)
        remove(at: index)
    }

    /// A new node with what is from `kept` on.
    func split(at kept: Int, isLeaf: Bool) -> SortedSetNode {
        let right = SortedSetNode.make(isLeaf: isLeaf)
        right.copy(from: self, kept..<count, isLeaf: isLeaf)
        setCount(kept)
        return right
    }

    /// Adds everything of the following node.
    func append(_ right: SortedSetNode, isLeaf: Bool) { copy(from: right, 0..<right.count, isLeaf: isLeaf) }

    private func copy(from other: SortedSetNode, _ range: Range<Int>, isLeaf: Bool) {
        let own = count
        func copy(_ offset: Int, _ stride: Int) {
            memcpy(
                base + offset + stride * own, other.base + offset + stride * range.lowerBound, stride * range.count)
        }
        copy(Self.scoresOffset, 8)
        copy(Self.entriesOffset, 8)
        if !isLeaf {
            copy(Self.childrenOffset, 8)
            copy(Self.totalsOffset, 4)
        }
        setCount(own + range.count)
    }
}
