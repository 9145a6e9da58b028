// The hash table under large hashes, sets and sorted sets: chained buckets, power-of-two sizes, one
// allocation for each member and what belongs to it.
// Grows and shrinks a few buckets per change, so that no command pauses for a large table. `scan` keeps the
// guarantee of SCAN: what is in the table from its first to its last call is visited at least once.
// Not the keyspace's table: that one has expiry and holds values of many types.
// Loop thread only. Boundary file for raw pointers. Next: SortedSetOrder.swift, HashValue.swift.
//
// An entry in memory:
//
//     offset  size  field
//     0       8     next entry of the bucket
//     8       4     hash of the member, low 32 bits
//     12      4     length of the member
//     16      …     set: member
//                   hash: value length (4), value capacity (4), member, value
//                   sorted set: score (8), member

import CTaskdShims
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One member with what belongs to it. Valid until it is removed or replaced.
typealias MemberEntry = UnsafeMutableRawPointer

/// Layout shared by all kinds of entries.
enum MemberLayout: UInt8 {
    case set, hash, sortedSet

    static let hashOffset = 8
    static let countOffset = 12
    static let bodyOffset = 16
    static let hashMemberOffset = 24

    /// Where the member's bytes begin.
    @inline(__always)
    func memberOffset(_ entry: MemberEntry) -> Int {
        switch self {
        case .set: Self.bodyOffset
        case .hash: Self.hashMemberOffset
        case .sortedSet: SortedSetOrder.memberOffset
        }
    }

    @inline(__always)
    func member(_ entry: MemberEntry) -> ByteSlice {
        ByteSlice(base: UnsafeRawPointer(entry + memberOffset(entry)), count: Self.count(entry))
    }

    @inline(__always)
    static func count(_ entry: MemberEntry) -> Int {
        Int(entry.load(fromByteOffset: countOffset, as: UInt32.self))
    }

    /// A fresh entry: header and member filled in, the rest is the caller's.
    func make(_ member: ByteSlice, memberOffset: Int, tailBytes: Int) -> MemberEntry {
        let entry = StoreHeap.allocate(memberOffset + member.count + tailBytes)
        entry.storeBytes(of: 0, as: UInt.self)
        entry.storeBytes(
            of: UInt32(truncatingIfNeeded: ByteHash.hash(member)), toByteOffset: Self.hashOffset, as: UInt32.self)
        entry.storeBytes(of: UInt32(member.count), toByteOffset: Self.countOffset, as: UInt32.self)
        memcpy(entry + memberOffset, member.base, member.count)
        return entry
    }
}

/// Members by their bytes.
final class MemberTable {
    private typealias Bucket = UnsafeMutableRawPointer?

    private struct Buckets {
        var heads: UnsafeMutablePointer<Bucket>
        var count: Int
        var mask: Int { count - 1 }

        init(count: Int) {
            self.count = count
            // calloc hands out large zeroed runs lazily: a growing table does not touch all of it at once.
            heads = StoreHeap.zeroed(count, MemoryLayout<Bucket>.stride).bindMemory(to: Bucket.self, capacity: count)
        }
    }

    let layout: MemberLayout
    private var current: Buckets
    /// The larger or smaller table that entries move to, while a move is under way.
    private var target: Buckets?
    /// Buckets of `current` below this have moved.
    private var moved = 0
    private(set) var count = 0
    /// Bytes in entries, without buckets.
    private var entryBytes = 0

    private static let bucketsMin = 16
    /// Buckets moved with each change: more than one, so that a move ends before the next one is due.
    private static let bucketsMovedPerChange = 4

    init(_ layout: MemberLayout, expectedCount: Int = 0) {
        self.layout = layout
        var size = Self.bucketsMin
        while size < expectedCount { size *= 2 }
        current = Buckets(count: size)
    }

    deinit {
        for buckets in [current, target].compactMap({ $0 }) {
            for index in 0..<buckets.count {
                var entry = buckets.heads[index]
                while let this = entry {
                    entry = Self.next(this)
                    StoreHeap.free(this)
                }
            }
            StoreHeap.free(buckets.heads)
        }
    }

    var memoryBytes: Int {
        64 + (current.count + (target?.count ?? 0)) * MemoryLayout<Bucket>.stride + entryBytes
    }

    // MARK: Entries

    @inline(__always)
    private static func next(_ entry: MemberEntry) -> MemberEntry? { entry.load(as: UnsafeMutableRawPointer?.self) }

