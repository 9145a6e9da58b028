// One file of the log, read to its end: what it says it is, how many records it has and what of it is damaged.
// Reads only, in constant memory.
// Any thread. Next: LogExamination.swift (all files, and what they say together).

import Wire

/// A file of the log and what was found in it.
public struct ExaminedFile: Sendable {
    enum Header: Equatable {
        case whole
        /// It cannot be read: what kind of file it is was judged by what stands in it.
        case guessed
        /// Written by another version: not looked into.
        case otherVersion(UInt32)
        /// The file has been given another name.
        case named(LogPosition)
        /// The last segment, of which nothing was written yet: the next start removes it.
        case unbegun
    }

    public let name: String
    /// The position its name says.
    public let first: LogPosition
    public let bytes: Int
    private(set) var header = Header.whole
    private(set) var kind = LogFileKind.dense
    /// The position after the last it stands for; of a checkpoint: its own.
    public private(set) var end: LogPosition
    private(set) var isRepaired = false
    public private(set) var records = 0
    public private(set) var damage: [DamagedStretch] = []
    /// Where the last segment ends in an interrupted write, which a start cuts off.
    public private(set) var tornOffset: Int?
    /// Zeros behind the last record, written ahead for more.
    public private(set) var preparedBytes = 0
    /// Whole records of types that this version does not know.
    private(set) var unknownTypes: [(offset: Int, type: UInt8)] = []
    /// The greatest epoch that a record of it tells.
    private(set) var epoch: UInt64 = 0
    /// Of a checkpoint: what its last record says of how many came before it, and how many really did.
    private(set) var promisedRecords: UInt64?
    private(set) var recordsBeforeEnd: UInt64 = 0
    private(set) var hasMoreAfterEnd = false

