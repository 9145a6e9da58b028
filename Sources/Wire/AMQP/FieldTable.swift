// Owned field tables: for arguments that are kept, client properties, and headers that dead-lettering
// changes. Order, types and widths are kept, so that a decoded table encodes to the same bytes.
// Not for the path of every message: `FieldTableView` reads in place.
// Next: BasicProperties.swift.

/// An owned field value.
public enum FieldValue: Equatable, Sendable {
    case boolean(Bool)
    case int8(Int8)
    case uint8(UInt8)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    /// The tag `L`, see `FieldType`.
    case int64Alternate(Int64)
    case float(Float)
    case double(Double)
    case decimal(scale: UInt8, value: UInt32)
    case longString([UInt8])
    case bytes([UInt8])
    case array([FieldValue])
    case table(FieldTable)
    case timestamp(UInt64)
    case void

    /// A long string.
    public static func string(_ text: some StringProtocol) -> FieldValue { .longString(Array(text.utf8)) }

    /// A copy of a borrowed value. Deeper than `depthMax` → `FrameError.tableTooDeep`.
    public init(_ view: FieldView, depthMax: Int = FieldTableLimits.depthMax) throws(FrameError) {
        // Every accessor below yields for its own type: `FieldView` has checked the size.
        switch view.type {
        case .boolean: self = .boolean(view.boolean!)
        case .int8: self = .int8(Int8(view.integer!))
        case .uint8: self = .uint8(UInt8(view.integer!))
        case .int16: self = .int16(Int16(view.integer!))
        case .uint16: self = .uint16(UInt16(view.integer!))
        case .int32: self = .int32(Int32(view.integer!))
        case .uint32: self = .uint32(UInt32(view.integer!))
        case .int64: self = .int64(view.integer!)
        case .int64Alternate: self = .int64Alternate(view.integer!)
        case .float:
            self = .float(Float(bitPattern: UInt32(bigEndian: view.bytes.base.loadUnaligned(as: UInt32.self))))
        case .double: self = .double(view.real!)
        case .decimal: self = .decimal(scale: view.decimal!.scale, value: view.decimal!.value)
        case .longString: self = .longString(view.bytes.array)
        case .bytes: self = .bytes(view.bytes.array)
        case .timestamp: self = .timestamp(view.timestamp!)
        case .void: self = .void
        case .table: self = .table(try FieldTable(view.bytes, depthMax: depthMax))
        case .array:
            guard depthMax > 0 else { throw .tableTooDeep }
            var values: [FieldValue] = []
            var reader = FieldArrayReader(view.bytes)
            while let value = try reader.next() {
                values.append(try FieldValue(value, depthMax: depthMax - 1))
            }
            self = .array(values)
        }
    }

    public var type: FieldType {
        switch self {
        case .boolean: .boolean
        case .int8: .int8
        case .uint8: .uint8
        case .int16: .int16
        case .uint16: .uint16
        case .int32: .int32
        case .uint32: .uint32
        case .int64: .int64
        case .int64Alternate: .int64Alternate
        case .float: .float
        case .double: .double
        case .decimal: .decimal
        case .longString: .longString
        case .bytes: .bytes
        case .array: .array
        case .table: .table
        case .timestamp: .timestamp
        case .void: .void
        }
    }

