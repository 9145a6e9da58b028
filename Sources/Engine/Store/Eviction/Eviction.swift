// `maxmemory`: keys go until the store's memory is below it, before a command is executed and at the ends of turns.
// An evicted key is a deletion of its own in the journal, so that replay, which evicts nothing, comes to the same keys.
//
// What counts is the memory of keys and values (`StoreHeap`), `used_memory_dataset` in INFO: the broker's messages,
// connections and scripts neither count nor go. Without a limit none of this runs.
// One command evicts for a bounded time (`maxmemory-eviction-tenacity`), a turn too; what is left is the next turn's.
// Loop thread only. Next: EvictionPool.swift, ../Framework/Execution.swift (who asks).

import Wire

/// What eviction remembers.
struct EvictionState {
    var pool = EvictionPool()
    /// Where the count of memory stood when the store was made.
    let heapStartBytes = StoreHeap.bytes
    /// Database whose turn it is, where keys go at random.
    var nextDatabase = 0
    /// What this turn has spent so far.
    var turnMicroseconds: Int64 = 0
    var turnKeys = 0
    /// Since when memory has been over the limit without a break, monotonic milliseconds; 0: it is not.
    var exceededSinceMilliseconds: Int64 = 0
    var exceededMilliseconds: Int64 = 0
}

/// How making room went.
enum EvictionResult {
    /// Memory is within the limit.
    case done
    /// It is not yet: more goes later.
    case running
    /// There is nothing that may go.
    case failed
}

extension Store {
    /// Memory of keys and values, bytes.
    var datasetBytes: Int { max(0, StoreHeap.bytes - eviction.heapStartBytes) }

    /// Settings of eviction have changed.
    func evictionConfigured() {
        eviction.pool.removeAll()
        isOutOfMemory = false
        if context.configuration.maxMemoryBytes == 0 { noteExceeded(false) }
        let counts = context.configuration.evictionPolicy.countsFrequency
        for client in clients.values { client.updateTouchMode() }
        touchMode = counts ? .frequency : []
        updateGuard()
    }

    /// Before a command: makes room if memory is over the limit. Afterwards `isOutOfMemory` says whether commands
    /// that need memory must be refused.
    @inline(__always)
    func makeRoom() {
        guard StoreHeap.bytes - eviction.heapStartBytes > context.configuration.maxMemoryBytes else {
            if eviction.exceededSinceMilliseconds != 0 { noteExceeded(false) }
            isOutOfMemory = false
            return
        }
        isOutOfMemory = evict(within: Self.evictionMicroseconds(context.configuration.evictionTenacity)) == .failed
    }

    /// At the end of a turn: goes on where commands have stopped.
    func evictAtEndOfTurn() {
        eviction.turnMicroseconds = 0
        eviction.turnKeys = 0
        guard isOverMemoryLimit, context.configuration.evictionPolicy != .noEviction else { return }
        _ = evict(within: Limits.evictionTurnMicroseconds / 4)
    }

    /// There is more to evict than a turn did.
    var isEvictionUnderWay: Bool {
        isOverMemoryLimit && context.configuration.evictionPolicy != .noEviction && eviction.turnKeys > 0
    }

    private var isOverMemoryLimit: Bool {
        let limit = context.configuration.maxMemoryBytes
        return limit > 0 && datasetBytes > limit
    }

    /// How long one command may evict, as in Redis: 500 µs at 10, growing by 15 % with each further step.
    static func evictionMicroseconds(_ tenacity: Int) -> Int64 {
        if tenacity <= 10 { return Int64(50 * tenacity) }
        var time = 500.0
        for _ in 10..<tenacity where time < Double(Limits.evictionTurnMicroseconds) { time *= 1.15 }
        return min(Int64(time), Limits.evictionTurnMicroseconds)
    }

    // MARK: One run

    @inline(never)
    private func evict(within microseconds: Int64) -> EvictionResult {
        let result = evictKeys(within: microseconds)
        noteExceeded(result != .done)
        return result
    }

