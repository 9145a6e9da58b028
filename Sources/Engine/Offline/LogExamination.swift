// All files of the log and what they say together: which checkpoint a start would begin with, whether the log goes on
// without a gap from there, whether every message that the checkpoint names can be read. What `taskd log check` shows
// and `taskd log repair` goes by. Reads only; memory does not grow with the log, but with its damage.
//
// It judges as `SegmentedLog.recover` acts. Whether each command can be applied, only a start can tell.
// Any thread, one at a time. Next: ExaminedFile.swift (one file), LogRepair.swift (what is done about it).

import Wire

/// A range of positions that no segment holds.
struct LogGap: Equatable {
    let from: LogPosition
    let to: LogPosition
    /// The segment after it.
    let next: String?
}

/// A folder of the log, examined.
public final class LogExamination {
    public private(set) var checkpoints: [ExaminedFile] = []
    public private(set) var segments: [ExaminedFile] = []
    public private(set) var findings: [LogFinding] = []

    let folder: LogFolder
    /// Index of the checkpoint that a start begins with, or would if it were whole. Nil: it begins with the log.
    private(set) var base: Int?
    /// The position from which the log is read.
    private(set) var start: LogPosition = 0
    private(set) var gaps: [LogGap] = []
    /// Segments without which, as they are, no start goes well or messages are lost: indexes.
    private(set) var damagedSegments: Set<Int> = []
    /// Entries of the checkpoint's queues whose message cannot be read.
    private(set) var lostEntries = 0
    /// Nothing that a repair can or should change.
    private(set) var hopeless: [LogFinding] = []
    private let disk: any LogDisk

    /// A start would go well, and nothing is known to be lost.
    public var isSound: Bool { !findings.contains { $0.severity == .error } }

    public convenience init(_ disk: any LogDisk) throws(LogError) { try self.init(disk, from: nil) }

    /// `assumed`: begin there, whatever state the log is in; newer checkpoints are passed over.
    init(_ disk: any LogDisk, from assumed: (base: Int?, position: LogPosition)?) throws(LogError) {
        self.disk = disk
        folder = try LogFolder(disk)
        for entry in folder.checkpoints {
            var file = try ExaminedFile(disk, entry, isCheckpoint: true, next: nil)
            try file.examine(disk, isLast: false, replayedFrom: 0)
            checkpoints.append(file)
        }
        for (index, entry) in folder.segments.enumerated() {
            let next = index + 1 < folder.segments.count ? folder.segments[index + 1].position : nil
            segments.append(try ExaminedFile(disk, entry, isCheckpoint: false, next: next))
        }
        if let assumed {
            (base, start) = assumed
            for index in checkpoints.indices where index > base ?? -1 { notePassedOver(index) }
        } else {
            try chooseBase()
        }
        for index in segments.indices {
            try segments[index].examine(disk, isLast: index == lastIndex, replayedFrom: start)
        }
        noteFiles()
        noteChain()
        try noteEntries()
    }

    /// The last segment that is one.
    private var lastIndex: Int { segments.last?.header == .unbegun ? segments.count - 2 : segments.count - 1 }

    // MARK: Where a start begins

    private func chooseBase() throws(LogError) {
        for index in checkpoints.indices.reversed() {
            base = index
            start = checkpoints[index].first
            guard let trouble = checkpoints[index].checkpointTrouble else { return }
            var missing: String?
            if !reaches(from: fallback(of: index), to: start) {
                missing = "the log does not reach back to what is before it"
            } else if try holdsImport(index) {
                missing = "the log does not have what was imported into it"
            }
            if let missing {
                let text = "the checkpoint is damaged: \(trouble.reason); \(missing)"
                return add(.error, checkpoints[index].name, trouble.offset, nil, text)
            }
            notePassedOver(index)
            base = nil
            start = 0
        }
    }

    private func notePassedOver(_ index: Int) {
        guard let trouble = checkpoints[index].checkpointTrouble else { return }
        add(
            .warning, checkpoints[index].name, trouble.offset, nil,
            "the checkpoint is damaged: \(trouble.reason); a start passes it over and loses nothing by it")
    }

    /// Where a start would begin without this checkpoint.
    func fallback(of index: Int) -> LogPosition { index > 0 ? checkpoints[index - 1].first : 0 }

    /// As `SegmentedLog` judges it: whether the log holds everything between two positions.
    private func reaches(from start: LogPosition, to end: LogPosition) -> Bool {
        let segments = self.segments.prefix(lastIndex + 1)
        guard let first = segments.lastIndex(where: { $0.first <= start }) else { return false }
        var reached = start
        for segment in segments[first...] where reached < end || segment.first == reached {
            guard segment.header == .whole, segment.holdsAll, segment.first <= reached, segment.end >= reached else {
                return false
            }
            reached = segment.end
        }
        return reached >= end
    }

