// The broker, seen with redis-cli: commands that show queues, messages, connections, and a section of INFO.
// This is where store and broker meet for reading: the store knows no broker, so it holds this object as a
// companion whose type only these commands know. Nothing here changes the broker but QUEUE PURGE, POLICY, LIMIT and TRACE.
//
//     QUEUE LIST|INFO|PEEK|PURGE      QueueCommands.swift
//     EXCHANGE LIST, BINDING LIST     TopologyCommands.swift
//     POLICY SET|CLEAR|LIST           PolicyCommands.swift
//     LIMIT SET|CLEAR|LIST            LimitCommands.swift
//     TRACE ON|OFF|LIST               TraceCommands.swift
//     CONNECTION|CHANNEL|CONSUMER LIST    PeerCommands.swift
//
// Loop thread only. Next: InspectionRow.swift (how replies look).

import Wire

/// What inspection commands work on.
final class Inspection {
    unowned(unsafe) let broker: Broker
    let users: Users

    private init(_ broker: Broker, _ users: Users) {
        self.broker = broker
        self.users = users
    }

    /// Lets the store's commands see the broker.
    static func attach(_ broker: Broker, _ users: Users, to store: Store) {
        store.administration.companion = Inspection(broker, users)
        store.addInfoSection(.broker)
    }
}

extension CommandCall {
    /// The broker beside this store.
    func broker() throws(CommandError) -> Broker { try inspection().broker }

    func users() throws(CommandError) -> Users { try inspection().users }

    private func inspection() throws(CommandError) -> Inspection {
        guard let inspection = store.administration.companion as? Inspection else {
            throw .text("ERR no broker runs beside this store")
        }
        return inspection
    }

    /// Says OK; it goes out when the log is on disk as far as the broker has promised.
    func replyOnceDurable(_ broker: Broker) {
        reply.ok()
        guard broker.log.isEnabled else { return }
        client.output.heldUntilSequence = max(client.output.heldUntilSequence, broker.log.promisedSequence)
    }
}

/// `[VHOST v] [MATCH glob]`, what all LIST commands take.
struct ListFilter {
    private(set) var virtualHosts: [VirtualHost]
    private var pattern: ByteSlice?

    init(_ call: CommandCall) throws(CommandError) {
        let broker = try call.broker()
        virtualHosts = broker.virtualHosts.values.sorted { $0.name.string < $1.name.string }
        var index = 2
        while index < call.count {
            guard index + 1 < call.count else { throw .syntax }
            if call.word(index, is: "vhost") {
                virtualHosts = [try broker.requiredHost(call[index + 1])]
            } else if call.word(index, is: "match") {
                pattern = call[index + 1]
            } else {
                throw .syntax
            }
            index += 2
        }
    }

    func includes(_ name: ByteString) -> Bool { pattern.map { Glob.matches($0, name.slice) } ?? true }

    func includes(_ host: VirtualHost) -> Bool { virtualHosts.contains { $0 === host } }
}

extension Broker {
    func requiredHost(_ name: ByteSlice) throws(CommandError) -> VirtualHost {
        guard let host = virtualHost(name) else {
            throw .message("NOTFOUND no such virtual host '\(name.string)'")
        }
        return host
    }

    /// The virtual host named by VHOST at `index`, or the default one when the words end before it.
    func host(_ call: CommandCall, at index: Int, before end: Int? = nil) throws(CommandError) -> VirtualHost {
        let end = end ?? call.count
        guard index < end else {
            return try ByteString(context.configuration.defaultVirtualHost).withHost(of: self)
        }
        guard index + 2 == end, call.word(index, is: "vhost") else { throw .syntax }
        return try requiredHost(call[index + 1])
    }
}

extension ByteString {
    /// Lives until the host is found.
    func withHost(of broker: Broker) throws(CommandError) -> VirtualHost {
        try broker.requiredHost(slice)
    }
}

extension RESPCommand {
    /// One subcommand of an inspection container.
    static func inspecting(
        _ name: StaticString, _ arity: CommandArity, summary: StaticString, syntax: String,
        complexity: StaticString, flags: CommandFlags = [.readonly], _ handler: @escaping Handler
    ) -> RESPCommand {
        RESPCommand(
            name, arity, flags.union([.noScript, .stale]), group: .broker, since: "0.1.0", summary: summary,
            complexity: complexity, syntax: syntax, handler)
    }

    static let inspectionHelp = inspecting(
        "HELP", .exactly(2), summary: "Shows the subcommands.", syntax: "", complexity: "O(1)",
        flags: [.loading]
    ) { call throws(CommandError) in
        call.replyHelp()
    }
}
