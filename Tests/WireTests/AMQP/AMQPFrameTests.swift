import Testing
import Wire

private func next(_ bytes: [UInt8], frameBytesMax: Int = 4_096) throws -> (frame: AMQPFrame?, taken: Int) {
    try bytes.withUnsafeBytes { buffer in
        var cursor = ByteCursor(ByteSlice(buffer))
        let frame = try AMQPFrame.next(&cursor, frameBytesMax: frameBytesMax)
        return (frame, bytes.count - cursor.remaining)
    }
}

private func bodyFrame(_ payloadBytes: Int, end: UInt8 = 0xCE) -> [UInt8] {
    var writer = ByteWriter()
    writer.writeUInt8(3)
    writer.writeUInt16(7)
    writer.writeUInt32(UInt32(payloadBytes))
    writer.writeBytes([UInt8](repeating: 1, count: payloadBytes))
    writer.writeUInt8(end)
    return writer.bytes
}

/// Every part of a frame leaves the input where it was; the whole is taken exactly.
@Test func frameWaitsUntilItIsWhole() throws {
    let bytes = bodyFrame(20) + [1, 2, 3]
    for count in 0..<28 {
        let (frame, taken) = try next(Array(bytes[..<count]))
        #expect(frame == nil && taken == 0)
    }
    let (frame, taken) = try next(bytes)
    #expect(frame?.channel == 7 && frame?.type == FrameType.body && frame?.payload.count == 20 && taken == 28)
}

/// The negotiated size has a tolerance of eight octets, and is checked before the payload has come.
@Test func frameSizeIsBoundedBeforeItIsWaitedFor() throws {
    #expect(try next(bodyFrame(4_096)).frame != nil)
    let refused = FrameError.tooLarge(type: 3, channel: 7, payloadBytes: 4_097, payloadBytesMax: 4_088)
    #expect(throws: refused) { try next(bodyFrame(4_097)) }
    #expect(throws: refused) { try next(Array(bodyFrame(4_097)[..<7])) }
    #expect(throws: FrameError.self) { try next([1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]) }
    #expect(try next([1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], frameBytesMax: 0).frame == nil)
    #expect(refused.replyCode == 501)
}

@Test func frameNeedsItsEndAndAKnownType() throws {
    #expect(throws: FrameError.badEnd(type: 3, channel: 7, octet: 0xCD)) { try next(bodyFrame(3, end: 0xCD)) }
    for type in 0...255 as ClosedRange<UInt8> where ![1, 2, 3, 8].contains(type) {
        #expect(throws: FrameError.unknownFrame(type: type, channel: 0)) {
            try next([type, 0, 0, 0, 0, 0, 0, 0xCE])
        }
    }
    #expect(throws: FrameError.unknownFrame(type: 8, channel: 0)) { try next([8, 0, 0, 0, 0, 0, 1, 0, 0xCE]) }
    #expect(try next(AMQPConstants.heartbeatFrame).frame?.type == FrameType.heartbeat)
    let short = try #require(try next([1, 0, 0, 0, 0, 0, 3, 0, 60, 0, 0xCE]).frame)
    #expect(short.payload.count == 3)
}

@Test func methodFrameWithoutMethodIsNone() throws {
    let bytes: [UInt8] = [1, 0, 0, 0, 0, 0, 3, 0, 60, 0, 0xCE]
    bytes.withUnsafeBytes { buffer in
        var cursor = ByteCursor(ByteSlice(buffer))
        #expect(throws: FrameError.unknownFrame(type: 1, channel: 0)) {
            _ = try AMQPFrame.next(&cursor, frameBytesMax: 4_096)?.method()
        }
    }
}

@Test func protocolHeaderIsRecognised() {
    func recognise(_ bytes: [UInt8]) -> ProtocolHeader { bytes.withUnsafeBytes { .recognise(ByteSlice($0)) } }
    let header = AMQPConstants.protocolHeader
    for count in 0..<8 { #expect(recognise(Array(header[..<count])) == .incomplete) }
    #expect(recognise(header) == .amqp091)
    #expect(recognise(header + [1]) == .amqp091)
    #expect(recognise(Array("AMQP".utf8) + [0, 1, 0, 0]) == .unsupported)
    #expect(recognise(Array("AMQP".utf8) + [3]) == .incomplete)
    #expect(recognise(Array("AMQP".utf8) + [1, 1, 9, 1]) == .unsupported)
    #expect(recognise(Array("GET ".utf8)) == .unsupported)
    #expect(recognise([0x16, 3, 1]) == .unsupported)
    var writer = ByteWriter()
    writer.writeRaw(8) { $0.writeProtocolHeader() }
    #expect(writer.bytes == Array("AMQP".utf8) + [0, 0, 9, 1])
    writer.writeHeartbeat()
    #expect(writer.bytes[8...] == [8, 0, 0, 0, 0, 0, 0, 0xCE])
}
