// The daemon's life: lock, listen, recover, serve, stop.
// Listening begins before recovery, so that a port in use is told at once; accepting begins after it, so
// that nobody is answered from half a state.
// Loop thread. Next: Network/Reactor.swift (what happens in between), Log/Recovery.swift.

import CTaskdShims
import Engine
import EventLoop
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One running daemon.
public final class Daemon {
    private let configuration: ServerConfiguration
    private let lines: LineWriter
    private let logger: Logger
    /// For amq.rabbitmq.log, if lines go there.
    private let lineTap: LineTap?
    private let folder: DataFolder
    private let engine: Engine
    private let loop: EventLoop
    private let reactor: Reactor
    private let startMicroseconds = LoopClock.monotonicMicroseconds
    private var pipeline: LogPipeline?
    private var storage: StoragePipeline?
    private var staging: StagingMemory?
    private var heap = HeapSize()
    private var wakeUp: WakeUp?
    private var signals: [SignalWatch] = []
    private var stopSignal: Int32?
    private var hasLogFailed = false
    /// A file to begin with.
    private let rdbStart: RDBStart?

    /// Runs a daemon until it is told to stop. Returns the exit code; throws when it cannot start.
    /// `importing`: a file of Redis whose keys it begins with.
    public static func serve(
        _ configuration: ServerConfiguration, importing: RDBImportOptions? = nil
    ) throws(DaemonStartError) -> Int32 {
        SignalWatch.ignoreBrokenPipes()
        SignalWatch.unblockAll()
        DescriptorLimit.raise()
        var rdbStart: RDBStart?
        if let importing { rdbStart = try RDBStart(importing) }
        let daemon = try Daemon(configuration, rdbStart)
        return try daemon.run()
    }

    private init(_ configuration: ServerConfiguration, _ rdbStart: RDBStart?) throws(DaemonStartError) {
        self.configuration = configuration
        self.rdbStart = rdbStart
        lines = LineWriter(descriptor: STDERR_FILENO)
        lineTap = configuration.logExchange ? LineTap(level: configuration.logExchangeLevel) : nil
        let handler = LogLineHandler(
            writer: lines, format: configuration.loggingFormat, level: configuration.loggingLevel, tap: lineTap)
        logger = Logger(label: "taskd") { _ in handler }
        do throws(StartError) {
            folder = try DataFolder(path: configuration.dataFolder)
        } catch {
            throw DaemonStartError(error.description)
        }
        var seeds = SystemRandomNumberGenerator()
        HashSeed.plant()
        engine = Engine(configuration: configuration.engineConfiguration(randomSeed: seeds.next()))
        engine.context.log.sink = Self.sink(logger)
        do throws(EventLoopError) {
            loop = try EventLoop()
        } catch {
            throw DaemonStartError("cannot make an event loop: \(error)")
        }
        reactor = Reactor(loop: loop, engine: engine)
        reactor.respClientsMax = configuration.respClientsMax
        reactor.amqpConnectionsMax = configuration.amqpConnectionsMax
        engine.context.processFacts = { [unowned self] in facts() }
        // Once while the process is small: see HeapSize.
        _ = facts()
    }

    private static func sink(_ logger: Logger) -> (EngineLogLevel, String, [(String, String)]) -> Void {
        { level, text, pairs in
            let mapped: Logger.Level =
                switch level {
                case .debug: .debug
                case .info: .info
                case .notice: .notice
                case .warning: .warning
                case .error: .error
                }
            guard mapped >= logger.logLevel else { return }
            var metadata = Logger.Metadata()
            for (key, value) in pairs { metadata[key] = .string(value) }
            logger.log(level: mapped, "\(text)", metadata: metadata)
        }
    }

    private func facts() -> ProcessFacts {
        var facts = ProcessFacts()
        SystemFacts.fill(&facts, heap: &heap)
        facts.configurationFile = configuration.file ?? configuration.redisFile ?? ""
        facts.dataFolder = folder.path
        facts.multiplexing = loop.backend
        facts.uptimeSeconds = (LoopClock.monotonicMicroseconds - startMicroseconds) / 1_000_000
        facts.logBytes = storage?.logBytes ?? 0
        facts.hasLogFailed = hasLogFailed
        reactor.fill(&facts)
        return facts
    }

    // MARK: Start

