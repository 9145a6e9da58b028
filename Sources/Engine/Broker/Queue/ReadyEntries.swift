// The ready messages of one queue in delivery order. What came back (requeued) stands before what was never
// handed out; both are rings ordered by sequence, so that coming back is cheap whichever order it happens in.
// A queue with x-max-priority has one such pair for each level that was ever used; without it there is one
// pair and no cost. Knows nothing of consumers, expiry or limits.
// Loop thread only. Next: Queue.swift.

/// One level: entries that came back, then fresh ones. Every sequence in `returned` is below those in `fresh`.
struct ReadyLevel {
    var returned = EntryRing()
    var fresh = EntryRing()

    @inline(__always)
    var count: Int { returned.count + fresh.count }

    @inline(__always)
    var isEmpty: Bool { fresh.isEmpty && returned.isEmpty }

    @inline(__always)
    var first: QueueEntry? { returned.isEmpty ? fresh.first : returned.first }

    @inline(__always)
    mutating func removeFirst() -> QueueEntry {
        if !returned.isEmpty { return returned.removeFirst() }
        return fresh.removeFirst()
    }

    /// Puts an entry back where it was.
    mutating func putBack(_ entry: QueueEntry) {
        if let first = fresh.first, first.sequence < entry.sequence {
            // Entries before it were never handed out: they were overtaken (another level's turn, a get).
            fresh.insertOrdered(entry)
        } else {
            returned.insertOrdered(entry)
        }
    }

    /// The same for many entries of this level, ordered by sequence.
    mutating func putBack(_ batch: ArraySlice<QueueEntry>) {
        if let first = fresh.first, let last = batch.last, first.sequence < last.sequence {
            for entry in batch { putBack(entry) }
        } else {
            returned.mergeOrdered(batch)
        }
    }

    subscript(index: Int) -> QueueEntry {
        index < returned.count ? returned[index] : fresh[index - returned.count]
    }

    /// Where the entry at `index` lies, for changing it in place. Valid until the level changes.
    @inline(__always)
    func pointer(at index: Int) -> UnsafeMutablePointer<QueueEntry> {
        index < returned.count ? returned.pointer(at: index) : fresh.pointer(at: index - returned.count)
    }

    /// Index of the first entry whose sequence is not below `sequence`; `count` if there is none.
    func firstIndex(from sequence: UInt64) -> Int {
        guard sequence > 0 else { return 0 }
        let index = returned.firstIndex(after: sequence - 1)
        return index < returned.count ? index : index + fresh.firstIndex(after: sequence - 1)
    }
}

/// All ready entries of a queue.
struct ReadyEntries {
    /// Level 0, and the only one without x-max-priority.
    private var base = ReadyLevel()
    /// Levels 1...; grown up to the highest one used.
    private var higher: [ReadyLevel] = []
    private(set) var count = 0

    @inline(__always)
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    mutating func append(_ entry: QueueEntry) {
        count += 1
        if entry.priority == 0 { return base.fresh.append(entry) }
        withLevel(Int(entry.priority)) { $0.fresh.append(entry) }
    }

    mutating func putBack(_ entry: QueueEntry) {
        count += 1
        if entry.priority == 0 { return base.putBack(entry) }
        withLevel(Int(entry.priority)) { $0.putBack(entry) }
    }

    /// Puts many entries of one level back, ordered by sequence.
    mutating func putBack(_ batch: ArraySlice<QueueEntry>) {
        guard let priority = batch.first?.priority else { return }
        count += batch.count
        if priority == 0 { return base.putBack(batch) }
        withLevel(Int(priority)) { $0.putBack(batch) }
    }

    private mutating func withLevel(_ level: Int, _ body: (inout ReadyLevel) -> Void) {
        while higher.count < level { higher.append(ReadyLevel()) }
        body(&higher[level - 1])
    }

    /// The entry that would be delivered next.
    @inline(__always)
    var first: QueueEntry? {
        if !higher.isEmpty, let entry = firstHigher { return entry }
        return base.first
    }

    @inline(never)
    private var firstHigher: QueueEntry? {
        for level in higher.reversed() where !level.isEmpty { return level.first }
        return nil
    }

    /// Takes out the entry that is delivered next; must not be empty.
    @inline(__always)
    mutating func removeFirst() -> QueueEntry {
        count -= 1
        if higher.isEmpty { return base.removeFirst() }
        return removeFirstHigher()
    }

    @inline(never)
    private mutating func removeFirstHigher() -> QueueEntry {
        var index = higher.count
        while index > 0 {
            index -= 1
            if !higher[index].isEmpty { return higher[index].removeFirst() }
        }
        return base.removeFirst()
    }

    /// Earliest expiry among the heads of the levels: expiry happens at heads only.
    var headExpiry: Int64 {
        var earliest = base.first?.expiry ?? QueueEntry.never
        for level in higher { earliest = min(earliest, level.first?.expiry ?? QueueEntry.never) }
        return earliest
    }

    /// Takes out a head that has expired at `now`, if there is one.
    mutating func removeExpired(_ now: Int64) -> QueueEntry? {
        if let first = base.first, first.expiry <= now {
            count -= 1
            return base.removeFirst()
        }
        for index in higher.indices {
            if let first = higher[index].first, first.expiry <= now {
                count -= 1
                return higher[index].removeFirst()
            }
        }
        return nil
    }

    /// The entry at `index` in delivery order; for looking, not for delivering.
    subscript(index: Int) -> QueueEntry {
        var left = index
        for level in higher.reversed() {
            if left < level.count { return level[left] }
            left -= level.count
        }
        return base[left]
    }

    /// Number of levels that were ever used.
    var levelCount: Int { 1 + higher.count }

    /// One level, for looking at it and changing entries in place; invalid once the queue changes.
    func level(_ number: Int) -> ReadyLevel { number == 0 ? base : higher[number - 1] }

    /// Shows at most `limit` entries of a level, from the first whose sequence is not below `sequence`, in order.
    /// For walks in slices: what was shown is told apart by sequence, whatever came or went between two slices.
    @discardableResult
    func forEach(level number: Int, from sequence: UInt64, limit: Int, _ body: (QueueEntry) -> Void) -> Int {
        guard number < levelCount else { return 0 }
        let level = level(number)
        let index = level.firstIndex(from: sequence)
        let shown = level.returned.forEach(from: index, limit: limit, body)
        let next = max(0, index - level.returned.count)
        return shown + level.fresh.forEach(from: next, limit: limit - shown, body)
    }

    /// Takes the whole content out as rings, for dropping it bit by bit.
    mutating func takeRings() -> [EntryRing] {
        var rings: [EntryRing] = []
        for var level in [base] + higher {
            if level.returned.isEmpty { level.returned.deallocate() } else { rings.append(level.returned) }
            if level.fresh.isEmpty { level.fresh.deallocate() } else { rings.append(level.fresh) }
        }
        base = ReadyLevel()
        higher = []
        count = 0
        return rings
    }

    func checkInvariants() {
        var total = 0
        for level in [base] + higher {
            level.returned.checkInvariants()
            level.fresh.checkInvariants()
            if let last = level.returned.last, let first = level.fresh.first {
                precondition(last.sequence < first.sequence, "returned entry behind a fresh one")
            }
            total += level.count
        }
        precondition(total == count)
    }
}
