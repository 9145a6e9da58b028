// The thresholds of compact forms as parameters of CONFIG, under the names that they have had over time.
// Loop thread only. Next: ConfigParameter.swift, ../../Types/CompactForms.swift.

extension CompactForms {
    static var parameters: [ConfigParameter] {
        entries(["hash-max-listpack-entries", "hash-max-ziplist-entries"], { hashEntriesMax }) { hashEntriesMax = $0 }
            + valueBytes(["hash-max-listpack-value", "hash-max-ziplist-value"], { hashValueBytesMax }) {
                hashValueBytesMax = $0
            }
            + entries(["set-max-listpack-entries"], { setEntriesMax }) { setEntriesMax = $0 }
            + valueBytes(["set-max-listpack-value"], { setValueBytesMax }) { setValueBytesMax = $0 }
            + entries(["set-max-intset-entries"], { integerSetEntriesMax }) { integerSetEntriesMax = $0 }
            + entries(["zset-max-listpack-entries", "zset-max-ziplist-entries"], { sortedSetEntriesMax }) {
                sortedSetEntriesMax = $0
            }
            + valueBytes(["zset-max-listpack-value", "zset-max-ziplist-value"], { sortedSetValueBytesMax }) {
                sortedSetValueBytesMax = $0
            }
            + [
                .memory(
                    "hll-sparse-max-bytes", 0...Int64(Limits.hyperLogLogSparseBytesCeiling),
                    { _ in Int64(sparseHyperLogLogBytesMax) }
                ) {
                    sparseHyperLogLogBytesMax = Int($1)
                }
            ]
    }

    private static func entries(
        _ names: [String], _ get: @escaping @Sendable () -> Int, _ set: @escaping @Sendable (Int) -> Void
    ) -> [ConfigParameter] {
        names.map { name in
            .integer(name, 0...Int64(Limits.packedEntriesCeiling), { _ in Int64(get()) }) { set(Int($1)) }
        }
    }

    private static func valueBytes(
        _ names: [String], _ get: @escaping @Sendable () -> Int, _ set: @escaping @Sendable (Int) -> Void
    ) -> [ConfigParameter] {
        names.map { name in
            .memory(name, 0...Int64(Limits.packedValueBytesCeiling), { _ in Int64(get()) }) { set(Int($1)) }
        }
    }
}
