// One run, decided by its seed: a workload in rounds on one disk, with restarts and faults between and in them. Before
// every change of the disk it looks at what would be left if power were cut in the middle of that change: another disk,
// on which it recovers, compares, and now and then goes on with the workload until the next cut.
// Next: Inspection.swift.

import Engine
import Simulation

final class Run {
    let seed: UInt64
    let report = Report()
    private var random: RandomSource
    private let ledger = Ledger()
    private let sizes: Sizes
    /// Stops after so many violations: the rest would only repeat them.
    private static let violationsMax = 5

    /// What makes much happen with little data.
    private struct Sizes {
        let segmentBytes: Int
        let checkpointVisits: Int
        let checkpointBytes: Int
        let memoryBytes: Int
        let appendFsync: AppendFsync
        let takesCheckpoints: Bool
        let delaysBatches: Bool

        init(_ random: inout RandomSource) {
            segmentBytes = random.within(4_096...8_192)
            checkpointVisits = random.within(8...200)
            checkpointBytes = random.within(500...16_000)
            memoryBytes = random.oneIn(4) ? .max : random.within(10_000...60_000)
            appendFsync = random.oneIn(3) ? .everysec : .always
            takesCheckpoints = !random.oneIn(6)
            delaysBatches = !random.oneIn(3)
        }

        var configuration: EngineConfiguration {
            let configuration = EngineConfiguration()
            configuration.liveStretchShift = 8
            configuration.checkpointVisitsPerTurn = checkpointVisits
            configuration.checkpointBytesPerTurn = checkpointBytes
            configuration.memoryHighWatermarkBytes = memoryBytes
            configuration.readAheadBytes = 2_000
            configuration.readRequestBytes = 700
            configuration.spoolChunkBytes = 3_000
            configuration.returnsPerTurn = 2
            configuration.streamStretchEntries = 8
            configuration.streamTailBytes = 1_500
            configuration.streamReadBytes = 700
            configuration.appendFsync = appendFsync
            return configuration
        }
    }

    init(seed: UInt64) {
        self.seed = seed
        random = RandomSource(seed: seed)
        sizes = Sizes(&random)
    }

    func perform() {
        let disk = SimulatedDisk(seed: seed)
        disk.flipsUnsyncedBits = random.oneIn(2)
        disk.willChange = { [unowned self] change, cut in
            guard report.violations.isEmpty else { return }
            tryCrash(change, cut)
        }
        for round in 0..<random.within(1...3) where report.violations.isEmpty {
            guard let host = recover(disk, seed &+ UInt64(round) &* 7_919, ledger, "round \(round)") else {
                disk.crash()
                continue
            }
            inspect(host, ledger, report, "round \(round)")
            if random.oneIn(2) { planFault(disk, within: 150, &random) }
            work(host, ledger, turns: random.within(15...45), &random, report)
            // After a failed sync the next start would believe what only the system's memory holds. That is a limit of
            // the log, known and not looked for here.
            let mayGoOn = host.failure == nil && !disk.looksWritten
            if mayGoOn, random.oneIn(2) { disk.endProcess() } else { disk.crash() }
        }
        disk.willChange = nil
        guard report.violations.isEmpty, let host = recover(disk, seed, ledger, "at the end") else { return }
        inspect(host, ledger, report, "at the end")
        if ledger.books.broker.isSetUp { Drain.run(host, ledger.books.broker, report) }
        report.counts.removedSegments += disk.removedSegments
    }

    private func planFault(_ disk: SimulatedDisk, within changes: Int, _ random: inout RandomSource) {
        let start = disk.changes + random.within(1...changes)
        switch random.below(3) {
        case 0: disk.follow(.fail(at: start, reason: "input/output error"))
        default:
            disk.follow(.noSpace(during: start..<(start + random.within(1...30)), onlyToSync: random.oneIn(2)))
        }
        report.counts.faults += 1
    }

    // MARK: Hosts

