// Methods of class basic (60) that set up consumers and fetch, and the ones that settle deliveries.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `basic.qos` (60, 10): limits what may be unacknowledged. Client → server.
public struct BasicQos: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 10) }

    /// RabbitMQ implements only 0.
    public var prefetchBytes: UInt32
    /// 0: no limit.
    public var prefetchCount: UInt16
    /// For the channel, not for each new consumer.
    public var isGlobal: Bool

    public init(prefetchBytes: UInt32, prefetchCount: UInt16, isGlobal: Bool = false) {
        self.prefetchBytes = prefetchBytes
        self.prefetchCount = prefetchCount
        self.isGlobal = isGlobal
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        prefetchBytes = try cursor.readUInt32()
        prefetchCount = try cursor.readUInt16()
        let bits = try cursor.readUInt8()
        isGlobal = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 7 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt32(prefetchBytes)
        writer.writeUInt16(prefetchCount)
        writer.writeUInt8(isGlobal ? 1 : 0)
    }
}

/// `basic.qos-ok` (60, 11): the limit is in force. Server → client.
public struct BasicQosOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 11) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `basic.consume` (60, 20): starts a consumer. Client → server.
public struct BasicConsume: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 20) }

    /// Reserved.
    public var ticket: UInt16
    public var queue: ByteSlice
    /// Empty: the server makes one.
    public var consumerTag: ByteSlice
    public var noLocal: Bool
    public var noAck: Bool
    public var exclusive: Bool
    public var noWait: Bool
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        queue: ByteSlice, consumerTag: ByteSlice, noLocal: Bool = false, noAck: Bool = false, exclusive: Bool = false,
        noWait: Bool = false, arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.queue = queue
        self.consumerTag = consumerTag
        self.noLocal = noLocal
        self.noAck = noAck
        self.exclusive = exclusive
        self.noWait = noWait
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        consumerTag = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noLocal = bits & 0x01 != 0
        noAck = bits & 0x02 != 0
        exclusive = bits & 0x04 != 0
        noWait = bits & 0x08 != 0
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 9 + queue.count + consumerTag.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        writer.writeShortString(consumerTag)
        var bits: UInt8 = 0
        if noLocal { bits |= 0x01 }
        if noAck { bits |= 0x02 }
        if exclusive { bits |= 0x04 }
        if noWait { bits |= 0x08 }
        writer.writeUInt8(bits)
        writer.writeLongString(arguments)
    }
}

/// `basic.consume-ok` (60, 21): the consumer is there. Server → client.
public struct BasicConsumeOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 21) }

    public var consumerTag: ByteSlice

    public init(consumerTag: ByteSlice) {
        self.consumerTag = consumerTag
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        consumerTag = try cursor.readShortString()
    }

    public var argumentBytes: Int { 1 + consumerTag.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(consumerTag)
    }
}

/// `basic.cancel` (60, 30): ends a consumer; from the server when its queue went away. Either way.
public struct BasicCancel: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 30) }

    public var consumerTag: ByteSlice
    public var noWait: Bool

    public init(consumerTag: ByteSlice, noWait: Bool = false) {
        self.consumerTag = consumerTag
        self.noWait = noWait
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        consumerTag = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noWait = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 2 + consumerTag.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(consumerTag)
        writer.writeUInt8(noWait ? 1 : 0)
    }
}

/// `basic.cancel-ok` (60, 31): the consumer is gone. Either way.
public struct BasicCancelOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 31) }

    public var consumerTag: ByteSlice

    public init(consumerTag: ByteSlice) {
        self.consumerTag = consumerTag
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        consumerTag = try cursor.readShortString()
    }

    public var argumentBytes: Int { 1 + consumerTag.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(consumerTag)
    }
}

