// Makes a damaged folder of the log startable, with the least loss: segments with damage are written anew as sparse
// ones that hold every readable record at its position, gaps are closed with empty ones, a checkpoint is written
// anew with what is readable of it. Originals are kept beside the new files and never removed. What a start does by
// itself (cutting an interrupted write off, passing over a checkpoint that is not needed) is left to it.
//
// Every new file is written under a temporary name, synced and then given its own, so a repair that is interrupted
// is simply done again. Files that a repair wrote are marked so: a start then leaves out records that cannot be
// applied because something before them is missing, instead of refusing.
// Any thread, one at a time. Next: LogExamination.swift (what is wrong), SegmentSalvage.swift, CheckpointSalvage.swift.

import Wire

/// What a repair did, or would do; in words.
public struct LogRepairReport: Sendable {
    public enum Verdict: Sendable {
        case nothingToDo
        /// Done, or with a dry run: could be done.
        case repaired
        /// It cannot be helped, for the reasons given; nothing was changed.
        case refused
    }

    public internal(set) var verdict = Verdict.nothingToDo
    /// What was done.
    public internal(set) var actions: [String] = []
    /// What is gone.
    public internal(set) var losses: [String] = []
    /// Why it cannot be done.
    public internal(set) var reasons: [String] = []
}

/// One repair.
public struct LogRepair {
    private let disk: any LogDisk
    private let isDryRun: Bool
    private var report = LogRepairReport()

    /// Repairs what needs it. A dry run only says what it would do.
    public static func run(_ disk: any LogDisk, isDryRun: Bool) throws(LogError) -> LogRepairReport {
        var repair = LogRepair(disk: disk, isDryRun: isDryRun)
        try repair.run()
        return repair.report
    }

    private init(disk: any LogDisk, isDryRun: Bool) {
        self.disk = disk
        self.isDryRun = isDryRun
    }

    private mutating func run() throws(LogError) {
        var examination = try LogExamination(disk)
        guard examination.hopeless.isEmpty else {
            report.verdict = .refused
            report.reasons = examination.hopeless.map(\.description)
            return
        }
        guard !examination.isSound else { return }
        report.verdict = .repaired
        if let other = try chooseCheckpoint(examination) { examination = other }
        // The checkpoint first is looked at with the segments as they are, then written when they are whole.
        let lookup = examination.makeLookup()
        var salvage: CheckpointSalvage?
        if let base = examination.base {
            let isDamaged = examination.checkpoints[base].checkpointTrouble != nil
            if isDamaged || examination.lostEntries > 0 {
                salvage = try CheckpointSalvage(
                    disk, examination.checkpoints[base], epoch: examination.segments.map(\.epoch).max() ?? 0, lookup,
                    isDryRun: isDryRun, keptName: examination.folder.keptName(of: examination.checkpoints[base].name))
            }
        }
        for index in examination.damagedSegments.sorted() { try rewrite(index, examination) }
        for gap in examination.gaps { try close(gap) }
        if let salvage {
            if !isDryRun { try salvage.finish() }
            report.actions.append(salvage.action)
            report.losses += salvage.losses
        }
        noteMissedEffects(examination)
    }

    // MARK: Checkpoint

    /// When the newest checkpoint is damaged: another examination if the log before it loses less than it does.
    private mutating func chooseCheckpoint(_ examination: LogExamination) throws(LogError) -> LogExamination? {
        guard let base = examination.base, examination.checkpoints[base].checkpointTrouble != nil else { return nil }
        let file = examination.checkpoints[base]
        let fallback = examination.fallback(of: base)
        // Without an end nobody knows how much of it there was.
        let own = file.promisedRecords == nil ? UInt64.max : UInt64(file.damagedBytes)
        let ownText = own == .max ? "an unknown number of" : "\(own)"
        let isOlderWhole = base == 0 || examination.checkpoints[base - 1].checkpointTrouble == nil
        guard try !examination.holdsImport(base) else {
            report.actions.append("\(file.name) is the only way to begin, although damaged: it has what was imported")
            return nil
        }
        guard isOlderWhole, let others = examination.lostBytes(from: fallback, to: file.first) else {
            report.actions.append(
                "\(file.name) is the only way to begin, although damaged: the log does not reach back to what is before it"
            )
            return nil
        }
        let before = base == 0 ? "the log from its beginning" : "\(examination.checkpoints[base - 1].name) and the log"
        guard others <= own else {
            report.actions.append(
                "\(file.name) loses \(ownText) bytes, less than \(before), of which \(others) bytes are lost")
            return nil
        }
        report.actions.append(
            "\(before) serve instead of \(file.name): \(others) bytes of it are lost, of the checkpoint \(ownText)")
        return try LogExamination(disk, from: (base == 0 ? nil : base - 1, fallback))
    }

    // MARK: Segments

    private mutating func rewrite(_ index: Int, _ examination: LogExamination) throws(LogError) {
        let segment = examination.segments[index]
        let next = index + 1 < examination.segments.count ? examination.segments[index + 1].first : nil
        let isRead = segment.end > examination.start
        let end = isRead ? min(segment.end, next ?? .max) : segment.end
        let kept = examination.folder.keptName(of: segment.name)
        let salvage = SegmentSalvage(
            disk, segment, end: end, replayedFrom: examination.start, isComplete: segment.holdsAll || isRead)
        let count = isDryRun ? segment.records : try salvage.run(keepingOriginalAs: kept)
        report.actions.append(
            "\(segment.name) is written anew with the \(count) records that can be read; the original is kept as \(kept)"
        )
        for stretch in segment.damage {
            let range = "positions \(stretch.positions.lowerBound) to \(stretch.positions.upperBound - 1)"
            let what = stretch.isOneRecord ? "one record" : "an unknown number of records"
            report.losses.append(
                "\(segment.name) at offset \(stretch.offset): \(what), \(stretch.bytes) bytes, \(range)")
        }
        if let torn = segment.tornOffset {
            report.losses.append(
                "\(segment.name) at offset \(torn): an interrupted write of \(segment.bytes - torn) bytes, never confirmed"
            )
        }
        if let next, segment.end > next, isRead {
            report.losses.append(
                "\(segment.name): what it says of positions from \(next) on, which the next segment holds")
        }
    }

    private mutating func close(_ gap: LogGap) throws(LogError) {
        let name = SegmentFormat.name(first: gap.from)
        report.actions.append("\(name) closes the gap before \(gap.next ?? "the end of the log")")
        if gap.from < gap.to {
            report.losses.append("every record of positions \(gap.from) to \(gap.to - 1): \(gap.to - gap.from) bytes")
        } else {
            report.losses.append("every record from position \(gap.from) on")
        }
        guard !isDryRun else { return }
        do throws(LogDiskError) {
            let file = try SegmentFileWriter(
                disk, name, gap.from < gap.to ? .sparse : .dense, first: gap.from, end: gap.from < gap.to ? gap.to : 0,
                isRepaired: true)
            try file.finish()
        } catch {
            throw .disk(error)
        }
    }

    private mutating func noteMissedEffects(_ examination: LogExamination) {
        var first = examination.gaps.first?.from
        for index in examination.damagedSegments {
            let damage = examination.segments[index].damage.first { $0.positions.upperBound > examination.start }
            if let place = damage?.positions.lowerBound { first = min(first ?? place, place) }
        }
        guard let first else { return }
        report.losses.append(
            "what the log says after position \(first) is applied to a state that misses the above; the next start "
                + "tells which commands could not be applied because of it")
    }
}
