// The messages of one channel that were handed out and not yet settled, by delivery tag.
// Tags only grow, so this is a ring ordered by tag: the usual acknowledgement (the oldest, or all up to a tag)
// is at its front, any other is found where the tag's distance says or by binary search. Settled entries in
// the middle leave holes; when holes prevail the ring is packed, so one forgotten message does not make the
// ring grow with everything after it.
// Boundary file for raw pointers. Loop thread only. Next: ChannelSettling.swift.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A message that one channel holds.
struct UnackedEntry {
    /// Delivery tag; 0 marks a hole.
    var tag: UInt64
    var entry: QueueEntry
    /// Kept alive by its `unackedCount`.
    let queue: Unmanaged<Queue>
    /// Kept alive by its `unackedCount`; nil for `basic.get`.
    let consumer: Unmanaged<Consumer>?
}

/// Ring of unacknowledged deliveries, ascending by tag.
struct UnackedEntries {
    private var storage: UnsafeMutablePointer<UnackedEntry>?
    private var capacity = 0
    private var head = 0
    /// Slots in use, holes included. The first one is never a hole.
    private var used = 0
    /// Deliveries held.
    private(set) var count = 0

    private static let keptCapacity = 512
    /// Slots whose memory goes back at a time, and the capacity from which it does.
    private static let stretch = 4_096
    private static let stretchedCapacity = 65_536

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func slot(_ index: Int) -> UnsafeMutablePointer<UnackedEntry> {
        storage.unsafelyUnwrapped + ((head + index) & (capacity - 1))
    }

    @inline(__always)
    mutating func append(_ entry: UnackedEntry) {
        if used == capacity { makeRoom() }
        slot(used).pointee = entry
        used += 1
        count += 1
    }

    /// Tag of the oldest delivery held.
    @inline(__always)
    var firstTag: UInt64? { count == 0 ? nil : slot(0).pointee.tag }

    /// Takes the oldest delivery out; there must be one.
    @inline(__always)
    mutating func removeFirst() -> UnackedEntry {
        let taken = slot(0).pointee
        advanceHead()
        return taken
    }

    @inline(__always)
    private mutating func advanceHead() {
        count -= 1
        stepHead()
        if count == 0 { drained() } else { while slot(0).pointee.tag == 0 { stepHead() } }
    }

    @inline(__always)
    private mutating func stepHead() {
        head = (head + 1) & (capacity - 1)
        used -= 1
        if head & (Self.stretch - 1) == 0, capacity >= Self.stretchedCapacity { giveBackStretch() }
    }

    /// The kernel gets the memory of the stretch that the head has passed: what a channel held by the million would
    /// otherwise be given back in one step when the last of it is settled.
    @inline(never)
    private func giveBackStretch() {
        // The end of the ring may have come round to it already.
        guard let storage, capacity - used >= Self.stretch else { return }
        let pageBytes = UInt(getpagesize())
        let end = UInt(bitPattern: storage + (head == 0 ? capacity : head))
        let start = end - UInt(Self.stretch * MemoryLayout<UnackedEntry>.stride)
        let first = (start + pageBytes - 1) & ~(pageBytes - 1)
        let last = end & ~(pageBytes - 1)
        madvise(UnsafeMutableRawPointer(bitPattern: first), Int(last - first), MADV_DONTNEED)
    }

    private mutating func drained() {
        head = 0
        used = 0
        if capacity > Self.keptCapacity {
            free(storage)
            storage = nil
            capacity = 0
        }
    }

    /// Index of the delivery with this tag.
    @inline(__always)
    func index(of tag: UInt64) -> Int? {
        guard count > 0 else { return nil }
        let first = slot(0).pointee.tag
        guard tag >= first else { return nil }
        let guess = tag - first
        // Tags grow by one for each delivery, so without packing the distance is the index.
        if guess < UInt64(used), slot(Int(guess)).pointee.tag == tag { return Int(guess) }
        return search(tag)
    }

    private func search(_ tag: UInt64) -> Int? {
        // Holes keep no tag to compare with: step over them to the next delivery.
        var low = 0
        var high = used
        while low < high {
            let middle = (low + high) / 2
            var probe = middle
            while probe < high, slot(probe).pointee.tag == 0 { probe += 1 }
            if probe == high {
                high = middle
            } else if slot(probe).pointee.tag == tag {
                return probe
            } else if slot(probe).pointee.tag < tag {
                low = probe + 1
            } else {
                high = middle
            }
        }
        return nil
    }

    /// Takes the delivery at `index` out.
    @inline(__always)
    mutating func remove(at index: Int) -> UnackedEntry {
        if index == 0 { return removeFirst() }
        let taken = slot(index).pointee
        slot(index).pointee.tag = 0
        count -= 1
        return taken
    }

    private mutating func makeRoom() {
        // Packing pays when at least half of the slots are holes.
        if used > 64, count * 2 <= used { return pack() }
        // Large memory is moved by the kernel, page by page, without a copy. What stands at the beginning of the ring
        // because it has wrapped goes behind the rest.
        let old = capacity
        capacity = max(16, capacity * 2)
        storage = realloc(storage, capacity * MemoryLayout<UnackedEntry>.stride)!
            .assumingMemoryBound(to: UnackedEntry.self)
        let wrapped = head + used - old
        if wrapped > 0, let storage { (storage + old).update(from: storage, count: wrapped) }
    }

    private mutating func pack() {
        let fresh = malloc(capacity * MemoryLayout<UnackedEntry>.stride)!.assumingMemoryBound(to: UnackedEntry.self)
        var filled = 0
        for index in 0..<used {
            let entry = slot(index).pointee
            if entry.tag == 0 { continue }
            fresh[filled] = entry
            filled += 1
        }
        free(storage)
        storage = fresh
        head = 0
        used = filled
    }

    /// Takes everything out, oldest first.
    mutating func removeAll() -> [UnackedEntry] {
        var all: [UnackedEntry] = []
        all.reserveCapacity(count)
        for index in 0..<used where slot(index).pointee.tag != 0 { all.append(slot(index).pointee) }
        free(storage)
        self = UnackedEntries()
        return all
    }

    func forEach(_ body: (UnackedEntry) -> Void) {
        for index in 0..<used where slot(index).pointee.tag != 0 { body(slot(index).pointee) }
    }

    /// Calls `body` for deliveries with tags above `tag`, oldest first, until it says false; moves `tag` on.
    /// Returns whether it came to the end.
    func walk(after tag: inout UInt64, _ body: (UnackedEntry) -> Bool) -> Bool {
        var low = 0
        var high = used
        while low < high {
            // Holes keep no tag to compare with: step over them to the next delivery.
            let middle = (low + high) / 2
            var probe = middle
            while probe < high, slot(probe).pointee.tag == 0 { probe += 1 }
            if probe < high, slot(probe).pointee.tag <= tag { low = probe + 1 } else { high = middle }
        }
        for index in low..<used where slot(index).pointee.tag != 0 {
            guard body(slot(index).pointee) else { return false }
            tag = slot(index).pointee.tag
        }
        return true
    }

    func checkInvariants() {
        var live = 0
        var last: UInt64 = 0
        for index in 0..<used {
            let tag = slot(index).pointee.tag
            precondition(index > 0 || tag != 0, "hole at the front")
            guard tag != 0 else { continue }
            precondition(tag > last, "tags out of order")
            last = tag
            live += 1
        }
        precondition(live == count && used <= capacity)
    }
}
