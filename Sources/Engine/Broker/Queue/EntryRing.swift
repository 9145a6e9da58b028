// A growing ring of queue entries in plain memory: push and pop at both ends, insert by order near an end.
// Empty rings hold no memory; a ring that has drained gives its memory back beyond a small size.
// Boundary file for raw pointers. Loop thread only. Next: ReadyEntries.swift (what a queue makes of it).

/// Deque of entries. Owns the entries' message counts: `releaseAll` before it goes away.
struct EntryRing {
    private var storage: UnsafeMutablePointer<QueueEntry>?
    private(set) var capacity = 0
    private var head = 0
    private(set) var count = 0

    /// Memory kept by a drained ring, entries.
    private static let keptCapacity = 1_024

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func slot(_ index: Int) -> UnsafeMutablePointer<QueueEntry> {
        storage.unsafelyUnwrapped + ((head + index) & (capacity - 1))
    }

    /// The entry at `index`, counted from the front.
    @inline(__always)
    subscript(index: Int) -> QueueEntry {
        assert(index >= 0 && index < count)
        return slot(index).pointee
    }

    @inline(__always)
    var first: QueueEntry? { count == 0 ? nil : slot(0).pointee }

    @inline(__always)
    var last: QueueEntry? { count == 0 ? nil : slot(count - 1).pointee }

    @inline(__always)
    mutating func append(_ entry: QueueEntry) {
        if count == capacity { resize(max(16, capacity * 2)) }
        slot(count).pointee = entry
        count += 1
    }

    @inline(__always)
    mutating func prepend(_ entry: QueueEntry) {
        if count == capacity { resize(max(16, capacity * 2)) }
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
        if count == 0 { drained() }
        return entry
    }

    @inline(__always)
    private mutating func drained() {
        head = 0
        if capacity > Self.keptCapacity { freeStorage() }
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

    private mutating func resize(_ newCapacity: Int) {
        precondition(newCapacity >= count)
        let fresh = UnsafeMutablePointer<QueueEntry>.allocate(capacity: newCapacity)
        if let storage {
            let upper = min(count, capacity - head)
            fresh.update(from: storage + head, count: upper)
            (fresh + upper).update(from: storage, count: count - upper)
            storage.deallocate()
        }
        storage = fresh
        capacity = newCapacity
        head = 0
    }

    private mutating func freeStorage() {
        storage?.deallocate()
        storage = nil
        capacity = 0
        head = 0
    }

    /// Gives back the memory of an empty ring.
    mutating func deallocate() {
        precondition(count == 0, "entries would be lost")
        freeStorage()
    }

    /// Merges entries that came back, ordered by sequence, in one pass: many at once would cost a move of
    /// the ring for each, when two consumers' messages interleave.
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
        var merged = EntryRing()
        var needed = 16
        while needed < count + batch.count { needed *= 2 }
        merged.resize(needed)
        var incoming = batch.startIndex
        var index = 0
        while index < count {
            let own = slot(index).pointee
            while incoming < batch.endIndex, batch[incoming].sequence < own.sequence {
                merged.append(batch[incoming])
                incoming += 1
            }
            merged.append(own)
            index += 1
        }
        for entry in batch[incoming...] { merged.append(entry) }
        storage?.deallocate()
        self = merged
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
