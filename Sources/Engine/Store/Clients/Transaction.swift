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
}

/// A key and the clients that watch it.
final class WatchedKey {
    let name: ByteString
    fileprivate var watchers: [StoreClient] = []

    init(name: ByteString) { self.name = name }

    /// The key has changed.
    func touch() {
        for client in watchers { client.isTransactionStale = true }
    }
}

/// One watch of one client.
struct Watch {
    let keyspace: Keyspace
    let key: WatchedKey
}

extension StoreClient {
    /// Keeps a copy of the request for EXEC.
    func queueInTransaction(_ row: CommandRow, _ arguments: RESPArguments) {
        transaction!.commands.append((row, arguments.copy()))
        call.reply.raw("+QUEUED\r\n")
        if hasMutedReply { endMutedCommand() }
    }

    /// Watches a key of a database; again makes no difference.
    func watch(_ key: ByteSlice, in keyspace: Keyspace) {
        for watch in watches where watch.keyspace === keyspace && watch.key.name.slice == key { return }
        let watched: WatchedKey
        if let known = keyspace.watched[key] {
            watched = known
        } else {
            watched = WatchedKey(name: ByteString(key))
            keyspace.watched[watched.name] = watched
        }
        watched.watchers.append(self)
        watches.append(Watch(keyspace: keyspace, key: watched))
    }

    func unwatchAll() {
        for watch in watches {
            watch.key.watchers.removeAll { $0 === self }
            if watch.key.watchers.isEmpty { watch.keyspace.watched[watch.key.name] = nil }
        }
        watches.removeAll()
        isTransactionStale = false
    }

    /// A watched key that is due but not yet removed counts as changed; looking it up removes it.
    func noteExpiredWatches() {
        for watch in watches { _ = watch.keyspace.find(watch.key.name.slice) }
    }
}
