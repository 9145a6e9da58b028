// Waiting for keys: BLPOP, BZPOPMIN, XREAD BLOCK and the like, and WAIT. At the end: waiting for the disk (SAVE,
// WAITAOF, SHUTDOWN), which ends with a checkpoint or a sync and runs no handler again.
// A handler that finds nothing calls `call.block(onKeys:)` instead of replying. The request is copied; when one
// of its keys changes (`Keyspace.modified`), the same handler runs again at the end of the unit that changed it,
// with `call.isRetry` set. If it blocks again, the client keeps its place. So whoever waited longest is served
// first, and a push from a transaction or a script wakes like any other.
// Within transactions and scripts nobody waits: the reply of the time-out is given at once.
// Loop thread only. Next: Execution.swift (`finishUnit` serves).

import Wire

/// What a client gets when its wait ends without a result.
enum TimeoutReply {
    case null
    case nullArray
    case integer(Int64)
    /// Of WAITAOF: whether this batch is on disk by then, and 0 replicas.
    case synced(UInt64)
    /// Nothing else: the wait has no time-out.
    case error(StaticString)
}

/// A waiting client's request.
final class BlockedCommand {
    let row: CommandRow
    let arguments: RESPArguments
    let keyspace: Keyspace
    let keys: [ByteString]
    let timeoutReply: TimeoutReply
    /// Tells a deadline of this wait from one of an earlier wait of the same client.
    let generation: UInt64
    let sinceMilliseconds: Int64

    fileprivate init(
        row: CommandRow, arguments: RESPArguments, keyspace: Keyspace, keys: [ByteString], timeoutReply: TimeoutReply,
        generation: UInt64, sinceMilliseconds: Int64
    ) {
        self.row = row
        self.arguments = arguments
        self.keyspace = keyspace
        self.keys = keys
        self.timeoutReply = timeoutReply
        self.generation = generation
        self.sinceMilliseconds = sinceMilliseconds
    }
}

/// A key and who waits for it, in the order they came. Those who left are passed over: leaving costs nothing
/// however many wait.
final class BlockedKey {
    fileprivate struct Waiter {
        let client: StoreClient
        let generation: UInt64
        var isWaiting: Bool { client.blocked?.generation == generation }
    }

    fileprivate var waiters: [Waiter] = []
    fileprivate var waiting = 0
    fileprivate var isReady = false

    /// Drops those who left once they are the majority.
    fileprivate func compact() {
        if waiters.count > 16, waiting * 2 < waiters.count { waiters.removeAll { !$0.isWaiting } }
    }
}

/// The end of a wait. Counts only while the client is still in it.
struct BlockDeadline {
    let client: StoreClient
    let generation: UInt64
}

extension CommandCall {
    /// Waits until one of these arguments' keys changes. Write no reply before or after this.
    /// `timeoutMilliseconds` 0 waits for ever. `replacing` gives other words to run again with (a stream's `$`
    /// made an identifier): their bytes are copied.
    func block(
        onKeys positions: some Collection<Int>, timeoutMilliseconds: Int64, timeoutReply: TimeoutReply = .nullArray,
        replacing: RESPArguments? = nil
    ) {
        if client.deniesBlocking || client.isInternal { return reply.timeout(timeoutReply) }
        hasBlocked = true
        guard !isRetry else { return }
        store.block(
            client, row: row, arguments: (replacing ?? arguments).copy(),
            keys: positions.map { ByteString(arguments[$0]) }, in: keys, timeoutMilliseconds: timeoutMilliseconds,
            timeoutReply: timeoutReply)
    }
}

/// A wait that ends when somebody outside the store has what was asked for.
struct OutsideWait {
    fileprivate let client: StoreClient
    fileprivate let generation: UInt64
}

extension CommandCall {
    /// Waits for `Store.answer`. Nil where nobody waits (transactions, scripts). Write no reply before or after this.
    func blockForAnswer() -> OutsideWait? {
        guard !client.deniesBlocking, !client.isInternal else { return nil }
        hasBlocked = true
        store.block(
            client, row: row, arguments: arguments.copy(), keys: [], in: keys, timeoutMilliseconds: 0,
            timeoutReply: .nullArray)
        return OutsideWait(client: client, generation: store.blockGeneration)
    }
}

extension ReplyWriter {
    func timeout(_ reply: TimeoutReply) {
        switch reply {
        case .null: null()
        case .nullArray: nullArray()
        case .integer(let value): integer(value)
        case .synced: preconditionFailure("the store knows what is on disk")
        case .error(let text): error(text.description)
        }
    }
}