    /// Nil when it cannot be: which is a violation unless power was cut meanwhile.
    private func recover(
        _ disk: SimulatedDisk, _ seed: UInt64, _ ledger: Ledger, _ place: String
    ) -> SimulatedHost? {
        do throws(LogError) {
            let host = try SimulatedHost(
                disk: disk, seed: seed, segmentBytesMax: sizes.segmentBytes,
                wallMicroseconds: ledger.books.wallMicroseconds + 1_000, configuration: sizes.configuration)
            host.delaysBatches = sizes.delaysBatches
            host.engine.context.log.sink = { [report] level, text, metadata in
                guard level == .error || level == .warning, !text.contains("AMQP connection"),
                    !text.contains("memory alarm")
                else { return }
                report.complaint("\(place): \(text) \(metadata.map { "\($0)=\($1)" }.joined(separator: " "))")
            }
            report.counts.recoveries += 1
            return host
        } catch {
            if !disk.hasCrashed { report.violation("\(place): recovery fails: \(error.description)") }
            return nil
        }
    }

    private func inspect(_ host: SimulatedHost, _ ledger: Ledger, _ report: Report, _ place: String) {
        let before = report.violations.count
        Inspection(host, report).run(ledger)
        if report.violations.count > before { report.violation("found by the inspection \(place)") }
    }

    /// The workload, until its end or until the host fails.
    private func work(
        _ host: SimulatedHost, _ ledger: Ledger, turns: Int, _ random: inout RandomSource, _ report: Report
    ) {
        let broker = BrokerClients(host, report)
        let scrap = ScrapClient(host, report)
        let rules = RuleClient(host, report)
        let store = StoreClients(host, report, answersAfterSync: sizes.appendFsync == .always)
        host.takesCheckpoints = sizes.takesCheckpoints
        for _ in 0..<turns where host.failure == nil && report.violations.count < Self.violationsMax {
            host.advance(milliseconds: Int64(random.below(6)))
            ledger.books.wallMicroseconds = host.wallMicroseconds
            broker.send(&ledger.books.broker, &random)
            scrap.send(&ledger.books.scrap, &random)
            rules.send(&ledger.books.rules, &random)
            store.send(&ledger.books.store, &random)
            host.turn()
            broker.receive(&ledger.books.broker)
            scrap.receive(&ledger.books.scrap)
            rules.receive(&ledger.books.rules)
            store.receive(&ledger.books.store)
            if random.oneIn(10) { host.syncLog() }
        }
        report.counts.checkpoints += host.checkpointCount
        report.counts.rewrites += host.rewriteCount
        report.counts.pagedIn += host.readCount
        report.counts.pagedOut += host.engine.broker.pagedOutTotal
    }

    // MARK: Power cuts

    /// Power is cut during this change; and, now and then, again during recovery or later on.
    private func tryCrash(_ change: Int, _ cut: (UInt64) -> SimulatedDisk) {
        var random = RandomSource(seed: seed &* 1_000_003 &+ UInt64(change))
        let disk = cut(random.next())
        let ledger = Ledger(ledger.books)
        let place = "after power was cut at change \(change)"
        report.counts.crashPoints += 1
        for _ in 0..<3 where random.oneIn(4) {
            disk.follow(.crash(at: disk.changes + random.within(1...8)))
            _ = recover(disk, random.next(), ledger, place + " and again")
            disk.crash()
            report.counts.crashPoints += 1
        }
        guard let host = recover(disk, random.next(), ledger, place) else { return }
        inspect(host, ledger, report, place)
        guard report.violations.isEmpty else { return }
        if random.oneIn(4) {
            if ledger.books.broker.isSetUp { Drain.run(host, ledger.books.broker, report) }
            return
        }
        guard random.oneIn(6) else { return }
        if random.oneIn(2) {
            disk.follow(.crash(at: disk.changes + random.within(1...60)))
        } else {
            planFault(disk, within: 40, &random)
        }
        work(host, ledger, turns: random.within(3...20), &random, report)
        disk.crash()
        report.counts.crashPoints += 1
        guard let again = recover(disk, random.next(), ledger, place + " and once more") else { return }
        inspect(again, ledger, report, place + " and once more")
    }
}
