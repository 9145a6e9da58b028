// A RESP client on a simulated connection: requests out, replies in.
// One thread. Next: SimulatedClient.swift (the connection).

import Wire

/// One connection.
public final class SimulatedRESPClient {
    private let client: SimulatedClient
    private var input: [UInt8] = []
    private var parser = RESPReplyParser()

    public init(_ host: SimulatedHost) { client = host.connectRESP() }

    /// One request.
    public func send(_ words: [String]) {
        var text = "*\(words.count)\r\n"
        for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        client.send(text)
    }

    /// Something is still to be taken by the server: it has stopped reading.
    public var hasUnsent: Bool { client.hasUnsent }

    public func drop() { client.drop() }

    /// Replies that have come, in order.
    public func read() throws -> [RESPReply] {
        input += client.take()
        var found: [RESPReply] = []
        var used = 0
        try input.withUnsafeBytes { buffer in
            var cursor = ByteCursor(buffer)
            while let reply = try parser.next(&cursor) { found.append(reply) }
            used = buffer.count - cursor.remaining
        }
        input.removeFirst(used)
        return found
    }
}
