// CLIENT: names, lists, kills, pauses.
// Next: ClientList.swift, TrackingCommands.swift, ../Clients/StoreClient.swift.

import Wire

extension RESPCommand {
    static var clientCommands: [RESPCommand] { [client] }

    private static let always: CommandFlags = [.noScript, .loading, .stale]

    private static func sub(
        _ name: StaticString, _ arity: CommandArity, _ flags: CommandFlags = [], since: StaticString,
        summary: StaticString, complexity: StaticString = "O(1)", _ handler: @escaping Handler
    ) -> RESPCommand {
        RESPCommand(
            name, arity, always.union(flags), group: .connection, since: since, summary: summary,
            complexity: complexity, handler)
    }

    static let client = RESPCommand(
        container: "CLIENT", group: .connection, since: "2.4.0", summary: "Looks at and changes connections.",
        subcommands: [
            sub("ID", .exactly(2), since: "5.0.0", summary: "Returns the number of this connection.") {
                call throws(CommandError) in
                call.reply.integer(Int64(call.client.id))
            },
            sub("INFO", .exactly(2), since: "6.2.0", summary: "Describes this connection.") {
                call throws(CommandError) in
                call.reply.verbatim(call.client.description(of: call) + "\n")
            },
            sub(
                "LIST", .atLeast(2), [.admin], since: "2.4.0", summary: "Describes connections.",
                complexity: "O(N) in the number of connections"
            ) { call throws(CommandError) in
                try call.replyClientList()
            },
            sub(
                "KILL", .atLeast(3), [.admin], since: "2.4.0", summary: "Closes connections.",
                complexity: "O(N) in the number of connections"
            ) { call throws(CommandError) in
                try call.killClients()
            },
            sub("SETNAME", .exactly(3), since: "2.6.9", summary: "Names this connection.") {
                call throws(CommandError) in
                call.client.name = try StoreClient.checkedName(call[2])
                call.reply.ok()
            },
            sub("GETNAME", .exactly(2), since: "2.6.9", summary: "Returns the name of this connection.") {
                call throws(CommandError) in
                if call.client.name.isEmpty { call.reply.null() } else { call.reply.bulk(call.client.name) }
            },
            sub("SETINFO", .exactly(4), since: "7.2.0", summary: "Notes which library uses this connection.") {
                call throws(CommandError) in
                try call.setClientInfo()
            },
            sub("NO-EVICT", .exactly(3), [.admin], since: "7.0.0", summary: "Spares this connection from eviction.") {
                call throws(CommandError) in
                call.client.isNoEvict = try call.isOn(2)
                call.reply.ok()
            },
            sub("NO-TOUCH", .exactly(3), since: "7.2.0", summary: "Has reads leave access times as they are.") {
                call throws(CommandError) in
                call.client.isNoTouch = try call.isOn(2)
                call.reply.ok()
            },
            sub("PAUSE", .atLeast(3), [.admin], since: "3.0.0", summary: "Holds commands back for a while.") {
                call throws(CommandError) in
                try call.pauseClients()
            },
            sub("UNPAUSE", .exactly(2), [.admin], since: "6.2.0", summary: "Ends a pause.") {
                call throws(CommandError) in
                call.store.endPause()
                call.reply.ok()
            },
            sub("REPLY", .exactly(3), since: "3.2.0", summary: "Says whether replies are wanted.") {
                call throws(CommandError) in
                try call.setReplyMode()
            },
            sub(
                "UNBLOCK", .atLeast(3), [.admin], since: "5.0.0", summary: "Ends the wait of another connection."
            ) { call throws(CommandError) in
                try call.unblockClient()
            },
            sub("HELP", .exactly(2), since: "5.0.0", summary: "Lists the subcommands.") { call throws(CommandError) in
                call.replyHelp()
            },
        ] + trackingSubcommands)
}

extension CommandCall {
    fileprivate func isOn(_ index: Int) throws(CommandError) -> Bool {
        if word(index, is: "on") { return true }
        if word(index, is: "off") { return false }
        throw .syntax
    }

    fileprivate func setClientInfo() throws(CommandError) {
        let value = self[3]
        for byte in value.buffer where byte < 0x21 || byte > 0x7E {
            throw .message("ERR \(self[2].string) cannot contain spaces, newlines or special characters.")
        }
        if word(2, is: "lib-name") {
            client.libraryName = value.string
        } else if word(2, is: "lib-ver") {
            client.libraryVersion = value.string
        } else {
            throw .message("ERR Unrecognized option '\(self[2].string)'")
        }
        reply.ok()
    }

    fileprivate func pauseClients() throws(CommandError) {
        guard count <= 4 else { throw .syntax }
        var pausesReads = true
        if count == 4 {
            if word(3, is: "write") {
                pausesReads = false
            } else if !word(3, is: "all") {
                throw .text("ERR CLIENT PAUSE mode must be WRITE or ALL")
            }
        }
        guard let time = RESPNumber.integer(self[2]) else { throw .timeoutNotInteger }
        guard time >= 0 else { throw .timeoutNegative }
        store.beginPause(milliseconds: time, pausesReads: pausesReads)
        reply.ok()
    }

    fileprivate func setReplyMode() throws(CommandError) {
        if word(2, is: "on") {
            client.replyMode = .on
            // The mode is off for this command's own reply unless it is set right now.
            reply.output = client.output
            reply.ok()
        } else if word(2, is: "off") {
            client.replyMode = .off
        } else if word(2, is: "skip") {
            if client.replyMode == .on { client.replyMode = .skipNext }
        } else {
            throw .syntax
        }
    }

    fileprivate func unblockClient() throws(CommandError) {
        guard count <= 4 else { throw .syntax }
        var withError = false
        if count == 4 {
            if word(3, is: "error") {
                withError = true
            } else if !word(3, is: "timeout") {
                throw .text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
            }
        }
        let id = try integer(2)
        guard id > 0, let other = store.clients[UInt64(id)] else { return reply.integer(0) }
        reply.integer(store.unblockByHand(other, withError: withError) ? 1 : 0)
    }
}

extension StoreClient {
    /// A name has no blanks and nothing unprintable.
    static func checkedName(_ name: ByteSlice) throws(CommandError) -> String {
        for byte in name.buffer where byte < 0x21 || byte > 0x7E {
            throw .text("ERR Client names cannot contain spaces, newlines or special characters.")
        }
        return name.string
    }
}
