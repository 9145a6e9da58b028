// What every part of the engine shares: time, journal, outputs to flush, a way to say something to the
// log file. One object, made by `Engine`, handed to store, broker and sessions.
// Loop thread only. Next: ../Log/Journal.swift.

/// Severity of an `EngineLog` line; the server maps it to its logger's levels.
public enum EngineLogLevel: Sendable {
    case debug, info, notice, warning, error
}

/// Where the engine says what happened. Never called per message.
public final class EngineLog {
    /// Set by the server. Text, then key–value pairs.
    public var sink: (EngineLogLevel, String, [(String, String)]) -> Void = { _, _, _ in }

    public init() {}

    public func callAsFunction(_ level: EngineLogLevel, _ text: String, _ metadata: (String, String)...) {
        sink(level, text, metadata)
    }
}

/// The shared parts.
public final class EngineContext {
    public let time = EngineTime()
    public let flushList = FlushList()
    public let journal: Journal
    public let log = EngineLog()
    /// Sessions that left the rest of their input to the next turn.
    var yielded: [Session] = []
    public let configuration: EngineConfiguration
    /// Set by the server; costs a few system calls.
    public var processFacts: () -> ProcessFacts = { ProcessFacts() }
    /// Set by the server: has it talk to another one. Nil where there is no network.
    public var beginExchange: ((OutgoingExchange) -> Void)?
    /// A client has asked the daemon to stop (`SHUTDOWN`); the server looks at it after each turn.
    public internal(set) var isShutdownRequested = false
    public let checkpoints = CheckpointControl()
    /// What of the log is still needed. The broker keeps it; the checkpoint's policy reads it.
    public internal(set) var liveMessages: LiveMap
    /// Set by the server (disk) and the broker (memory).
    public var alarms = Alarms() {
        didSet { if alarms != oldValue { alarmsChanged() } }
    }
    /// Set by the engine: tells sessions.
    var alarmsChanged: () -> Void = {}
    /// Deterministic when seeded so (tests, simulation); the server seeds it from the system.
    public var random: RandomSource

    public init(configuration: EngineConfiguration) {
        self.configuration = configuration
        journal = Journal()
        liveMessages = LiveMap(stretchShift: configuration.liveStretchShift)
        random = RandomSource(seed: configuration.randomSeed)
    }

    /// Called at the very end of a turn: whoever yielded is looked at in the next one.
    public func continueYielded() {
        guard !yielded.isEmpty else { return }
        let sessions = yielded
        yielded = []
        for session in sessions { session.continueReading() }
    }
}

/// SplitMix64: small, fast, repeatable. Not for secrets.
public struct RandomSource: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
