// The log as a folder of segment files and checkpoints: appending. How it is read at a start stands in LogRecovery.swift;
// what becomes of segments once they are closed (reading back, rewriting, removing) and the writing of checkpoints is
// SegmentArchive's.
// A segment is rolled when the next batch would make it larger than the maximum. Before a new one is
// begun the old one is synced, and a new one's header and name are durable before its first record: so
// only the last segment can ever end in an interrupted write, and anything else that does not check is damage.
// Behind the last record of the last segment there may be zeros, prepared for records to come.
// Log thread, after recovery on the starting thread. Next: LogRecovery.swift; RecordFile.swift; LogDisk.swift.

import Wire

/// A file of the log.
public struct LogFileInfo: Equatable, Sendable {
    public let name: String
    public let first: LogPosition
    /// The position after the last it stands for; `.max` while it is being written.
    public var end: LogPosition
    public var isSparse: Bool
    public var bytes: Int
    /// A repair wrote it: of a sparse segment that it holds everything that was readable, not only what was live.
    public var isRepaired = false

    /// A start may read it in place of the log's records from its first to its last position.
    var holdsAll: Bool { !isSparse || isRepaired }
}

/// Records that a daemon had collected when it ended, as its memory was found; what follows them is anything.
public struct StagedRecords: @unchecked Sendable {
    public let position: LogPosition
    public let epoch: UInt64
    public let bytes: UnsafeMutableRawBufferPointer

    public init(position: LogPosition, epoch: UInt64, bytes: UnsafeMutableRawBufferPointer) {
        self.position = position
        self.epoch = epoch
        self.bytes = bytes
    }
}

/// Segment files on a `LogDisk`.
public final class SegmentedLog: LogStore {
    let disk: any LogDisk
    private let segmentBytesMax: Int
    /// All segments, in order, as recovery has found them.
    public internal(set) var segments: [LogFileInfo] = []
    /// The checkpoint that recovery has begun with, and the older ones.
    public internal(set) var checkpoint: LogFileInfo?
    public internal(set) var olderCheckpoints: [LogFileInfo] = []
    private var current = LogFileInfo(name: "", first: 0, end: .max, isSparse: false, bytes: 0)
    private var begun: [LogFileInfo] = []
    var lastEpoch: UInt64 = 0
    var claimed: LogClaim?
    private var lastSequence: UInt64 = 0
    private var hasUnsyncedBytes = false
    /// Size of the current segment's file. What is behind the last record are zeros.
    private var fileBytes = 0
    private let preparedBytes: Int
    private var zeros = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What was read so far misses something, as a repair has left it.
    var hasGaps = false
    /// After a failed write or sync nothing more is promised.
    private var failure: LogOutcome?

    /// - Parameters:
    ///   - segmentBytesMax: only a batch that is larger makes a segment larger.
    ///   - preparedBytes: zeros written ahead at once; 0: none.
    public init(disk: any LogDisk, segmentBytesMax: Int, preparedBytes: Int = Limits.logPreparedBytes) {
        precondition(segmentBytesMax > SegmentFormat.headerBytes)
        self.disk = disk
        self.preparedBytes = preparedBytes
        self.segmentBytesMax = segmentBytesMax
    }

    /// What an earlier daemon had collected but maybe not written when it was killed: applied, and appended to the
    /// segments, as far as it goes on where they end.
    public var staged: [StagedRecords] = []

    deinit { zeros.deallocate() }

    // MARK: Writing

    public func claim() throws(LogError) -> LogClaim {
        // A segment that was rewritten by a repair is not appended to.
        if segments.last?.isSparse ?? true {
            let end = segments.last?.end ?? 0
            try onDisk { () throws(LogDiskError) in try beginSegment(at: end) }
            segments.append(current)
        } else {
            current = segments[segments.count - 1]
            fileBytes = current.bytes
            // What was read may have been written but not synced by a daemon that was killed; from now on it counts.
            try onDisk { () throws(LogDiskError) in try disk.sync(current.name) }
        }
        begun = []
        let end = current.first + LogPosition(current.bytes - SegmentFormat.headerBytes)
        segments[segments.count - 1].end = .max
        let made = LogClaim(epoch: lastEpoch + 1, position: end)
        lastEpoch = made.epoch
        lastSequence = 0
        claimed = made
        return made
    }

