// Values as effects: what replay has to run so that a key is there again, exactly. Strings are a SET; lists, sets,
// hashes and sorted sets come in runs of bounded size (RPUSH, SADD, HSET, ZADD), then the times of fields; streams as XADD for their entries
// and, for what Redis's commands cannot say, the forms of RestoreCommands.swift. An expiry stands after the value.
// Many keys share one record. A library of functions is the FUNCTION LOAD that makes it.
// Loop thread only. Next: CheckpointWalk.swift (which calls), RestoreCommands.swift.

import Wire

/// Where the writing of a value goes on.
struct ValueCursor {
    enum Stage {
        case elements
        /// Hashes only, after their fields.
        case fieldTimes
        // Streams only, in this order.
        case header, group, consumer, pending
    }

    var stage = Stage.elements
    /// Index, rank or scan cursor, as the type has it.
    var position: UInt64 = 0
    /// Of streams: the entry, or the pending entry, to go on after.
    var id: StreamID?
    var group = 0
    var consumer = 0
}

/// Writes values into the records of a checkpoint.
final class CheckpointValueWriter {
    private let output: CheckpointOutput
    private let effects = EffectBuffer()
    /// Bytes written so far, those not yet in a record included.
    private(set) var bytes = 0

    // The open run: an effect whose elements are being added.
    private var key = ByteSlice.empty
    private var database = 0
    private var command: StaticString = ""
    private var runPlace = -1
    private var runElements = 0
    private var runWords = 0
    private var runStart = 0

    init(_ output: CheckpointOutput) {
        self.output = output
        effects.isEnabled = true
    }

    /// Whether a value should be written in several steps.
    static func isLarge(_ entry: KeyEntry) -> Bool {
        guard entry.kind.rawValue > ValueKind.longString.rawValue else { return false }
        return entry.kind == .stream || entry.object.elementCount > Limits.checkpointRunElementsMax
    }

    /// Ends the last record.
    func flush() {
        guard !effects.isEmpty else { return }
        bytes += RecordFormat.headerBytes
        effects.flush(to: output)
    }

    /// Closes the record when it is full.
    @inline(__always)
    private func effectEnded(from start: Int) {
        bytes += effects.count - start
        if effects.count >= Limits.checkpointRecordBytes { flush() }
    }

    // MARK: Libraries

    /// Writes a library of functions.
    func writeLibrary(_ code: ByteSlice) {
        if effects.count > 0, effects.count + code.count > Limits.checkpointRecordBytes { flush() }
        let start = effects.count
        effects.append(database: 0, "FUNCTION", count: 2) { effect in
            effect.add("LOAD")
            effect.add(code)
        }
        effectEnded(from: start)
    }

    // MARK: Whole values

    /// Writes the value in one go.
    func write(_ entry: KeyEntry, _ database: Int) {
        switch entry.kind {
        case .inlineString: writeString(entry, database, entry.inlineValue)
        case .integer:
            withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { buffer in
                let base = buffer.baseAddress!
                writeString(entry, database, ByteSlice(base: base, count: RESPNumber.write(entry.integer, to: base)))
            }
        case .longString:
            // One that fills a record has it for itself.
            if effects.count > 0 { flush() }
            writeString(entry, database, unsafeDowncast(entry.object, to: LongString.self).slice)
        default:
            var cursor = ValueCursor()
            while !writeRun(entry, database, &cursor) {}
        }
    }

    @inline(__always)
    private func writeString(_ entry: KeyEntry, _ database: Int, _ value: ByteSlice) {
        let start = effects.count
        if entry.hasExpiry {
            effects.append(database: database, "SET", count: 4) { effect in
                effect.add(entry.key)
                effect.add(value)
                effect.add("PXAT")
                effect.add(entry.expiry)
            }
        } else {
            effects.append(database: database, "SET", entry.key, value)
        }
        effectEnded(from: start)
    }

    // MARK: Runs

