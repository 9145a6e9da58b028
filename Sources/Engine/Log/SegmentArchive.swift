// The log behind its end: reads records back, writes checkpoints, and then removes segments that nothing needs
// any more and rewrites those of which little is needed. It never touches the segment being appended to, but for
// reading from it what is known to be written.
//
// Which messages are needed is what the checkpoint itself says: of each segment that ends before the checkpoint's
// position and is mostly dead, the live positions are noted as the checkpoint's chunks pass by. After the checkpoint
// is durable such a segment is rewritten with those records alone. Messages keep their positions.
// Storage thread. Next: CheckpointFile.swift, SegmentRewrite.swift.

import Wire

/// Everything in the log's folder but its end.
public final class SegmentArchive {
    private let disk: any LogDisk
    /// In order; the last one is being appended to.
    private var segments: [LogFileInfo]
    private var checkpoints: [LogFileInfo]
    /// Files that were read lately, the last one last.
    private var open: [RecordFile] = []
    private var indexes: [LogPosition: SparseIndex] = [:]
    private var writer: CheckpointWriter?
    /// Segments that go, and such as are to be rewritten, once the checkpoint under way is durable.
    private var dead: [LogFileInfo] = []
    private var collector = LivePositions()
    private var rewrites: [(segment: LogFileInfo, positions: [LogPosition])] = []
    private var rewrite: SegmentRewrite?
    /// Segments that could not be rewritten: not tried again before the next start.
    private var unreadable: Set<LogPosition> = []

    private static let openFilesMax = 4

    /// As `SegmentedLog.recover` and `claim` have left the folder. `disk` may be another object for the same folder.
    public init(disk: any LogDisk, segments: [LogFileInfo], checkpoints: [LogFileInfo]) {
        self.disk = disk
        self.segments = segments
        self.checkpoints = checkpoints
    }

    /// The log has begun another segment.
    public func begun(_ segment: LogFileInfo) {
        guard segments.last?.first != segment.first else { return }
        if let last = segments.indices.last {
            segments[last].end = segment.first
            if let bytes = try? disk.size(of: segments[last].name) { segments[last].bytes = bytes }
            // What was read of its end may be from before the last records.
            if let file = open.first(where: { $0.name == segments[last].name }) {
                file.forgetWindow()
                try? file.refresh()
            }
        }
        segments.append(segment)
    }

    /// Bytes of all files.
    public var totalBytes: Int {
        let last = segments.last.flatMap { try? disk.size(of: $0.name) } ?? 0
        return segments.dropLast().reduce(last) { $0 + $1.bytes } + checkpoints.reduce(0) { $0 + $1.bytes }
    }
    public var segmentCount: Int { segments.count }

    // MARK: Reading

    /// Gives the record at `position` to `body`; the payload is valid within it.
    public func read(at position: LogPosition, _ body: (RecordType, ByteSlice) -> Void) throws(LogError) {
        guard let segment = segments.last(where: { $0.first <= position }), position < segment.end else {
            throw .missing(position: position, next: segments.first { $0.first > position }?.name ?? "the end")
        }
        let file = try file(segment)
        var offset: Int
        if segment.isSparse {
            offset = try index(of: file).offset(of: position, in: file)
        } else {
            offset = file.offset(of: position)
            if offset + RecordFormat.headerBytes > file.bytes { try file.refresh() }
        }
        var step = try file.record(at: offset, readAhead: readAhead(file, offset))
        if case .bad = step, segment.end == .max {
            // What was read of the segment's end a moment ago may have been half written.
            file.forgetWindow()
            try file.refresh()
            step = try file.record(at: offset, readAhead: 65_536)
        }
        switch step {
        case .record(let number, let payload, let found, let next):
            guard found == position, let type = RecordType(rawValue: number) else {
                throw .unknownRecordType(segment: file.name, offset: offset, type: number)
            }
            lastReadEnd = next
            body(type, payload)
        case .bad(let reason):
            offset = max(0, offset)
            throw .damaged(segment: file.name, offset: offset, reason: reason)
        }
    }

    /// Offset behind the last record that was read, in the file used last.
    private var lastReadEnd = 0

    /// Much where one record after the other is read, little where they are far apart.
    private func readAhead(_ file: RecordFile, _ offset: Int) -> Int {
        let distance = offset - lastReadEnd
        return distance >= 0 && distance < 65_536 ? RecordFile.readBytes : 16_384
    }

    private func file(_ segment: LogFileInfo) throws(LogError) -> RecordFile {
        if let last = open.last, last.name == segment.name { return last }
        lastReadEnd = -1_000_000
        if let index = open.firstIndex(where: { $0.name == segment.name }) {
            let known = open.remove(at: index)
            open.append(known)
            return known
        }
        let opened = try RecordFile(disk, segment.name, first: segment.first)
        open.append(opened)
        if open.count > Self.openFilesMax { disk.close(open.removeFirst().name) }
        return opened
    }

    private func index(of file: RecordFile) throws(LogError) -> SparseIndex {
        if let known = indexes[file.first] { return known }
        let made = try SparseIndex(reading: file)
        indexes[file.first] = made
        return made
    }

    private func letGo(_ segment: LogFileInfo) {
        open.removeAll { $0.name == segment.name }
        indexes[segment.first] = nil
        disk.close(segment.name)
    }

    // MARK: Checkpoints

