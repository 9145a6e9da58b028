// Where the journal keeps the open batch, and the one in flight. By default that is the heap. The server gives it
// memory that outlives the process (StagingMemory.swift), so that what a killed daemon has answered for but not
// written yet is found by the next one.
// Loop thread only. Next: Journal.swift.

/// Memory for batches. A subclass may keep it somewhere else.
open class JournalMemory {
    /// Memory that was given back and is worth keeping.
    private var spare: UnsafeMutableRawBufferPointer?

    public init() {}

    deinit { spare?.deallocate() }

    /// At least `bytes` of memory.
    open func take(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        if let spare, spare.count >= bytes {
            self.spare = nil
            return spare
        }
        return .allocate(byteCount: bytes, alignment: 16)
    }

    /// More room for what `take` gave, in the same place and with its contents; nil when that is not to be had: the
    /// journal then moves to another piece.
    open func extend(_ memory: UnsafeMutableRawBufferPointer, to bytes: Int) -> UnsafeMutableRawBufferPointer? { nil }

    /// What `take` gave is needed no longer.
    open func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        if spare == nil, memory.count <= Limits.logSpareBufferBytesMax { spare = memory } else { memory.deallocate() }
    }

    /// Records are going to be written to this memory, the first one for `position`. A record is whole when its
    /// checksum is right; eight zero bytes follow the last one.
    open func opened(_ memory: UnsafeMutableRawBufferPointer, at position: LogPosition, epoch: UInt64) {}
}
