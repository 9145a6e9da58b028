// What a connection is opened with. Every limit of the AMQP client stands here.
// Next: AMQPConnection.swift.

import NIOCore
import Wire

/// Settings of one AMQP connection.
public struct AMQPConfiguration: Sendable {
    public var host = "localhost"
    public var port = 5_672
    public var user = "guest"
    public var password = "guest"
    public var virtualHost = "/"
    /// Heartbeat interval asked for; 0 turns heartbeats off. The server may lower it.
    public var heartbeatSeconds: UInt16 = 60
    /// Largest frame asked for; the server may lower it.
    public var frameBytesMax: UInt32 = 131_072
    /// Channels asked for; the server may lower it.
    public var channelsMax: UInt16 = 2_047
    /// From the first TCP packet to `connection.open-ok`.
    public var connectTimeout: TimeAmount = .seconds(10)
    /// Wait for `connection.close-ok` before the socket is dropped.
    public var closeTimeout: TimeAmount = .seconds(5)
    /// Shown by the server in its lists of connections.
    public var connectionName: String?
    /// Further client properties.
    public var clientProperties = FieldTable()
    /// Deliveries received and not yet taken by any iterator, above which the socket is not read.
    /// Bounds memory for consumers without acknowledgement; prefetch bounds the others.
    public var bufferedDeliveriesMax = 8_192

    public init() {}

    /// Reads `amqp://user:password@host:port/virtualhost`. No path means the virtual host `/`; a slash in a
    /// virtual host's name is written `%2F`.
    public init(url: String) throws(EndpointError) {
        let endpoint = try Endpoint(url, scheme: "amqp", defaultPort: 5_672)
        host = endpoint.host
        port = endpoint.port
        if let user = endpoint.user { self.user = user }
        if let password = endpoint.password { self.password = password }
        // Celery's and kombu's habit: `amqp://host//` names the virtual host `/` too.
        if let path = endpoint.path, !path.isEmpty { virtualHost = path }
    }
}

public typealias FieldTable = Wire.FieldTable
public typealias FieldValue = Wire.FieldValue
public typealias BasicProperties = Wire.BasicProperties
