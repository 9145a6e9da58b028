// MULTI's queue and WATCH's watches.
// A transaction's commands run as one unit at EXEC: one journal record, nobody in between. A watched key that
// changed, or had expired, makes EXEC answer with no value; a refused command makes it an error.
// Loop thread only. Next: ../Commands/TransactionCommands.swift.

import Wire

/// Commands between MULTI and EXEC.
final class Transaction {
    fileprivate(set) var commands: [(row: CommandRow, arguments: RESPArguments)] = []
    /// A command was refused while queueing: EXEC will fail.
    var isRefused = false
    /// Memory of the queue: what has not been executed counts as if it had not been read yet.
    fileprivate(set) var bytes = 0
}

/// A key and the clients that watch it.
final class WatchedKey {
    let name: ByteString
    /// By the number of the client.
    fileprivate var watchers: [UInt64: StoreClient] = [:]
    /// Transfers of it that are under way (MIGRATE).
    fileprivate var transfers = 0
    /// How often it has changed since somebody looks.
    private(set) var changes = 0

    init(name: ByteString) { self.name = name }

    fileprivate var isForgotten: Bool { watchers.isEmpty && transfers == 0 }

    /// The key has changed.
    func touch() {
        changes += 1
        for client in watchers.values { client.isTransactionStale = true }
    }
}

/// One watch of one client.
struct Watch {
    let keyspace: Keyspace
    let key: WatchedKey
}

extension StoreClient {
    /// Keeps a copy of the request for EXEC. Who queues more than the limit of unexecuted requests is closed.
    func queueInTransaction(_ row: CommandRow, _ arguments: RESPArguments) {
        let transaction = transaction!
        transaction.bytes += arguments.bytes + arguments.count * MemoryLayout<ByteSlice>.stride
        transaction.bytes += Limits.queuedCommandBytes
        guard transaction.bytes <= store.context.configuration.respQueryBytesMax else {
            store.context.log(
                .warning, "client closed: its transaction reaches the query buffer limit", ("client", address))
            isClosing = true
            host?.closeClientNow()
            return
        }
        transaction.commands.append((row, arguments.copy()))
        call.reply.raw("+QUEUED\r\n")
        if hasMutedReply { endMutedCommand() }
    }

    /// Watches a key of a database; again makes no difference.
    func watch(_ key: ByteSlice, in keyspace: Keyspace) {
        let watched: WatchedKey
        if let known = keyspace.watched[key] {
            watched = known
        } else {
            watched = WatchedKey(name: ByteString(key))
            keyspace.watched[watched.name] = watched
        }
        if watched.watchers.updateValue(self, forKey: id) == nil {
            watches.append(Watch(keyspace: keyspace, key: watched))
        }
    }

    func unwatchAll() {
        for watch in watches {
            watch.key.watchers[id] = nil
            if watch.key.isForgotten { watch.keyspace.watched[watch.key.name] = nil }
        }
        watches.removeAll()
        isTransactionStale = false
    }

    /// A watched key that is due but not yet removed counts as changed; looking it up removes it.
    func noteExpiredWatches() {
        for watch in watches { _ = watch.keyspace.find(watch.key.name.slice) }
    }
}

extension Keyspace {
    /// From now on changes of the key count.
    func beginTransfer(of key: ByteSlice) -> WatchedKey {
        let watched = watched[key] ?? WatchedKey(name: ByteString(key))
        if watched.isForgotten { self.watched[watched.name] = watched }
        watched.transfers += 1
        return watched
    }

    func endTransfer(of key: WatchedKey) {
        key.transfers -= 1
        if key.isForgotten { watched[key.name] = nil }
    }
}
