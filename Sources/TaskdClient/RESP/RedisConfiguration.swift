// What a Redis connection is opened with, and why an operation on it failed.
// Next: RedisClient.swift.

import NIOCore
import Wire

/// Settings of one connection to a RESP server.
public struct RedisConfiguration: Sendable {
    public var host = "localhost"
    public var port = 6_379
    public var user: String?
    public var password: String?
    public var database = 0
    public var connectTimeout: TimeAmount = .seconds(10)
    /// Shown by `CLIENT LIST`.
    public var connectionName: String?
    /// Messages of one subscription that nobody has taken yet; above it the subscription fails, since
    /// pub/sub has no way of slowing the publisher down.
    public var bufferedMessagesMax = 65_536

    public init() {}

    /// Reads `redis://user:password@host:port/database`.
    public init(url: String) throws(EndpointError) {
        let endpoint = try Endpoint(url, scheme: "redis", defaultPort: 6_379)
        host = endpoint.host
        port = endpoint.port
        user = endpoint.user
        password = endpoint.password
        if let path = endpoint.path, !path.isEmpty {
            guard let number = Int(path), number >= 0 else { throw .database }
            database = number
        }
    }
}

/// Errors of the RESP client.
public enum RedisError: Error, Equatable, Sendable {
    /// The server's words, `WRONGTYPE Operation against …`.
    case server(String)
    /// The connection has ended.
    case connectionClosed(String)
    /// No answer in the configured time.
    case timeout
    /// The reply is none, or of another type than the command promises.
    case unexpectedReply(String)
    /// A subscription's reader was too slow.
    case subscriptionOverflow
}

public typealias RESPReply = Wire.RESPReply

/// One argument of a command: bytes, made from text, numbers or buffers.
public struct RedisArgument: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringInterpolation
{
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    public init(_ number: some BinaryInteger) { bytes = Array(String(number).utf8) }

    public init(_ number: Double) { bytes = Array(String(number).utf8) }

    public init(_ buffer: ByteBuffer) { bytes = Array(buffer.readableBytesView) }

    public init(stringLiteral value: String) { self.init(value) }

    public init(integerLiteral value: Int) { self.init(value) }
}
