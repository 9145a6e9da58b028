// An owned, immutable byte string with its hash: names of queues, exchanges, tags, users, channels of
// pub/sub. One allocation for each, shared by reference. Not for keys and values of the store, which
// have a denser home of their own (Store/).
// Loop thread only. Next: NameTable.swift (looks these up by borrowed bytes).

import Wire

/// Immutable bytes with a stored hash. Equality is by content.
public final class ByteString: Hashable {
    let storage: UnsafeMutableRawPointer
    public let count: Int
    let hash: UInt64

    public init(_ slice: ByteSlice) {
        count = slice.count
        storage = UnsafeMutableRawPointer.allocate(byteCount: max(1, slice.count), alignment: 8)
        storage.copyMemory(from: slice.base, byteCount: slice.count)
        hash = ByteHash.hash(slice)
    }

    public convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count) { storage in
            bytes.withUnsafeBytes { storage.copyMemory(from: ByteSlice($0).base, byteCount: $0.count) }
        }
    }

    public convenience init(_ text: String) { self.init(Array(text.utf8)) }

    /// Makes room for `count` bytes and has `fill` write them.
    init(count: Int, fill: (UnsafeMutableRawPointer) -> Void) {
        self.count = count
        storage = UnsafeMutableRawPointer.allocate(byteCount: max(1, count), alignment: 8)
        fill(storage)
        hash = ByteHash.hash(storage, count: count)
    }

    deinit { storage.deallocate() }

    /// The bytes, borrowed; valid while this object lives.
    @inline(__always)
    public var slice: ByteSlice { ByteSlice(base: UnsafeRawPointer(storage), count: count) }

    public var string: String { slice.string }

    public var isEmpty: Bool { count == 0 }

    /// Order of bytes; a beginning comes before what goes on.
    func isOrderedBefore(_ other: ByteString) -> Bool {
        slice.buffer.lexicographicallyPrecedes(other.slice.buffer)
    }

    public static func == (left: ByteString, right: ByteString) -> Bool {
        left === right || (left.hash == right.hash && left.slice == right.slice)
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

    nonisolated(unsafe) public static let empty = ByteString(ByteSlice.empty)
}
