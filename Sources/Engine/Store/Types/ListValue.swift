// A list: a ring of nodes, each a packed run of elements of about eight kilobytes.
// Push and pop at both ends are O(1); reaching an index walks the nodes' counts, then one node.
// Elements are handed out borrowed, valid until the next change. Knows nothing of keys, replies, clients.
// Loop thread only. Boundary file for raw pointers. Next: ../Commands/ListCommands.swift.

import Wire

/// The value of a list key.
final class ListValue: StoredValue {
    override class var kind: ValueKind { .list }

    private typealias Node = PackedEntries

    private var nodes: UnsafeMutablePointer<PackedEntries>
    private var nodeCapacity: Int
    private var head = 0
    private(set) var nodeCount = 0
    /// Elements in all nodes.
    private(set) var count = 0
    /// Whether it has outgrown one node: stays until it has shrunk to half of one, as Redis does it.
    private var isLong = false

    override init() {
        nodeCapacity = 1
        nodes = Self.allocate(1)
    }

    deinit {
        for index in 0..<nodeCount { node(index).deinitialize(count: 1) }
        StoreHeap.free(nodes)
    }

    /// Name that `OBJECT ENCODING` gives.
    override var encodingName: StaticString { isLong ? "quicklist" : "listpack" }

    override var memoryBytes: Int {
        var bytes = 64 + nodeCapacity * MemoryLayout<PackedEntries>.stride
        for index in 0..<nodeCount { bytes += node(index).pointee.memoryBytes }
        return bytes
    }

    override var isEmpty: Bool { count == 0 }
    override var elementCount: Int { count }

    // MARK: The ring of nodes

