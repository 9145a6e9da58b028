// The engine's side of one connection: bytes in, bytes out, no socket. AMQP and RESP sessions inherit
// from it. A class hierarchy and not a protocol: one virtual call for each read, no existential.
// Loop thread only. Next: ../Sessions/.

import Wire

/// Where a peer is, as the server saw it at accept.
public struct PeerAddress: Sendable {
    public var host: String
    public var port: UInt16
    public var isLoopback: Bool
    /// The address it connected to.
    public var localHost: String
    public var localPort: UInt16

    public init(host: String, port: UInt16, isLoopback: Bool, localHost: String, localPort: UInt16) {
        self.host = host
        self.port = port
        self.isLoopback = isLoopback
        self.localHost = localHost
        self.localPort = localPort
    }
}

/// One connection, protocol side. The server feeds it and does what its fields say.
open class Session {
    public let context: EngineContext
    public let output: OutputQueue
    public let peer: PeerAddress

    /// The server closes the socket as soon as `output` is written.
    public internal(set) var closesAfterFlush = false
    /// With that: the peer, who has said good-bye, closes first. Some take an end from our side for a broken connection.
    public internal(set) var leavesClosingToPeer = false
    /// The server closes the socket at once and drops what is pending.
    public internal(set) var closesNow = false
    /// The server stops reading from the socket while this is set (back-pressure, blocked client, pause).
    public internal(set) var pausesReading = false

    /// `output` may be given by who needs it before the session is complete.
    public init(context: EngineContext, peer: PeerAddress, output: OutputQueue? = nil) {
        self.context = context
        self.peer = peer
        self.output = output ?? OutputQueue(flushList: context.flushList)
    }

    /// Bytes have come. Takes whole frames or commands and returns how many bytes it took; the server keeps
    /// the rest and passes it again, with what follows it, at the next call.
    /// May return early with whole requests left (blocked client): the server calls again after `resume`.
    open func receive(_ bytes: ByteSlice) -> Int { bytes.count }

    /// The peer has closed or the socket broke. Called once; the session lets go of everything.
    open func disconnected() {}

    /// What it has read already has taken long: others come first. The server goes on with it in the next turn.
    final func yieldTurn() {
        pausesReading = true
        context.yielded.append(self)
    }

    /// The turn after `yieldTurn` has come: reading goes on, unless something else stops it.
    open func continueReading() {}

    /// The output was congested and is no longer.
    open func outputDrained() {}

    /// The daemon is stopping: say good-bye in the protocol's words (AMQP: `connection.close` 320).
    open func shutdown() {}

    /// Has the server look at this session at the end of the turn, even when it has no output: its flags
    /// changed, or input that was left can be taken now.
    public final func wake() { context.flushList.schedule(output) }
}