/// `basic.get` (60, 70): fetches one message. Client → server.
public struct BasicGet: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 70) }

    /// Reserved.
    public var ticket: UInt16
    public var queue: ByteSlice
    public var noAck: Bool

    public init(queue: ByteSlice, noAck: Bool = false, ticket: UInt16 = 0) {
        self.ticket = ticket
        self.queue = queue
        self.noAck = noAck
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noAck = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 4 + queue.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        writer.writeUInt8(noAck ? 1 : 0)
    }
}

/// `basic.get-empty` (60, 72): there was none to fetch. Server → client.
public struct BasicGetEmpty: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 72) }

    /// Reserved.
    public var clusterID: ByteSlice

    public init(clusterID: ByteSlice = .empty) {
        self.clusterID = clusterID
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        clusterID = try cursor.readShortString()
    }

    public var argumentBytes: Int { 1 + clusterID.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(clusterID)
    }
}

/// `basic.ack` (60, 80): settles deliveries; from the server confirms publishes. Either way.
public struct BasicAck: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 80) }

    public var deliveryTag: UInt64
    /// All up to the tag.
    public var multiple: Bool

    public init(deliveryTag: UInt64, multiple: Bool = false) {
        self.deliveryTag = deliveryTag
        self.multiple = multiple
    }

    @inlinable
    public init(from cursor: inout ByteCursor) throws(CursorError) {
        deliveryTag = try cursor.readUInt64()
        let bits = try cursor.readUInt8()
        multiple = bits & 0x01 != 0
    }

    @inlinable
    public var argumentBytes: Int { 9 }

    @inlinable
    public func write(into writer: inout RawWriter) {
        writer.writeUInt64(deliveryTag)
        writer.writeUInt8(multiple ? 1 : 0)
    }
}

/// `basic.reject` (60, 90): refuses one delivery. Client → server.
public struct BasicReject: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 90) }

    public var deliveryTag: UInt64
    public var requeue: Bool

    public init(deliveryTag: UInt64, requeue: Bool = false) {
        self.deliveryTag = deliveryTag
        self.requeue = requeue
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        deliveryTag = try cursor.readUInt64()
        let bits = try cursor.readUInt8()
        requeue = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 9 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt64(deliveryTag)
        writer.writeUInt8(requeue ? 1 : 0)
    }
}

/// `basic.recover-async` (60, 100): deprecated: recover without an answer. Client → server.
public struct BasicRecoverAsync: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 100) }

    public var requeue: Bool

    public init(requeue: Bool = false) {
        self.requeue = requeue
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        let bits = try cursor.readUInt8()
        requeue = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 1 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt8(requeue ? 1 : 0)
    }
}

/// `basic.recover` (60, 110): has all that is unacknowledged delivered again. Client → server.
public struct BasicRecover: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 110) }

    public var requeue: Bool

    public init(requeue: Bool = false) {
        self.requeue = requeue
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        let bits = try cursor.readUInt8()
        requeue = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 1 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt8(requeue ? 1 : 0)
    }
}

/// `basic.recover-ok` (60, 111): recovery is done. Server → client.
public struct BasicRecoverOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 111) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `basic.nack` (60, 120): refuses deliveries; from the server publishes. RabbitMQ's extension. Either way.
public struct BasicNack: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 60, methodID: 120) }

    public var deliveryTag: UInt64
    /// All up to the tag.
    public var multiple: Bool
    public var requeue: Bool

    public init(deliveryTag: UInt64, multiple: Bool = false, requeue: Bool = false) {
        self.deliveryTag = deliveryTag
        self.multiple = multiple
        self.requeue = requeue
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        deliveryTag = try cursor.readUInt64()
        let bits = try cursor.readUInt8()
        multiple = bits & 0x01 != 0
        requeue = bits & 0x02 != 0
    }

    public var argumentBytes: Int { 9 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt64(deliveryTag)
        var bits: UInt8 = 0
        if multiple { bits |= 0x01 }
        if requeue { bits |= 0x02 }
        writer.writeUInt8(bits)
    }
}
