// CONNECTION LIST, CHANNEL LIST and CONSUMER LIST: who is connected over AMQP, and who receives from what.
// Loop thread only. Next: InspectionRow.swift.

import Wire

extension RESPCommand {
    static let peerCommands: [RESPCommand] = [connection, channel, consumer]

    static let connection = RESPCommand(
        container: "CONNECTION", group: .broker, since: "0.1.0", summary: "Shows AMQP connections.",
        subcommands: [connectionList, inspectionHelp])

    static let channel = RESPCommand(
        container: "CHANNEL", group: .broker, since: "0.1.0", summary: "Shows AMQP channels.",
        subcommands: [channelList, inspectionHelp])

    static let consumer = RESPCommand(
        container: "CONSUMER", group: .broker, since: "0.1.0", summary: "Shows consumers of queues.",
        subcommands: [consumerList, inspectionHelp])

    /// Open connections that the filter lets through, oldest first; MATCH looks at their names.
    private static func connections(_ call: CommandCall) throws(CommandError) -> [BrokerConnection] {
        let filter = try ListFilter(call)
        return try call.broker().connections.values
            .filter { filter.includes($0.virtualHost) && filter.includes(ByteString($0.name)) }
            .sorted { $0.id < $1.id }
    }

    /// `CONNECTION LIST [VHOST v] [MATCH glob]` → an array of maps.
    private static let connectionList = inspecting(
        "LIST", .atLeast(2), summary: "Lists AMQP connections.", syntax: "[VHOST virtual-host] [MATCH pattern:p]",
        complexity: "O(N) where N is the number of connections."
    ) { call throws(CommandError) in
        call.reply.rows(try connections(call).map { $0.row })
    }

    /// `CHANNEL LIST [VHOST v] [MATCH glob]` → an array of maps; MATCH looks at the connection's name.
    private static let channelList = inspecting(
        "LIST", .atLeast(2), summary: "Lists AMQP channels.", syntax: "[VHOST virtual-host] [MATCH pattern:p]",
        complexity: "O(N) where N is the number of channels."
    ) { call throws(CommandError) in
        let channels = try connections(call).flatMap { $0.channels.values.sorted { $0.number < $1.number } }
        call.reply.rows(channels.map { $0.row })
    }

    /// `CONSUMER LIST [VHOST v] [MATCH glob]` → an array of maps; MATCH looks at the queue's name.
    private static let consumerList = inspecting(
        "LIST", .atLeast(2), summary: "Lists consumers.", syntax: "[VHOST virtual-host] [MATCH pattern:p]",
        complexity: "O(N) where N is the number of queues and consumers."
    ) { call throws(CommandError) in
        let filter = try ListFilter(call)
        var rows: [InspectionRow] = []
        for host in filter.virtualHosts {
            let queues = host.queues.values.filter { filter.includes($0.name) }
            for queue in queues.sorted(by: { $0.name.string < $1.name.string }) {
                rows += queue.consumers.all.map(\.row)
            }
        }
        call.reply.rows(rows)
    }
}

extension BrokerConnection {
    fileprivate var row: InspectionRow {
        var row = InspectionRow()
        row.add("id", .integer(Int(id)))
        row.add("name", .text(name))
        row.add("user", .text(user))
        row.add("vhost", .name(virtualHost.name))
        row.add("connected_at", .integer(Int(openedWallMilliseconds)))
        row.add("channels", .integer(channels.count))
        row.add("exclusive_queues", .integer(exclusiveQueues.count))
        row.add("frame_max", .integer(frameBytesMax))
        row.add("send_pending", .integer(output.pendingBytes))
        row.add("client_properties", .arguments(clientProperties))
        return row
    }
}

extension BrokerChannel {
    fileprivate var row: InspectionRow {
        var row = InspectionRow()
        row.add("connection", .text(connection.name))
        row.add("number", .integer(Int(number)))
        row.add("user", .text(connection.user))
        row.add("vhost", .name(virtualHost.name))
        row.add("confirm", .flag(mode == .confirm))
        row.add("transactional", .flag(mode == .transaction))
        row.add("consumers", .integer(consumers.count))
        row.add("messages_unacknowledged", .integer(unacked.count))
        row.add("prefetch_count", .integer(Int(consumerPrefetch)))
        row.add("global_prefetch_count", .integer(Int(globalPrefetch)))
        row.add("published_total", .integer(Int(publishedTotal)))
        row.add("delivered_total", .integer(Int(deliveredTotal)))
        return row
    }
}

extension Consumer {
    fileprivate var row: InspectionRow {
        var row = InspectionRow()
        row.add("queue", .name(queue.name))
        row.add("vhost", .name(queue.virtualHost.name))
        row.add("consumer_tag", .name(tag))
        row.add("connection", .text(channel.connection.name))
        row.add("channel", .integer(Int(channel.number)))
        row.add("ack_required", .flag(!noAck))
        row.add("exclusive", .flag(isExclusive))
        row.add("active", .flag(queue.activeConsumer == nil || queue.activeConsumer === self))
        row.add("prefetch_count", .integer(Int(prefetchMax)))
        row.add("priority", .integer(Int(priority)))
        row.add("messages_unacknowledged", .integer(unackedCount))
        row.add("arguments", .arguments(rawArguments))
        if let reader { row.add("next_offset", .integer(Int(clamping: reader.nextOffset))) }
        return row
    }
}
