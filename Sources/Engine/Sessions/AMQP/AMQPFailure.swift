// Why a channel or a connection has to end: reply code, text and the method at fault. The texts are
// RabbitMQ's, since clients match some of them and people search for the rest.
// What the broker refuses comes as `BrokerError`; here is what breaks the protocol itself.
// Loop thread only; never made for input that is in order. Next: AMQPClosing.swift (what is done about it).

import Wire

/// The end of a channel or a connection, with its reason.
struct AMQPFailure: Error {
    enum Reach {
        /// `channel.close`; on channel 0 the connection.
        case channel
        /// `connection.close`.
        case connection
        /// `connection.close`, and nothing that follows on the socket can be understood.
        case stream
        /// The socket is dropped without a word.
        case silent
    }

    let reach: Reach
    let code: UInt16
    /// As sent: the code's name, a dash, the explanation.
    let text: String
    /// The method at fault; zero when it is none's.
    let method: MethodID

    static let noMethod = MethodID(rawValue: 0)

    init(reach: Reach, code: UInt16, _ explanation: String, method: MethodID = noMethod) {
        self.reach = reach
        self.code = code
        text = "\(ReplyCode.name(code)) - \(explanation)"
        self.method = method
    }

    /// What the broker refused. The code says whether channel or connection ends.
    init(_ error: BrokerError, method: MethodID) {
        reach = error.closesConnection ? .connection : .channel
        code = error.code
        text = error.replyText
        self.method = method
    }

    // MARK: Frames

    /// - Parameter payload: of the frame at fault, as far as there is one.
    init(_ error: FrameError, payload: ByteSlice) {
        switch error {
        case .tooLarge(let type, _, let bytes, let bytesMax):
            self.init(
                reach: .stream, code: ReplyCode.frameError,
                "type \(type), all octets = <<>>: {frame_too_large,\(bytes),\(bytesMax)}")
        case .badEnd(let type, _, let octet):
            self.init(
                reach: .stream, code: ReplyCode.frameError,
                "type \(type), \(OctetText.snippet(payload)): {invalid_frame_end_marker,\(octet)}")
        case .unknownFrame(let type, _):
            self.init(
                reach: .connection, code: ReplyCode.frameError,
                "type \(type), \(OctetText.snippet(payload)): unknown_frame")
        case .unknownMethod:
            self.init(reach: .silent, code: ReplyCode.commandInvalid, "unknown method")
        case .malformedMethod(let method):
            self.init(
                reach: .connection, code: ReplyCode.frameError,
                "cannot decode \(OctetText.binary(payload.dropping(4)))",
                method: method)
        case .malformedProperties:
            self.init(
                reach: .connection, code: ReplyCode.frameError, "cannot decode the properties of a content header",
                method: .basicPublish)
        case .malformedTable, .tableTooDeep:
            self.init(error, method: Self.noMethod)
        }
    }

    /// Arguments or headers that are no field table.
    init(_ error: FrameError, method: MethodID) {
        let explanation = error == .tableTooDeep ? "tables are nested too deep" : "cannot decode a field table"
        self.init(reach: .connection, code: ReplyCode.frameError, explanation, method: method)
    }

    static func unexpectedFrame(_ frame: AMQPFrame) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.unexpectedFrame,
            "type \(frame.type), \(OctetText.snippet(frame.payload))")
    }

    // MARK: Methods

    static func unexpectedMethod(_ method: MethodID, in state: StaticString) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.channelError, "unexpected method in connection state \(state)",
            method: method)
    }

    /// A method that only a server sends, or one of class connection on a channel.
    static func unimplementedMethod(_ method: MethodID) -> AMQPFailure {
        AMQPFailure(reach: .connection, code: ReplyCode.commandInvalid, "unimplemented method", method: method)
    }

    static func channelNotOpen(_ method: MethodID) -> AMQPFailure {
        AMQPFailure(reach: .connection, code: ReplyCode.channelError, "expected 'channel.open'", method: method)
    }

    static func channelOpenedTwice() -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.channelError, "second 'channel.open' seen", method: .channelOpen)
    }

    static func tooManyChannels(_ count: Int) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.notAllowed,
            "number of channels opened (\(count)) has reached the negotiated channel_max (\(count))")
    }

    static func malformedText() -> AMQPFailure {
        AMQPFailure(reach: .connection, code: ReplyCode.frameError, "Malformed UTF-8 in shortstr")
    }

    static func userHasTooManyChannels(_ user: String, limit: Int64) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.notAllowed,
            "number of channels opened for user '\(user)' has reached the maximum allowed user limit of (\(limit))")
    }

    // MARK: Content

    static func methodExpected() -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.unexpectedFrame, "expected method frame, got non method frame instead")
    }

    static func contentHeaderExpected() -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.unexpectedFrame,
            "expected content header for class 60, got non content header frame instead", method: .basicPublish)
    }

    static func contentHeaderOfOtherClass(_ classID: UInt16) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.unexpectedFrame,
            "expected content header for class 60, got one for class \(classID) instead", method: .basicPublish)
    }

    static func contentBodyExpected() -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.unexpectedFrame,
            "expected content body, got non content body frame instead", method: .basicPublish)
    }

    static func foreignUserID(_ given: ByteSlice, of user: ByteSlice) -> AMQPFailure {
        AMQPFailure(
            reach: .channel, code: ReplyCode.preconditionFailed,
            "user_id property set to '\(given.string)' but authenticated user was '\(user.string)'",
            method: .basicPublish)
    }

    static func bodyTooLong(announcedBytes: Int) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.frameError,
            "content body is longer than the \(announcedBytes) octets announced",
            method: .basicPublish)
    }

    // MARK: Handshake

    static func virtualHostNotFound(_ name: ByteSlice) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.notAllowed, "vhost \(name.string) not found", method: .connectionOpen)
    }

    static func virtualHostIsFull(_ name: ByteSlice, user: ByteSlice, limit: Int64) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.notAllowed,
            "access to vhost '\(name.string)' refused for user '\(user.string)': connection limit (\(limit)) is reached",
            method: .connectionOpen)
    }

    static func userHasTooManyConnections(_ user: ByteSlice, limit: Int64) -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.notAllowed,
            "connection refused for user '\(user.string)': user connection limit (\(limit)) is reached",
            method: .connectionOpen)
    }

    static func shutdown() -> AMQPFailure {
        AMQPFailure(
            reach: .connection, code: ReplyCode.connectionForced,
            "broker forced connection closure with reason 'shutdown'")
    }

    static func forced(_ reason: String) -> AMQPFailure {
        AMQPFailure(reach: .connection, code: ReplyCode.connectionForced, reason)
    }

    /// The text as a short string: cut to 255 bytes as RabbitMQ cuts it.
    var replyText: [UInt8] {
        let bytes = Array(text.utf8)
        return bytes.count <= 255 ? bytes : Array(bytes[..<252]) + Array("...".utf8)
    }
}

extension ByteSlice {
    /// Without its first `count` bytes; empty when there are fewer.
    func dropping(_ count: Int) -> ByteSlice {
        self.count <= count ? .empty : slice(from: count, count: self.count - count)
    }
}