    public func append(_ batch: LogBatch, sync: Bool) -> LogOutcome {
        if let failure { return failure }
        guard let claimed, batch.epoch == claimed.epoch else { return .fenced }
        precondition(batch.sequence == lastSequence + 1, "a batch is missing")
        let rolls = current.bytes + batch.count > segmentBytesMax && current.bytes > SegmentFormat.headerBytes
        do throws(LogDiskError) {
            if rolls { try cutPrepared() }
            // A sync that fails is never tried again, not even if it is for lack of room: see `sync`.
            if rolls, case .unknown = self.sync() { return failure! }
            if rolls {
                let old = current.name
                try beginSegment(at: batch.position)
                disk.close(old)
            }
            precondition(batch.position == end, "a batch leaves a gap")
            try write(batch)
            lastSequence = batch.sequence
            hasUnsyncedBytes = true
            guard sync else { return .written }
            if batch.count <= Limits.logPreparedBatchBytesMax { try prepare() }
            return self.sync()
        } catch {
            return error.isNoSpace ? .noSpace(reason: error.description) : fail(error)
        }
    }

    private var end: LogPosition { current.first + LogPosition(current.bytes - SegmentFormat.headerBytes) }

    private func write(_ batch: LogBatch) throws(LogDiskError) {
        do throws(LogDiskError) {
            try disk.write(
                current.name, at: current.bytes, UnsafeRawBufferPointer(start: batch.bytes, count: batch.count))
        } catch {
            // A part may have been written. It goes again, so that the batch can be tried anew from its beginning.
            if error.isNoSpace {
                try disk.truncate(current.name, to: current.bytes)
                fileBytes = current.bytes
            }
            throw error
        }
        current.bytes += batch.count
        fileBytes = max(fileBytes, current.bytes)
    }

    /// Zeros for the batches to come, once those of the last time are used up: synced together with this batch.
    private func prepare() throws(LogDiskError) {
        let count = min(preparedBytes, segmentBytesMax - current.bytes)
        guard fileBytes == current.bytes, count > 0 else { return }
        if zeros.isEmpty {
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: preparedBytes, alignment: 16)
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            zeros = UnsafeRawBufferPointer(memory)
        }
        do throws(LogDiskError) {
            try disk.write(current.name, at: current.bytes, UnsafeRawBufferPointer(rebasing: zeros[..<count]))
            fileBytes += count
        } catch {
            guard error.isNoSpace else { throw error }
            // It goes without.
            try disk.truncate(current.name, to: current.bytes)
        }
    }

    /// The current segment gets no more records.
    private func cutPrepared() throws(LogDiskError) {
        guard fileBytes > current.bytes else { return }
        try disk.truncate(current.name, to: current.bytes)
        fileBytes = current.bytes
        hasUnsyncedBytes = true
    }

    public func finish() -> LogOutcome {
        if let failure { return failure }
        do throws(LogDiskError) { try cutPrepared() } catch { return fail(error) }
        return sync()
    }

    public func sync() -> LogOutcome {
        if let failure { return failure }
        guard hasUnsyncedBytes else { return .durable }
        do throws(LogDiskError) {
            try disk.sync(current.name)
            hasUnsyncedBytes = false
            return .durable
        } catch {
            // Not tried again: the kernel may have dropped the pages and would now report success.
            return fail(error)
        }
    }

    private func fail(_ error: LogDiskError) -> LogOutcome {
        let outcome = LogOutcome.unknown(reason: error.description)
        failure = outcome
        return outcome
    }

    private func beginSegment(at position: LogPosition) throws(LogDiskError) {
        let name = SegmentFormat.name(first: position)
        let header = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentFormat.headerBytes, alignment: 8)
        defer { header.deallocate() }
        SegmentFormat.writeHeader(first: position, to: header.baseAddress!)
        try disk.create(name)
        do throws(LogDiskError) {
            try disk.write(name, at: 0, UnsafeRawBufferPointer(header))
        } catch {
            if error.isNoSpace { try disk.remove(name) }
            throw error
        }
        try disk.sync(name)
        try disk.syncFolder()
        current = LogFileInfo(name: name, first: position, end: .max, isSparse: false, bytes: header.count)
        fileBytes = header.count
        begun.append(current)
    }

    public func takeBegunSegments() -> [LogFileInfo] {
        guard !begun.isEmpty else { return [] }
        defer { begun = [] }
        return begun
    }

    func onDisk<R>(_ body: () throws(LogDiskError) -> R) throws(LogError) -> R {
        do throws(LogDiskError) { return try body() } catch { throw .disk(error) }
    }
}
