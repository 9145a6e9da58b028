import Testing
import Wire

@testable import TaskdClient

/// Arguments of a method as the server sends them.
private func arguments(_ method: some AMQPMethod) -> [UInt8] {
    var writer = ByteWriter()
    writer.writeRaw(method.argumentBytes) { method.write(into: &$0) }
    return writer.bytes
}

private func receive(_ handshake: inout Handshake, _ method: some AMQPMethod) throws -> Handshake.Action {
    try arguments(method).withUnsafeBytes { try handshake.receive(type(of: method).id, ByteSlice($0)) }
}

private var start: ConnectionStart {
    ConnectionStart(
        versionMajor: 0, versionMinor: 9, mechanisms: ByteSlice("AMQPLAIN PLAIN"), locales: ByteSlice("en_US"))
}

/// The way through, with the lower of both sides' limits.
@Test func handshakeTakesTheLowerLimits() throws {
    var configuration = AMQPConfiguration()
    configuration.heartbeatSeconds = 10
    configuration.virtualHost = "v"
    var handshake = Handshake(configuration)
    guard case .send(let startOK) = try receive(&handshake, start) else {
        Issue.record("no start-ok")
        return
    }
    try startOK.withUnsafeBytes { buffer in
        var cursor = ByteCursor(ByteSlice(buffer))
        let frame = try #require(try AMQPFrame.next(&cursor, frameBytesMax: 0))
        let method = try ConnectionStartOK(arguments: frame.method().arguments)
        #expect(method.response.string == "\0guest\0guest" && method.mechanism.equals("PLAIN"))
        let capabilities = try FieldTableView(method.clientProperties).value("capabilities")?.table
        let cancelNotify = try capabilities?.value("consumer_cancel_notify")
        #expect(cancelNotify?.boolean == true)
    }
    #expect(handshake.isAuthenticating)
    let tune = ConnectionTune(channelMax: 0, frameBytesMax: 8_192, heartbeatSeconds: 60)
    guard case .tuned(let limits, let frames) = try receive(&handshake, tune) else {
        Issue.record("no tune-ok")
        return
    }
    #expect(limits == TunedLimits(channelsMax: 2_047, frameBytesMax: 8_192, heartbeatSeconds: 10))
    try frames.withUnsafeBytes { buffer in
        var cursor = ByteCursor(ByteSlice(buffer))
        _ = try #require(try AMQPFrame.next(&cursor, frameBytesMax: 0))
        let frame = try #require(try AMQPFrame.next(&cursor, frameBytesMax: 0))
        let open = try ConnectionOpen(arguments: frame.method().arguments)
        #expect(open.virtualHost.equals("v"))
    }
    guard case .opened = try receive(&handshake, ConnectionOpenOK()) else {
        Issue.record("not opened")
        return
    }
}

@Test func handshakeReportsRefusals() throws {
    func refusal(_ methods: [any AMQPMethod]) throws -> AMQPClientError? {
        var handshake = Handshake(AMQPConfiguration())
        for method in methods {
            if case .refused(let error) = try receive(&handshake, method) { return error }
        }
        return nil
    }
    let badPassword = ConnectionClose(
        replyCode: 403, replyText: ByteSlice("ACCESS_REFUSED"), classID: 0, methodID: 0)
    #expect(try refusal([start, badPassword]) == .authenticationFailed)
    let tune = ConnectionTune(channelMax: 1, frameBytesMax: 4_096, heartbeatSeconds: 1)
    let badHost = ConnectionClose(replyCode: 530, replyText: ByteSlice("NOT_ALLOWED"), classID: 10, methodID: 40)
    #expect(try refusal([start, tune, badHost]) == .connectionClosed(code: 530, text: "NOT_ALLOWED"))
    #expect(try refusal([tune]) == .protocolViolation("connection.tune during the handshake"))
    var other = start
    other.mechanisms = ByteSlice("EXTERNAL")
    #expect(try refusal([other]) == .authenticationFailed)
}
