// Entries in order of their due time: sorted blocks of a few hundred, found by binary search. Taking in costs the
// same whatever the order, taking out the earliest costs little, and walks in slices find their place again.
// Each block knows how many of its messages are in memory, so that paging out passes over the rest.
// Knows nothing of queues. Loop thread only. Next: DelayedMessages.swift.

/// A place in the order: due time, then sequence.
struct DelayPlace: Comparable {
    var due = Int64.min
    var sequence: UInt64 = 0

    static func < (left: DelayPlace, right: DelayPlace) -> Bool {
        left.due < right.due || left.due == right.due && left.sequence < right.sequence
    }
}

extension QueueEntry {
    /// Of an entry that is kept back: its expiry is when it is due.
    fileprivate var delayPlace: DelayPlace { DelayPlace(due: expiry, sequence: sequence) }
}

/// Delayed entries by due time. Owns the entries' message counts: `takeAll` before it goes away.
struct DelayedEntries {
    private final class Block {
        var entries: ContiguousArray<QueueEntry>
        var inMemory = 0

        init(_ entries: ContiguousArray<QueueEntry>) {
            self.entries = entries
            self.entries.reserveCapacity(DelayedEntries.blockEntries)
            inMemory = entries.count { !$0.isOnDisk }
        }
    }

    static let blockEntries = 512

    /// None of them empty.
    private var blocks = ContiguousArray<Block>()
    private(set) var count = 0
    /// Bodies.
    private(set) var bytes = 0
    private(set) var inMemoryCount = 0
    private(set) var inMemoryBytes = 0

    var isEmpty: Bool { count == 0 }

    /// The one that is due first.
    var first: QueueEntry? { blocks.first?.entries[0] }

    mutating func insert(_ entry: QueueEntry) {
        count += 1
        bytes += entry.bodyBytes
        if !entry.isOnDisk { note(inMemory: entry, 1) }
        let place = entry.delayPlace
        guard let number = block(holding: place) else { return blocks.append(Block([entry])) }
        let block = blocks[number]
        let index = Self.index(of: place, in: block)
        if block.entries.count < Self.blockEntries {
            block.entries.insert(entry, at: index)
            if !entry.isOnDisk { block.inMemory += 1 }
        } else if index == block.entries.count, number == blocks.count - 1 {
            // Later than all others, as when every delay is the same: blocks stay full.
            blocks.append(Block([entry]))
        } else {
            let upper = ContiguousArray(block.entries[(Self.blockEntries / 2)...])
            block.entries.removeSubrange((Self.blockEntries / 2)...)
            block.inMemory = block.entries.count { !$0.isOnDisk }
            blocks.insert(Block(upper), at: number + 1)
            let half = index <= Self.blockEntries / 2 ? block : blocks[number + 1]
            half.entries.insert(entry, at: Self.index(of: place, in: half))
            if !entry.isOnDisk { half.inMemory += 1 }
        }
    }

    /// Takes out the one that is due first; must not be empty.
    mutating func removeFirst() -> QueueEntry {
        let block = blocks[0]
        let entry = block.entries.removeFirst()
        count -= 1
        bytes -= entry.bodyBytes
        if !entry.isOnDisk {
            block.inMemory -= 1
            note(inMemory: entry, -1)
        }
        if block.entries.isEmpty { blocks.removeFirst() }
        return entry
    }

    /// Takes everything out, as a ring that can be dropped bit by bit.
    mutating func takeAll() -> EntryRing {
        var ring = EntryRing()
        for block in blocks { for entry in block.entries { ring.append(entry) } }
        self = DelayedEntries()
        return ring
    }

    // MARK: Walks

    func forEach(_ body: (QueueEntry) -> Void) { for block in blocks { block.entries.forEach(body) } }

    /// Calls `body` for those behind `place`, in order, until it says false; moves `place` on. Returns whether it came
    /// to the end.
    func walk(after place: inout DelayPlace, _ body: (QueueEntry) -> Bool) -> Bool {
        guard var number = block(holding: place) else { return true }
        while number < blocks.count {
            let entries = blocks[number].entries
            var index = Self.index(of: place, in: blocks[number])
            if index < entries.count, entries[index].delayPlace == place { index += 1 }
            while index < entries.count {
                guard body(entries[index]) else { return false }
                place = entries[index].delayPlace
                index += 1
            }
            number += 1
        }
        return true
    }

    /// Offers entries whose message is in memory, those due last first, until `moveOut` says false, which is when it
    /// has not moved the message to the disk. Returns whether all of them are on disk now.
    mutating func pageOut(_ moveOut: (UnsafeMutablePointer<QueueEntry>) -> Bool) -> Bool {
        for number in blocks.indices.reversed() where blocks[number].inMemory > 0 {
            let block = blocks[number]
            let isDone = block.entries.withUnsafeMutableBufferPointer { entries in
                for index in entries.indices.reversed() where !entries[index].isOnDisk {
                    let before = entries[index]
                    let resident = before.residentBytes
                    guard moveOut(entries.baseAddress! + index) else { return false }
                    inMemoryCount -= 1
                    inMemoryBytes -= resident
                    block.inMemory -= 1
                }
                return true
            }
            guard isDone else { return false }
        }
        return true
    }

    private mutating func note(inMemory entry: QueueEntry, _ sign: Int) {
        inMemoryCount += sign
        inMemoryBytes += sign * entry.residentBytes
    }

    // MARK: Finding

    /// The block in whose range `place` lies; nil when there are none.
    private func block(holding place: DelayPlace) -> Int? {
        guard !blocks.isEmpty else { return nil }
        var low = 1
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].entries[0].delayPlace <= place { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    /// Index of the first entry of the block that does not stand before `place`.
    private static func index(of place: DelayPlace, in block: Block) -> Int {
        var low = 0
        var high = block.entries.count
        while low < high {
            let middle = (low + high) / 2
            if block.entries[middle].delayPlace < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func checkInvariants() {
        var last: DelayPlace?
        var counted = (count: 0, bytes: 0, inMemory: 0, inMemoryBytes: 0)
        for block in blocks {
            precondition(!block.entries.isEmpty && block.entries.count <= Self.blockEntries)
            precondition(block.inMemory == block.entries.count { !$0.isOnDisk }, "messages of a block miscounted")
            for entry in block.entries {
                precondition(last.map { $0 < entry.delayPlace } ?? true, "delayed entries out of order")
                last = entry.delayPlace
                counted.count += 1
                counted.bytes += entry.bodyBytes
                guard !entry.isOnDisk else { continue }
                counted.inMemory += 1
                counted.inMemoryBytes += entry.residentBytes
            }
        }
        precondition(counted.count == count && counted.bytes == bytes, "delayed entries miscounted")
        precondition(counted.inMemory == inMemoryCount && counted.inMemoryBytes == inMemoryBytes)
    }
}
