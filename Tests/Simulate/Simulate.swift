// The model test of durability: random work on the engine and a simulated disk, power cut at every change of the disk,
// and what is found afterwards compared with what clients were told. Seeds decide everything and can be tried again.
// Next: Run.swift (one seed), Books.swift (what is known).

import ArgumentParser
import Engine
import Simulation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@main
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "taskd-simulate",
        abstract: "Cut the power of a simulated disk at every change and compare what is left with what was promised.")

    @Option(help: "Go on with the next seed until power was cut so many times.")
    var crashPoints = 10_000

    @Option(help: "The first seed. A failure names its seed: `--crash-points 1 --seed S` tries just that one again.")
    var seed: UInt64 = 1

    @Flag(help: "Go on until stopped or until something is found.")
    var forever = false

    @Flag(help: "Say something about each seed.")
    var verbose = false

    @Option(help: "Seeds that run at the same time; 0: one for each processor.")
    var jobs = 0

    func run() async throws {
        Self.fixHashing()
        let progress = Progress(target: forever ? .max : crashPoints, firstSeed: seed, isVerbose: verbose)
        let count = jobs > 0 ? jobs : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    while let seed = await progress.nextSeed() {
                        let run = Run(seed: seed)
                        run.perform()
                        await progress.note(seed, run.report.counts, run.report.violations, run.report.complaints)
                    }
                }
            }
        }
        if await progress.summarize() { throw ExitCode.failure }
    }

    /// The order of Swift's dictionaries differs from process to process unless it is told otherwise before it starts.
    private static func fixHashing() {
        let name = "SWIFT_DETERMINISTIC_HASHING"
        guard getenv(name) == nil else { return }
        setenv(name, "1", 1)
        var arguments = CommandLine.arguments.map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
    }
}

/// What all seeds have come to.
actor Progress {
    private let target: Int
    private let isVerbose: Bool
    private var next: UInt64
    private var counts = Counts()
    private var passed = 0
    private var failed: [UInt64] = []
    private var told = 0
    private let began = ContinuousClock.now

    init(target: Int, firstSeed: UInt64, isVerbose: Bool) {
        self.target = target
        self.isVerbose = isVerbose
        next = firstSeed
    }

    /// Nil when enough has been done, or found.
    func nextSeed() -> UInt64? {
        guard counts.crashPoints < target, failed.count < 5 else { return nil }
        defer { next += 1 }
        return next
    }

    func note(_ seed: UInt64, _ more: Counts, _ violations: [String], _ complaints: [String]) {
        counts += more
        if violations.isEmpty {
            passed += 1
            if isVerbose { print("seed \(seed): \(more.crashPoints) crash points, \(more)") }
        } else {
            failed.append(seed)
            print("seed \(seed) has failed; again with: taskd-simulate --crash-points 1 --seed \(seed)")
            for text in violations.prefix(20) { print("  \(text)") }
            for text in complaints { print("  \(text)") }
        }
        if counts.crashPoints / 10_000 > told {
            told = counts.crashPoints / 10_000
            print("\(counts.crashPoints) crash points, \(passed) seeds passed, \(failed.count) failed, \(seconds) s")
        }
        fflush(nil)
    }

    private var seconds: Int64 { (ContinuousClock.now - began).components.seconds }

    /// True when something has failed.
    func summarize() -> Bool {
        print(
            """
            \(counts.crashPoints) crash points, \(counts.recoveries) recoveries, \(counts.faults) faults; \
            \(counts.confirmed) messages confirmed, \(counts.acknowledged) acknowledged, \
            \(counts.transactions) transactions, \(counts.storeWrites) store writes; \
            \(counts.checkpoints) checkpoints, \(counts.rewrites) rewrites, \
            \(counts.removedSegments) segments removed; \
            \(counts.pagedOut) messages paged out, \(counts.pagedIn) read back; \(seconds) s
            """)
        print("\(passed) passed, \(failed.count) failed")
        return !failed.isEmpty
    }
}
