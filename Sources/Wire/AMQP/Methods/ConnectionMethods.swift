// Methods of class connection (10): handshake, tuning, blocking and close of a whole connection.
// All of them travel on channel 0.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `connection.start` (10, 10): opens the handshake: version, identity and the ways to authenticate. Server → client.
public struct ConnectionStart: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 10) }

    public var versionMajor: UInt8
    public var versionMinor: UInt8
    /// Table without its length.
    public var serverProperties: ByteSlice
    /// Separated by spaces.
    public var mechanisms: ByteSlice
    /// Separated by spaces.
    public var locales: ByteSlice

    public init(
        versionMajor: UInt8 = 0, versionMinor: UInt8 = 9, serverProperties: ByteSlice = .empty, mechanisms: ByteSlice,
        locales: ByteSlice
    ) {
        self.versionMajor = versionMajor
        self.versionMinor = versionMinor
        self.serverProperties = serverProperties
        self.mechanisms = mechanisms
        self.locales = locales
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        versionMajor = try cursor.readUInt8()
        versionMinor = try cursor.readUInt8()
        serverProperties = try cursor.readLongString()
        mechanisms = try cursor.readLongString()
        locales = try cursor.readLongString()
    }

    public var argumentBytes: Int { 14 + serverProperties.count + mechanisms.count + locales.count }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt8(versionMajor)
        writer.writeUInt8(versionMinor)
        writer.writeLongString(serverProperties)
        writer.writeLongString(mechanisms)
        writer.writeLongString(locales)
    }
}

/// `connection.start-ok` (10, 11): chooses mechanism and locale and brings the credentials. Client → server.
public struct ConnectionStartOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 11) }

    /// Table without its length.
    public var clientProperties: ByteSlice
    public var mechanism: ByteSlice
    /// What the mechanism defines; for AMQPLAIN a table without its length.
    public var response: ByteSlice
    public var locale: ByteSlice

    public init(clientProperties: ByteSlice = .empty, mechanism: ByteSlice, response: ByteSlice, locale: ByteSlice) {
        self.clientProperties = clientProperties
        self.mechanism = mechanism
        self.response = response
        self.locale = locale
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        clientProperties = try cursor.readLongString()
        mechanism = try cursor.readShortString()
        response = try cursor.readLongString()
        locale = try cursor.readShortString()
    }

    public var argumentBytes: Int { 10 + clientProperties.count + mechanism.count + response.count + locale.count }

    public func write(into writer: inout RawWriter) {
        writer.writeLongString(clientProperties)
        writer.writeShortString(mechanism)
        writer.writeLongString(response)
        writer.writeShortString(locale)
    }
}

/// `connection.secure` (10, 20): a further challenge of the mechanism. Server → client.
public struct ConnectionSecure: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 20) }

    public var challenge: ByteSlice

    public init(challenge: ByteSlice) {
        self.challenge = challenge
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        challenge = try cursor.readLongString()
    }

    public var argumentBytes: Int { 4 + challenge.count }

    public func write(into writer: inout RawWriter) {
        writer.writeLongString(challenge)
    }
}

/// `connection.secure-ok` (10, 21): the answer to a challenge. Client → server.
public struct ConnectionSecureOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 21) }

    public var response: ByteSlice

    public init(response: ByteSlice) {
        self.response = response
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        response = try cursor.readLongString()
    }

    public var argumentBytes: Int { 4 + response.count }

    public func write(into writer: inout RawWriter) {
        writer.writeLongString(response)
    }
}

/// `connection.tune` (10, 30): proposes the limits of the connection. Server → client.
public struct ConnectionTune: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 30) }

    /// 0: no limit.
    public var channelMax: UInt16
    /// 0: no limit.
    public var frameBytesMax: UInt32
    /// 0: none.
    public var heartbeatSeconds: UInt16

    public init(channelMax: UInt16, frameBytesMax: UInt32, heartbeatSeconds: UInt16) {
        self.channelMax = channelMax
        self.frameBytesMax = frameBytesMax
        self.heartbeatSeconds = heartbeatSeconds
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        channelMax = try cursor.readUInt16()
        frameBytesMax = try cursor.readUInt32()
        heartbeatSeconds = try cursor.readUInt16()
    }

    public var argumentBytes: Int { 8 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(channelMax)
        writer.writeUInt32(frameBytesMax)
        writer.writeUInt16(heartbeatSeconds)
    }
}

