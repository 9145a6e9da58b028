// The log's records, one after the other, described: for `taskd log dump`. Goes on past damage and says where it was.
// Reads only, in constant memory.
// Any thread, one at a time. Next: RecordDescription.swift, RecordWalk.swift.

import Wire

/// What is shown.
public struct LogDumpSelection: Sendable {
    /// Positions of the log.
    public var from: LogPosition = 0
    public var to: LogPosition = .max
    /// Names of types; empty: all. A group is shown if it or a record in it is of one of them.
    public var types: Set<String> = []
    /// One file, whatever it is.
    public var file: String?
    /// The newest checkpoint instead of the segments.
    public var isOfCheckpoint = false
    /// At most so many records.
    public var limit = Int.max

    public init() {}

    /// Every name that `types` may hold.
    public static var typeNames: [String] { RecordType.allCases.map { "\($0)" } }
}

/// One record, described.
public struct DumpedRecord: Sendable {
    /// In the log; nil for records of checkpoints.
    public let position: LogPosition?
    public let file: String
    /// Of the record in the file; of one inside a group: of the group.
    public let offset: Int
    public let type: String
    /// With its header.
    public let bytes: Int
    /// Nil when the payload is not understood.
    public let fields: DumpFields?
    /// Of a group: the records in it.
    public let inner: [DumpedRecord]
}

/// What a dump comes by.
public enum LogDumpItem {
    case record(DumpedRecord)
    case damage(file: String, DamagedStretch)
    /// The log ends in an interrupted write.
    case tornTail(file: String, offset: Int, bytes: Int)
}

/// Why nothing can be dumped.
public enum LogDumpError: Error, Equatable {
    case log(LogError)
    case noSuchFile(String)
    case noCheckpoint
}

/// One dump.
public struct LogDump {
    /// A file to be shown.
    private struct Job {
        let entry: LogFolder.Entry
        var isCheckpoint = false
        /// Of the following segment.
        var next: LogPosition?
        var isLast = false
    }

    private let disk: any LogDisk
    private let selection: LogDumpSelection
    private let visit: (LogDumpItem) -> Void
    private var left: Int

    /// Gives everything selected to `visit`, in order.
    public static func run(
        _ disk: any LogDisk, _ selection: LogDumpSelection, visit: (LogDumpItem) -> Void
    ) throws(LogDumpError) {
        let folder: LogFolder
        do throws(LogError) { folder = try LogFolder(disk) } catch { throw .log(error) }
        let jobs = try jobs(selection, folder, disk)
        try withoutActuallyEscaping(visit) { visit throws(LogDumpError) in
            var dump = LogDump(disk: disk, selection: selection, visit: visit, left: selection.limit)
            for job in jobs where dump.left > 0 { try dump.show(job) }
        }
    }

    private static func jobs(
        _ selection: LogDumpSelection, _ folder: LogFolder, _ disk: any LogDisk
    ) throws(LogDumpError) -> [Job] {
        var segments: [Job] = []
        for (index, entry) in folder.segments.enumerated() {
            let isLast = index + 1 == folder.segments.count
            segments.append(
                Job(entry: entry, next: isLast ? nil : folder.segments[index + 1].position, isLast: isLast))
        }
        let checkpoints = folder.checkpoints.map { Job(entry: $0, isCheckpoint: true) }
        if let name = selection.file {
            if let named = (segments + checkpoints).first(where: { $0.entry.name == name }) { return [named] }
            guard folder.kept.contains(name), let kept = kept(name, disk) else { throw .noSuchFile(name) }
            return [kept]
        }
        if selection.isOfCheckpoint {
            guard let newest = checkpoints.last else { throw .noCheckpoint }
            return [newest]
        }
        return segments.filter { $0.entry.position < selection.to && $0.next ?? .max > selection.from }
    }

    /// What a repair has kept, as what it was.
    private static func kept(_ name: String, _ disk: any LogDisk) -> Job? {
        guard let original = LogFolder.original(of: name), let bytes = try? disk.size(of: name) else { return nil }
        if let position = SegmentFormat.position(ofName: original) {
            return Job(entry: LogFolder.Entry(name: name, position: position, bytes: bytes))
        }
        return SegmentFormat.position(ofName: original, suffix: SegmentFormat.checkpointSuffix).map {
            Job(entry: LogFolder.Entry(name: name, position: $0, bytes: bytes), isCheckpoint: true)
        }
    }

    private mutating func show(_ job: Job) throws(LogDumpError) {
        do throws(LogError) {
            let file = try ExaminedFile(disk, job.entry, isCheckpoint: job.isCheckpoint, next: job.next)
            if case .otherVersion(let version) = file.header {
                throw LogError.unknownFormat(segment: file.name, version: version)
            }
            guard file.isReadable else { return }
            let opened = try file.open(disk)
            defer { disk.close(file.name) }
            try walk(opened, job)
        } catch {
            throw .log(error)
        }
    }

    private mutating func walk(_ file: RecordFile, _ job: Job) throws(LogError) {
        let walk = RecordWalk(file, replayedFrom: 0, isLast: job.isLast)
        while left > 0, let step = try walk.next() {
            switch step {
            case .record(let type, let payload, let position, let offset):
                guard file.kind == .checkpoint || position >= selection.from else { continue }
                guard file.kind == .checkpoint || position < selection.to else { return }
                let record = describe(
                    type, payload, file.kind == .checkpoint ? nil : position, file.name, offset)
                guard isSelected(record) else { continue }
                left -= 1
                visit(.record(record))
            case .damage(let stretch):
                if job.isLast, file.kind == .dense, try !SegmentedLog.isProvenDurable(file, from: stretch.offset) {
                    return visit(
                        .tornTail(file: file.name, offset: stretch.offset, bytes: file.bytes - stretch.offset))
                }
                let isBefore = file.kind != .checkpoint && stretch.positions.upperBound <= selection.from
                if !isBefore { visit(.damage(file: file.name, stretch)) }
            }
        }
    }

    private func isSelected(_ record: DumpedRecord) -> Bool {
        selection.types.isEmpty || selection.types.contains(record.type)
            || record.inner.contains { selection.types.contains($0.type) }
    }

    private func describe(
        _ number: UInt8, _ payload: ByteSlice, _ position: LogPosition?, _ file: String, _ offset: Int
    ) -> DumpedRecord {
        let type = RecordType(rawValue: number)
        var inner: [DumpedRecord] = []
        var fields = type.flatMap { RecordDescription.fields($0, payload) }
        if type == .brokerGroup {
            let isWhole = GroupRecords.isWhole(payload)
            if isWhole {
                GroupRecords.forEach(number, payload, position ?? 0) {
                    inner.append(describe($0, $1, position == nil ? nil : $2, file, offset))
                }
            }
            fields = isWhole ? [("records", .number(Int64(inner.count)))] : nil
        }
        return DumpedRecord(
            position: position, file: file, offset: offset, type: type.map { "\($0)" } ?? "type\(number)",
            bytes: RecordFormat.headerBytes + payload.count, fields: fields, inner: inner)
    }
}
