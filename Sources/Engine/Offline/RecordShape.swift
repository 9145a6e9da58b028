// Whether some bytes could be the beginning of a record, judged by little: what the search for the next whole
// record in a damaged file asks at every byte, before it pays for a checksum.
// Any thread. Next: RecordWalk.swift (who searches).

import Wire

/// What is known of records by their type.
enum RecordShape {
    private static let isKnown: [Bool] = (0...255).map { RecordType(rawValue: UInt8($0)) != nil }

    /// The payload's length if the header at the front of `bytes` may be one, with at most `available` bytes to be had.
    @inline(__always)
    static func length(ofHeader bytes: ByteSlice, available: Int) -> Int? {
        guard isKnown[Int(bytes[8])] else { return nil }
        let length = Int(UInt32(littleEndian: bytes.base.loadUnaligned(as: UInt32.self)))
        guard length <= Limits.logRecordBytesMax, RecordFormat.headerBytes + length <= available else { return nil }
        return length
    }

    /// Whether a payload of `length` bytes of this type may begin like this; `front` need not be all of it.
    static func mayBegin(_ type: RecordType, _ front: ByteSlice, length: Int) -> Bool {
        let seen = front.count > length ? front.slice(from: 0, count: length) : front
        switch type {
        case .fence, .durableMark, .checkpointEnd, .storeImported: return length == 8
        case .checkpointBegin: return length == 16
        case .storeEffects: return mayBeginEffects(seen, length)
        case .publish: return mayBeginPublish(seen, length)
        case .brokerGroup:
            guard seen.count >= RecordFormat.headerBytes else { return length >= RecordFormat.headerBytes }
            return self.length(ofHeader: seen, available: length) != nil
        case .aclUserSet, .aclUserDelete, .virtualHostDeclare, .virtualHostDelete, .policySet, .policyClear,
            .operatorPolicySet,
            .operatorPolicyClear,
            .exchangeDeclare, .exchangeDelete, .bind, .unbind:
            // A name's length comes first.
            return length > 0 && (seen.isEmpty || Int(seen[0]) < length)
        case .queueDeclare, .queueDelete, .delayQueueDeclare, .settle, .purge, .delivered, .returned, .queueEntries:
            return length >= 4
        case .limitSet, .limitClear:
            // Whose limit it is, then a name's length.
            return length > 2 && (seen.isEmpty || seen[0] < 2)
        case .streamEntries: return length >= StreamEntriesRecord.headBytes
        case .storeJournaling, .storeEffectsPart, .storeEffectsEnd: return length > 0
        }
    }

    private static func mayBeginEffects(_ seen: ByteSlice, _ length: Int) -> Bool {
        var cursor = ByteCursor(seen)
        guard length > 10 else { return false }
        // Database, number of words, length of the first: a command's name.
        guard (try? cursor.skip(2)) != nil, let words = try? cursor.readLittle32() else { return true }
        guard words > 0, Int(words) <= length / 4, let name = try? cursor.readLittle32() else { return words > 0 }
        return name > 0 && name <= 64 && Int(name) <= length - 10
    }

    private static func mayBeginPublish(_ seen: ByteSlice, _ length: Int) -> Bool {
        var cursor = ByteCursor(seen)
        guard length >= 35, (try? cursor.skip(8)) != nil, let queues = try? cursor.readLittle32() else {
            return length >= 35
        }
        guard Int(queues) <= (length - 35) / 4 else { return false }
        guard (try? cursor.skip(4 * Int(queues) + 9)) != nil, let address = try? cursor.readLittle32(),
            let exchange = try? cursor.readLittle32(), let properties = try? cursor.readLittle32()
        else { return true }
        return address >= 2 && address <= 512 && exchange <= address
            && 33 + 4 * Int(queues) + Int(address) + Int(properties) <= length
    }
}