    @inline(__always)
    private static func hash(_ entry: MemberEntry) -> UInt32 {
        entry.load(fromByteOffset: MemberLayout.hashOffset, as: UInt32.self)
    }

    private func bytes(_ entry: MemberEntry) -> Int {
        var bytes = layout.memberOffset(entry) + MemberLayout.count(entry)
        if layout == .hash { bytes += Int(HashEntry.valueCapacity(entry)) }
        return bytes
    }

    /// The link that points to the entry of `member`: a bucket's head or another entry's `next`.
    @inline(__always)
    private func link(to member: ByteSlice, hash: UInt32) -> UnsafeMutablePointer<MemberEntry?>? {
        if let target {
            if let found = link(to: member, hash: hash, in: target) { return found }
        }
        return link(to: member, hash: hash, in: current)
    }

    @inline(__always)
    private func link(to member: ByteSlice, hash: UInt32, in buckets: Buckets) -> UnsafeMutablePointer<MemberEntry?>? {
        var link = buckets.heads + (Int(hash) & buckets.mask)
        while let entry = link.pointee {
            if Self.hash(entry) == hash, layout.member(entry) == member { return link }
            link = UnsafeMutableRawPointer(entry).assumingMemoryBound(to: MemberEntry?.self)
        }
        return nil
    }

    /// Has the processor fetch the bucket of a member that will soon be looked for.
    @inline(__always)
    func prefetchBucket(hash: UInt64) {
        taskd_prefetch(current.heads + (Int(UInt32(truncatingIfNeeded: hash)) & current.mask))
        if let target { taskd_prefetch(target.heads + (Int(UInt32(truncatingIfNeeded: hash)) & target.mask)) }
    }

    /// The same for the first entry of that bucket, once it is here.
    @inline(__always)
    func prefetchEntry(hash: UInt64) {
        let buckets = target ?? current
        if let entry = buckets.heads[Int(UInt32(truncatingIfNeeded: hash)) & buckets.mask] { taskd_prefetch(entry) }
    }

    func find(_ member: ByteSlice) -> MemberEntry? {
        link(to: member, hash: UInt32(truncatingIfNeeded: ByteHash.hash(member)))?.pointee
    }

    /// Adds an entry whose member is not in the table yet.
    func insert(_ entry: MemberEntry) {
        if target == nil, count >= current.count { beginMove(to: current.count * 2) }
        moveSome()
        link(entry)
        count += 1
        entryBytes += bytes(entry)
    }

    @inline(__always)
    private func link(_ entry: MemberEntry) {
        let buckets = target ?? current
        let head = buckets.heads + (Int(Self.hash(entry)) & buckets.mask)
        entry.storeBytes(of: head.pointee, as: MemberEntry?.self)
        head.pointee = entry
    }

    /// Takes the entry of `member` out and hands it over; the caller frees it.
    func remove(_ member: ByteSlice) -> MemberEntry? {
        guard let link = link(to: member, hash: UInt32(truncatingIfNeeded: ByteHash.hash(member))),
            let entry = link.pointee
        else { return nil }
        link.pointee = Self.next(entry)
        count -= 1
        entryBytes -= bytes(entry)
        if target == nil, current.count > Self.bucketsMin, count < current.count / 8 {
            var smaller = Self.bucketsMin
            while smaller < count { smaller *= 2 }
            beginMove(to: smaller)
        }
        moveSome()
        return entry
    }

    /// Has `change` replace the entry of `member` by another with the same member; false if there is none.
    func replace(_ member: ByteSlice, _ change: (MemberEntry) -> MemberEntry) -> Bool {
        guard let link = link(to: member, hash: UInt32(truncatingIfNeeded: ByteHash.hash(member))),
            let entry = link.pointee
        else { return false }
        entryBytes -= bytes(entry)
        let changed = change(entry)
        link.pointee = changed
        entryBytes += bytes(changed)
        return true
    }

    // MARK: Growing and shrinking

    private func beginMove(to size: Int) {
        target = Buckets(count: size)
        moved = 0
    }

    @inline(__always)
    private func moveSome() {
        guard target != nil else { return }
        moveBuckets()
    }

