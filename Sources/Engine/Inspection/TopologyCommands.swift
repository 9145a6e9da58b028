// EXCHANGE LIST and BINDING LIST.
// Loop thread only. Next: InspectionRow.swift.

import Wire

extension RESPCommand {
    static let topologyCommands: [RESPCommand] = [exchange, binding]

    static let exchange = RESPCommand(
        container: "EXCHANGE", group: .broker, since: "0.1.0", summary: "Shows the broker's exchanges.",
        subcommands: [exchangeList, inspectionHelp])

    static let binding = RESPCommand(
        container: "BINDING", group: .broker, since: "0.1.0", summary: "Shows the broker's bindings.",
        subcommands: [bindingList, inspectionHelp])

    /// `EXCHANGE LIST [VHOST v] [MATCH glob]` → an array of maps. The default exchange has the empty name.
    private static let exchangeList = inspecting(
        "LIST", .atLeast(2), summary: "Lists exchanges.", syntax: "[VHOST virtual-host] [MATCH pattern:p]",
        complexity: "O(N) where N is the number of exchanges."
    ) { call throws(CommandError) in
        let filter = try ListFilter(call)
        var rows: [InspectionRow] = []
        for host in filter.virtualHosts {
            let exchanges = host.exchanges.values.filter { filter.includes($0.name) }
            for exchange in exchanges.sorted(by: { $0.name.string < $1.name.string }) { rows.append(exchange.row) }
        }
        call.reply.rows(rows)
    }

    /// `BINDING LIST [VHOST v] [MATCH glob]` → an array of maps; MATCH looks at the source's name. The default
    /// exchange reaches every queue by its name and has no bindings of its own.
    private static let bindingList = inspecting(
        "LIST", .atLeast(2), summary: "Lists bindings between exchanges and queues.",
        syntax: "[VHOST virtual-host] [MATCH pattern:p]", complexity: "O(N) where N is the number of bindings."
    ) { call throws(CommandError) in
        let filter = try ListFilter(call)
        var rows: [InspectionRow] = []
        for host in filter.virtualHosts {
            let exchanges = host.exchanges.values.filter { filter.includes($0.name) }
            for exchange in exchanges.sorted(by: { $0.name.string < $1.name.string }) {
                let bindings = exchange.allBindings.sorted {
                    ($0.destination.name.string, $0.routingKey.string)
                        < ($1.destination.name.string, $1.routingKey.string)
                }
                rows += bindings.map(\.row)
            }
        }
        call.reply.rows(rows)
    }
}

extension Exchange {
    fileprivate var row: InspectionRow {
        var row = InspectionRow()
        row.add("name", .name(name))
        row.add("vhost", .name(virtualHost.name))
        row.add("type", .text(type.rawValue))
        row.add("durable", .flag(isDurable))
        row.add("auto_delete", .flag(isAutoDelete))
        row.add("internal", .flag(isInternal))
        row.add("alternate_exchange", alternate.map { .name($0) } ?? .none)
        row.add("bindings", .integer(bindingCount))
        row.add("policy", policy.user.map { .name($0.name) } ?? .none)
        row.add("messages_delayed", .integer(delayQueue?.delayed?.entries.count ?? 0))
        row.add("published_total", .integer(Int(publishedTotal)))
        row.add("arguments", .arguments(rawArguments))
        return row
    }
}

extension Binding {
    fileprivate var row: InspectionRow {
        var row = InspectionRow()
        row.add("source", .name(source.name))
        row.add("vhost", .name(source.virtualHost.name))
        row.add("destination", .name(destination.name))
        switch destination {
        case .queue: row.add("destination_type", .text("queue"))
        case .exchange: row.add("destination_type", .text("exchange"))
        }
        row.add("routing_key", .name(routingKey))
        row.add("arguments", .arguments(rawArguments))
        return row
    }
}
