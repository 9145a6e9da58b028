// QUEUE LIST, INFO, PEEK, PURGE.
// Loop thread only. Next: MessageRow.swift (what PEEK shows of a message).

import Wire

extension RESPCommand {
    static let queueCommands: [RESPCommand] = [queue]

    static let queue = RESPCommand(
        container: "QUEUE", group: .broker, since: "0.1.0", summary: "Shows the broker's queues and their messages.",
        subcommands: [queueList, queueInfo, queuePeek, queuePurge, inspectionHelp])

    /// `QUEUE LIST [VHOST v] [MATCH glob]` → an array of maps.
    private static let queueList = inspecting(
        "LIST", .atLeast(2), summary: "Lists queues with their counts.",
        syntax: "[VHOST virtual-host] [MATCH pattern:p]", complexity: "O(N) where N is the number of queues."
    ) { call throws(CommandError) in
        let filter = try ListFilter(call)
        var rows: [InspectionRow] = []
        for host in filter.virtualHosts {
            let queues = host.queues.values.filter { filter.includes($0.name) }
            for queue in queues.sorted(by: { $0.name.string < $1.name.string }) { rows.append(queue.summaryRow) }
        }
        call.reply.rows(rows)
    }

    /// The queue named by word 2.
    private static func named(_ call: CommandCall, hostAt index: Int) throws(CommandError) -> Queue {
        let host = try call.broker().host(call, at: index)
        guard let queue = host.queue(call[2]) else {
            throw .message("NOTFOUND no such queue '\(call[2].string)' in vhost '\(host.name.string)'")
        }
        return queue
    }

    /// `QUEUE INFO name [VHOST v]` → a map.
    private static let queueInfo = inspecting(
        "INFO", .atLeast(3), summary: "Shows everything about one queue.", syntax: "name [VHOST virtual-host]",
        complexity: "O(N) where N is the number of its consumers."
    ) { call throws(CommandError) in
        try named(call, hostAt: 3).fullRow.write(to: call.reply)
    }

    /// `QUEUE PEEK name [offset count] [VHOST v]` → an array of maps, in delivery order. Changes nothing:
    /// messages stay where they are, and nothing is marked as delivered. Waits while bodies are read from the disk.
    private static let queuePeek = inspecting(
        "PEEK", .atLeast(3), summary: "Shows messages of a queue without taking them.",
        syntax: "name [range(offset:i count:i)] [VHOST virtual-host]",
        complexity: "O(N) where N is the number of messages shown."
    ) { call throws(CommandError) in
        var offset = 0
        var count = Limits.peekedMessages
        var next = 3
        if call.count > 4, !call.word(3, is: "vhost") {
            let range = CommandError.text("ERR offset and count must not be negative")
            offset = Int(try call.integer(3, in: 0...Int64(Int32.max), or: range))
            count = Int(try call.integer(4, in: 0...Int64(Int32.max), or: range))
            next = 5
        }
        let queue = try named(call, hostAt: next)
        let shown = max(0, min(count, Limits.peekedMessagesMax, queue.readyCount - offset))
        let peek = QueuePeek(queue, offset: offset, count: shown)
        guard peek.needsDisk else { return peek.write(to: call.reply) }
        guard let wait = call.blockForAnswer() else {
            throw .text("ERR messages are on disk: QUEUE PEEK cannot wait for them inside a transaction")
        }
        let store = call.store
        peek.read { [unowned store] in store.answer(wait, peek.write) }
    }

    /// `QUEUE PURGE name [VHOST v]` → how many ready messages were dropped.
    private static let queuePurge = inspecting(
        "PURGE", .atLeast(3), summary: "Drops all ready messages of a queue.", syntax: "name [VHOST virtual-host]",
        complexity: "O(N) where N is the number of messages, spread over time.", flags: [.admin]
    ) { call throws(CommandError) in
        let queue = try named(call, hostAt: 3)
        guard queue.stream == nil else {
            throw .message("ERR \(BrokerError.purgeOnStream(queue.resourceName).replyText)")
        }
        call.store.context.log(
            .notice, "queue purged", ("queue", queue.name.string), ("client", call.client.address))
        // As `queue.purge` does it: what consumers are owed they get first.
        queue.deliverNow()
        call.reply.integer(queue.virtualHost.purge(queue))
    }
}

extension Queue {
    /// One line of QUEUE LIST.
    var summaryRow: InspectionRow {
        var row = InspectionRow()
        row.add("name", .name(name))
        row.add("vhost", .name(virtualHost.name))
        row.add("type", .text(settings.type.rawValue))
        row.add("durable", .flag(isDurable))
        row.add("auto_delete", .flag(isAutoDelete))
        row.add("exclusive", .flag(isExclusive))
        row.add("messages", .integer(messageCount))
        row.add("messages_ready", .integer(readyCount))
        row.add("messages_unacknowledged", .integer(unackedCount))
        row.add("message_bytes", .integer(stream == nil ? readyBytes + unackedBytes : readyBytes))
        row.add("consumers", .integer(consumerCount))
        return row
    }

    var fullRow: InspectionRow {
        var row = summaryRow
        row.add("arguments", .arguments(rawArguments))
        row.add("policy", policy.user.map { .name($0.name) } ?? .none)
        row.add("operator_policy", policy.operator.map { .name($0.name) } ?? .none)
        row.add("owner_connection", owner.map { .text($0.name) } ?? .none)
        row.add("single_active_consumer", activeConsumer.map { .name($0.tag) } ?? .none)
        row.add("bindings", .integer(bindings.count))
        row.add("memory", .integer(memoryBytes))
        row.add("message_bytes_ready", .integer(readyBytes))
        row.add("message_bytes_unacknowledged", .integer(unackedBytes))
        row.add("published_total", .integer(Int(publishedTotal)))
        row.add("delivered_total", .integer(Int(deliveredTotal)))
        row.add("redelivered_total", .integer(Int(redeliveredTotal)))
        row.add("settled_total", .integer(Int(settledTotal)))
        guard let index = stream?.index else { return row }
        // Of no message: −1.
        row.add("first_offset", .integer(index.count == 0 ? -1 : Int(index.firstOffset)))
        row.add("last_offset", .integer(index.count == 0 ? -1 : Int(index.nextOffset) - 1))
        row.add("readers", .integer(consumerCount))
        return row
    }
}
