// From the files to a running engine: reads the log front to back, has the engine apply every record, and
// claims the log for this daemon.
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

    static func run(_ engine: Engine, _ store: any LogStore) throws(LogError) -> RecoveryResult {
        let log = engine.context.log
        let start = LoopClock.monotonicMicroseconds
        var lastTold = start
        var records = 0
        var bytes = 0
        try store.tail(from: 0) { notice in
            switch notice {
            case .tornTailCut(let segment, let offset, let count):
                log(
                    .warning, "the log ended in an interrupted write, which has been cut off",
                    ("segment", segment), ("offset", String(offset)), ("bytes", String(count)))
            case .emptySegmentRemoved(let segment):
                log(.warning, "a segment that was never begun has been removed", ("segment", segment))
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
        }
        let claim = try store.claim()
        engine.context.journal.begin(epoch: claim.epoch, at: claim.position)
        engine.finishRecovery()
        let elapsed = (LoopClock.monotonicMicroseconds - start) / 1_000
        return RecoveryResult(claim: claim, records: records, bytes: bytes, milliseconds: elapsed)
    }
}
