// SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF, WAITAOF, SHUTDOWN. A snapshot and a rewritten log are one thing here: a
// checkpoint, which is taken beside the commands. These ask for one, and some wait for its end.
// Loop thread only. Next: ../../Checkpoint/StorePersistence.swift, ../../Clients/Blocking.swift.

import Wire

extension RESPCommand {
    static let persistenceCommands: [RESPCommand] = [save, bgsave, lastsave, bgrewriteaof, waitaof, shutdown]

    /// Without a log nobody would take the checkpoint.
    private static func requireLog(_ call: CommandCall) throws(CommandError) {
        guard call.store.context.journal.isEnabled else { throw .text("ERR nothing is written to disk") }
    }

    /// Whether the checkpoint that BGSAVE asked for is to come or under way.
    private static func isSaving(_ call: CommandCall) -> Bool {
        call.store.context.checkpoints.finished < call.store.persistence.backgroundSave
    }

    /// `SAVE` → OK, once a checkpoint of this moment or later is on disk. Others are served meanwhile.
    static let save = RESPCommand(
        "SAVE", .exactly(1), [.admin, .noScript, .noMulti], group: .server, since: "1.0.0",
        summary: "Synchronously saves the database(s) to disk.",
        complexity: "O(N) where N is the total number of keys in all databases"
    ) { call throws(CommandError) in
        try requireLog(call)
        if isSaving(call) { throw .text("ERR Background save already in progress") }
        let number = call.store.context.checkpoints.request()
        call.block(for: .save(number), timeoutMilliseconds: 0, timeoutReply: .error("ERR"))
    }

    /// `BGSAVE [SCHEDULE]` → a status. One that runs for another reason is no hindrance: the next is asked for.
    static let bgsave = RESPCommand(
        "BGSAVE", .atLeast(1), [.admin, .noScript], group: .server, since: "1.0.0",
        summary: "Asynchronously saves the database(s) to disk."
    ) { call throws(CommandError) in
        guard call.count == 1 || (call.count == 2 && call.word(1, is: "schedule")) else { throw .syntax }
        try requireLog(call)
        let checkpoints = call.store.context.checkpoints
        let isScheduling = call.count == 2 || call.client.deniesBlocking
        if isSaving(call), !isScheduling { throw .text("ERR Background save already in progress") }
        let waits = checkpoints.isRunning || call.client.deniesBlocking
        call.store.persistence.backgroundSave = checkpoints.request()
        call.reply.simple(waits ? "Background saving scheduled" : "Background saving started")
    }

    /// `LASTSAVE` → when the last whole checkpoint ended, seconds since 1970.
    static let lastsave = RESPCommand(
        "LASTSAVE", .exactly(1), [.loading, .stale, .fast], group: .server, since: "1.0.0",
        summary: "Returns the Unix timestamp of the last successful save to disk."
    ) { call throws(CommandError) in
        call.reply.integer(call.store.context.checkpoints.lastSuccessSeconds)
    }

    /// `BGREWRITEAOF` → a status. After the checkpoint the log before it is not needed any more.
    static let bgrewriteaof = RESPCommand(
        "BGREWRITEAOF", .exactly(1), [.admin, .noScript], group: .server, since: "1.0.0",
        summary: "Asynchronously rewrites the append-only file to disk."
    ) { call throws(CommandError) in
        try requireLog(call)
        let checkpoints = call.store.context.checkpoints
        if checkpoints.finished < call.store.persistence.rewrite, checkpoints.begun >= call.store.persistence.rewrite {
            throw .text("ERR Background append only file rewriting already in progress")
        }
        let waits = checkpoints.isRunning || call.client.deniesBlocking
        call.store.persistence.rewrite = checkpoints.request()
        call.reply.simple(
            waits
                ? "Background append only file rewriting scheduled" : "Background append only file rewriting started")
    }

    /// `WAITAOF local replicas milliseconds` → array of two: whether everything written so far is on this disk, and on
    /// how many replicas' (none). With replicas wanted it takes the time there is.
    static let waitaof = RESPCommand(
        "WAITAOF", .exactly(4), [.blocking], group: .generic, since: "7.2.0",
        summary: "Waits until writes are on disk, here and on replicas, of which there are none."
    ) { call throws(CommandError) in
        let local = try call.integer(
            1, in: 0...1, or: .text("ERR value is out of range, value must between 0 and 1"))
        let replicas = try call.integer(
            2, in: 0...Int64.max, or: .text("ERR value is out of range, must be positive"))
        guard let timeout = RESPNumber.integer(call[3]) else {
            throw .text("ERR timeout is not an integer or out of range")
        }
        guard timeout >= 0 else { throw .timeoutNegative }
        let store = call.store
        let journal = store.context.journal
        guard local == 0 || (store.context.configuration.appendOnly && journal.isEnabled) else {
            throw .text("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
        }
        let isSynced = journal.pendingBytes == 0 && journal.durableSequence >= journal.openSequence - 1
        if replicas == 0 && (local == 0 || isSynced) || call.client.deniesBlocking || call.client.isInternal {
            call.reply.array(2)
            call.reply.integer(isSynced ? 1 : 0)
            return call.reply.integer(0)
        }
        if !isSynced, journal.isEnabled { store.forceSync() }
        let sequence = isSynced ? journal.openSequence - 1 : journal.openSequence
        call.block(
            for: .sync(sequence, replicas: replicas), timeoutMilliseconds: timeout, timeoutReply: .synced(sequence))
    }

    /// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE]`, `SHUTDOWN ABORT`. There is no reply: the connection ends with the
    /// daemon. The log has everything, so only SAVE takes a checkpoint first, or save points with `appendonly no`.
    static let shutdown = RESPCommand(
        "SHUTDOWN", .atLeast(1), [.admin, .noScript, .loading, .stale, .noMulti, .allowBusy], group: .server,
        since: "1.0.0", summary: "Synchronously saves the database(s) to disk and shuts down the server."
    ) { call throws(CommandError) in
        let store = call.store
        var saves: Bool?
        var isForced = false
        for index in 1..<max(1, call.count) {
            if call.word(index, is: "abort"), call.count == 2 {
                guard store.abortShutdowns() else { throw .text("ERR No shutdown in progress.") }
                return call.reply.ok()
            } else if call.word(index, is: "save"), saves != false {
                saves = true
            } else if call.word(index, is: "nosave"), saves != true {
                saves = false
            } else if call.word(index, is: "force") {
                isForced = true
            } else if !call.word(index, is: "now") {
                throw .syntax
            }
        }
        store.context.log(.notice, "shutdown requested", ("client", call.client.address))
        guard saves ?? store.savesAtShutdown, store.context.journal.isEnabled else {
            // NOSAVE included: what the log has been given cannot be taken back.
            return store.context.isShutdownRequested = true
        }
        let number = store.context.checkpoints.request()
        call.block(
            for: .shutdown(number, isForced: isForced), timeoutMilliseconds: 0,
            timeoutReply: .error("ERR Errors trying to SHUTDOWN. Check logs."))
    }
}
