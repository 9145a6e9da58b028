// A checkpoint of a store taken by hand, recovery from it, and a description of everything that a store holds.

import Wire

@testable import Engine

/// A checkpoint being taken beside the commands of a harness.
final class CheckpointFixture {
    let harness: StoreHarness
    let output = CheckpointOutput(position: 0)
    /// The store when it began.
    let picture: [String: String]
    /// Records of the journal that the picture has already.
    let recordsBefore: Int
    private(set) var isDone = false
    private var records: [(type: RecordType, payload: [UInt8])] = []

    /// Begins one.
    init(_ harness: StoreHarness) {
        self.harness = harness
        harness.takeRecords()
        recordsBefore = harness.records.count
        picture = harness.store.description(withConsumerTimes: true)
        harness.store.beginCheckpoint(output)
    }

    /// Goes on a little; ends it when all is written. Returns whether it has ended.
    @discardableResult
    func advance(visits: Int, bytes: Int = Int.max) -> Bool {
        guard !isDone else { return true }
        var budget = CheckpointBudget(visits: visits, bytes: bytes)
        isDone = harness.store.continueCheckpoint(&budget)
        takeRecords()
        if isDone { harness.store.endCheckpoint() }
        return isDone
    }

    func finish() { while !advance(visits: 1_000) {} }

    private func takeRecords() {
        guard let chunk = output.takeChunk() else { return }
        var position = 0
        while position < chunk.count {
            let record = chunk.baseAddress! + position
            let count = Int(record.loadUnaligned(as: UInt32.self))
            let type = RecordType(rawValue: record.load(fromByteOffset: 8, as: UInt8.self))!
            records.append(
                (type, [UInt8](UnsafeRawBufferPointer(start: record + RecordFormat.headerBytes, count: count))))
            position += RecordFormat.headerBytes + count
        }
        chunk.deallocate()
    }

    var recordTypes: [RecordType] { records.map(\.type) }
    var largestRecord: Int { records.map(\.payload.count).max() ?? 0 }

    /// A fresh store with what the checkpoint has, and with the journal's records after it.
    func recovered(withLog: Bool = true) throws -> StoreHarness {
        harness.takeRecords()
        let other = StoreHarness()
        try restore(into: other.store)
        for record in withLog ? harness.records[recordsBefore...] : [] {
            try record.withUnsafeBytes { try other.store.replay(ByteSlice($0)) }
        }
        other.store.finishRecovery()
        return other
    }

    /// What the checkpoint says otherwise than the store was when it began.
    func flaws() throws -> [String] {
        let other = try recovered(withLog: false)
        // The harness takes its store apart when it goes.
        return withExtendedLifetime(other) { differences(picture, other.store.description(withConsumerTimes: true)) }
    }

    func restore(into store: Store) throws {
        for (type, payload) in records {
            try payload.withUnsafeBytes { bytes in
                switch type {
                case .storeEffects: try store.replayCheckpoint(ByteSlice(bytes))
                case .storeJournaling: try store.replayJournaling(ByteSlice(bytes), inCheckpoint: true)
                default: preconditionFailure("a record that is not the store's")
                }
            }
        }
    }
}

extension Store {
    /// Every key of every database, by database and key. `withConsumerTimes`: also when consumers were last seen,
    /// which the log does not say exactly.
    func description(withConsumerTimes: Bool = false) -> [String: String] {
        var found: [String: String] = [:]
        for keyspace in databases {
            keyspace.table.forEach { entry in
                let value = describe(entry, withConsumerTimes)
                let expiry = entry.hasExpiry ? " expires \(entry.expiry)" : ""
                precondition(
                    found.updateValue(value + expiry, forKey: "\(keyspace.index) \(entry.key.string)") == nil)
            }
            keyspace.expiring.forEach { precondition($0.hasExpiry) }
            var expiring = 0
            keyspace.table.forEach { if $0.hasExpiry { expiring += 1 } }
            precondition(expiring == keyspace.expiring.count)
        }
        for library in functions.libraries { found["library \(library.name.string)"] = library.code.string }
        return found
    }

    private func describe(_ entry: KeyEntry, _ withConsumerTimes: Bool) -> String {
        var parts: [String] = []
        switch entry.kind {
        case .inlineString: return "string \(exact(entry.inlineValue))"
        case .integer: return "string \(entry.integer)"
        case .longString: return "string \(exact(unsafeDowncast(entry.object, to: LongString.self).slice))"
        case .list:
            let list = unsafeDowncast(entry.object, to: ListValue.self)
            list.forEach(from: 0, length: list.count) {
                parts.append($0.string)
                return true
            }
        case .set:
            unsafeDowncast(entry.object, to: SetValue.self).forEach {
                parts.append($0.string)
                return true
            }
            parts.sort()
        case .hash:
            let hash = unsafeDowncast(entry.object, to: HashValue.self)
            hash.forEach {
                parts.append("\($0.string)=\($1.string)" + (hash.expiry(of: $0).map { " until \($0)" } ?? ""))
                return true
            }
            parts.sort()
        case .sortedSet:
            unsafeDowncast(entry.object, to: SortedSetValue.self).forEach {
                // Small sets have no -0, large ones have, as in Redis; a set may come back in another form than it had.
                parts.append("\($0.string)=\(($1 == 0 ? 0 : $1).bitPattern)")
                return true
            }
        case .stream: parts = describe(unsafeDowncast(entry.object, to: StreamValue.self), withConsumerTimes)
        }
        return "\(entry.kind) " + parts.joined(separator: ",")
    }

    /// Text, or what is none as numbers: bits need not make sense.
    private func exact(_ bytes: ByteSlice) -> String {
        String(validating: bytes.buffer, as: UTF8.self) ?? "\(bytes.array)"
    }

    private func describe(_ stream: StreamValue, _ withConsumerTimes: Bool) -> [String] {
        stream.checkInvariants()
        func text(_ id: StreamID) -> String { "\(id.milliseconds)-\(id.sequence)" }
        var parts = [
            "last \(text(stream.lastID))", "added \(stream.entriesAdded)", "deleted \(text(stream.maxDeletedID))",
        ]
        stream.forEach(from: .zero, to: .max) { entry in
            parts.append(text(entry.id))
            entry.forEach { parts.append("\($0.string)=\($1.string)") }
            return true
        }
        for group in stream.groups {
            parts.append("group \(group.name.string) \(text(group.lastID)) \(group.entriesRead ?? -1)")
            for consumer in group.consumers {
                parts.append("consumer \(consumer.name.string)")
                if withConsumerTimes { parts.append("seen \(consumer.seenAt) active \(consumer.activeAt ?? -1)") }
                consumer.pending.forEach {
                    parts.append("pending \(text($0.id)) \($0.deliveredAt) \($0.deliveries)")
                    return true
                }
            }
        }
        return parts
    }
}

/// Keys in which two descriptions differ, with both values: short enough to read.
func differences(_ left: [String: String], _ right: [String: String]) -> [String] {
    Set(left.keys).union(right.keys).sorted().compactMap { key in
        left[key] == right[key] ? nil : "\(key): \(left[key] ?? "absent") | \(right[key] ?? "absent")"
    }
}
