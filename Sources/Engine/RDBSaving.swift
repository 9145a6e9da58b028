// A store made of a log alone, without broker, sessions or a journal, to be written as an RDB file.
// One thread. Next: Store/RDB/RDBWriter.swift, ../Server/RDB/RDBExport.swift (who calls).

import Wire

/// The store as the log has it.
public final class RDBSaving {
    private let engine: Engine
    private var store: Store { engine.store }

    public init(_ configuration: EngineConfiguration) { engine = Engine(configuration: configuration) }

    public var context: EngineContext { engine.context }

    /// Applies a record; what is the broker's is passed over. Called in log order.
    public func replay(type: RecordType, payload: ByteSlice, position: LogPosition) throws(ReplayError) {
        switch type {
        case .checkpointBegin, .checkpointEnd, .storeJournaling, .storeImported, .storeEffects, .storeEffectsPart,
            .storeEffectsEnd:
            try engine.replay(type: type, payload: payload, position: position)
        default: break
        }
    }

    /// Everything has been replayed. The context's time says what has expired.
    public func write(to target: any DumpTarget) -> RDBExportReport {
        store.finishRecovery()
        var writer = RDBWriter(to: target)
        writer.write(store)
        return writer.report
    }
}
