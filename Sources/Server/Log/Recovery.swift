// From the files to a running engine: reads the newest checkpoint and the log behind it, has the engine apply
// every record, and claims the log for this daemon.
// Starting thread only, before any connection. Next: ../../Engine/Log/SegmentedLog.swift.

import Engine
import EventLoop

/// What recovery found.
struct RecoveryResult {
    let claim: LogClaim
    var records = 0
    var bytes = 0
    var milliseconds: Int64 = 0
}

/// Replay of the log.
enum Recovery {
    /// Longest silence while a long log is read.
    static let progressMicroseconds: Int64 = 1_000_000

    /// Longest time between two calls of `attend`, and records between two looks at the clock.
    static let attendMicroseconds: Int64 = 50_000
    static let recordsPerCheck = 1_024
    /// Records of a repaired log that could not be applied and get a line each.
    static let leftOutTold = 20

    /// `attend`: called again and again meanwhile, for those who connect too early.
    static func run(
        _ engine: Engine, _ store: any LogStore, attend: () -> Void = {}
    ) throws(LogError) -> RecoveryResult {
        let log = engine.context.log
        let start = LoopClock.monotonicMicroseconds
        var lastTold = start
        var lastAttended = start
        var records = 0
        var bytes = 0
        var leftOut = 0
        try store.recover { notice in
            switch notice {
            case .tornTailCut(let segment, let offset, let count):
                log(
                    .warning, "the log ended in an interrupted write, which has been cut off",
                    ("segment", segment), ("offset", String(offset)), ("bytes", String(count)))
            case .emptySegmentRemoved(let segment):
                log(.warning, "a segment that was never begun has been removed", ("segment", segment))
            case .checkpointPassedOver(let name, let reason):
                log(
                    .error, "a checkpoint is damaged; the one before it and the log are used instead",
                    ("checkpoint", name), ("reason", reason))
            case .stagedRecordsAdopted(let count):
                log(.notice, "records of a killed daemon have been saved", ("bytes", String(count)))
            case .recordLeftOut(let segment, let offset, let reason):
                leftOut += 1
                guard leftOut <= leftOutTold else { return }
                log(
                    .error, "a record that cannot be applied in a repaired log is left out",
                    ("segment", segment), ("offset", String(offset)), ("reason", reason))
            case .progress(let read, let total):
                bytes = read
                let now = LoopClock.monotonicMicroseconds
                guard now - lastTold >= progressMicroseconds else { return }
                lastTold = now
                log(.info, "reading the log", ("bytes", String(read)), ("of", String(total)))
            }
        } visit: { type, payload, position in
            try engine.replay(type: type, payload: payload, position: position)
            records += 1
            guard records % recordsPerCheck == 0 else { return }
            let now = LoopClock.monotonicMicroseconds
            guard now - lastAttended >= attendMicroseconds else { return }
            lastAttended = now
            attend()
        }
        if leftOut > leftOutTold {
            log(.error, "records left out in all", ("count", String(leftOut)))
        }
        let claim = try store.claim()
        engine.context.journal.begin(epoch: claim.epoch, at: claim.position)
        engine.finishRecovery()
        let elapsed = (LoopClock.monotonicMicroseconds - start) / 1_000
        return RecoveryResult(claim: claim, records: records, bytes: bytes, milliseconds: elapsed)
    }
}
