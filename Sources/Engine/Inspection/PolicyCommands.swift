// POLICY SET, LIST, CLEAR.
// Loop thread only. Next: ../Broker/Policy/VirtualHostPolicies.swift.

import Wire

extension RESPCommand {
    static let policyCommands: [RESPCommand] = [policy]

    static let policy = RESPCommand(
        container: "POLICY", group: .broker, since: "0.1.0", summary: "Shows and changes the broker's policies.",
        subcommands: [policySet, policyClear, policyList, inspectionHelp])

    /// `POLICY SET name pattern definition [PRIORITY n] [APPLY-TO scope] [VHOST v] [OPERATOR]` → OK, once it is on disk.
    /// Takes the place of a policy of that name and kind.
    private static let policySet = inspecting(
        "SET", .atLeast(5), summary: "Gives settings to all queues or exchanges whose names match a pattern.",
        syntax: "name pattern definition [PRIORITY priority:i] [APPLY-TO scope] [VHOST virtual-host] [OPERATOR]",
        complexity: "O(N) where N is the number of queues and exchanges.", flags: [.admin]
    ) { call throws(CommandError) in
        let broker = try call.broker()
        let policy: Policy
        let options: PolicyOptions
        do throws(PolicyFailure) {
            options = try PolicyOptions((5..<call.count).map { call[$0].string })
            policy = try Policy(
                options.kind, name: ByteString(call[2]), pattern: call[3].string, definition: call[4].string,
                priority: options.priority, scope: options.scope, costs: broker.patternCosts)
        } catch {
            throw .message("ERR \(error.reason)")
        }
        let host = try broker.host(named: options.virtualHost)
        broker.events?.actor = BrokerEvents.commandLine
        defer { broker.events?.actor = nil }
        do throws(BrokerError) { try host.setPolicy(policy) } catch { throw .message("ERR \(error.replyText)") }
        call.store.context.log(
            .notice, "policy set", ("policy", policy.name.string), ("vhost", host.name.string),
            ("client", call.client.address))
        call.replyOnceDurable(broker)
    }

    /// `POLICY CLEAR name [VHOST v] [OPERATOR]` → OK, once that is on disk. One of the configuration comes back with the
    /// next start.
    private static let policyClear = inspecting(
        "CLEAR", .atLeast(3), summary: "Takes a policy away.", syntax: "name [VHOST virtual-host] [OPERATOR]",
        complexity: "O(N) where N is the number of queues and exchanges.", flags: [.admin]
    ) { call throws(CommandError) in
        let broker = try call.broker()
        let isOperators = call.count > 3 && call.word(call.count - 1, is: "operator")
        let host = try broker.host(call, at: 3, before: isOperators ? call.count - 1 : call.count)
        broker.events?.actor = BrokerEvents.commandLine
        defer { broker.events?.actor = nil }
        let isKnown: Bool
        do throws(BrokerError) { isKnown = try host.clearPolicy(call[2], isOperators ? .operator : .user) } catch {
            throw .message("ERR \(error.replyText)")
        }
        guard isKnown else {
            throw .message("NOTFOUND no such policy '\(call[2].string)' in vhost '\(host.name.string)'")
        }
        call.store.context.log(
            .notice, "policy cleared", ("policy", call[2].string), ("vhost", host.name.string),
            ("client", call.client.address))
        call.replyOnceDurable(broker)
    }

    /// `POLICY LIST [VHOST v] [MATCH glob]` → an array of maps: those of users, then those of operators, each in
    /// the order in which they count.
    private static let policyList = inspecting(
        "LIST", .atLeast(2), summary: "Lists policies.", syntax: "[VHOST virtual-host] [MATCH pattern:p]",
        complexity: "O(N) where N is the number of policies."
    ) { call throws(CommandError) in
        let filter = try ListFilter(call)
        var rows: [InspectionRow] = []
        for host in filter.virtualHosts {
            for policy in host.policies.all where filter.includes(policy.name) { rows.append(policy.row(in: host)) }
        }
        call.reply.rows(rows)
    }
}

extension Broker {
    fileprivate func host(named name: String?) throws(CommandError) -> VirtualHost {
        try ByteString(name ?? context.configuration.defaultVirtualHost).withHost(of: self)
    }
}

extension Policy {
    fileprivate func row(in host: VirtualHost) -> InspectionRow {
        var row = InspectionRow()
        row.add("name", .name(name))
        row.add("vhost", .name(host.name))
        row.add("pattern", .text(pattern.text))
        row.add("definition", .text(definition.text))
        row.add("priority", .integer(Int(priority)))
        row.add("apply_to", .text(scope.rawValue))
        row.add("kind", .text(kind == .user ? "user" : "operator"))
        row.add("configured", .flag(isConfigured))
        return row
    }
}
