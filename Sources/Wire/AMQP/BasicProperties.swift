// Owned properties of a message: for the client, inspection and tests. The daemon passes flags and list
// on as they are and reads them by `BasicPropertiesView`.
// Next: FieldTable.swift.

/// Properties of class basic. nil: absent.
public struct BasicProperties: Equatable, Sendable {
    public var contentType: [UInt8]?
    public var contentEncoding: [UInt8]?
    public var headers: FieldTable?
    /// 1 transient, 2 persistent.
    public var deliveryMode: UInt8?
    public var priority: UInt8?
    public var correlationID: [UInt8]?
    public var replyTo: [UInt8]?
    /// Milliseconds as text.
    public var expiration: [UInt8]?
    public var messageID: [UInt8]?
    /// Seconds since 1970.
    public var timestamp: UInt64?
    public var type: [UInt8]?
    public var userID: [UInt8]?
    public var appID: [UInt8]?
    public var clusterID: [UInt8]?

    public init() {}

    /// Decodes flags and list.
    public init(_ bytes: ByteSlice) throws(FrameError) { try self.init(BasicPropertiesView(bytes)) }

    public init(_ view: BasicPropertiesView) throws(FrameError) {
        contentType = view.text(.contentType)?.array
        contentEncoding = view.text(.contentEncoding)?.array
        if let table = view.headers { headers = try FieldTable(table) }
        if view.has(.deliveryMode) { deliveryMode = view.deliveryMode }
        if view.has(.priority) { priority = view.priority }
        correlationID = view.text(.correlationID)?.array
        replyTo = view.replyTo?.array
        expiration = view.expiration?.array
        messageID = view.text(.messageID)?.array
        timestamp = view.timestamp
        type = view.text(.type)?.array
        userID = view.userID?.array
        appID = view.text(.appID)?.array
        clusterID = view.text(.clusterID)?.array
    }

    /// Flags and list. Short strings are at most 255 bytes.
    public func encode(into writer: inout ByteWriter) {
        var flags: UInt16 = 0
        func note(_ property: BasicProperty, _ isPresent: Bool) { if isPresent { flags |= property.rawValue } }
        note(.contentType, contentType != nil)
        note(.contentEncoding, contentEncoding != nil)
        note(.headers, headers != nil)
        note(.deliveryMode, deliveryMode != nil)
        note(.priority, priority != nil)
        note(.correlationID, correlationID != nil)
        note(.replyTo, replyTo != nil)
        note(.expiration, expiration != nil)
        note(.messageID, messageID != nil)
        note(.timestamp, timestamp != nil)
        note(.type, type != nil)
        note(.userID, userID != nil)
        note(.appID, appID != nil)
        note(.clusterID, clusterID != nil)
        writer.writeUInt16(flags)
        if let contentType { writer.writeShortString(contentType) }
        if let contentEncoding { writer.writeShortString(contentEncoding) }
        if let headers { writer.writeLongString(headers.encoded) }
        if let deliveryMode { writer.writeUInt8(deliveryMode) }
        if let priority { writer.writeUInt8(priority) }
        if let correlationID { writer.writeShortString(correlationID) }
        if let replyTo { writer.writeShortString(replyTo) }
        if let expiration { writer.writeShortString(expiration) }
        if let messageID { writer.writeShortString(messageID) }
        if let timestamp { writer.writeUInt64(timestamp) }
        if let type { writer.writeShortString(type) }
        if let userID { writer.writeShortString(userID) }
        if let appID { writer.writeShortString(appID) }
        if let clusterID { writer.writeShortString(clusterID) }
    }

    /// Flags and list.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(into: &writer)
        return writer.bytes
    }
}
