// Writes frames into reserved memory: measure first (`frameBytes`), reserve once, then plain stores.
// Next: ContentFrames.swift (methods with content: deliveries and the like).

extension RawWriter {
    /// AMQP long string or table: four length octets, then the bytes.
    @inlinable @inline(__always)
    public mutating func writeLongString(_ slice: ByteSlice) {
        precondition(slice.count <= UInt32.max, "long string too long")
        writeUInt32(UInt32(truncatingIfNeeded: slice.count))
        writeSlice(slice)
    }

    @inlinable @inline(__always)
    public mutating func writeFrameHeader(type: UInt8, channel: UInt16, payloadBytes: Int) {
        writeUInt8(type)
        writeUInt16(channel)
        writeUInt32(UInt32(truncatingIfNeeded: payloadBytes))
    }

    @inlinable @inline(__always)
    public mutating func writeFrameEnd() { writeUInt8(0xCE) }

    /// A method's whole frame, `method.frameBytes` long.
    @inlinable
    public mutating func writeMethodFrame(channel: UInt16, _ method: some AMQPMethod) {
        writeFrameHeader(type: FrameType.method, channel: channel, payloadBytes: method.argumentBytes + 4)
        writeUInt32(type(of: method).id.rawValue)
        method.write(into: &self)
        writeFrameEnd()
    }

    /// Begins a method frame whose arguments the caller writes itself; `endFrame` fills in the size.
    @inlinable
    public mutating func beginMethodFrame(channel: UInt16, _ id: MethodID) -> OpenFrame {
        let frame = OpenFrame(offset: count)
        writeFrameHeader(type: FrameType.method, channel: channel, payloadBytes: 0)
        writeUInt32(id.rawValue)
        return frame
    }

    @inlinable
    public mutating func endFrame(_ frame: OpenFrame) {
        let payloadBytes = count - frame.offset - AMQPConstants.frameHeaderBytes
        (start + frame.offset + 3).storeBytes(
            of: UInt32(truncatingIfNeeded: payloadBytes).bigEndian, as: UInt32.self)
        writeFrameEnd()
    }

    /// A heartbeat, eight octets.
    @inlinable
    public mutating func writeHeartbeat() {
        writeFrameHeader(type: FrameType.heartbeat, channel: 0, payloadBytes: 0)
        writeFrameEnd()
    }

    /// `AMQP 0 0 9 1`, eight octets: the answer to a header that is not ours.
    public mutating func writeProtocolHeader() {
        for octet in AMQPConstants.protocolHeader { writeUInt8(octet) }
    }
}

/// A frame whose size is not known yet.
@frozen
public struct OpenFrame {
    public let offset: Int

    @inlinable
    init(offset: Int) { self.offset = offset }
}

extension ByteWriter {
    /// A method's whole frame. For handshakes, the client and tests.
    public mutating func writeMethodFrame(channel: UInt16, _ method: some AMQPMethod) {
        writeRaw(method.frameBytes) { $0.writeMethodFrame(channel: channel, method) }
    }

    public mutating func writeHeartbeat() {
        writeRaw(AMQPConstants.frameOverheadBytes) { $0.writeHeartbeat() }
    }
}
