// Methods of class queue (50).
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `queue.declare` (50, 10): makes a queue, or checks that it is there. Client → server.
public struct QueueDeclare: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 10) }

    /// Reserved.
    public var ticket: UInt16
    /// Empty: the server makes a name.
    public var queue: ByteSlice
    /// Only check.
    public var passive: Bool
    public var durable: Bool
    public var exclusive: Bool
    public var autoDelete: Bool
    public var noWait: Bool
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        queue: ByteSlice, passive: Bool = false, durable: Bool = false, exclusive: Bool = false,
        autoDelete: Bool = false, noWait: Bool = false, arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.queue = queue
        self.passive = passive
        self.durable = durable
        self.exclusive = exclusive
        self.autoDelete = autoDelete
        self.noWait = noWait
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        passive = bits & 0x01 != 0
        durable = bits & 0x02 != 0
        exclusive = bits & 0x04 != 0
        autoDelete = bits & 0x08 != 0
        noWait = bits & 0x10 != 0
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 8 + queue.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        var bits: UInt8 = 0
        if passive { bits |= 0x01 }
        if durable { bits |= 0x02 }
        if exclusive { bits |= 0x04 }
        if autoDelete { bits |= 0x08 }
        if noWait { bits |= 0x10 }
        writer.writeUInt8(bits)
        writer.writeLongString(arguments)
    }
}

/// `queue.declare-ok` (50, 11): the queue is there. Server → client.
public struct QueueDeclareOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 11) }

    public var queue: ByteSlice
    /// Ready messages.
    public var messageCount: UInt32
    public var consumerCount: UInt32

    public init(queue: ByteSlice, messageCount: UInt32, consumerCount: UInt32) {
        self.queue = queue
        self.messageCount = messageCount
        self.consumerCount = consumerCount
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        queue = try cursor.readShortString()
        messageCount = try cursor.readUInt32()
        consumerCount = try cursor.readUInt32()
    }

    public var argumentBytes: Int { 9 + queue.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(queue)
        writer.writeUInt32(messageCount)
        writer.writeUInt32(consumerCount)
    }
}

/// `queue.bind` (50, 20): binds a queue to an exchange. Client → server.
public struct QueueBind: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 20) }

    /// Reserved.
    public var ticket: UInt16
    public var queue: ByteSlice
    public var exchange: ByteSlice
    public var routingKey: ByteSlice
    public var noWait: Bool
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        queue: ByteSlice, exchange: ByteSlice, routingKey: ByteSlice, noWait: Bool = false,
        arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.queue = queue
        self.exchange = exchange
        self.routingKey = routingKey
        self.noWait = noWait
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        exchange = try cursor.readShortString()
        routingKey = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noWait = bits & 0x01 != 0
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 10 + queue.count + exchange.count + routingKey.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        writer.writeShortString(exchange)
        writer.writeShortString(routingKey)
        writer.writeUInt8(noWait ? 1 : 0)
        writer.writeLongString(arguments)
    }
}

/// `queue.bind-ok` (50, 21): the binding is there. Server → client.
public struct QueueBindOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 21) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `queue.purge` (50, 30): drops the ready messages. Client → server.
public struct QueuePurge: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 30) }

    /// Reserved.
    public var ticket: UInt16
    public var queue: ByteSlice
    public var noWait: Bool

    public init(queue: ByteSlice, noWait: Bool = false, ticket: UInt16 = 0) {
        self.ticket = ticket
        self.queue = queue
        self.noWait = noWait
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noWait = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 4 + queue.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        writer.writeUInt8(noWait ? 1 : 0)
    }
}

/// `queue.purge-ok` (50, 31): how many were dropped. Server → client.
public struct QueuePurgeOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 31) }

    public var messageCount: UInt32

    public init(messageCount: UInt32) {
        self.messageCount = messageCount
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        messageCount = try cursor.readUInt32()
    }

    public var argumentBytes: Int { 4 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt32(messageCount)
    }
}

/// `queue.delete` (50, 40): removes a queue and what is in it. Client → server.
public struct QueueDelete: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 40) }

    /// Reserved.
    public var ticket: UInt16
    public var queue: ByteSlice
    public var ifUnused: Bool
    public var ifEmpty: Bool
    public var noWait: Bool

    public init(
        queue: ByteSlice, ifUnused: Bool = false, ifEmpty: Bool = false, noWait: Bool = false, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.queue = queue
        self.ifUnused = ifUnused
        self.ifEmpty = ifEmpty
        self.noWait = noWait
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        ifUnused = bits & 0x01 != 0
        ifEmpty = bits & 0x02 != 0
        noWait = bits & 0x04 != 0
    }

    public var argumentBytes: Int { 4 + queue.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        var bits: UInt8 = 0
        if ifUnused { bits |= 0x01 }
        if ifEmpty { bits |= 0x02 }
        if noWait { bits |= 0x04 }
        writer.writeUInt8(bits)
    }
}

/// `queue.delete-ok` (50, 41): how many messages went with it. Server → client.
public struct QueueDeleteOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 41) }

    public var messageCount: UInt32

    public init(messageCount: UInt32) {
        self.messageCount = messageCount
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        messageCount = try cursor.readUInt32()
    }

    public var argumentBytes: Int { 4 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt32(messageCount)
    }
}

/// `queue.unbind` (50, 50): removes a binding. Has no no-wait. Client → server.
public struct QueueUnbind: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 50) }

    /// Reserved.
    public var ticket: UInt16
    public var queue: ByteSlice
    public var exchange: ByteSlice
    public var routingKey: ByteSlice
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        queue: ByteSlice, exchange: ByteSlice, routingKey: ByteSlice, arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.queue = queue
        self.exchange = exchange
        self.routingKey = routingKey
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        queue = try cursor.readShortString()
        exchange = try cursor.readShortString()
        routingKey = try cursor.readShortString()
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 9 + queue.count + exchange.count + routingKey.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(queue)
        writer.writeShortString(exchange)
        writer.writeShortString(routingKey)
        writer.writeLongString(arguments)
    }
}

/// `queue.unbind-ok` (50, 51): the binding is gone. Server → client.
public struct QueueUnbindOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 50, methodID: 51) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}