extension Store {
    fileprivate func block(
        _ client: StoreClient, row: CommandRow, arguments: RESPArguments, keys: [ByteString], in keyspace: Keyspace,
        timeoutMilliseconds: Int64, timeoutReply: TimeoutReply
    ) {
        precondition(client.blocked == nil, "client waits already")
        blockGeneration += 1
        let now = context.time.monotonicMilliseconds
        blockedClientCount += 1
        var distinct: [ByteString] = []
        for name in keys {
            let key: BlockedKey
            if let known = keyspace.blocked[name] {
                key = known
            } else {
                key = BlockedKey()
                keyspace.blocked[name] = key
            }
            // A key named twice: nobody else has come since.
            if key.waiters.last?.generation == blockGeneration { continue }
            key.waiters.append(BlockedKey.Waiter(client: client, generation: blockGeneration))
            key.waiting += 1
            distinct.append(name)
        }
        client.blocked = BlockedCommand(
            row: row, arguments: arguments, keyspace: keyspace, keys: distinct, timeoutReply: timeoutReply,
            generation: blockGeneration, sinceMilliseconds: now)
        if timeoutMilliseconds > 0 {
            // Whoever is served before the end of a long wait leaves its deadline behind.
            if blockDeadlines.count > Limits.pastDeadlinesMax + 2 * blockedClientCount {
                blockDeadlines.removeAll { $0.client.blocked?.generation != $0.generation }
            }
            let (deadline, overflow) = now.addingReportingOverflow(timeoutMilliseconds)
            blockDeadlines.insert(
                BlockDeadline(client: client, generation: blockGeneration), at: overflow ? Int64.max : deadline)
        }
    }

    /// Ends a wait without a word to the client.
    func unblockQuietly(_ client: StoreClient) {
        guard let blocked = client.blocked else { return }
        client.blocked = nil
        blockedClientCount -= 1
        for name in blocked.keys {
            guard let key = blocked.keyspace.blocked[name] else { continue }
            key.waiting -= 1
            if key.waiting == 0 { blocked.keyspace.blocked[name] = nil } else { key.compact() }
        }
    }

    /// Ends a wait; the client takes requests again.
    fileprivate func unblock(_ client: StoreClient) {
        unblockQuietly(client)
        client.host?.resumeClient()
    }

    /// Ends a wait with the reply that `write` writes. A client that waits no longer gets nothing.
    func answer(_ wait: OutsideWait, _ write: (ReplyWriter) -> Void) {
        guard wait.client.blocked?.generation == wait.generation else { return }
        write(wait.client.call.reply)
        unblock(wait.client)
    }

    func timeOut(_ client: StoreClient) {
        guard let blocked = client.blocked else { return }
        if case .synced(let sequence) = blocked.timeoutReply {
            replySynced(client, context.journal.durableSequence >= sequence)
        } else {
            client.call.reply.timeout(blocked.timeoutReply)
        }
        unblock(client)
    }

    /// `CLIENT UNBLOCK`. Returns whether the client was waiting.
    func unblockByHand(_ client: StoreClient, withError: Bool) -> Bool {
        guard client.blocked != nil, !isWaitingForCheckpoint(client) else { return false }
        if withError {
            client.call.reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
            unblock(client)
        } else {
            timeOut(client)
        }
        return true
    }

    /// A key that clients wait for has changed; they are served when the unit ends.
    func signalReady(_ name: ByteSlice, in keyspace: Keyspace) {
        guard let key = keyspace.blocked[name], !key.isReady, let stored = keyspace.blocked.storedKey(name) else {
            return
        }
        key.isReady = true
        readyKeys.append((keyspace, stored))
    }

    /// Runs the requests of those who wait for keys that changed. Serving may change further keys (BLMOVE):
    /// they join the end of the list.
    @inline(never)
    func serveReadyKeys() {
        guard depth == 0, !isServing else { return }
        isServing = true
        defer { isServing = false }
        var index = 0
        while index < readyKeys.count {
            let (keyspace, name) = readyKeys[index]
            index += 1
            guard let key = keyspace.blocked[name] else { continue }
            key.isReady = false
            // A copy: serving changes the list. Whoever comes meanwhile found nothing, so need not be tried.
            for waiter in key.waiters where waiter.isWaiting {
                // Nothing left to take; only readers of streams want to hear that the key is gone.
                if waiter.client.blocked?.row.command.group != .stream, !keyspace.exists(name.slice) { break }
                retry(waiter.client)
            }
            key.compact()
        }
        readyKeys.removeAll(keepingCapacity: true)
    }