    /// Whether only this checkpoint and later ones have the keys of an import: see `RecordType.storeImported`.
    func holdsImport(_ index: Int) throws(LogError) -> Bool {
        let fallback = fallback(of: index)
        for index in segments.indices where segments[index].isReadable && segments[index].end > fallback {
            let walk = RecordWalk(try segments[index].open(disk), replayedFrom: 0, isLast: index == lastIndex)
            defer { disk.close(segments[index].name) }
            while let step = try walk.next() {
                guard case .record(RecordType.storeImported.rawValue, let payload, let position, _) = step,
                    position >= fallback, payload.count == 8
                else { continue }
                if UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self)) > fallback { return true }
            }
        }
        return false
    }

    /// Segments from the one on that a start reads from `position` on; nil when there is none.
    private func firstRead(from position: LogPosition) -> Int? {
        guard lastIndex >= 0 else { return nil }
        return segments[...lastIndex].lastIndex { $0.first <= position }
    }

    /// Bytes of the log that are damaged or missing between two positions; nil when something there was thrown away
    /// on purpose.
    func lostBytes(from start: LogPosition, to end: LogPosition) -> UInt64? {
        guard let first = firstRead(from: start) else { return nil }
        var lost: UInt64 = 0
        var reached = start
        for segment in segments[first...lastIndex] where segment.first < end {
            guard segment.holdsAll, segment.isReadable || segment.bytes <= SegmentFormat.headerBytes else { return nil }
            if segment.first > reached { lost += segment.first - reached }
            for stretch in segment.damage where stretch.positions.upperBound > start {
                lost += UInt64(stretch.positions.count)
            }
            reached = max(reached, segment.end)
        }
        return lost + (end > reached ? end - reached : 0)
    }

    // MARK: Findings

    private func add(
        _ severity: LogFinding.Severity, _ file: String, _ offset: Int?, _ position: LogPosition?, _ text: String
    ) {
        findings.append(LogFinding(severity, file, offset, at: position, text))
    }

    private func noteFiles() {
        for (index, file) in checkpoints.enumerated() {
            noteHopeless(file)
            for stretch in file.damage.prefix(Limits.shownFindingsMax) {
                add(index == base ? .error : .warning, file.name, stretch.offset, nil, stretch.text)
            }
        }
        for index in segments.indices {
            let file = segments[index]
            noteHopeless(file)
            switch file.header {
            case .whole, .otherVersion, .named: break
            case .guessed:
                damagedSegments.insert(index)
                add(.error, file.name, 0, file.first, "wrong header; it looks like a \(file.kindName)")
            case .unbegun:
                add(.note, file.name, nil, file.first, "nothing was written to it yet; the next start removes it")
            }
            noteDamage(index)
            if file.preparedBytes > 0 {
                add(
                    .note, file.name, file.bytes - file.preparedBytes, file.end,
                    "\(file.preparedBytes) bytes are prepared for more records; the next start takes them back")
            }
            if let offset = file.tornOffset {
                let position = file.first + LogPosition(offset - SegmentFormat.headerBytes)
                add(
                    .note, file.name, offset, position,
                    "the log ends in an interrupted write of \(file.bytes - offset) bytes; the next start cuts it off")
            }
        }
        for name in folder.temporary { add(.note, name, nil, nil, "was being written; the next start removes it") }
        for name in folder.kept { add(.note, name, nil, nil, "the original of a file that was repaired") }
        for name in folder.others { add(.note, name, nil, nil, "not a file of the log") }
    }

    private func noteDamage(_ index: Int) {
        let file = segments[index]
        for (number, stretch) in file.damage.enumerated() {
            // A start reads past it, and in a dense segment every message is found without its neighbours.
            let isHarmless = file.kind == .dense && stretch.positions.upperBound <= start
            if !isHarmless { damagedSegments.insert(index) }
            guard number < Limits.shownFindingsMax else { continue }
            add(
                isHarmless ? .warning : .error, file.name, stretch.offset, stretch.positions.lowerBound,
                stretch.text + (isHarmless ? "; a start does not read it" : ""))
        }
        if file.damage.count > Limits.shownFindingsMax {
            add(.warning, file.name, nil, nil, "\(file.damage.count) damaged stretches in all")
        }
    }

    private func noteHopeless(_ file: ExaminedFile) {
        let before = findings.count
        switch file.header {
        case .whole, .guessed, .unbegun: break
        case .otherVersion(let version):
            add(
                .error, file.name, 0, nil,
                "log format \(version), this version reads \(RecordFormat.version): use the version that wrote it")
        case .named(let position):
            add(.error, file.name, 0, nil, "its header says position \(position): give the file its right name again")
        }
        for (offset, type) in file.unknownTypes {
            add(.error, file.name, offset, nil, "record type \(type) is unknown: use the version that wrote it")
        }
        hopeless += findings[before...]
    }

    /// The log from the start on: one segment after the other, up to the end.
    private func noteChain() {
        guard lastIndex >= 0 else {
            if start > 0 { noteGap(start, start, nil) }
            return
        }
        let first = firstRead(from: start) ?? 0
        if segments[first].first > start { noteGap(start, segments[first].first, segments[first].name) }
        for index in first...lastIndex {
            let segment = segments[index]
            if !segment.holdsAll, segment.end > start {
                damagedSegments.insert(index)
                add(
                    .error, segment.name, nil, segment.first,
                    "only its live messages were kept, and there is no checkpoint for the rest")
            }
            guard index < lastIndex else { break }
            let next = segments[index + 1]
            if segment.end < next.first {
                noteGap(max(segment.end, start), next.first, next.name)
            } else if segment.end > next.first {
                damagedSegments.insert(index)
                add(
                    .error, segment.name, nil, segment.first,
                    "it ends at position \(segment.end), beyond the beginning of \(next.name)")
            }
        }
        if segments[lastIndex].end < start { noteGap(start, start, nil) }
    }

    private func noteGap(_ from: LogPosition, _ to: LogPosition, _ next: String?) {
        gaps.append(LogGap(from: from, to: to, next: next))
        let missing = from < to ? "positions \(from) to \(to - 1) are missing" : "everything from position \(from) on"
        add(
            .error, next ?? base.map { checkpoints[$0].name } ?? "the log", nil, from,
            next == nil ? "the log ends before the checkpoint: \(missing) is missing" : "\(missing) before this segment"
        )
    }

    // MARK: Messages of the checkpoint

    /// For whether a message can still be read once the damaged segments are written anew.
    func makeLookup() -> PositionLookup {
        var walked = Set(damagedSegments.map { segments[$0].name })
        for segment in segments where segment.kind == .sparse && !segment.damage.isEmpty { walked.insert(segment.name) }
        return PositionLookup(disk, segments, walked: walked, replayedFrom: start)
    }

    private func noteEntries() throws(LogError) {
        guard let base, checkpoints[base].isReadable else { return }
        let lookup = makeLookup()
        let walk = RecordWalk(try checkpoints[base].open(disk), replayedFrom: 0)
        var shown = 0
        while let step = try walk.next() {
            guard case .record(let type, let payload, _, let offset) = step,
                let found = try lostMessages(type, payload, lookup), let first = found.lost.first,
                let last = found.lost.last
            else { continue }
            lostEntries += found.lost.count
            shown += 1
            guard shown <= Limits.shownFindingsMax else { continue }
            let what =
                found.lost.count == 1
                ? "its message at position \(first)" : "\(found.lost.count) of its messages, from \(first) to \(last),"
            add(
                .error, checkpoints[base].name, offset, nil,
                "queue \(found.queueID): \(what) cannot be read in the segments")
        }
        disk.close(checkpoints[base].name)
        if shown > Limits.shownFindingsMax {
            add(.error, checkpoints[base].name, nil, nil, "\(lostEntries) messages in all cannot be read")
        }
    }
}

