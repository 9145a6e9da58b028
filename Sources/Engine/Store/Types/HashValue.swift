// A hash: fields and their values. Small ones are packed, field and value in turn; larger ones are a table
// whose entries hold field and value in one allocation. A table never becomes packed again.
// When fields expire stands beside them (FieldExpiry.swift); a hash without such fields has nothing of it.
// Slices handed out are borrowed, valid until the next change; what is put in must not point into it.
// Loop thread only. Boundary file for raw pointers. Next: ../Commands/HashCommands.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A table entry of a hash: see MemberTable.swift for the layout.
enum HashEntry {
    private static let valueCountOffset = MemberLayout.bodyOffset
    private static let valueCapacityOffset = MemberLayout.bodyOffset + 4

    static func make(_ field: ByteSlice, _ value: ByteSlice) -> MemberEntry {
        let entry = MemberLayout.hash.make(
            field, memberOffset: MemberLayout.hashMemberOffset, tailBytes: value.count)
        entry.storeBytes(of: UInt32(value.count), toByteOffset: valueCountOffset, as: UInt32.self)
        entry.storeBytes(of: UInt32(value.count), toByteOffset: valueCapacityOffset, as: UInt32.self)
        memcpy(entry + MemberLayout.hashMemberOffset + field.count, value.base, value.count)
        return entry
    }

    @inline(__always)
    static func valueCapacity(_ entry: MemberEntry) -> UInt32 {
        entry.load(fromByteOffset: valueCapacityOffset, as: UInt32.self)
    }

    @inline(__always)
    static func value(_ entry: MemberEntry) -> ByteSlice {
        let base = entry + MemberLayout.hashMemberOffset + MemberLayout.count(entry)
        return ByteSlice(
            base: UnsafeRawPointer(base), count: Int(entry.load(fromByteOffset: valueCountOffset, as: UInt32.self)))
    }

    /// The same field with another value, in place where it fits and does not waste much.
    static func setting(_ entry: MemberEntry, to value: ByteSlice) -> MemberEntry {
        let head = MemberLayout.hashMemberOffset + MemberLayout.count(entry)
        var entry = entry
        let capacity = Int(valueCapacity(entry))
        if value.count > capacity || capacity > 64 && value.count < capacity / 2 {
            entry = StoreHeap.reallocate(entry, head + value.count)
            entry.storeBytes(of: UInt32(value.count), toByteOffset: valueCapacityOffset, as: UInt32.self)
        }
        memcpy(entry + head, value.base, value.count)
        entry.storeBytes(of: UInt32(value.count), toByteOffset: valueCountOffset, as: UInt32.self)
        return entry
    }
}

/// The value of a hash key.
final class HashValue: StoredValue {
    override class var kind: ValueKind { .hash }

    private var packed = PackedEntries()
    private var table: MemberTable?
    /// When fields expire; nil as long as none has ever had a time.
    var fieldExpiry: FieldExpiry?

    override init() {}

    var count: Int { table?.count ?? packed.count / 2 }
    override var isEmpty: Bool { count == 0 }
    override var elementCount: Int { count }
    override var memberTable: MemberTable? { table }

    /// Name that `OBJECT ENCODING` gives.
    override var encodingName: StaticString {
        if table != nil { return "hashtable" }
        return fieldExpiry == nil ? "listpack" : "listpackex"
    }

    override var memoryBytes: Int {
        64 + packed.memoryBytes + (table?.memoryBytes ?? 0) + (fieldExpiry?.memoryBytes ?? 0)
    }

    // MARK: Fields

    /// The value of `field`.
    func get(_ field: ByteSlice) -> ByteSlice? {
        if let table {
            guard let entry = table.find(field) else { return nil }
            return HashEntry.value(entry)
        }
        guard let position = packed.find(field, stride: 2) else { return nil }
        return packed[packed.next(after: position)]
    }

    func contains(_ field: ByteSlice) -> Bool {
        if let table { return table.find(field) != nil }
        return packed.find(field, stride: 2) != nil
    }

