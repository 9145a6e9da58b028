// MULTI, EXEC, DISCARD, WATCH, UNWATCH. Next: ../Clients/Transaction.swift.

import Wire

extension RESPCommand {
    static var transactionCommands: [RESPCommand] { [multi, exec, discard, watch, unwatch] }

    /// `MULTI` → OK; what follows is queued.
    static let multi = RESPCommand(
        "MULTI", .exactly(1), [.noScript, .loading, .stale, .fast, .allowBusy, .notQueued], group: .transactions,
        since: "1.2.0", summary: "Begins a transaction."
    ) { call throws(CommandError) in
        guard call.client.transaction == nil else { throw .text("ERR MULTI calls can not be nested") }
        call.client.transaction = Transaction()
        call.reply.ok()
    }

    /// `EXEC` → array of the replies; null when a watched key changed; an error when a command was refused.
    static let exec = RESPCommand(
        "EXEC", .exactly(1), [.noScript, .loading, .stale, .skipSlowlog, .notQueued], group: .transactions,
        since: "1.2.0", summary: "Executes the commands of a transaction.",
        complexity: "Depends on the commands of the transaction"
    ) { call throws(CommandError) in
        let client = call.client
        guard let transaction = client.transaction else { throw .text("ERR EXEC without MULTI") }
        client.noteExpiredWatches()
        let isStale = client.isTransactionStale
        client.transaction = nil
        client.unwatchAll()
        if call.store.refusesWrites, let reason = call.store.persistence.writeRefusal,
            transaction.commands.contains(where: { $0.row.flags.contains(.write) })
        {
            throw .message("EXECABORT Transaction discarded because of: \(reason)")
        }
        if call.store.isOutOfMemory, transaction.commands.contains(where: { $0.row.flags.contains(.denyOOM) }) {
            throw .message("EXECABORT Transaction discarded because of: \(CommandError.outOfMemoryText)")
        }
        if transaction.isRefused { throw .executionAborted }
        if isStale { return call.reply.nullArray() }
        call.execute(transaction)
    }

    /// `DISCARD` → OK; what was queued is dropped, as are the watches.
    static let discard = RESPCommand(
        "DISCARD", .exactly(1), [.noScript, .loading, .stale, .fast, .allowBusy, .notQueued], group: .transactions,
        since: "2.0.0", summary: "Drops a transaction.", complexity: "O(N) in the number of queued commands"
    ) { call throws(CommandError) in
        guard call.client.transaction != nil else { throw .text("ERR DISCARD without MULTI") }
        call.client.transaction = nil
        call.client.unwatchAll()
        call.reply.ok()
    }

    /// `WATCH key …` → OK; the next EXEC fails if one of them changes before it.
    static let watch = RESPCommand(
        "WATCH", .atLeast(2), [.noScript, .loading, .stale, .fast, .allowBusy, .notQueued], keys: .all,
        group: .transactions, since: "2.2.0", summary: "Makes the next transaction depend on keys staying as they are.",
        complexity: "O(1) for every key"
    ) { call throws(CommandError) in
        guard call.client.transaction == nil else { throw .text("ERR WATCH inside MULTI is not allowed") }
        for index in 1..<call.count {
            // What has expired is removed now, not seen as a change later.
            _ = call.keys.exists(call[index])
            call.client.watch(call[index], in: call.keys)
        }
        call.reply.ok()
    }

    /// `UNWATCH` → OK.
    static let unwatch = RESPCommand(
        "UNWATCH", .exactly(1), [.noScript, .loading, .stale, .fast, .allowBusy], group: .transactions, since: "2.2.0",
        summary: "Forgets all watched keys."
    ) { call throws(CommandError) in
        call.client.unwatchAll()
        call.reply.ok()
    }
}

extension CommandCall {
    private func refuse(_ denial: ACLDenial) {
        let reason =
            switch denial {
            case .command: "no permission to execute the command or subcommand"
            case .key: "no permission to touch the specified keys"
            case .channel: "no permission to access one of the channels used as argument to the command"
            }
        let text =
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This "
            + "command is no longer allowed for the following reason: \(reason)"
        row.rejectedCalls += 1
        store.statistics.countError(text)
        reply.error(text)
    }

    /// Runs the queued commands on this call's object, one after the other, within the unit of EXEC.
    fileprivate func execute(_ transaction: Transaction) {
        let ownArguments = arguments
        let ownRow = row
        let couldNotBlock = client.deniesBlocking
        client.deniesBlocking = true
        reply.array(transaction.commands.count)
        for command in transaction.commands {
            arguments = command.arguments
            row = command.row
            keys = store.databases[client.database]
            // The user may have lost a right since the command was queued.
            if client.account.isRestricted, let denial = store.denial(client, row, arguments, .multi) {
                refuse(denial)
            } else {
                store.execute(self)
            }
        }
        client.deniesBlocking = couldNotBlock
        arguments = ownArguments
        row = ownRow
        // Each command has said its own effects.
        propagateNothing()
    }
}
