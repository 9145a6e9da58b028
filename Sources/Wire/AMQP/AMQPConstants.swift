// Fixed numbers of AMQP 0-9-1: frame types, sizes, protocol headers, reply codes.
// Settable limits are not here: those stand with the engine and the client.
// Next: AMQPFrame.swift.

/// Numbers that the protocol fixes.
public enum AMQPConstants {
    /// Type, channel and payload size.
    public static let frameHeaderBytes = 7
    /// What a frame adds to its payload: header and end octet.
    public static let frameOverheadBytes = 8
    public static let frameEnd: UInt8 = 0xCE
    /// Octets by which RabbitMQ lets a frame exceed the negotiated maximum.
    public static let frameToleranceBytes = 8
    public static let frameBytesMin = 4_096

    /// `AMQP 0 0 9 1`, what a client begins with.
    public static let protocolHeader: [UInt8] = [0x41, 0x4D, 0x51, 0x50, 0, 0, 9, 1]
    public static let protocolHeaderBytes = 8

    /// The whole heartbeat frame.
    public static let heartbeatFrame: [UInt8] = [8, 0, 0, 0, 0, 0, 0, 0xCE]
}

/// The first octet of a frame.
public enum FrameType {
    public static let method: UInt8 = 1
    public static let header: UInt8 = 2
    public static let body: UInt8 = 3
    public static let heartbeat: UInt8 = 8
}

/// Reply codes of close and return (specification 1.2), with their names as RabbitMQ's texts begin.
public enum ReplyCode {
    public static let success: UInt16 = 200
    public static let contentTooLarge: UInt16 = 311
    public static let noRoute: UInt16 = 312
    public static let noConsumers: UInt16 = 313
    public static let connectionForced: UInt16 = 320
    public static let invalidPath: UInt16 = 402
    public static let accessRefused: UInt16 = 403
    public static let notFound: UInt16 = 404
    public static let resourceLocked: UInt16 = 405
    public static let preconditionFailed: UInt16 = 406
    public static let frameError: UInt16 = 501
    public static let syntaxError: UInt16 = 502
    public static let commandInvalid: UInt16 = 503
    public static let channelError: UInt16 = 504
    public static let unexpectedFrame: UInt16 = 505
    public static let resourceError: UInt16 = 506
    public static let notAllowed: UInt16 = 530
    public static let notImplemented: UInt16 = 540
    public static let internalError: UInt16 = 541

    /// `NOT_FOUND` and the like; empty for a code that has no name.
    public static func name(_ code: UInt16) -> StaticString {
        switch code {
        case contentTooLarge: "CONTENT_TOO_LARGE"
        case noRoute: "NO_ROUTE"
        case noConsumers: "NO_CONSUMERS"
        case connectionForced: "CONNECTION_FORCED"
        case invalidPath: "INVALID_PATH"
        case accessRefused: "ACCESS_REFUSED"
        case notFound: "NOT_FOUND"
        case resourceLocked: "RESOURCE_LOCKED"
        case preconditionFailed: "PRECONDITION_FAILED"
        case frameError: "FRAME_ERROR"
        case syntaxError: "SYNTAX_ERROR"
        case commandInvalid: "COMMAND_INVALID"
        case channelError: "CHANNEL_ERROR"
        case unexpectedFrame: "UNEXPECTED_FRAME"
        case resourceError: "RESOURCE_ERROR"
        case notAllowed: "NOT_ALLOWED"
        case notImplemented: "NOT_IMPLEMENTED"
        case internalError: "INTERNAL_ERROR"
        default: ""
        }
    }
}

/// What the first bytes of a connection are.
public enum ProtocolHeader: Equatable, Sendable {
    /// AMQP 0-9-1, eight bytes.
    case amqp091
    /// Could still become the header; more bytes are needed.
    case incomplete
    /// Another version or no AMQP at all: answer with our own header and close.
    case unsupported

    /// Looks at the bytes as they come. What cannot become the header any more is refused at once, so that
    /// a peer of another protocol need not send eight bytes first.
    public static func recognise(_ bytes: ByteSlice) -> ProtocolHeader {
        let expected = AMQPConstants.protocolHeader
        for index in 0..<min(bytes.count, expected.count) where bytes[index] != expected[index] {
            // `AMQP` of another version is judged when it is whole.
            if index >= 4, bytes.count < expected.count { return .incomplete }
            return .unsupported
        }
        return bytes.count >= expected.count ? .amqp091 : .incomplete
    }
}
