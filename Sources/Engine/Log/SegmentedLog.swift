// The log as a folder of segment files and checkpoints: recovery and appending. What becomes of segments once
// they are closed (reading back, rewriting, removing) and the writing of checkpoints is SegmentArchive's.
// A segment is rolled when the next batch would make it larger than the maximum. Before a new one is
// begun the old one is synced, and a new one's header and name are durable before its first record: so
// only the last segment can ever end in an interrupted write, and anything else that does not check is damage.
// Behind the last record of the last segment there may be zeros, prepared for records to come.
// Log thread, after recovery on the starting thread. Next: RecordFile.swift; SegmentArchive.swift; LogDisk.swift.

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
    private let disk: any LogDisk
    private let segmentBytesMax: Int
    /// All segments, in order, as recovery has found them.
    public private(set) var segments: [LogFileInfo] = []
    /// The checkpoint that recovery has begun with, and the older ones.
    public private(set) var checkpoint: LogFileInfo?
    public private(set) var olderCheckpoints: [LogFileInfo] = []
    private var current = LogFileInfo(name: "", first: 0, end: .max, isSparse: false, bytes: 0)
    private var begun: [LogFileInfo] = []
    private var lastEpoch: UInt64 = 0
    private var claimed: LogClaim?
    private var lastSequence: UInt64 = 0
    private var hasUnsyncedBytes = false
    /// Size of the current segment's file. What is behind the last record are zeros.
    private var fileBytes = 0
    private let preparedBytes: Int
    private var zeros = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What was read so far misses something, as a repair has left it.
    private var hasGaps = false
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

    deinit { zeros.deallocate() }

    // MARK: Recovery

    public func recover(
        notice: (LogNotice) -> Void, visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        precondition(claimed == nil, "the log is read before it is claimed")
        try readFiles(notice, visit)
        for part in staged.sorted(by: { $0.position < $1.position }) { try adopt(part, notice, visit) }
        staged = []
    }

    /// What an earlier daemon had collected but maybe not written when it was killed: applied, and appended to the
    /// segments, as far as it goes on where they end.
    public var staged: [StagedRecords] = []

    private func adopt(
        _ part: StagedRecords, _ notice: (LogNotice) -> Void,
        _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        guard let last = segments.indices.last, !segments[last].isSparse, part.epoch >= lastEpoch else { return }
        var rest = ByteSlice(UnsafeRawBufferPointer(part.bytes))
        var position = part.position
        var start: ByteSlice?
        while case .record(let type, let payload, let bytes) = RecordRead.front(of: rest, available: rest.count) {
            if position >= segments[last].end {
                guard position == segments[last].end || start != nil else { return }
                if start == nil { start = rest }
                try apply(type, payload, position, segments[last].name, segments[last].bytes, notice, visit)
            }
            position += LogPosition(bytes)
            rest = rest.slice(from: bytes, count: rest.count - bytes)
        }
        guard let start else { return }
        let found = start.slice(from: 0, count: start.count - rest.count)
        try onDisk { () throws(LogDiskError) in
            try disk.write(segments[last].name, at: segments[last].bytes, found.buffer)
        }
        segments[last].bytes += found.count
        segments[last].end += LogPosition(found.count)
        notice(.stagedRecordsAdopted(bytes: found.count))
    }

    private func readFiles(
        _ notice: (LogNotice) -> Void, _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        try findFiles(notice)
        let start = try readCheckpoint(notice, visit)
        guard let firstIndex = segments.lastIndex(where: { $0.first <= start }) else {
            if let first = segments.first { throw .missing(position: start, next: first.name) }
            if start > 0 { throw .missing(position: start, next: "the end") }
            return
        }
        let total = segments[firstIndex...].reduce(0) { $0 + $1.bytes }
        var read = 0
        for index in firstIndex..<segments.count {
            let isLast = index == segments.count - 1
            let segment = segments[index]
            if segment.isSparse, segment.end > start {
                // Of what a checkpoint had overtaken only live messages were kept: that is no log to start from.
                guard segment.isRepaired else {
                    throw .missing(position: max(start, segment.first), next: segment.name)
                }
                hasGaps = true
            }
            try readSegment(index, isLast: isLast, from: start, notice, visit) {
                notice(.progress(bytesRead: read + $0, bytesTotal: total))
            }
            if !isLast, segments[index].end != segments[index + 1].first {
                throw .missing(position: segments[index].end, next: segments[index + 1].name)
            }
            read += segments[index].bytes
            notice(.progress(bytesRead: read, bytesTotal: total))
        }
        guard segments[segments.count - 1].end >= start else {
            throw .missing(position: segments[segments.count - 1].end, next: checkpoint?.name ?? "the end")
        }
    }

    /// Lists segments and checkpoints; removes what was being written when the daemon ended.
    private func findFiles(_ notice: (LogNotice) -> Void) throws(LogError) {
        segments = []
        checkpoint = nil
        olderCheckpoints = []
        let names = try onDisk { () throws(LogDiskError) in try disk.list() }
        var checkpoints: [LogFileInfo] = []
        for name in names.sorted() {
            if name.hasSuffix(SegmentFormat.temporarySuffix) {
                try onDisk { () throws(LogDiskError) in try disk.remove(name) }
                continue
            }
            if let position = SegmentFormat.position(ofName: name, suffix: SegmentFormat.checkpointSuffix) {
                let bytes = try onDisk { () throws(LogDiskError) in try disk.size(of: name) }
                checkpoints.append(
                    LogFileInfo(name: name, first: position, end: position, isSparse: false, bytes: bytes))
            } else if let first = SegmentFormat.position(ofName: name) {
                try noteSegment(name, first)
            }
        }
        olderCheckpoints = checkpoints
        try removeUnbegunSegment(notice)
        for index in segments.indices {
            let file = try RecordFile(disk, segments[index].name, first: segments[index].first)
            segments[index].isSparse = file.kind == .sparse
            segments[index].isRepaired = file.isRepaired
            segments[index].end = file.end
            disk.close(file.name)
        }
    }

    private func noteSegment(_ name: String, _ first: LogPosition) throws(LogError) {
        let bytes = try onDisk { () throws(LogDiskError) in try disk.size(of: name) }
        segments.append(LogFileInfo(name: name, first: first, end: first, isSparse: false, bytes: bytes))
    }

    /// The daemon may have ended between creating a segment and syncing its header: nothing was in it yet.
    private func removeUnbegunSegment(_ notice: (LogNotice) -> Void) throws(LogError) {
        guard let last = segments.last, last.bytes <= SegmentFormat.headerBytes else { return }
        if (try? RecordFile(disk, last.name, first: last.first)) != nil { return }
        // Unless it is the only one: then it is the log that is gone.
        try onDisk { () throws(LogDiskError) in
            try disk.remove(last.name)
            try disk.syncFolder()
        }
        segments.removeLast()
        notice(.emptySegmentRemoved(segment: last.name))
    }

    /// Reads the newest checkpoint that is whole. Returns the position to go on from.
    private func readCheckpoint(
        _ notice: (LogNotice) -> Void, _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) -> LogPosition {
        while let newest = olderCheckpoints.popLast() {
            let file: RecordFile
            do throws(LogError) {
                file = try RecordFile(disk, newest.name, first: newest.first)
                // Checked as a whole before anything of it is applied: half a state would be worse than none.
                try CheckpointFile.read(file) { _, _, _ in }
            } catch {
                if case .unknownFormat = error { throw error }
                // An older one will do if the log still reaches back to it.
                let fallback = olderCheckpoints.last?.first ?? 0
                guard reaches(from: fallback, to: newest.first) else { throw error }
                notice(.checkpointPassedOver(name: newest.name, reason: error.description))
                continue
            }
            var read = 0
            hasGaps = file.isRepaired
            try CheckpointFile.read(file) { (type, payload, offset) throws(LogError) in
                try apply(type, payload, 0, newest.name, offset, notice, visit)
                guard offset - read >= RecordFile.readBytes else { return }
                read = offset
                notice(.progress(bytesRead: offset, bytesTotal: newest.bytes))
            }
            disk.close(newest.name)
            checkpoint = newest
            return newest.first
        }
        return 0
    }

    /// Whether the log holds everything between two positions.
    private func reaches(from start: LogPosition, to end: LogPosition) -> Bool {
        guard let first = segments.lastIndex(where: { $0.first <= start }) else { return false }
        var reached = start
        for segment in segments[first...] where reached < end || segment.first == reached {
            guard segment.holdsAll, segment.first <= reached, segment.end >= reached else { return false }
            reached = segment.end
        }
        return reached >= end
    }

    private func readSegment(
        _ index: Int, isLast: Bool, from start: LogPosition, _ notice: (LogNotice) -> Void,
        _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void, progress: (Int) -> Void
    ) throws(LogError) {
        let segment = segments[index]
        let file = try RecordFile(disk, segment.name, first: segment.first)
        defer { if !isLast { disk.close(segment.name) } }
        var offset = SegmentFormat.headerBytes
        if start > segment.first, file.kind == .dense {
            guard start <= file.end else { return }
            offset = file.offset(of: start)
        }
        var told = offset
        while offset < file.bytes {
            switch try file.record(at: offset) {
            case .record(let type, let payload, let position, let next):
                if position >= start { try apply(type, payload, position, segment.name, offset, notice, visit) }
                offset = next
            case .bad(let reason):
                guard isLast, file.kind == .dense else {
                    throw .damaged(segment: segment.name, offset: offset, reason: reason)
                }
                // What was prepared for records that did not come, because the daemon was killed.
                if try file.isZero(from: offset) { return try cut(index, at: offset) }
                guard try !Self.isProvenDurable(file, from: offset) else {
                    throw .damaged(segment: segment.name, offset: offset, reason: reason)
                }
                notice(.tornTailCut(segment: segment.name, offset: offset, bytes: segment.bytes - offset))
                return try cut(index, at: offset)
            }
            if offset - told >= RecordFile.readBytes {
                told = offset
                progress(offset)
            }
        }
    }

    private func apply(
        _ number: UInt8, _ payload: ByteSlice, _ position: LogPosition, _ name: String, _ offset: Int,
        _ notice: (LogNotice) -> Void, _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        guard let type = RecordType(rawValue: number) else {
            throw .unknownRecordType(segment: name, offset: offset, type: number)
        }
        if type == .fence || type == .durableMark {
            guard payload.count == 8 else {
                throw .damaged(segment: name, offset: offset, reason: "wrong length")
            }
            let value = UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self))
            if type == .fence { lastEpoch = max(lastEpoch, value) }
            return
        }
        if type == .checkpointBegin, payload.count == 16 {
            let epoch = UInt64(bigEndian: payload.base.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            lastEpoch = max(lastEpoch, epoch)
        }
        do {
            try visit(type, payload, position)
        } catch {
            guard hasGaps else { throw .replayFailed(segment: name, offset: offset, reason: "\(error)") }
            notice(.recordLeftOut(segment: name, offset: offset, reason: "\(error)"))
        }
    }

    /// Whether a mark further on says that the log was durable beyond `offset`: then what does not check there
    /// is no interrupted write, and cutting it off would lose what was confirmed.
    static func isProvenDurable(_ file: RecordFile, from offset: Int) throws(LogError) -> Bool {
        let position = file.position(at: offset)
        let markBytes = RecordFormat.headerBytes + 8
        var start = offset + 1
        while file.bytes - start >= markBytes {
            let bytes = try file.bytes(at: start, atLeast: min(RecordFile.readBytes, file.bytes - start))
            guard bytes.count >= markBytes else { return false }
            // Records have no alignment, and the damage may be in a length: so look at every byte.
            for index in 0...(bytes.count - markBytes) where bytes[index] == 8 {
                let rest = bytes.slice(from: index, count: markBytes)
                guard rest[8] == RecordType.durableMark.rawValue,
                    case .record(_, let payload, markBytes) = RecordRead.front(of: rest, available: markBytes),
                    UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self)) > position
                else { continue }
                return true
            }
            start += bytes.count - markBytes + 1
        }
        return false
    }

    private func cut(_ index: Int, at offset: Int) throws(LogError) {
        let segment = segments[index]
        try onDisk { () throws(LogDiskError) in
            try disk.truncate(segment.name, to: offset)
            try disk.sync(segment.name)
        }
        segments[index].bytes = offset
        segments[index].end = segment.first + LogPosition(offset - SegmentFormat.headerBytes)
    }

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

    private func onDisk<R>(_ body: () throws(LogDiskError) -> R) throws(LogError) -> R {
        do throws(LogDiskError) { return try body() } catch { throw .disk(error) }
    }
}
