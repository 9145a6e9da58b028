// From a client's words to the handler and back: lookup, the checks that come before a handler, the call, and
// what a finished unit leaves behind (journal record, woken clients).
// `dispatch` is for requests of connections; `execute` runs a checked call and is what EXEC, scripts, replay and
// woken clients use. A unit is the outermost execution: its effects are one record.
// Loop thread only. Next: ../Clients/Transaction.swift, ../Clients/Blocking.swift.

import Wire

extension Store {
    // MARK: Requests

    /// The same for a caller that has not looked the command up.
    func dispatch(_ client: StoreClient, _ arguments: RESPArguments) {
        dispatch(client, arguments, table.find(arguments))
    }

    /// Executes, queues or refuses one request of a client. Writes one reply at most.
    /// `found` is the command's row in the table, nil when there is no such command.
    @inline(__always)
    func dispatch(_ client: StoreClient, _ arguments: RESPArguments, _ found: CommandRow?) {
        let call = client.call!
        call.arguments = arguments
        if client.hasMutedReply { client.beginMutedCommand() }
        guard let row = found else { return unknown(client, arguments) }
        call.row = row
        guard row.arity.allows(arguments.count) else {
            return refuse(client, row: row, .wrongArity(command: row.fullName))
        }
        // An unknown second word is refused here already, so that a transaction fails when it is queued.
        if !row.subcommands.isEmpty, arguments.count > 1 {
            let container = row.command.name.description
            return refuse(client, row: row, .unknownSubcommand(container: container, name: arguments[1].string))
        }
        if client.hasSpecialState || isGuarded {
            if let refusal = refusal(client, row) { return refuse(client, row: row, refusal) }
            if client.transaction != nil, !row.flags.contains(.notQueued) {
                return client.queueInTransaction(row, arguments)
            }
        }
        dispatchedClient = client
        call.keys = databases[client.database]
        if !monitors.isEmpty { feedMonitors(call) }
        touchMode = client.touchMode
        call.isRetry = false
        execute(call)
        if client.hasMutedReply { client.endMutedCommand() }
    }

