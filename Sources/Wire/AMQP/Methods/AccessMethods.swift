// Methods of class access (30). Dropped from the protocol, still sent by old clients.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `access.request` (30, 10): asks for a ticket to a realm. Client → server.
public struct AccessRequest: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 30, methodID: 10) }

    public var realm: ByteSlice
    public var exclusive: Bool
    public var passive: Bool
    public var active: Bool
    public var write: Bool
    public var read: Bool

    public init(
        realm: ByteSlice, exclusive: Bool = false, passive: Bool = false, active: Bool = false, write: Bool = false,
        read: Bool = false
    ) {
        self.realm = realm
        self.exclusive = exclusive
        self.passive = passive
        self.active = active
        self.write = write
        self.read = read
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        realm = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        exclusive = bits & 0x01 != 0
        passive = bits & 0x02 != 0
        active = bits & 0x04 != 0
        write = bits & 0x08 != 0
        read = bits & 0x10 != 0
    }

    public var argumentBytes: Int { 2 + realm.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(realm)
        var bits: UInt8 = 0
        if exclusive { bits |= 0x01 }
        if passive { bits |= 0x02 }
        if active { bits |= 0x04 }
        if write { bits |= 0x08 }
        if read { bits |= 0x10 }
        writer.writeUInt8(bits)
    }
}

/// `access.request-ok` (30, 11): grants a ticket. Server → client.
public struct AccessRequestOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 30, methodID: 11) }

    /// Always 1 here, as RabbitMQ answers.
    public var ticket: UInt16

    public init(ticket: UInt16 = 1) {
        self.ticket = ticket
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
    }

    public var argumentBytes: Int { 2 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
    }
}
