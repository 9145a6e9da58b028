// What Server does for the engine, without sockets, threads and clock: turns, log, clients, all in one
// thread and all from one seed. A run of it is repeated exactly by its seed.
// One thread. Next: SimulatedClient.swift; ../Server/Network/Reactor.swift is the real thing.

import Engine
import Wire

/// One engine on a simulated disk.
public final class SimulatedHost {
    public let engine: Engine
    public let disk: SimulatedDisk
    private let log: SegmentedLog
    private let archive: SegmentArchive
    private let spool: SpoolFiles
    private var storage = SimulatedStorage()
    private var random: RandomSource
    private var clients: [SimulatedClient] = []
    private var monotonicMicroseconds: Int64 = 1_000_000
    private var wallMicroseconds: Int64
    /// The log has failed: nothing is confirmed, nobody is answered.
    public private(set) var failure: String?
    /// What recovery had to say.
    public private(set) var notices: [LogNotice] = []

    /// Recovers from what is on the disk.
    public init(
        disk: SimulatedDisk, seed: UInt64, segmentBytesMax: Int = 65_536,
        wallMicroseconds: Int64 = 1_700_000_000_000_000, configuration: EngineConfiguration = EngineConfiguration()
    ) throws(LogError) {
        self.disk = disk
        self.wallMicroseconds = wallMicroseconds
        random = RandomSource(seed: seed)
        configuration.randomSeed = seed
        let engine = Engine(configuration: configuration)
        self.engine = engine
        engine.context.time.advance(
            monotonicMicroseconds: monotonicMicroseconds, wallMicroseconds: wallMicroseconds)
        let log = SegmentedLog(disk: disk, segmentBytesMax: segmentBytesMax)
        self.log = log
        var found: [LogNotice] = []
        try log.recover {
            found.append($0)
        } visit: { type, payload, position in
            try engine.replay(type: type, payload: payload, position: position)
        }
        notices = found
        let claim = try log.claim()
        archive = SegmentArchive(
            disk: disk, segments: log.segments, checkpoints: log.olderCheckpoints + (log.checkpoint.map { [$0] } ?? []))
        do throws(LogDiskError) { spool = try SpoolFiles(disk: SimulatedDisk(seed: seed)) } catch { throw .disk(error) }
        engine.context.journal.begin(epoch: claim.epoch, at: claim.position)
        engine.finishRecovery()
    }

    /// A checkpoint is taken within the next turns; `takesCheckpoints` has them taken all the time.
    public func askForCheckpoint() { storage.isAsked = true }
    public var takesCheckpoints: Bool {
        get { storage.isAlwaysAsked }
        set { storage.isAlwaysAsked = newValue }
    }
    /// Checkpoints that were finished, and segments rewritten.
    public var checkpointCount: Int { storage.finishedCount }
    public var rewriteCount: Int { storage.rewriteCount }

    /// Time passes.
    public func advance(milliseconds: Int64) {
        monotonicMicroseconds += milliseconds * 1_000
        wallMicroseconds += milliseconds * 1_000
        engine.context.time.advance(
            monotonicMicroseconds: monotonicMicroseconds, wallMicroseconds: wallMicroseconds)
    }

    /// A client connected from the machine itself.
    public func connectRESP() -> SimulatedClient { connect(engine.makeRESPSession(peer: Self.peer(6379))) }
    public func connectAMQP() -> SimulatedClient { connect(engine.makeAMQPSession(peer: Self.peer(5672))) }

    private func connect(_ session: Session) -> SimulatedClient {
        let client = SimulatedClient(session: session, index: clients.count)
        session.output.connectionIndex = Int32(clients.count)
        clients.append(client)
        return client
    }

    private static func peer(_ port: UInt16) -> PeerAddress {
        PeerAddress(host: "127.0.0.1", port: 40_000, isLoopback: true, localHost: "127.0.0.1", localPort: port)
    }

    /// One turn: what clients have sent is executed, the batch goes to the log, and what need not wait for
    /// the disk is received by the clients.
    public func turn() {
        guard failure == nil else { return }
        for client in clients { client.feed() }
        engine.tick()
        for _ in 0..<16 {
            engine.endTurn()
            var hasResumed = false
            for client in clients where client.feed() { hasResumed = true }
            if !hasResumed { break }
        }
        storage.endOfTurn(engine, archive, spool, &random)
        appendBatch()
        guard failure == nil else { return }
        let journal = engine.context.journal
        _ = engine.context.flushList.takePending()
        for client in clients { client.collect(journal) }
    }

    /// Turns until clients have sent everything and nothing waits for the disk; at most `turnsMax`.
    public func settle(turnsMax: Int = 1_000) {
        for _ in 0..<turnsMax where failure == nil {
            turn()
            syncLog()
            let isQuiet =
                clients.allSatisfy(\.isQuiet) && engine.context.journal.pendingBytes == 0 && storage.isQuiet
                && (engine.nextDeadline ?? .max) > engine.context.time.monotonicMilliseconds
            if isQuiet { return }
        }
    }

    private func appendBatch() {
        let journal = engine.context.journal
        guard let batch = journal.takeBatch() else { return }
        // Syncing more often than asked is allowed, and finds other states.
        let syncs = batch.needsSync || Int.random(in: 0..<8, using: &random) == 0
        let outcome = log.append(batch, sync: syncs)
        for segment in log.takeBegunSegments() { archive.begun(segment) }
        journal.written(batch)
        note(outcome, sequence: batch.sequence)
    }

    /// As the log thread does once a second.
    public func syncLog() {
        guard failure == nil else { return }
        let journal = engine.context.journal
        guard journal.openSequence > 1 else { return }
        note(log.sync(), sequence: journal.openSequence - 1)
        guard failure == nil else { return }
        for client in clients { client.collect(journal) }
    }

    private func note(_ outcome: LogOutcome, sequence: UInt64) {
        switch outcome {
        case .written: break
        case .durable:
            engine.context.journal.durable(upTo: sequence)
            engine.durable(upTo: sequence)
        // No room is tried again by the next turn of the real log thread; here it is the end of a run.
        case .noSpace(let reason): failure = reason
        case .fenced: failure = "fenced"
        case .unknown(let reason): failure = reason
        }
    }
}
