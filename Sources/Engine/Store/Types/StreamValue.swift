// A stream: entries of fields and values in order of identifier, in nodes of bounded size, and its groups of
// consumers. An approximate trim drops whole nodes only.
// Entries handed out are borrowed, valid until the next change. An empty stream is kept.
// Loop thread only. Next: StreamGroup.swift, ../Commands/StreamCommands.swift.

import Wire

/// The value of a stream key.
final class StreamValue: StoredValue {
    override class var kind: ValueKind { .stream }

    /// Entries one after another: an index of identifiers, and their fields and values packed.
    fileprivate final class Node {
        struct Slot {
            var id: StreamID
            /// Of its first field.
            var offset: Int
            var pairs: Int
        }

        var slots: [Slot] = [] {
            didSet { slotsMemory.note(slots.capacity * MemoryLayout<Slot>.stride) }
        }
        private var slotsMemory = NotedMemory()
        var packed = PackedEntries()

        func remove(at index: Int) {
            let slot = slots.remove(at: index)
            let before = packed.endPosition
            packed.remove(at: slot.offset, entryCount: slot.pairs * 2)
            let bytes = before - packed.endPosition
            for following in index..<slots.count { slots[following].offset -= bytes }
        }

        /// Index of the first entry that is not before `id`.
        func lowerBound(_ id: StreamID) -> Int {
            var low = 0
            var high = slots.count
            while low < high {
                let middle = (low + high) / 2
                if slots[middle].id < id { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    /// One entry, borrowed.
    struct Entry {
        fileprivate let node: Node
        fileprivate let index: Int

        var id: StreamID { node.slots[index].id }
        /// Fields with their values.
        var pairs: Int { node.slots[index].pairs }

        func forEach(_ body: (ByteSlice, ByteSlice) -> Void) {
            var position = node.slots[index].offset
            for _ in 0..<pairs {
                let value = node.packed.next(after: position)
                body(node.packed[position], node.packed[value])
                position = node.packed.next(after: value)
            }
        }
    }

    private var nodes: [Node] = []
    private(set) var count = 0
    /// The highest identifier ever given.
    var lastID = StreamID.zero
    /// The highest identifier ever removed by name.
    var maxDeletedID = StreamID.zero
    /// Entries ever added.
    var entriesAdded: Int64 = 0
    /// In order of name.
    private(set) var groups: [StreamGroup] = []

    override var encodingName: StaticString { "stream" }
    override var elementCount: Int { count }

    override var memoryBytes: Int {
        var bytes = 128
        for node in nodes {
            bytes += node.packed.memoryBytes + node.slots.capacity * MemoryLayout<Node.Slot>.stride + 64
        }
        for group in groups { bytes += 128 + group.pending.count * 64 }
        return bytes
    }

    var nodeCount: Int { nodes.count }

    /// The lowest identifier there is; zero when there is none.
    var firstID: StreamID { nodes.first?.slots.first?.id ?? .zero }

    // MARK: Entries

    /// Adds an entry after all others. `fill` writes 2·`pairs` words.
    func append(_ id: StreamID, pairs: Int, _ fill: (inout PackedEntries) -> Void) {
        precondition(id > lastID, "identifiers only grow")
        var node: Node
        if let last = nodes.last, last.slots.count < Limits.streamNodeEntriesMax,
            last.packed.endPosition < Limits.streamNodeBytesMax
        {
            node = last
        } else {
            node = Node()
            nodes.append(node)
        }
        node.slots.append(Node.Slot(id: id, offset: node.packed.endPosition, pairs: pairs))
        fill(&node.packed)
        count += 1
        entriesAdded.countOne()
        lastID = id
    }

    /// Index of the first node whose last entry is not before `id`.
    private func nodeIndex(_ id: StreamID) -> Int {
        var low = 0
        var high = nodes.count
        while low < high {
            let middle = (low + high) / 2
            if nodes[middle].slots.last.unsafelyUnwrapped.id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func contains(_ id: StreamID) -> Bool { entry(id) != nil }

    func entry(_ id: StreamID) -> Entry? {
        let index = nodeIndex(id)
        guard index < nodes.count else { return nil }
        let slot = nodes[index].lowerBound(id)
        guard nodes[index].slots[slot].id == id else { return nil }
        return Entry(node: nodes[index], index: slot)
    }

    var firstEntry: Entry? { nodes.first.map { Entry(node: $0, index: 0) } }
    var lastEntry: Entry? { nodes.last.map { Entry(node: $0, index: $0.slots.count - 1) } }

    /// Calls `body` for the entries from `start` to `end`, both included, until it returns false.
    func forEach(from start: StreamID, to end: StreamID, backwards: Bool = false, _ body: (Entry) -> Bool) {
        guard start <= end else { return }
        if backwards {
            var index = min(nodeIndex(end), nodes.count - 1)
            while index >= 0 {
                let node = nodes[index]
                var slot = node.lowerBound(end)
                if slot == node.slots.count || node.slots[slot].id > end { slot -= 1 }
                while slot >= 0 {
                    guard node.slots[slot].id >= start, body(Entry(node: node, index: slot)) else { return }
                    slot -= 1
                }
                index -= 1
            }
            return
        }
        var index = nodeIndex(start)
        while index < nodes.count {
            let node = nodes[index]
            var slot = node.lowerBound(start)
            while slot < node.slots.count {
                guard node.slots[slot].id <= end, body(Entry(node: node, index: slot)) else { return }
                slot += 1
            }
            index += 1
        }
    }

    func remove(_ id: StreamID) -> Bool {
        let index = nodeIndex(id)
        guard index < nodes.count else { return false }
        let slot = nodes[index].lowerBound(id)
        guard nodes[index].slots[slot].id == id else { return false }
        nodes[index].remove(at: slot)
        if nodes[index].slots.isEmpty { nodes.remove(at: index) }
        count -= 1
        if id > maxDeletedID { maxDeletedID = id }
        return true
    }

    // MARK: Trimming

    enum Threshold {
        /// Keep at most so many entries.
        case length(Int)
        /// Keep entries from this identifier on.
        case id(StreamID)
    }

    /// Removes entries from the front until the threshold holds; approximately: whole nodes only, and at most
    /// `limit` entries (0: any number). Returns how many.
    func trim(_ threshold: Threshold, approximately: Bool, limit: Int) -> Int {
        var removed = 0
        var dropped = 0
        while dropped < nodes.count {
            let node = nodes[dropped]
            let size = node.slots.count
            if case .length(let most) = threshold, count <= most { break }
            if limit > 0, removed + size > limit { break }
            let isWholeNode =
                switch threshold {
                case .length(let most): count - size >= most
                case .id(let least): node.slots.last.unsafelyUnwrapped.id < least
                }
            if isWholeNode {
                dropped += 1
                count -= size
                removed += size
                continue
            }
            if approximately { break }
            while let first = node.slots.first {
                switch threshold {
                case .length(let most) where count <= most: break
                case .id(let least) where first.id >= least: break
                default:
                    node.remove(at: 0)
                    count -= 1
                    removed += 1
                    continue
                }
                break
            }
            break
        }
        nodes.removeFirst(dropped)
        return removed
    }

    // MARK: Groups

    private func groupIndex(_ name: ByteSlice) -> (index: Int, isFound: Bool) {
        var low = 0
        var high = groups.count
        while low < high {
            let middle = (low + high) / 2
            if SortedSetOrder.compare(groups[middle].name.slice, name) < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, low < groups.count && groups[low].name.slice == name)
    }

    func group(_ name: ByteSlice) -> StreamGroup? {
        let (index, isFound) = groupIndex(name)
        return isFound ? groups[index] : nil
    }

    /// Makes a group; nil when there is one of this name.
    func makeGroup(_ name: ByteSlice, lastID: StreamID, entriesRead: Int64?) -> StreamGroup? {
        let (index, isFound) = groupIndex(name)
        guard !isFound else { return nil }
        let group = StreamGroup(name: ByteString(name), lastID: lastID, entriesRead: entriesRead)
        groups.insert(group, at: index)
        return group
    }

    func removeGroup(_ name: ByteSlice) -> Bool {
        let (index, isFound) = groupIndex(name)
        if isFound { groups.remove(at: index) }
        return isFound
    }

    /// Whether an entry was removed by name at or after `start`, among those that are still there.
    func hasDeletions(from start: StreamID) -> Bool {
        count > 0 && maxDeletedID != .zero && firstID <= maxDeletedID && start <= maxDeletedID
    }

    /// How many entries were ever added up to `id`, where that can be told without counting.
    func entriesAdded(upTo id: StreamID) -> Int64? {
        guard entriesAdded > 0 else { return 0 }
        if count == 0, id <= lastID { return entriesAdded }
        if id == lastID { return entriesAdded }
        if id > lastID { return nil }
        if maxDeletedID == .zero || maxDeletedID < firstID {
            if id < firstID { return entriesAdded - Int64(count) }
            if id == firstID { return entriesAdded - Int64(count) + 1 }
        }
        return nil
    }

    /// How many entries a group has not read yet, where that can be told.
    func lag(of group: StreamGroup) -> Int64? {
        guard entriesAdded > 0 else { return 0 }
        if let entriesRead = group.entriesRead, !hasDeletions(from: group.lastID) { return entriesAdded - entriesRead }
        return entriesAdded(upTo: group.lastID).map { entriesAdded - $0 }
    }

    override func copy() -> StreamValue {
        let copy = StreamValue()
        for node in nodes {
            let fresh = Node()
            fresh.slots = node.slots
            fresh.packed = node.packed.copy()
            copy.nodes.append(fresh)
        }
        copy.count = count
        copy.lastID = lastID
        copy.maxDeletedID = maxDeletedID
        copy.entriesAdded = entriesAdded
        copy.groups = groups.map { $0.copy() }
        return copy
    }

    func checkInvariants() {
        var seen = 0
        var before: StreamID?
        for node in nodes {
            precondition(!node.slots.isEmpty)
            node.packed.checkInvariants()
            var position = 0
            for slot in node.slots {
                if let before { precondition(before < slot.id, "entries out of order") }
                before = slot.id
                precondition(slot.offset == position, "offset differs from the packed words")
                for _ in 0..<(slot.pairs * 2) { position = node.packed.next(after: position) }
                seen += 1
            }
            precondition(position == node.packed.endPosition)
        }
        precondition(seen == count && (before ?? .zero) <= lastID)
        for group in groups { group.checkInvariants() }
    }
}
