// The words of one request: name and arguments as borrowed slices, in a vector that is used again for
// every request of a connection.
// What it is not: safe to keep past the call that filled it, unless it is a `copy`, which owns its bytes.
// Boundary file for raw pointers. Next: RESPRequestParser.swift (fills it).

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Words of a request. Index 0 is the command's name.
public final class RESPArguments {
    // One thread at a time by contract: checking every access for conflicts would cost more than the access.
    @exclusivity(unchecked)
    @usableFromInline var base: UnsafeMutablePointer<ByteSlice>
    @exclusivity(unchecked)
    public private(set) var count: Int = 0
    @exclusivity(unchecked)
    private var capacity: Int
    /// Bytes behind the slices of a copy.
    private var owned: UnsafeMutableRawPointer?

    /// Above this a vector is made small again when it is next filled.
    private static let keptCapacityMax = 1_024

    public init(capacity: Int = 8) {
        self.capacity = max(1, capacity)
        base = UnsafeMutablePointer<ByteSlice>.allocate(capacity: self.capacity)
    }

    deinit {
        base.deallocate()
        owned?.deallocate()
    }

    /// All bytes of the words together.
    public var bytes: Int {
        var total = 0
        for index in 0..<count { total += base[index].count }
        return total
    }

    /// The word at `index`; bounds are the caller's duty (the command's arity says what is there).
    @inlinable @inline(__always)
    public subscript(index: Int) -> ByteSlice {
        assert(index >= 0 && index < count)
        return base[index]
    }

    @inline(__always)
    public func removeAll() {
        count = 0
        if capacity > Self.keptCapacityMax { resize(8) }
    }

    @inline(__always)
    public func append(_ slice: ByteSlice) {
        if count == capacity { resize(capacity * 2) }
        base[count] = slice
        count += 1
    }

    /// Replaces the word at `index`; its bytes must live as long as the vector is used.
    public func replace(at index: Int, with slice: ByteSlice) {
        precondition(index >= 0 && index < count)
        base[index] = slice
    }

    /// The words move by `distance` in memory: the buffer they point into has moved.
    func rebase(by distance: Int) {
        for index in 0..<count { base[index] = ByteSlice(base: base[index].base + distance, count: base[index].count) }
    }

    @inline(never)
    private func resize(_ wanted: Int) {
        let fresh = UnsafeMutablePointer<ByteSlice>.allocate(capacity: wanted)
        fresh.update(from: base, count: min(count, wanted))
        base.deallocate()
        base = fresh
        capacity = wanted
    }

    /// The same words, owning their bytes in one allocation: for queued and blocked commands.
    public func copy() -> RESPArguments {
        let made = RESPArguments(capacity: count)
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(1, self.bytes), alignment: 8)
        made.owned = bytes
        var position = bytes
        for index in 0..<count {
            let word = self[index]
            memcpy(position, word.base, word.count)
            made.append(ByteSlice(base: position, count: word.count))
            position += word.count
        }
        return made
    }
}
