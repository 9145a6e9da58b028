// What all methods share: their number, decoding and encoding of arguments.
// A protocol for tests, tables and the client; the daemon's sessions name the concrete types, so that
// no existential and no unspecialised generic is on the hot path.
// Next: Methods/ (one file for each class), MethodTable.swift.

/// Class and method in one number, `class << 16 | method`, as they stand on the wire.
@frozen
public struct MethodID: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    @inlinable @inline(__always)
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable @inline(__always)
    public init(classID: UInt16, methodID: UInt16) {
        rawValue = UInt32(classID) << 16 | UInt32(methodID)
    }

    @inlinable public var classID: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 16) }
    @inlinable public var methodID: UInt16 { UInt16(truncatingIfNeeded: rawValue) }

    /// `basic.publish`; the numbers when there is no such method.
    public var name: String {
        if let row = MethodTable.description(of: self) { return row.name.description }
        return "\(classID).\(methodID)"
    }
}

/// The arguments of one method. Strings and tables are borrowed.
public protocol AMQPMethod: SendableMetatype {
    static var id: MethodID { get }
    /// Reads the arguments in order; says nothing about bytes that are left.
    init(from cursor: inout ByteCursor) throws(CursorError)
    /// Exactly what `write` writes.
    var argumentBytes: Int { get }
    func write(into writer: inout RawWriter)
}

extension AMQPMethod {
    /// Decodes all of `arguments`. Bytes too few or too many → `FrameError.malformedMethod`, as in RabbitMQ.
    /// Tables inside are not looked into: see `FieldTableView.validate`.
    @inlinable @inline(__always)
    public init(arguments: ByteSlice) throws(FrameError) {
        var cursor = ByteCursor(arguments)
        do throws(CursorError) {
            self = try Self(from: &cursor)
        } catch {
            throw .malformedMethod(Self.id)
        }
        guard cursor.remaining == 0 else { throw .malformedMethod(Self.id) }
    }

    /// The whole frame, overhead included.
    @inlinable
    public var frameBytes: Int { argumentBytes + 4 + AMQPConstants.frameOverheadBytes }
}
