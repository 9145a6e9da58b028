// Properties of a message as they came: two octets of flags and a list, read in place.
// One pass finds what routing, expiry and checks need and proves that the list is whole; the other
// properties are found by a second look when somebody asks (dead-lettering, inspection).
// Next: BasicProperties.swift (owned), FieldTableView.swift (headers).

/// The fourteen properties of class basic; raw value: their bit in the flags.
public enum BasicProperty: UInt16, CaseIterable, Sendable {
    case contentType = 0x8000
    case contentEncoding = 0x4000
    case headers = 0x2000
    case deliveryMode = 0x1000
    case priority = 0x0800
    case correlationID = 0x0400
    case replyTo = 0x0200
    case expiration = 0x0100
    case messageID = 0x0080
    case timestamp = 0x0040
    case type = 0x0020
    case userID = 0x0010
    case appID = 0x0008
    /// Reserved; RabbitMQ calls it cluster-id.
    case clusterID = 0x0004
}

/// What a pass over flags and list has found. Borrowed: valid as long as the bytes.
public struct BasicPropertiesView {
    /// Flags and list.
    public let bytes: ByteSlice
    public let flags: UInt16
    /// 0 when absent.
    public private(set) var deliveryMode: UInt8 = 0
    /// 0 when absent.
    public private(set) var priority: UInt8 = 0
    private var headersOffset = 0
    private var headersCount = 0
    private var expirationOffset = 0
    private var replyToOffset = 0
    private var userIDOffset = 0

    /// Checks that flags and list agree to the last byte. Headers are not looked into: see `validateHeaders`.
    public init(_ bytes: ByteSlice) throws(FrameError) {
        self.bytes = bytes
        var cursor = ByteCursor(bytes)
        do throws(CursorError) {
            flags = try cursor.readUInt16()
            // RabbitMQ ignores the two lowest bits; class basic has no second word of flags.
            if flags & 0xFFFC == 0 {
                guard cursor.remaining == 0 else { throw CursorError.outOfBytes }
                return
            }
            if has(.contentType) { _ = try cursor.readShortString() }
            if has(.contentEncoding) { _ = try cursor.readShortString() }
            if has(.headers) {
                headersCount = Int(try cursor.readUInt32())
                headersOffset = bytes.count - cursor.remaining
                try cursor.skip(headersCount)
            }
            if has(.deliveryMode) { deliveryMode = try cursor.readUInt8() }
            if has(.priority) { priority = try cursor.readUInt8() }
            if flags & 0x07FC == 0 {
                guard cursor.remaining == 0 else { throw CursorError.outOfBytes }
                return
            }
            if has(.correlationID) { _ = try cursor.readShortString() }
            if has(.replyTo) {
                replyToOffset = bytes.count - cursor.remaining
                _ = try cursor.readShortString()
            }
            if has(.expiration) {
                expirationOffset = bytes.count - cursor.remaining
                _ = try cursor.readShortString()
            }
            if has(.messageID) { _ = try cursor.readShortString() }
            if has(.timestamp) { try cursor.skip(8) }
            if has(.type) { _ = try cursor.readShortString() }
            if has(.userID) {
                userIDOffset = bytes.count - cursor.remaining
                _ = try cursor.readShortString()
            }
            if has(.appID) { _ = try cursor.readShortString() }
            if has(.clusterID) { _ = try cursor.readShortString() }
            guard cursor.remaining == 0 else { throw CursorError.outOfBytes }
        } catch {
            throw .malformedProperties
        }
    }

    @inline(__always)
    public func has(_ property: BasicProperty) -> Bool { flags & property.rawValue != 0 }

    public var isPersistent: Bool { deliveryMode == 2 }

    /// The headers table; nil when absent.
    public var headers: FieldTableView? {
        has(.headers) ? FieldTableView(bytes.slice(from: headersOffset, count: headersCount)) : nil
    }

    /// Time to live in milliseconds as text; nil when absent.
    public var expiration: ByteSlice? { has(.expiration) ? shortString(at: expirationOffset) : nil }

    public var replyTo: ByteSlice? { has(.replyTo) ? shortString(at: replyToOffset) : nil }

    public var userID: ByteSlice? { has(.userID) ? shortString(at: userIDOffset) : nil }

    private func shortString(at offset: Int) -> ByteSlice {
        bytes.slice(from: offset + 1, count: Int(bytes[offset]))
    }

    /// Walks the headers, nested tables too. No headers are valid headers.
    public func validateHeaders() throws(FrameError) { try headers?.validate() }

    /// Where the encoded `property` stands in `bytes`, length octets included; nil when absent. A second
    /// look at the list.
    public func range(of property: BasicProperty) -> Range<Int>? {
        guard has(property) else { return nil }
        var offset = 2
        for candidate in BasicProperty.allCases where has(candidate) {
            let count: Int
            switch candidate {
            case .deliveryMode, .priority: count = 1
            case .timestamp: count = 8
            case .headers: count = 4 + headersCount
            default: count = 1 + Int(bytes[offset])
            }
            if candidate == property { return offset..<offset + count }
            offset += count
        }
        return nil
    }

    /// Any short-string property; nil when absent.
    public func text(_ property: BasicProperty) -> ByteSlice? {
        precondition(![.headers, .deliveryMode, .priority, .timestamp].contains(property), "no short string")
        return range(of: property).map { shortString(at: $0.lowerBound) }
    }

    /// Seconds since 1970; nil when absent.
    public var timestamp: UInt64? {
        range(of: .timestamp).map {
            UInt64(bigEndian: bytes.base.loadUnaligned(fromByteOffset: $0.lowerBound, as: UInt64.self))
        }
    }

    /// Flags and list with other headers, and without those of `dropped`; everything else byte for byte.
    /// - Parameter headers: encoded entries without length; nil removes the headers.
    public func replacing(headers: [UInt8]?, dropping dropped: [BasicProperty] = []) -> [UInt8] {
        var kept = flags & 0xFFFC & ~BasicProperty.headers.rawValue
        for property in dropped { kept &= ~property.rawValue }
        var writer = ByteWriter()
        writer.reserve(bytes.count + (headers?.count ?? 0) + 4)
        writer.writeUInt16(headers == nil ? kept : kept | BasicProperty.headers.rawValue)
        for property in BasicProperty.allCases {
            if property == .headers {
                if let headers { writer.writeLongString(headers) }
            } else if kept & property.rawValue != 0, let range = range(of: property) {
                writer.writeSlice(bytes.slice(from: range.lowerBound, count: range.count))
            }
        }
        return writer.bytes
    }
}
