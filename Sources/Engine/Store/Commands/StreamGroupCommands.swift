// Groups of consumers: making, moving and removing them, acknowledging, and what is pending.
// Loop thread only. Next: StreamClaimCommands.swift, Types/StreamGroup.swift.

import Wire

extension RESPCommand {
    static let streamGroupCommands: [RESPCommand] = [xgroup, xack, xpending]

    static let xgroup = RESPCommand(
        container: "XGROUP", group: .stream, since: "5.0.0", summary: "Commands on groups of consumers.",
        subcommands: [
            xgroupCreate, xgroupSetID, xgroupDestroy, xgroupCreateConsumer, xgroupDeleteConsumer, xgroupHelp,
        ])

    /// `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD count]` → OK.
    private static let xgroupCreate = RESPCommand(
        "CREATE", .atLeast(5), [.write, .denyOOM], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "5.0.0", summary: "Makes a group of consumers."
    ) { call throws(CommandError) in
        let (makesStream, entriesRead) = try call.groupOptions(allowsMakeStream: true)
        let existing = try call.keys.write(call[2], as: StreamValue.self)
        if existing == nil, !makesStream { throw .groupNeedsStream }
        let id = try call.groupPosition(4, existing)
        if existing?.group(call[3]) != nil { throw .text("BUSYGROUP Consumer Group name already exists") }
        let stream = try call.keep(existing, at: 2) { StreamValue() }
        _ = stream.makeGroup(call[3], lastID: id, entriesRead: entriesRead)
        call.reply.ok()
        call.keys.modified(call[2], .stream, "xgroup-create")
    }

    private static let xgroupSetID = RESPCommand(
        "SETID", .atLeast(5), [.write], keys: .range(first: 2, last: 2, step: 1), group: .stream, since: "5.0.0",
        summary: "Sets how far a group has read."
    ) { call throws(CommandError) in
        let (_, entriesRead) = try call.groupOptions(allowsMakeStream: false)
        let (stream, group) = try call.existingGroup()
        group.lastID = try call.groupPosition(4, stream)
        group.entriesRead = entriesRead
        call.reply.ok()
        call.keys.modified(call[2], .stream, "xgroup-setid")
    }

    private static let xgroupDestroy = RESPCommand(
        "DESTROY", .exactly(4), [.write], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "5.0.0", summary: "Removes a group of consumers.", complexity: "O(N) for N pending entries."
    ) { call throws(CommandError) in
        guard let stream = try call.keys.write(call[2], as: StreamValue.self) else { throw .groupNeedsStream }
        guard stream.removeGroup(call[3]) else { return call.reply.integer(0) }
        call.reply.integer(1)
        call.keys.modified(call[2], .stream, "xgroup-destroy")
    }

    private static let xgroupCreateConsumer = RESPCommand(
        "CREATECONSUMER", .exactly(5), [.write, .denyOOM], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "6.2.0", summary: "Makes a consumer of a group."
    ) { call throws(CommandError) in
        let (_, group) = try call.existingGroup()
        let (_, isNew) = group.consumer(call[4], now: call.now)
        call.reply.integer(isNew ? 1 : 0)
        if isNew { call.keys.modified(call[2], .stream, "xgroup-createconsumer") }
    }

    /// → number of entries that were pending for it.
    private static let xgroupDeleteConsumer = RESPCommand(
        "DELCONSUMER", .exactly(5), [.write], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "5.0.0", summary: "Removes a consumer of a group.", complexity: "O(N) for N pending entries."
    ) { call throws(CommandError) in
        let (_, group) = try call.existingGroup()
        guard let pending = group.removeConsumer(call[4]) else { return call.reply.integer(0) }
        call.reply.integer(pending)
        call.keys.modified(call[2], .stream, "xgroup-delconsumer")
    }

    private static let xgroupHelp = RESPCommand(
        "HELP", .exactly(2), [.loading, .stale], group: .stream, since: "5.0.0", summary: "Shows the subcommands."
    ) { call throws(CommandError) in
        call.replyHelp([
            "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CREATE <key> <groupname> <id|$> [option]",
            "    Make a group of consumers. Options: MKSTREAM, ENTRIESREAD.",
            "CREATECONSUMER <key> <groupname> <consumer>", "    Make a consumer of a group.",
            "DELCONSUMER <key> <groupname> <consumer>", "    Remove a consumer of a group.",
            "DESTROY <key> <groupname>", "    Remove a group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]", "    Set how far a group has read.", "HELP",
            "    Print this help.",
        ])
    }

    // MARK: Pending entries

    static let xack = RESPCommand(
        "XACK", .atLeast(4), [.write, .fast], keys: .first, group: .stream, since: "5.0.0",
        summary: "Notes that entries are done with; returns how many were pending.",
        complexity: "O(N) for N entries."
    ) { call throws(CommandError) in
        guard let stream = try call.keys.write(call[1], as: StreamValue.self), let group = stream.group(call[2]) else {
            return call.reply.integer(0)
        }
        for index in 3..<call.count { _ = try call.streamID(index, missingSequence: 0) }
        var acknowledged = 0
        for index in 3..<call.count where group.acknowledge(try call.streamID(index, missingSequence: 0)) {
            acknowledged += 1
        }
        call.reply.integer(acknowledged)
        // Nobody else sees a difference: journaled, but watchers and waiting clients are not bothered.
        if acknowledged > 0 { call.propagateAsIs() }
    }

