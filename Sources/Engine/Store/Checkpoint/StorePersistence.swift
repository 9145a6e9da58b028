// What clients see and ask of durability: saves and rewrites (both are checkpoints), save points, `appendonly`, and
// writes that are refused because they could not be kept. Who waits for a checkpoint or a sync is in
// Clients/Blocking.swift.
// Loop thread only. Next: ../Commands/Server/PersistenceCommands.swift, ../../Context/CheckpointControl.swift.

import Wire

/// `save`: a checkpoint when so many changes have been made and the last one is so old.
struct SavePoint: Equatable {
    let seconds: Int64
    let changes: UInt64

    /// Redis's own.
    static let defaults = [
        SavePoint(seconds: 3_600, changes: 1), SavePoint(seconds: 300, changes: 100),
        SavePoint(seconds: 60, changes: 10_000),
    ]

    static func text(_ points: [SavePoint]) -> String {
        points.map { "\($0.seconds) \($0.changes)" }.joined(separator: " ")
    }

    /// nil when the text is none; empty for no save points.
    static func parse(_ text: String) -> [SavePoint]? {
        let words = text.split(separator: " ")
        guard words.count % 2 == 0 else { return nil }
        var points: [SavePoint] = []
        for index in stride(from: 0, to: words.count, by: 2) {
            guard let seconds = Int64(words[index]), let changes = UInt64(words[index + 1]), seconds >= 1,
                changes <= UInt64(Int64.max)
            else { return nil }
            points.append(SavePoint(seconds: seconds, changes: changes))
        }
        return points
    }
}

/// State of the store's durability that outlives a checkpoint.
final class StorePersistence {
    /// As set by a client; nil: they follow from `appendonly`, since a log that holds everything needs none.
    var chosenSavePoints: [SavePoint]?
    /// Numbers of the checkpoints that BGSAVE and BGREWRITEAOF asked for last.
    var backgroundSave: UInt64 = 0
    var rewrite: UInt64 = 0
    /// Checkpoints that ended well since the start, and those among them that BGREWRITEAOF asked for.
    var saves: UInt64 = 0
    var rewrites: UInt64 = 0
    var lastRewriteSucceeded = true
    var lastRewriteMilliseconds: Int64 = -1
    /// Changes that the last whole checkpoint has, and the running one will have.
    private(set) var savedDirty: UInt64 = 0
    private var begunDirty: UInt64 = 0
    /// Bytes of the last whole checkpoint, and of the last that was walked.
    private(set) var savedBytes = 0
    var writtenBytes = 0
    /// Keys that recovery found.
    private(set) var loadedKeys = 0
    /// When to look at the save points next, and when the last checkpoint ended; monotonic milliseconds.
    var nextSavePointCheckMilliseconds: Int64 = 0
    var lastEndMilliseconds: Int64 = 0
    /// Clients that wait for a checkpoint or a sync, in no order; some may have left.
    var waiters: [DurabilityWaiter] = []

    // MARK: The log's side
    /// What the log says last about the store's effects: they are in it. True of a log that says nothing.
    var isJournaledInLog = true
    /// Effects are missing in the log: those that follow count no more.
    var hasGap = false
    /// Records that were passed over for it.
    var skippedRecords = 0
    /// The text is that of MISCONF; nil: writes go on.
    var writeRefusal: String?

    func checkpointBegun(dirty: UInt64) { begunDirty = dirty }

    func checkpointSucceeded() {
        savedDirty = begunDirty
        savedBytes = writtenBytes
    }

    func loaded(keys: Int) {
        (savedDirty, begunDirty) = (0, 0)
        loadedKeys = keys
    }
}

extension Store {
    // MARK: Save points

    var savePoints: [SavePoint] {
        persistence.chosenSavePoints ?? (context.configuration.appendOnly ? [] : SavePoint.defaults)
    }

    /// Changes that no checkpoint has.
    var unsavedChanges: UInt64 { dirty &- persistence.savedDirty }

    /// The log does not have everything, and the user wants snapshots: stopping should take one.
    var savesAtShutdown: Bool { !context.configuration.appendOnly && !savePoints.isEmpty }

