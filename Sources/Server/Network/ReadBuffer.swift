// The one read buffer that all connections share, and the tail each keeps of its own.
// A connection copies only what its session could not take yet; between two reads most have nothing, so an
// idle one costs no buffer at all.
// Loop thread only. Boundary file for raw pointers. Next: Connection.swift.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Room for a short tail followed by one read.
final class ReadBuffer {
    private let memory: UnsafeMutableRawPointer

    init() {
        memory = UnsafeMutableRawPointer.allocate(
            byteCount: NetworkLimits.sharedTailBytesMax + NetworkLimits.readBytesMax, alignment: 4096)
    }

    deinit { memory.deallocate() }

    /// Where every read goes; a tail is put right before it.
    var readStart: UnsafeMutableRawPointer { memory + NetworkLimits.sharedTailBytesMax }
}

/// Input of one connection that its session has not taken yet.
struct InputTail {
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    var slice: ByteSlice {
        guard let memory else { return .empty }
        return ByteSlice(base: UnsafeRawPointer(memory), count: count)
    }

    /// Copies the tail so that it ends at `end`.
    func copy(before end: UnsafeMutableRawPointer) {
        if let memory, count > 0 { memcpy(end - count, memory, count) }
    }

    /// Becomes a copy of `bytes`, which do not lie in the tail itself.
    mutating func replace(with bytes: ByteSlice) {
        if bytes.count == 0 { return clear() }
        if capacity < bytes.count || capacity > bytes.count * 4 + 4_096 {
            free(memory)
            capacity = (bytes.count + 63) & ~63
            memory = malloc(capacity)
        }
        memcpy(memory!, bytes.base, bytes.count)
        count = bytes.count
    }

    /// Room at the end for a read of `room` bytes.
    mutating func reserve(_ room: Int) -> UnsafeMutableRawPointer {
        if capacity - count < room {
            capacity = max(capacity * 2, count + room)
            memory = realloc(memory, capacity)
            precondition(memory != nil, "out of memory")
        }
        return memory! + count
    }

    mutating func commit(_ bytes: Int) {
        precondition(bytes <= capacity - count)
        count += bytes
    }

    /// The session has taken the first `bytes`.
    mutating func drop(_ bytes: Int) {
        precondition(bytes <= count, "session took more than it was given")
        guard bytes > 0, let old = memory else { return }
        let left = count - bytes
        if left == 0 { return clear() }
        if capacity > left * 4 + 4_096 {
            // Was large for one long request: do not stay large.
            let smaller = (left + 63) & ~63
            let fresh = malloc(smaller)!
            memcpy(fresh, old + bytes, left)
            free(old)
            memory = fresh
            capacity = smaller
        } else {
            memmove(old, old + bytes, left)
        }
        count = left
    }

    mutating func clear() {
        free(memory)
        memory = nil
        capacity = 0
        count = 0
    }
}
