// What a record says, in a few fields: for `taskd log dump`. A payload that is not what its type promises gets none.
// Never the whole of anything: words and lists are cut to what fits a line.
// Any thread. Next: ../Broker/BrokerLog.swift, ../Store/Framework/Effects.swift (the formats); LogDump.swift.

import Wire

/// A field's value.
public enum DumpValue: Equatable, Sendable {
    case number(Int64)
    case text(String)
    case list([DumpValue])
}

/// Fields of a record, in the order in which they are shown.
public typealias DumpFields = [(name: String, value: DumpValue)]

/// Describes payloads.
enum RecordDescription {
    /// Nil when the payload is malformed.
    static func fields(_ type: RecordType, _ payload: ByteSlice) -> DumpFields? {
        do throws(CursorError) { return try read(type, payload) } catch { return nil }
    }

    private static func read(_ type: RecordType, _ payload: ByteSlice) throws(CursorError) -> DumpFields {
        var cursor = ByteCursor(payload)
        switch type {
        case .fence: return [("epoch", number(try cursor.readUInt64()))]
        case .durableMark: return [("durable", number(try cursor.readUInt64()))]
        case .storeEffects: return try effects(payload)
        // Cut anywhere: nothing can be told of a piece.
        case .storeEffectsPart, .storeEffectsEnd: return []
        case .storeJournaling: return [("on", number(UInt64(try cursor.readUInt8())))]
        case .storeImported: return [("checkpoint", number(try cursor.readUInt64()))]
        // Passwords are among the rules, if hashed: they are not shown.
        case .aclUserSet, .aclUserDelete: return [("user", try cursor.readName())]
        case .virtualHostDeclare, .virtualHostDelete: return [("host", try cursor.readName())]
        case .exchangeDeclare:
            return [
                ("host", try cursor.readName()), ("exchange", try cursor.readName()), ("kind", try cursor.readName()),
                ("flags", number(UInt64(try cursor.readUInt8()))), ("arguments", try cursor.readSize()),
            ]
        case .exchangeDelete: return [("host", try cursor.readName()), ("exchange", try cursor.readName())]
        case .queueDeclare:
            return [
                ("queue", number(UInt64(try cursor.readLittle32()))), ("host", try cursor.readName()),
                ("name", try cursor.readName()), ("flags", number(UInt64(try cursor.readUInt8()))),
                ("arguments", try cursor.readSize()),
            ]
        case .queueDelete: return [("queue", number(UInt64(try cursor.readLittle32())))]
        case .policySet, .operatorPolicySet:
            return [
                ("host", try cursor.readName()), ("policy", try cursor.readName()),
                ("scope", number(UInt64(try cursor.readUInt8()))), ("priority", number(try cursor.readLittle64())),
                ("pattern", try cursor.readSize()), ("definition", try cursor.readSize()),
            ]
        case .policyClear, .operatorPolicyClear:
            return [("host", try cursor.readName()), ("policy", try cursor.readName())]
        case .limitSet:
            return [
                ("subject", number(UInt64(try cursor.readUInt8()))), ("name", try cursor.readName()),
                ("limit", try cursor.readName()), ("value", number(try cursor.readLittle64())),
            ]
        case .limitClear:
            return [
                ("subject", number(UInt64(try cursor.readUInt8()))), ("name", try cursor.readName()),
                ("limit", try cursor.readName()),
            ]
        case .delayQueueDeclare:
            return [
                ("queue", number(UInt64(try cursor.readLittle32()))), ("host", try cursor.readName()),
                ("exchange", try cursor.readName()),
            ]
        case .bind, .unbind:
            return [
                ("host", try cursor.readName()), ("source", try cursor.readName()),
                ("to", .text(try cursor.readUInt8() == 0 ? "queue" : "exchange")),
                ("destination", try cursor.readName()), ("key", try cursor.readName()),
                ("arguments", try cursor.readSize()),
            ]
        case .publish: return publish(try PublishRecord(payload))
        case .settle, .delivered, .purge: return try positions(payload, entryBytes: 8)
        // Position and how often it came back.
        case .returned: return try positions(payload, entryBytes: 12)
        case .queueEntries: return try positions(payload, entryBytes: QueueEntriesRecord.entryBytes)
        case .streamEntries: return try stream(try StreamEntriesRecord(payload))
        case .brokerGroup: return []
        case .checkpointBegin:
            return [("position", number(try cursor.readUInt64())), ("epoch", number(try cursor.readUInt64()))]
        case .checkpointEnd: return [("records", number(try cursor.readUInt64()))]
        }
    }