    func checkSavePoints(_ now: Int64) {
        guard now >= persistence.nextSavePointCheckMilliseconds else { return }
        persistence.nextSavePointCheckMilliseconds = now + Limits.savePointCheckMilliseconds
        let checkpoints = context.checkpoints
        guard !savePoints.isEmpty, context.journal.isEnabled, !checkpoints.isRunning, !checkpoints.isAsked else {
            return
        }
        // After a failure not at once again.
        guard checkpoints.lastSucceeded || now - persistence.lastEndMilliseconds > Limits.saveRetryMilliseconds else {
            return
        }
        let age = context.time.wallMilliseconds / 1_000 - checkpoints.lastSuccessSeconds
        guard savePoints.contains(where: { unsavedChanges >= $0.changes && age > $0.seconds }) else { return }
        _ = checkpoints.request()
    }

    // MARK: The end of a checkpoint

    /// The checkpoint that ran is over and `context.checkpoints` knows of it: those who waited for it go on.
    func checkpointEnded(success: Bool) {
        let checkpoints = context.checkpoints
        persistence.lastEndMilliseconds = context.time.monotonicMilliseconds
        if success {
            persistence.checkpointSucceeded()
            persistence.saves += 1
        }
        if persistence.rewrite == checkpoints.finished {
            persistence.lastRewriteSucceeded = success
            persistence.lastRewriteMilliseconds = checkpoints.lastMilliseconds
            if success { persistence.rewrites += 1 }
        }
        updateWriteRefusal()
        serveCheckpointWaiters(success: success)
    }

    // MARK: Refused writes

    /// The alarms have changed, or something else that decides whether writes are taken.
    func updateWriteRefusal() {
        // Keys go on expiring in memory; a log that has failed takes no more records, which must not pile up.
        if context.alarms.logFailure != nil { effects.isEnabled = false }
        if let reason = context.alarms.refusesStoreWrites {
            persistence.writeRefusal = "MISCONF Errors writing to the AOF file: \(reason)"
        } else if !context.checkpoints.lastSucceeded, savesAtShutdown {
            persistence.writeRefusal =
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
                + "Commands that may modify the data set are disabled, because this instance is configured to "
                + "report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). "
                + "Please check the Redis logs for details about the RDB error."
        } else {
            persistence.writeRefusal = nil
        }
        refusesWrites = persistence.writeRefusal != nil
    }

    // MARK: appendonly

    /// `CONFIG SET appendonly`. Switched on, the log counts again once a checkpoint stands.
    func setAppendOnly(_ isOn: Bool) {
        guard isOn != context.configuration.appendOnly else { return }
        context.configuration.appendOnly = isOn
        // What the open unit has collected belongs to what came before.
        if !effects.isEmpty { effects.flush(to: context.journal) }
        effects.isEnabled = context.journal.isEnabled && isOn
        noteJournaling()
        if isOn, context.journal.isEnabled { _ = context.checkpoints.request() }
        updateWriteRefusal()
    }

    /// Tells the log whether effects follow.
    private func noteJournaling() {
        guard context.journal.isEnabled else { return }
        let isOn = context.configuration.appendOnly
        context.journal.append(.storeJournaling, payloadBytes: 1) { $0.writeUInt8(isOn ? 1 : 0) }
        persistence.isJournaledInLog = isOn
    }

    /// Has the log synced up to here even if nothing more is written to it.
    func forceSync() {
        // A record is needed to carry the wish; this one says nothing new.
        if context.journal.pendingBytes == 0 { noteJournaling() }
        context.journal.requireSync()
    }

    // MARK: Recovery

    /// A `.storeJournaling` record of the log, or the one that a checkpoint begins with.
    func replayJournaling(_ payload: ByteSlice, inCheckpoint: Bool) throws(EffectError) {
        guard payload.count == 1, payload[0] <= 1 else { throw .malformed }
        let isOn = payload[0] == 1
        persistence.isJournaledInLog = isOn
        if inCheckpoint { persistence.hasGap = !isOn } else if !isOn { persistence.hasGap = true }
    }

    /// After replay, with the journal begun: the log gets to know what is configured.
    func resumeJournaling() {
        let isOn = context.configuration.appendOnly
        effects.isEnabled = context.journal.isEnabled && isOn
        if persistence.skippedRecords > 0 {
            context.log(
                .warning,
                "appendonly was off for a while and no checkpoint followed: later changes of keys are lost",
                ("records", "\(persistence.skippedRecords)"))
        }
        guard context.journal.isEnabled else { return }
        if isOn != persistence.isJournaledInLog { noteJournaling() }
        if isOn, persistence.hasGap { _ = context.checkpoints.request() }
        persistence.skippedRecords = 0
        persistence.hasGap = false
    }
}