    private func run() throws(DaemonStartError) -> Int32 {
        do throws(ListenError) {
            for address in configuration.amqpListen { try reactor.listen(address, .amqp) }
            for address in configuration.respListen { try reactor.listen(address, .resp) }
        } catch {
            throw DaemonStartError(error.description)
        }
        for warning in configuration.warnings { logger.warning("\(warning)") }
        for note in configuration.notes { logger.notice("\(note)") }
        watchSignals()
        try recover()
        for parameter in configuration.storeParameters {
            let reason = engine.setStoreParameter(parameter.name, parameter.value)
            precondition(reason == nil, "the loader has checked it")
        }
        try importRDB()
        reactor.startAccepting()
        publishLines()
        // Most of what is in memory of the program was needed to link it and to read the configuration.
        taskd_release_program_pages()
        logReady()
        while stopSignal == nil, !hasLogFailed, !engine.context.isShutdownRequested { reactor.runTurn() }
        return stop()
    }

    /// From here on lines go to amq.rabbitmq.log, too, if they are to.
    private func publishLines() {
        let contentType = configuration.loggingFormat == .json ? "application/json" : "text/plain"
        lineTap?.take = { [unowned engine] level, line in
            engine.broker.publishLogLine(level: level, contentType: contentType, line)
        }
    }

    private func recover() throws(DaemonStartError) {
        let log = SegmentedLog(
            disk: FolderDisk(path: folder.logPath), segmentBytesMax: configuration.logSegmentBytesMax)
        let staging = StagingMemory(folder: folder.path)
        if !staging.isComplete {
            logger.warning(
                "no room for the files that keep what is answered but not written yet: SIGKILL may lose a moment's writes"
            )
        }
        log.staged = staging.found
        engine.context.journal.use(staging)
        self.staging = staging
        do throws(LogError) {
            let result = try Recovery.run(engine, log) { [reactor] in reactor.refuseWaiting() }
            logger.info(
                "log recovered",
                metadata: [
                    "records": "\(result.records)", "bytes": "\(result.bytes)", "epoch": "\(result.claim.epoch)",
                    "milliseconds": "\(result.milliseconds)",
                ])
        } catch {
            throw DaemonStartError(error.description)
        }
        let spool: SpoolFiles
        do throws(LogDiskError) {
            spool = try SpoolFiles(disk: FolderDisk(path: folder.spoolPath))
        } catch {
            throw DaemonStartError(error.description)
        }
        do throws(EventLoopError) {
            try startThreads(log, spool)
        } catch {
            throw DaemonStartError("cannot make a wake-up: \(error)")
        }
    }

    /// Loads the file, if there is one; afterwards all of it is in the log.
    private func importRDB() throws(DaemonStartError) {
        guard let rdbStart else { return }
        reactor.beginTurn()
        do throws(DaemonStartError) {
            try rdbStart.run(engine, logger) {
                // Signals and reports of the threads; no turn, which could take a checkpoint of a half.
                loop.runOnce(waits: false)
                reactor.refuseWaiting()
                return stopSignal == nil && !hasLogFailed
            } checkpoint: {
                takeCheckpoint()
            }
        } catch {
            finishLog()
            lines.finish(withinMilliseconds: 1_000)
            throw error
        }
    }

    /// Takes a checkpoint of this moment; returns why it is not there.
    private func takeCheckpoint() -> String? {
        let number = engine.askForCheckpoint()
        reactor.runTurn(waits: false)
        while engine.context.checkpoints.finished < number, !hasLogFailed, pipeline?.failure == nil {
            reactor.runTurn()
        }
        guard engine.context.checkpoints.finished >= number else { return pipeline?.failure ?? "the log has failed" }
        return engine.context.checkpoints.lastSucceeded ? nil : engine.context.checkpoints.lastFailure
    }

    /// The threads that own the disk from here on, and the loop's ends of them.
    private func startThreads(_ log: SegmentedLog, _ spool: SpoolFiles) throws(EventLoopError) {
        let wakeUp = try WakeUp(on: loop) { [unowned self] in
            self.reactor.beginTurn()
            self.pipeline?.takeReports()
            self.storage?.takeReports()
        }
        self.wakeUp = wakeUp
        let disk = FolderDisk(path: folder.logPath)
        let archive = SegmentArchive(
            disk: disk, segments: log.segments, checkpoints: log.olderCheckpoints + (log.checkpoint.map { [$0] } ?? []))
        let filesBytes = archive.totalBytes
        let storageThread = StorageThread(
            archive: archive, spool: spool, disk: disk, checksSpace: configuration.diskFreeBytesMin > 0,
            bell: wakeUp.bell)
        let thread = LogThread(log: log, storage: storageThread, bell: wakeUp.bell)
        let pipeline = LogPipeline(engine: engine, thread: thread, isStaged: staging?.isComplete ?? false)
        pipeline.onDurable = { [unowned reactor] in reactor.noteMoreDurable() }
        pipeline.onFailure = { [unowned self] reason in logFailed(reason) }
        let storage = StoragePipeline(
            engine: engine, storage: storageThread, policy: configuration.checkpointPolicy, checkpoint: log.checkpoint,
            filesBytes: filesBytes)
        storage.needsDurable = { [unowned pipeline] (sequence: UInt64) in pipeline.needsDurable(sequence) }
        self.pipeline = pipeline
        self.storage = storage
        reactor.pipeline = pipeline
        reactor.storage = storage
        storageThread.start()
        thread.start()
    }

