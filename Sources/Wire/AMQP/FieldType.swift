// Type tags of values in field tables, as RabbitMQ reads them (they differ from the specification's
// list: rabbitmq.com/amqp-0-9-1-errata, "Table field types").
// Next: FieldTableView.swift.

/// Type tag of a field value.
public enum FieldType: UInt8, CaseIterable, Sendable {
    case boolean = 0x74  // t
    case int8 = 0x62  // b
    case uint8 = 0x42  // B
    case int16 = 0x73  // s
    case uint16 = 0x75  // u
    case int32 = 0x49  // I
    case uint32 = 0x69  // i
    case int64 = 0x6C  // l
    /// A second tag for 64 signed bits, which py-amqp sends and RabbitMQ reads.
    case int64Alternate = 0x4C  // L
    case float = 0x66  // f
    case double = 0x64  // d
    case decimal = 0x44  // D
    case longString = 0x53  // S
    case bytes = 0x78  // x
    case array = 0x41  // A
    case table = 0x46  // F
    case timestamp = 0x54  // T
    case void = 0x56  // V

    /// Size of the value, or nil when four length octets precede it.
    @inlinable
    public var fixedBytes: Int? {
        switch self {
        case .void: 0
        case .boolean, .int8, .uint8: 1
        case .int16, .uint16: 2
        case .int32, .uint32, .float: 4
        case .decimal: 5
        case .int64, .int64Alternate, .double, .timestamp: 8
        case .longString, .bytes, .array, .table: nil
        }
    }

    /// RabbitMQ's name of the type, as its error texts give it.
    public var name: StaticString {
        switch self {
        case .boolean: "bool"
        case .int8: "byte"
        case .uint8: "unsignedbyte"
        case .int16: "short"
        case .uint16: "unsignedshort"
        case .int32: "signedint"
        case .uint32: "unsignedint"
        case .int64, .int64Alternate: "long"
        case .float: "float"
        case .double: "double"
        case .decimal: "decimal"
        case .longString: "longstr"
        case .bytes: "binary"
        case .array: "array"
        case .table: "table"
        case .timestamp: "timestamp"
        case .void: "void"
        }
    }
}

/// Limits of the table reader.
public enum FieldTableLimits {
    /// Tables and arrays inside each other. Bounds the reader's stack.
    public static let depthMax = 128
}