    /// Writes a further part of a value, at most about a run; returns whether it was the last.
    func writeRun(_ entry: KeyEntry, _ database: Int, _ cursor: inout ValueCursor) -> Bool {
        key = entry.key
        self.database = database
        runElements = 0
        let isWhole: Bool
        switch entry.kind {
        case .list: isWhole = writeList(unsafeDowncast(entry.object, to: ListValue.self), &cursor)
        case .set: isWhole = writeSet(unsafeDowncast(entry.object, to: SetValue.self), &cursor)
        case .hash: isWhole = writeHash(unsafeDowncast(entry.object, to: HashValue.self), &cursor)
        case .sortedSet: isWhole = writeSortedSet(unsafeDowncast(entry.object, to: SortedSetValue.self), &cursor)
        case .stream: isWhole = writeStream(unsafeDowncast(entry.object, to: StreamValue.self), &cursor)
        case .inlineString, .integer, .longString: preconditionFailure("strings are written whole")
        }
        closeRun()
        if isWhole, entry.hasExpiry {
            addEffect("PEXPIREAT", words: 2) { effect in
                effect.add(key)
                effect.add(entry.expiry)
            }
        }
        return isWhole
    }

    private var isRunFull: Bool {
        runElements >= Limits.checkpointRunElementsMax || effects.count - runStart >= Limits.checkpointRecordBytes
    }

    /// Adds an element of so many words to the open run, or to a new one when that would grow too large.
    private func addElement(_ words: Int, _ bytes: Int, _ fill: () -> Void) {
        if runPlace >= 0, isRunFull || effects.count - runStart + bytes > Limits.checkpointRecordBytes { closeRun() }
        if runPlace < 0 {
            runStart = effects.count
            runPlace = effects.open(database: database, command)
            effects.word(key)
            runElements = 0
            runWords = 2
        }
        fill()
        runElements += 1
        runWords += words
    }

    private func closeRun() {
        guard runPlace >= 0 else { return }
        effects.close(runPlace, words: runWords)
        runPlace = -1
        effectEnded(from: runStart)
        runStart = effects.count
    }

    private func addEffect(_ name: StaticString, words: Int, _ fill: (inout EffectWriter) -> Void) {
        closeRun()
        let start = effects.count
        effects.append(database: database, name, count: words, fill)
        effectEnded(from: start)
    }

    private func writeList(_ list: ListValue, _ cursor: inout ValueCursor) -> Bool {
        command = "RPUSH"
        let start = Int(cursor.position)
        var index = start
        list.forEach(from: start, length: list.count - start) { element in
            addElement(1, element.count) { effects.word(element) }
            index += 1
            return !isRunFull
        }
        cursor.position = UInt64(index)
        return index == list.count
    }

    private func writeSet(_ set: SetValue, _ cursor: inout ValueCursor) -> Bool {
        command = "SADD"
        repeat {
            cursor.position = set.scan(cursor.position) { member in
                addElement(1, member.count) { effects.word(member) }
            }
        } while cursor.position != 0 && !isRunFull
        return cursor.position == 0
    }

    private func writeHash(_ hash: HashValue, _ cursor: inout ValueCursor) -> Bool {
        if cursor.stage == .fieldTimes { return writeFieldTimes(hash.fieldExpiry, &cursor) }
        command = "HSET"
        repeat {
            cursor.position = hash.scan(cursor.position) { field, value in
                addElement(2, field.count + value.count) {
                    effects.word(field)
                    effects.word(value)
                }
            }
        } while cursor.position != 0 && !isRunFull
        guard cursor.position == 0 else { return false }
        cursor.stage = .fieldTimes
        return hash.earliestExpiry == FieldExpiry.never
    }

    private func writeFieldTimes(_ expiry: FieldExpiry?, _ cursor: inout ValueCursor) -> Bool {
        command = RestoreName.fieldTimes
        let start = Int(cursor.position)
        var rank = start
        expiry?.forEach(from: start) { field, time in
            addElement(2, field.count) {
                effects.word(field)
                DecimalText.with(time) { effects.word($0) }
            }
            rank += 1
            return !isRunFull
        }
        cursor.position = UInt64(rank)
        return rank == expiry?.count ?? 0
    }

    /// Scores are written with as many digits as it takes to read the same number back.
    private func writeSortedSet(_ set: SortedSetValue, _ cursor: inout ValueCursor) -> Bool {
        command = "ZADD"
        var rank = Int(cursor.position)
        set.forEach(rank..<set.count) { member, score in
            addElement(2, member.count) {
                DoubleText.with(score) { effects.word($0) }
                effects.word(member)
            }
            rank += 1
            return !isRunFull
        }
        cursor.position = UInt64(rank)
        return rank == set.count
    }

