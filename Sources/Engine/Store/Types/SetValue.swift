// A set: sorted integers while all members are integers, packed while it is small, else a table.
// Members handed out are borrowed, valid until the call or the next change ends; the text of an integer
// member is made on the fly. What is put in must not point into it.
// Loop thread only. Boundary file for raw pointers. Next: ../Commands/SetCommands.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The value of a set key.
final class SetValue: StoredValue {
    override class var kind: ValueKind { .set }

    private enum Form {
        case integers, packed, table
    }

    private var form = Form.integers
    private var integers: [Int64] = [] {
        didSet { integersMemory.note(integers.capacity * MemoryLayout<Int64>.stride) }
    }
    private var integersMemory = NotedMemory()
    private var packed = PackedEntries()
    private var table: MemberTable?

    override init() {}

    var count: Int {
        switch form {
        case .integers: integers.count
        case .packed: packed.count
        case .table: table.unsafelyUnwrapped.count
        }
    }

    override var isEmpty: Bool { count == 0 }
    override var elementCount: Int { count }
    override var memberTable: MemberTable? { table }

    /// Name that `OBJECT ENCODING` gives.
    override var encodingName: StaticString {
        switch form {
        case .integers: "intset"
        case .packed: "listpack"
        case .table: "hashtable"
        }
    }

    override var memoryBytes: Int { 64 + integers.capacity * 8 + packed.memoryBytes + (table?.memoryBytes ?? 0) }

    // MARK: Members

    /// Index of the first integer that is not less than `value`.
    private func lowerBound(_ value: Int64) -> Int {
        var low = 0
        var high = integers.count
        while low < high {
            let middle = (low + high) / 2
            if integers[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func contains(_ member: ByteSlice) -> Bool {
        switch form {
        case .integers:
            guard let value = RESPNumber.integer(member) else { return false }
            let index = lowerBound(value)
            return index < integers.count && integers[index] == value
        case .packed: return packed.find(member, stride: 1) != nil
        case .table: return table.unsafelyUnwrapped.find(member) != nil
        }
    }

    /// Told before `memberCount` members are added at once: too many for the form it has make a table now.
    func expect(memberCount: Int, firstMember: ByteSlice) {
        switch form {
        case .integers where isEmpty:
            if RESPNumber.integer(firstMember) != nil, memberCount <= CompactForms.integerSetEntriesMax { return }
            if memberCount <= CompactForms.setEntriesMax {
                if RESPNumber.integer(firstMember) == nil { form = .packed }
            } else {
                makeTable(expectedCount: memberCount)
            }
        case .integers: if memberCount > CompactForms.integerSetEntriesMax { makeTable(expectedCount: memberCount) }
        case .packed: if memberCount > CompactForms.setEntriesMax { makeTable(expectedCount: memberCount) }
        case .table: break
        }
    }

    /// Adds `member`; returns whether it is new.
    @discardableResult
    func add(_ member: ByteSlice) -> Bool {
        switch form {
        case .integers:
            if let value = RESPNumber.integer(member) {
                let index = lowerBound(value)
                if index < integers.count, integers[index] == value { return false }
                integers.insert(value, at: index)
                if integers.count > CompactForms.integerSetEntriesMax { makeTable() }
                return true
            }
            // Not an integer, so not in the set yet.
            if integers.count < CompactForms.setEntriesMax, member.count <= CompactForms.setValueBytesMax {
                makePacked()
            } else {
                makeTable()
            }
            return add(member)
        case .packed:
            if packed.find(member, stride: 1) != nil { return false }
            if packed.count < CompactForms.setEntriesMax, member.count <= CompactForms.setValueBytesMax {
                packed.append(member)
                return true
            }
            makeTable()
            return add(member)
        case .table:
            let table = table.unsafelyUnwrapped
            if table.find(member) != nil { return false }
            table.insert(MemberLayout.set.make(member, memberOffset: MemberLayout.bodyOffset, tailBytes: 0))
            return true
        }
    }

    @discardableResult
    func remove(_ member: ByteSlice) -> Bool {
        switch form {
        case .integers:
            guard let value = RESPNumber.integer(member) else { return false }
            let index = lowerBound(value)
            guard index < integers.count, integers[index] == value else { return false }
            integers.remove(at: index)
            return true
        case .packed:
            guard let position = packed.find(member, stride: 1) else { return false }
            packed.remove(at: position)
            return true
        case .table:
            guard let entry = table.unsafelyUnwrapped.remove(member) else { return false }
            StoreHeap.free(entry)
            return true
        }
    }

    private func makePacked() {
        for value in integers { DecimalText.with(value) { packed.append($0) } }
        integers = []
        form = .packed
    }

    private func makeTable(expectedCount: Int = 0) {
        let fresh = MemberTable(.set, expectedCount: max(count, expectedCount))
        forEach {
            fresh.insert(MemberLayout.set.make($0, memberOffset: MemberLayout.bodyOffset, tailBytes: 0))
            return true
        }
        integers = []
        packed.removeAll()
        table = fresh
        form = .table
    }

    // MARK: Walking

    /// Calls `body` for every member until it returns false.
    func forEach(_ body: (ByteSlice) -> Bool) {
        switch form {
        case .integers:
            for value in integers {
                guard DecimalText.with(value, body) else { return }
            }
        case .packed:
            var position = 0
            while position < packed.endPosition {
                guard body(packed[position]) else { return }
                position = packed.next(after: position)
            }
        case .table: table.unsafelyUnwrapped.forEach { body(MemberLayout.set.member($0)) }
        }
    }

    /// One step of SSCAN; a set that is no table is visited whole. Returns the next cursor, 0 at the end.
    func scan(_ cursor: UInt64, _ body: (ByteSlice) -> Void) -> UInt64 {
        if form == .table {
            return table.unsafelyUnwrapped.scan(cursor) { body(MemberLayout.set.member($0)) }
        }
        forEach {
            body($0)
            return true
        }
        return 0
    }

    /// Hands a member drawn at random to `body`; the set is not empty.
    func withRandomMember<R>(using random: inout RandomSource, _ body: (ByteSlice) -> R) -> R {
        switch form {
        case .integers: return DecimalText.with(integers[Int.random(in: 0..<integers.count, using: &random)], body)
        case .packed:
            return body(packed[packed.position(ofIndex: Int.random(in: 0..<packed.count, using: &random))])
        case .table:
            return body(MemberLayout.set.member(table.unsafelyUnwrapped.randomEntry(using: &random)))
        }
    }

    override func copy() -> SetValue {
        let copy = SetValue()
        copy.form = form
        copy.integers = integers
        copy.packed = packed.copy()
        if let table {
            let fresh = MemberTable(.set, expectedCount: table.count)
            table.forEach {
                fresh.insert(
                    MemberLayout.set.make(
                        MemberLayout.set.member($0), memberOffset: MemberLayout.bodyOffset, tailBytes: 0))
                return true
            }
            copy.table = fresh
        }
        return copy
    }

    func checkInvariants() {
        packed.checkInvariants()
        table?.checkInvariants()
        precondition(form == .integers || integers.isEmpty)
        precondition(form == .packed || packed.isEmpty)
        precondition((form == .table) == (table != nil))
        for index in integers.indices.dropFirst() {
            precondition(integers[index - 1] < integers[index], "integers out of order")
        }
    }
}
