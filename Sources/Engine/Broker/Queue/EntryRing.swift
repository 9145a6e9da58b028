// A growing ring of queue entries in plain memory: push and pop at both ends, insert by order near an end.
// Up to one block's worth it is one small array that doubles. Beyond that it is a ring of blocks of fixed size:
// growing adds a block, draining frees one, and nothing is ever copied, however many millions wait.
// Empty rings hold no memory; a ring that has drained gives its memory back beyond a small size.
// Boundary file for raw pointers. Loop thread only. Next: ReadyEntries.swift (what a queue makes of it).

/// Deque of entries. Owns the entries' message counts: `releaseAll` before it goes away.
struct EntryRing {
    typealias Block = UnsafeMutablePointer<QueueEntry>

    private static let blockShift = 12
    /// Entries of one block, and the largest small array.
    static let blockEntries = 1 << blockShift
    private static let blockMask = blockEntries - 1
    /// Memory kept by a drained ring, entries.
    private static let keptCapacity = 1_024

    /// The entries, while there are few.
    private var storage: Block?
    /// The blocks, once there are many: a ring itself; nil where no entry lies.
    private var blocks: UnsafeMutablePointer<Block?>?
    /// A block that was freed last: the next one that is needed. A ring that stands still at a border would
    /// allocate and free for each entry otherwise.
    private var spare: Block?
    /// Always a power of two.
    private(set) var capacity = 0
    private var head = 0
    private(set) var count = 0

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func slot(_ index: Int) -> Block {
        let at = (head + index) & (capacity - 1)
        guard let blocks else { return storage.unsafelyUnwrapped + at }
        return blocks[at >> Self.blockShift].unsafelyUnwrapped + (at & Self.blockMask)
    }

    /// The entry at `index`, counted from the front.
    @inline(__always)
    subscript(index: Int) -> QueueEntry {
        assert(index >= 0 && index < count)
        return slot(index).pointee
    }

    /// Where the entry at `index` lies, for changing it in place. Valid until the ring changes.
    @inline(__always)
    func pointer(at index: Int) -> UnsafeMutablePointer<QueueEntry> {
        assert(index >= 0 && index < count)
        return slot(index)
    }

    @inline(__always)
    var first: QueueEntry? { count == 0 ? nil : slot(0).pointee }

    @inline(__always)
    var last: QueueEntry? { count == 0 ? nil : slot(count - 1).pointee }

    @inline(__always)
    mutating func append(_ entry: QueueEntry) {
        if blocks == nil ? count == capacity : (head + count) & Self.blockMask == 0 { makeTailRoom() }
        slot(count).pointee = entry
        count += 1
    }

    @inline(__always)
    mutating func prepend(_ entry: QueueEntry) {
        if blocks == nil ? count == capacity : head & Self.blockMask == 0 { makeHeadRoom() }
        head = (head + capacity - 1) & (capacity - 1)
        count += 1
        slot(0).pointee = entry
    }

    /// Takes the first entry out; the ring must not be empty.
    @inline(__always)
    mutating func removeFirst() -> QueueEntry {
        assert(count > 0)
        let entry = slot(0).pointee
        head = (head + 1) & (capacity - 1)
        count -= 1
        if count == 0 || head & Self.blockMask == 0 { leftBlock() }
        return entry
    }

    /// The head stands at the beginning of a block, or nothing is left.
    @inline(never)
    private mutating func leftBlock() {
        if count == 0 {
            head = 0
            if capacity > Self.keptCapacity { freeStorage() }
        } else if let blocks {
            let left = ((head + capacity - 1) & (capacity - 1)) >> Self.blockShift
            if spare == nil { spare = blocks[left] } else { blocks[left]?.deallocate() }
            blocks[left] = nil
        }
    }

    // MARK: Growing

    @inline(never)
    private mutating func makeTailRoom() {
        if blocks == nil, growSmall() { return }
        useBlock { ($0.head + $0.count) & ($0.capacity - 1) }
    }

    @inline(never)
    private mutating func makeHeadRoom() {
        if blocks == nil, growSmall() { return }
        useBlock { ($0.head + $0.capacity - 1) & ($0.capacity - 1) }
    }

    /// Doubles the small array; false when it has become blocks instead.
    private mutating func growSmall() -> Bool {
        let larger = capacity < Self.blockEntries ? max(16, capacity * 2) : Self.blockEntries
        let fresh = Block.allocate(capacity: larger)
        if let storage {
            let upper = min(count, capacity - head)
            fresh.update(from: storage + head, count: upper)
            (fresh + upper).update(from: storage, count: count - upper)
            storage.deallocate()
        }
        head = 0
        guard capacity == Self.blockEntries else {
            storage = fresh
            capacity = larger
            return true
        }
        storage = nil
        let directory = UnsafeMutablePointer<Block?>.allocate(capacity: 4)
        directory.initialize(repeating: nil, count: 4)
        directory[0] = fresh
        blocks = directory
        capacity = 4 * Self.blockEntries
        return false
    }

