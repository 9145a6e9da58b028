// LIMIT SET, LIST, CLEAR.
// Loop thread only. Next: ../Broker/ResourceLimits/ResourceLimits.swift.

import Wire

extension RESPCommand {
    static let limitCommands: [RESPCommand] = [limit]

    static let limit = RESPCommand(
        container: "LIMIT", group: .broker, since: "0.1.0",
        summary: "Shows and changes what virtual hosts and users may have.",
        subcommands: [limitSet, limitClear, limitList, inspectionHelp])

    /// `LIMIT SET VHOST|USER name limit value` → OK, once it is on disk. A negative value limits nothing.
    private static let limitSet = inspecting(
        "SET", .exactly(6), summary: "Limits what a virtual host or a user may have open.",
        syntax: "subject<VHOST | USER> name limit value:i", complexity: "O(1)", flags: [.admin]
    ) { call throws(CommandError) in
        let broker = try call.broker()
        let subject = try call.limitSubject()
        broker.events?.actor = BrokerEvents.commandLine
        defer { broker.events?.actor = nil }
        let limit: ResourceLimit
        do throws(LimitFailure) { limit = try subject.limit(call[4].string, call[5].string) } catch {
            throw .message("ERR \(error.reason)")
        }
        do throws(BrokerError) { try broker.setLimit(limit, of: subject, call[3]) } catch {
            throw .message("ERR \(error.replyText)")
        }
        call.store.context.log(
            .notice, "limit set", ("limit", limit.name.rawValue), ("value", "\(limit.value)"), ("of", call[3].string),
            ("client", call.client.address))
        call.replyOnceDurable(broker)
    }

    /// `LIMIT CLEAR VHOST|USER name [limit]` → OK, once that is on disk. Without a limit all of them go; those of the
    /// configuration come back with the next start.
    private static let limitClear = inspecting(
        "CLEAR", .atLeast(4), summary: "Takes limits away.", syntax: "subject<VHOST | USER> name [limit]",
        complexity: "O(1)", flags: [.admin]
    ) { call throws(CommandError) in
        let broker = try call.broker()
        let subject = try call.limitSubject()
        broker.events?.actor = BrokerEvents.commandLine
        defer { broker.events?.actor = nil }
        guard call.count <= 5 else { throw .syntax }
        var name: LimitName?
        if call.count == 5 {
            name = subject.names.first { call[4].string == $0.rawValue }
            guard name != nil else { throw .message("ERR no limit is called '\(call[4].string)'") }
        }
        let isKnown: Bool
        do throws(BrokerError) { isKnown = try broker.clearLimits(name, of: subject, call[3]) } catch {
            throw .message("ERR \(error.replyText)")
        }
        guard isKnown else { throw .message("NOTFOUND no such limit of '\(call[3].string)'") }
        call.store.context.log(.notice, "limit cleared", ("of", call[3].string), ("client", call.client.address))
        call.replyOnceDurable(broker)
    }

    /// `LIMIT LIST` → an array of maps, with what of each limit is used.
    private static let limitList = inspecting(
        "LIST", .exactly(2), summary: "Lists limits.", syntax: "", complexity: "O(N) where N is the number of limits."
    ) { call throws(CommandError) in
        let broker = try call.broker()
        call.reply.rows(
            broker.allLimits.map { subject, name, limit in
                var row = InspectionRow()
                row.add("of", .text(subject == .virtualHost ? "vhost" : "user"))
                row.add("name", .name(name))
                row.add("limit", .text(limit.name.rawValue))
                row.add("value", .integer(Int(limit.value)))
                row.add("used", .integer(broker.used(limit.name, of: subject, name.slice)))
                row.add("configured", .flag(limit.isConfigured))
                return row
            })
    }
}

extension CommandCall {
    /// VHOST or USER, then one that exists.
    fileprivate func limitSubject() throws(CommandError) -> LimitSubject {
        if word(2, is: "vhost") {
            _ = try broker().requiredHost(self[3])
            return .virtualHost
        }
        guard word(2, is: "user") else { throw .syntax }
        guard try users().user(named: self[3]) != nil else {
            throw .message("NOTFOUND no such user '\(self[3].string)'")
        }
        return .user
    }
}

extension Broker {
    fileprivate func used(_ limit: LimitName, of subject: LimitSubject, _ name: ByteSlice) -> Int {
        switch (subject, limit) {
        case (.virtualHost, .queues): virtualHost(name)?.queues.count ?? 0
        case (.virtualHost, _): virtualHost(name)?.connectionCount ?? 0
        case (.user, .channels): usage(of: name).channelCount
        case (.user, _): usage(of: name).connectionCount
        }
    }
}
