// The hash table under a keyspace: buckets of one cache line, seven entries each, chained when they overflow.
// Grows and shrinks bucket by bucket beside the commands that use it, so that no command waits for ten million
// keys to move. The scan cursor runs over bucket numbers with their bits reversed: a bucket that splits or
// merges while a scan is under way is visited again or once, never missed.
//
// A bucket, 64 bytes, aligned to its size:
//
//     byte 0      bits 0…6: slot in use; bit 7: the last slot points to a further bucket
//     bytes 1…7   top byte of each entry's hash, to skip entries without touching them
//     8…63        seven pointers
//
// Boundary file for raw pointers. Holds entries, does not own them: `Keyspace` frees them.
// Loop thread only. Next: Keyspace.swift.

import CTaskdShims
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One bucket. Plain bits.
private struct Bucket {
    static let bytes = 64
    static let slots = 7
    private static let chained: UInt8 = 0x80

    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(_ base: UnsafeMutableRawPointer) { self.base = base }

    @inline(__always)
    var meta: UInt64 { base.load(as: UInt64.self) }

    @inline(__always)
    var presence: UInt8 {
        get { base.load(as: UInt8.self) }
        nonmutating set { base.storeBytes(of: newValue, as: UInt8.self) }
    }

    @inline(__always)
    var isChained: Bool { presence & Self.chained != 0 }

    @inline(__always)
    var used: UInt8 { presence & 0x7F & (isChained ? 0x3F : 0x7F) }

    @inline(__always)
    var next: Bucket? {
        isChained ? Bucket(base.load(fromByteOffset: 56, as: UnsafeMutableRawPointer.self)) : nil
    }

    @inline(__always)
    func entry(_ slot: Int) -> KeyEntry {
        KeyEntry(base.load(fromByteOffset: 8 + slot * 8, as: UnsafeMutableRawPointer.self))
    }

    @inline(__always)
    func put(_ entry: KeyEntry, tag: UInt8, at slot: Int) {
        base.storeBytes(of: tag, toByteOffset: 1 + slot, as: UInt8.self)
        base.storeBytes(of: entry.base, toByteOffset: 8 + slot * 8, as: UnsafeMutableRawPointer.self)
        presence |= 1 << UInt8(slot)
    }

    @inline(__always)
    func clear(_ slot: Int) { presence &= ~(1 << UInt8(slot)) }

    /// A slot for one more entry in this very bucket.
    @inline(__always)
    var freeSlot: Int? {
        let free = ~presence & (isChained ? 0x3F : 0x7F)
        return free == 0 ? nil : free.trailingZeroBitCount
    }

    /// Adds a further bucket behind this one, which is full and the last of its chain.
    func extend() -> Bucket {
        let child = Bucket(Bucket.allocate(1))
        child.put(entry(6), tag: base.load(fromByteOffset: 7, as: UInt8.self), at: 0)
        base.storeBytes(of: 0, toByteOffset: 7, as: UInt8.self)
        presence = presence & 0x3F | Self.chained
        base.storeBytes(of: child.base, toByteOffset: 56, as: UnsafeMutableRawPointer.self)
        return child
    }

    /// Frees the bucket behind this one, which is empty.
    func unchain() {
        if let next { StoreHeap.free(next.base) }
        presence &= ~Self.chained
    }

    static func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        // Large ones come as untouched zero pages: no pause however many buckets.
        if count * bytes >= 1 << 20 {
            let mapped = mmap(nil, count * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            precondition(mapped != MAP_FAILED, "out of memory")
            StoreHeap.note(count * bytes)
            return mapped.unsafelyUnwrapped
        }
        let memory = StoreHeap.allocateAligned(count * bytes, to: bytes)
        memset(memory, 0, count * bytes)
        return memory
    }

    static func deallocate(_ memory: UnsafeMutableRawPointer, count: Int) {
        guard count * bytes >= 1 << 20 else { return StoreHeap.free(memory) }
        munmap(memory, count * bytes)
        StoreHeap.note(-count * bytes)
    }
}

/// Buckets of one size. Two of them while the table is being resized.
private struct BucketArray {
    var base: UnsafeMutableRawPointer
    var mask: Int
    /// Entries in it.
    var used = 0

    init(buckets: Int) {
        base = Bucket.allocate(buckets)
        mask = buckets - 1
    }

    @inline(__always)
    func bucket(_ index: Int) -> Bucket { Bucket(base + index * Bucket.bytes) }

    @inline(__always)
    func home(_ hash: UInt64) -> Bucket { bucket(Int(truncatingIfNeeded: hash) & mask) }

    func deallocate() { Bucket.deallocate(base, count: mask + 1) }
}

