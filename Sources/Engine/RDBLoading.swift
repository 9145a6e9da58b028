// Loading an RDB file into a store that nobody uses yet, from the server's side. The order is the server's to keep:
// after recovery, before any connection; `advance` until it says that it is done; a checkpoint; `finish`. If any of it
// fails the daemon ends, and the log is as it was.
// Loop thread. Next: Store/RDB/RDBImport.swift.

/// One import.
public final class RDBLoading {
    private let store: Store
    private let load: RDBImport
    /// Where the log stood before the checkpoint that has the file's keys.
    private var position: LogPosition = 0

    /// Reads the file's header. `replaces`: what the store holds goes; otherwise it must hold nothing.
    public init(_ engine: Engine, _ source: any DumpSource, replaces: Bool) throws(RDBError) {
        store = engine.store
        guard replaces || store.holdsNothing else {
            let keys = store.databases.reduce(0) { $0 + $1.count }
            throw RDBError(
                "the store holds \(keys) keys and \(store.functions.libraryCount) libraries of functions already; "
                    + "start without --import-rdb, or have them replaced with --import-rdb-replace")
        }
        load = try RDBImport(source, into: store)
        store.beginImport(replaces: replaces)
    }

    /// Takes some keys more; returns whether those were the last.
    public func advance() throws(RDBError) -> Bool {
        guard try load.advance(keys: Limits.importKeysPerStep) else { return false }
        position = store.context.journal.nextPosition
        return true
    }

    /// So far.
    public var report: RDBImportReport { load.report }

    /// What was loaded is on disk: from now on the store is as any other.
    public func finish() {
        store.endImport()
        // Without that checkpoint the log makes no sense from here on, and a start must not pretend that it does.
        store.context.journal.append(.storeImported, payloadBytes: 8) { $0.writeUInt64(position) }
    }

    /// Bytes by which the keys exceed `maxmemory`; 0: they do not.
    public var excessBytes: Int {
        let limit = store.context.configuration.maxMemoryBytes
        return limit > 0 ? max(0, store.datasetBytes - limit) : 0
    }
}
