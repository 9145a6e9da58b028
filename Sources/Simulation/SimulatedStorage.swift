// What the storage thread and the loop's side of checkpoints do, in one thread: checkpoints, rewriting and removing
// of segments, a random share of it each turn.
// One thread. Next: SimulatedHost.swift; ../Server/Log/StoragePipeline.swift is the real thing.

import Engine

/// Checkpoints on a simulated disk.
struct SimulatedStorage {
    var isAsked = false
    var isAlwaysAsked = false
    private(set) var finishedCount = 0
    private(set) var rewriteCount = 0
    private(set) var readCount = 0
    private var position: LogPosition?
    private var isCollected = false
    private var reads: [ReadBackRequest] = []

    /// Messages are on their way from the disk.
    var isQuiet: Bool { reads.isEmpty }

    mutating func endOfTurn(
        _ engine: Engine, _ archive: SegmentArchive, _ spool: SpoolFiles, _ random: inout RandomSource
    ) {
        moveMessages(engine, archive, spool, &random)
        do throws(LogError) {
            try goOn(engine, archive, &random)
        } catch {
            archive.abandonCheckpoint()
            if position != nil { engine.checkpointEnded(failure: error.description) }
            position = nil
        }
    }

    /// Answers some of what was asked, late and out of order.
    private mutating func moveMessages(
        _ engine: Engine, _ archive: SegmentArchive, _ spool: SpoolFiles, _ random: inout RandomSource
    ) {
        while let chunk = engine.broker.takeSpoolChunk() {
            do throws(LogDiskError) {
                try spool.write(chunk)
                engine.broker.spoolWritten(chunk.id)
            } catch {
                engine.broker.spoolFailed(chunk.id, reason: error.description)
            }
        }
        for id in engine.broker.takeSpoolRemovals() { try? spool.remove(id) }
        reads += engine.broker.takeReadRequests()
        while !reads.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
            let request = reads.remove(at: Int.random(in: 0..<reads.count, using: &random))
            readCount += request.entries.count
            engine.broker.readBack(
                ReadBack.perform(request) { (place, isLogged, body) throws(LogError) in
                    if isLogged { try archive.read(at: place, body) } else { try spool.read(at: place, body) }
                })
        }
    }

    private mutating func goOn(
        _ engine: Engine, _ archive: SegmentArchive, _ random: inout RandomSource
    ) throws(LogError) {
        if archive.hasWork, Bool.random(using: &random) {
            try archive.work()
            if !archive.hasWork { rewriteCount += 1 }
        }
        if position == nil, isAsked || isAlwaysAsked || engine.context.checkpoints.isAsked {
            isAsked = false
            isCollected = false
            position = engine.beginCheckpoint()
            try onDisk { () throws(LogDiskError) in
                try archive.beginCheckpoint(at: position!, live: engine.context.liveMessages)
            }
        }
        guard position != nil else { return }
        if !isCollected {
            isCollected = engine.continueCheckpoint()
            if let chunk = engine.takeCheckpointChunk() {
                defer { chunk.deallocate() }
                try onDisk { () throws(LogDiskError) in try archive.writeCheckpoint(UnsafeRawBufferPointer(chunk)) }
            }
        }
        guard isCollected, engine.context.journal.durablePosition >= engine.checkpointSafePosition else {
            if isCollected { engine.context.journal.syncOpenBatch() }
            return
        }
        try onDisk { () throws(LogDiskError) in _ = try archive.finishCheckpoint() }
        self.position = nil
        finishedCount += 1
        engine.checkpointEnded(failure: nil)
    }

    private func onDisk(_ body: () throws(LogDiskError) -> Void) throws(LogError) {
        do throws(LogDiskError) { try body() } catch { throw .disk(error) }
    }
}
