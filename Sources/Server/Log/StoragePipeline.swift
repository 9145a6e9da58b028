// The loop's side of the storage thread: messages to and from the disk, and checkpoints: when one is due, a slice of it
// at the end of each turn, its chunks to the storage thread, and what comes back from there. Also the alarm for a
// disk that is nearly full.
//
// A checkpoint is due when somebody asks (`SAVE`, `BGSAVE`, …), when the log has grown by `log.checkpoint_bytes` or by
// half of what is live, whichever is more, and when one is older than `log.checkpoint_seconds` and anything has been
// logged since. So the files stay below twice the live data and a fixed allowance, and a start reads little.
// Loop thread only. Next: StorageThread.swift; ../../Engine/Checkpoint.swift; LogPipeline.swift.

import Engine
import EventLoop

/// Engine ↔ storage thread.
final class StoragePipeline {
    /// When to take one without being asked.
    struct Policy {
        /// Growth of the log, bytes.
        var growthBytes = 268_435_456
        /// Age, milliseconds; 0: never for its age.
        var ageMilliseconds: Int64 = 3_600_000
        /// After one that failed, milliseconds.
        var retryMilliseconds: Int64 = 5_000
        /// Below so much free space publishers are blocked; 0: not looked at.
        var freeBytesMin = 0
    }

    private let engine: Engine
    private let storage: StorageThread
    private let policy: Policy
    private var journal: Journal { engine.context.journal }

    private enum Phase {
        case idle
        /// The walk is under way.
        case walking
        /// Everything is handed over, but the log is not durable up to the checkpoint's position yet.
        case waitingForLog
        /// The storage thread has the last order.
        case finishing
    }

    private var phase = Phase.idle
    private var position: LogPosition = 0
    /// Where the last whole one was taken, and how large it became.
    private var lastPosition: LogPosition
    private var lastBytes: Int
    private var lastEndMilliseconds: Int64
    private var retryAtMilliseconds = Int64.min
    private var chunksUnderWay = 0
    /// Size of all files, as the storage thread said last, and how far the log was then.
    private var filesBytes: Int
    private var filesPosition: LogPosition
    /// Has a batch synced although nobody waits for it.
    var needsDurable: (UInt64) -> Void = { _ in }

    init(
        engine: Engine, storage: StorageThread, policy: Policy, checkpoint: LogFileInfo?, filesBytes: Int
    ) {
        self.engine = engine
        self.storage = storage
        self.policy = policy
        lastPosition = checkpoint?.first ?? 0
        lastBytes = checkpoint?.bytes ?? 0
        self.filesBytes = filesBytes
        filesPosition = engine.context.journal.writtenPosition
        lastEndMilliseconds = engine.context.time.monotonicMilliseconds
    }

    var isRunning: Bool { phase != .idle }

    /// Bytes of the log on disk, those on their way included.
    var logBytes: Int { filesBytes + Int(truncatingIfNeeded: journal.nextPosition &- filesPosition) }

    // MARK: Turns

    /// Call at the end of a turn, before its batch is closed.
    func endOfTurn() {
        moveMessages()
        switch phase {
        case .idle: if isDue { begin() }
        case .walking: walk()
        case .waitingForLog: finishIfDurable()
        case .finishing: break
        }
    }

    /// Messages to and from the disk.
    private func moveMessages() {
        for request in engine.broker.takeReadRequests() { storage.post(.read(request)) }
        while let chunk = engine.broker.takeSpoolChunk() { storage.post(.spoolWrite(chunk)) }
        let removals = engine.broker.takeSpoolRemovals()
        if !removals.isEmpty { storage.post(.spoolRemove(removals)) }
    }

    /// More is collected than the disk takes: whoever changes things has to wait.
    var isCongested: Bool {
        phase == .walking && engine.checkpointPendingBytes > Limits.checkpointChunksMax * Limits.checkpointChunkBytes
    }

    /// When `endOfTurn` is needed next though nothing happens; monotonic milliseconds.
    var nextDeadline: Int64? {
        let now = engine.context.time.monotonicMilliseconds
        switch phase {
        case .idle:
            if engine.context.checkpoints.isAsked { return max(now, retryAtMilliseconds) }
            guard policy.ageMilliseconds > 0, journal.nextPosition > lastPosition else { return nil }
            return max(lastEndMilliseconds + policy.ageMilliseconds, retryAtMilliseconds)
        case .walking: return chunksUnderWay < Limits.checkpointChunksMax ? now : nil
        case .waitingForLog, .finishing: return nil
        }
    }

