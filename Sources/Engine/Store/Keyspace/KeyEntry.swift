// One key with what it holds: a single allocation of header, key bytes and, for short strings, the value.
//
//     offset  size  field
//     0       1     kind in the low four bits, flags above (see `Flags`), three bits of generation at the top
//     1       3     time of the last access, seconds, modulo 2²⁴; or how often it is used (Eviction/AccessFrequency.swift)
//     4       4     bytes of the key
//     8       8     hash of the key
//     16      8     expiry, milliseconds since 1970; `noExpiry` when there is none
//     24      8     payload: integer, object reference, or count (4) and capacity (4) of the inline value
//     32      n     key, then inline value
//
// Boundary file for raw pointers: nobody else knows these offsets. An entry moves when its inline value
// outgrows it; whoever holds one across a write looks it up again.
// Loop thread only. Next: KeyTable.swift (finds entries), Keyspace.swift (what commands call).

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a key holds. `inlineString`, `integer` and `longString` are three ways to hold a string.
enum ValueKind: UInt8 {
    case inlineString = 0
    case integer = 1
    case longString = 2
    case list = 3
    case set = 4
    case sortedSet = 5
    case hash = 6
    case stream = 7

    var isString: Bool { rawValue <= ValueKind.longString.rawValue }

    /// Its object may have a table of members.
    var hasMembers: Bool { self == .set || self == .sortedSet || self == .hash }

    /// As `TYPE` says it.
    var typeName: StaticString {
        switch self {
        case .inlineString, .integer, .longString: "string"
        case .list: "list"
        case .set: "set"
        case .sortedSet: "zset"
        case .hash: "hash"
        case .stream: "stream"
        }
    }
}

/// Pointer to a key's entry. Plain bits: owned by the table that holds it.
struct KeyEntry: Equatable {
    static let noExpiry = Int64.max
    private static let headerBytes = 32

    enum Flags {
        /// The string has been appended to or written into: `OBJECT ENCODING` says raw.
        static let raw: UInt8 = 0x10
        /// The checkpoint, counted modulo 8, that has no need of the key any more: it has been written, or was
        /// made after the checkpoint's beginning.
        static let generation: UInt8 = 0xE0
        /// From one generation to the next.
        static let generationStep: UInt8 = 0x20
    }

    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(_ base: UnsafeMutableRawPointer) { self.base = base }

    // MARK: Header

    @inline(__always)
    var kind: ValueKind { ValueKind(rawValue: base.load(as: UInt8.self) & 0x0F).unsafelyUnwrapped }

    @inline(__always)
    var flags: UInt8 { base.load(as: UInt8.self) & Flags.raw }

    /// The generation stays.
    @inline(__always)
    func setKind(_ kind: ValueKind, flags: UInt8 = 0) {
        base.storeBytes(of: base.load(as: UInt8.self) & Flags.generation | kind.rawValue | flags, as: UInt8.self)
    }

    @inline(__always)
    var generation: UInt8 {
        get { base.load(as: UInt8.self) & Flags.generation }
        nonmutating set {
            base.storeBytes(of: base.load(as: UInt8.self) & ~Flags.generation | newValue, as: UInt8.self)
        }
    }

    /// What was noted at the last access; what it means is for the policy of eviction to say.
    var accessBits: UInt32 { base.load(as: UInt32.self) >> 8 }

    @inline(__always)
    func touch(_ bits: UInt32) {
        base.storeBytes(of: bits << 8 | UInt32(base.load(as: UInt8.self)), as: UInt32.self)
    }

    @inline(__always)
    private var keyCount: Int { Int(base.load(fromByteOffset: 4, as: UInt32.self)) }

    @inline(__always)
    var key: ByteSlice { ByteSlice(base: base + Self.headerBytes, count: keyCount) }

    @inline(__always)
    var hash: UInt64 { base.load(fromByteOffset: 8, as: UInt64.self) }

    @inline(__always)
    var expiry: Int64 {
        get { base.load(fromByteOffset: 16, as: Int64.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 16, as: Int64.self) }
    }

    @inline(__always)
    var hasExpiry: Bool { expiry != Self.noExpiry }

    @inline(__always)
    func matches(_ key: ByteSlice, hash: UInt64) -> Bool {
        self.hash == hash && keyCount == key.count && memcmp(base + Self.headerBytes, key.base, key.count) == 0
    }

    // MARK: Payload

    var integer: Int64 {
        get { base.load(fromByteOffset: 24, as: Int64.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: 24, as: Int64.self) }
    }

