// One value of a field table, borrowed: its type and its bytes.
// Integers come in eight widths; whoever reads an argument wants a number, so `integer` widens them all
// and equality does not see the width (RabbitMQ compares arguments so, too).
// Next: FieldTable.swift (owned values).

/// A borrowed field value.
public struct FieldView {
    public let type: FieldType
    /// The value's bytes without tag and length.
    public let bytes: ByteSlice

    /// Reads tag and value; nil when the tag is none.
    @inlinable
    init?(from cursor: inout ByteCursor) throws(CursorError) {
        guard let type = FieldType(rawValue: try cursor.readUInt8()) else { return nil }
        self.type = type
        if let count = type.fixedBytes {
            bytes = try cursor.readSlice(count)
        } else {
            bytes = try cursor.readLongString()
        }
    }

    /// Looks into nested tables and arrays.
    public func validate(depthMax: Int) throws(FrameError) {
        switch type {
        case .table: try FieldTableView(bytes).validate(depthMax: depthMax)
        case .array: try FieldArrayView(bytes).validate(depthMax: depthMax)
        default: break
        }
    }

    /// Any integer type's value; nil for other types.
    public var integer: Int64? {
        switch type {
        case .int8: Int64(load(Int8.self))
        case .uint8: Int64(load(UInt8.self))
        case .int16: Int64(load(Int16.self))
        case .uint16: Int64(load(UInt16.self))
        case .int32: Int64(load(Int32.self))
        case .uint32: Int64(load(UInt32.self))
        case .int64, .int64Alternate: load(Int64.self)
        default: nil
        }
    }

    public var boolean: Bool? { type == .boolean ? load(UInt8.self) != 0 : nil }

    /// Float or double.
    public var real: Double? {
        switch type {
        case .float: Double(Float(bitPattern: load(UInt32.self)))
        case .double: Double(bitPattern: load(UInt64.self))
        default: nil
        }
    }

    /// Bytes of a long string.
    public var longString: ByteSlice? { type == .longString ? bytes : nil }

    public var table: FieldTableView? { type == .table ? FieldTableView(bytes) : nil }

    public var array: FieldArrayView? { type == .array ? FieldArrayView(bytes) : nil }

    /// Seconds since 1970.
    public var timestamp: UInt64? { type == .timestamp ? load(UInt64.self) : nil }

    /// Digits after the point, and the number without its point.
    public var decimal: (scale: UInt8, value: UInt32)? {
        guard type == .decimal else { return nil }
        let value = UInt32(bigEndian: bytes.base.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
        return (bytes[0], value)
    }

    public var isVoid: Bool { type == .void }

    private func load<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
        precondition(bytes.count >= MemoryLayout<Value>.size)
        return Value(bigEndian: bytes.base.loadUnaligned(as: Value.self))
    }

    /// Equality as arguments are compared: integers by value whatever their width, reals likewise, the
    /// rest by type and bytes. 1 and "1" differ, 1 and 1.0 differ, strings and byte strings differ.
    public func isEquivalent(to other: FieldView) -> Bool {
        if let left = integer, let right = other.integer { return left == right }
        if let left = real, let right = other.real { return left == right }
        if type == .boolean, other.type == .boolean { return boolean == other.boolean }
        return type == other.type && bytes == other.bytes
    }
}