/// `connection.tune-ok` (10, 31): settles the limits of the connection. Client → server.
public struct ConnectionTuneOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 31) }

    /// 0: no limit.
    public var channelMax: UInt16
    /// 0: no limit.
    public var frameBytesMax: UInt32
    /// 0: none.
    public var heartbeatSeconds: UInt16

    public init(channelMax: UInt16, frameBytesMax: UInt32, heartbeatSeconds: UInt16) {
        self.channelMax = channelMax
        self.frameBytesMax = frameBytesMax
        self.heartbeatSeconds = heartbeatSeconds
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        channelMax = try cursor.readUInt16()
        frameBytesMax = try cursor.readUInt32()
        heartbeatSeconds = try cursor.readUInt16()
    }

    public var argumentBytes: Int { 8 }

    public func write(into writer: inout RawWriter) {
        writer.writeUInt16(channelMax)
        writer.writeUInt32(frameBytesMax)
        writer.writeUInt16(heartbeatSeconds)
    }
}

/// `connection.open` (10, 40): enters a virtual host. Client → server.
public struct ConnectionOpen: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 40) }

    public var virtualHost: ByteSlice
    /// Reserved; once the capabilities.
    public var capabilities: ByteSlice
    /// Reserved; old clients still set it.
    public var insist: Bool

    public init(virtualHost: ByteSlice, insist: Bool = false, capabilities: ByteSlice = .empty) {
        self.virtualHost = virtualHost
        self.capabilities = capabilities
        self.insist = insist
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        virtualHost = try cursor.readShortString()
        capabilities = try cursor.readShortString()
        let bits = try cursor.readUInt8()
        insist = bits & 0x01 != 0
    }

    public var argumentBytes: Int { 3 + virtualHost.count + capabilities.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(virtualHost)
        writer.writeShortString(capabilities)
        writer.writeUInt8(insist ? 1 : 0)
    }
}

/// `connection.open-ok` (10, 41): the virtual host is entered. Server → client.
public struct ConnectionOpenOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 41) }

    /// Reserved.
    public var knownHosts: ByteSlice

    public init(knownHosts: ByteSlice = .empty) {
        self.knownHosts = knownHosts
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        knownHosts = try cursor.readShortString()
    }

    public var argumentBytes: Int { 1 + knownHosts.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(knownHosts)
    }
}

/// `connection.close` (10, 50): ends the connection, with the reason. Either way.
public struct ConnectionClose: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 50) }

    /// 200 when nothing is wrong; some clients send 0.
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

/// `connection.close-ok` (10, 51): the end is agreed to; nothing follows. Either way.
public struct ConnectionCloseOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 51) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `connection.blocked` (10, 60): publishers have to wait: a resource is short. RabbitMQ's extension. Server → client.
public struct ConnectionBlocked: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 60) }

    public var reason: ByteSlice

    public init(reason: ByteSlice) {
        self.reason = reason
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        reason = try cursor.readShortString()
    }

    public var argumentBytes: Int { 1 + reason.count }

    public func write(into writer: inout RawWriter) {
        writer.writeShortString(reason)
    }
}

/// `connection.unblocked` (10, 61): publishers may go on. RabbitMQ's extension. Server → client.
public struct ConnectionUnblocked: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 61) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `connection.update-secret` (10, 70): replaces credentials that expire. RabbitMQ's extension. Client → server.
public struct ConnectionUpdateSecret: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 70) }

    public var newSecret: ByteSlice
    public var reason: ByteSlice

    public init(newSecret: ByteSlice, reason: ByteSlice) {
        self.newSecret = newSecret
        self.reason = reason
    }

    public init(from cursor: inout ByteCursor) throws(CursorError) {
        newSecret = try cursor.readLongString()
        reason = try cursor.readShortString()
    }

    public var argumentBytes: Int { 5 + newSecret.count + reason.count }

    public func write(into writer: inout RawWriter) {
        writer.writeLongString(newSecret)
        writer.writeShortString(reason)
    }
}

/// `connection.update-secret-ok` (10, 71): the new credentials are in force. Server → client.
public struct ConnectionUpdateSecretOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 10, methodID: 71) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}
