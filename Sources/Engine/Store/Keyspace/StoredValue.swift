// What a key points to when it holds more than a short string: the base class of lists, hashes, sets,
// sorted sets and streams (Types/), and the long string.
// A stored object belongs to exactly one key. Loop thread only. Next: Keyspace.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An object held by a key. Subclasses are final and give a kind of their own.
class StoredValue {
    /// About what an instance takes beside the memory that it asks for itself.
    private static let objectBytes = 64

    init() { StoreHeap.note(Self.objectBytes) }

    deinit { StoreHeap.note(-Self.objectBytes) }

    /// The kind of all instances of a subclass; checked before a key's object is handed out as that subclass.
    class var kind: ValueKind { preconditionFailure("kind is a subclass's duty") }

    final var kind: ValueKind { type(of: self).kind }

    /// A key whose value is empty is removed (streams excepted: they say false).
    var isEmpty: Bool { false }

    /// As `OBJECT ENCODING` says it.
    var encodingName: StaticString { preconditionFailure("encodingName is a subclass's duty") }

    /// A deep copy, for `COPY`.
    func copy() -> StoredValue { preconditionFailure("copy is a subclass's duty") }

    /// Estimate of heap bytes, for `MEMORY USAGE`.
    var memoryBytes: Int { preconditionFailure("memoryBytes is a subclass's duty") }

    /// Where a large hash, set or sorted set keeps its members; nil for everything else.
    var memberTable: MemberTable? { nil }

    /// Elements, for deciding how dear it is to free.
    var elementCount: Int { 1 }
}

/// A string too long to live beside its key. Replies refer to its bytes without copying them, so it must
/// not be written to while anybody else holds it: `Keyspace` copies it first then.
final class LongString: StoredValue {
    private(set) var storage: UnsafeMutableRawPointer
    private(set) var count: Int
    private var capacity: Int

    init(_ slice: ByteSlice, capacity: Int = 0) {
        self.capacity = max(slice.count, capacity, 1)
        storage = StoreHeap.allocate(self.capacity)
        count = slice.count
        memcpy(storage, slice.base, slice.count)
    }

    deinit { StoreHeap.free(storage) }

    override class var kind: ValueKind { .longString }
    override var encodingName: StaticString { "raw" }
    override func copy() -> StoredValue { LongString(slice) }
    override var memoryBytes: Int { capacity + 64 }

    /// Valid while the object lives and is not resized.
    var slice: ByteSlice { ByteSlice(base: storage, count: count) }

    /// Makes it `count` bytes long, the new ones zero. Room grows by half, so that appending is cheap.
    func resize(_ wanted: Int) -> UnsafeMutableRawPointer {
        if wanted > capacity {
            capacity = max(wanted, capacity + min(capacity / 2, 1 << 24))
            storage = StoreHeap.reallocate(storage, capacity)
        }
        if wanted > count { memset(storage + count, 0, wanted - count) }
        count = wanted
        return storage
    }
}
