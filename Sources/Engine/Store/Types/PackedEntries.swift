// Byte strings packed one after another in one run of memory: the compact form of small hashes, sets and
// sorted sets, and one node of a list.
// Can grow and shrink at both ends without moving what is in between: the free room lies before and after
// the entries. Knows nothing of pairs, order or uniqueness; that is its users' business.
// Loop thread only. Boundary file for raw pointers. Next: ListValue.swift, HashValue.swift.
//
// An entry is its length, its bytes, and its length again, so that it can be walked from either end:
//
//     up to 253 bytes    n | bytes | n
//     longer             254, n as 4 bytes | bytes | n as 4 bytes, 254

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A sequence of byte strings in one allocation. Positions are byte offsets from the first entry; any change
/// before a position moves it.
struct PackedEntries: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var start: UInt32 = 0
    private var used: UInt32 = 0
    private var capacity: UInt32 = 0
    private var entries: UInt32 = 0

    /// Longest entry with one-byte lengths.
    private static let shortMax = 253
    private static let longMark: UInt8 = 254

    init() {}

    /// With room for this many bytes of entries.
    init(capacity: Int) {
        guard capacity > 0 else { return }
        base = StoreHeap.allocate(capacity)
        self.capacity = UInt32(capacity)
    }

    deinit { StoreHeap.free(base) }

    @inline(__always)
    var count: Int { Int(entries) }

    @inline(__always)
    var isEmpty: Bool { entries == 0 }

    /// Bytes that the entries take, lengths included; also the position after the last entry.
    @inline(__always)
    var endPosition: Int { Int(used) }

    var memoryBytes: Int { Int(capacity) }

    /// Bytes that an entry of `count` bytes takes.
    @inline(__always)
    static func entryBytes(_ count: Int) -> Int { count <= shortMax ? count + 2 : count + 10 }

    // MARK: Reading

    @inline(__always)
    private var first: UnsafeMutableRawPointer { base.unsafelyUnwrapped + Int(start) }

    @inline(__always)
    subscript(position: Int) -> ByteSlice {
        assert(position >= 0 && position < endPosition)
        let entry = first + position
        let mark = entry.load(as: UInt8.self)
        if mark <= Self.shortMax { return ByteSlice(base: UnsafeRawPointer(entry + 1), count: Int(mark)) }
        let count = Int(entry.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
        return ByteSlice(base: UnsafeRawPointer(entry + 5), count: count)
    }

    /// Position after the entry at `position`; `endPosition` after the last.
    @inline(__always)
    func next(after position: Int) -> Int { position + Self.entryBytes(self[position].count) }

    /// Position of the entry that ends at `position`.
    @inline(__always)
    func previous(before position: Int) -> Int {
        assert(position > 0)
        let end = first + position
        let mark = (end - 1).load(as: UInt8.self)
        if mark <= Self.shortMax { return position - Int(mark) - 2 }
        return position - Int((end - 5).loadUnaligned(as: UInt32.self)) - 10
    }

    /// Position of the entry with this index, walked to from the nearer end.
    func position(ofIndex index: Int) -> Int {
        precondition(index >= 0 && index <= count)
        if index <= count / 2 {
            var position = 0
            for _ in 0..<index { position = next(after: position) }
            return position
        }
        var position = endPosition
        for _ in 0..<(count - index) { position = previous(before: position) }
        return position
    }

    /// Position of the first entry equal to `value` among those at index 0, `stride`, 2·`stride`…
    func find(_ value: ByteSlice, stride: Int) -> Int? {
        var position = 0
        while position < endPosition {
            if self[position] == value { return position }
            for _ in 0..<stride { position = next(after: position) }
        }
        return nil
    }

    // MARK: Writing

    @inline(__always)
    private static func write(_ value: ByteSlice, at target: UnsafeMutableRawPointer) {
        if value.count <= shortMax {
            target.storeBytes(of: UInt8(truncatingIfNeeded: value.count), as: UInt8.self)
            memcpy(target + 1, value.base, value.count)
            (target + 1 + value.count).storeBytes(of: UInt8(truncatingIfNeeded: value.count), as: UInt8.self)
        } else {
            target.storeBytes(of: longMark, as: UInt8.self)
            (target + 1).storeBytes(of: UInt32(value.count), as: UInt32.self)
            memcpy(target + 5, value.base, value.count)
            (target + 5 + value.count).storeBytes(of: UInt32(value.count), as: UInt32.self)
            (target + 9 + value.count).storeBytes(of: longMark, as: UInt8.self)
        }
    }

    /// Adds an entry at the end. `value` must not lie in this run.
    @inline(__always)
    mutating func append(_ value: ByteSlice) {
        let needed = Self.entryBytes(value.count)
        if Int(capacity) - Int(start) - Int(used) < needed { makeRoom(needed, atFront: false) }
        Self.write(value, at: first + Int(used))
        used += UInt32(needed)
        entries += 1
    }

    /// Adds an entry at the front. `value` must not lie in this run.
    @inline(__always)
    mutating func prepend(_ value: ByteSlice) {
        let needed = Self.entryBytes(value.count)
        if Int(start) < needed { makeRoom(needed, atFront: true) }
        start -= UInt32(needed)
        Self.write(value, at: first)
        used += UInt32(needed)
        entries += 1
    }

    /// Room for `needed` more bytes at one end: by moving the entries within the allocation when at least
    /// half of it is free (so moving costs no more than filling did), else in a larger one.
    @inline(never)
    private mutating func makeRoom(_ needed: Int, atFront: Bool) {
        let free = Int(capacity) - Int(used)
        if free >= needed, free * 2 >= Int(capacity), let base {
            let target = atFront ? Int(capacity) - Int(used) : 0
            memmove(base + target, first, Int(used))
            start = UInt32(target)
            return
        }
        var larger = max(32, Int(capacity))
        while larger - Int(used) < needed { larger *= 2 }
        // Large single entries get what they need: doubling would waste megabytes.
        if larger > 65_536 { larger = Int(used) + needed }
        precondition(larger <= Int(UInt32.max), "packed entries too large")
        let fresh = StoreHeap.allocate(larger)
        let target = atFront ? larger - Int(used) : 0
        if used > 0 { memcpy(fresh + target, first, Int(used)) }
        StoreHeap.free(base)
        base = fresh
        capacity = UInt32(larger)
        start = UInt32(target)
    }

    /// Opens a gap of `bytes` at `position`, moving the smaller side where there is room for it.
    private mutating func openGap(at position: Int, bytes: Int) {
        let tail = Int(used) - position
        if position < tail, Int(start) >= bytes {
            memmove(first - bytes, first, position)
            start -= UInt32(bytes)
        } else {
            if Int(capacity) - Int(start) - Int(used) < bytes { makeRoom(bytes, atFront: false) }
            memmove(first + position + bytes, first + position, tail)
        }
        used += UInt32(bytes)
    }

    private mutating func closeGap(at position: Int, bytes: Int) {
        let tail = Int(used) - position - bytes
        if position < tail {
            memmove(first + bytes, first, position)
            start += UInt32(bytes)
        } else {
            memmove(first + position, first + position + bytes, tail)
        }
        used -= UInt32(bytes)
    }

    /// Inserts an entry before the one at `position`. `value` must not lie in this run.
    mutating func insert(_ value: ByteSlice, at position: Int) {
        if position == endPosition { return append(value) }
        if position == 0 { return prepend(value) }
        openGap(at: position, bytes: Self.entryBytes(value.count))
        Self.write(value, at: first + position)
        entries += 1
    }

    /// Replaces the entry at `position`. `value` must not lie in this run.
    mutating func replace(at position: Int, with value: ByteSlice) {
        let old = Self.entryBytes(self[position].count)
        let new = Self.entryBytes(value.count)
        if new > old {
            openGap(at: position, bytes: new - old)
        } else if new < old {
            closeGap(at: position, bytes: old - new)
        }
        Self.write(value, at: first + position)
    }

    /// Removes `entryCount` entries from `position` on.
    mutating func remove(at position: Int, entryCount: Int = 1) {
        var end = position
        for _ in 0..<entryCount { end = next(after: end) }
        closeGap(at: position, bytes: end - position)
        entries -= UInt32(entryCount)
        if entries == 0 { start = 0 }
    }

    @inline(__always)
    mutating func removeFirst() {
        let bytes = Self.entryBytes(self[0].count)
        start += UInt32(bytes)
        used -= UInt32(bytes)
        entries -= 1
    }

    @inline(__always)
    mutating func removeLast() {
        used = UInt32(previous(before: Int(used)))
        entries -= 1
    }

    mutating func removeAll() {
        StoreHeap.free(base)
        base = nil
        start = 0
        used = 0
        capacity = 0
        entries = 0
    }

    /// Takes the entries from `position` on out into a run of their own.
    mutating func split(at position: Int, entryCount: Int) -> PackedEntries {
        let bytes = Int(used) - position
        var tail = PackedEntries(capacity: max(bytes, 32))
        if bytes > 0 { memcpy(tail.first, first + position, bytes) }
        tail.used = UInt32(bytes)
        tail.entries = UInt32(entryCount)
        used = UInt32(position)
        entries -= UInt32(entryCount)
        return tail
    }

    /// Adds all entries of `other` at the end.
    mutating func append(contentsOf other: borrowing PackedEntries) {
        guard other.used > 0 else { return }
        if Int(capacity) - Int(start) - Int(used) < Int(other.used) { makeRoom(Int(other.used), atFront: false) }
        memcpy(first + Int(used), other.first, Int(other.used))
        used += other.used
        entries += other.entries
    }

    func copy() -> PackedEntries {
        var copy = PackedEntries(capacity: Int(used))
        copy.append(contentsOf: self)
        return copy
    }

    func checkInvariants() {
        precondition(Int(start) + Int(used) <= Int(capacity))
        var position = 0
        var seen = 0
        while position < endPosition {
            let following = next(after: position)
            precondition(previous(before: following) == position, "lengths of an entry differ")
            position = following
            seen += 1
        }
        precondition(position == endPosition && seen == count, "entries do not fill their run")
    }
}
