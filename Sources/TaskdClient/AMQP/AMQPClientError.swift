// Why an operation on a connection or a channel failed.
// Next: AMQPConnection.swift, AMQPChannel.swift.

/// Errors of the AMQP client.
public enum AMQPClientError: Error, Equatable, Sendable {
    /// The server or this side has closed the connection; nothing works on it any more. Code 0: the socket
    /// ended without a word.
    case connectionClosed(code: UInt16, text: String)
    /// The server or this side has closed the channel. The connection lives on.
    case channelClosed(code: UInt16, text: String)
    /// The server dropped the connection during authentication: its way of refusing credentials.
    case authenticationFailed
    /// No answer in the configured time.
    case timeout
    /// Bytes or methods that the protocol does not allow here.
    case protocolViolation(String)
    /// The server refused to take the message (`basic.nack` to a publish).
    case publishRefused
    /// No queue took a mandatory message.
    case returned(code: UInt16, text: String)
    /// All channel numbers are in use.
    case noFreeChannel
    /// A name or text longer than 255 bytes.
    case nameTooLong
}
