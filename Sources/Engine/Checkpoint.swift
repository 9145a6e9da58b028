// A checkpoint from the engine's side: the state as of one position of the log, collected in slices at the ends
// of turns while clients go on, without a copy of the process and without a pause. The server writes the chunks
// to a file and reports what became of it; after that, recovery begins with it.
//
// Records: `checkpointBegin` (position, epoch), what the broker writes, what the store writes, `checkpointEnd` (count).
// The store's part is exact: a key that changes before the walk has come to it is written out as it was. The
// broker's topology is exact; its entries may be of any moment since, because publishing and settling them again
// by the log changes nothing.
// Loop thread only. Next: Log/CheckpointOutput.swift; Store's and Broker's own checkpoint files.

import Wire

extension Engine {
    /// Asks for a checkpoint whose state is not older than this moment. Returns its number: see `CheckpointControl`.
    public func askForCheckpoint() -> UInt64 { context.checkpoints.request() }

    /// Begins a checkpoint; call at the end of a turn, with nothing half done. Returns the position of its state.
    public func beginCheckpoint() -> LogPosition {
        precondition(checkpoint == nil)
        broker.log.flush()
        let output = CheckpointOutput(position: context.journal.nextPosition)
        output.append(.checkpointBegin, payloadBytes: 16) {
            $0.writeUInt64(output.position)
            // The fence that says so may be in a segment that goes.
            $0.writeUInt64(context.journal.epoch)
        }
        context.checkpoints.noteBegun(atMilliseconds: context.time.monotonicMilliseconds)
        broker.beginCheckpoint(output)
        store.beginCheckpoint(output)
        checkpoint = CheckpointInProgress(output: output)
        return output.position
    }

    /// Goes on with it for a slice; call once a turn. Returns true when everything is written.
    /// - Parameter turnMicroseconds: how long the turn has taken so far. The slice takes hardly longer, so that
    ///   clients which wait for each reply keep most of their rate; nil: a whole slice.
    public func continueCheckpoint(turnMicroseconds: Int64? = nil) -> Bool {
        guard let walk = checkpoint else { return true }
        let whole = Limits.checkpointSliceParts
        let parts =
            turnMicroseconds.map { Int(max(0, min($0, 1_000_000))) * whole / Limits.checkpointSliceMicroseconds + 1 }
            ?? whole
        var budget = CheckpointBudget(
            visits: max(1, context.configuration.checkpointVisitsPerTurn * min(parts, whole) / whole),
            bytes: max(1, context.configuration.checkpointBytesPerTurn * min(parts, whole) / whole))
        if !walk.isBrokerDone { walk.isBrokerDone = broker.continueCheckpoint(&budget) }
        if walk.isBrokerDone, !walk.isStoreDone { walk.isStoreDone = store.continueCheckpoint(&budget) }
        guard walk.isBrokerDone, walk.isStoreDone else { return false }
        if !walk.hasEnd {
            walk.hasEnd = true
            broker.endCheckpoint()
            store.endCheckpoint()
            let count = walk.output.recordCount
            walk.output.append(.checkpointEnd, payloadBytes: 8) { $0.writeUInt64(count) }
            broker.log.flush()
            walk.safePosition = context.journal.nextPosition
        }
        return true
    }

    /// Once everything is written: the log must be on disk up to here before the checkpoint may count. What changed
    /// while it was taken shows in it, so a log that ends before that change would not go with it: a message that
    /// was dead-lettered meanwhile would be in neither queue.
    public var checkpointSafePosition: LogPosition { checkpoint?.safePosition ?? 0 }

    /// Bytes of the checkpoint that wait to be taken.
    public var checkpointPendingBytes: Int { checkpoint?.output.pendingBytes ?? 0 }

    /// What was collected since the last call; the receiver deallocates it. Nil when there is nothing.
    public func takeCheckpointChunk() -> UnsafeMutableRawBufferPointer? { checkpoint?.output.takeChunk() }

    /// It is on disk, or `failure` says why not. Clients that wait for it are answered.
    public func checkpointEnded(failure: String?) {
        guard let walk = checkpoint else { return }
        checkpoint = nil
        if !walk.hasEnd {
            broker.endCheckpoint()
            store.endCheckpoint()
        }
        if failure == nil { context.liveMessages.forget(before: walk.output.position) }
        context.checkpoints.noteFinished(
            failure: failure, wallSeconds: context.time.wallMilliseconds / 1_000,
            monotonicMilliseconds: context.time.monotonicMilliseconds)
        store.checkpointEnded(success: failure == nil)
    }
}

/// A checkpoint under way.
final class CheckpointInProgress {
    let output: CheckpointOutput
    var isBrokerDone = false
    var isStoreDone = false
    var hasEnd = false
    var safePosition: LogPosition = .max

    init(output: CheckpointOutput) { self.output = output }
}
