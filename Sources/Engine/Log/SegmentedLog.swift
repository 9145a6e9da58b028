// The log as a folder of segment files.
// A segment is rolled when the next batch would make it larger than the maximum. Before a new one is
// begun the old one is synced, and a new one's header and name are durable before its first record: so
// only the last segment can ever end in an interrupted write, and anything else that does not check is damage.
// Log thread, after recovery on the starting thread. Next: SegmentFormat.swift; LogDisk.swift.

import Wire

/// Segment files on a `LogDisk`.
public final class SegmentedLog: LogStore {
    private struct Segment {
        let first: LogPosition
        let name: String
        /// Header included.
        var bytes: Int

        /// Position after the last record.
        var end: LogPosition { first + LogPosition(bytes - SegmentFormat.headerBytes) }
    }

    private let disk: any LogDisk
    private let segmentBytesMax: Int
    private var segments: [Segment] = []
    private var lastEpoch: UInt64 = 0
    private var claimed: LogClaim?
    private var lastSequence: UInt64 = 0
    private var hasUnsyncedBytes = false
    /// After a failed write or sync nothing more is promised.
    private var failure: LogOutcome?

    public init(disk: any LogDisk, segmentBytesMax: Int) {
        precondition(segmentBytesMax > SegmentFormat.headerBytes)
        self.disk = disk
        self.segmentBytesMax = segmentBytesMax
    }

    /// Bytes of all segments.
    public var sizeBytes: Int { segments.reduce(0) { $0 + $1.bytes } }
    public var segmentCount: Int { segments.count }

    // MARK: Reading

    public func tail(
        from position: LogPosition, notice: (LogNotice) -> Void,
        visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        precondition(claimed == nil, "the log is read before it is claimed")
        try findSegments(notice)
        if let first = segments.first, first.first > position {
            throw .missing(position: position, next: first.name)
        }
        let total = sizeBytes
        var read = 0
        for index in segments.indices {
            let isLast = index == segments.count - 1
            try readSegment(index, isLast: isLast, from: position, notice, visit)
            if !isLast, segments[index].end != segments[index + 1].first {
                throw .missing(position: segments[index].end, next: segments[index + 1].name)
            }
            read += segments[index].bytes
            notice(.progress(bytesRead: read, bytesTotal: total))
        }
    }

    private func findSegments(_ notice: (LogNotice) -> Void) throws(LogError) {
        segments = []
        let names = try onDisk { () throws(LogDiskError) in try disk.list() }
        for name in names.sorted() {
            guard let first = SegmentFormat.position(ofName: name) else { continue }
            let bytes = try onDisk { () throws(LogDiskError) in try disk.size(of: name) }
            segments.append(Segment(first: first, name: name, bytes: bytes))
        }
        guard let last = segments.last, last.bytes <= SegmentFormat.headerBytes else { return }
        // The daemon ended between creating the file and syncing its header: nothing was in it yet.
        let header = try readHeader(last)
        if header == .valid(first: last.first) { return }
        try onDisk { () throws(LogDiskError) in
            try disk.remove(last.name)
            try disk.syncFolder()
        }
        segments.removeLast()
        notice(.emptySegmentRemoved(segment: last.name))
    }