    @inline(__always)
    private func node(_ index: Int) -> UnsafeMutablePointer<PackedEntries> {
        nodes + ((head + index) & (nodeCapacity - 1))
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<PackedEntries> {
        StoreHeap.allocate(count * MemoryLayout<PackedEntries>.stride)
            .bindMemory(to: PackedEntries.self, capacity: count)
    }

    private func growRing() {
        let larger = nodeCapacity * 2
        let fresh = Self.allocate(larger)
        for index in 0..<nodeCount { (fresh + index).moveInitialize(from: node(index), count: 1) }
        StoreHeap.free(nodes)
        nodes = fresh
        nodeCapacity = larger
        head = 0
    }

    private func insertNode(_ fresh: consuming PackedEntries, at index: Int) {
        if nodeCount == nodeCapacity { growRing() }
        if index == 0 {
            head = (head - 1) & (nodeCapacity - 1)
        } else {
            var moving = nodeCount
            while moving > index {
                node(moving).moveInitialize(from: node(moving - 1), count: 1)
                moving -= 1
            }
        }
        nodeCount += 1
        node(index).initialize(to: fresh)
    }

    private func removeNode(at index: Int) {
        node(index).deinitialize(count: 1)
        if index == 0 {
            head = (head + 1) & (nodeCapacity - 1)
        } else {
            for following in index..<(nodeCount - 1) {
                node(following).moveInitialize(from: node(following + 1), count: 1)
            }
        }
        nodeCount -= 1
    }

    /// A node for one more element of this size; nodes after the first are made full-sized at once.
    private func makeNode(for count: Int) -> PackedEntries {
        let needed = PackedEntries.entryBytes(count)
        if nodeCount == 0 { return PackedEntries(capacity: max(needed, 32)) }
        return PackedEntries(capacity: max(needed, Limits.listNodeBytesMax))
    }

    @inline(__always)
    private func fits(_ value: ByteSlice, in index: Int) -> Bool {
        node(index).pointee.endPosition + PackedEntries.entryBytes(value.count) <= Limits.listNodeBytesMax
    }

    /// After a removal: an emptied node goes, and a list that fits half a node counts as short again.
    @inline(__always)
    private func removed(from index: Int, _ elements: Int = 1) {
        count -= elements
        if node(index).pointee.isEmpty { removeNode(at: index) }
        if isLong, nodeCount <= 1 { updateLength() }
    }

    private func updateLength() {
        if nodeCount == 0 {
            isLong = false
        } else if nodeCount == 1 {
            let bytes = node(0).pointee.endPosition
            if isLong { isLong = bytes * 2 > Limits.listNodeBytesMax } else { isLong = bytes > Limits.listNodeBytesMax }
        } else {
            isLong = true
        }
    }

    // MARK: Ends

    func pushBack(_ value: ByteSlice) {
        if nodeCount == 0 || !fits(value, in: nodeCount - 1) {
            insertNode(makeNode(for: value.count), at: nodeCount)
            node(nodeCount - 1).pointee.append(value)
            updateLength()
        } else {
            node(nodeCount - 1).pointee.append(value)
        }
        count += 1
    }

    func pushFront(_ value: ByteSlice) {
        if nodeCount == 0 || !fits(value, in: 0) {
            insertNode(makeNode(for: value.count), at: 0)
            node(0).pointee.prepend(value)
            updateLength()
        } else {
            node(0).pointee.prepend(value)
        }
        count += 1
    }

    var first: ByteSlice? {
        nodeCount == 0 ? nil : node(0).pointee[0]
    }

    var last: ByteSlice? {
        guard nodeCount > 0 else { return nil }
        let tail = node(nodeCount - 1)
        return tail.pointee[tail.pointee.previous(before: tail.pointee.endPosition)]
    }

    func removeFirst() {
        precondition(count > 0)
        node(0).pointee.removeFirst()
        removed(from: 0)
    }

    func removeLast() {
        precondition(count > 0)
        node(nodeCount - 1).pointee.removeLast()
        removed(from: nodeCount - 1)
    }

    // MARK: Positions

    /// Where an element stands. Any change to the list makes it void.
    struct Position {
        fileprivate var node: Int
        fileprivate var offset: Int
    }

    /// Where the element with this index stands, `0..<count`.
    func position(ofIndex index: Int) -> Position {
        precondition(index >= 0 && index < count)
        if index <= count / 2 {
            var left = index
            var current = 0
            while left >= node(current).pointee.count {
                left -= node(current).pointee.count
                current += 1
            }
            return Position(node: current, offset: node(current).pointee.position(ofIndex: left))
        }
        var left = count - 1 - index
        var current = nodeCount - 1
        while left >= node(current).pointee.count {
            left -= node(current).pointee.count
            current -= 1
        }
        let size = node(current).pointee.count
        return Position(node: current, offset: node(current).pointee.position(ofIndex: size - 1 - left))
    }

    subscript(position: Position) -> ByteSlice { node(position.node).pointee[position.offset] }

    subscript(index: Int) -> ByteSlice { self[position(ofIndex: index)] }

    private func next(_ position: Position) -> Position {
        let offset = node(position.node).pointee.next(after: position.offset)
        if offset < node(position.node).pointee.endPosition { return Position(node: position.node, offset: offset) }
        return Position(node: position.node + 1, offset: 0)
    }

    private func previous(_ position: Position) -> Position {
        if position.offset > 0 {
            return Position(
                node: position.node, offset: node(position.node).pointee.previous(before: position.offset))
        }
        let before = position.node - 1
        guard before >= 0 else { return Position(node: -1, offset: 0) }
        let entries = node(before)
        return Position(node: before, offset: entries.pointee.previous(before: entries.pointee.endPosition))
    }

    /// Calls `body` with `length` elements from `index` on, forwards or backwards, until it returns false.
    @inline(__always)
    func forEach(from index: Int, length: Int, backwards: Bool = false, _ body: (ByteSlice) -> Bool) {
        guard length > 0 else { return }
        var position = position(ofIndex: index)
        var left = length
        if backwards {
            while left > 0 {
                guard body(self[position]) else { return }
                left -= 1
                if left > 0 { position = previous(position) }
            }
            return
        }
        while true {
            let entries = node(position.node)
            let end = entries.pointee.endPosition
            while position.offset < end {
                let element = entries.pointee[position.offset]
                guard body(element) else { return }
                left -= 1
                guard left > 0 else { return }
                position.offset += PackedEntries.entryBytes(element.count)
            }
            position = Position(node: position.node + 1, offset: 0)
        }
    }

    // MARK: The middle

    func set(at index: Int, to value: ByteSlice) {
        let position = position(ofIndex: index)
        node(position.node).pointee.replace(at: position.offset, with: value)
        splitIfTooLarge(position.node)
        updateLength()
    }

    /// Inserts before or after the first element equal to `pivot`; false when there is none.
    func insert(_ value: ByteSlice, before: Bool, pivot: ByteSlice) -> Bool {
        for index in 0..<nodeCount {
            guard var offset = node(index).pointee.find(pivot, stride: 1) else { continue }
            if !before { offset = node(index).pointee.next(after: offset) }
            node(index).pointee.insert(value, at: offset)
            count += 1
            splitIfTooLarge(index)
            updateLength()
            return true
        }
        return false
    }

    /// Cuts a node that has outgrown its size in two, at the middle element; a single large element stays.
    private func splitIfTooLarge(_ index: Int) {
        let entries = node(index)
        let size = entries.pointee.count
        guard entries.pointee.endPosition > Limits.listNodeBytesMax, size > 1 else { return }
        let middle = entries.pointee.position(ofIndex: size / 2)
        let tail = entries.pointee.split(at: middle, entryCount: size - size / 2)
        insertNode(tail, at: index + 1)
    }

    /// Removes up to `limit` elements equal to `value` (0: all), from either end. Returns how many.
    func remove(_ value: ByteSlice, limit: Int, fromBack: Bool) -> Int {
        var removedCount = 0
        var emptied = 0
        var index = fromBack ? nodeCount - 1 : 0
        while index >= 0, index < nodeCount {
            let entries = node(index)
            let before = removedCount
            if fromBack {
                var offset = entries.pointee.endPosition
                while offset > 0, limit == 0 || removedCount < limit {
                    offset = entries.pointee.previous(before: offset)
                    if entries.pointee[offset] == value {
                        entries.pointee.remove(at: offset)
                        removedCount += 1
                    }
                }
            } else {
                var offset = 0
                while offset < entries.pointee.endPosition, limit == 0 || removedCount < limit {
                    if entries.pointee[offset] == value {
                        entries.pointee.remove(at: offset)
                        removedCount += 1
                    } else {
                        offset = entries.pointee.next(after: offset)
                    }
                }
            }
            count -= removedCount - before
            if entries.pointee.isEmpty { emptied += 1 }
            if limit > 0, removedCount == limit { break }
            index += fromBack ? -1 : 1
        }
        if emptied > 0 { removeEmptyNodes() }
        if removedCount > 0 { updateLength() }
        return removedCount
    }

    /// All in one pass, however many there are.
    private func removeEmptyNodes() {
        var kept = 0
        for index in 0..<nodeCount {
            if node(index).pointee.isEmpty {
                node(index).deinitialize(count: 1)
            } else {
                if kept < index { node(kept).moveInitialize(from: node(index), count: 1) }
                kept += 1
            }
        }
        nodeCount = kept
    }

    /// Keeps the elements of this range only.
    func trim(to range: Range<Int>) {
        dropBack(count - range.upperBound)
        dropFront(range.lowerBound)
        updateLength()
    }

    func dropFront(_ elements: Int) {
        var left = elements
        while left > 0, left >= node(0).pointee.count {
            left -= node(0).pointee.count
            count -= node(0).pointee.count
            removeNode(at: 0)
            if nodeCount == 0 { break }
        }
        if left > 0 {
            node(0).pointee.remove(at: 0, entryCount: left)
            count -= left
        }
        updateLength()
    }

    func dropBack(_ elements: Int) {
        var left = elements
        while left > 0, left >= node(nodeCount - 1).pointee.count {
            left -= node(nodeCount - 1).pointee.count
            count -= node(nodeCount - 1).pointee.count
            removeNode(at: nodeCount - 1)
            if nodeCount == 0 { break }
        }
        if left > 0 {
            let entries = node(nodeCount - 1)
            let offset = entries.pointee.position(ofIndex: entries.pointee.count - left)
            entries.pointee.remove(at: offset, entryCount: left)
            count -= left
        }
        updateLength()
    }

    /// A list with the same elements.
    override func copy() -> ListValue {
        let copy = ListValue()
        for index in 0..<nodeCount {
            copy.insertNode(node(index).pointee.copy(), at: index)
        }
        copy.count = count
        copy.isLong = isLong
        return copy
    }

    func checkInvariants() {
        var seen = 0
        for index in 0..<nodeCount {
            let entries = node(index)
            entries.pointee.checkInvariants()
            precondition(!entries.pointee.isEmpty, "empty node kept")
            precondition(entries.pointee.count == 1 || entries.pointee.endPosition <= Limits.listNodeBytesMax * 2)
            seen += entries.pointee.count
        }
        precondition(seen == count, "count differs from the nodes' counts")
        precondition(isLong || nodeCount <= 1, "a short list has one node")
    }
}
