// An owned reply of a RESP server: what clients receive, RESP2 and RESP3 alike.
// The daemon writes replies and never reads them; its own writer is elsewhere.
// Next: RESPReplyParser.swift.

/// One reply, or one element of it.
public enum RESPReply: Equatable, Sendable {
    case simpleString([UInt8])
    /// Code and text as the server sent them, `WRONGTYPE Operation against …`.
    case error([UInt8])
    case integer(Int64)
    case bulkString([UInt8])
    /// Null of any kind: `$-1`, `*-1`, `_`.
    case null
    case array([RESPReply])
    // From here on RESP3 only.
    case boolean(Bool)
    case double(Double)
    /// Decimal digits, as long as they are.
    case bigNumber([UInt8])
    /// Three letters of format and the text.
    case verbatimString(format: [UInt8], text: [UInt8])
    /// Key and value in turn; as ordered as the server sent them.
    case map([RESPReply])
    case set([RESPReply])
    /// Sent without having been asked for: pub/sub messages, invalidations.
    case push([RESPReply])

    /// Bytes of any kind of string; nil for others.
    public var bytes: [UInt8]? {
        switch self {
        case .simpleString(let bytes), .bulkString(let bytes), .bigNumber(let bytes): bytes
        case .verbatimString(_, let text): text
        default: nil
        }
    }

    /// Text of any kind of string; bytes that are no UTF-8 are replaced.
    public var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

    public var isNull: Bool { self == .null }

    /// Elements of an array, set or push; key and value in turn for a map.
    public var elements: [RESPReply]? {
        switch self {
        case .array(let elements), .set(let elements), .push(let elements), .map(let elements): elements
        default: nil
        }
    }

    /// The value of `key` in a map, or in an array that stands for one in RESP2.
    public func value(_ key: String) -> RESPReply? {
        guard let elements else { return nil }
        for index in stride(from: 0, to: elements.count - 1, by: 2) where elements[index].text == key {
            return elements[index + 1]
        }
        return nil
    }
}