    /// Any integer type's value.
    public var integer: Int64? {
        switch self {
        case .int8(let value): Int64(value)
        case .uint8(let value): Int64(value)
        case .int16(let value): Int64(value)
        case .uint16(let value): Int64(value)
        case .int32(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .int64(let value), .int64Alternate(let value): value
        default: nil
        }
    }

    public var real: Double? {
        switch self {
        case .float(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }

    /// Bytes of a long string.
    public var longString: [UInt8]? { if case .longString(let value) = self { value } else { nil } }

    /// Text of a long string; bytes that are no UTF-8 are replaced.
    public var text: String? { longString.map { String(decoding: $0, as: UTF8.self) } }

    public var table: FieldTable? { if case .table(let value) = self { value } else { nil } }

    public var array: [FieldValue]? { if case .array(let value) = self { value } else { nil } }

    /// Equality as arguments are compared, see `FieldView.isEquivalent`.
    public func isEquivalent(to other: FieldValue) -> Bool {
        if let left = integer, let right = other.integer { return left == right }
        if let left = real, let right = other.real { return left == right }
        switch (self, other) {
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isEquivalent(to: $1) }
        case (.table(let left), .table(let right)): return left.isEquivalent(to: right)
        default: return self == other
        }
    }

    /// Tag and value.
    public func encode(into writer: inout ByteWriter) {
        writer.writeUInt8(type.rawValue)
        switch self {
        case .boolean(let value): writer.writeUInt8(value ? 1 : 0)
        case .int8(let value): writer.writeUInt8(UInt8(bitPattern: value))
        case .uint8(let value): writer.writeUInt8(value)
        case .int16(let value): writer.writeUInt16(UInt16(bitPattern: value))
        case .uint16(let value): writer.writeUInt16(value)
        case .int32(let value): writer.writeUInt32(UInt32(bitPattern: value))
        case .uint32(let value): writer.writeUInt32(value)
        case .int64(let value), .int64Alternate(let value): writer.writeUInt64(UInt64(bitPattern: value))
        case .float(let value): writer.writeUInt32(value.bitPattern)
        case .double(let value): writer.writeUInt64(value.bitPattern)
        case .decimal(let scale, let value):
            writer.writeUInt8(scale)
            writer.writeUInt32(value)
        case .longString(let bytes), .bytes(let bytes): writer.writeLongString(bytes)
        case .timestamp(let seconds): writer.writeUInt64(seconds)
        case .void: break
        case .table(let table):
            let start = writer.count
            writer.writeUInt32(0)
            table.encode(into: &writer)
            writer.patchUInt32(UInt32(writer.count - start - 4), at: start)
        case .array(let values):
            let start = writer.count
            writer.writeUInt32(0)
            for value in values { value.encode(into: &writer) }
            writer.patchUInt32(UInt32(writer.count - start - 4), at: start)
        }
    }
}

/// An owned table: entries in the order they came. Keys are bytes, at most 255 of them.
public struct FieldTable: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var key: [UInt8]
        public var value: FieldValue

        public init(key: [UInt8], value: FieldValue) {
            precondition(key.count <= 255, "table key too long")
            self.key = key
            self.value = value
        }
    }

    public var entries: [Entry] = []

    public init() {}

    /// A copy of the bytes between a table's length and its end.
    public init(_ bytes: ByteSlice, depthMax: Int = FieldTableLimits.depthMax) throws(FrameError) {
        guard depthMax > 0 else { throw .tableTooDeep }
        var reader = FieldTableReader(bytes)
        while let entry = try reader.next() {
            entries.append(
                Entry(key: entry.key.array, value: try FieldValue(entry.value, depthMax: depthMax - 1)))
        }
    }

    public init(_ view: FieldTableView) throws(FrameError) { try self.init(view.bytes) }

    public var isEmpty: Bool { entries.isEmpty }

    /// The first value of `key`. Setting replaces it in its place or appends; nil removes.
    public subscript(key: [UInt8]) -> FieldValue? {
        get { entries.first { $0.key == key }?.value }
        set {
            if let index = entries.firstIndex(where: { $0.key == key }) {
                if let newValue { entries[index].value = newValue } else { entries.remove(at: index) }
            } else if let newValue {
                entries.append(Entry(key: key, value: newValue))
            }
        }
    }

    public subscript(key: String) -> FieldValue? {
        get { self[Array(key.utf8)] }
        set { self[Array(key.utf8)] = newValue }
    }

    /// Equality as arguments are compared: order and integer widths do not matter.
    public func isEquivalent(to other: FieldTable) -> Bool {
        guard entries.count == other.entries.count else { return false }
        return entries.allSatisfy { entry in
            other[entry.key].map { entry.value.isEquivalent(to: $0) } ?? false
        }
    }

    /// The entries, without a length before them.
    public func encode(into writer: inout ByteWriter) {
        for entry in entries {
            writer.writeShortString(entry.key)
            entry.value.encode(into: &writer)
        }
    }

    /// The entries' bytes, without a length before them: what methods take as `arguments`.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(into: &writer)
        return writer.bytes
    }
}

extension FieldTable: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, FieldValue)...) {
        for (key, value) in elements { self[key] = value }
    }
}

extension FieldValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .string(value) }

    public init(integerLiteral value: Int64) {
        self = if let narrow = Int32(exactly: value) { .int32(narrow) } else { .int64(value) }
    }

    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}
