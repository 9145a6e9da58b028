// SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, SHUTDOWN: in terms of the durable log, which is what there is.
// A save is a promise that everything so far is on disk; the log keeps it by syncing, so these commands ask for
// a sync and the reply waits for it.
// Loop thread only. Next: ../../../Log/Journal.swift.

import Wire

extension RESPCommand {
    static let persistenceCommands: [RESPCommand] = [save, bgsave, lastsave, bgrewriteaof, shutdown]

    /// Has the reply wait until all that was changed before it is on disk.
    private static func holdUntilDurable(_ call: CommandCall) throws(CommandError) {
        let journal = call.store.context.journal
        guard journal.isEnabled else { throw .text("ERR nothing is written to disk: appendonly is off") }
        if journal.pendingBytes > 0 {
            journal.requireSync()
            call.client.output.heldUntilSequence = journal.openSequence
        } else if journal.openSequence > 1 {
            call.client.output.heldUntilSequence = journal.openSequence - 1
        }
    }

    /// `SAVE` → OK, once everything is on disk.
    static let save = RESPCommand(
        "SAVE", .exactly(1), [.admin, .noScript, .noMulti], group: .server, since: "1.0.0",
        summary: "Synchronously saves the database(s) to disk.",
        complexity: "O(N) where N is the total number of keys in all databases"
    ) { call throws(CommandError) in
        try holdUntilDurable(call)
        call.reply.ok()
    }

    /// `BGSAVE [SCHEDULE]`: the same; nothing runs in the background.
    static let bgsave = RESPCommand(
        "BGSAVE", .atLeast(1), [.admin, .noScript], group: .server, since: "1.0.0",
        summary: "Asynchronously saves the database(s) to disk."
    ) { call throws(CommandError) in
        guard call.count == 1 || (call.count == 2 && call.word(1, is: "schedule")) else { throw .syntax }
        try holdUntilDurable(call)
        call.reply.simple("Background saving started")
    }

    /// `LASTSAVE` → seconds since 1970 of the last batch that is known to be on disk.
    static let lastsave = RESPCommand(
        "LASTSAVE", .exactly(1), [.loading, .stale, .fast], group: .server, since: "1.0.0",
        summary: "Returns the Unix timestamp of the last successful save to disk."
    ) { call throws(CommandError) in
        call.reply.integer(call.store.lastDurableSeconds)
    }

    static let bgrewriteaof = RESPCommand(
        "BGREWRITEAOF", .exactly(1), [.admin, .noScript], group: .server, since: "1.0.0",
        summary: "Asynchronously rewrites the append-only file to disk."
    ) { call throws(CommandError) in
        throw .text("ERR the log is not rewritten on request")
    }

    /// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]`. There is no reply: the connection ends with the daemon.
    static let shutdown = RESPCommand(
        "SHUTDOWN", .atLeast(1), [.admin, .noScript, .loading, .stale, .noMulti, .allowBusy], group: .server,
        since: "1.0.0", summary: "Synchronously saves the database(s) to disk and shuts down the server."
    ) { call throws(CommandError) in
        for index in 1..<max(1, call.count) {
            if call.word(index, is: "abort"), call.count == 2 { throw .text("ERR No shutdown in progress.") }
            let isKnown =
                call.word(index, is: "save") || call.word(index, is: "nosave") || call.word(index, is: "now")
                || call.word(index, is: "force")
            guard isKnown else { throw .syntax }
        }
        // NOSAVE included: what the log has been given cannot be taken back.
        call.store.context.log(.notice, "shutdown requested", ("client", call.client.address))
        call.store.context.isShutdownRequested = true
    }
}