    private static func number(_ value: UInt64) -> DumpValue { .number(Int64(clamping: value)) }

    private static func publish(_ record: PublishRecord) -> DumpFields {
        var fields: DumpFields = [
            ("queues", .list((0..<record.queueCount).map { number(UInt64(record.queueID($0))) })),
            ("exchange", .text(record.exchange.string)), ("key", .text(record.routingKey.string)),
            ("properties", .number(Int64(record.properties.count))), ("body", .number(Int64(record.bodyBytes))),
        ]
        if record.priority > 0 { fields.append(("priority", .number(Int64(record.priority)))) }
        if record.expirationMilliseconds >= 0 {
            fields.append(("expiration", .number(record.expirationMilliseconds)))
        }
        return fields
    }

    /// A queue's id, then entries that begin with a position.
    private static func positions(_ payload: ByteSlice, entryBytes: Int) throws(CursorError) -> DumpFields {
        var cursor = ByteCursor(payload)
        let queue = try cursor.readLittle32()
        let count = cursor.remaining / entryBytes
        guard count * entryBytes == cursor.remaining else { throw .outOfBytes }
        var fields: DumpFields = [("queue", number(UInt64(queue))), ("count", .number(Int64(count)))]
        guard count > 0 else { return fields }
        fields.append(("first", number(try cursor.readLittle64())))
        var last = ByteCursor(payload)
        try last.skip(4 + (count - 1) * entryBytes)
        fields.append(("last", number(try last.readLittle64())))
        return fields
    }

    private static func stream(_ record: StreamEntriesRecord) throws(CursorError) -> DumpFields {
        var fields: DumpFields = [
            ("queue", number(UInt64(record.queueID))), ("offset", number(record.firstOffset)),
            ("count", .number(Int64(record.count))),
        ]
        var positions: (first: LogPosition, last: LogPosition)?
        try record.forEach { positions = (positions?.first ?? $0.position, $0.position) }
        guard let positions else { return fields }
        fields.append(("first", number(positions.first)))
        fields.append(("last", number(positions.last)))
        return fields
    }

    private static func effects(_ payload: ByteSlice) throws(CursorError) -> DumpFields {
        var cursor = ByteCursor(payload)
        var count: Int64 = 0
        var shown: [DumpValue] = []
        while cursor.remaining > 0 {
            let database = try cursor.readUInt16().byteSwapped
            let words = Int(try cursor.readLittle32())
            var text = "\(database):"
            for index in 0..<words {
                let word = try cursor.readSlice(Int(try cursor.readLittle32()))
                guard count < Limits.shownEffectsMax, index < Limits.shownWordsMax else { continue }
                text += " " + shortened(word)
            }
            if count < Limits.shownEffectsMax {
                if words > Limits.shownWordsMax { text += " … (\(words) words)" }
                shown.append(.text(text))
            }
            count += 1
        }
        return [("count", .number(count)), ("effects", .list(shown))]
    }

    private static func shortened(_ word: ByteSlice) -> String {
        guard word.count > Limits.shownWordBytesMax else { return word.string }
        return word.slice(from: 0, count: Limits.shownWordBytesMax).string + "…"
    }
}

extension ByteCursor {
    fileprivate mutating func readName() throws(CursorError) -> DumpValue { .text(try readShortString().string) }

    /// The size of what follows after its length.
    fileprivate mutating func readSize() throws(CursorError) -> DumpValue {
        let count = Int(try readLittle32())
        try skip(count)
        return .number(Int64(count))
    }
}