    /// Reasons to refuse that depend on the client's state or the disk's; checked only when there may be any.
    private func refusal(_ client: StoreClient, _ row: CommandRow) -> CommandError? {
        if client.needsAuthentication, !row.flags.contains(.noAuth) { return .notAuthenticated }
        if client.transaction != nil, row.flags.contains(.noMulti) {
            return .message("ERR Command not allowed inside a transaction")
        }
        if client.account.isRestricted {
            let place: ACLLog.Context = client.transaction == nil ? .toplevel : .multi
            if let denial = denial(client, row, client.call.arguments, place) {
                return .message("NOPERM " + denial.text(client.account, row, client.call.arguments))
            }
        }
        if context.configuration.maxMemoryBytes > 0 {
            makeRoom()
            // Queueing takes memory, too; what ends the transaction does not.
            if isOutOfMemory,
                row.flags.contains(.denyOOM) || client.transaction != nil && !row.flags.contains(.notQueued)
            {
                return .outOfMemory
            }
        }
        if refusesWrites, row.flags.contains(.write), let reason = persistence.writeRefusal { return .message(reason) }
        if client.isInSubscriberMode, !row.flags.contains(.subscriberMode) {
            return .message(
                "ERR Can't execute '\(row.fullName)': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                    + "are allowed in this context")
        }
        return nil
    }

    private func unknown(_ client: StoreClient, _ arguments: RESPArguments) {
        // A browser has been led here by somebody: neither execute what it sends nor answer.
        if arguments[0].equalsIgnoringCase("post") || arguments[0].equalsIgnoringCase("host:") {
            context.log(.warning, "an HTTP request came to the RESP port; its connection is closed")
            client.isClosing = true
            client.host?.closeClientNow()
            return
        }
        refuse(client, row: nil, unknownCommand(arguments))
    }

    private func refuse(_ client: StoreClient, row: CommandRow?, _ error: CommandError) {
        row?.rejectedCalls += 1
        client.transaction?.isRefused = true
        client.tracking?.endCommand(of: client, row)
        let text = error.text
        statistics.countError(text)
        client.call.reply.error(text)
        if client.hasMutedReply { client.endMutedCommand() }
    }

    /// With the beginning of the arguments, as Redis shows them.
    func unknownCommand(_ arguments: RESPArguments) -> CommandError {
        var shown = ""
        for index in 1..<max(1, arguments.count) where shown.utf8.count < 128 {
            let word = arguments[index]
            shown += "'\(word.slice(from: 0, count: min(word.count, 128 - shown.utf8.count)).string)' "
        }
        let name = arguments[0].slice(from: 0, count: min(arguments[0].count, 128)).string
        return .message("ERR unknown command '\(name)', with args beginning with: \(shown)")
    }

    // MARK: Execution

    /// Runs the handler of `call.row` and, when this is the outermost execution, closes the unit.
    /// The caller has set arguments, row and database and has checked the arity.
    @inline(__always)
    func execute(_ call: CommandCall) {
        let row = call.row
        let dirtyBefore = dirty
        // Calls nest on one object (EXEC, scripts run by a queued command): what the outer one decided is kept.
        let outerPropagation = call.propagation
        call.propagation = .asIs
        depth += 1
        #if DEBUG
        let writtenBefore = call.reply.output.pendingBytes
        #endif
        do throws(CommandError) {
            try row.handler(call)
        } catch {
            #if DEBUG
            precondition(
                call.reply.output.pendingBytes == writtenBefore, "\(row.fullName) failed after it had begun its reply")
            #endif
            failed(call, row, error)
            // It changed nothing itself; a key that expired under it has been journaled already.
            if call.propagation == .asIs { call.propagateNothing() }
        }
        row.calls &+= 1
        statistics.commandsProcessed &+= 1
        // Reading may find a key expired: that is a change, but not the command's.
        if dirty != dirtyBefore, call.propagation == .asIs, effects.isEnabled, row.flags.contains(.write) {
            effects.append(database: call.keys.index, call.arguments)
        }
        if isTracking { tracking.executed(call, row) }
        call.propagation = outerPropagation
        depth -= 1
        if let stopwatch = context.time.stopwatch { measure(call, row, stopwatch()) }
        if depth == 0 { finishUnit(call.client) }
    }

    /// The clock is read once for each command: the end of one is the beginning of the next.
    @inline(never)
    private func measure(_ call: CommandCall, _ row: CommandRow, _ now: Int64) {
        // Inner commands of a transaction or a script count for themselves, the outer one for the rest.
        let elapsed = max(0, now - context.time.lastStopwatchMicroseconds)
        context.time.lastStopwatchMicroseconds = now
        row.microseconds += elapsed
        if tracksLatency { row.latency.note(elapsed) }
        if latency.isOn {
            latency.note(
                row.flags.contains(.fast) ? .fastCommand : .command, microseconds: elapsed,
                at: context.time.wallMilliseconds / 1_000)
        }
        if elapsed >= slowCommandMicroseconds, slowCommandMicroseconds >= 0, !row.flags.contains(.skipSlowlog) {
            administration.slowLog.note(call, microseconds: elapsed)
        }
    }

    @inline(never)
    private func failed(_ call: CommandCall, _ row: CommandRow, _ error: CommandError) {
        row.failedCalls += 1
        call.client.lastError = error
        // A client that waits goes on waiting when its key has become something else meanwhile.
        if call.isRetry, case .wrongType = error {
            call.hasBlocked = true
            return
        }
        let text = error.text
        statistics.countError(text)
        call.reply.error(text)
    }

    /// The outermost execution is over: its effects become one record, and those who waited are served, each
    /// as a unit of its own.
    @inline(__always)
    func finishUnit(_ client: StoreClient? = nil) {
        if !effects.isEmpty { journalUnit(client) }
        if !readyKeys.isEmpty { serveReadyKeys() }
    }

    @inline(__always)
    private func journalUnit(_ client: StoreClient?) {
        guard context.journal.isEnabled else { return effects.discard() }
        effects.flush(to: context.journal)
        if context.configuration.appendFsync == .always {
            context.journal.requireSync()
            client?.output.heldUntilSequence = context.journal.openSequence
        }
    }
}