    private func readHeader(_ segment: Segment) throws(LogError) -> SegmentFormat.Header {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentFormat.headerBytes, alignment: 8)
        defer { buffer.deallocate() }
        let got = try onDisk { () throws(LogDiskError) in try disk.read(segment.name, at: 0, into: buffer) }
        return SegmentFormat.parse(ByteSlice(base: UnsafeRawPointer(buffer.baseAddress!), count: got))
    }

    /// Walks one segment in large reads; a record longer than that gets a buffer of its size.
    private func readSegment(
        _ index: Int, isLast: Bool, from position: LogPosition, _ notice: (LogNotice) -> Void,
        _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        let segment = segments[index]
        switch try readHeader(segment) {
        case .valid(let first) where first == segment.first: break
        case .otherVersion(let version): throw .unknownFormat(segment: segment.name, version: version)
        default: throw .damaged(segment: segment.name, offset: 0, reason: "wrong header")
        }
        var window = ReadWindow(bytes: Self.readBytes)
        defer { window.free() }
        var offset = SegmentFormat.headerBytes
        while offset < segment.bytes {
            try fill(&window, segment, at: offset, atLeast: RecordFormat.headerBytes)
            var record = RecordRead.front(of: window.slice(at: offset), available: segment.bytes - offset)
            if case .needs(let bytes) = record {
                try fill(&window, segment, at: offset, atLeast: bytes)
                record = RecordRead.front(of: window.slice(at: offset), available: segment.bytes - offset)
            }
            switch record {
            case .record(let type, let payload, let bytes):
                let here = segment.first + LogPosition(offset - SegmentFormat.headerBytes)
                if here >= position { try apply(type, payload, here, segment, offset, visit) }
                offset += bytes
            case .bad(let reason):
                guard isLast, try !isProvenDurable(segment, &window, from: offset) else {
                    throw .damaged(segment: segment.name, offset: offset, reason: reason)
                }
                return try cut(index, at: offset, notice)
            case .needs: preconditionFailure("the window was filled")
            }
        }
    }

    private func apply(
        _ number: UInt8, _ payload: ByteSlice, _ position: LogPosition, _ segment: Segment, _ offset: Int,
        _ visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError) {
        guard let type = RecordType(rawValue: number) else {
            throw .unknownRecordType(segment: segment.name, offset: offset, type: number)
        }
        if type == .fence || type == .durableMark {
            guard payload.count == 8 else {
                throw .damaged(segment: segment.name, offset: offset, reason: "wrong length")
            }
            let value = UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self))
            if type == .fence { lastEpoch = max(lastEpoch, value) }
            return
        }
        do {
            try visit(type, payload, position)
        } catch {
            throw .replayFailed(segment: segment.name, offset: offset, reason: "\(error)")
        }
    }

    /// Whether a mark further on says that the log was durable beyond `offset`: then what does not check there
    /// is no interrupted write, and cutting it off would lose what was confirmed.
    private func isProvenDurable(_ segment: Segment, _ window: inout ReadWindow, from offset: Int) throws(LogError)
        -> Bool
    {
        let position = segment.first + LogPosition(offset - SegmentFormat.headerBytes)
        let markBytes = RecordFormat.headerBytes + 8
        var start = offset + 1
        while segment.bytes - start >= markBytes {
            try fill(&window, segment, at: start, atLeast: Self.readBytes)
            let bytes = window.slice(at: start)
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

    private func cut(_ index: Int, at offset: Int, _ notice: (LogNotice) -> Void) throws(LogError) {
        let segment = segments[index]
        try onDisk { () throws(LogDiskError) in
            try disk.truncate(segment.name, to: offset)
            try disk.sync(segment.name)
        }
        segments[index].bytes = offset
        notice(.tornTailCut(segment: segment.name, offset: offset, bytes: segment.bytes - offset))
    }

    public func read(at position: LogPosition, _ body: (RecordType, ByteSlice) -> Void) throws(LogError) {
        guard let segment = segments.last(where: { $0.first <= position }), position < segment.end else {
            throw .missing(position: position, next: segments.last?.name ?? "the end")
        }
        let offset = Int(position - segment.first) + SegmentFormat.headerBytes
        var window = ReadWindow(bytes: 64 * 1024)
        defer { window.free() }
        try fill(&window, segment, at: offset, atLeast: RecordFormat.headerBytes)
        var record = RecordRead.front(of: window.slice(at: offset), available: segment.bytes - offset)
        if case .needs(let bytes) = record {
            try fill(&window, segment, at: offset, atLeast: bytes)
            record = RecordRead.front(of: window.slice(at: offset), available: segment.bytes - offset)
        }
        guard case .record(let number, let payload, _) = record else {
            throw .damaged(segment: segment.name, offset: offset, reason: "wrong record")
        }
        guard let type = RecordType(rawValue: number) else {
            throw .unknownRecordType(segment: segment.name, offset: offset, type: number)
        }
        body(type, payload)
    }

    private static let readBytes = 1_048_576

    /// Has the window hold `atLeast` bytes from `offset` on, or all there are.
    private func fill(_ window: inout ReadWindow, _ segment: Segment, at offset: Int, atLeast: Int) throws(LogError) {
        guard window.available(at: offset) < min(atLeast, segment.bytes - offset) else { return }
        window.begin(at: offset, capacity: max(atLeast, Self.readBytes))
        let got = try onDisk { () throws(LogDiskError) in
            try disk.read(segment.name, at: offset, into: window.buffer)
        }
        window.count = min(got, segment.bytes - offset)
    }

    // MARK: Writing

    public func claim() throws(LogError) -> LogClaim {
        if segments.isEmpty { try onDisk { () throws(LogDiskError) in try beginSegment(at: 0) } }
        let made = LogClaim(epoch: lastEpoch + 1, position: segments[segments.count - 1].end)
        lastEpoch = made.epoch
        lastSequence = 0
        claimed = made
        return made
    }

    public func append(_ batch: LogBatch, sync: Bool) -> LogOutcome {
        if let failure { return failure }
        guard let claimed, batch.epoch == claimed.epoch else { return .fenced }
        precondition(batch.sequence == lastSequence + 1, "a batch is missing")
        precondition(batch.position == segments[segments.count - 1].end, "a batch leaves a gap")
        do throws(LogDiskError) {
            var current = segments[segments.count - 1]
            if current.bytes + batch.count > segmentBytesMax, current.bytes > SegmentFormat.headerBytes {
                try disk.sync(current.name)
                try beginSegment(at: batch.position)
                current = segments[segments.count - 1]
            }
            try disk.write(
                current.name, at: current.bytes, UnsafeRawBufferPointer(start: batch.bytes, count: batch.count))
            segments[segments.count - 1].bytes += batch.count
            lastSequence = batch.sequence
            hasUnsyncedBytes = true
            return sync ? self.sync() : .written
        } catch {
            return fail(error)
        }
    }

    public func sync() -> LogOutcome {
        if let failure { return failure }
        guard hasUnsyncedBytes, let current = segments.last else { return .durable }
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
        try disk.write(name, at: 0, UnsafeRawBufferPointer(header))
        try disk.sync(name)
        try disk.syncFolder()
        segments.append(Segment(first: position, name: name, bytes: header.count))
    }

    public func truncate(before position: LogPosition) throws(LogError) {
        while segments.count > 1, segments[0].end <= position {
            let name = segments[0].name
            try onDisk { () throws(LogDiskError) in try disk.remove(name) }
            segments.removeFirst()
        }
        try onDisk { () throws(LogDiskError) in try disk.syncFolder() }
    }

    private func onDisk<R>(_ body: () throws(LogDiskError) -> R) throws(LogError) -> R {
        do throws(LogDiskError) { return try body() } catch { throw .disk(error) }
    }
}

/// A part of a segment in memory.
private struct ReadWindow {
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var start = 0
    var count = 0

    init(bytes: Int) {
        memory = .allocate(byteCount: bytes, alignment: 16)
        capacity = bytes
    }

    func available(at offset: Int) -> Int { max(0, start + count - offset) }

    func slice(at offset: Int) -> ByteSlice {
        ByteSlice(base: UnsafeRawPointer(memory + (offset - start)), count: available(at: offset))
    }

    var buffer: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: memory, count: capacity) }

    /// Empties the window; it will hold bytes from `offset` on.
    mutating func begin(at offset: Int, capacity wanted: Int) {
        start = offset
        count = 0
        guard wanted > capacity else { return }
        memory.deallocate()
        memory = .allocate(byteCount: wanted, alignment: 16)
        capacity = wanted
    }

    func free() { memory.deallocate() }
}
