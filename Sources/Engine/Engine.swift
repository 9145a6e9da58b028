// Where store, broker and sessions meet. Bytes, time and disk completions go in (through sessions, `endTurn`
// and the journal); output bytes, log batches and the next deadline come out. No I/O, no clock, no threads.
// Loop thread only. Next: Base/EngineContext.swift, then Sessions/.

import Wire

/// The whole engine of one daemon.
public final class Engine {
    public let context: EngineContext

    public init(configuration: EngineConfiguration) {
        Limits.check()
        context = EngineContext(configuration: configuration)
    }

    /// A new connection on an AMQP port.
    public func makeAMQPSession(peer: PeerAddress) -> Session { Session(context: context, peer: peer) }

    /// A new connection on a RESP port.
    public func makeRESPSession(peer: PeerAddress) -> Session { Session(context: context, peer: peer) }

    /// Runs what has fallen due. Called once a turn, after the time has been advanced.
    public func tick() {}

    /// The last work of a turn, before its batch is closed: wakes blocked clients, expires a slice of keys.
    public func endTurn() {}

    /// When `tick` is needed next even if nothing arrives: monotonic milliseconds.
    public var nextDeadline: Int64? { nil }

    /// Everything up to this batch of the journal is on disk: releases what waited for it.
    public func durable(upTo sequence: UInt64) {}

    // MARK: Recovery

    /// Applies one record of the log. Called in log order, before any session exists.
    public func replay(type: RecordType, payload: ByteSlice, position: LogPosition) throws {}

    /// The whole log has been replayed.
    public func finishRecovery() {}

    /// The daemon is about to stop; sessions have been told already.
    public func shutdown() {}
}
