// Methods of class exchange (40), RabbitMQ's exchange-to-exchange bindings included.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `exchange.declare` (40, 10): makes an exchange, or checks that it is there. Client → server.
public struct ExchangeDeclare: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 10) }

    /// Reserved.
    public var ticket: UInt16
    public var exchange: ByteSlice
    /// direct, fanout, topic, headers or a plug-in's.
    public var type: ByteSlice
    /// Only check.
    public var passive: Bool
    public var durable: Bool
    public var autoDelete: Bool
    /// Only other exchanges may publish to it.
    public var isInternal: Bool
    public var noWait: Bool
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        exchange: ByteSlice, type: ByteSlice, passive: Bool = false, durable: Bool = false, autoDelete: Bool = false,
        isInternal: Bool = false, noWait: Bool = false, arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.exchange = exchange
        self.type = type
        self.passive = passive
        self.durable = durable
        self.autoDelete = autoDelete
        self.isInternal = isInternal
        self.noWait = noWait
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        exchange = try cursor.readShortString()
        type = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        passive = bits & 0x01 != 0
        durable = bits & 0x02 != 0
        autoDelete = bits & 0x04 != 0
        isInternal = bits & 0x08 != 0
        noWait = bits & 0x10 != 0
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 9 + exchange.count + type.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(exchange)
        writer.writeShortString(type)
        var bits: UInt8 = 0
        if passive { bits |= 0x01 }
        if durable { bits |= 0x02 }
        if autoDelete { bits |= 0x04 }
        if isInternal { bits |= 0x08 }
        if noWait { bits |= 0x10 }
        writer.writeUInt8(bits)
        writer.writeLongString(arguments)
    }
}

/// `exchange.declare-ok` (40, 11): the exchange is there. Server → client.
public struct ExchangeDeclareOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 11) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `exchange.delete` (40, 20): removes an exchange and its bindings. Client → server.
public struct ExchangeDelete: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 20) }

    /// Reserved.
    public var ticket: UInt16
    public var exchange: ByteSlice
    public var ifUnused: Bool
    public var noWait: Bool

    public init(exchange: ByteSlice, ifUnused: Bool = false, noWait: Bool = false, ticket: UInt16 = 0) {
        self.ticket = ticket
        self.exchange = exchange
        self.ifUnused = ifUnused
        self.noWait = noWait
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        exchange = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        ifUnused = bits & 0x01 != 0
        noWait = bits & 0x02 != 0
    }

    public var argumentBytes: Int { 4 + exchange.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(exchange)
        var bits: UInt8 = 0
        if ifUnused { bits |= 0x01 }
        if noWait { bits |= 0x02 }
        writer.writeUInt8(bits)
    }
}

/// `exchange.delete-ok` (40, 21): the exchange is gone. Server → client.
public struct ExchangeDeleteOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 21) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `exchange.bind` (40, 30): binds an exchange to another one. Client → server.
public struct ExchangeBind: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 30) }

    /// Reserved.
    public var ticket: UInt16
    public var destination: ByteSlice
    public var source: ByteSlice
    public var routingKey: ByteSlice
    public var noWait: Bool
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        destination: ByteSlice, source: ByteSlice, routingKey: ByteSlice, noWait: Bool = false,
        arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.destination = destination
        self.source = source
        self.routingKey = routingKey
        self.noWait = noWait
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        destination = try cursor.readShortString()
        source = try cursor.readShortString()
        routingKey = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noWait = bits & 0x01 != 0
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 10 + destination.count + source.count + routingKey.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(destination)
        writer.writeShortString(source)
        writer.writeShortString(routingKey)
        writer.writeUInt8(noWait ? 1 : 0)
        writer.writeLongString(arguments)
    }
}

/// `exchange.bind-ok` (40, 31): the binding is there. Server → client.
public struct ExchangeBindOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 31) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `exchange.unbind` (40, 40): removes a binding between exchanges. Client → server.
public struct ExchangeUnbind: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 40) }

    /// Reserved.
    public var ticket: UInt16
    public var destination: ByteSlice
    public var source: ByteSlice
    public var routingKey: ByteSlice
    public var noWait: Bool
    /// Table without its length.
    public var arguments: ByteSlice

    public init(
        destination: ByteSlice, source: ByteSlice, routingKey: ByteSlice, noWait: Bool = false,
        arguments: ByteSlice = .empty, ticket: UInt16 = 0
    ) {
        self.ticket = ticket
        self.destination = destination
        self.source = source
        self.routingKey = routingKey
        self.noWait = noWait
        self.arguments = arguments
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        ticket = try cursor.readUInt16()
        destination = try cursor.readShortString()
        source = try cursor.readShortString()
        routingKey = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        noWait = bits & 0x01 != 0
        arguments = try cursor.readLongString()
    }

    public var argumentBytes: Int { 10 + destination.count + source.count + routingKey.count + arguments.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(ticket)
        writer.writeShortString(destination)
        writer.writeShortString(source)
        writer.writeShortString(routingKey)
        writer.writeUInt8(noWait ? 1 : 0)
        writer.writeLongString(arguments)
    }
}

/// `exchange.unbind-ok` (40, 51): the binding is gone. The number 51 breaks the pattern; RabbitMQ chose it. Server → client.
public struct ExchangeUnbindOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 40, methodID: 51) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}