    /// Begins to write a checkpoint of the state at `position`. `live`: what was needed of the log at that moment.
    public func beginCheckpoint(at position: LogPosition, live: LiveMap) throws(LogDiskError) {
        abandonCheckpoint()
        dead = []
        var ranges: [Range<LogPosition>] = []
        var budget = Limits.logRewriteBytesMax
        for segment in segments where segment.end <= position {
            let needed = live.bytes(in: segment.first..<segment.end)
            if needed == 0 {
                dead.append(segment)
            } else if needed * 2 < segment.bytes, needed <= budget, !unreadable.contains(segment.first) {
                budget -= needed
                ranges.append(segment.first..<segment.end)
            }
        }
        collector = LivePositions(ranges)
        writer = try CheckpointWriter(disk, position: position)
    }

    /// Whole records of the checkpoint.
    public func writeCheckpoint(_ chunk: UnsafeRawBufferPointer) throws(LogDiskError) {
        guard let writer else { return }
        collector.note(ByteSlice(chunk))
        try writer.write(chunk)
    }

    /// Everything is written. When this returns the checkpoint is durable, older ones and dead segments are gone,
    /// and `hasWork` tells whether segments are to be rewritten. Returns the checkpoint's size.
    public func finishCheckpoint() throws(LogDiskError) -> Int {
        guard let writer else { return 0 }
        let made = try writer.finish()
        self.writer = nil
        for old in checkpoints where old.name != made.name { try disk.remove(old.name) }
        checkpoints = [made]
        for segment in dead { try remove(segment) }
        dead = []
        // What an earlier checkpoint had left to be rewritten is in this one's choice again, if it is still worth it.
        rewrite?.abandon()
        rewrite = nil
        rewrites = []
        for (range, positions) in collector.take() {
            guard let segment = segments.first(where: { $0.first == range.lowerBound }) else { continue }
            if positions.isEmpty { try remove(segment) } else { rewrites.append((segment, positions)) }
        }
        try disk.syncFolder()
        return made.bytes
    }

    /// It will not be finished.
    public func abandonCheckpoint() {
        writer?.abandon()
        writer = nil
        dead = []
        collector = LivePositions()
    }

    private func remove(_ segment: LogFileInfo) throws(LogDiskError) {
        guard let index = segments.firstIndex(where: { $0.first == segment.first }), index < segments.count - 1 else {
            return
        }
        letGo(segment)
        try disk.remove(segment.name)
        segments.remove(at: index)
    }

    // MARK: Rewriting

    /// Segments are to be rewritten: call `work` until this is false.
    public var hasWork: Bool { rewrite != nil || !rewrites.isEmpty }

    /// A slice of rewriting. A segment that cannot be read stays as it is, and is reported.
    public func work() throws(LogError) {
        if rewrite == nil, let next = rewrites.popLast() {
            do throws(LogError) {
                rewrite = try SegmentRewrite(disk, next.segment, positions: next.positions)
            } catch {
                unreadable.insert(next.segment.first)
                throw error
            }
        }
        guard let running = rewrite else { return }
        do throws(LogError) {
            guard try running.step(bytes: Limits.logRewriteSliceBytes) else { return }
            letGo(running.segment)
            let made = try running.finish()
            if let index = segments.firstIndex(where: { $0.first == made.first }) { segments[index] = made }
            indexes[made.first] = running.index
            rewrite = nil
        } catch {
            running.abandon()
            unreadable.insert(running.segment.first)
            rewrite = nil
            throw error
        }
    }
}

/// Positions of live messages in certain ranges, picked out of a checkpoint's records as they pass by.
struct LivePositions {
    private var ranges: [Range<LogPosition>] = []
    private var positions: [[LogPosition]] = []

    init(_ ranges: [Range<LogPosition>] = []) {
        self.ranges = ranges
        positions = Array(repeating: [], count: ranges.count)
    }

    /// Whole records, as they go into the file.
    mutating func note(_ records: ByteSlice) {
        guard !ranges.isEmpty else { return }
        var rest = records
        while rest.count > RecordFormat.headerBytes {
            let length = Int(UInt32(littleEndian: rest.base.loadUnaligned(as: UInt32.self)))
            if rest[8] == RecordType.queueEntries.rawValue {
                note(entries: rest.slice(from: RecordFormat.headerBytes, count: length))
            } else if rest[8] == RecordType.streamEntries.rawValue {
                note(stream: rest.slice(from: RecordFormat.headerBytes, count: length))
            }
            let total = RecordFormat.headerBytes + length
            rest = rest.slice(from: total, count: rest.count - total)
        }
    }

    private mutating func note(entries payload: ByteSlice) {
        var offset = QueueEntriesRecord.headBytes
        // Mostly in order, so the next is often in the same range.
        var index = 0
        while offset + QueueEntriesRecord.entryBytes <= payload.count {
            let position = UInt64(littleEndian: payload.base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += QueueEntriesRecord.entryBytes
            note(position, &index)
        }
    }

    private mutating func note(stream payload: ByteSlice) {
        var index = 0
        var found: [LogPosition] = []
        // It was written a moment ago.
        try? StreamEntriesRecord(payload).forEach { found.append($0.position) }
        for position in found { note(position, &index) }
    }

    private mutating func note(_ position: LogPosition, _ index: inout Int) {
        if !ranges[index].contains(position) {
            guard let found = range(of: position) else { return }
            index = found
        }
        positions[index].append(position)
    }

    private func range(of position: LogPosition) -> Int? {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= position { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(position) ? low : nil
    }

    /// Each range with its live positions, ascending, each once.
    mutating func take() -> [(range: Range<LogPosition>, positions: [LogPosition])] {
        var taken: [(range: Range<LogPosition>, positions: [LogPosition])] = []
        for (range, found) in zip(ranges, positions) {
            var unique: [LogPosition] = []
            for position in found.sorted() where unique.last != position { unique.append(position) }
            taken.append((range, unique))
        }
        self = LivePositions()
        return taken
    }
}