    private func evictKeys(within microseconds: Int64) -> EvictionResult {
        let configuration = context.configuration
        guard configuration.evictionPolicy != .noEviction else { return .failed }
        // Nothing changes while clients are paused.
        if isReplaying || pause.endMilliseconds != 0 { return .running }
        let excess = datasetBytes - configuration.maxMemoryBytes
        // The turn has done its part, unless clients write faster than that.
        if eviction.turnMicroseconds >= Limits.evictionTurnMicroseconds || eviction.turnKeys >= Limits.evictionTurnKeys,
            excess < max(Limits.evictionSlackBytes, configuration.maxMemoryBytes / 8)
        {
            return .running
        }
        let start = context.time.stopwatch?() ?? 0
        var result = EvictionResult.done
        var count = 0
        while datasetBytes > configuration.maxMemoryBytes {
            guard let (keyspace, entry) = chooseForEviction() else {
                // What has been flushed is freed soon.
                result = graveyard.isEmpty ? .failed : .running
                break
            }
            evict(entry, of: keyspace)
            count += 1
            let elapsed = (context.time.stopwatch?() ?? 0) - start
            if elapsed > microseconds || count >= Limits.evictionKeysPerCommand {
                if datasetBytes > configuration.maxMemoryBytes { result = .running }
                break
            }
        }
        if let stopwatch = context.time.stopwatch {
            let now = stopwatch()
            eviction.turnMicroseconds += now - start
            if latency.isOn {
                latency.note(.evictionCycle, microseconds: now - start, at: context.time.wallMilliseconds / 1_000)
            }
            // The command that follows did not take this time.
            context.time.lastStopwatchMicroseconds = now
        }
        eviction.turnKeys += count
        if count > 0, depth == 0 { finishUnit() }
        return result
    }

    private func evict(_ entry: KeyEntry, of keyspace: Keyspace) {
        keyspace.takeOut(entry)
        let key = entry.key
        effects.append(database: keyspace.index, "DEL", key)
        statistics.evictedKeys += 1
        keyspace.modified(key, .evicted, "evicted")
        free(entry)
    }

    private func noteExceeded(_ isExceeded: Bool) {
        let now = context.time.monotonicMilliseconds
        if isExceeded {
            if eviction.exceededSinceMilliseconds == 0 { eviction.exceededSinceMilliseconds = max(1, now) }
        } else if eviction.exceededSinceMilliseconds != 0 {
            eviction.exceededMilliseconds += now - eviction.exceededSinceMilliseconds
            eviction.exceededSinceMilliseconds = 0
        }
    }

    /// For INFO: how long memory has been over the limit, now and in all. Milliseconds.
    var evictionExceededMilliseconds: (current: Int64, total: Int64) {
        let since = eviction.exceededSinceMilliseconds
        let current = since == 0 ? 0 : context.time.monotonicMilliseconds - since
        return (current, eviction.exceededMilliseconds + current)
    }

    // MARK: Choosing

    private func table(_ keyspace: Keyspace) -> KeyTable {
        context.configuration.evictionPolicy.isVolatile ? keyspace.expiring : keyspace.table
    }

    /// The next key to go; nil when there is none that may.
    private func chooseForEviction() -> (Keyspace, KeyEntry)? {
        if context.configuration.evictionPolicy.isRandom { return chooseAtRandom() }
        // Every round puts living keys into an empty pool, so the second one has a result.
        for _ in 0..<2 {
            for keyspace in databases where table(keyspace).count > 0 { sample(keyspace) }
            while let best = eviction.pool.takeBest() {
                let found = table(best.keyspace).find(best.key.slice, hash: ByteHash.hash(best.key.slice))
                if let found { return (best.keyspace, found) }
            }
        }
        return nil
    }

    /// The databases take turns.
    private func chooseAtRandom() -> (Keyspace, KeyEntry)? {
        for _ in 0..<databases.count {
            eviction.nextDatabase = (eviction.nextDatabase + 1) % databases.count
            let keyspace = databases[eviction.nextDatabase]
            if let entry = table(keyspace).random(using: &context.random) { return (keyspace, entry) }
        }
        return nil
    }

    private func sample(_ keyspace: Keyspace) {
        let policy = context.configuration.evictionPolicy
        table(keyspace).sample(context.configuration.evictionSamples, using: &context.random) { entry in
            let score: UInt64 =
                if policy == .volatileTTL {
                    UInt64.max - UInt64(max(0, entry.expiry))
                } else if policy.countsFrequency {
                    UInt64(255 - frequency(entry))
                } else {
                    UInt64(idleSeconds(entry))
                }
            eviction.pool.offer(entry.key, of: keyspace, score: score)
        }
    }
}
