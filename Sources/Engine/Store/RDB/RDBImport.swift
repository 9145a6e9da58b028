// Puts what an RDB file holds into the databases, as Redis does when it starts. Nothing of it is journaled: the server
// takes a checkpoint afterwards, before it serves anybody, so that the log has either everything or nothing of it.
// Meanwhile the store counts as replaying: nothing expires, nothing is evicted, nothing is written.
// As in Redis: what has expired is left out, and so are empty values, which old versions have written; a key that comes
// twice is an error.
// Loop thread, before any client. Next: RDBReader.swift, ../../RDBLoading.swift (who calls).

import Wire

/// What an import has come to.
public struct RDBImportReport: Sendable {
    public var version = 0
    /// By the file's own account.
    public var writtenBy = ""
    public var keys = 0
    public var expiredKeys = 0
    public var emptyKeys = 0
    public var functionLibraries = 0
    /// Bytes of the file read.
    public var bytes = 0
}

/// An import under way.
final class RDBImport {
    private unowned let store: Store
    private var reader: RDBReader
    private var keyspace: Keyspace
    private let now: Int64
    private(set) var report = RDBImportReport()

    /// Reads the header.
    init(
        _ source: any DumpSource, into store: Store, readBytes: Int = Limits.importReadBytes
    ) throws(RDBError) {
        self.store = store
        reader = try RDBReader(source, readBytes: readBytes)
        keyspace = store.databases[0]
        now = store.context.time.wallMilliseconds
        report.version = reader.version
    }

    /// Takes so many keys more; returns whether those were the last.
    func advance(keys: Int) throws(RDBError) -> Bool {
        for _ in 0..<keys {
            switch try reader.next() {
            case .string(let key, let value): try add(key) { set(key, value) }
            case .object(let key, let value):
                if value.isEmpty { report.emptyKeys += 1 } else { try add(key.slice) { set(key.slice, value) } }
            case .database(let number): try select(number)
            case .sizes(let keys, let expiring): expect(keys, expiring)
            case .function(let code): try load(code)
            case .auxiliary(let name, let value):
                if name == "redis-ver" { report.writtenBy = value }
            case .end:
                report.bytes = reader.offset
                return true
            }
        }
        report.bytes = reader.offset
        return false
    }

    private func select(_ number: Int) throws(RDBError) {
        guard number < store.databases.count else {
            throw RDBError(
                at: reader.itemOffset,
                "database \(number), but there are only \(store.databases.count) (resp.databases)")
        }
        keyspace = store.databases[number]
    }

    /// Room for what is announced, as far as so many keys can still come.
    private func expect(_ keys: Int, _ expiring: Int) {
        let keysMax = min(reader.remaining / Self.keyBytesMin, Limits.importedKeysExpectedMax)
        keyspace.table.expect(min(keys, keysMax))
        keyspace.expiring.expect(min(expiring, keysMax))
    }

    /// Type, length of the key, value.
    private static let keyBytesMin = 3

    private func load(_ code: ByteString) throws(RDBError) {
        do throws(CommandError) {
            _ = try store.functions.load(
                code.slice, replaces: false, millisecondsMax: Limits.importedFunctionMillisecondsMax)
        } catch {
            throw RDBError(at: reader.itemOffset, "a library of functions cannot be loaded: \(error.text)")
        }
        report.functionLibraries += 1
    }

    // MARK: Keys

    @inline(__always)
    private func add(_ key: ByteSlice, _ set: () -> Void) throws(RDBError) {
        if let expiry = reader.facts.expiry, expiry <= now { return report.expiredKeys += 1 }
        let before = keyspace.count
        set()
        guard keyspace.count > before else {
            throw RDBError(
                at: reader.itemOffset,
                "key \(RDBReader.shown(key)) of database \(keyspace.index) stands in the file a second time")
        }
        report.keys += 1
    }

    @inline(__always)
    private func set(_ key: ByteSlice, _ value: ByteSlice) {
        keyspace.setString(key, value, expiry: reader.facts.expiry.map { .at($0) } ?? .clear)
        noteAccess(key)
    }

    private func set(_ key: ByteSlice, _ value: StoredValue) {
        keyspace.set(key, value)
        if let expiry = reader.facts.expiry, let entry = keyspace.find(key) { keyspace.setExpiry(entry, expiry) }
        noteAccess(key)
    }

    @inline(__always)
    private func noteAccess(_ key: ByteSlice) {
        guard reader.facts.idleSeconds != nil || reader.facts.frequency != nil, let entry = keyspace.find(key) else {
            return
        }
        store.noteAccess(entry, idleSeconds: reader.facts.idleSeconds, frequency: reader.facts.frequency)
    }
}

extension Store {
    /// Whether an import would be in anybody's way.
    var holdsNothing: Bool { databases.allSatisfy { $0.count == 0 } && functions.libraryCount == 0 }

    /// From here on the store is filled from a file. `replaces`: what it holds goes first.
    func beginImport(replaces: Bool) {
        precondition(clients.isEmpty && depth == 0 && checkpointWalk == nil)
        setReplaying(true)
        guard replaces else { return }
        for keyspace in databases where keyspace.count > 0 { keyspace.removeAll() }
        functions.flush()
    }

    /// What was imported is in a checkpoint: the store goes on from there.
    func endImport() {
        finishRecovery()
    }
}
