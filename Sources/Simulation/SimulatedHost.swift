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
    public private(set) var wallMicroseconds: Int64
    /// The log has failed: nothing is confirmed, nobody is answered.
    public private(set) var failure: String?
    /// What recovery had to say.
    public private(set) var notices: [LogNotice] = []
    /// The log thread is slow at times: a batch is written some turns after it was closed.
    public var delaysBatches = false
    private var batchInFlight: LogBatch?
    private var writtenSequence: UInt64 = 0
    /// Somebody waits for what was written without a sync.
    private var isSyncAsked = false

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
        let prepared = [0, 700, 4_096, 16_384][Int(seed % 4)]
        let log = SegmentedLog(disk: disk, segmentBytesMax: segmentBytesMax, preparedBytes: prepared)
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

    // Its memory belongs to the journal.
    deinit { if let batchInFlight { journal.written(batchInFlight) } }

    /// A checkpoint is taken within the next turns; `takesCheckpoints` has them taken all the time.
    public func askForCheckpoint() { storage.isAsked = true }
    public var takesCheckpoints: Bool {
        get { storage.isAlwaysAsked }
        set { storage.isAlwaysAsked = newValue }
    }
    /// Checkpoints that were finished, and segments rewritten.
    public var checkpointCount: Int { storage.finishedCount }
    public var rewriteCount: Int { storage.rewriteCount }
    /// Messages read back from segments and spool.
    public var readCount: Int { storage.readCount }

    private var journal: Journal { engine.context.journal }
    /// What has been done so far is durable once this batch is, and up to which batch everything is.
    public var lastRecordSequence: UInt64 { journal.openSequence - (journal.pendingBytes > 0 ? 0 : 1) }
    public var durableSequence: UInt64 { journal.durableSequence }
    /// A batch waits for room on the disk.
    public var isDiskFull: Bool { engine.context.alarms.isDiskFull }

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

    // MARK: Turns

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
        moveBatches()
        guard failure == nil else { return }
        _ = engine.context.flushList.takePending()
        collect()
        if isSyncAsked, !isSlow { syncLog() }
    }

    /// Turns until clients have sent everything and nothing waits for the disk; at most `turnsMax`.
    public func settle(turnsMax: Int = 1_000) {
        for _ in 0..<turnsMax where failure == nil {
            turn()
            syncLog()
            if isQuiet { return }
        }
    }

    /// Nothing is left to do, and nothing waits for the disk.
    public var isQuiet: Bool {
        clients.allSatisfy(\.isQuiet) && journal.pendingBytes == 0 && storage.isQuiet && batchInFlight == nil
            && (engine.nextDeadline ?? .max) > engine.context.time.monotonicMilliseconds
    }

    private func collect() {
        for client in clients where client.collect(journal) { isSyncAsked = true }
    }

    // MARK: The log

    private func moveBatches() {
        if let batchInFlight, !isSlow { write(batchInFlight) }
        guard failure == nil, batchInFlight == nil, let batch = journal.takeBatch() else { return }
        batchInFlight = batch
        if !isSlow { write(batch) }
    }

    private var isSlow: Bool { delaysBatches && Int.random(in: 0..<3, using: &random) == 0 }

    private func write(_ batch: LogBatch) {
        // Syncing more often than asked is allowed, and finds other states.
        let syncs =
            batch.needsSync || engine.context.configuration.appendFsync == .always
            || Int.random(in: 0..<8, using: &random) == 0
        let outcome = log.append(batch, sync: syncs)
        for segment in log.takeBegunSegments() { archive.begun(segment) }
        if case .noSpace = outcome {
            // It is tried again, turn by turn.
            engine.context.alarms.isDiskFull = true
            return
        }
        engine.context.alarms.isDiskFull = false
        batchInFlight = nil
        writtenSequence = batch.sequence
        journal.written(batch)
        note(outcome)
    }

    /// As the log thread does once a second, and when somebody waits.
    public func syncLog() {
        guard failure == nil else { return }
        if let batchInFlight { write(batchInFlight) }
        guard failure == nil, batchInFlight == nil, writtenSequence > 0 else { return }
        isSyncAsked = false
        note(log.sync())
        guard failure == nil else { return }
        collect()
    }

    private func note(_ outcome: LogOutcome) {
        switch outcome {
        case .written, .noSpace: break
        case .durable:
            journal.durable(upTo: writtenSequence)
            engine.durable(upTo: writtenSequence)
        case .fenced: failure = "fenced"
        case .unknown(let reason): failure = reason
        }
    }
}
