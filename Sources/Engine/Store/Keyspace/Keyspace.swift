// One database: keys, what they hold, when they expire. What commands call; they never see the table.
//
// Reading: `readString`, `read(_:as:)`, `exists`, `kind(of:)`. Writing: `setString`, `write(_:as:orInsert:)`,
// `set`, `remove`; then always `modified(key, class, event)`, the one door behind which watchers, blocked
// clients, keyspace notifications and the journal's dirty count stand.
// A key past its expiry does not exist: every lookup removes it first, and journals the removal.
//
// Borrowed results (slices, objects) are valid until the next call that writes to the keyspace.
// Loop thread only; no I/O. Next: Keyspace+Strings.swift, Keyspace+Expiry.swift, KeyTable.swift.

import Wire

/// A database.
final class Keyspace {
    let index: Int
    /// Held strongly because it is used at every step; `Store.tearDown` breaks the cycle.
    let store: Store
    /// All entries.
    let table = KeyTable()
    /// Those that expire.
    let expiring = KeyTable()
    /// Somebody looks at changes here: `modified` has more to do than count.
    private(set) var isObserved = false
    var watched = NameTable<WatchedKey>() { didSet { updateObserved() } }
    var blocked = NameTable<BlockedKey>() { didSet { updateObserved() } }
    /// Hashes with fields that expire, by their next time; nil as long as there has been none (Keyspace+FieldExpiry.swift).
    var fieldExpiring: SortedSetValue?
    /// Where integer-encoded strings are spelled out for `readString`.
    let integerScratch = UnsafeMutableRawPointer.allocate(byteCount: 32, alignment: 8)
    /// Where the active expiry goes on.
    var expiryCursor: UInt64 = 0

    init(index: Int, store: Store) {
        self.index = index
        self.store = store
    }

    deinit {
        table.forEach { $0.destroy() }
        integerScratch.deallocate()
    }

    var count: Int { table.count }
    var expiringCount: Int { expiring.count }

    func updateObserved() {
        isObserved = !watched.isEmpty || !blocked.isEmpty || store.notificationClasses != [] || store.isTracking
    }

    // MARK: Lookup

    /// The entry of a key that exists and is not expired. Counts nothing.
    @inline(__always)
    func find(_ key: ByteSlice, hash: UInt64) -> KeyEntry? {
        guard let entry = table.find(key, hash: hash) else { return nil }
        if entry.hasExpiry, removeIfExpired(entry) { return nil }
        return entry
    }

    @inline(__always)
    func find(_ key: ByteSlice) -> KeyEntry? { find(key, hash: ByteHash.hash(key)) }

    /// As `find`, for commands that read: counts a hit or a miss and notes the access.
    @inline(__always)
    func lookup(_ key: ByteSlice) -> KeyEntry? {
        guard let entry = find(key) else {
            store.statistics.keyspaceMisses += 1
            if isObserved { notify(key, .keyMiss, "keymiss") }
            return nil
        }
        store.statistics.keyspaceHits += 1
        store.touch(entry)
        return entry
    }

    /// Whether the key exists. Counts nothing.
    func exists(_ key: ByteSlice) -> Bool { find(key) != nil }

    /// What the key holds; nil when it does not exist. Counts nothing.
    func kind(of key: ByteSlice) -> ValueKind? { find(key)?.kind }

    // MARK: Objects

    @inline(__always)
    private func object<V: StoredValue>(_ entry: KeyEntry, as type: V.Type) throws(CommandError) -> V {
        guard entry.kind == type.kind else { throw .wrongType }
        return unsafeDowncast(entry.object, to: type)
    }

    /// The object at `key`, for reading; nil when there is no such key.
    func read<V: StoredValue>(_ key: ByteSlice, as type: V.Type) throws(CommandError) -> V? {
        guard let entry = lookup(key) else { return nil }
        return try object(entry, as: type)
    }

    /// The object at `key`, for changing; nil when there is no such key. Follow a change with `modified`,
    /// and one that removed elements with `removeIfEmpty` before it.
    func write<V: StoredValue>(_ key: ByteSlice, as type: V.Type) throws(CommandError) -> V? {
        guard let entry = find(key) else { return nil }
        willChange(entry)
        store.touch(entry)
        return try object(entry, as: type)
    }

    /// The object at `key`, made and inserted if the key does not exist. The caller then adds to it: an empty
    /// object must not stay behind.
    func write<V: StoredValue>(
        _ key: ByteSlice, as type: V.Type, orInsert make: () -> V
    ) throws(CommandError) -> V {
        let hash = ByteHash.hash(key)
        if let entry = find(key, hash: hash) {
            willChange(entry)
            store.touch(entry)
            return try object(entry, as: type)
        }
        let made = make()
        let entry = KeyEntry.make(key: key, hash: hash, inlineCapacity: 0)
        entry.adopt(made)
        insert(entry)
        return made
    }

