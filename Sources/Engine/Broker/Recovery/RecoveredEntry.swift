// What log and checkpoint know of one message in one queue; its body stays where it is. In a checkpoint a run of
// them follows the queue's id, little-endian, 24 bytes each:
//
//     size  field
//     8     position of the message's record in the log
//     8     wall time at which it expires, milliseconds since 1970; −1: never
//     4     bytes of the body
//     2     how often it came back
//     1     priority, already clamped to the queue's levels
//     1     flags: 1 redelivered
//
// To change the format: see ../../Log/Record.swift.
// Loop thread only. Next: RecoveredEntries.swift (a queue's worth of them), BrokerCheckpoint.swift (writes them).

import Wire

/// One live entry as it is written down.
struct RecoveredEntry {
    private enum Flag {
        static let redelivered: UInt8 = 1
        /// Settled since; in memory only.
        static let dead: UInt8 = 2
    }

    /// In a checkpoint.
    static let bytes = 24

    let position: LogPosition
    /// Wall milliseconds; −1: never.
    let wallExpiry: Int64
    let bodyBytes: UInt32
    var deliveryCount: UInt16 = 0
    let priority: UInt8
    private var flags: UInt8 = 0

    init(position: LogPosition, wallExpiry: Int64, bodyBytes: Int, priority: UInt8) {
        self.position = position
        self.wallExpiry = wallExpiry
        self.bodyBytes = UInt32(truncatingIfNeeded: bodyBytes)
        self.priority = priority
    }

    var isRedelivered: Bool {
        get { flags & Flag.redelivered != 0 }
        set { flags = newValue ? flags | Flag.redelivered : flags & ~Flag.redelivered }
    }

    var isDead: Bool { flags & Flag.dead != 0 }

    mutating func die() { flags |= Flag.dead }

    /// The same entry was written down twice: what came later knows at least as much.
    mutating func merge(_ other: RecoveredEntry) {
        deliveryCount = max(deliveryCount, other.deliveryCount)
        flags |= other.flags
    }

    // MARK: In a checkpoint

    init(_ cursor: inout ByteCursor) throws(CursorError) {
        position = try cursor.readLittle64()
        wallExpiry = Int64(bitPattern: try cursor.readLittle64())
        bodyBytes = try cursor.readLittle32()
        deliveryCount = try cursor.readUInt16().byteSwapped
        priority = try cursor.readUInt8()
        flags = try cursor.readUInt8() & Flag.redelivered
    }

    func write(to writer: inout RawWriter) {
        writer.writeLittle(position)
        writer.writeLittle(UInt64(bitPattern: wallExpiry))
        writer.writeLittle(bodyBytes)
        writer.writeUInt16(deliveryCount.byteSwapped)
        writer.writeUInt8(priority)
        writer.writeUInt8(flags & Flag.redelivered)
    }
}