/// Entries by key.
final class KeyTable {
    private static let bucketsMin = 1
    /// Entries for each bucket above which the table grows.
    private static let loadMax = 5
    /// Buckets looked into for each entry of a sample.
    private static let sampleStepsPerEntry = 10

    private var current = BucketArray(buckets: bucketsMin)
    /// Where entries go while the table is resized.
    private var target: BucketArray?
    /// Buckets of `current` below this one are empty already.
    private var moved = 0

    init() {}

    /// Exchanges everything with another table: who holds the objects need not hear of it.
    func swapContents(with other: KeyTable) {
        (current, other.current) = (other.current, current)
        (target, other.target) = (other.target, target)
        (moved, other.moved) = (other.moved, moved)
    }

    deinit {
        freeBuckets(current, from: 0)
        if let target { freeBuckets(target, from: 0) }
    }

    var count: Int { current.used + (target?.used ?? 0) }
    var isResizing: Bool { target != nil }
    var bucketCount: Int { current.mask + 1 + (target.map { $0.mask + 1 } ?? 0) }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) }

    /// Makes room for so many entries in a table that has none.
    func expect(_ entries: Int) {
        guard count == 0, target == nil else { return }
        var buckets = current.mask + 1
        while entries / Self.loadMax >= buckets { buckets *= 2 }
        guard buckets > current.mask + 1 else { return }
        current.deallocate()
        current = BucketArray(buckets: buckets)
    }

    // MARK: Finding

    @inline(__always)
    private static func find(_ home: Bucket, _ key: ByteSlice, _ hash: UInt64) -> KeyEntry? {
        var bucket = home
        let pattern = UInt64(tag(hash)) &* 0x0101_0101_0101_0101
        while true {
            let meta = bucket.meta
            let difference = meta ^ pattern
            // Zero bytes of `difference`, the presence byte left out. May name a byte too many; never one too few.
            var hits = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8000
            while hits != 0 {
                let slot = hits.trailingZeroBitCount >> 3 - 1
                if meta & (1 << UInt64(slot)) != 0 {
                    let entry = bucket.entry(slot)
                    if entry.matches(key, hash: hash) { return entry }
                }
                hits &= hits &- 1
            }
            guard meta & 0x80 != 0 else { return nil }
            bucket = bucket.next.unsafelyUnwrapped
        }
    }

    @inline(__always)
    func find(_ key: ByteSlice, hash: UInt64) -> KeyEntry? {
        if let entry = Self.find(current.home(hash), key, hash) { return entry }
        guard let target else { return nil }
        return Self.find(target.home(hash), key, hash)
    }

    /// Has the processor fetch the bucket of a key that will soon be looked for.
    @inline(__always)
    func prefetchBucket(hash: UInt64) {
        taskd_prefetch(current.home(hash).base)
        if let target { taskd_prefetch(target.home(hash).base) }
    }

    /// The same for the entries that the key may be, once the bucket is here.
    @inline(__always)
    func prefetchEntries(hash: UInt64) {
        Self.prefetchEntries(current.home(hash), hash)
        if let target { Self.prefetchEntries(target.home(hash), hash) }
    }

    @inline(__always)
    private static func prefetchEntries(_ bucket: Bucket, _ hash: UInt64) {
        let difference = bucket.meta ^ (UInt64(tag(hash)) &* 0x0101_0101_0101_0101)
        var hits = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8000
        while hits != 0 {
            // A slot that is not in use may hold any address: fetching from it does no harm.
            let entry = bucket.entry(hits.trailingZeroBitCount >> 3 - 1)
            taskd_prefetch(entry.base)
            taskd_prefetch(entry.base + 48)
            hits &= hits &- 1
        }
    }

    // MARK: Changing

    /// Adds an entry whose key is not in the table.
    @inline(__always)
    func insert(_ entry: KeyEntry) {
        step()
        let hash = entry.hash
        if target != nil {
            Self.place(entry, hash, in: &target!)
        } else {
            Self.place(entry, hash, in: &current)
            if current.used > (current.mask + 1) * Self.loadMax { beginResize(buckets: (current.mask + 1) * 2) }
        }
    }

    @inline(__always)
    private static func place(_ entry: KeyEntry, _ hash: UInt64, in array: inout BucketArray) {
        var bucket = array.home(hash)
        while true {
            if let slot = bucket.freeSlot {
                bucket.put(entry, tag: tag(hash), at: slot)
                break
            }
            bucket = bucket.next ?? bucket.extend()
        }
        array.used += 1
    }

    /// Where `entry` itself stands, by identity.
    @inline(__always)
    private static func locate(_ entry: KeyEntry, _ hash: UInt64, in array: BucketArray) -> (Bucket, Int)? {
        var bucket = array.home(hash)
        while true {
            var used = bucket.used
            while used != 0 {
                let slot = used.trailingZeroBitCount
                if bucket.entry(slot) == entry { return (bucket, slot) }
                used &= used &- 1
            }
            guard let next = bucket.next else { return nil }
            bucket = next
        }
    }

    /// Puts `fresh`, which has the same key, where `old` stands.
    func replace(_ old: KeyEntry, with fresh: KeyEntry) {
        let hash = old.hash
        let found = Self.locate(old, hash, in: current) ?? target.flatMap { Self.locate(old, hash, in: $0) }
        guard let (bucket, slot) = found else { preconditionFailure("replaced entry is not in the table") }
        bucket.put(fresh, tag: Self.tag(hash), at: slot)
    }

    /// Takes an entry that is in the table out of it.
    func remove(_ entry: KeyEntry) {
        let hash = entry.hash
        if let (bucket, slot) = Self.locate(entry, hash, in: current) {
            Self.takeOut(bucket, slot, home: current.home(hash))
            current.used -= 1
        } else if let array = target, let (bucket, slot) = Self.locate(entry, hash, in: array) {
            Self.takeOut(bucket, slot, home: array.home(hash))
            target!.used -= 1
        } else {
            preconditionFailure("removed entry is not in the table")
        }
        step()
        if target == nil, current.mask + 1 > 4, current.used < (current.mask + 1) / 2 {
            var buckets = Self.bucketsMin
            while buckets * 3 < current.used { buckets *= 2 }
            if buckets <= current.mask { beginResize(buckets: buckets) }
        }
    }

    /// Clears a slot and keeps the chain dense: its last entry fills the hole, an empty tail is freed.
    @inline(__always)
    private static func takeOut(_ bucket: Bucket, _ slot: Int, home: Bucket) {
        bucket.clear(slot)
        if home.isChained { compact(bucket, slot, home) }
    }

    private static func compact(_ bucket: Bucket, _ slot: Int, _ home: Bucket) {
        var parent = home
        var last = home
        while let next = last.next {
            parent = last
            last = next
        }
        if last.used != 0, last.base != bucket.base {
            let taken = last.used.trailingZeroBitCount
            let entry = last.entry(taken)
            bucket.put(entry, tag: tag(entry.hash), at: slot)
            last.clear(taken)
        }
        if last.used == 0, last.base != home.base { parent.unchain() }
    }

    // MARK: Resizing

    private func beginResize(buckets: Int) {
        precondition(target == nil)
        target = BucketArray(buckets: buckets)
        moved = 0
    }

    /// Moves one bucket of a resize under way.
    @inline(__always)
    private func step() {
        if target != nil { moveBucket() }
    }

    @inline(never)
    private func moveBucket() {
        var bucket = current.bucket(moved)
        // Empty buckets are cheap to pass, but not free: a few at a time.
        var passes = 8
        while bucket.presence == 0, passes > 0, moved < current.mask {
            moved += 1
            passes -= 1
            bucket = current.bucket(moved)
        }
        let home = bucket
        var chain: Bucket? = home
        while let part = chain {
            var used = part.used
            while used != 0 {
                let entry = part.entry(used.trailingZeroBitCount)
                Self.place(entry, entry.hash, in: &target!)
                current.used -= 1
                used &= used &- 1
            }
            chain = part.next
            if part.base != home.base { StoreHeap.free(part.base) }
        }
        home.presence = 0
        moved += 1
        if moved > current.mask {
            precondition(current.used == 0, "entries left behind by a resize")
            current.deallocate()
            current = target!
            target = nil
        }
    }

    /// Goes on with a resize for up to `buckets` buckets, between commands. Returns whether more is left.
    func resizeSlice(buckets: Int) -> Bool {
        var left = buckets
        while target != nil, left > 0 {
            moveBucket()
            left -= 1
        }
        return target != nil
    }

    // MARK: Walking

    @inline(__always)
    private static func forEach(in home: Bucket, _ body: (KeyEntry) -> Void) {
        var chain: Bucket? = home
        while let bucket = chain {
            var used = bucket.used
            while used != 0 {
                body(bucket.entry(used.trailingZeroBitCount))
                used &= used &- 1
            }
            chain = bucket.next
        }
    }

    /// The next number in the order of reversed bits under `mask`: the high bits count up.
    private static func advance(_ cursor: UInt64, mask: Int) -> UInt64 {
        var next = cursor | ~UInt64(truncatingIfNeeded: mask)
        next = reversed(next) &+ 1
        return reversed(next)
    }

    private static func reversed(_ value: UInt64) -> UInt64 {
        var bits = value.byteSwapped
        bits = (bits >> 4) & 0x0F0F_0F0F_0F0F_0F0F | (bits & 0x0F0F_0F0F_0F0F_0F0F) << 4
        bits = (bits >> 2) & 0x3333_3333_3333_3333 | (bits & 0x3333_3333_3333_3333) << 2
        return (bits >> 1) & 0x5555_5555_5555_5555 | (bits & 0x5555_5555_5555_5555) << 1
    }

    /// Visits the entries of one position of the scan and returns the next; 0 begins and ends it. An entry
    /// that is in the table from the first call to the last is visited at least once, whatever else changes.
    /// The table must not change during the call.
    func scan(_ cursor: UInt64, _ body: (KeyEntry) -> Void) -> UInt64 {
        guard let target else {
            Self.forEach(in: current.bucket(Int(truncatingIfNeeded: cursor) & current.mask), body)
            return Self.advance(cursor, mask: current.mask)
        }
        let small = current.mask <= target.mask ? current : target
        let large = current.mask <= target.mask ? target : current
        Self.forEach(in: small.bucket(Int(truncatingIfNeeded: cursor) & small.mask), body)
        var next = cursor
        // All buckets of the larger that the smaller's bucket splits into.
        repeat {
            Self.forEach(in: large.bucket(Int(truncatingIfNeeded: next) & large.mask), body)
            next = Self.advance(next, mask: large.mask)
        } while next & UInt64(truncatingIfNeeded: small.mask ^ large.mask) != 0
        return next
    }

    /// Every entry, in no particular order. The table must not change meanwhile.
    func forEach(_ body: (KeyEntry) -> Void) {
        for index in 0...current.mask { Self.forEach(in: current.bucket(index), body) }
        if let target {
            for index in 0...target.mask { Self.forEach(in: target.bucket(index), body) }
        }
    }

    /// An entry drawn at random; nil when the table is empty. Entries of crowded buckets come a little less often.
    func random(using source: inout RandomSource) -> KeyEntry? {
        guard count > 0 else { return nil }
        var pick: KeyEntry?
        var attempts = 0
        var index = Int(truncatingIfNeeded: source.next() >> 1)
        while pick == nil {
            let total = current.mask + 1 + (target.map { $0.mask + 1 } ?? 0)
            // Random probes first; in a sparse table a walk from the last one finds the rest.
            attempts += 1
            index = attempts < 128 ? Int(truncatingIfNeeded: source.next() >> 1) : index &+ 1
            let number = Int(UInt(bitPattern: index) % UInt(total))
            let home = number <= current.mask ? current.bucket(number) : target!.bucket(number - current.mask - 1)
            var seen = 0
            Self.forEach(in: home) { entry in
                seen += 1
                if source.next() % UInt64(seen) == 0 { pick = entry }
            }
        }
        return pick
    }

    /// Up to `count` entries that stand together, from a random place on. Fewer where the table is sparse.
    func sample(_ count: Int, using source: inout RandomSource, _ body: (KeyEntry) -> Void) {
        let total = bucketCount
        var number = Int(truncatingIfNeeded: source.next() >> 1) % total
        var left = count
        // Empty buckets in a row are rare; a table in which nearly all are empty is walked at most once.
        var steps = self.count > 0 ? min(total, count * Self.sampleStepsPerEntry) : 0
        // Where hardly anything is left the walk must find it, or nothing would ever be evicted.
        if self.count * Self.sampleStepsPerEntry < total { steps = total }
        while left > 0, steps > 0 {
            let home = number <= current.mask ? current.bucket(number) : target!.bucket(number - current.mask - 1)
            Self.forEach(in: home) { entry in
                guard left > 0 else { return }
                left -= 1
                body(entry)
            }
            number = number + 1 == total ? 0 : number + 1
            steps -= 1
        }
    }

    /// Takes up to `limit` entries out, for freeing a table in slices. The table is of no other use then.
    func drain(limit: Int, _ body: (KeyEntry) -> Void) -> Bool {
        var left = limit
        while left > 0 {
            if moved > current.mask {
                guard let rest = target else { return false }
                current.deallocate()
                current = rest
                target = nil
                moved = 0
            }
            var taken = 0
            let home = current.bucket(moved)
            Self.forEach(in: home) { entry in
                body(entry)
                taken += 1
            }
            freeChain(home)
            current.used -= taken
            moved += 1
            left -= taken + 1
        }
        return true
    }

    private func freeChain(_ home: Bucket) {
        var chain = home.next
        while let part = chain {
            chain = part.next
            StoreHeap.free(part.base)
        }
        home.presence = 0
    }

    private func freeBuckets(_ array: BucketArray, from start: Int) {
        for index in start...array.mask where array.bucket(index).isChained { freeChain(array.bucket(index)) }
        array.deallocate()
    }

    /// Every entry is found from its key, counts agree, no chain has an empty tail.
    func checkInvariants() {
        var seen = 0
        forEach { entry in
            seen += 1
            precondition(find(entry.key, hash: entry.hash) == entry, "entry not found from its key")
        }
        precondition(seen == count, "count disagrees with the entries")
    }
}
