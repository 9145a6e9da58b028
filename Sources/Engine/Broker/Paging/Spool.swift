// Messages that are in no log (transient ones, and persistent ones in transient queues) on their way to and from
// the disk. They are gathered in chunks; each becomes one file `spool-<id>`, written whole, never synced, and
// removed when no entry needs it. Nothing of it outlives this boot: a start removes what it finds.
// Records are framed as in the log, type `publish`, without queue ids; a persistent message has one id, 0.
// An address is the chunk's id in the upper half and the record's offset in the lower.
// No I/O: the server takes chunks, writes them on the storage thread and reports. Until a chunk is reported
// written, reads are served from memory. Loop thread only. Next: Pager.swift (who fills it).

import Wire

/// Chunks of paged-out messages.
final class Spool {
    private final class Chunk {
        let id: UInt32
        /// Nil once it is in its file.
        var buffer: RecordBuffer? = RecordBuffer()
        /// Entries whose message is in it.
        var entries = 0
        /// The server has it.
        var isTaken = false
        /// The server had it once: there may be a file.
        var hasFile = false

        init(id: UInt32) { self.id = id }
    }

    /// Smaller in tests.
    var chunkBytes = Limits.spoolChunkBytes
    private var chunks: [UInt32: Chunk] = [:]
    private var open: Chunk?
    /// Closed and not yet written, oldest first.
    private var waiting: [Chunk] = []
    private var removals: [UInt32] = []
    /// Messages that are here while other entries hold them in memory. Each has one count of its chunk.
    private var shared: [ObjectIdentifier: UInt64] = [:]
    private var nextID: UInt32 = 1
    /// After a failure nothing is written until then; monotonic milliseconds.
    private var retryAtMilliseconds = Int64.min
    private var hasFailed = false
    /// Bytes of chunks that are in memory.
    private(set) var memoryBytes = 0

    /// Number of chunks some entry needs.
    var chunkCount: Int { chunks.count }

    /// It takes no more until something has been written.
    var isFull: Bool { memoryBytes >= Limits.spoolPendingBytesMax }

    // MARK: Filling

    /// Where the message is from now on, with one count of it for the caller's entry. One that is shared, held in
    /// memory by other entries as well, is copied with the first of them only.
    func add(_ message: Message, isShared: Bool) -> UInt64 {
        if !shared.isEmpty, let address = shared[ObjectIdentifier(message)] {
            retain(address)
            return address
        }
        let address = copy(message)
        if isShared {
            retain(address)
            shared[ObjectIdentifier(message)] = address
        }
        return address
    }

    /// Some message is here and still in memory.
    @inline(__always)
    var hasShared: Bool { !shared.isEmpty }

    /// No entry holds the message in memory any more.
    func forget(_ message: Message) {
        if let address = shared.removeValue(forKey: ObjectIdentifier(message)) { release(address) }
    }

    private func copy(_ message: Message) -> UInt64 {
        let chunk = open ?? begin()
        guard let buffer = chunk.buffer else { preconditionFailure("the open chunk is in memory") }
        let offset = buffer.count
        let queueCount = message.header.isPersistent ? 1 : 0
        buffer.append(.publish, payloadBytes: PublishRecord.bytes(message, queueCount: queueCount)) { writer in
            PublishRecord.write(message, queueCount: queueCount, wallMilliseconds: 0, to: &writer) { writer in
                if queueCount > 0 { writer.writeLittle(0 as UInt32) }
            }
        }
        memoryBytes += buffer.count - offset
        chunk.entries += 1
        if buffer.count >= chunkBytes {
            waiting.append(chunk)
            open = nil
        }
        return UInt64(chunk.id) << 32 | UInt64(offset)
    }

    private func begin() -> Chunk {
        let chunk = Chunk(id: nextID)
        nextID += 1
        chunks[chunk.id] = chunk
        open = chunk
        return chunk
    }

    // MARK: Counting

    /// A further reader needs what is at `address`.
    func retain(_ address: UInt64) { chunk(of: address).entries += 1 }

    /// What is at `address` is needed once less.
    func release(_ address: UInt64) {
        let chunk = chunk(of: address)
        chunk.entries -= 1
        if chunk.entries == 0 { drop(chunk) }
    }

    private func chunk(of address: UInt64) -> Chunk {
        guard let chunk = chunks[UInt32(truncatingIfNeeded: address >> 32)] else {
            preconditionFailure("address in a chunk that is gone")
        }
        return chunk
    }

    /// Nobody needs the chunk. One that the server has is dropped when it is reported.
    private func drop(_ chunk: Chunk) {
        guard !chunk.isTaken else { return }
        chunks[chunk.id] = nil
        if open === chunk { open = nil }
        if let buffer = chunk.buffer {
            waiting.removeAll { $0 === chunk }
            memoryBytes -= buffer.count
        }
        if chunk.hasFile { removals.append(chunk.id) }
    }

    // MARK: Reading

    /// The record at `address`, if it is still in memory. Borrowed until the next call that changes the spool.
    func record(at address: UInt64) -> PublishRecord? {
        guard let buffer = chunk(of: address).buffer else { return nil }
        let offset = Int(address & 0xFFFF_FFFF)
        let rest = buffer.slice.dropping(offset)
        guard case .record(_, let payload, _) = RecordRead.front(of: rest, available: rest.count) else {
            preconditionFailure("the spool has changed in memory")
        }
        return try? PublishRecord(payload)
    }

    // MARK: Writing, for the server

    /// The next chunk to write, if there is one and the last failure is long enough ago.
    func take(now: Int64) -> SpoolChunk? {
        guard now >= retryAtMilliseconds, let chunk = waiting.first, let buffer = chunk.buffer else { return nil }
        waiting.removeFirst()
        chunk.isTaken = true
        chunk.hasFile = true
        return SpoolChunk(id: chunk.id, owner: buffer)
    }

    func written(_ id: UInt32) {
        guard let chunk = chunks[id], chunk.isTaken, let buffer = chunk.buffer else {
            preconditionFailure("a chunk is reported once")
        }
        hasFailed = false
        memoryBytes -= buffer.count
        chunk.buffer = nil
        chunk.isTaken = false
        if chunk.entries == 0 { drop(chunk) }
    }

    /// The chunk stays in memory and is written again later. Returns whether this is news.
    func failed(_ id: UInt32, now: Int64) -> Bool {
        guard let chunk = chunks[id], chunk.isTaken else { preconditionFailure("a chunk is reported once") }
        retryAtMilliseconds = now + Limits.spoolRetryMilliseconds
        chunk.isTaken = false
        if chunk.entries == 0 { drop(chunk) } else { waiting.insert(chunk, at: 0) }
        defer { hasFailed = true }
        return !hasFailed
    }

    /// When a chunk that could not be written should be taken again; nil when none waits for that.
    func nextRetry(after now: Int64) -> Int64? {
        hasFailed && !waiting.isEmpty && retryAtMilliseconds > now ? retryAtMilliseconds : nil
    }

    /// Chunks whose files nobody needs any more.
    func takeRemovals() -> [UInt32] {
        defer { removals.removeAll() }
        return removals
    }
}