extension LogExamination {
    /// What a record of a checkpoint names that cannot be read; nil if it names no messages.
    private func lostMessages(
        _ type: UInt8, _ payload: ByteSlice, _ lookup: PositionLookup
    ) throws(LogError) -> (queueID: UInt32, lost: [LogPosition])? {
        switch RecordType(rawValue: type) {
        case .queueEntries:
            let check = try QueueEntriesCheck(payload, before: start, lookup)
            return (check.queueID, check.lost)
        case .streamEntries:
            let check = try StreamEntriesCheck(payload, before: start, lookup)
            return (check.queueID, check.lost)
        default: return nil
        }
    }
}

/// A `queueEntries` record, with its entries looked up.
struct QueueEntriesCheck {
    private(set) var queueID: UInt32 = 0
    /// Positions of messages that cannot be read.
    private(set) var lost: [LogPosition] = []

    /// Messages from `position` on are the log's affair: it brings them again.
    init(_ payload: ByteSlice, before position: LogPosition, _ lookup: PositionLookup) throws(LogError) {
        var cursor = ByteCursor(payload)
        guard let id = try? cursor.readLittle32() else { return }
        queueID = id
        while cursor.remaining >= QueueEntriesRecord.entryBytes {
            guard let place = try? cursor.readLittle64(),
                (try? cursor.skip(QueueEntriesRecord.entryBytes - 8)) != nil
            else { return }
            if place < position, try !lookup.isMessage(place) { lost.append(place) }
        }
    }
}

extension DamagedStretch {
    /// In words.
    var text: String {
        let what = isOneRecord ? "a record of \(bytes) bytes is damaged" : "\(bytes) bytes are damaged"
        return "\(what): \(reason)"
    }
}
