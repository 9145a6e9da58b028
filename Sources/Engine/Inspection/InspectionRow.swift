// How inspection replies look: rows of named values, a map in RESP3 and a flat array in RESP2. Field tables
// become nested maps; what RESP has no type for becomes text.
// Administration only: it allocates as it likes. Loop thread only. Next: QueueCommands.swift.

import Wire

/// A value of a row.
enum InspectedValue {
    case text(String)
    case bytes([UInt8])
    case integer(Int)
    case flag(Bool)
    case field(FieldValue)
    case map(InspectionRow)
    case none

    static func name(_ name: ByteString) -> InspectedValue { .bytes(name.slice.array) }

    /// Arguments as a declaration brought them.
    static func arguments(_ raw: [UInt8]) -> InspectedValue {
        let table = raw.withUnsafeBytes { bytes in try? FieldTable(ByteSlice(bytes)) }
        return .field(.table(table ?? FieldTable()))
    }

    func write(to reply: ReplyWriter) {
        switch self {
        case .text(let text): reply.bulk(text)
        case .bytes(let bytes): reply.bulk(bytes)
        case .integer(let value): reply.integer(value)
        case .flag(let value): reply.bool(value)
        case .field(let value): value.write(to: reply)
        case .map(let row): row.write(to: reply)
        case .none: reply.null()
        }
    }
}

/// Names and values, in order.
struct InspectionRow {
    private var fields: [(StaticString, InspectedValue)] = []

    mutating func add(_ name: StaticString, _ value: InspectedValue) { fields.append((name, value)) }

    var isEmpty: Bool { fields.isEmpty }

    func write(to reply: ReplyWriter) {
        reply.map(fields.count)
        for (name, value) in fields {
            reply.bulk(name)
            value.write(to: reply)
        }
    }
}

extension ReplyWriter {
    func rows(_ rows: [InspectionRow]) {
        array(rows.count)
        for row in rows { row.write(to: self) }
    }
}

extension FieldValue {
    /// The value in RESP's types.
    fileprivate func write(to reply: ReplyWriter) {
        switch self {
        case .boolean(let value): reply.bool(value)
        case .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .int64Alternate: reply.integer(integer ?? 0)
        case .float(let value): reply.double(Double(value))
        case .double(let value): reply.double(value)
        case .decimal(let scale, let value): reply.bulk(Self.decimalText(value, scale: scale))
        case .longString(let bytes), .bytes(let bytes): reply.bulk(bytes)
        case .array(let values):
            reply.array(values.count)
            for value in values { value.write(to: reply) }
        case .table(let table):
            reply.map(table.entries.count)
            for entry in table.entries {
                reply.bulk(entry.key)
                entry.value.write(to: reply)
            }
        case .timestamp(let seconds): reply.integer(Int64(clamping: seconds))
        case .void: reply.null()
        }
    }

    /// `1234` with scale 2 is `12.34`.
    static func decimalText(_ value: UInt32, scale: UInt8) -> String {
        let digits = String(value)
        guard scale > 0 else { return digits }
        let padded = String(repeating: "0", count: max(0, Int(scale) + 1 - digits.count)) + digits
        return padded.dropLast(Int(scale)) + "." + padded.suffix(Int(scale))
    }
}
