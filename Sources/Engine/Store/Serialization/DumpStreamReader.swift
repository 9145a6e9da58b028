// A dumped stream: nodes of entries, counters, groups with what is pending.
//
// A node is an identifier (two numbers of eight bytes, most significant byte first) and a listpack:
//
//     entries, deleted entries, number of fields, fields…, 0
//     for each entry: flags, milliseconds and sequence less those of the node,
//         fields and values (values alone, if the flags say that the fields are the node's), number of elements
//
// Loop thread only. Next: DumpValueReader.swift, ../Types/StreamValue.swift.

import Wire

/// Flags of an entry in a node.
enum DumpStreamFlags {
    static let deleted: Int64 = 1
    static let sameFields: Int64 = 2
}

extension DumpReader {
    func stream(version: Int) throws(DumpError) -> StreamValue {
        let stream = StreamValue()
        for _ in 0..<(try count(elementBytesMin: 2)) { try node(of: stream) }
        let length = try number()
        guard length == UInt64(stream.count) else { throw .badFormat }
        let lastID = try id()
        guard lastID >= stream.lastID else { throw .badFormat }
        stream.lastID = lastID
        if version >= 2 {
            // The first entry's identifier shows by itself.
            _ = try id()
            stream.maxDeletedID = try id()
            stream.entriesAdded = try count64()
        } else {
            stream.entriesAdded = Int64(stream.count)
        }
        for _ in 0..<(try count(elementBytesMin: 5)) { try group(of: stream, version) }
        return stream
    }

    private func id() throws(DumpError) -> StreamID {
        StreamID(milliseconds: try number(), sequence: try number())
    }

    private func rawID(_ bytes: ByteSlice) throws(DumpError) -> StreamID {
        guard bytes.count == 16 else { throw .badFormat }
        return StreamID(
            milliseconds: UInt64(bigEndian: bytes.base.loadUnaligned(as: UInt64.self)),
            sequence: UInt64(bigEndian: bytes.base.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    /// A number that is counted on from.
    private func count64() throws(DumpError) -> Int64 {
        guard let count = Int64(exactly: try number()) else { throw .badFormat }
        return count
    }

    /// Milliseconds since 1970.
    private func time() throws(DumpError) -> Int64 {
        let time = try fixed(Int64.self)
        guard time >= 0 else { throw .badFormat }
        return time
    }

    // MARK: Entries

    private func node(of stream: StreamValue) throws(DumpError) {
        let nodeID = try rawID(try string(scratch: 0))
        var reader = try PackedReader(.listpack, try string(scratch: 1))
        let entries = try reader.integer()
        let deleted = try reader.integer()
        var names: [PackedReader.Element] = []
        var nameBytes = 0
        for _ in 0..<(try elements(&reader)) {
            let name = try reader.required()
            nameBytes += name.withText { PackedEntries.entryBytes($0.count) }
            names.append(name)
        }
        guard try reader.integer() == 0 else { throw .badFormat }
        var seen: Int64 = 0
        var seenDeleted: Int64 = 0
        while let flags = try reader.next() {
            guard case .integer(let flags) = flags, flags & ~3 == 0 else { throw .badFormat }
            let id = StreamID(
                milliseconds: nodeID.milliseconds &+ UInt64(bitPattern: try reader.integer()),
                sequence: nodeID.sequence &+ UInt64(bitPattern: try reader.integer()))
            var words: [PackedReader.Element] = []
            if flags & DumpStreamFlags.sameFields != 0 {
                try expand(nameBytes)
                for name in names {
                    words.append(name)
                    words.append(try reader.required())
                }
            } else {
                for _ in 0..<(2 * (try elements(&reader))) { words.append(try reader.required()) }
            }
            _ = try reader.integer()
            if flags & DumpStreamFlags.deleted != 0 {
                seenDeleted += 1
                continue
            }
            seen += 1
            guard id > stream.lastID else { throw .badFormat }
            stream.append(id, pairs: words.count / 2) { packed in
                for word in words { word.withText { packed.append($0) } }
            }
        }
        guard seen == entries, seenDeleted == deleted else { throw .badFormat }
    }

    /// How many fields follow: no more than there are bytes.
    private func elements(_ reader: inout PackedReader) throws(DumpError) -> Int {
        let count = try reader.integer()
        guard count >= 0, count <= Int64(reader.remaining / 2) else { throw .badFormat }
        return Int(count)
    }

    // MARK: Groups

    private struct Pending {
        let id: StreamID
        let deliveredAt: Int64
        let deliveries: Int64
    }

    /// Names come in order, as Redis has them: a payload with many in disorder would take long to sort.
    private func follows(_ name: ByteSlice, _ last: ByteString?) -> Bool {
        last.map { SortedSetOrder.compare($0.slice, name) < 0 } ?? true
    }

    private func group(of stream: StreamValue, _ version: Int) throws(DumpError) {
        let name = ByteString(try string())
        guard follows(name.slice, stream.groups.last?.name) else { throw .badFormat }
        let lastID = try id()
        var entriesRead: Int64?
        if version >= 2 {
            // All bits stand for "not known".
            let number = try number()
            if number != .max {
                guard let known = Int64(exactly: number) else { throw .badFormat }
                entriesRead = known
            }
        } else {
            entriesRead = stream.entriesAdded(upTo: lastID)
        }
        guard let group = stream.makeGroup(name.slice, lastID: lastID, entriesRead: entriesRead) else {
            throw .badFormat
        }
        let pending = try pendingOfGroup()
        for _ in 0..<(try count(elementBytesMin: 10)) { try consumer(of: group, pending, version) }
        // Whatever is pending is so for somebody.
        guard group.pending.count == pending.count else { throw .badFormat }
    }

    /// In order of identifier.
    private func pendingOfGroup() throws(DumpError) -> [Pending] {
        let entries = try count(elementBytesMin: 25)
        var pending: [Pending] = []
        pending.reserveCapacity(entries)
        for _ in 0..<entries {
            let id = try rawID(try slice(16))
            if let last = pending.last, id <= last.id { throw .badFormat }
            pending.append(Pending(id: id, deliveredAt: try time(), deliveries: try count64()))
        }
        return pending
    }

    private func consumer(of group: StreamGroup, _ pending: [Pending], _ version: Int) throws(DumpError) {
        let name = try string()
        let seenAt = try time()
        guard follows(name, group.consumers.last?.name) else { throw .badFormat }
        let consumer = group.consumer(name, now: seenAt).consumer
        if version >= 3 {
            let activeAt = try fixed(Int64.self)
            guard activeAt >= -1 else { throw .badFormat }
            consumer.activeAt = activeAt < 0 ? nil : activeAt
        } else {
            consumer.activeAt = seenAt
        }
        for _ in 0..<(try count(elementBytesMin: 16)) {
            let id = try rawID(try slice(16))
            var low = 0
            var high = pending.count
            while low < high {
                let middle = (low + high) / 2
                if pending[middle].id < id { low = middle + 1 } else { high = middle }
            }
            guard low < pending.count, pending[low].id == id, group.pending[id] == nil else { throw .badFormat }
            group.deliver(id, to: consumer, at: pending[low].deliveredAt).deliveries = pending[low].deliveries
        }
    }
}
