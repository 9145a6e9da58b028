// Memory of keys and values, counted for `maxmemory`. Everything under Keyspace/ and Types/ that allocates by itself
// does it here; objects of Swift's count with a fixed size (`StoredValue`), their larger arrays through `NotedMemory`.
// Not counted: groups and consumers of streams, clients, scripts, and everything of the broker's.
// The count is one for each thread, since a store lives on one. Next: Eviction/Eviction.swift.

import CTaskdShims

/// The allocator of the store.
enum StoreHeap {
    /// Bytes in use by all stores of this thread.
    static var bytes: Int { taskd_store_bytes() }

    @inline(__always)
    static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer { taskd_store_malloc(bytes).unsafelyUnwrapped }

    static func zeroed(_ count: Int, _ stride: Int) -> UnsafeMutableRawPointer {
        taskd_store_calloc(count, stride).unsafelyUnwrapped
    }

    static func reallocate(_ memory: UnsafeMutableRawPointer, _ bytes: Int) -> UnsafeMutableRawPointer {
        taskd_store_realloc(memory, bytes).unsafelyUnwrapped
    }

    static func allocateAligned(_ bytes: Int, to alignment: Int) -> UnsafeMutableRawPointer {
        taskd_store_aligned(bytes, alignment).unsafelyUnwrapped
    }

    @inline(__always)
    static func free(_ memory: UnsafeMutableRawPointer?) { taskd_store_free(memory) }

    /// Memory that somebody else allocated; negative when it is gone.
    static func note(_ bytes: Int) { taskd_store_note(bytes) }
}

/// Memory of an array: counted while its owner lives.
struct NotedMemory: ~Copyable {
    private var bytes = 0

    /// The array takes this much now.
    @inline(__always)
    mutating func note(_ now: Int) {
        guard now != bytes else { return }
        StoreHeap.note(now - bytes)
        bytes = now
    }

    deinit { StoreHeap.note(-bytes) }
}
