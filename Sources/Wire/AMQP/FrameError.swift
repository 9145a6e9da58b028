// Why bytes are no AMQP: the codec's one error. It says what was found; reply code and text are made by
// the session, since they differ by phase (before authentication a socket is dropped silently).
// Next: AMQPFrame.swift.

/// Bytes that break the protocol.
public enum FrameError: Error, Equatable, Sendable {
    /// The payload is longer than was negotiated, tolerance included. 501.
    case tooLarge(type: UInt8, channel: UInt16, payloadBytes: Int, payloadBytesMax: Int)
    /// The octet after the payload is not 0xCE. 501.
    case badEnd(type: UInt8, channel: UInt16, octet: UInt8)
    /// No frame type, or a payload that this type cannot have. 501.
    case unknownFrame(type: UInt8, channel: UInt16)
    /// A method frame whose class and method do not exist: RabbitMQ drops the socket.
    case unknownMethod(MethodID)
    /// The arguments end too early or too late. 501.
    case malformedMethod(MethodID)
    /// A property list that its flags do not describe. 501.
    case malformedProperties
    /// A field table that is no table. 501 in a method, as RabbitMQ decodes tables with the method.
    case malformedTable
    /// Tables nest deeper than `FieldTableLimits.depthMax`. 501.
    case tableTooDeep

    /// Reply code of the close that answers it.
    public var replyCode: UInt16 { ReplyCode.frameError }
}