    /// Only looks at the header. `next`: the position of the following segment.
    init(_ disk: any LogDisk, _ entry: LogFolder.Entry, isCheckpoint: Bool, next: LogPosition?) throws(LogError) {
        name = entry.name
        first = entry.position
        bytes = entry.bytes
        end = entry.position
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: SegmentFormat.headerBytes, alignment: 8)
        defer { memory.deallocate() }
        let got: Int
        do throws(LogDiskError) { got = try disk.read(name, at: 0, into: memory) } catch { throw .disk(error) }
        switch SegmentFormat.parse(ByteSlice(base: UnsafeRawPointer(memory.baseAddress!), count: got)) {
        case .valid(let kind, let position, let end, let isRepaired) where (kind == .checkpoint) == isCheckpoint:
            self.kind = kind
            self.isRepaired = isRepaired
            if position != first { header = .named(position) }
            switch kind {
            case .dense: self.end = first + LogPosition(bytes - SegmentFormat.headerBytes)
            case .sparse: self.end = end
            case .checkpoint: break
            }
        case .otherVersion(let version):
            try judge(version, disk, memory, isCheckpoint: isCheckpoint, next: next)
        case .valid, .bad:
            if !isCheckpoint, next == nil, bytes <= SegmentFormat.headerBytes {
                header = .unbegun
            } else {
                header = .guessed
                try guess(disk, isCheckpoint: isCheckpoint, next: next)
            }
        }
    }

    /// The header has another version's number: because another version wrote it, or because it is damaged.
    private mutating func judge(
        _ version: UInt32, _ disk: any LogDisk, _ bytes: UnsafeMutableRawBufferPointer, isCheckpoint: Bool,
        next: LogPosition?
    ) throws(LogError) {
        header = .otherVersion(version)
        let slice = ByteSlice(UnsafeRawBufferPointer(bytes))
        guard !SegmentFormat.hasValidChecksum(slice) else { return }
        try guess(disk, isCheckpoint: isCheckpoint, next: next)
        // Nothing is behind a header of this size, or only the number in it is wrong.
        if self.bytes <= SegmentFormat.headerBytes { header = .guessed }
        bytes.storeBytes(of: RecordFormat.version.littleEndian, toByteOffset: 8, as: UInt32.self)
        if SegmentFormat.hasValidChecksum(slice) { header = .guessed }
        // Nobody else's file has records like ours behind a header with a wrong checksum.
        if try readableBytes(disk).bytes > 0 || version > Self.otherVersionMax { header = .guessed }
    }

    /// No version has a number like this yet.
    private static let otherVersionMax: UInt32 = 100

    /// A segment whose header is gone is of the kind as which more of it can be read.
    private mutating func guess(_ disk: any LogDisk, isCheckpoint: Bool, next: LogPosition?) throws(LogError) {
        if isCheckpoint { return kind = .checkpoint }
        kind = .dense
        end = first + LogPosition(max(0, bytes - SegmentFormat.headerBytes))
        let asDense = try readableBytes(disk)
        let asDenseEnd = end
        kind = .sparse
        end = next ?? .max
        let asSparse = try readableBytes(disk)
        if asSparse.bytes > asDense.bytes {
            end = next ?? asSparse.reached
        } else {
            kind = .dense
            end = asDenseEnd
        }
    }

    private func readableBytes(_ disk: any LogDisk) throws(LogError) -> (bytes: Int, reached: LogPosition) {
        guard bytes > SegmentFormat.headerBytes else { return (0, first) }
        let walk = RecordWalk(try open(disk), replayedFrom: 0)
        var sum = 0
        while let step = try walk.next() {
            if case .record(_, let payload, _, _) = step { sum += RecordFormat.headerBytes + payload.count }
        }
        return (sum, walk.reached)
    }

    /// The file as it was judged to be.
    func open(_ disk: any LogDisk) throws(LogError) -> RecordFile {
        try RecordFile(disk, name, assuming: kind, first: first, end: end)
    }

    /// Whether there is something to read.
    var isReadable: Bool {
        switch header {
        case .whole, .guessed: bytes > SegmentFormat.headerBytes
        case .otherVersion, .named, .unbegun: false
        }
    }

    /// Reads it to its end. `isLast`: of the segments.
    mutating func examine(_ disk: any LogDisk, isLast: Bool, replayedFrom: LogPosition) throws(LogError) {
        guard isReadable else { return }
        let file = try open(disk)
        defer { disk.close(name) }
        let walk = RecordWalk(file, replayedFrom: replayedFrom, isLast: isLast)
        loop: while let step = try walk.next() {
            switch step {
            case .record(let type, let payload, _, let offset): note(type, payload, offset)
            case .damage(let stretch):
                if isLast, kind == .dense, try !SegmentedLog.isProvenDurable(file, from: stretch.offset) {
                    tornOffset = stretch.offset
                    break loop
                }
                damage.append(stretch)
            }
        }
        if let offset = walk.preparedOffset {
            preparedBytes = bytes - offset
            end = file.position(at: offset)
        }
    }

    private mutating func note(_ number: UInt8, _ payload: ByteSlice, _ offset: Int) {
        records += 1
        if promisedRecords != nil { hasMoreAfterEnd = true }
        switch RecordType(rawValue: number) {
        case nil: if unknownTypes.count < Limits.shownFindingsMax { unknownTypes.append((offset, number)) }
        case .fence where payload.count == 8:
            epoch = max(epoch, UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self)))
        case .checkpointBegin where payload.count == 16:
            epoch = max(epoch, UInt64(bigEndian: payload.base.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        case .checkpointEnd where payload.count == 8 && kind == .checkpoint:
            promisedRecords = UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self))
            recordsBeforeEnd = UInt64(records - 1)
        default: break
        }
    }

    // MARK: What it is good for

    var damagedBytes: Int { damage.reduce(0) { $0 + $1.bytes } }

    /// Of a segment: a start may read it in place of the log's records from its first to its last position.
    var holdsAll: Bool { kind == .dense || isRepaired }

    /// Of a checkpoint: why a start cannot use it.
    var checkpointTrouble: (offset: Int, reason: String)? {
        switch header {
        case .whole: break
        case .guessed, .unbegun: return (0, "wrong header")
        case .otherVersion(let version): return (0, "log format \(version)")
        case .named(let position): return (0, "its header says position \(position)")
        }
        if let first = damage.first { return (first.offset, first.reason) }
        if let first = unknownTypes.first { return (first.offset, "record type \(first.type) is unknown") }
        guard let promisedRecords else { return (bytes, "the checkpoint has no end") }
        if hasMoreAfterEnd { return (bytes, "something follows the end") }
        if promisedRecords != recordsBeforeEnd {
            return (bytes, "it has \(recordsBeforeEnd) records, its end says \(promisedRecords)")
        }
        return nil
    }

    /// In words, for a summary.
    public var kindName: String {
        let name =
            switch kind {
            case .dense: "segment"
            case .sparse: "sparse segment"
            case .checkpoint: "checkpoint"
            }
        return isRepaired ? "repaired " + name : name
    }
}