    // MARK: Streams

    private func writeStream(_ stream: StreamValue, _ cursor: inout ValueCursor) -> Bool {
        switch cursor.stage {
        case .elements:
            writeEntries(stream, &cursor)
            return false
        case .header:
            writeHeader(stream)
            cursor.stage = .group
            cursor.group = -1
            return nextGroup(stream, &cursor)
        case .group:
            writeGroup(stream.groups[cursor.group])
            cursor.consumer = -1
            return nextConsumer(stream, &cursor)
        case .consumer:
            let group = stream.groups[cursor.group]
            writeConsumer(group, group.consumers[cursor.consumer])
            cursor.stage = .pending
            cursor.id = nil
            return false
        case .pending:
            let group = stream.groups[cursor.group]
            guard writePending(group, group.consumers[cursor.consumer], &cursor) else { return false }
            return nextConsumer(stream, &cursor)
        case .fieldTimes: preconditionFailure("a stream has no fields that expire")
        }
    }

    private func nextGroup(_ stream: StreamValue, _ cursor: inout ValueCursor) -> Bool {
        cursor.group += 1
        cursor.stage = .group
        return cursor.group == stream.groups.count
    }

    private func nextConsumer(_ stream: StreamValue, _ cursor: inout ValueCursor) -> Bool {
        cursor.consumer += 1
        cursor.stage = .consumer
        guard cursor.consumer == stream.groups[cursor.group].consumers.count else { return false }
        return nextGroup(stream, &cursor)
    }

    /// One XADD for each entry.
    private func writeEntries(_ stream: StreamValue, _ cursor: inout ValueCursor) {
        guard let start = cursor.id.map({ $0.next }) ?? .zero else { return cursor.stage = .header }
        var written = 0
        let before = bytes
        var isWhole = true
        stream.forEach(from: start, to: .max) { entry in
            guard written < Limits.checkpointRunElementsMax, bytes - before < Limits.checkpointRecordBytes else {
                isWhole = false
                return false
            }
            addEffect("XADD", words: 2 + entry.pairs * 2) { effect in
                effect.add(key)
                entry.id.withText { effect.add($0) }
                entry.forEach {
                    effect.add($0)
                    effect.add($1)
                }
            }
            cursor.id = entry.id
            written += 1
            return true
        }
        if isWhole { cursor.stage = .header }
    }

    private func writeHeader(_ stream: StreamValue) {
        addEffect(RestoreName.stream, words: 4) { effect in
            effect.add(key)
            stream.lastID.withText { effect.add($0) }
            effect.add(stream.entriesAdded)
            stream.maxDeletedID.withText { effect.add($0) }
        }
    }

    private func writeGroup(_ group: StreamGroup) {
        addEffect(RestoreName.group, words: 4) { effect in
            effect.add(key)
            effect.add(group.name.slice)
            group.lastID.withText { effect.add($0) }
            effect.add(group.entriesRead ?? -1)
        }
    }

    private func writeConsumer(_ group: StreamGroup, _ consumer: StreamConsumer) {
        addEffect(RestoreName.consumer, words: 5) { effect in
            effect.add(key)
            effect.add(group.name.slice)
            effect.add(consumer.name.slice)
            effect.add(consumer.seenAt)
            effect.add(consumer.activeAt ?? -1)
        }
    }

    /// A run of what is pending for a consumer; returns whether it was the last.
    private func writePending(
        _ group: StreamGroup, _ consumer: StreamConsumer, _ cursor: inout ValueCursor
    ) -> Bool {
        guard let start = cursor.id.map({ $0.next }) ?? .zero else { return true }
        var run: [PendingEntry] = []
        var isWhole = true
        consumer.pending.forEach(from: start) { entry in
            guard run.count < Limits.checkpointRunElementsMax else {
                isWhole = false
                return false
            }
            run.append(entry)
            return true
        }
        guard let last = run.last else { return true }
        cursor.id = last.id
        addEffect(RestoreName.pending, words: 3 + run.count * 3) { effect in
            effect.add(key)
            effect.add(group.name.slice)
            effect.add(consumer.name.slice)
            for entry in run {
                entry.id.withText { effect.add($0) }
                effect.add(entry.deliveredAt)
                effect.add(entry.deliveries)
            }
        }
        return isWhole
    }
}