    /// `XPENDING key group [[IDLE milliseconds] start end count [consumer]]` → summary, or array of entries.
    static let xpending = RESPCommand(
        "XPENDING", .atLeast(3), [.readonly], keys: .first, group: .stream, since: "5.0.0",
        summary: "Returns what is pending in a group.", complexity: "O(N) for N entries."
    ) { call throws(CommandError) in
        guard call.count == 3 || (6...9).contains(call.count) else { throw .syntax }
        var idleMin: Int64 = 0
        var limit = 0
        var start = StreamID.zero
        var end = StreamID.max
        var consumerAt: Int?
        if call.count >= 6 {
            var word = 3
            if call.word(3, is: "idle") {
                idleMin = try call.integer(4)
                guard call.count >= 8 else { throw .syntax }
                word = 5
            }
            guard word + 2 < call.count else { throw .syntax }
            limit = max(0, Int(try call.integer(word + 2)))
            start = try call.streamBound(word, isStart: true)
            end = try call.streamBound(word + 1, isStart: false)
            if word + 3 < call.count { consumerAt = word + 3 }
        }
        guard let group = try call.keys.read(call[1], as: StreamValue.self)?.group(call[2]) else {
            throw .noGroup(key: call[1], group: call[2])
        }
        if call.count == 3 { return call.replyPendingSummary(group) }
        var source = group.pending
        if let consumerAt {
            guard let consumer = group.consumer(call[consumerAt]) else { return call.reply.array(0) }
            source = consumer.pending
        }
        var found: [PendingEntry] = []
        if limit > 0 {
            source.forEach(from: start) { entry in
                guard entry.id <= end else { return false }
                if idleMin == 0 || call.now - entry.deliveredAt >= idleMin { found.append(entry) }
                return found.count < limit
            }
        }
        call.reply.array(found.count)
        for entry in found {
            call.reply.array(4)
            call.reply(entry.id)
            call.reply.bulk(entry.consumer.name.slice)
            call.reply.integer(max(0, call.now - entry.deliveredAt))
            call.reply.integer(entry.deliveries)
        }
    }
}

extension CommandError {
    static let groupNeedsStream = CommandError.text(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
    )

    static func noGroup(key: ByteSlice, group: ByteSlice) -> CommandError {
        .message("NOGROUP No such key '\(key.string)' or consumer group '\(group.string)'")
    }
}

extension CommandCall {
    /// Lines of help, as containers give them.
    func replyHelp(_ lines: [StaticString]) {
        reply.array(lines.count)
        for line in lines { reply.simple(line) }
    }

    /// `[MKSTREAM] [ENTRIESREAD count]` from word 5 on.
    fileprivate func groupOptions(
        allowsMakeStream: Bool
    ) throws(CommandError) -> (makesStream: Bool, entriesRead: Int64?) {
        var makesStream = false
        var entriesRead: Int64?
        var word = 5
        while word < count {
            if allowsMakeStream, self.word(word, is: "mkstream") {
                makesStream = true
                word += 1
            } else if self.word(word, is: "entriesread"), word + 1 < count {
                let value = try integer(word + 1)
                guard value >= -1 else { throw .text("ERR value for ENTRIESREAD must be positive or -1") }
                entriesRead = value < 0 ? nil : value
                word += 2
            } else {
                throw .message(
                    "ERR unknown subcommand or wrong number of arguments for '\(self[1].string)'. Try XGROUP HELP.")
            }
        }
        return (makesStream, entriesRead)
    }

    /// An identifier or `$`, the stream's last one.
    fileprivate func groupPosition(_ index: Int, _ stream: StreamValue?) throws(CommandError) -> StreamID {
        if self[index].equals("$") { return stream?.lastID ?? .zero }
        return try streamID(index, missingSequence: 0)
    }

    /// The stream at word 2 and its group at word 3.
    fileprivate func existingGroup() throws(CommandError) -> (StreamValue, StreamGroup) {
        guard let stream = try keys.write(self[2], as: StreamValue.self) else { throw .groupNeedsStream }
        guard let group = stream.group(self[3]) else {
            throw .message("NOGROUP No such consumer group '\(self[3].string)' for key name '\(self[2].string)'")
        }
        return (stream, group)
    }

    fileprivate func replyPendingSummary(_ group: StreamGroup) {
        reply.array(4)
        reply.integer(group.pending.count)
        guard let first = group.pending.first, let last = group.pending.last else {
            reply.null()
            reply.null()
            return reply.nullArray()
        }
        reply(first.id)
        reply(last.id)
        let busy = group.consumers.filter { !$0.pending.isEmpty }
        reply.array(busy.count)
        for consumer in busy {
            reply.array(2)
            reply.bulk(consumer.name.slice)
            reply.bulk(integer: Int64(consumer.pending.count))
        }
    }
}
