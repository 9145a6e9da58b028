import Testing
import Wire

/// What a receiver makes of the bytes.
private struct Received: Equatable {
    var method: MethodID
    var arguments: [UInt8]
    var properties: [UInt8]
    var body: [UInt8]
    var parts: [Int]
}

private func receive(_ bytes: [UInt8], frameBytesMax: Int) throws -> Received {
    try bytes.withUnsafeBytes { buffer in
        var cursor = ByteCursor(ByteSlice(buffer))
        let first = try #require(try AMQPFrame.next(&cursor, frameBytesMax: frameBytesMax))
        let (id, arguments) = try first.method()
        let second = try #require(try AMQPFrame.next(&cursor, frameBytesMax: frameBytesMax))
        let header = try ContentHeader(second)
        #expect(header.classID == 60 && header.weight == 0)
        var received = Received(
            method: id, arguments: arguments.array, properties: header.properties.array, body: [], parts: [])
        while let frame = try AMQPFrame.next(&cursor, frameBytesMax: frameBytesMax) {
            #expect(frame.type == FrameType.body)
            #expect(frame.payload.count + 8 <= frameBytesMax)
            received.body += frame.payload.array
            received.parts.append(frame.payload.count)
        }
        #expect(cursor.remaining == 0)
        #expect(UInt64(received.body.count) == header.bodyBytes)
        return received
    }
}

/// Goal: the measured size is the written one and the frames say what went in. Method: bodies around every
/// multiple of the frame size.
@Test(arguments: [0, 1, 4_087, 4_088, 4_089, 8_176, 8_177, 100_000])
func deliveryIsCutIntoFrames(bodyBytes: Int) throws {
    var random = SeededGenerator(seed: UInt64(bodyBytes) + 1)
    let body = random.bytes(bodyBytes)
    let address: [UInt8] = [1, 0x65, 3, 0x6B, 0x65, 0x79]
    let properties: [UInt8] = [0x10, 0, 2]
    let frameBytesMax = 4_096
    let layout = BodyLayout(bodyBytes: bodyBytes, frameBytesMax: frameBytesMax)
    let tag = ByteSlice("tag")
    var writer = ByteWriter()
    body.withUnsafeBytes { bodyBuffer in
        address.withUnsafeBytes { addressBuffer in
            properties.withUnsafeBytes { propertiesBuffer in
                let head = ContentFrames.deliverHeadBytes(
                    consumerTag: tag.count, address: address.count, properties: properties.count)
                writer.writeRaw(head) {
                    $0.writeDeliverHead(
                        channel: 3, consumerTag: tag, deliveryTag: 77, redelivered: true,
                        address: ByteSlice(addressBuffer), properties: ByteSlice(propertiesBuffer),
                        bodyBytes: bodyBytes)
                }
                writer.writeRaw(layout.frameBytes) {
                    $0.writeBody(channel: 3, ByteSlice(bodyBuffer), frameBytesMax: frameBytesMax)
                }
            }
        }
    }
    let received = try receive(writer.bytes, frameBytesMax: frameBytesMax)
    #expect(received.method == .basicDeliver && received.properties == properties && received.body == body)
    #expect(received.parts.count == layout.frameCount)
    #expect(received.parts == (0..<layout.frameCount).map { layout.part($0).count })
    try received.arguments.withUnsafeBytes { buffer in
        let deliver = try BasicDeliver(arguments: ByteSlice(buffer))
        #expect(deliver.consumerTag.equals("tag") && deliver.deliveryTag == 77 && deliver.redelivered)
        #expect(deliver.exchange.equals("e") && deliver.routingKey.equals("key"))
    }
}

@Test func getOKAndReturnEncodeLikeTheirMethods() throws {
    let address: [UInt8] = [1, 0x65, 1, 0x6B]
    let properties: [UInt8] = [0, 0]
    var writer = ByteWriter()
    var expected = ByteWriter()
    address.withUnsafeBytes { addressBuffer in
        properties.withUnsafeBytes { propertiesBuffer in
            let address = ByteSlice(addressBuffer), properties = ByteSlice(propertiesBuffer)
            writer.writeRaw(ContentFrames.getOKHeadBytes(address: 4, properties: 2)) {
                $0.writeGetOKHead(
                    channel: 2, deliveryTag: 5, redelivered: false, messageCount: 9, address: address,
                    properties: properties, bodyBytes: 0)
            }
            expected.writeMethodFrame(
                channel: 2,
                BasicGetOK(
                    deliveryTag: 5, exchange: ByteSlice("e"), routingKey: ByteSlice("k"), messageCount: 9))
            expected.writeRaw(ContentFrames.headerBytes(properties: 2)) {
                $0.writeContentHeader(channel: 2, properties: properties, bodyBytes: 0)
            }
            #expect(writer.bytes == expected.bytes)
            writer.removeAll()
            expected.removeAll()
            writer.writeRaw(ContentFrames.returnHeadBytes(replyText: 8, address: 4, properties: 2)) {
                $0.writeReturnHead(
                    channel: 2, replyCode: 312, replyText: ByteSlice("NO_ROUTE"), address: address,
                    properties: properties, bodyBytes: 0)
            }
            expected.writeMethodFrame(
                channel: 2,
                BasicReturn(
                    replyCode: 312, replyText: ByteSlice("NO_ROUTE"), exchange: ByteSlice("e"),
                    routingKey: ByteSlice("k")))
            expected.writeRaw(ContentFrames.headerBytes(properties: 2)) {
                $0.writeContentHeader(channel: 2, properties: properties, bodyBytes: 0)
            }
            #expect(writer.bytes == expected.bytes)
        }
    }
}
