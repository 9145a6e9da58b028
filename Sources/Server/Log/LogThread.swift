// The log thread: appends batches in order, syncs those that somebody waits for at once and the others
// once a second, and reports back. It alone touches the log while it runs.
// After a failure it reports and does nothing more: the daemon must not confirm anything again.
// Next: LogPipeline.swift (the loop's side); ../../Engine/Log/LogStore.swift.

import Engine
import EventLoop

/// When batches that nobody waits for are synced. Redis's `appendfsync`.
typealias SyncPolicy = AppendFsync

/// Owner of the log while the daemon runs.
final class LogThread: @unchecked Sendable {
    enum Order: Sendable {
        case append(LogBatch, SyncPolicy)
        /// Somebody waits for a batch that was handed over without one.
        case sync
        /// Sync what there is and end.
        case finish
    }

    enum Report: Sendable {
        /// The batch's memory is free again.
        case written(LogBatch)
        case durable(upTo: UInt64)
        /// There is no room for a batch: it is tried again until there is.
        case noSpace(reason: String)
        case spaceAgain
        case failed(reason: String)
        case finished
    }

    static let syncIntervalMicroseconds: Int64 = 1_000_000
    /// Between two tries of a batch for which there was no room.
    static let retryMicroseconds: Int64 = 100_000

    private let orders = Mailbox<Order>()
    private let reports = Mailbox<Report>()
    private let log: any LogStore
    private let bell: WakeUp.Bell
    private var thread: NativeThread?

    // Log thread only from here on.
    private var lastSequence: UInt64 = 0
    private var unsynced = false
    private var syncDue: Int64?
    private var hasFailed = false
    /// A batch for which there was no room, and when to try again.
    private var refused: (batch: LogBatch, policy: SyncPolicy)?
    private var retryDue: Int64 = 0
    /// Hears of new segments before anybody can ask for what is in them.
    private let storage: StorageThread?

    /// `bell` is rung for each bunch of reports.
    init(log: any LogStore, storage: StorageThread? = nil, bell: WakeUp.Bell) {
        self.log = log
        self.storage = storage
        self.bell = bell
    }

    func start() {
        thread = NativeThread(name: "taskd-log") { [self] in run() }
    }

    /// From the loop thread.
    func post(_ order: Order) { orders.post(order) }

    /// To the loop thread.
    func takeReports() -> [Report] { reports.take() }

    /// Waits for the end of the thread; `finish` must have been posted.
    func join() { thread?.join() }

    /// After `join` the log belongs to the caller. `batch`: the very last.
    func finishAfterEnd(_ batch: LogBatch?) {
        if let batch { _ = log.append(batch, sync: false) }
        _ = log.finish()
    }

    private func run() {
        while true {
            for order in orders.wait(untilMonotonicMicroseconds: refused == nil ? syncDue : retryDue) {
                switch order {
                case .append(let batch, let policy): append(batch, policy)
                case .sync: sync()
                case .finish:
                    if refused != nil { fail("there was no room for the last records") }
                    sync()
                    reports.post(.finished)
                    return bell.ring()
                }
            }
            if let (batch, policy) = refused, LoopClock.monotonicMicroseconds >= retryDue { append(batch, policy) }
            if let syncDue, refused == nil, LoopClock.monotonicMicroseconds >= syncDue { sync() }
        }
    }

    private func append(_ batch: LogBatch, _ policy: SyncPolicy) {
        guard !hasFailed else { return }
        let syncsNow = batch.needsSync || policy == .always
        let outcome = log.append(batch, sync: syncsNow)
        if let storage { for segment in log.takeBegunSegments() { storage.post(.begun(segment)) } }
        if case .noSpace(let reason) = outcome { return tryAgain(batch, policy, reason) }
        if refused != nil {
            refused = nil
            reports.post(.spaceAgain)
        }
        switch outcome {
        case .noSpace: break
        case .durable:
            lastSequence = batch.sequence
            unsynced = false
            syncDue = nil
            // Only now, so that what comes in during the sync becomes one batch.
            reports.post(.written(batch))
            reports.post(.durable(upTo: batch.sequence))
        case .written:
            lastSequence = batch.sequence
            unsynced = true
            if policy == .everysec, syncDue == nil {
                syncDue = LoopClock.monotonicMicroseconds + Self.syncIntervalMicroseconds
            }
            reports.post(.written(batch))
        case .fenced: fail("another daemon has taken the log over")
        case .unknown(let reason): fail(reason)
        }
        bell.ring()
    }

    private func tryAgain(_ batch: LogBatch, _ policy: SyncPolicy, _ reason: String) {
        retryDue = LoopClock.monotonicMicroseconds + Self.retryMicroseconds
        guard refused == nil else { return }
        refused = (batch, policy)
        reports.post(.noSpace(reason: reason))
        bell.ring()
    }

    private func sync() {
        syncDue = nil
        guard unsynced, !hasFailed else { return }
        switch log.sync() {
        case .durable, .written, .noSpace:
            unsynced = false
            reports.post(.durable(upTo: lastSequence))
        case .fenced: fail("another daemon has taken the log over")
        case .unknown(let reason): fail(reason)
        }
        bell.ring()
    }

    private func fail(_ reason: String) {
        hasFailed = true
        // It will never be written: no reason to wake up for it again and again.
        refused = nil
        reports.post(.failed(reason: reason))
    }
}
