// Beginning, continuing and ending the store's part of a checkpoint.
// Generations (see CheckpointWalk.swift): there are eight. After a checkpoint that was walked to its end every entry
// has the store's; an abandoned one leaves entries of an older generation behind, which does no harm until the
// numbers come round: then they are all set, in one go.
// Loop thread only. Next: CheckpointWalk.swift, StorePersistence.swift (what clients see of it).

import Wire

extension Store {
    /// The checkpoint's picture of the store is that of this moment: between two turns, no unit is open.
    func beginCheckpoint(_ output: CheckpointOutput) {
        precondition(checkpointWalk == nil && depth == 0 && effects.isEmpty, "checkpoint begun at the wrong moment")
        advanceGeneration()
        persistence.checkpointBegun(dirty: dirty)
        let isJournaled = context.configuration.appendOnly
        output.append(.storeJournaling, payloadBytes: 1) { $0.writeUInt8(isJournaled ? 1 : 0) }
        writeUsers(to: output)
        let walk = CheckpointWalk(store: self, output: output)
        checkpointWalk = walk
        isWalkedByCheckpoint = true
    }

    /// Writes on within the budget; returns whether the store's part is written.
    func continueCheckpoint(_ budget: inout CheckpointBudget) -> Bool {
        guard let checkpointWalk else { return true }
        guard checkpointWalk.advance(&budget) else { return false }
        isWalkedByCheckpoint = false
        wholeGeneration = generation
        return true
    }

    /// The checkpoint is over, for the store: all of it is written, or it is abandoned.
    func endCheckpoint() {
        guard let walk = checkpointWalk else { return }
        if walk.isDone { persistence.writtenBytes = walk.output.bytesTotal } else { walk.letGo() }
        isWalkedByCheckpoint = false
        checkpointWalk = nil
    }

    /// Keys of the running checkpoint: written, and in all.
    var checkpointKeys: (written: Int, total: Int) {
        checkpointWalk.map { ($0.keysWritten, $0.keysTotal) } ?? (0, 0)
    }

    @inline(never)
    func keepForCheckpoint(_ entry: KeyEntry, of keyspace: Keyspace) {
        checkpointWalk.unsafelyUnwrapped.keep(entry, of: keyspace)
    }

    /// The table of a flushed database: freed in slices, by the walk's leave.
    func bury(_ table: KeyTable, of keyspace: Keyspace) {
        if let checkpointWalk, checkpointWalk.takesFlushed(table, of: keyspace) { return }
        graveyard.append(table)
    }

    private func advanceGeneration() {
        var next = generation &+ KeyEntry.Flags.generationStep
        if next == wholeGeneration {
            for keyspace in databases { keyspace.table.forEach { $0.generation = generation } }
            wholeGeneration = generation
            next = generation &+ KeyEntry.Flags.generationStep
        }
        generation = next
    }
}