    private func logReady() {
        func addresses(_ wireProtocol: WireProtocol) -> String {
            let list = reactor.listeners.filter { $0.wireProtocol == wireProtocol }.map(\.address.description)
            return list.isEmpty ? "-" : list.joined(separator: ",")
        }
        // One line in a fixed order: scripts wait for it.
        logger.notice(
            "taskd \(TaskdVersion.current) ready amqp=\(addresses(.amqp)) resp=\(addresses(.resp)) pid=\(getpid())")
    }

    private func watchSignals() {
        for number in [SIGTERM, SIGINT] {
            signals.append(SignalWatch(signal: number, on: loop) { [unowned self] in signalled(number) })
        }
        // Nothing to reload; but losing the terminal is no reason to end without a good-bye.
        signals.append(SignalWatch(signal: SIGHUP, on: loop) {})
    }

    private func signalled(_ number: Int32) {
        guard stopSignal == nil else {
            logger.warning("second signal: ending at once")
            lines.finish(withinMilliseconds: 200)
            _exit(1)
        }
        stopSignal = number
    }

    private func logFailed(_ reason: String) {
        switch configuration.logErrorPolicy {
        case .exit:
            hasLogFailed = true
            logger.critical("the log has failed: \(reason); nothing more can be confirmed, ending")
        case .readOnly:
            engine.context.alarms.logFailure = reason
            logger.critical(
                "the log has failed: \(reason); publishers are blocked and store writes refused until a restart")
        }
    }

    // MARK: Stop

    private var stopReason: String {
        switch stopSignal {
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        default: "command"
        }
    }

    private func stop() -> Int32 {
        defer { lineTap?.take = nil }
        defer { lines.finish(withinMilliseconds: 1_000) }
        reactor.stopAccepting()
        if hasLogFailed {
            // What clients were not told is not promised: no flush, no good-bye that could carry a confirm.
            return 1
        }
        logger.notice("stopping", metadata: ["reason": "\(stopReason)"])
        reactor.beginShutdown()
        var isLate = false
        let limit = LoopTimer(on: loop) { isLate = true }
        limit.schedule(afterMicroseconds: Int64(configuration.shutdownSeconds) * 1_000_000)
        while reactor.connections.count > 0, !isLate, !hasLogFailed { reactor.runTurn() }
        if reactor.connections.count > 0 {
            logger.warning("clients were cut off", metadata: ["connections": "\(reactor.connections.count)"])
            reactor.closeAll()
        }
        if stopSignal != nil, engine.savesAtShutdown { takeLastCheckpoint() }
        finishLog()
        guard !hasLogFailed, pipeline?.failure == nil else { return 1 }
        let seconds = (LoopClock.monotonicMicroseconds - startMicroseconds) / 1_000_000
        logger.notice("stopped", metadata: ["uptime_seconds": "\(seconds)"])
        return 0
    }

    /// As a Redis with save points and without an append-only file does. A second signal ends it.
    private func takeLastCheckpoint() {
        if let failure = takeCheckpoint() { logger.error("the last checkpoint has failed: \(failure)") }
    }

    private func finishLog() {
        guard let pipeline else { return }
        storage?.finish()
        reactor.storage = nil
        var isLate = false
        let limit = LoopTimer(on: loop) { isLate = true }
        limit.schedule(afterMicroseconds: Int64(max(1, configuration.shutdownSeconds)) * 1_000_000)
        while pipeline.hasPendingRecords, pipeline.failure == nil, !isLate {
            pipeline.handOverNow()
            if pipeline.hasPendingRecords { reactor.runTurn() }
        }
        pipeline.finish()
        if pipeline.failure == nil, pipeline.hasPendingRecords { logFailed("the last records could not be written") }
        if pipeline.failure == nil, !hasLogFailed { staging?.remove() }
    }
}

/// Why the daemon could not start; one clear line.
public struct DaemonStartError: Error {
    public let description: String
    init(_ description: String) { self.description = description }
}
