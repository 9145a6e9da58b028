// Methods that carry content, written whole: method frame, content header, body frames.
// The measured fast path of deliveries: `*Bytes` gives the exact size to reserve, `write*` fills it.
// Exchange and routing key come as ready-made short strings (`address`), properties as flags and list:
// both as a message keeps them, so that a delivery is a few stores and three copies.
// Next: ContentHeader.swift (decoding), FrameWriting.swift.

/// How a body is cut into frames.
@frozen
public struct BodyLayout {
    public let bodyBytes: Int
    /// Payload of a full body frame.
    public let partBytesMax: Int

    /// - Parameter frameBytesMax: the receiver's negotiated frame size; 0 when it set no limit.
    @inlinable
    public init(bodyBytes: Int, frameBytesMax: Int) {
        self.bodyBytes = bodyBytes
        // Without a limit a frame's size still has to fit its 32 bits.
        partBytesMax = (frameBytesMax == 0 ? 1 << 30 : frameBytesMax) - AMQPConstants.frameOverheadBytes
        precondition(partBytesMax > 0, "frame size leaves no room for a body")
    }

    /// Number of body frames; an empty body has none.
    @inlinable
    public var frameCount: Int {
        bodyBytes <= partBytesMax
            ? (bodyBytes == 0 ? 0 : 1) : (bodyBytes + partBytesMax - 1) / partBytesMax
    }

    /// All body frames, overhead included.
    @inlinable
    public var frameBytes: Int { bodyBytes + frameCount * AMQPConstants.frameOverheadBytes }

    /// Offset and size of the body part in frame `index`.
    @inlinable
    public func part(_ index: Int) -> (offset: Int, count: Int) {
        let offset = index * partBytesMax
        precondition(index >= 0 && offset < bodyBytes, "no such body frame")
        return (offset, min(partBytesMax, bodyBytes - offset))
    }
}

/// Sizes of the frames below.
public enum ContentFrames {
    /// Header frame: overhead, class, weight, body size, properties.
    @inlinable @inline(__always)
    public static func headerBytes(properties: Int) -> Int { 8 + 12 + properties }

    /// Method and header frame of a delivery: all but the body.
    @inlinable @inline(__always)
    public static func deliverHeadBytes(consumerTag: Int, address: Int, properties: Int) -> Int {
        8 + 4 + 1 + consumerTag + 9 + address + headerBytes(properties: properties)
    }

    @inlinable @inline(__always)
    public static func getOKHeadBytes(address: Int, properties: Int) -> Int {
        8 + 4 + 9 + address + 4 + headerBytes(properties: properties)
    }

    @inlinable @inline(__always)
    public static func returnHeadBytes(replyText: Int, address: Int, properties: Int) -> Int {
        8 + 4 + 3 + replyText + address + headerBytes(properties: properties)
    }
}

extension RawWriter {
    /// `basic.deliver` and its content header; the body frames follow by `writeBody`.
    @inlinable
    public mutating func writeDeliverHead(
        channel: UInt16, consumerTag: ByteSlice, deliveryTag: UInt64, redelivered: Bool,
        address: ByteSlice, properties: ByteSlice, bodyBytes: Int
    ) {
        writeFrameHeader(
            type: FrameType.method, channel: channel,
            payloadBytes: 4 + 1 + consumerTag.count + 9 + address.count)
        writeUInt32(60 << 16 | 60)
        writeShortString(consumerTag)
        writeUInt64(deliveryTag)
        writeUInt8(redelivered ? 1 : 0)
        writeSlice(address)
        writeFrameEnd()
        writeContentHeader(channel: channel, properties: properties, bodyBytes: bodyBytes)
    }

    /// `basic.get-ok` and its content header.
    public mutating func writeGetOKHead(
        channel: UInt16, deliveryTag: UInt64, redelivered: Bool, messageCount: UInt32,
        address: ByteSlice, properties: ByteSlice, bodyBytes: Int
    ) {
        writeFrameHeader(
            type: FrameType.method, channel: channel, payloadBytes: 4 + 9 + address.count + 4)
        writeUInt32(60 << 16 | 71)
        writeUInt64(deliveryTag)
        writeUInt8(redelivered ? 1 : 0)
        writeSlice(address)
        writeUInt32(messageCount)
        writeFrameEnd()
        writeContentHeader(channel: channel, properties: properties, bodyBytes: bodyBytes)
    }

    /// `basic.return` and its content header.
    public mutating func writeReturnHead(
        channel: UInt16, replyCode: UInt16, replyText: ByteSlice,
        address: ByteSlice, properties: ByteSlice, bodyBytes: Int
    ) {
        writeFrameHeader(
            type: FrameType.method, channel: channel, payloadBytes: 4 + 3 + replyText.count + address.count)
        writeUInt32(60 << 16 | 50)
        writeUInt16(replyCode)
        writeShortString(replyText)
        writeSlice(address)
        writeFrameEnd()
        writeContentHeader(channel: channel, properties: properties, bodyBytes: bodyBytes)
    }

    /// Content header of class basic. `properties` is flags and list.
    @inlinable
    public mutating func writeContentHeader(channel: UInt16, properties: ByteSlice, bodyBytes: Int) {
        writeFrameHeader(type: FrameType.header, channel: channel, payloadBytes: 12 + properties.count)
        writeUInt32(60 << 16)
        writeUInt64(UInt64(bodyBytes))
        writeSlice(properties)
        writeFrameEnd()
    }

    /// All body frames, `BodyLayout.frameBytes` long.
    @inlinable
    public mutating func writeBody(channel: UInt16, _ body: ByteSlice, frameBytesMax: Int) {
        let layout = BodyLayout(bodyBytes: body.count, frameBytesMax: frameBytesMax)
        var offset = 0
        while offset < body.count {
            let count = min(layout.partBytesMax, body.count - offset)
            writeFrameHeader(type: FrameType.body, channel: channel, payloadBytes: count)
            writeBytes(body.base + offset, count: count)
            writeFrameEnd()
            offset += count
        }
    }
}
