// Client-side caching: which clients have read which keys, and how they hear that one of them has changed.
// A key is remembered for whoever reads it (`executed`), by its name alone as in Redis: databases share the table.
// When it changes (`changed`, behind `Keyspace.modified`), those clients get one message and the key is forgotten.
// Clients in broadcast mode get all changes under their prefixes at the end of the turn, in slices.
// A message to the client whose command is running waits for the end of its reply. While nobody tracks, all of this
// costs one flag (`Store.isTracking`).
// Loop thread only. Next: ClientTracking.swift, TrackingMessages.swift.

import Wire

/// Numbers of the clients that have read a key, when they are several; one alone stands in the entry.
final class TrackedReaders: StoredValue {
    var ids: Set<UInt64>

    init(_ ids: Set<UInt64>) { self.ids = ids }

    override class var kind: ValueKind { .set }
}

/// A prefix of broadcast mode and who listens to it.
final class TrackedPrefix {
    let prefix: ByteString
    fileprivate(set) var listeners: [UInt64: StoreClient] = [:]

    fileprivate init(_ prefix: ByteString) { self.prefix = prefix }

    func matches(_ key: ByteSlice) -> Bool {
        key.count >= prefix.count && key.slice(from: 0, count: prefix.count) == prefix.slice
    }
}

/// All tracking of a store.
final class Tracking {
    unowned(unsafe) let store: Store
    private(set) var clientCount = 0
    /// Keys that somebody has read; grows in steps, like a database.
    private(set) var keys = KeyTable()
    /// Pairs of a key and a client that has read it.
    private(set) var itemCount = 0
    private(set) var prefixes = NameTable<TrackedPrefix>()
    /// `tracking-table-max-keys`; 0: no limit.
    var keysMax = Limits.trackedKeysMax

    /// Messages for the running command's client: who tracks, and the key; nil: all of them.
    var deferred: [(tracker: UInt64, key: ByteString?)] = []
    /// Changed keys under a prefix and who changed them (0: nobody), since the last broadcast; each key once.
    var changes: [(key: ByteString, changer: UInt64)] = []
    private var changedNames = NameTable<Bool>()

    init(store: Store) { self.store = store }

    // MARK: Clients

    /// Begins, or begins anew with other options.
    func enable(_ client: StoreClient, _ tracking: ClientTracking) {
        if client.tracking == nil { clientCount += 1 }
        client.tracking = tracking
        for prefix in tracking.prefixes {
            let tracked = prefixes[prefix] ?? TrackedPrefix(prefix)
            prefixes[prefix] = tracked
            tracked.listeners[client.id] = client
        }
        store.setTracking(true)
    }

    func disable(_ client: StoreClient) {
        guard let tracking = client.tracking else { return }
        client.tracking = nil
        for prefix in tracking.prefixes {
            guard let tracked = prefixes[prefix] else { continue }
            tracked.listeners[client.id] = nil
            if tracked.listeners.isEmpty { prefixes[prefix] = nil }
        }
        clientCount -= 1
        guard clientCount == 0 else { return }
        forgetKeys()
        deferred = []
        takeChanges(changes.count)
        store.setTracking(false)
    }

    // MARK: Reading

    /// A command has run, on its own or within a script or transaction. What it read is remembered for the client
    /// whose request is being executed.
    @inline(never)
    func executed(_ call: CommandCall, _ row: CommandRow) {
        guard let client = store.currentClient else { return }
        if let tracking = client.tracking, tracking.remembersReads, row.flags.contains(.readonly),
            row.flags.isDisjoint(with: [.noMandatoryKeys, .pubsub])
        {
            let positions = row.command.keyPositions(call.arguments)
            for position in positions { remember(call.arguments[position], client.id) }
            forgetSurplus(Limits.trackedKeysForgottenMin + positions.count)
        }
        guard store.depth == 1 else { return }
        client.tracking?.endCommand(of: client, row)
        if !deferred.isEmpty { sendDeferred() }
    }

