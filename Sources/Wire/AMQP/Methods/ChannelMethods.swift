// Methods of class channel (20): life of one channel.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `channel.open` (20, 10): opens the channel whose number the frame has. Client → server.
public struct ChannelOpen: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 20, methodID: 10) }

    /// Reserved; some clients send "0".
    public var outOfBand: ByteSlice

    public init(outOfBand: ByteSlice = .empty) {
        self.outOfBand = outOfBand
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        outOfBand = try cursor.readShortString()
    }

    public var argumentBytes: Int { 1 + outOfBand.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(outOfBand)
    }
}

/// `channel.open-ok` (20, 11): the channel is open. Server → client.
public struct ChannelOpenOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 20, methodID: 11) }

    /// Reserved.
    public var channelID: ByteSlice

    public init(channelID: ByteSlice = .empty) {
        self.channelID = channelID
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        channelID = try cursor.readLongString()
    }

    public var argumentBytes: Int { 4 + channelID.count }

    public func write(into writer: inout RawWriter) {
        writer.writeLongString(channelID)
    }
}

/// `channel.flow` (20, 20): asks the peer to stop or go on sending content. Either way.
public struct ChannelFlow: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 20, methodID: 20) }

    public var active: Bool

    public init(active: Bool = false) {
        self.active = active
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        let bits = try cursor.readUInt8()
        active = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 1 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt8(active ? 1 : 0)
    }
}

/// `channel.flow-ok` (20, 21): repeats what was asked for. Either way.
public struct ChannelFlowOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 20, methodID: 21) }

    public var active: Bool

    public init(active: Bool = false) {
        self.active = active
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        let bits = try cursor.readUInt8()
        active = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 1 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt8(active ? 1 : 0)
    }
}

/// `channel.close` (20, 40): ends the channel, with the reason. Either way.
public struct ChannelClose: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 20, methodID: 40) }

    public var replyCode: UInt16
    public var replyText: ByteSlice
    /// Class of the method at fault, or 0.
    public var classID: UInt16
    /// Method at fault, or 0.
    public var methodID: UInt16

    public init(replyCode: UInt16, replyText: ByteSlice, classID: UInt16, methodID: UInt16) {
        self.replyCode = replyCode
        self.replyText = replyText
        self.classID = classID
        self.methodID = methodID
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        replyCode = try cursor.readUInt16()
        replyText = try cursor.readShortString()
        classID = try cursor.readUInt16()
        methodID = try cursor.readUInt16()
    }

    public var argumentBytes: Int { 7 + replyText.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(replyCode)
        writer.writeShortString(replyText)
        writer.writeUInt16(classID)
        writer.writeUInt16(methodID)
    }
}

/// `channel.close-ok` (20, 41): the end is agreed to; the number is free again. Either way.
public struct ChannelCloseOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 20, methodID: 41) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}
