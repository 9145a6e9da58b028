// The live entries of one queue while checkpoint and log are read: ordered by position, in blocks, so that what is
// settled gives its memory back and millions that came and went leave nothing behind.
// Settles come nearly in the order of publishes: each kind of record remembers where it found the last one and
// looks right behind it before it searches.
// Knows nothing of records and queues. Loop thread only. Next: BrokerReplay.swift.

/// Entries by position.
struct RecoveredEntries {
    private final class Block {
        var entries = ContiguousArray<RecoveredEntry>()
        var live = 0
    }

    /// A block and its lowest position.
    private struct BlockReference {
        let first: LogPosition
        let block: Block
    }

    /// Where something was found last; the next is probably there.
    private struct Hint {
        var block = 0
        var index = 0
    }

    private enum Access {
        case settle, delivered, returned
    }

    private var blocks = ContiguousArray<BlockReference>()
    private var last: LogPosition?
    private var hints = (Hint(), Hint(), Hint())
    /// What came out of order or twice; merged before anything is looked up.
    private var loose = ContiguousArray<RecoveredEntry>()
    private var liveSorted = 0

    /// Live entries. An entry written down twice counts twice until it is looked up.
    var liveCount: Int { liveSorted + loose.count }

    /// Takes an entry in; cheap in order of positions.
    mutating func add(_ entry: RecoveredEntry) {
        if let last, entry.position <= last { return loose.append(entry) }
        append(entry)
    }

    private mutating func append(_ entry: RecoveredEntry) {
        if blocks.isEmpty || blocks[blocks.count - 1].block.entries.count == Limits.recoveredEntriesPerBlock {
            let block = Block()
            // A queue that fills one block will fill the next: no growing in steps.
            if !blocks.isEmpty { block.entries.reserveCapacity(Limits.recoveredEntriesPerBlock) }
            blocks.append(BlockReference(first: entry.position, block: block))
        }
        let block = blocks[blocks.count - 1].block
        block.entries.append(entry)
        block.live += 1
        liveSorted += 1
        last = entry.position
    }

    // MARK: Looking up

    mutating func settle(_ position: LogPosition) {
        guard let (number, index) = find(position, .settle) else { return }
        kill(number, index)
    }

    mutating func noteDelivered(_ position: LogPosition) {
        guard let (number, index) = find(position, .delivered) else { return }
        blocks[number].block.entries[index].isRedelivered = true
    }

    /// It came back for the `count`th time.
    mutating func noteReturned(_ position: LogPosition, count: UInt32) {
        guard let (number, index) = find(position, .returned) else { return }
        let block = blocks[number].block
        block.entries[index].isRedelivered = true
        block.entries[index].deliveryCount = max(block.entries[index].deliveryCount, UInt16(clamping: count))
    }

    /// Everything else is dropped.
    mutating func keepOnly(_ positions: [LogPosition]) {
        mergeLoose()
        var kept: [RecoveredEntry] = []
        for position in positions {
            if let (number, index) = find(position, .settle) { kept.append(blocks[number].block.entries[index]) }
        }
        kept.sort { $0.position < $1.position }
        let end = last
        self = RecoveredEntries()
        for entry in kept { append(entry) }
        last = end
    }

    private mutating func kill(_ number: Int, _ index: Int) {
        let block = blocks[number].block
        block.entries[index].die()
        block.live -= 1
        liveSorted -= 1
        // The last block is still growing.
        if block.live == 0, number < blocks.count - 1 { block.entries = [] }
    }

    /// Block and index of a live entry.
    private mutating func find(_ position: LogPosition, _ access: Access) -> (Int, Int)? {
        if !loose.isEmpty { mergeLoose() }
        var hint = hint(access)
        if let entry = entry(at: hint), entry.position == position {
            let found = (hint.block, hint.index)
            hint.index += 1
            if hint.index == blocks[hint.block].block.entries.count, hint.block + 1 < blocks.count {
                hint = Hint(block: hint.block + 1, index: 0)
            }
            setHint(hint, access)
            return entry.isDead ? nil : found
        }
        guard let (number, index) = search(position) else { return nil }
        setHint(Hint(block: number, index: index + 1), access)
        return blocks[number].block.entries[index].isDead ? nil : (number, index)
    }

    private func entry(at hint: Hint) -> RecoveredEntry? {
        guard hint.block < blocks.count else { return nil }
        let block = blocks[hint.block].block
        return hint.index < block.entries.count ? block.entries[hint.index] : nil
    }

    private func hint(_ access: Access) -> Hint {
        switch access {
        case .settle: hints.0
        case .delivered: hints.1
        case .returned: hints.2
        }
    }

    private mutating func setHint(_ hint: Hint, _ access: Access) {
        switch access {
        case .settle: hints.0 = hint
        case .delivered: hints.1 = hint
        case .returned: hints.2 = hint
        }
    }

    private func search(_ position: LogPosition) -> (Int, Int)? {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].first <= position { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let number = low - 1
        let block = blocks[number].block
        low = 0
        high = block.entries.count
        while low < high {
            let middle = (low + high) / 2
            let found = block.entries[middle].position
            if found == position { return (number, middle) }
            if found < position { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    // MARK: Order

    /// Brings what came out of order to its place; one pass over everything.
    private mutating func mergeLoose() {
        guard !loose.isEmpty else { return }
        loose.sort { $0.position < $1.position }
        let added = loose
        let old = blocks
        let end = last
        self = RecoveredEntries()
        var pending: RecoveredEntry?
        func take(_ entry: RecoveredEntry) {
            if var known = pending, known.position == entry.position {
                known.merge(entry)
                pending = known
                return
            }
            if let known = pending, !known.isDead { append(known) }
            pending = entry
        }
        var next = 0
        for reference in old {
            for entry in reference.block.entries {
                while next < added.count, added[next].position < entry.position {
                    take(added[next])
                    next += 1
                }
                take(entry)
            }
            reference.block.entries = []
        }
        while next < added.count {
            take(added[next])
            next += 1
        }
        if let known = pending, !known.isDead { append(known) }
        if let end, end > last ?? 0 { last = end }
    }

    /// Hands every live entry over in order, giving the memory back on the way.
    mutating func drain(_ body: (RecoveredEntry) -> Void) {
        mergeLoose()
        for reference in blocks {
            for entry in reference.block.entries where !entry.isDead { body(entry) }
            reference.block.entries = []
        }
        self = RecoveredEntries()
    }
}
