// Methods of class basic (60) that carry content: a content header and body frames follow them.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `basic.publish` (60, 40): sends a message to an exchange. Client → server.
public struct BasicPublish: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 40) }

    /// Reserved.
    public var ticket: UInt16
    /// Empty: the default exchange.
    public var exchange: ByteSlice
    public var routingKey: ByteSlice
    /// Return it when no queue takes it.
    public var mandatory: Bool
    /// RabbitMQ refuses it.
    public var immediate: Bool

    public init(
        exchange: ByteSlice, routingKey: ByteSlice, mandatory: Bool = false, immediate: Bool = false, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.exchange = exchange
        self.routingKey = routingKey
        self.mandatory = mandatory
        self.immediate = immediate
    }

    @inlinable
    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        exchange = try cursor.readShortString()
        routingKey = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        mandatory = bits & 0x01 != 0
        immediate = bits & 0x02 != 0
    }

    @inlinable
    public var argumentBytes: Int { 5 + exchange.count + routingKey.count }

    @inlinable
    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(exchange)
        writer.writeShortString(routingKey)
        var bits: UInt8 = 0
        if mandatory { bits |= 0x01 }
        if immediate { bits |= 0x02 }
        writer.writeUInt8(bits)
    }
}

/// `basic.return` (60, 50): gives a mandatory message back. Server → client.
public struct BasicReturn: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 50) }

    public var replyCode: UInt16
    public var replyText: ByteSlice
    public var exchange: ByteSlice
    public var routingKey: ByteSlice

    public init(replyCode: UInt16, replyText: ByteSlice, exchange: ByteSlice, routingKey: ByteSlice) {
        self.replyCode = replyCode
        self.replyText = replyText
        self.exchange = exchange
        self.routingKey = routingKey
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        replyCode = try cursor.readUInt16()
        replyText = try cursor.readShortString()
        exchange = try cursor.readShortString()
        routingKey = try cursor.readShortString()
    }

    public var argumentBytes: Int { 5 + replyText.count + exchange.count + routingKey.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(replyCode)
        writer.writeShortString(replyText)
        writer.writeShortString(exchange)
        writer.writeShortString(routingKey)
    }
}

/// `basic.deliver` (60, 60): brings a message to a consumer. Server → client.
public struct BasicDeliver: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 60) }

    public var consumerTag: ByteSlice
    public var deliveryTag: UInt64
    public var redelivered: Bool
    public var exchange: ByteSlice
    public var routingKey: ByteSlice

    public init(
        consumerTag: ByteSlice, deliveryTag: UInt64, redelivered: Bool = false, exchange: ByteSlice,
        routingKey: ByteSlice
    ) {
        self.consumerTag = consumerTag
        self.deliveryTag = deliveryTag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routingKey = routingKey
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        consumerTag = try cursor.readShortString()
        deliveryTag = try cursor.readUInt64()
        let bits = try cursor.readUInt8()
        redelivered = bits & 0x01 != 0
        exchange = try cursor.readShortString()
        routingKey = try cursor.readShortString()
    }

    public var argumentBytes: Int { 12 + consumerTag.count + exchange.count + routingKey.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(consumerTag)
        writer.writeUInt64(deliveryTag)
        writer.writeUInt8(redelivered ? 1 : 0)
        writer.writeShortString(exchange)
        writer.writeShortString(routingKey)
    }
}

/// `basic.get-ok` (60, 71): brings the message that was fetched. Server → client.
public struct BasicGetOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 71) }

    public var deliveryTag: UInt64
    public var redelivered: Bool
    public var exchange: ByteSlice
    public var routingKey: ByteSlice
    /// Ready messages that are left.
    public var messageCount: UInt32

    public init(
        deliveryTag: UInt64, redelivered: Bool = false, exchange: ByteSlice, routingKey: ByteSlice, messageCount: UInt32
    ) {
        self.deliveryTag = deliveryTag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.messageCount = messageCount
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        deliveryTag = try cursor.readUInt64()
        let bits = try cursor.readUInt8()
        redelivered = bits & 0x01 != 0
        exchange = try cursor.readShortString()
        routingKey = try cursor.readShortString()
        messageCount = try cursor.readUInt32()
    }

    public var argumentBytes: Int { 15 + exchange.count + routingKey.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt64(deliveryTag)
        writer.writeUInt8(redelivered ? 1 : 0)
        writer.writeShortString(exchange)
        writer.writeShortString(routingKey)
        writer.writeUInt32(messageCount)
    }
}
