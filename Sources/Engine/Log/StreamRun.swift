// Where a stream's messages are: position in the log, size and time of each, one after the other as bytes. A stream is
// long by nature, and most of its messages differ little from the one before, so one takes one to six bytes:
//
//     head       1 size is given, 2 time is given, 4 gap is given
//     size       varint: bytes of the body; else that of the message before
//     time       varint, zigzag: milliseconds since the message before; else the same moment
//     gap        varint: from the end of the body before (as if it stood at its record's position) to this position;
//                else as between the two before
//
// Before the first message everything is 0. The payload of a `streamEntries` record of a checkpoint, little-endian:
//
//     size  field
//     4     id of the queue
//     8     offset of the first message
//     4     number of messages; may be 0: then the offset is that of the next publish
//     …     the messages, as above
//
// To change the format: see Record.swift.
// Any thread. Next: ../Broker/Stream/StreamIndex.swift (who keeps them), SegmentArchive.swift (who reads them).

import Wire

/// One message of a stream.
struct StreamRunEntry: Equatable {
    var position: LogPosition = 0
    var bodyBytes = 0
    /// Of its publish, since 1970.
    var wallMilliseconds: Int64 = 0
}

/// What the next entry is told by.
struct StreamRunState {
    private(set) var last = StreamRunEntry()
    private var gap: UInt64 = 0

    private enum Given {
        static let size: UInt8 = 1
        static let time: UInt8 = 2
        static let gap: UInt8 = 4
    }

    /// Writes an entry that follows the last one.
    mutating func append(_ entry: StreamRunEntry, to bytes: inout [UInt8]) {
        let gap = entry.position &- last.position &- UInt64(last.bodyBytes)
        let time = entry.wallMilliseconds &- last.wallMilliseconds
        var head: UInt8 = 0
        if entry.bodyBytes != last.bodyBytes { head |= Given.size }
        if time != 0 { head |= Given.time }
        if gap != self.gap { head |= Given.gap }
        bytes.append(head)
        if head & Given.size != 0 { bytes.appendVarint(UInt64(entry.bodyBytes)) }
        if head & Given.time != 0 { bytes.appendVarint(UInt64(bitPattern: (time << 1) ^ (time >> 63))) }
        if head & Given.gap != 0 { bytes.appendVarint(gap) }
        last = entry
        self.gap = gap
    }

    /// Reads the entry that follows the last one.
    mutating func read(_ cursor: inout ByteCursor) throws(CursorError) -> StreamRunEntry {
        let head = try cursor.readUInt8()
        var entry = last
        if head & Given.size != 0 {
            let size = try cursor.readVarint()
            guard size <= UInt64(UInt32.max) else { throw .outOfBytes }
            entry.bodyBytes = Int(size)
        }
        if head & Given.time != 0 {
            let raw = try cursor.readVarint()
            entry.wallMilliseconds &+= Int64(bitPattern: (raw >> 1) ^ (0 &- (raw & 1)))
        }
        if head & Given.gap != 0 { gap = try cursor.readVarint() }
        entry.position = last.position &+ UInt64(last.bodyBytes) &+ gap
        last = entry
        return entry
    }
}

/// A `streamEntries` record, borrowed from the bytes it was read from.
struct StreamEntriesRecord {
    static let headBytes = 16

    let queueID: UInt32
    let firstOffset: UInt64
    let count: Int
    let run: ByteSlice

    init(_ payload: ByteSlice) throws(CursorError) {
        var cursor = ByteCursor(payload)
        queueID = try cursor.readLittle32()
        firstOffset = try cursor.readLittle64()
        count = Int(try cursor.readLittle32())
        run = cursor.rest
        // An entry has a byte at least.
        guard count <= run.count else { throw .outOfBytes }
    }

    /// Calls `body` for each message in order.
    func forEach(_ body: (StreamRunEntry) -> Void) throws(CursorError) {
        var cursor = ByteCursor(run)
        var state = StreamRunState()
        for _ in 0..<count { body(try state.read(&cursor)) }
    }

    static func write(queueID: UInt32, firstOffset: UInt64, count: Int, run: ByteSlice, to writer: inout RawWriter) {
        writer.writeLittle(queueID)
        writer.writeLittle(firstOffset)
        writer.writeLittle(UInt32(count))
        writer.writeSlice(run)
    }
}

extension [UInt8] {
    fileprivate mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}

extension ByteCursor {
    fileprivate mutating func readVarint() throws(CursorError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64 {
            let byte = try readUInt8()
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw .outOfBytes
    }
}