    /// Sets `field`, which does not expire any more unless told to keep its time; returns whether it is new.
    @discardableResult
    func set(_ field: ByteSlice, to value: ByteSlice, keepsExpiry: Bool = false) -> Bool {
        if let fieldExpiry, !keepsExpiry { fieldExpiry.clear(field) }
        if table == nil, field.count > CompactForms.hashValueBytesMax || value.count > CompactForms.hashValueBytesMax {
            makeTable()
        }
        if let table {
            if table.replace(field, { HashEntry.setting($0, to: value) }) { return false }
            table.insert(HashEntry.make(field, value))
            return true
        }
        if let position = packed.find(field, stride: 2) {
            packed.replace(at: packed.next(after: position), with: value)
            return false
        }
        packed.append(field)
        packed.append(value)
        if packed.count / 2 > CompactForms.hashEntriesMax { makeTable() }
        return true
    }

    @discardableResult
    func remove(_ field: ByteSlice) -> Bool {
        if let fieldExpiry { fieldExpiry.clear(field) }
        if let table {
            guard let entry = table.remove(field) else { return false }
            StoreHeap.free(entry)
            return true
        }
        guard let position = packed.find(field, stride: 2) else { return false }
        packed.remove(at: position, entryCount: 2)
        return true
    }

    /// Told before `fieldCount` fields are set at once: more than fit a packed hash make a table now.
    func expect(fieldCount: Int) {
        if table == nil, fieldCount > CompactForms.hashEntriesMax { makeTable(expectedCount: fieldCount) }
    }

    private func makeTable(expectedCount: Int = 0) {
        let fresh = MemberTable(.hash, expectedCount: max(expectedCount, packed.count / 2))
        forEach { field, value in
            fresh.insert(HashEntry.make(field, value))
            return true
        }
        packed.removeAll()
        table = fresh
    }

    // MARK: Walking

    /// Calls `body` for every field and value until it returns false.
    func forEach(_ body: (ByteSlice, ByteSlice) -> Bool) {
        if let table {
            return table.forEach { body(MemberLayout.hash.member($0), HashEntry.value($0)) }
        }
        var position = 0
        while position < packed.endPosition {
            let valuePosition = packed.next(after: position)
            guard body(packed[position], packed[valuePosition]) else { return }
            position = packed.next(after: valuePosition)
        }
    }

    /// One step of HSCAN; a packed hash is visited whole. Returns the next cursor, 0 at the end.
    func scan(_ cursor: UInt64, _ body: (ByteSlice, ByteSlice) -> Void) -> UInt64 {
        if let table {
            return table.scan(cursor) { body(MemberLayout.hash.member($0), HashEntry.value($0)) }
        }
        forEach {
            body($0, $1)
            return true
        }
        return 0
    }

    /// A field and its value drawn at random; the hash is not empty.
    func randomField(using random: inout RandomSource) -> (field: ByteSlice, value: ByteSlice) {
        if let table {
            let entry = table.randomEntry(using: &random)
            return (MemberLayout.hash.member(entry), HashEntry.value(entry))
        }
        let index = Int.random(in: 0..<count, using: &random)
        let position = packed.position(ofIndex: index * 2)
        return (packed[position], packed[packed.next(after: position)])
    }

    override func copy() -> HashValue {
        let copy = HashValue()
        copy.fieldExpiry = fieldExpiry?.copy()
        if let table {
            let fresh = MemberTable(.hash, expectedCount: table.count)
            table.forEach {
                fresh.insert(HashEntry.make(MemberLayout.hash.member($0), HashEntry.value($0)))
                return true
            }
            copy.table = fresh
        } else {
            copy.packed = packed.copy()
        }
        return copy
    }

    func checkInvariants() {
        packed.checkInvariants()
        if let table {
            table.checkInvariants()
            precondition(packed.isEmpty, "both forms hold fields")
        } else {
            precondition(packed.count % 2 == 0 && packed.count / 2 <= Limits.packedEntriesCeiling)
        }
        fieldExpiry?.checkInvariants { precondition(contains($0), "a time without its field") }
    }
}
