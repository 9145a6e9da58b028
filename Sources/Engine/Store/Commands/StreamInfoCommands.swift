// XINFO: streams, groups and consumers as people look at them.
// Loop thread only. Next: Types/StreamValue.swift.

import Wire

extension RESPCommand {
    static let streamInfoCommands: [RESPCommand] = [xinfo]

    static let xinfo = RESPCommand(
        container: "XINFO", group: .stream, since: "5.0.0", summary: "Commands that describe streams.",
        subcommands: [xinfoStream, xinfoGroups, xinfoConsumers, xinfoHelp])

    /// `XINFO STREAM key [FULL [COUNT count]]` → map.
    private static let xinfoStream = RESPCommand(
        "STREAM", .atLeast(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "5.0.0", summary: "Describes a stream."
    ) { call throws(CommandError) in
        guard let stream = try call.keys.read(call[2], as: StreamValue.self) else { throw .noSuchKey }
        var limit: Int?
        if call.count > 3 {
            guard call.word(3, is: "full"), call.count == 4 || call.count == 6 else { throw .xinfoSyntax(call) }
            limit = 10
            if call.count == 6 {
                guard call.word(4, is: "count") else { throw .xinfoSyntax(call) }
                let count = try call.integer(5)
                limit = count < 0 ? 10 : Int(clamping: count)
            }
        }
        call.describe(stream, fullLimit: limit)
    }

    private static let xinfoGroups = RESPCommand(
        "GROUPS", .exactly(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "5.0.0", summary: "Describes the groups of a stream."
    ) { call throws(CommandError) in
        guard let stream = try call.keys.read(call[2], as: StreamValue.self) else { throw .noSuchKey }
        call.reply.array(stream.groups.count)
        for group in stream.groups {
            call.reply.map(6)
            call.reply.bulk("name")
            call.reply.bulk(group.name.slice)
            call.reply.bulk("consumers")
            call.reply.integer(group.consumers.count)
            call.reply.bulk("pending")
            call.reply.integer(group.pending.count)
            call.reply.bulk("last-delivered-id")
            call.reply(group.lastID)
            call.replyProgress(stream, group)
        }
    }

    private static let xinfoConsumers = RESPCommand(
        "CONSUMERS", .exactly(4), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .stream,
        since: "5.0.0", summary: "Describes the consumers of a group."
    ) { call throws(CommandError) in
        guard let stream = try call.keys.read(call[2], as: StreamValue.self) else { throw .noSuchKey }
        guard let group = stream.group(call[3]) else {
            throw .message("NOGROUP No such consumer group '\(call[3].string)' for key name '\(call[2].string)'")
        }
        call.reply.array(group.consumers.count)
        for consumer in group.consumers {
            call.reply.map(4)
            call.reply.bulk("name")
            call.reply.bulk(consumer.name.slice)
            call.reply.bulk("pending")
            call.reply.integer(consumer.pending.count)
            call.reply.bulk("idle")
            call.reply.integer(max(0, call.now - consumer.seenAt))
            call.reply.bulk("inactive")
            call.reply.integer(consumer.activeAt.map { max(0, call.now - $0) } ?? -1)
        }
    }

    private static let xinfoHelp = RESPCommand(
        "HELP", .exactly(2), [.loading, .stale], group: .stream, since: "5.0.0", summary: "Shows the subcommands."
    ) { call throws(CommandError) in
        call.replyHelp([
            "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "CONSUMERS <key> <groupname>",
            "    Show consumers of a group.", "GROUPS <key>", "    Show the groups of a stream.",
            "STREAM <key> [FULL [COUNT <count>]", "    Show a stream.", "HELP", "    Print this help.",
        ])
    }
}

extension CommandError {
    fileprivate static func xinfoSyntax(_ call: CommandCall) -> CommandError {
        .message(
            "ERR unknown subcommand or wrong number of arguments for '\(call[1].string)'. Try XINFO HELP.")
    }
}

extension CommandCall {
    /// `entries-read` and `lag`, null where they cannot be told.
    fileprivate func replyProgress(_ stream: StreamValue, _ group: StreamGroup) {
        reply.bulk("entries-read")
        if let read = group.entriesRead { reply.integer(read) } else { reply.null() }
        reply.bulk("lag")
        if let lag = stream.lag(of: group) { reply.integer(lag) } else { reply.null() }
    }

    fileprivate func describe(_ stream: StreamValue, fullLimit: Int?) {
        reply.map(fullLimit == nil ? 10 : 9)
        reply.bulk("length")
        reply.integer(stream.count)
        // There is no radix tree here; a node counts as a key, and the root as a node more.
        reply.bulk("radix-tree-keys")
        reply.integer(stream.nodeCount)
        reply.bulk("radix-tree-nodes")
        reply.integer(stream.nodeCount + 1)
        reply.bulk("last-generated-id")
        reply(stream.lastID)
        reply.bulk("max-deleted-entry-id")
        reply(stream.maxDeletedID)
        reply.bulk("entries-added")
        reply.integer(stream.entriesAdded)
        reply.bulk("recorded-first-entry-id")
        reply(stream.firstID)
        if let fullLimit { return describeFully(stream, limit: fullLimit == 0 ? Int.max : fullLimit) }
        reply.bulk("groups")
        reply.integer(stream.groups.count)
        reply.bulk("first-entry")
        if let entry = stream.firstEntry { reply(entry) } else { reply.null() }
        reply.bulk("last-entry")
        if let entry = stream.lastEntry { reply(entry) } else { reply.null() }
    }

    private func describeFully(_ stream: StreamValue, limit: Int) {
        reply.bulk("entries")
        var left = min(limit, stream.count)
        reply.array(left)
        stream.forEach(from: .zero, to: .max) { entry in
            reply(entry)
            left -= 1
            return left > 0
        }
        reply.bulk("groups")
        reply.array(stream.groups.count)
        for group in stream.groups {
            reply.map(7)
            reply.bulk("name")
            reply.bulk(group.name.slice)
            reply.bulk("last-delivered-id")
            reply(group.lastID)
            replyProgress(stream, group)
            reply.bulk("pel-count")
            reply.integer(group.pending.count)
            reply.bulk("pending")
            replyPending(group.pending, limit: limit, namesConsumer: true)
            reply.bulk("consumers")
            reply.array(group.consumers.count)
            for consumer in group.consumers {
                reply.map(5)
                reply.bulk("name")
                reply.bulk(consumer.name.slice)
                reply.bulk("seen-time")
                reply.integer(consumer.seenAt)
                reply.bulk("active-time")
                reply.integer(consumer.activeAt ?? -1)
                reply.bulk("pel-count")
                reply.integer(consumer.pending.count)
                reply.bulk("pel")
                replyPending(consumer.pending, limit: limit, namesConsumer: false)
            }
        }
    }

    private func replyPending(_ pending: SortedChunks<PendingEntry>, limit: Int, namesConsumer: Bool) {
        var left = min(limit, pending.count)
        reply.array(left)
        guard left > 0 else { return }
        pending.forEach { entry in
            reply.array(namesConsumer ? 4 : 3)
            reply(entry.id)
            if namesConsumer { reply.bulk(entry.consumer.name.slice) }
            reply.integer(entry.deliveredAt)
            reply.integer(entry.deliveries)
            left -= 1
            return left > 0
        }
    }
}
