// Cuts frames out of a byte stream, in place.
// A frame borrows the read buffer; nothing is copied and nothing is waited for that is not allowed.
// Next: AMQPMethod.swift (payload of method frames), ContentHeader.swift (payload of header frames).

/// One whole frame, borrowed.
@frozen
public struct AMQPFrame {
    /// A `FrameType`.
    public let type: UInt8
    public let channel: UInt16
    public let payload: ByteSlice

    @inlinable @inline(__always)
    public init(type: UInt8, channel: UInt16, payload: ByteSlice) {
        self.type = type
        self.channel = channel
        self.payload = payload
    }

    /// The next whole frame, or nil when more bytes are needed; `input` then stands where it stood.
    /// - Parameter frameBytesMax: negotiated frame size; frames may exceed it by RabbitMQ's tolerance.
    ///   0 means no limit was negotiated.
    @inlinable
    public static func next(
        _ input: inout ByteCursor, frameBytesMax: Int
    ) throws(FrameError) -> AMQPFrame? {
        guard input.remaining >= 7 else { return nil }
        let start = input.position
        let type = start.load(as: UInt8.self)
        let channel = UInt16(bigEndian: start.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
        let payloadBytes = Int(UInt32(bigEndian: start.loadUnaligned(fromByteOffset: 3, as: UInt32.self)))
        // Before waiting for bytes: a hostile size must not make anybody buffer 4 GiB.
        // Overhead and tolerance are both eight octets, so the payload may be as long as the frame should be.
        guard payloadBytes <= frameBytesMax || frameBytesMax == 0 else {
            throw .tooLarge(
                type: type, channel: channel, payloadBytes: payloadBytes,
                payloadBytesMax: frameBytesMax - AMQPConstants.frameOverheadBytes)
        }
        guard input.remaining >= payloadBytes + 8 else { return nil }
        let end = start.load(fromByteOffset: 7 + payloadBytes, as: UInt8.self)
        guard end == 0xCE else { throw .badEnd(type: type, channel: channel, octet: end) }
        input.position = start + (payloadBytes + 8)
        guard type &- 1 < 3 || (type == FrameType.heartbeat && payloadBytes == 0) else {
            throw .unknownFrame(type: type, channel: channel)
        }
        return AMQPFrame(
            type: type, channel: channel, payload: ByteSlice(base: start + 7, count: payloadBytes))
    }

    /// Class and method of a method frame; `arguments` is the rest of the payload.
    @inlinable @inline(__always)
    public func method() throws(FrameError) -> (id: MethodID, arguments: ByteSlice) {
        guard payload.count >= 4 else { throw .unknownFrame(type: type, channel: channel) }
        let id = UInt32(bigEndian: payload.base.loadUnaligned(as: UInt32.self))
        return (MethodID(rawValue: id), ByteSlice(base: payload.base + 4, count: payload.count - 4))
    }
}
