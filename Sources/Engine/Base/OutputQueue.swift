// Bytes on their way to one connection: filled by sessions and the broker during a turn, written by the
// server with one `writev` at its end.
// Small things are copied into pooled chunks; large bodies are referenced where they lie (`appendReference`)
// and kept alive until written. An idle connection holds no chunk at all.
// Loop thread only. Boundary file for raw pointers. Next: FlushList in this file, then Server's connection.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The outputs that have something to write at the end of this turn.
public final class FlushList {
    /// In the order in which they first got something.
    public private(set) var pending: [OutputQueue] = []
    fileprivate var freeChunks: [UnsafeMutableRawPointer] = []

    public init() {}

    deinit { freeChunks.forEach { $0.deallocate() } }

    @inline(__always)
    func schedule(_ output: OutputQueue) {
        guard !output.isScheduled else { return }
        output.isScheduled = true
        pending.append(output)
    }

    /// Hands out all pending outputs and begins a new list.
    public func takePending() -> [OutputQueue] {
        let taken = pending
        pending = []
        for output in taken { output.isScheduled = false }
        return taken
    }

    fileprivate func takeChunk() -> UnsafeMutableRawPointer {
        freeChunks.popLast()
            ?? UnsafeMutableRawPointer.allocate(byteCount: OutputQueue.chunkBytes, alignment: 16)
    }

    fileprivate func giveBack(_ chunk: UnsafeMutableRawPointer) {
        if freeChunks.count < Limits.pooledOutputChunksMax { freeChunks.append(chunk) } else { chunk.deallocate() }
    }
}

/// Output of one connection, in order.
public final class OutputQueue {
    static let chunkBytes = 16 * 1024

    private enum Memory {
        case pooled
        /// An allocation of its own, of so many bytes.
        case own(Int)
        case reference(AnyObject)
    }

    private struct Segment {
        var base: UnsafeMutableRawPointer
        var start: Int
        var end: Int
        var memory: Memory
    }

    private var segments: [Segment] = []
    private var head = 0
    /// Where the next byte goes and how many fit there: the tail of the last segment, if that is a chunk.
    private var writePosition: UnsafeMutableRawPointer
    private var writeRoom = 0

    private let flushList: FlushList
    fileprivate var isScheduled = false

    /// Bytes not yet taken by the socket.
    public private(set) var pendingBytes = 0

    /// Memory of what is pending, without what is referenced: chunks, however full.
    private var heldBytes = 0
    /// Memory beyond which what is pending is dropped, then and from then on: nobody will read so much. Whoever sets
    /// it looks at `hasOverflowed` and ends the connection.
    public var bytesMax = Int.max
    public private(set) var hasOverflowed = false

    /// The output must not be written before this batch of the log is durable: for replies that promise it.
    public var heldUntilSequence: UInt64 = 0

    /// The server's handle of the connection that this belongs to.
    public var connectionIndex: Int32 = -1

    public init(flushList: FlushList) {
        self.flushList = flushList
        writePosition = UnsafeMutableRawPointer(bitPattern: 16)!
    }

    deinit { discard() }

    public var isEmpty: Bool { pendingBytes == 0 }

    /// Beyond this the broker delivers no more to the connection until it has drained.
    @inline(__always)
    public var isCongested: Bool { pendingBytes > Limits.outputHighWatermarkBytes }

    /// Contiguous room for `count` bytes. Follow with `commit`, with as many bytes as were written.
    @inline(__always)
    public func reserve(_ count: Int) -> UnsafeMutableRawPointer {
        if count > writeRoom { addChunk(count) }
        return writePosition
    }

    @inline(__always)
    public func commit(_ count: Int) {
        assert(count <= writeRoom)
        writePosition += count
        writeRoom -= count
        pendingBytes += count
        if !isScheduled { flushList.schedule(self) }
    }

    /// Copies the bytes in.
    @inline(__always)
    public func append(_ slice: ByteSlice) {
        let target = reserve(slice.count)
        memcpy(target, slice.base, slice.count)
        commit(slice.count)
    }

    public func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append(ByteSlice($0)) }
    }

    /// Refers to bytes that live as long as `owner` does, without copying them.
    public func appendReference(_ slice: ByteSlice, owner: AnyObject) {
        guard slice.count >= Limits.outputReferenceBytesMin else { return append(slice) }
        if hasOverflowed { return }
        seal()
        segments.append(
            Segment(
                base: UnsafeMutableRawPointer(mutating: slice.base), start: 0, end: slice.count,
                memory: .reference(owner)))
        writeRoom = 0
        pendingBytes += slice.count
        flushList.schedule(self)
    }

    /// Notes how far the last segment is filled, before another follows it.
    private func seal() {
        guard let last = segments.indices.last, last >= head else { return }
        if case .reference = segments[last].memory { return }
        segments[last].end = writePosition - segments[last].base
    }

    @inline(never)
    private func addChunk(_ count: Int) {
        if heldBytes > bytesMax || hasOverflowed { overflow() }
        seal()
        heldBytes += max(count, Self.chunkBytes)
        if count <= Self.chunkBytes {
            writePosition = flushList.takeChunk()
            writeRoom = Self.chunkBytes
            segments.append(Segment(base: writePosition, start: 0, end: 0, memory: .pooled))
        } else {
            writePosition = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
            writeRoom = count
            segments.append(Segment(base: writePosition, start: 0, end: 0, memory: .own(count)))
        }
    }

    /// Fills in up to `vectors.count` pieces of what is pending; returns how many.
    public func gather(into vectors: UnsafeMutableBufferPointer<iovec>) -> Int {
        seal()
        var filled = 0
        var index = head
        while index < segments.count, filled < vectors.count {
            let segment = segments[index]
            if segment.end > segment.start {
                vectors[filled] = iovec(
                    iov_base: segment.base + segment.start, iov_len: segment.end - segment.start)
                filled += 1
            }
            index += 1
        }
        return filled
    }

    /// The socket has taken `count` bytes. Returns whether this ended a congestion.
    @discardableResult
    public func consume(_ count: Int) -> Bool {
        precondition(count <= pendingBytes, "more written than pending")
        seal()
        let wasCongested = isCongested
        pendingBytes -= count
        var left = count
        while head < segments.count {
            let available = segments[head].end - segments[head].start
            if left < available {
                segments[head].start += left
                break
            }
            left -= available
            release(segments[head])
            head += 1
        }
        if head == segments.count {
            segments.removeAll(keepingCapacity: segments.count <= 8)
            head = 0
            writeRoom = 0
        } else if head > 64, head * 2 > segments.count {
            segments.removeFirst(head)
            head = 0
        }
        return wasCongested && !isCongested
    }

    private func release(_ segment: Segment) {
        switch segment.memory {
        case .pooled:
            flushList.giveBack(segment.base)
            heldBytes -= Self.chunkBytes
        case .own(let size):
            segment.base.deallocate()
            heldBytes -= size
        case .reference: break
        }
    }

    /// Too much is pending: it goes, and so will what is still to come, one chunk after the other.
    private func overflow() {
        discard()
        hasOverflowed = true
    }

    /// Drops everything pending: the connection is gone, or what was written is not wanted.
    public func discard() {
        hasOverflowed = false
        while head < segments.count {
            release(segments[head])
            head += 1
        }
        segments = []
        head = 0
        writeRoom = 0
        pendingBytes = 0
    }
}
