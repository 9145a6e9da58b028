// The loop's side of the log: closes the journal's batch at the end of a turn, hands it over, and tells the
// engine and the reactor what has become of it.
// Batches that nobody waits for are handed over now and then only: each costs both threads a wake-up, and under
// load a turn is much shorter than that. How often depends on what a killed process would lose: nothing where the
// open batch lies in memory that outlives it. The first after a quiet time goes at once.
// Loop thread only. Next: LogThread.swift; ../../Engine/Log/Journal.swift.

import Engine
import EventLoop

/// Journal → log thread → engine.
final class LogPipeline {
    /// Shortest time between two batches that nobody waits for: where the batch outlives the process, and else.
    static let handoverMilliseconds: (staged: Int64, unstaged: Int64) = (10, 1)
    /// A batch of this size goes at once.
    static let handoverBytes = 262_144

    private let engine: Engine
    private let journal: Journal
    private let thread: LogThread
    private let handoverMilliseconds: Int64
    private var lastHandover = Int64.min
    /// Everything up to this batch is going to be synced without further asking.
    private var syncAskedUpTo: UInt64 = 0
    /// The log has failed with this reason; nothing is confirmed any more.
    private(set) var failure: String?
    private(set) var hasFinished = false
    /// Called once when the log fails.
    var onFailure: (String) -> Void = { _ in }
    /// Called when more is durable than before.
    var onDurable: () -> Void = {}

    /// - Parameter isStaged: the journal's memory outlives the process.
    init(engine: Engine, thread: LogThread, isStaged: Bool = false) {
        self.engine = engine
        handoverMilliseconds = isStaged ? Self.handoverMilliseconds.staged : Self.handoverMilliseconds.unstaged
        journal = engine.context.journal
        self.thread = thread
    }

    /// Whether records wait that no batch in flight holds.
    var hasPendingRecords: Bool { journal.pendingBytes > 0 }

    /// Closes and hands over the turn's batch if it is time.
    func endOfTurn() {
        guard journal.pendingBytes > 0 else { return }
        guard failure == nil else { return journal.dropOpenBatch() }
        let now = engine.context.time.monotonicMilliseconds
        guard journal.needsSyncNow || now >= handoverDue || journal.pendingBytes >= Self.handoverBytes else { return }
        handOver(now)
    }

    private func handOver(_ now: Int64) {
        guard let batch = journal.takeBatch() else { return }
        lastHandover = now
        if batch.needsSync { syncAskedUpTo = batch.sequence }
        thread.post(.append(batch, engine.context.configuration.appendFsync))
    }

    /// Somebody waits for this closed batch: has it synced, if that was not asked already.
    func needsDurable(_ sequence: UInt64) {
        guard sequence < journal.openSequence, sequence > syncAskedUpTo else { return }
        syncAskedUpTo = journal.openSequence - 1
        thread.post(.sync)
    }

    private var handoverDue: Int64 { lastHandover == .min ? .min : lastHandover + handoverMilliseconds }

    /// When `endOfTurn` is needed even if nothing happens: monotonic milliseconds.
    var nextDeadline: Int64? {
        // While a batch is in flight its report will wake the loop.
        journal.pendingBytes > 0 && !journal.hasBatchInFlight && failure == nil ? handoverDue : nil
    }

    /// The log thread has rung.
    func takeReports() {
        for report in thread.takeReports() {
            switch report {
            case .written(let batch): journal.written(batch)
            case .durable(let sequence):
                journal.durable(upTo: sequence)
                engine.durable(upTo: sequence)
                onDurable()
            case .noSpace(let reason): noteSpace(isFull: true, reason)
            case .spaceAgain: noteSpace(isFull: false, "")
            case .failed(let reason):
                failure = reason
                onFailure(reason)
            case .finished: hasFinished = true
            }
        }
    }

    private func noteSpace(isFull: Bool, _ reason: String) {
        engine.context.alarms.isDiskFull = isFull
        if isFull {
            engine.context.log(
                .error, "no room for the log: publishers are blocked and store writes refused until there is some",
                ("reason", reason))
        } else {
            engine.context.log(.notice, "there is room for the log again")
        }
    }

    /// Hands over what there is, regardless of the time. For shutdown: call after each turn until nothing waits.
    func handOverNow() {
        guard failure == nil else { return }
        handOver(engine.context.time.monotonicMilliseconds)
    }

    /// Ends the log thread, with everything handed over on disk and the log saying so.
    func finish() {
        thread.post(.finish)
        thread.join()
        takeReports()
        guard failure == nil else { return }
        let mark = journal.takeLastMark()
        thread.finishAfterEnd(mark)
        if let mark { journal.written(mark) }
    }
}