    /// Makes `key` hold `object`, whatever it held before; an expiry is dropped.
    func set(_ key: ByteSlice, _ object: StoredValue) {
        let hash = ByteHash.hash(key)
        if let entry = find(key, hash: hash) {
            willChange(entry)
            clearExpiry(entry)
            unscheduleFields(of: entry)
            entry.releasePayload()
            entry.adopt(object)
            store.touchWritten(entry)
            scheduleFields(of: entry)
        } else {
            let entry = KeyEntry.make(key: key, hash: hash, inlineCapacity: 0)
            entry.adopt(object)
            insert(entry)
            scheduleFields(of: entry)
        }
    }

    /// Removes the key if its object has become empty, with the `del` notification. Returns whether it did.
    @discardableResult
    func removeIfEmpty(_ key: ByteSlice, _ object: StoredValue) -> Bool {
        guard object.isEmpty else { return false }
        remove(key)
        notify(key, .generic, "del")
        return true
    }

    // MARK: Inserting and removing

    /// Puts a fresh entry in, whose key is not in the table.
    @inline(__always)
    func insert(_ entry: KeyEntry) {
        store.touchFresh(entry)
        entry.generation = store.generation
        table.insert(entry)
        if isObserved { notify(entry.key, .new, "new") }
    }

    /// Removes the key with what it holds. Returns whether it existed. Says nothing to anybody: call `modified`.
    @discardableResult
    func remove(_ key: ByteSlice) -> Bool {
        guard let entry = find(key) else { return false }
        takeOut(entry)
        store.free(entry)
        return true
    }

    /// Takes an entry out of both tables; the caller owns it then.
    func takeOut(_ entry: KeyEntry) {
        willChange(entry)
        if entry.hasExpiry { expiring.remove(entry) }
        unscheduleFields(of: entry)
        table.remove(entry)
    }

    /// Puts `fresh`, with the same key, where `old` stood, and frees the memory of `old`, whose value is gone
    /// already (`willChange` came before that).
    func replace(_ old: KeyEntry, with fresh: KeyEntry) {
        assert(!store.isWalkedByCheckpoint || old.generation == store.generation, "changed behind the checkpoint")
        table.replace(old, with: fresh)
        if old.hasExpiry { expiring.replace(old, with: fresh) }
        fresh.expiry = old.expiry
        fresh.touch(old.accessBits)
        store.touchWritten(fresh)
        fresh.generation = store.generation
        old.freeMemory()
    }

    /// Moves what `source` holds, its expiry included, to `target`, which is replaced if it exists.
    /// `destination` may be another database. Returns false when `source` does not exist.
    func move(_ source: ByteSlice, to target: ByteSlice, in destination: Keyspace) -> Bool {
        guard let entry = find(source) else { return false }
        let expiry = entry.expiry
        takeOut(entry)
        destination.remove(target)
        let moved: KeyEntry
        let hash = ByteHash.hash(target)
        switch entry.kind {
        case .inlineString:
            moved = KeyEntry.make(key: target, hash: hash, inlineCapacity: entry.inlineValue.count)
            moved.setInline(entry.inlineValue)
            moved.setKind(.inlineString, flags: entry.flags)
        case .integer:
            moved = KeyEntry.make(key: target, hash: hash, inlineCapacity: 0)
            moved.setKind(.integer)
            moved.integer = entry.integer
        default:
            moved = KeyEntry.make(key: target, hash: hash, inlineCapacity: 0)
            moved.adopt(entry.object)
            entry.releasePayload()
        }
        entry.freeMemory()
        destination.insert(moved)
        if expiry != KeyEntry.noExpiry { destination.setExpiry(moved, expiry) }
        destination.scheduleFields(of: moved)
        return true
    }

    /// Copies what `source` holds, its expiry included, to `target`, which must not exist.
    func copy(_ source: ByteSlice, to target: ByteSlice, in destination: Keyspace) -> Bool {
        guard let entry = find(source) else { return false }
        let made: KeyEntry
        let hash = ByteHash.hash(target)
        switch entry.kind {
        case .inlineString:
            made = KeyEntry.make(key: target, hash: hash, inlineCapacity: entry.inlineValue.count)
            made.setInline(entry.inlineValue)
            made.setKind(.inlineString, flags: entry.flags)
        case .integer:
            made = KeyEntry.make(key: target, hash: hash, inlineCapacity: 0)
            made.setKind(.integer)
            made.integer = entry.integer
        default:
            made = KeyEntry.make(key: target, hash: hash, inlineCapacity: 0)
            made.adopt(entry.object.copy())
        }
        destination.insert(made)
        if entry.hasExpiry { destination.setExpiry(made, entry.expiry) }
        destination.scheduleFields(of: made)
        return true
    }

