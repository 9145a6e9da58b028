// A hash table from byte-string names to values, looked up with borrowed bytes: no allocation and no
// hashing of owned keys on the hot path. Linear probing, power-of-two capacity, back-shift deletion.
// Not for the keyspace: it grows in one step, which is fine for names (queues, exchanges, bindings,
// channels of pub/sub), not for ten million keys (Store/Keyspace).
// Loop thread only.

import Wire

/// Name → value.
struct NameTable<Value> {
    private struct Slot {
        var key: ByteString
        var value: Value
    }

    private var slots: [Slot?]
    private(set) var count = 0

    init(minimumCapacity: Int = 8) {
        var capacity = 8
        while capacity * 3 < minimumCapacity * 4 { capacity *= 2 }
        slots = Array(repeating: nil, count: capacity)
    }

    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private var mask: Int { slots.count - 1 }

    /// Index of the slot that holds `name`, or of the free one where it would go.
    @inline(__always)
    private func find(_ name: ByteSlice, hash: UInt64) -> (index: Int, found: Bool) {
        var index = Int(truncatingIfNeeded: hash) & mask
        while let slot = slots[index] {
            if slot.key.hash == hash, slot.key.slice == name { return (index, true) }
            index = (index + 1) & mask
        }
        return (index, false)
    }

    subscript(name: ByteSlice) -> Value? {
        let (index, found) = find(name, hash: ByteHash.hash(name))
        return found ? slots[index].unsafelyUnwrapped.value : nil
    }

    subscript(name: ByteString) -> Value? {
        get {
            let (index, found) = find(name.slice, hash: name.hash)
            return found ? slots[index].unsafelyUnwrapped.value : nil
        }
        set {
            if let newValue { insert(newValue, for: name) } else { removeValue(for: name.slice) }
        }
    }

    /// The key object stored for `name`: for sharing one allocation among many holders.
    func storedKey(_ name: ByteSlice) -> ByteString? {
        let (index, found) = find(name, hash: ByteHash.hash(name))
        return found ? slots[index].unsafelyUnwrapped.key : nil
    }

    /// Sets the value for `name`; returns the one it replaces.
    @discardableResult
    mutating func insert(_ value: Value, for name: ByteString) -> Value? {
        let (index, found) = find(name.slice, hash: name.hash)
        if found {
            let old = slots[index]?.value
            slots[index]?.value = value
            return old
        }
        slots[index] = Slot(key: name, value: value)
        count += 1
        if count * 4 > slots.count * 3 { grow() }
        return nil
    }

    @discardableResult
    mutating func removeValue(for name: ByteSlice) -> Value? {
        let (start, found) = find(name, hash: ByteHash.hash(name))
        guard found else { return nil }
        let old = slots[start]?.value
        var hole = start
        var index = (hole + 1) & mask
        // Close the gap, so that probing never has to step over tombstones.
        while let slot = slots[index] {
            let home = Int(truncatingIfNeeded: slot.key.hash) & mask
            if (index - home) & mask >= (index - hole) & mask {
                slots[hole] = slot
                hole = index
            }
            index = (index + 1) & mask
        }
        slots[hole] = nil
        count -= 1
        return old
    }

    mutating func removeAll() {
        slots = Array(repeating: nil, count: 8)
        count = 0
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: nil, count: old.count * 2)
        for case .some(let slot) in old {
            let (index, _) = find(slot.key.slice, hash: slot.key.hash)
            slots[index] = slot
        }
    }

    /// Calls `body` for every entry, in no particular order. The table must not change meanwhile.
    func forEach(_ body: (ByteString, Value) throws -> Void) rethrows {
        for case .some(let slot) in slots { try body(slot.key, slot.value) }
    }

    /// All values, copied; for walks during which the table may change.
    var values: [Value] {
        var result: [Value] = []
        result.reserveCapacity(count)
        for case .some(let slot) in slots { result.append(slot.value) }
        return result
    }

    /// All names, copied.
    var names: [ByteString] {
        var result: [ByteString] = []
        result.reserveCapacity(count)
        for case .some(let slot) in slots { result.append(slot.key) }
        return result
    }

    func checkInvariants() {
        var seen = 0
        for (index, slot) in slots.enumerated() {
            guard let slot else { continue }
            seen += 1
            let (at, found) = find(slot.key.slice, hash: slot.key.hash)
            precondition(found && at == index, "name not reachable from its home slot")
        }
        precondition(seen == count)
    }
}
