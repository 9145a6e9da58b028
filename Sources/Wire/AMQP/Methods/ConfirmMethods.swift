// Methods of class confirm (85), RabbitMQ's publisher confirms.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `confirm.select` (85, 10): puts the channel into confirm mode. Client → server.
public struct ConfirmSelect: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 85, methodID: 10) }

    public var noWait: Bool

    public init(noWait: Bool = false) {
        self.noWait = noWait
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        let bits = try cursor.readUInt8()
        noWait = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 1 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt8(noWait ? 1 : 0)
    }
}

/// `confirm.select-ok` (85, 11): the channel is in confirm mode. Server → client.
public struct ConfirmSelectOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 85, methodID: 11) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}