    private func remember(_ key: ByteSlice, _ id: UInt64) {
        let hash = ByteHash.hash(key)
        guard let entry = keys.find(key, hash: hash) else {
            let entry = KeyEntry.make(key: key, hash: hash, inlineCapacity: 0)
            entry.setKind(.integer)
            entry.integer = Int64(bitPattern: id)
            keys.insert(entry)
            itemCount += 1
            return
        }
        if entry.kind == .integer {
            let first = UInt64(bitPattern: entry.integer)
            guard first != id else { return }
            entry.adopt(TrackedReaders([first, id]))
            itemCount += 1
        } else if unsafeDowncast(entry.object, to: TrackedReaders.self).ids.insert(id).inserted {
            itemCount += 1
        }
    }

    /// Who has read the entry's key.
    private func readers(_ entry: KeyEntry) -> Set<UInt64> {
        entry.kind == .integer
            ? [UInt64(bitPattern: entry.integer)] : unsafeDowncast(entry.object, to: TrackedReaders.self).ids
    }

    // MARK: Changes

    /// A key has changed or gone; `isExpiry`: by itself.
    @inline(never)
    func changed(_ key: ByteSlice, isExpiry: Bool) {
        if !prefixes.isEmpty { noteForBroadcast(key, changer: isExpiry ? 0 : store.currentClient?.id ?? 0) }
        if let entry = keys.find(key, hash: ByteHash.hash(key)) { invalidate(entry) }
    }

    /// Tells its readers and forgets the key.
    private func invalidate(_ entry: KeyEntry) {
        let ids = readers(entry)
        keys.remove(entry)
        itemCount -= ids.count
        for id in ids {
            guard let client = store.clients[id], let tracking = client.tracking,
                !tracking.options.contains(.broadcast)
            else { continue }
            if tracking.options.contains(.noLoop), client === store.currentClient { continue }
            tell(client, key: entry.key)
        }
        entry.destroy()
    }

    /// A database or all of them have been emptied: nothing that anybody keeps is worth anything.
    func flushed() {
        for client in store.clients.values where client.tracking != nil { tell(client, key: nil) }
        forgetKeys()
    }

    /// The memory goes in slices, as that of a flushed database.
    private func forgetKeys() {
        itemCount = 0
        guard keys.count > 0 else { return }
        store.graveyard.append(keys)
        keys = KeyTable()
    }

    /// Keys beyond `keysMax` are drawn at random and given up: their readers are told that they have changed.
    private func forgetSurplus(_ effort: Int) {
        guard keysMax > 0 else { return }
        var left = effort
        while keys.count > keysMax, left > 0, let entry = keys.random(using: &store.context.random) {
            left -= 1
            invalidate(entry)
        }
    }

    private func noteForBroadcast(_ key: ByteSlice, changer: UInt64) {
        guard changedNames[key] == nil else { return }
        var isWanted = false
        prefixes.forEach { _, prefix in isWanted = isWanted || prefix.matches(key) }
        guard isWanted else { return }
        let name = ByteString(key)
        changedNames[name] = true
        changes.append((name, changer))
    }

    /// The first so many changes are told.
    func takeChanges(_ count: Int) {
        if count == changes.count {
            changes.removeAll()
            changedNames.removeAll()
        } else {
            for change in changes[..<count] { changedNames[change.key] = nil }
            changes.removeFirst(count)
        }
    }

    // MARK: Turns

    /// A slice of broadcasts, of surplus keys, of resizing. Returns whether there is more to do.
    func endTurn() -> Bool {
        broadcast(limit: Limits.trackingBroadcastKeysPerTurn)
        forgetSurplus(Limits.trackedKeysForgottenPerTurn)
        let isResizing = keys.resizeSlice(buckets: Limits.resizeSliceBuckets)
        return !changes.isEmpty || isResizing || (keysMax > 0 && keys.count > keysMax)
    }
}