    @inline(never)
    private func moveBuckets() {
        // Empty buckets cost next to nothing: skip many of them, but not without bound.
        var nonEmptyLeft = Self.bucketsMovedPerChange
        var left = Self.bucketsMovedPerChange * 16
        while left > 0, nonEmptyLeft > 0, moved < current.count {
            var entry = current.heads[moved]
            current.heads[moved] = nil
            if entry != nil { nonEmptyLeft -= 1 }
            while let this = entry {
                entry = Self.next(this)
                link(this)
            }
            moved += 1
            left -= 1
        }
        if moved == current.count, let target {
            StoreHeap.free(current.heads)
            current = target
            self.target = nil
            moved = 0
        }
    }

    // MARK: Walking

    /// Calls `body` for every entry, in no particular order, until it returns false.
    func forEach(_ body: (MemberEntry) -> Bool) {
        for index in moved..<current.count {
            var entry = current.heads[index]
            while let this = entry {
                entry = Self.next(this)
                guard body(this) else { return }
            }
        }
        guard let target else { return }
        for index in 0..<target.count {
            var entry = target.heads[index]
            while let this = entry {
                entry = Self.next(this)
                guard body(this) else { return }
            }
        }
    }

    private func visit(_ buckets: Buckets, _ index: Int, _ body: (MemberEntry) -> Void) {
        var entry = buckets.heads[index]
        while let this = entry {
            entry = Self.next(this)
            body(this)
        }
    }

    /// One step of a scan: visits the buckets that `cursor` stands for and returns the next cursor, 0 at
    /// the end. The cursor counts with its bits reversed, highest bit of the bucket number first: buckets
    /// that were visited stay visited when the table doubles or halves, as a bucket's entries then go to
    /// buckets that share its low bits.
    func scan(_ cursor: UInt64, _ body: (MemberEntry) -> Void) -> UInt64 {
        guard let target else {
            visit(current, Int(truncatingIfNeeded: cursor) & current.mask, body)
            return Self.following(cursor, mask: current.mask)
        }
        let small = current.count <= target.count ? current : target
        let large = current.count <= target.count ? target : current
        visit(small, Int(truncatingIfNeeded: cursor) & small.mask, body)
        // All buckets of the larger table that share the low bits with the smaller one's bucket.
        var cursor = cursor
        repeat {
            visit(large, Int(truncatingIfNeeded: cursor) & large.mask, body)
            cursor = Self.following(cursor, mask: large.mask)
        } while cursor & UInt64(small.mask ^ large.mask) != 0
        return cursor
    }

    private static func reversed(_ value: UInt64) -> UInt64 {
        var result = value.byteSwapped
        result = (result >> 4) & 0x0F0F_0F0F_0F0F_0F0F | (result & 0x0F0F_0F0F_0F0F_0F0F) << 4
        result = (result >> 2) & 0x3333_3333_3333_3333 | (result & 0x3333_3333_3333_3333) << 2
        return (result >> 1) & 0x5555_5555_5555_5555 | (result & 0x5555_5555_5555_5555) << 1
    }

    private static func following(_ cursor: UInt64, mask: Int) -> UInt64 {
        reversed(reversed(cursor | ~UInt64(mask)) &+ 1)
    }

    /// A member drawn with (nearly) equal chances: a bucket, then a place in it that may be vacant and
    /// asks for another draw, so that members of long chains are not drawn less often.
    func randomEntry(using random: inout RandomSource) -> MemberEntry {
        precondition(count > 0)
        let places = 4
        while true {
            let range = current.count - moved + (target?.count ?? 0)
            var index = moved + Int(truncatingIfNeeded: random.next() % UInt64(range))
            var buckets = current
            if index >= current.count, let target {
                index -= current.count
                buckets = target
            }
            var length = 0
            var entry = buckets.heads[index]
            while let this = entry {
                length += 1
                entry = Self.next(this)
            }
            guard length > 0 else { continue }
            var place = Int(truncatingIfNeeded: random.next() % UInt64(max(places, length)))
            guard place < length, var chosen = buckets.heads[index] else { continue }
            while place > 0, let next = Self.next(chosen) {
                chosen = next
                place -= 1
            }
            return chosen
        }
    }

    func checkInvariants() {
        var seen = 0
        var bytesSeen = 0
        forEach { entry in
            seen += 1
            bytesSeen += bytes(entry)
            precondition(Self.hash(entry) == UInt32(truncatingIfNeeded: ByteHash.hash(layout.member(entry))))
            precondition(find(layout.member(entry)) == entry, "entry not reachable by its member")
            return true
        }
        precondition(seen == count, "count differs from what the buckets hold")
        precondition(bytesSeen == entryBytes, "bytes differ from what the entries take")
        precondition(moved == 0 || target != nil)
    }
}
