import Testing
import Wire

/// Goal: every method decodes what its grammar says and encodes it to the same bytes. Method: random
/// arguments from an independent grammar; every truncation and one byte too many is refused.
@Test(arguments: MethodGrammar.all)
func methodFollowsItsGrammar(grammar: MethodGrammar) throws {
    let id = MethodID(classID: grammar.classID, methodID: grammar.methodID)
    let row = try #require(MethodTable.description(of: id))
    #expect(row.name.description == grammar.name)
    #expect(id.name == grammar.name)
    for seed in 1...6 as ClosedRange<UInt64> {
        var random = SeededGenerator(seed: seed)
        let arguments = grammar.arguments(using: &random)
        try arguments.withUnsafeBytes { buffer in
            let slice = ByteSlice(buffer)
            let method = try row.decode(slice)
            #expect(type(of: method).id == id)
            #expect(method.argumentBytes == arguments.count, "seed \(seed)")
            #expect(encode(method) == arguments, "seed \(seed)")
            for count in stride(from: 0, to: arguments.count, by: seed == 1 ? 1 : 37) {
                #expect(throws: FrameError.malformedMethod(id)) {
                    _ = try row.decode(slice.slice(from: 0, count: count))
                }
            }
        }
        let tooMany = arguments + [0]
        #expect(throws: FrameError.malformedMethod(id)) {
            try tooMany.withUnsafeBytes { _ = try row.decode(ByteSlice($0)) }
        }
    }
}

/// The arguments alone.
private func encode(_ method: some AMQPMethod) -> [UInt8] {
    var writer = ByteWriter()
    writer.writeRaw(method.argumentBytes) { method.write(into: &$0) }
    return writer.bytes
}

@Test func methodTableHasEveryMethodOnce() {
    #expect(MethodTable.all.count == MethodGrammar.all.count)
    #expect(Set(MethodTable.all.map(\.id)).count == MethodTable.all.count)
    #expect(
        MethodTable.all.filter(\.carriesContent).map(\.name.description)
            == ["basic.publish", "basic.return", "basic.deliver", "basic.get-ok"])
}

@Test func unknownMethodIsNamed() {
    let id = MethodID(classID: 60, methodID: 41)
    #expect(id.name == "60.41")
    #expect(throws: FrameError.unknownMethod(id)) { _ = try MethodTable.decode(id, arguments: .empty) }
}

/// Goal: the constants, layouts and names are the protocol's. Method: frames written out by hand.
@Test func methodsHaveTheSpecificationsBytes() throws {
    func frame(_ method: some AMQPMethod, channel: UInt16 = 1) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeMethodFrame(channel: channel, method)
        return writer.bytes
    }
    #expect(
        frame(ConnectionTune(channelMax: 2_047, frameBytesMax: 131_072, heartbeatSeconds: 60), channel: 0)
            == [1, 0, 0, 0, 0, 0, 12, 0, 10, 0, 30, 0x07, 0xFF, 0, 2, 0, 0, 0, 60, 0xCE])
    #expect(
        frame(ConnectionOpen(virtualHost: ByteSlice("/")), channel: 0)
            == [1, 0, 0, 0, 0, 0, 8, 0, 10, 0, 40, 1, 0x2F, 0, 0, 0xCE])
    #expect(frame(ChannelOpenOK()) == [1, 0, 1, 0, 0, 0, 8, 0, 20, 0, 11, 0, 0, 0, 0, 0xCE])
    #expect(frame(ExchangeUnbindOK()) == [1, 0, 1, 0, 0, 0, 4, 0, 40, 0, 51, 0xCE])
    #expect(
        frame(QueueDeclare(queue: ByteSlice("q"), durable: true, autoDelete: true))
            == [1, 0, 1, 0, 0, 0, 13, 0, 50, 0, 10, 0, 0, 1, 0x71, 0b01010, 0, 0, 0, 0, 0xCE])
    #expect(
        frame(QueueDeclareOK(queue: ByteSlice("q"), messageCount: 3, consumerCount: 1))
            == [1, 0, 1, 0, 0, 0, 14, 0, 50, 0, 11, 1, 0x71, 0, 0, 0, 3, 0, 0, 0, 1, 0xCE])
    #expect(
        frame(BasicPublish(exchange: .empty, routingKey: ByteSlice("ab"), mandatory: true), channel: 0x0102)
            == [1, 1, 2, 0, 0, 0, 11, 0, 60, 0, 40, 0, 0, 0, 2, 0x61, 0x62, 1, 0xCE])
    #expect(
        frame(BasicAck(deliveryTag: 0x0102_0304_0506_0708, multiple: true))
            == [1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0xCE])
    #expect(
        frame(BasicNack(deliveryTag: 2, multiple: false, requeue: true))
            == [1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 120, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0xCE])
    #expect(
        frame(BasicQos(prefetchBytes: 0, prefetchCount: 4, isGlobal: true))
            == [1, 0, 1, 0, 0, 0, 11, 0, 60, 0, 10, 0, 0, 0, 0, 0, 4, 1, 0xCE])
    #expect(frame(AccessRequestOK()) == [1, 0, 1, 0, 0, 0, 6, 0, 30, 0, 11, 0, 1, 0xCE])
    #expect(frame(ConfirmSelect(noWait: true)) == [1, 0, 1, 0, 0, 0, 5, 0, 85, 0, 10, 1, 0xCE])
    #expect(frame(TxCommit()) == [1, 0, 1, 0, 0, 0, 4, 0, 90, 0, 20, 0xCE])
    #expect(
        frame(ConnectionBlocked(reason: ByteSlice("x")), channel: 0)
            == [1, 0, 0, 0, 0, 0, 6, 0, 10, 0, 60, 1, 0x78, 0xCE])
    #expect(
        frame(ConnectionUpdateSecret(newSecret: ByteSlice("s"), reason: ByteSlice("r")), channel: 0)
            == [1, 0, 0, 0, 0, 0, 11, 0, 10, 0, 70, 0, 0, 0, 1, 0x73, 1, 0x72, 0xCE])
}

/// A frame begun without its size is the same as a measured one.
@Test func openFrameFillsInItsSize() {
    let method = QueueBind(queue: ByteSlice("q"), exchange: ByteSlice("e"), routingKey: ByteSlice("k"))
    var measured = ByteWriter()
    measured.writeMethodFrame(channel: 9, method)
    var open = ByteWriter()
    open.writeRaw(method.frameBytes) { writer in
        let frame = writer.beginMethodFrame(channel: 9, QueueBind.id)
        method.write(into: &writer)
        writer.endFrame(frame)
    }
    #expect(measured.bytes == open.bytes)
}