    private var isDue: Bool {
        let now = engine.context.time.monotonicMilliseconds
        if engine.context.checkpoints.isAsked { return true }
        guard now >= retryAtMilliseconds, engine.context.alarms.logFailure == nil else { return false }
        let grown = Int(truncatingIfNeeded: journal.nextPosition &- lastPosition)
        guard grown > 0 else { return false }
        let live = lastBytes + engine.context.liveMessages.bytesTotal
        return grown >= max(policy.growthBytes, live / 2)
            || policy.ageMilliseconds > 0 && now - lastEndMilliseconds >= policy.ageMilliseconds
    }

    private func begin() {
        position = engine.beginCheckpoint()
        storage.post(.checkpointBegin(position: position, live: engine.context.liveMessages))
        phase = .walking
        engine.context.log(.info, "checkpoint begun", ("position", String(position)))
        walk()
    }

    private func walk() {
        guard chunksUnderWay < Limits.checkpointChunksMax else { return }
        let isDone = engine.continueCheckpoint(
            turnMicroseconds: LoopClock.monotonicMicroseconds - engine.context.time.turnStartMicroseconds)
        let isWorthIt = isDone || engine.checkpointPendingBytes >= Limits.checkpointChunkBytes
        if isWorthIt, let chunk = engine.takeCheckpointChunk() {
            chunksUnderWay += 1
            storage.post(.checkpointChunk(chunk))
        }
        guard isDone else { return }
        phase = .waitingForLog
        finishIfDurable()
    }

    /// A checkpoint must not name a position that the log could lose, nor show a change that it could.
    private func finishIfDurable() {
        guard journal.durablePosition >= engine.checkpointSafePosition else {
            if journal.pendingBytes > 0 { journal.syncOpenBatch() } else { needsDurable(journal.openSequence - 1) }
            return
        }
        phase = .finishing
        storage.post(.checkpointFinish)
    }

    // MARK: Reports

    /// The storage thread has rung.
    func takeReports() {
        for report in storage.takeReports() {
            switch report {
            case .read(let result): engine.broker.readBack(result)
            case .spoolWritten(let id): engine.broker.spoolWritten(id)
            case .spoolFailed(let id, let reason): engine.broker.spoolFailed(id, reason: reason)
            case .chunkWritten: chunksUnderWay -= 1
            case .checkpointDone(let bytes, let total): done(bytes, total)
            case .checkpointFailed(let reason): failed(reason)
            case .totalBytes(let bytes): noteFiles(bytes)
            case .freeBytes(let free): noteFree(free)
            case .trouble(let text): engine.context.log(.warning, text)
            }
        }
    }

    private func noteFiles(_ bytes: Int) {
        filesBytes = bytes
        filesPosition = journal.writtenPosition
    }

    private func done(_ bytes: Int, _ total: Int) {
        guard phase == .finishing else { return }
        phase = .idle
        lastPosition = position
        lastBytes = bytes
        noteFiles(total)
        ended(nil)
        engine.context.log(
            .info, "checkpoint done", ("position", String(position)), ("bytes", String(bytes)),
            ("milliseconds", String(engine.context.checkpoints.lastMilliseconds)))
    }

    private func failed(_ reason: String) {
        guard phase != .idle else { return }
        phase = .idle
        retryAtMilliseconds = engine.context.time.monotonicMilliseconds + policy.retryMilliseconds
        ended(reason)
        engine.context.log(.warning, "the checkpoint has failed and will be tried again", ("reason", reason))
    }

    private func ended(_ failure: String?) {
        lastEndMilliseconds = engine.context.time.monotonicMilliseconds
        engine.checkpointEnded(failure: failure)
    }

    private func noteFree(_ free: Int) {
        guard policy.freeBytesMin > 0 else { return }
        let isLow = free < policy.freeBytesMin
        guard isLow != engine.context.alarms.isDiskLow else { return }
        engine.context.alarms.isDiskLow = isLow
        engine.context.log(
            isLow ? .warning : .notice,
            isLow
                ? "the disk is nearly full: publishers are blocked and store writes refused"
                : "there is room on the disk again: publishers go on", ("free_bytes", String(free)),
            ("limit", String(policy.freeBytesMin)))
    }

    /// Ends the storage thread. A checkpoint under way is given up.
    func finish() {
        if phase != .idle { storage.post(.checkpointAbandon) }
        storage.post(.finish)
        storage.join()
    }
}
