// The opening of a connection as a state machine: methods in, actions out, no I/O.
// start → start-ok, (secure → secure-ok,) tune → tune-ok and open, open-ok.
// Next: AMQPConnectionHandler.swift, which performs the actions.

import Wire

/// Limits that both sides have agreed to.
struct TunedLimits: Equatable, Sendable {
    var channelsMax: UInt16
    var frameBytesMax: Int
    var heartbeatSeconds: UInt16
}

/// Decides what to answer until the connection is open.
struct Handshake {
    enum Action {
        /// Frames to send.
        case send([UInt8])
        /// Frames to send, with the limits that hold from now on.
        case tuned(TunedLimits, [UInt8])
        case opened
        case refused(AMQPClientError)
    }

    private enum Phase { case awaitsStart, awaitsTune, awaitsOpenOK, done }

    private let configuration: AMQPConfiguration
    private var phase = Phase.awaitsStart

    /// What the server says about itself.
    private(set) var serverProperties = FieldTable()

    init(_ configuration: AMQPConfiguration) { self.configuration = configuration }

    /// Whether the server has seen credentials and not accepted them yet: a socket that ends now was refused.
    var isAuthenticating: Bool { phase == .awaitsTune }

    mutating func receive(_ id: MethodID, _ arguments: ByteSlice) throws(FrameError) -> Action {
        switch (phase, id) {
        case (.awaitsStart, .connectionStart):
            return try start(ConnectionStart(arguments: arguments))
        case (.awaitsTune, .connectionTune):
            return tune(try ConnectionTune(arguments: arguments))
        case (.awaitsOpenOK, .connectionOpenOK):
            phase = .done
            return .opened
        case (_, .connectionClose):
            let close = try ConnectionClose(arguments: arguments)
            if close.replyCode == ReplyCode.accessRefused, phase == .awaitsTune {
                return .refused(.authenticationFailed)
            }
            return .refused(.connectionClosed(code: close.replyCode, text: close.replyText.string))
        default:
            return .refused(.protocolViolation("\(id.name) during the handshake"))
        }
    }

    private mutating func start(_ start: ConnectionStart) throws(FrameError) -> Action {
        guard start.versionMajor == 0, start.versionMinor == 9 else {
            return .refused(.protocolViolation("version \(start.versionMajor)-\(start.versionMinor)"))
        }
        let mechanisms = start.mechanisms.string.split(separator: " ")
        guard mechanisms.contains("PLAIN") else { return .refused(.authenticationFailed) }
        serverProperties = try FieldTable(start.serverProperties)
        let response = [0] + Array(configuration.user.utf8) + [0] + Array(configuration.password.utf8)
        var writer = ByteWriter()
        clientProperties().encoded.withUnsafeBytes { properties in
            response.withUnsafeBytes { response in
                writer.writeMethodFrame(
                    channel: 0,
                    ConnectionStartOK(
                        clientProperties: ByteSlice(properties), mechanism: ByteSlice("PLAIN"),
                        response: ByteSlice(response), locale: ByteSlice("en_US")))
            }
        }
        phase = .awaitsTune
        return .send(writer.bytes)
    }

    private mutating func tune(_ tune: ConnectionTune) -> Action {
        let limits = TunedLimits(
            channelsMax: Self.lower(configuration.channelsMax, tune.channelMax),
            frameBytesMax: Int(Self.lower(configuration.frameBytesMax, tune.frameBytesMax)),
            heartbeatSeconds: min(configuration.heartbeatSeconds, tune.heartbeatSeconds))
        var writer = ByteWriter()
        writer.writeMethodFrame(
            channel: 0,
            ConnectionTuneOK(
                channelMax: limits.channelsMax, frameBytesMax: UInt32(limits.frameBytesMax),
                heartbeatSeconds: limits.heartbeatSeconds))
        Array(configuration.virtualHost.utf8).withUnsafeBytes {
            writer.writeMethodFrame(channel: 0, ConnectionOpen(virtualHost: ByteSlice($0)))
        }
        phase = .awaitsOpenOK
        return .tuned(limits, writer.bytes)
    }

    /// The lower of two limits of which 0 means none.
    private static func lower<Value: UnsignedInteger>(_ left: Value, _ right: Value) -> Value {
        if left == 0 { return right }
        return right == 0 ? left : min(left, right)
    }

    private func clientProperties() -> FieldTable {
        var properties: FieldTable = [
            "product": "taskd-client", "platform": "Swift",
            "capabilities": .table([
                "publisher_confirms": true, "basic.nack": true, "consumer_cancel_notify": true,
                "connection.blocked": true, "authentication_failure_close": true,
            ]),
        ]
        if let name = configuration.connectionName { properties["connection_name"] = .string(name) }
        for entry in configuration.clientProperties.entries { properties[entry.key] = entry.value }
        return properties
    }
}
