// Writes the store as an RDB file of version 10: that of Redis 7.0, which every later Redis reads too. Only fields of hashes
// that expire need Redis 7.4's, version 12. What has expired is left out. When keys were last used is not in it: the log does not
// know.
// Loop thread, or the tool's. Next: RDBFormat.swift, ../Serialization/DumpWriter.swift (values).

import CTaskdShims
import Wire

/// What an export has come to.
public struct RDBExportReport: Sendable {
    public var keys = 0
    public var databases = 0
    public var functionLibraries = 0
    public var bytes = 0
}

/// One file.
struct RDBWriter {
    private let target: SummingTarget
    private var writer: DumpWriter
    private(set) var report = RDBExportReport()

    init(to target: any DumpTarget) {
        self.target = SummingTarget(target)
        writer = DumpWriter(to: self.target)
    }

    /// All of it. The target may fail meanwhile: it has to know that itself.
    mutating func write(_ store: Store) {
        let hasFieldTimes = store.databases.contains { $0.fieldExpiringCount > 0 }
        let digits = String(hasFieldTimes ? RDBFormat.versionWithFieldTimes : RDBFormat.versionWritten)
        text(RDBFormat.magic.description + String(repeating: "0", count: 4 - digits.count) + digits)
        auxiliary("redis-ver", CompatibleVersion.redis.description)
        auxiliary("redis-bits", "64")
        auxiliary("ctime", String(store.context.time.wallMilliseconds / 1_000))
        auxiliary("used-mem", String(store.datasetBytes))
        auxiliary("aof-base", "0")
        for library in store.functions.libraries {
            writer.byte(RDBOpcode.function.rawValue)
            writer.string(library.code.slice)
            report.functionLibraries += 1
        }
        for keyspace in store.databases where keyspace.count > 0 { write(keyspace) }
        writer.byte(RDBOpcode.end.rawValue)
        writer.spill()
        writer.fixed(target.sum)
        writer.spill()
        report.bytes = target.bytes
    }

    private mutating func write(_ keyspace: Keyspace) {
        report.databases += 1
        writer.byte(RDBOpcode.database.rawValue)
        writer.number(UInt64(keyspace.index))
        writer.byte(RDBOpcode.sizes.rawValue)
        writer.number(UInt64(keyspace.count))
        writer.number(UInt64(keyspace.expiringCount))
        // While a table is resized an entry may come up twice.
        while keyspace.table.resizeSlice(buckets: Limits.resizeSliceBuckets) {}
        var cursor: UInt64 = 0
        var batch: [KeyEntry] = []
        repeat {
            batch.removeAll(keepingCapacity: true)
            // Some at once, so that their memory is on its way meanwhile.
            repeat {
                cursor = keyspace.table.scan(cursor) { entry in
                    taskd_prefetch(entry.base)
                    taskd_prefetch(entry.base + 64)
                    batch.append(entry)
                }
            } while cursor != 0 && batch.count < Limits.checkpointLookAheadKeys
            for entry in batch where !keyspace.isExpired(entry) { write(entry) }
        } while cursor != 0
    }

    @inline(__always)
    private mutating func write(_ entry: KeyEntry) {
        if entry.hasExpiry {
            writer.byte(RDBOpcode.expiryMilliseconds.rawValue)
            writer.fixed(entry.expiry)
        }
        writer.writeKey(entry)
        report.keys += 1
    }

    private mutating func text(_ text: String) {
        var text = text
        text.withUTF8 { writer.raw(ByteSlice(UnsafeRawBufferPointer($0))) }
    }

    private mutating func auxiliary(_ name: String, _ value: String) {
        writer.byte(RDBOpcode.auxiliary.rawValue)
        for word in [ByteString(name), ByteString(value)] { writer.string(word.slice) }
    }
}

/// Counts and sums what goes through it.
private final class SummingTarget: DumpTarget {
    private let target: any DumpTarget
    private(set) var sum: UInt64 = 0
    private(set) var bytes = 0

    init(_ target: any DumpTarget) { self.target = target }

    func write(_ bytes: UnsafeRawBufferPointer) {
        sum = CRC64.sum(ByteSlice(bytes), after: sum)
        self.bytes += bytes.count
        target.write(bytes)
    }
}