    /// Puts a block where the entry at `position` is going to lie. If the other end of the ring is there already,
    /// the directory of blocks has become too small.
    private mutating func useBlock(at position: (EntryRing) -> Int) {
        if blocks.unsafelyUnwrapped[position(self) >> Self.blockShift] != nil { growDirectory() }
        let block = position(self) >> Self.blockShift
        precondition(blocks.unsafelyUnwrapped[block] == nil)
        blocks.unsafelyUnwrapped[block] = spare ?? Block.allocate(capacity: Self.blockEntries)
        spare = nil
    }

    private mutating func growDirectory() {
        guard let old = blocks else { return }
        let oldCount = capacity >> Self.blockShift
        let directory = UnsafeMutablePointer<Block?>.allocate(capacity: oldCount * 2)
        directory.initialize(repeating: nil, count: oldCount * 2)
        let first = head >> Self.blockShift
        for index in 0..<oldCount { directory[index] = old[(first + index) & (oldCount - 1)] }
        old.deallocate()
        blocks = directory
        head &= Self.blockMask
        capacity *= 2
    }

    /// Puts an entry in by its sequence, moving the shorter side. The ring is ordered by sequence.
    mutating func insertOrdered(_ entry: QueueEntry) {
        if count == 0 || slot(count - 1).pointee.sequence < entry.sequence { return append(entry) }
        if slot(0).pointee.sequence > entry.sequence { return prepend(entry) }
        let index = firstIndex(after: entry.sequence)
        if index < count / 2 {
            prepend(entry)
            var at = 0
            while at < index {
                slot(at).pointee = slot(at + 1).pointee
                at += 1
            }
        } else {
            append(entry)
            var at = count - 1
            while at > index {
                slot(at).pointee = slot(at - 1).pointee
                at -= 1
            }
        }
        slot(index).pointee = entry
    }

    /// Index of the first entry with a sequence above `sequence`; `count` if there is none.
    func firstIndex(after sequence: UInt64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if slot(middle).pointee.sequence > sequence { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func freeStorage() {
        storage?.deallocate()
        storage = nil
        if let blocks {
            for index in 0..<(capacity >> Self.blockShift) { blocks[index]?.deallocate() }
            blocks.deallocate()
        }
        blocks = nil
        spare?.deallocate()
        spare = nil
        capacity = 0
        head = 0
    }

    /// Gives back the memory of an empty ring.
    mutating func deallocate() {
        precondition(count == 0, "entries would be lost")
        freeStorage()
    }

    /// Merges entries that came back, ordered by sequence, in one pass over the shorter side: one by one would
    /// cost a move of the ring for each, when two consumers' messages interleave.
    mutating func mergeOrdered(_ batch: ArraySlice<QueueEntry>) {
        guard let first = batch.first, let last = batch.last else { return }
        if count == 0 || slot(count - 1).pointee.sequence < first.sequence {
            for entry in batch { append(entry) }
            return
        }
        if slot(0).pointee.sequence > last.sequence {
            for entry in batch.reversed() { prepend(entry) }
            return
        }
        let before = firstIndex(after: last.sequence)
        let behind = count - firstIndex(after: first.sequence)
        if before < behind { mergeAtFront(batch) } else { mergeAtBack(batch) }
    }

    /// Makes room at the front, then moves what stands before the batch's last entry.
    private mutating func mergeAtFront(_ batch: ArraySlice<QueueEntry>) {
        for entry in batch { prepend(entry) }
        var own = batch.count
        var incoming = batch.startIndex
        var target = 0
        while incoming < batch.endIndex {
            if own < count, slot(own).pointee.sequence < batch[incoming].sequence {
                slot(target).pointee = slot(own).pointee
                own += 1
            } else {
                slot(target).pointee = batch[incoming]
                incoming += 1
            }
            target += 1
        }
    }

    /// The same from the other end.
    private mutating func mergeAtBack(_ batch: ArraySlice<QueueEntry>) {
        var own = count - 1
        for entry in batch { append(entry) }
        var incoming = batch.endIndex - 1
        var target = count - 1
        while incoming >= batch.startIndex {
            if own >= 0, slot(own).pointee.sequence > batch[incoming].sequence {
                slot(target).pointee = slot(own).pointee
                own -= 1
            } else {
                slot(target).pointee = batch[incoming]
                incoming -= 1
            }
            target -= 1
        }
    }

    /// Shows at most `limit` entries from `index` on to `body`. Returns how many there were.
    @discardableResult
    func forEach(from index: Int, limit: Int, _ body: (QueueEntry) -> Void) -> Int {
        guard index < count else { return 0 }
        let end = index + min(limit, count - index)
        for at in index..<end { body(slot(at).pointee) }
        return end - index
    }

    /// Drops everything in it. For the end of a ring's life; long ones go through the broker's graveyard.
    mutating func releaseAll() {
        while count > 0 { removeFirst().release() }
        freeStorage()
    }

    func checkInvariants() {
        precondition(count >= 0 && count <= capacity || (count == 0 && capacity == 0))
        precondition(capacity == 0 || capacity & (capacity - 1) == 0)
        var index = 1
        while index < count {
            precondition(self[index - 1].sequence < self[index].sequence, "ring out of order")
            index += 1
        }
    }
}
