// Methods of class tx (90): local transactions of one channel.
// Borrowed fields: a decoded method is valid as long as the bytes it came from.
// Next: ../AMQPMethod.swift (what all methods share), ../MethodTable.swift (the list of them).

/// `tx.select` (90, 10): puts the channel into transaction mode. Client → server.
public struct TxSelect: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 90, methodID: 10) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `tx.select-ok` (90, 11): the channel is in transaction mode. Server → client.
public struct TxSelectOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 90, methodID: 11) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `tx.commit` (90, 20): makes publishes and acknowledgements count. Client → server.
public struct TxCommit: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 90, methodID: 20) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `tx.commit-ok` (90, 21): they count. Server → client.
public struct TxCommitOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 90, methodID: 21) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `tx.rollback` (90, 30): drops publishes and acknowledgements. Client → server.
public struct TxRollback: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 90, methodID: 30) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}

/// `tx.rollback-ok` (90, 31): they are dropped. Server → client.
public struct TxRollbackOK: AMQPMethod {
    @inlinable public static var id: MethodID { MethodID(classID: 90, methodID: 31) }

    public init() {}

    public init(from cursor: inout ByteCursor) throws(CursorError) {}

    public var argumentBytes: Int { 0 }

    public func write(into writer: inout RawWriter) {}
}
