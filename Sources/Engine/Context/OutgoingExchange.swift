// A conversation that the engine has with another server: a request that is known from the beginning, and a reply. The
// engine does no I/O: it hands the exchange to `EngineContext.beginExchange`, the server connects, writes and reads, and
// tells it here. Exactly one end comes, never within `beginExchange`.
// Loop thread only. Next: ../Store/Clients/Migration.swift; Server's OutgoingConnection carries them out.

import Wire

/// How far an exchange came that failed.
public enum ExchangeFailure: Sendable {
    /// The host is neither an IP address nor localhost.
    case noAddress
    /// No answer in time.
    case connecting
    /// Refused, or not all of the request went in time.
    case writing
    /// The other side has closed, or is silent for too long.
    case reading
}

/// One request to another server, and what its reply means.
public class OutgoingExchange {
    public let host: String
    public let port: UInt16
    /// How long it may take until anything goes on.
    public let timeoutMilliseconds: Int64
    public let request: [UInt8]

    init(host: String, port: UInt16, timeoutMilliseconds: Int64, request: [UInt8]) {
        self.host = host
        self.port = port
        self.timeoutMilliseconds = timeoutMilliseconds
        self.request = request
    }

    /// Further bytes of the reply; returns whether that was all of it.
    public func receive(_ bytes: ByteSlice) -> Bool { preconditionFailure("what a reply means is a subclass's to say") }

    /// It will not be answered, or not any more.
    public func fail(_ failure: ExchangeFailure) { preconditionFailure("so is what follows from that") }
}
