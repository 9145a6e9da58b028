// Expiry: lazily when a key is looked up, actively in bounded slices between commands.
// Removing an expired key is an effect of its own in the journal, so that replay, which expires nothing,
// comes to the same keys.
// Loop thread only. Next: Store.swift, which calls `expireSlice` at the end of turns.

import Wire

extension Keyspace {
    /// Past its expiry. Nothing expires while the log is replayed.
    @inline(__always)
    func isExpired(_ entry: KeyEntry) -> Bool {
        entry.expiry <= store.context.time.wallMilliseconds && !store.isReplaying
    }

    /// Removes an entry that has expired; returns whether it had.
    @discardableResult
    @inline(never)
    func removeIfExpired(_ entry: KeyEntry) -> Bool {
        guard isExpired(entry) else { return false }
        takeOut(entry)
        let key = entry.key
        store.effects.append(database: index, "DEL", key)
        store.statistics.expiredKeys += 1
        modified(key, .expired, "expired")
        store.free(entry)
        // Between commands nobody else closes the unit.
        if store.depth == 0 { store.finishUnit() }
        return true
    }

    /// Expiry of a key in milliseconds since 1970; nil when it has none or does not exist.
    func expiry(of key: ByteSlice) -> Int64? {
        guard let entry = find(key), entry.hasExpiry else { return nil }
        return entry.expiry
    }

    func setExpiry(_ entry: KeyEntry, _ time: Int64) {
        willChange(entry)
        if !entry.hasExpiry { expiring.insert(entry) }
        entry.expiry = min(time, KeyEntry.noExpiry - 1)
    }

    /// Returns whether there was one.
    @discardableResult
    func clearExpiry(_ entry: KeyEntry) -> Bool {
        guard entry.hasExpiry else { return false }
        willChange(entry)
        expiring.remove(entry)
        entry.expiry = KeyEntry.noExpiry
        return true
    }

    /// Looks at up to `limit` expiring keys and removes those that are due. Returns how many it looked at and
    /// removed: a caller with time left goes on while many were due.
    func expireSlice(limit: Int) -> (seen: Int, removed: Int) {
        guard expiring.count > 0 else { return (0, 0) }
        var seen = 0
        var removed = 0
        var steps = 0
        var due: [KeyEntry] = []
        // Sparse tables are walked over, with a bound: empty buckets cost little.
        while seen < limit, steps < limit * 4 {
            steps += 1
            expiryCursor = expiring.scan(expiryCursor) { entry in
                seen += 1
                if isExpired(entry) { due.append(entry) }
            }
            if expiryCursor == 0 { break }
        }
        // An entry may be visited twice while the table is resized.
        if expiring.isResizing, due.count > 1 {
            var unique: [UnsafeMutableRawPointer: KeyEntry] = [:]
            for entry in due { unique[entry.base] = entry }
            due = Array(unique.values)
        }
        for entry in due {
            removeIfExpired(entry)
            removed += 1
        }
        return (seen, removed)
    }

    /// Mean time to live of a sample, milliseconds, for INFO.
    var averageTimeToLiveMilliseconds: Int64 {
        var sum: Int64 = 0
        var seen: Int64 = 0
        var cursor: UInt64 = 0
        for _ in 0..<64 where seen < 64 {
            cursor = expiring.scan(cursor) { entry in
                sum += max(0, entry.expiry - store.context.time.wallMilliseconds)
                seen += 1
            }
            if cursor == 0 { break }
        }
        return seen == 0 ? 0 : sum / seen
    }
}
