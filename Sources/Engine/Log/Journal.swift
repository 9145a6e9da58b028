// The open batch: records appended during this turn, in one growing run of bytes.
// The journal decides nothing and writes nothing: the server takes the batch, gives it to the log thread
// and reports back. One batch is in flight while the next grows, so a batch is as large as the load makes it.
// Loop thread only. Next: Record.swift (what is in it), Server's log thread (where it goes).

import Wire

/// A closed batch on its way to the log thread. Owns its bytes until `recycle`.
public struct LogBatch: @unchecked Sendable {
    public let epoch: UInt64
    /// Counts up by one for each batch of an epoch.
    public let sequence: UInt64
    /// Position of its first record.
    public let position: LogPosition
    public let bytes: UnsafeMutableRawPointer
    public let count: Int
    /// Somebody waits for it to be durable; otherwise writing is enough and the sync may come later.
    public let needsSync: Bool
    fileprivate let memory: UnsafeMutableRawBufferPointer
}

/// Records of the current turn.
public final class Journal {
    private var buffer: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0
    private var memory: JournalMemory
    private var needsSync = false
    private var isInFlight = false

    /// False while the log is replayed and when the daemon runs without one: nothing is appended then.
    public var isEnabled = false
    public private(set) var epoch: UInt64 = 0
    /// The sequence the open batch will have: what is appended now is durable once this one is.
    public private(set) var openSequence: UInt64 = 1
    /// Everything up to this batch is on disk.
    public private(set) var durableSequence: UInt64 = 0
    /// Where the open batch begins.
    private var batchPosition: LogPosition = 0
    /// Everything before this position is in the segments, if not on disk, and can be read back.
    public private(set) var writtenPosition: LogPosition = 0
    /// Closed batches that are not durable yet: sequence and position after the last record.
    private var closed: [(sequence: UInt64, end: LogPosition)] = []
    /// Everything before this position is on disk, and up to where the log itself says so.
    public private(set) var durablePosition: LogPosition = 0
    private var markedPosition: LogPosition = 0

    public init() {
        memory = JournalMemory()
        let first = memory.take(Self.initialBytes)
        buffer = first.baseAddress!
        capacity = first.count
    }

    deinit { memory.giveBack(openMemory) }

    /// Zeros behind the last record: who finds the memory after a crash reads no further.
    private static let terminatorBytes = 8
    private static let initialBytes = 64 * 1024

    private var openMemory: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
    }

    /// Has batches kept in another memory from now on. Call before `begin`.
    public func use(_ memory: JournalMemory) {
        precondition(count == 0 && !isEnabled)
        self.memory.giveBack(openMemory)
        self.memory = memory
        takeMemory(Self.initialBytes)
    }

    private func takeMemory(_ bytes: Int) {
        let taken = memory.take(bytes)
        buffer = taken.baseAddress!
        capacity = taken.count
    }

    /// Begins after recovery: where the log ends and which epoch this leader has. The first record is its fence.
    public func begin(epoch: UInt64, at position: LogPosition) {
        precondition(count == 0 && !isInFlight)
        self.epoch = epoch
        batchPosition = position
        writtenPosition = position
        durablePosition = position
        markedPosition = position
        isEnabled = true
        memory.opened(openMemory, at: batchPosition, epoch: epoch)
        append(.fence, payloadBytes: 8) { $0.writeUInt64(epoch) }
        requireSync()
    }

    /// Somebody waits for what is in the open batch.
    public var needsSyncNow: Bool { needsSync }

    /// A batch is on its way; the next stays open until it has been written.
    public var hasBatchInFlight: Bool { isInFlight }

    /// Bytes in the open batch.
    public var pendingBytes: Int { count }

    /// Publishers should wait: the disk is behind by more than a whole batch.
    public var isCongested: Bool { count > Limits.logBatchBytesMax }

    /// Where the next record will stand.
    @inline(__always)
    public var nextPosition: LogPosition { batchPosition + UInt64(count) }

    /// Appends one record of exactly `payloadBytes`, written by `fill`. Call only while `isEnabled`.
    @inline(__always)
    @discardableResult
    func append(_ type: RecordType, payloadBytes: Int, _ fill: (inout RawWriter) -> Void) -> LogPosition {
        precondition(isEnabled && payloadBytes <= Limits.logRecordBytesMax)
        let total = RecordFormat.headerBytes + payloadBytes
        if capacity - count < total + Self.terminatorBytes { grow(total + Self.terminatorBytes) }
        let position = nextPosition
        // Before the record, whose checksum is written last: at no moment does anything old seem to follow it.
        (buffer + count + total).storeBytes(of: 0, as: UInt64.self)
        RecordFormat.write(type, payloadBytes: payloadBytes, to: buffer + count, fill)
        count += total
        return position
    }

    /// What was appended in this batch is waited for: sync it at once.
    @inline(__always)
    func requireSync() { needsSync = true }

    /// The same, for whoever must know the log durable up to here.
    public func syncOpenBatch() { requireSync() }

    /// The log has failed and nothing will ever be written: what the turn has appended is dropped. It never
    /// becomes durable, so nothing that waits for it is confirmed.
    public func dropOpenBatch() { count = 0 }

    @inline(never)
    private func grow(_ needed: Int) {
        var larger = capacity * 2
        while larger - count < needed { larger *= 2 }
        let old = openMemory
        if let extended = memory.extend(old, to: larger) {
            precondition(extended.baseAddress == buffer && extended.count >= larger)
            capacity = extended.count
            return
        }
        takeMemory(larger)
        memory.opened(openMemory, at: batchPosition, epoch: epoch)
        buffer.copyMemory(from: old.baseAddress!, byteCount: count)
        (buffer + count).storeBytes(of: 0, as: UInt64.self)
        memory.giveBack(old)
    }

    /// Closes the open batch, if there is one and none is in flight.
    public func takeBatch() -> LogBatch? {
        guard count > 0, !isInFlight else { return nil }
        appendMark()
        let batch = LogBatch(
            epoch: epoch, sequence: openSequence, position: batchPosition, bytes: buffer, count: count,
            needsSync: needsSync, memory: openMemory)
        isInFlight = true
        batchPosition += UInt64(count)
        closed.append((openSequence, batchPosition))
        openSequence += 1
        count = 0
        needsSync = false
        takeMemory(Self.initialBytes)
        memory.opened(openMemory, at: batchPosition, epoch: epoch)
        return batch
    }

    /// Notes in the log how far it is durable, if that is news.
    private func appendMark() {
        guard durablePosition > markedPosition else { return }
        markedPosition = durablePosition
        append(.durableMark, payloadBytes: 8) { $0.writeUInt64(markedPosition) }
    }

    /// The very last batch: only says that everything before it is durable. Nil when the log says so already.
    public func takeLastMark() -> LogBatch? {
        guard isEnabled, count == 0, !isInFlight, closed.isEmpty else { return nil }
        appendMark()
        return takeBatch()
    }

    /// The batch in flight has been written: the next may go. Takes its memory back.
    public func written(_ batch: LogBatch) {
        precondition(isInFlight && batch.sequence == openSequence - 1)
        isInFlight = false
        writtenPosition = batch.position + UInt64(batch.count)
        memory.giveBack(batch.memory)
    }

    /// Everything up to `sequence` is durable.
    public func durable(upTo sequence: UInt64) {
        precondition(sequence < openSequence, "durable before appended")
        durableSequence = max(durableSequence, sequence)
        let done = closed.prefix { $0.sequence <= sequence }
        if let last = done.last { durablePosition = last.end }
        closed.removeFirst(done.count)
    }
}
