// Up to where hashes, sets, sorted sets and HyperLogLogs keep their compact forms: Redis's parameters, changed by CONFIG SET.
// One set for the process, as values do not know their store. A value that is larger than a threshold that was lowered
// keeps its form until it grows.
// Loop thread only.

/// Thresholds of compact forms.
enum CompactForms {
    /// `hash-max-listpack-entries`, `hash-max-listpack-value`: fields, and bytes of a field or value.
    nonisolated(unsafe) static var hashEntriesMax = Limits.packedEntriesMax
    nonisolated(unsafe) static var hashValueBytesMax = Limits.packedValueBytesMax
    /// `set-max-listpack-entries`, `set-max-listpack-value`, `set-max-intset-entries`: members, bytes of one, integers.
    nonisolated(unsafe) static var setEntriesMax = Limits.packedEntriesMax
    nonisolated(unsafe) static var setValueBytesMax = Limits.packedValueBytesMax
    nonisolated(unsafe) static var integerSetEntriesMax = Limits.integerSetEntriesMax
    /// `zset-max-listpack-entries`, `zset-max-listpack-value`: members, and bytes of one.
    nonisolated(unsafe) static var sortedSetEntriesMax = Limits.packedEntriesMax
    nonisolated(unsafe) static var sortedSetValueBytesMax = Limits.packedValueBytesMax
    /// `hll-sparse-max-bytes`, header included.
    nonisolated(unsafe) static var sparseHyperLogLogBytesMax = Limits.hyperLogLogSparseBytesMax
}
