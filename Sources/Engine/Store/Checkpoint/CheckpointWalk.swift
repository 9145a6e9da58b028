// The store's part of a checkpoint: walks all databases in slices, beside the commands, and writes every key as it
// was when the checkpoint began. No fork, no pause, no copy: a key that is about to change before the walk has come
// to it is written first (`Keyspace.willChange` → `keep`).
//
// What tells the two apart is the entry's generation: equal to the store's, the checkpoint has no further need of
// the key. Beginning a checkpoint means counting the store's generation up; then no entry has it. Those made
// afterwards get it at once and are not written, since the log after the checkpoint's position holds them.
//
// Contents are followed where they go: SWAPDB moves them to another database, FLUSHDB hands their table over, which
// is freed after it has been walked. They are written with the number that they had at the beginning.
// A value with many elements is written in runs between which others have their turn; until it is whole it counts as
// not written, and a change of it finishes it first.
// Loop thread only. Next: CheckpointValueWriter.swift (values as effects), StoreCheckpoint.swift (who calls).

import CTaskdShims

/// One checkpoint's walk over the store.
final class CheckpointWalk {
    /// Where the contents of a database are now.
    private enum Place {
        case keyspace(Keyspace)
        /// Nobody's any more: freed after the walk.
        case flushed(KeyTable)
    }

    private struct Part {
        /// The database's number when the checkpoint began.
        let number: Int
        var place: Place
    }

    /// A large value whose writing has been put off or begun.
    private struct Large {
        let entry: KeyEntry
        let number: Int
        var cursor = ValueCursor()
    }

    private let store: Store
    let output: CheckpointOutput
    private let generation: UInt8
    private let writer: CheckpointValueWriter
    private var parts: [Part] = []
    /// Parts before this one have been walked.
    private var current = 0
    private var cursor: UInt64 = 0
    private var large: [Large] = []
    /// Entries of one look ahead.
    private var batch: [KeyEntry] = []
    /// Texts of libraries of functions that are not written yet, the last one first.
    private var libraries: [ByteString]
    private(set) var isDone = false

    /// Keys written, and how many there were at the beginning.
    private(set) var keysWritten = 0
    let keysTotal: Int

    init(store: Store, output: CheckpointOutput) {
        self.store = store
        self.output = output
        generation = store.generation
        writer = CheckpointValueWriter(output)
        libraries = store.functions.libraries.map(\.code).reversed()
        keysTotal = store.databases.reduce(0) { $0 + $1.count }
        for keyspace in store.databases where keyspace.count > 0 {
            parts.append(Part(number: keyspace.index, place: .keyspace(keyspace)))
        }
        batch.reserveCapacity(Limits.checkpointLookAheadKeys * 2)
    }

    // MARK: Walking

    /// Goes on until the budget is spent or everything is written; returns whether it is.
    func advance(_ budget: inout CheckpointBudget) -> Bool {
        while !isDone {
            guard !budget.isSpent else { return false }
            let bytesBefore = writer.bytes
            if let code = libraries.popLast() {
                writer.writeLibrary(code.slice)
            } else if !large.isEmpty {
                budget.visits -= 1
                advanceLarge()
            } else if current < parts.count {
                step(&budget)
            } else {
                writer.flush()
                letGo()
            }
            budget.bytes -= writer.bytes - bytesBefore
        }
        return true
    }

    private func table(_ part: Part) -> KeyTable {
        switch part.place {
        case .keyspace(let keyspace): keyspace.table
        case .flushed(let table): table
        }
    }

    /// Takes some positions of the scan at once, so that the memory of their entries is on its way meanwhile.
    private func step(_ budget: inout CheckpointBudget) {
        let part = parts[current]
        let table = table(part)
        batch.removeAll(keepingCapacity: true)
        var isAtEnd = false
        var positions = 0
        while batch.count < Limits.checkpointLookAheadKeys, positions < Limits.checkpointLookAheadKeys, !isAtEnd {
            cursor = table.scan(cursor) { entry in
                taskd_prefetch(entry.base)
                taskd_prefetch(entry.base + 64)
                batch.append(entry)
            }
            positions += 1
            isAtEnd = cursor == 0
        }
        budget.visits -= max(positions, batch.count)
        for entry in batch where entry.generation != generation {
            if CheckpointValueWriter.isLarge(entry) {
                // While a table is resized an entry may come up twice.
                if !large.contains(where: { $0.entry == entry }) {
                    large.append(Large(entry: entry, number: part.number))
                }
            } else {
                writer.write(entry, part.number)
                written(entry)
            }
        }
        if isAtEnd { current += 1 }
    }

    /// The tables of flushed databases may be freed: nothing of them is wanted any more. The last thing to be called.
    func letGo() {
        isDone = true
        for part in parts {
            if case .flushed(let table) = part.place { store.graveyard.append(table) }
        }
        parts = []
        large = []
    }

    private func advanceLarge() {
        var value = large.removeLast()
        if writer.writeRun(value.entry, value.number, &value.cursor) {
            written(value.entry)
        } else {
            large.append(value)
        }
    }

    private func written(_ entry: KeyEntry) {
        entry.generation = generation
        keysWritten += 1
    }

    // MARK: Called before changes

    /// Writes an entry that is about to change, if that has not been done.
    func keep(_ entry: KeyEntry, of keyspace: Keyspace) {
        guard entry.generation != generation else { return }
        if let index = large.firstIndex(where: { $0.entry == entry }) {
            var value = large.remove(at: index)
            while !writer.writeRun(entry, value.number, &value.cursor) {}
        } else {
            writer.write(entry, number(keyspace))
        }
        written(entry)
    }

    /// The number that these contents had at the beginning.
    private func number(_ keyspace: Keyspace) -> Int {
        for part in parts {
            if case .keyspace(let own) = part.place, own === keyspace { return part.number }
        }
        preconditionFailure("an entry older than the checkpoint in a database that was empty at its beginning")
    }

    /// The contents of two databases have changed places.
    func contentsSwapped(_ first: Keyspace, _ second: Keyspace) {
        for index in parts.indices {
            guard case .keyspace(let own) = parts[index].place else { continue }
            if own === first {
                parts[index].place = .keyspace(second)
            } else if own === second {
                parts[index].place = .keyspace(first)
            }
        }
    }

    /// A database has been flushed; `table` has its contents. Returns whether they are taken over, to be freed after
    /// the walk; those made since the beginning are not needed.
    func takesFlushed(_ table: KeyTable, of keyspace: Keyspace) -> Bool {
        for index in parts.indices {
            guard case .keyspace(let own) = parts[index].place, own === keyspace else { continue }
            parts[index].place = .flushed(table)
            return true
        }
        return false
    }
}
