// A hash table from byte-string names to values, looked up with borrowed bytes: no allocation and no
// hashing of owned keys on the hot path. Linear probing, power-of-two capacity, back-shift deletion. An empty one has
// no memory of its own. It grows bit by bit: the smaller slots are kept beside the larger ones, and each change moves
// a few of them, so that no loop turn pays for a hundred thousand queues.
// Loop thread only.

import Wire

/// Name → value.
struct NameTable<Value> {
    private struct Slot {
        /// Its key's, so that others are stepped over without a look at their bytes.
        var hash: UInt64
        var key: ByteString
        var value: Value
    }

    private var slots: [Slot?] = []
    /// While the table grows: what has not been moved to `slots` yet. Whole clusters are, so probing goes on as before.
    private var old: [Slot?] = []
    /// Where moving goes on in `old`: a slot behind a free one. Each slot passed is one of `oldLeft`.
    private var oldPosition = 0
    private var oldLeft = 0
    private(set) var count = 0

    private static var firstCapacity: Int { 8 }
    /// Slots that a change moves at least. Twice the capacity has filled no sooner than after 3/4 as many changes, so
    /// two would be enough.
    private static var movedPerChange: Int { 8 }

    init() {}

    var isEmpty: Bool { count == 0 }

    private enum Place {
        case free(Int)
        case taken(Int)
        case takenInOld(Int)
    }

    /// Index of the slot that holds `name`, or of the free one where it would go. `slots` must not be empty.
    @inline(__always)
    private static func find(_ name: ByteSlice, hash: UInt64, in slots: [Slot?]) -> (index: Int, found: Bool) {
        let mask = slots.count - 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while let slot = slots[index] {
            if slot.hash == hash, slot.key.slice == name { return (index, true) }
            index = (index + 1) & mask
        }
        return (index, false)
    }

    @inline(__always)
    private func place(_ name: ByteSlice, hash: UInt64) -> Place? {
        guard !slots.isEmpty else { return nil }
        let (index, found) = Self.find(name, hash: hash, in: slots)
        if found { return .taken(index) }
        if !old.isEmpty {
            let (index, found) = Self.find(name, hash: hash, in: old)
            if found { return .takenInOld(index) }
        }
        return .free(index)
    }

    @inline(__always)
    private func slot(_ name: ByteSlice, hash: UInt64) -> Slot? {
        switch place(name, hash: hash) {
        case .taken(let index): slots[index]
        case .takenInOld(let index): old[index]
        case .free, nil: nil
        }
    }

    subscript(name: ByteSlice) -> Value? { slot(name, hash: ByteHash.hash(name))?.value }

    subscript(name: ByteString) -> Value? {
        get { slot(name.slice, hash: name.hash)?.value }
        set {
            if let newValue { insert(newValue, for: name) } else { removeValue(for: name.slice) }
        }
    }

    /// The key object stored for `name`: for sharing one allocation among many holders.
    func storedKey(_ name: ByteSlice) -> ByteString? { slot(name, hash: ByteHash.hash(name))?.key }

    /// Sets the value for `name`; returns the one it replaces.
    @discardableResult
    mutating func insert(_ value: Value, for name: ByteString) -> Value? {
        switch place(name.slice, hash: name.hash) {
        case .taken(let index):
            let before = slots[index]?.value
            slots[index]?.value = value
            return before
        case .takenInOld(let index):
            let before = old[index]?.value
            old[index]?.value = value
            return before
        case .free(let index):
            slots[index] = Slot(hash: name.hash, key: name, value: value)
        case nil:
            slots = Array(repeating: nil, count: Self.firstCapacity)
            slots[Int(truncatingIfNeeded: name.hash) & (slots.count - 1)] = Slot(
                hash: name.hash, key: name, value: value)
        }
        count += 1
        if !old.isEmpty { moveSome() }
        if count * 4 > slots.count * 3 { grow() }
        return nil
    }

    @discardableResult
    mutating func removeValue(for name: ByteSlice) -> Value? {
        let removed: Value?
        switch place(name, hash: ByteHash.hash(name)) {
        case .taken(let index): removed = Self.remove(at: index, from: &slots)
        case .takenInOld(let index): removed = Self.remove(at: index, from: &old)
        case .free, nil: return nil
        }
        count -= 1
        if !old.isEmpty { moveSome() }
        return removed
    }

    private static func remove(at start: Int, from slots: inout [Slot?]) -> Value? {
        let mask = slots.count - 1
        let removed = slots[start]?.value
        var hole = start
        var index = (hole + 1) & mask
        // Close the gap, so that probing never has to step over tombstones.
        while let slot = slots[index] {
            let home = Int(truncatingIfNeeded: slot.hash) & mask
            if (index - home) & mask >= (index - hole) & mask {
                slots[hole] = slot
                hole = index
            }
            index = (index + 1) & mask
        }
        slots[hole] = nil
        return removed
    }

    mutating func removeAll() { self = NameTable() }

    // MARK: Growing

    private mutating func grow() {
        while !old.isEmpty { moveSome() }
        old = slots
        slots = Array(repeating: nil, count: old.count * 2)
        oldLeft = old.count
        // Begin behind a free slot: nothing that stands there belongs to a cluster before it.
        oldPosition = 0
        while old[oldPosition] != nil { oldPosition += 1 }
        moveSome()
    }

    /// Moves some slots on, then as many as it takes to come to the end of a cluster.
    private mutating func moveSome() {
        let mask = old.count - 1
        var passed = 0
        while oldLeft > 0, passed < Self.movedPerChange || old[oldPosition] != nil {
            if let slot = old[oldPosition] {
                slots[Self.find(slot.key.slice, hash: slot.hash, in: slots).index] = slot
                old[oldPosition] = nil
            }
            oldPosition = (oldPosition + 1) & mask
            oldLeft -= 1
            passed += 1
        }
        if oldLeft == 0 { old = [] }
    }

    // MARK: All entries

    /// Calls `body` for every entry, in no particular order. The table must not change meanwhile.
    func forEach(_ body: (ByteString, Value) throws -> Void) rethrows {
        for case .some(let slot) in slots { try body(slot.key, slot.value) }
        for case .some(let slot) in old { try body(slot.key, slot.value) }
    }

    /// All values, copied; for walks during which the table may change.
    var values: [Value] {
        var result: [Value] = []
        result.reserveCapacity(count)
        forEach { result.append($1) }
        return result
    }

    /// All names, copied.
    var names: [ByteString] {
        var result: [ByteString] = []
        result.reserveCapacity(count)
        forEach { name, _ in result.append(name) }
        return result
    }

    func checkInvariants() {
        var seen = 0
        for (slots, isOld) in [(slots, false), (old, true)] {
            for (index, slot) in slots.enumerated() {
                guard let slot else { continue }
                seen += 1
                precondition(slot.hash == slot.key.hash)
                let (at, found) = Self.find(slot.key.slice, hash: slot.hash, in: slots)
                precondition(found && at == index, "name not reachable from its home slot")
                precondition(
                    !isOld || !Self.find(slot.key.slice, hash: slot.hash, in: self.slots).found, "moved, not copied")
            }
        }
        precondition(seen == count)
        precondition(old.isEmpty == (oldLeft == 0))
    }
}