    /// Drops all keys; their memory is freed in slices between commands.
    func removeAll() {
        for key in watched.names where exists(key.slice) { touchWatchers(key.slice) }
        let flushed = KeyTable()
        flushed.swapContents(with: table)
        store.bury(flushed, of: self)
        expiring.swapContents(with: KeyTable())
        expiryCursor = 0
        if let fieldExpiring { store.buriedOrders.append(fieldExpiring) }
        fieldExpiring = nil
    }

    /// `SWAPDB`: the contents change places, watchers and blocked clients stay with their number.
    func swapContents(with other: Keyspace) {
        func touchBoth() {
            for key in watched.names where exists(key.slice) || other.exists(key.slice) { touchWatchers(key.slice) }
        }
        touchBoth()
        for key in other.watched.names where exists(key.slice) || other.exists(key.slice) {
            other.touchWatchers(key.slice)
        }
        table.swapContents(with: other.table)
        expiring.swapContents(with: other.expiring)
        (expiryCursor, other.expiryCursor) = (0, 0)
        swap(&fieldExpiring, &other.fieldExpiring)
        store.checkpointWalk?.contentsSwapped(self, other)
        for key in blocked.names where exists(key.slice) { store.signalReady(key.slice, in: self) }
        for key in other.blocked.names where other.exists(key.slice) { store.signalReady(key.slice, in: other) }
    }

    // MARK: Walking

    /// One step of `SCAN`: visits some keys and returns the next cursor. Expired keys are passed over.
    /// The keyspace must not change during the call.
    func scan(_ cursor: UInt64, _ body: (KeyEntry) -> Void) -> UInt64 {
        table.scan(cursor) { entry in
            if !isExpired(entry) { body(entry) }
        }
    }

    /// Every key. The keyspace must not change during the call.
    func forEach(_ body: (KeyEntry) -> Void) {
        table.forEach { entry in
            if !isExpired(entry) { body(entry) }
        }
    }

    /// A key drawn at random; nil when there is none.
    func randomEntry() -> KeyEntry? {
        var attempts = 0
        while let entry = table.random(using: &store.context.random) {
            attempts += 1
            // When nearly everything is expired, an expired key is better than an endless search.
            if attempts > 100 || !isExpired(entry) { return entry }
            removeIfExpired(entry)
        }
        return nil
    }

    // MARK: The one door

    /// An entry is about to change, be moved or be removed. A checkpoint that has not come to it writes it first,
    /// as it was when the checkpoint began. Everything in this class and its extensions that changes an entry
    /// calls it before; whoever changes an object has got it from `write`, which calls it too.
    @inline(__always)
    func willChange(_ entry: KeyEntry) {
        if store.isWalkedByCheckpoint { store.keepForCheckpoint(entry, of: self) }
    }

    /// A key has changed. `event` is its keyspace notification.
    @inline(__always)
    func modified(_ key: ByteSlice, _ eventClass: NotificationClass, _ event: StaticString) {
        assert(isKnownToCheckpoint(key), "changed behind the checkpoint")
        store.dirty &+= 1
        if isObserved { observe(key, eventClass, event) }
    }

    /// For assertions: `willChange` was called for the entry, if there is one.
    private func isKnownToCheckpoint(_ key: ByteSlice) -> Bool {
        guard store.isWalkedByCheckpoint, let entry = table.find(key, hash: ByteHash.hash(key)) else { return true }
        return entry.generation == store.generation
    }

    @inline(never)
    private func observe(_ key: ByteSlice, _ eventClass: NotificationClass, _ event: StaticString) {
        touchWatchers(key)
        if store.isTracking { store.tracking.changed(key, isExpiry: eventClass == .expired) }
        if !blocked.isEmpty, blocked[key] != nil { store.signalReady(key, in: self) }
        notify(key, eventClass, event)
    }

    /// Publishes a keyspace notification, if its class is switched on.
    @inline(__always)
    func notify(_ key: ByteSlice, _ eventClass: NotificationClass, _ event: StaticString) {
        guard isObserved, store.notificationClasses.contains(eventClass) else { return }
        store.publishNotification(key, event, database: index)
    }

    /// Transactions that watch `key` will fail.
    func touchWatchers(_ key: ByteSlice) {
        guard !watched.isEmpty, let watchedKey = watched[key] else { return }
        watchedKey.touch()
    }
}
