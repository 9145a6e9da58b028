// Expiry of single fields of hashes: lazily when a command asks for a field, actively in bounded slices between
// commands. As with keys, a field that goes is an HDEL of its own in the journal, so that replay, which expires
// nothing, comes to the same hash.
//
// Each database has the hashes with such fields in order of their next time. That time may be earlier than the
// hash's own, since what takes a time away (HSET, HDEL, HPERSIST) does not look here: the slice that comes too early
// puts it right. Being in the order at all is exact: a key that goes, or gets another value, is taken out.
// Loop thread only. Next: ../Types/FieldExpiry.swift, ../Commands/FieldExpiryCommands.swift, Store.swift.

import Wire

extension Keyspace {
    /// Fields with an earlier time are past it. None is while the log is replayed.
    @inline(__always)
    var fieldTime: Int64 { store.isReplaying ? .min : store.context.time.wallMilliseconds }

    // MARK: Lookup

    /// The value of a field that is there and not past its time; one that is goes, and the key with the last one.
    @inline(__always)
    func value(of field: ByteSlice, in hash: HashValue, at key: ByteSlice) -> ByteSlice? {
        if hash.fieldExpiry != nil { expireField(field, of: hash, at: key) }
        return hash.get(field)
    }

    /// Before a command writes what depends on a field's value: one that is past its time goes, perhaps with the key.
    @inline(__always)
    func expireField(_ field: ByteSlice, at key: ByteSlice) {
        guard fieldExpiring != nil, let entry = find(key), let hash = hashWithExpiry(entry) else { return }
        expireField(field, of: hash, at: key)
    }

    @inline(never)
    private func expireField(_ field: ByteSlice, of hash: HashValue, at key: ByteSlice) {
        guard hash.isExpired(field, at: fieldTime), let entry = find(key) else { return }
        willChange(entry)
        hash.remove(field)
        store.effects.append(database: index, "HDEL", key, field)
        fieldsExpired(1, of: hash, at: key)
    }

    /// Removes fields that are past their time before a command that would draw them; a slice at most.
    func expireFields(of hash: HashValue, at key: ByteSlice) {
        guard hash.earliestExpiry < fieldTime, let entry = find(key) else { return }
        removeExpiredFields(of: hash, entry, at: key, limit: Limits.expirySliceFields)
    }

    private func hashWithExpiry(_ entry: KeyEntry) -> HashValue? {
        guard entry.kind == .hash else { return nil }
        let hash = unsafeDowncast(entry.object, to: HashValue.self)
        return hash.fieldExpiry == nil ? nil : hash
    }

    /// `key` is not the entry's own, which may go.
    @discardableResult
    private func removeExpiredFields(of hash: HashValue, _ entry: KeyEntry, at key: ByteSlice, limit: Int) -> Int {
        willChange(entry)
        let removed = hash.removeExpired(at: fieldTime, limit: limit) { field in
            store.effects.append(database: index, "HDEL", key, field)
        }
        if removed > 0 { fieldsExpired(removed, of: hash, at: key) }
        return removed
    }

    private func fieldsExpired(_ count: Int, of hash: HashValue, at key: ByteSlice) {
        store.statistics.expiredFields += UInt64(count)
        modified(key, .hash, "hexpired")
        removeIfEmpty(key, hash)
    }

    // MARK: Order

    /// Hashes with fields that expire, about.
    var fieldExpiringCount: Int { fieldExpiring?.count ?? 0 }

    /// A field of the hash at `key` has got a time.
    func scheduleFields(of hash: HashValue, at key: ByteSlice) {
        let earliest = hash.earliestExpiry
        guard earliest != FieldExpiry.never else { return }
        let order = fieldExpiring ?? SortedSetValue()
        fieldExpiring = order
        order.update(key) { known in known.map { $0 <= Double(earliest) } == true ? nil : Double(earliest) }
        store.nextFieldExpiryMilliseconds = min(store.nextFieldExpiryMilliseconds, earliest)
    }

    /// An entry has come in with its value.
    func scheduleFields(of entry: KeyEntry) {
        if let hash = hashWithExpiry(entry) { scheduleFields(of: hash, at: entry.key) }
    }

    /// An entry goes, or its value does.
    @inline(__always)
    func unscheduleFields(of entry: KeyEntry) {
        if let fieldExpiring, entry.kind == .hash { fieldExpiring.remove(entry.key) }
    }

    /// The time of the hash that is next.
    var nextFieldExpiry: Int64? {
        var next: Int64?
        fieldExpiring?.forEach(0..<min(1, fieldExpiringCount)) {
            next = Int64($1)
            return false
        }
        return next
    }

    // MARK: Slices

    /// Removes what is due, of one hash after the other, until `budget` fields and hashes have been looked at.
    func expireFieldsSlice(_ budget: inout Int) {
        guard let order = fieldExpiring else { return }
        let now = fieldTime
        while budget > 0, let next = nextFieldExpiry, next < now {
            budget -= 1
            var name: [UInt8] = []
            order.forEach(0..<1) { key, _ in
                name = key.array
                return false
            }
            name.withUnsafeBytes { expireNext(ByteSlice($0), order, &budget) }
        }
    }

    private func expireNext(_ key: ByteSlice, _ order: SortedSetValue, _ budget: inout Int) {
        // The key may have expired as a whole.
        guard let entry = find(key) else { return }
        guard let hash = hashWithExpiry(entry) else { preconditionFailure("no hash with fields that expire") }
        budget -= removeExpiredFields(of: hash, entry, at: key, limit: budget + 1)
        if hash.earliestExpiry == FieldExpiry.never {
            order.remove(key)
        } else if !hash.isEmpty {
            order.set(key, to: Double(hash.earliestExpiry))
        }
        store.finishUnit()
    }

    /// For tests: who is in the order, and when.
    func checkFieldExpiry() {
        fieldExpiring?.checkInvariants()
        table.forEach { entry in
            guard let hash = hashWithExpiry(entry), hash.earliestExpiry != FieldExpiry.never else { return }
            let time = fieldExpiring?.score(of: entry.key)
            precondition(time.map { $0 <= Double(hash.earliestExpiry) } == true, "expires before its hash's turn")
        }
        fieldExpiring?.forEach { key, _ in
            let entry = table.find(key, hash: ByteHash.hash(key))
            precondition(entry.map { hashWithExpiry($0) != nil } == true, "the order has a key without such fields")
            return true
        }
    }
}

extension Store {
    /// A slice of all databases, one in a millisecond at most.
    @inline(never)
    func expireFields() {
        guard context.time.monotonicMilliseconds >= nextFieldSliceMilliseconds else { return }
        nextFieldSliceMilliseconds = context.time.monotonicMilliseconds + 1
        var budget = Limits.expirySliceFields
        for keyspace in databases { keyspace.expireFieldsSlice(&budget) }
        nextFieldExpiryMilliseconds = databases.lazy.compactMap(\.nextFieldExpiry).min() ?? FieldExpiry.never
    }

    /// When the next slice has something to do, monotonic milliseconds.
    var nextFieldDeadline: Int64 {
        let wait = max(0, nextFieldExpiryMilliseconds - context.time.wallMilliseconds)
        return max(context.time.monotonicMilliseconds + wait + 1, nextFieldSliceMilliseconds)
    }
}
