// How the daemon knows its log: through this, and nothing wider. The local segment files are its first
// implementation (SegmentedLog.swift); a replicated one can take their place without the engine noticing.
//
// A leader claims the log, which gives it an epoch above all earlier ones; its first record is a fence.
// Every batch then carries epoch and sequence. An append under an overtaken epoch is `fenced`; one whose
// outcome cannot be known (a failed write or sync) is `unknown`. Both mean: stop answering.
// Log thread, after recovery on the starting thread. Next: SegmentedLog.swift.

import Wire

/// The right to append.
public struct LogClaim: Equatable, Sendable {
    /// Above that of every leader before.
    public let epoch: UInt64
    /// Where the log ends and the first record of this leader will stand.
    public let position: LogPosition

    public init(epoch: UInt64, position: LogPosition) {
        self.epoch = epoch
        self.position = position
    }
}

/// What has become of an append or a sync.
public enum LogOutcome: Equatable, Sendable {
    /// Handed to the storage; survives the end of the process, not of the machine.
    case written
    /// On stable storage.
    case durable
    /// Another leader has claimed the log.
    case fenced
    /// There was no room; nothing was appended, and the same batch may be tried again.
    case noSpace(reason: String)
    /// It may or may not be on disk, in part or whole. Why, in words for the operator.
    case unknown(reason: String)
}

/// Something noticed while the log was read that does not stop the start.
public enum LogNotice: Equatable, Sendable {
    /// The end of the last segment was not whole and has been cut: an interrupted write.
    case tornTailCut(segment: String, offset: Int, bytes: Int)
    /// The last segment had no whole header yet and has been removed.
    case emptySegmentRemoved(segment: String)
    /// Records that a killed daemon had answered for but not written have been found and appended.
    case stagedRecordsAdopted(bytes: Int)
    /// A checkpoint is damaged, but an older one (or the whole log) does as well.
    case checkpointPassedOver(name: String, reason: String)
    /// In a log that was repaired, where it is no surprise: a record that cannot be applied to a state that misses
    /// some has been left out.
    case recordLeftOut(segment: String, offset: Int, reason: String)
    /// How far reading has come.
    case progress(bytesRead: Int, bytesTotal: Int)
}

/// Why the log cannot be used.
public enum LogError: Error, Equatable {
    case disk(LogDiskError)
    /// Bytes that were once durable are not what was written.
    case damaged(segment: String, offset: Int, reason: String)
    /// A segment between others, or the first, is not there.
    case missing(position: LogPosition, next: String)
    /// Written by another version.
    case unknownFormat(segment: String, version: UInt32)
    case unknownRecordType(segment: String, offset: Int, type: UInt8)
    /// A record is whole, but the engine could not apply it.
    case replayFailed(segment: String, offset: Int, reason: String)

    /// One line for the operator.
    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .damaged(let segment, let offset, let reason):
            "the log is damaged: \(segment) at offset \(offset): \(reason); `taskd log check` shows what is readable; "
                + "restore the file from a backup, or let `taskd log repair` save what can be saved"
        case .missing(let position, let next):
            "the log has a gap: position \(position) is missing before \(next); restore the missing segment, or let "
                + "`taskd log repair` close the gap with what there is"
        case .unknownFormat(let segment, let version):
            "\(segment) has log format \(version), this version reads \(RecordFormat.version)"
        case .unknownRecordType(let segment, let offset, let type):
            "\(segment) at offset \(offset): record type \(type) is unknown to this version"
        case .replayFailed(let segment, let offset, let reason):
            "\(segment) at offset \(offset): the record cannot be applied: \(reason)"
        }
    }
}

/// An append-only log of records.
public protocol LogStore: AnyObject {
    /// Visits the records of the newest whole checkpoint, then every record of the log from its position on, in
    /// order (those of a checkpoint with position 0), and leaves the log ready to be claimed: an interrupted
    /// write at its end is cut.
    func recover(
        notice: (LogNotice) -> Void, visit: (RecordType, ByteSlice, LogPosition) throws -> Void
    ) throws(LogError)

    /// Takes the log over. Call after `recover`.
    func claim() throws(LogError) -> LogClaim

    /// Appends a batch; `sync` asks for `durable`, otherwise `written` is enough.
    func append(_ batch: LogBatch, sync: Bool) -> LogOutcome

    /// Makes everything appended so far durable.
    func sync() -> LogOutcome

    /// Nothing will be appended any more: gives back what was prepared for that.
    func finish() -> LogOutcome

    /// Segments begun by `append` since the last call, for whoever reads closed ones.
    func takeBegunSegments() -> [LogFileInfo]
}
