// Where store, broker and sessions meet. Bytes, time and disk completions go in (through sessions, `tick`,
// `endTurn` and `durable`); output bytes, log batches and the next deadline come out. No I/O, no clock, no
// threads.
// Loop thread only. Next: Context/EngineContext.swift, then Sessions/.

import Wire

/// Why a record of the log can't be applied: the log and this program disagree.
public enum ReplayError: Error {
    /// The text says which record and why.
    case refused(String)
}

/// The whole engine of one daemon.
public final class Engine {
    public let context: EngineContext
    public let broker: Broker
    let store: Store
    let users: Users
    private let amqp: AMQPSessions
    /// The one under way; see Checkpoint.swift.
    var checkpoint: CheckpointInProgress?
    /// Recovery is at a record of the checkpoint, not of the log.
    private var isReadingCheckpoint = false
    /// Of the checkpoint that it began with; 0: it had none.
    private var checkpointPosition: LogPosition = 0
    private let effectParts = EffectParts()

    public init(configuration: EngineConfiguration) {
        Limits.check()
        context = EngineContext(configuration: configuration)
        broker = Broker(context: context)
        store = Store(context: context)
        users = Users(configuration.users)
        Inspection.attach(broker, users, to: store)
        amqp = AMQPSessions(context: context, broker: broker, users: users)
        users.verdict = { [unowned store] name, password in
            // Who has not logged in to the store is nobody to the broker.
            name.equals("default") ? nil : store.access.users[name.string]?.rights.accepts(password) ?? false
        }
        context.alarmsChanged = { [unowned self] in
            broker.alarmsChanged()
            amqp.alarmsChanged()
            store.updateWriteRefusal()
        }
    }

    deinit { store.tearDown() }

    // MARK: Connections

    /// A new connection on an AMQP port.
    public func makeAMQPSession(peer: PeerAddress) -> Session { amqp.makeSession(peer: peer) }

    /// A new connection on a RESP port.
    public func makeRESPSession(peer: PeerAddress) -> Session { RESPSession(store: store, peer: peer) }

    // MARK: A turn

    /// Runs what has fallen due. Called once a turn, after the time has been advanced.
    public func tick() {
        amqp.tick()
        broker.tick()
        store.tick()
    }

    /// The last work of a turn, before its batch is closed: deliveries, confirms, a slice of expiry.
    public func endTurn() {
        broker.endTurn()
        store.endTurn()
    }

    /// The turn is over, output included; for LATENCY.
    public func noteTurnEnd() {
        if store.latency.isOn { store.noteLatency(.loopTurn, since: context.time.turnStartMicroseconds) }
    }

    /// When `tick` is needed next even if nothing arrives: monotonic milliseconds.
    public var nextDeadline: Int64? {
        Self.earlier(amqp.nextDeadline, Self.earlier(broker.nextDeadline, store.nextDeadline))
    }

    private static func earlier(_ left: Int64?, _ right: Int64?) -> Int64? {
        guard let left else { return right }
        return right.map { min(left, $0) } ?? left
    }

    /// Everything up to this batch of the journal is on disk: releases what waited for it.
    public func durable(upTo sequence: UInt64) {
        broker.durable(upTo: sequence)
        amqp.durable()
        store.durable(upTo: sequence)
    }

    // MARK: Recovery

    /// Applies one record of the log. Called in log order, before any session exists.
    public func replay(type: RecordType, payload: ByteSlice, position: LogPosition) throws(ReplayError) {
        switch type {
        case .fence, .durableMark: break
        case .checkpointBegin:
            isReadingCheckpoint = true
            if payload.count >= 8 {
                checkpointPosition = UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self))
            }
        case .checkpointEnd: isReadingCheckpoint = false
        case .storeJournaling:
            do throws(EffectError) {
                try store.replayJournaling(payload, inCheckpoint: isReadingCheckpoint)
            } catch {
                throw .refused("\(error)")
            }
        case .storeImported:
            guard payload.count == 8,
                UInt64(bigEndian: payload.base.loadUnaligned(as: UInt64.self)) <= checkpointPosition
            else {
                throw .refused(
                    "the keys of an RDB file were imported here, and the checkpoint that has them is damaged or gone: "
                        + "restore it from a backup, import again into an empty data folder, or let `taskd log repair` save "
                        + "what can be saved")
            }
        case .storeEffects:
            do throws(EffectError) {
                if isReadingCheckpoint { try store.replayCheckpoint(payload) } else { try store.replay(payload) }
            } catch {
                throw .refused("\(error)")
            }
        case .aclUserSet, .aclUserDelete:
            do throws(EffectError) { try store.replayUser(type, payload) } catch { throw .refused("\(error)") }
        case .storeEffectsPart: effectParts.add(payload, at: position)
        case .storeEffectsEnd:
            guard let whole = effectParts.end(payload, at: position) else {
                throw .refused("the beginning of these effects is missing")
            }
            defer { effectParts.forget() }
            do throws(EffectError) { try store.replay(whole) } catch { throw .refused("\(error)") }
        case .virtualHostDeclare, .virtualHostDelete, .exchangeDeclare, .exchangeDelete, .queueDeclare, .queueDelete,
            .delayQueueDeclare, .policySet, .policyClear, .operatorPolicySet,
            .operatorPolicyClear, .limitSet, .limitClear, .bind, .unbind, .publish, .settle, .purge, .delivered,
            .returned, .brokerGroup,
            .queueEntries, .streamEntries:
            do {
                try broker.replay(type: type, payload: payload, position: position)
            } catch {
                throw .refused("\(error)")
            }
        }
    }

    /// The whole log has been replayed, and the journal has begun.
    public func finishRecovery() {
        effectParts.forget()
        broker.finishRecovery()
        store.finishRecovery()
        if context.checkpoints.lastSuccessSeconds == 0 {
            context.checkpoints.lastSuccessSeconds = context.time.wallMilliseconds / 1_000
        }
        broker.applyConfiguration()
    }

    /// The daemon is about to stop, and not everything is in the log: it should take a checkpoint first.
    public var savesAtShutdown: Bool { store.savesAtShutdown }
}
