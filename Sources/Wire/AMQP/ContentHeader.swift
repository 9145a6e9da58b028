// Payload of a header frame: class, weight, body size, then properties as they are.
// Next: BasicProperties.swift, BasicPropertiesView.swift.

/// A content header, borrowed.
@frozen
public struct ContentHeader {
    public let classID: UInt16
    /// Always 0; anything else is a protocol error that the session reports.
    public let weight: UInt16
    public let bodyBytes: UInt64
    /// Property flags and list, not looked into yet.
    public let properties: ByteSlice

    /// Less than the fixed part, or no property flags → `FrameError.unknownFrame`.
    @inlinable
    public init(_ frame: AMQPFrame) throws(FrameError) {
        let payload = frame.payload
        guard payload.count >= 14 else { throw .unknownFrame(type: frame.type, channel: frame.channel) }
        classID = UInt16(bigEndian: payload.base.loadUnaligned(as: UInt16.self))
        weight = UInt16(bigEndian: payload.base.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        bodyBytes = UInt64(bigEndian: payload.base.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
        properties = ByteSlice(base: payload.base + 12, count: payload.count - 12)
    }
}