    private func retry(_ client: StoreClient) {
        guard let blocked = client.blocked else { return }
        let call = client.call!
        call.arguments = blocked.arguments
        call.row = blocked.row
        call.keys = blocked.keyspace
        // The user may have lost a right while its client waited.
        if client.account.isRestricted, let denial = denial(client, blocked.row, blocked.arguments, .toplevel) {
            call.reply.error("NOPERM " + denial.text(client.account, blocked.row, blocked.arguments))
            call.arguments = noArguments
            return unblock(client)
        }
        call.isRetry = true
        call.hasBlocked = false
        dispatchedClient = client
        execute(call)
        call.isRetry = false
        call.arguments = noArguments
        client.checkOutputOverflow()
        if !call.hasBlocked { unblock(client) }
        call.hasBlocked = false
    }
}

// MARK: - Waiting for the disk

/// What a client waits for that is no key.
enum DurabilityWait {
    /// The checkpoint of this number has ended.
    case save(UInt64)
    /// The same, and then the daemon stops; by force even if the checkpoint fails.
    case shutdown(UInt64, isForced: Bool)
    /// This batch of the log is on disk, and so many replicas have it: there are none, so only the time-out ends that.
    case sync(UInt64, replicas: Int64)

    var isSync: Bool {
        if case .sync = self { true } else { false }
    }
}

/// A client and its wait. Counts only while the client is still in it.
struct DurabilityWaiter {
    let client: StoreClient
    let generation: UInt64
    let wait: DurabilityWait

    var isWaiting: Bool { client.blocked?.generation == generation }
}

extension CommandCall {
    /// Waits for the disk. Write no reply before or after this.
    func block(for wait: DurabilityWait, timeoutMilliseconds: Int64, timeoutReply: TimeoutReply) {
        precondition(!client.deniesBlocking && !client.isInternal, "nobody to wait")
        hasBlocked = true
        store.block(
            client, row: row, arguments: arguments.copy(), keys: [], in: keys,
            timeoutMilliseconds: timeoutMilliseconds, timeoutReply: timeoutReply)
        store.persistence.waiters.append(
            DurabilityWaiter(client: client, generation: store.blockGeneration, wait: wait))
    }
}

extension Store {
    fileprivate func isWaitingForCheckpoint(_ client: StoreClient) -> Bool {
        persistence.waiters.contains { $0.client === client && $0.isWaiting && !$0.wait.isSync }
    }

    /// The checkpoint has ended: those who waited for it, or for an earlier one, hear of it.
    func serveCheckpointWaiters(success: Bool) {
        let finished = context.checkpoints.finished
        for waiter in takeWaiters(where: { wait in
            switch wait {
            case .save(let number), .shutdown(let number, _): number <= finished
            case .sync: false
            }
        }) {
            switch waiter.wait {
            case .save: if success { waiter.client.call.reply.ok() } else { waiter.client.call.reply.error("ERR") }
            case .shutdown(_, let isForced):
                if success || isForced {
                    context.isShutdownRequested = true
                } else {
                    waiter.client.call.reply.error("ERR Errors trying to SHUTDOWN. Check logs.")
                }
            case .sync: break
            }
            unblock(waiter.client)
        }
    }

    /// `SHUTDOWN ABORT`. Returns whether anybody was waiting to stop the daemon.
    func abortShutdowns() -> Bool {
        let waiters = takeWaiters { if case .shutdown = $0 { true } else { false } }
        for waiter in waiters {
            waiter.client.call.reply.error("ERR Errors trying to SHUTDOWN. Check logs.")
            unblock(waiter.client)
        }
        return !waiters.isEmpty
    }

    fileprivate func replySynced(_ client: StoreClient, _ isSynced: Bool) {
        client.call.reply.array(2)
        client.call.reply.integer(isSynced ? 1 : 0)
        client.call.reply.integer(0)
    }

    func serveSyncWaiters(upTo sequence: UInt64) {
        guard !persistence.waiters.isEmpty else { return }
        for waiter in takeWaiters(where: { wait in
            if case .sync(let wanted, let replicas) = wait { wanted <= sequence && replicas == 0 } else { false }
        }) {
            replySynced(waiter.client, true)
            unblock(waiter.client)
        }
    }

    /// Takes those out who still wait and whose wait is over; those who left go, too.
    private func takeWaiters(where isOver: (DurabilityWait) -> Bool) -> [DurabilityWaiter] {
        var over: [DurabilityWaiter] = []
        persistence.waiters.removeAll { waiter in
            guard waiter.isWaiting else { return true }
            guard isOver(waiter.wait) else { return false }
            over.append(waiter)
            return true
        }
        return over
    }
}