    @inline(__always)
    private var valueBase: UnsafeMutableRawPointer { base + Self.headerBytes + keyCount }

    private var inlineCapacity: Int { Int(base.load(fromByteOffset: 28, as: UInt32.self)) }

    @inline(__always)
    private func setInlineCount(_ count: Int) {
        base.storeBytes(of: UInt32(truncatingIfNeeded: count), toByteOffset: 24, as: UInt32.self)
    }

    /// The value of an inline string. Valid until the entry is written to.
    @inline(__always)
    var inlineValue: ByteSlice {
        ByteSlice(base: valueBase, count: Int(base.load(fromByteOffset: 24, as: UInt32.self)))
    }

    /// The object of the other kinds, borrowed.
    @inline(__always)
    var object: StoredValue {
        Unmanaged<StoredValue>.fromOpaque(
            base.load(fromByteOffset: 24, as: UnsafeRawPointer.self)
        ).takeUnretainedValue()
    }

    @inline(__always)
    var holdsObject: Bool { kind.rawValue >= ValueKind.longString.rawValue }

    /// Takes the object over (one count) into a payload that holds none.
    func adopt(_ object: StoredValue) {
        setKind(object.kind)
        base.storeBytes(
            of: UnsafeRawPointer(Unmanaged.passRetained(object).toOpaque()), toByteOffset: 24, as: UnsafeRawPointer.self
        )
    }

    /// Whether somebody besides this entry holds the object.
    var isObjectShared: Bool {
        var object = Unmanaged<StoredValue>.fromOpaque(
            base.load(fromByteOffset: 24, as: UnsafeRawPointer.self)
        ).takeRetainedValue()
        let isShared = !isKnownUniquelyReferenced(&object)
        _ = Unmanaged.passRetained(object)
        return isShared
    }

    /// Lets go of an object, if there is one; the payload is then without meaning.
    @inline(__always)
    func releasePayload() {
        if holdsObject { releaseObject() }
    }

    @inline(never)
    private func releaseObject() {
        Unmanaged<StoredValue>.fromOpaque(base.load(fromByteOffset: 24, as: UnsafeRawPointer.self)).release()
    }

    // MARK: Life

    /// A fresh entry with `capacity` bytes of room for an inline value, empty so far.
    @inline(__always)
    static func make(key: ByteSlice, hash: UInt64, inlineCapacity: Int) -> KeyEntry {
        // What malloc would round up to is used as room, so that a value may change its length a little.
        let bytes = (headerBytes + key.count + inlineCapacity + 8 + 15) & ~15 - 8
        let entry = KeyEntry(StoreHeap.allocate(bytes))
        let base = entry.base
        base.storeBytes(of: 0, as: UInt32.self)
        base.storeBytes(of: UInt32(truncatingIfNeeded: key.count), toByteOffset: 4, as: UInt32.self)
        base.storeBytes(of: hash, toByteOffset: 8, as: UInt64.self)
        base.storeBytes(of: noExpiry, toByteOffset: 16, as: Int64.self)
        base.storeBytes(
            of: UInt64(truncatingIfNeeded: bytes - headerBytes - key.count) << 32, toByteOffset: 24, as: UInt64.self)
        memcpy(base + headerBytes, key.base, key.count)
        return entry
    }

    /// Frees the memory, not the payload.
    @inline(__always)
    func freeMemory() { StoreHeap.free(base) }

    /// Frees everything.
    func destroy() {
        releasePayload()
        freeMemory()
    }

    /// Bytes of room for an inline value; the payload of other kinds hides the number, so that theirs is 0.
    @inline(__always)
    var inlineRoom: Int { kind == .inlineString ? inlineCapacity : 0 }

    /// Overwrites the inline value, which has the room.
    @inline(__always)
    func setInline(_ value: ByteSlice) {
        assert(kind == .inlineString && value.count <= inlineCapacity)
        memcpy(valueBase, value.base, value.count)
        setInlineCount(value.count)
    }

    /// Makes the inline value `count` bytes long, the new ones zero; there is room. Returns its bytes.
    func resizeInline(_ count: Int) -> UnsafeMutableRawPointer {
        assert(kind == .inlineString && count <= inlineCapacity)
        let old = inlineValue.count
        if count > old { memset(valueBase + old, 0, count - old) }
        setInlineCount(count)
        return valueBase
    }

    /// Bytes of the allocation, about.
    var allocatedBytes: Int { Self.headerBytes + keyCount + inlineRoom + 8 }
}
