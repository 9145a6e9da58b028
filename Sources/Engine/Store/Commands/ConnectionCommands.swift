// The connection: greeting, identity, database, good-bye; and WAIT. CLIENT is in ClientCommands.swift.
// Next: ../Clients/StoreClient.swift, ../Clients/Authentication.swift.

import Wire

extension RESPCommand {
    static var connectionCommands: [RESPCommand] { [ping, echo, select, auth, hello, quit, reset, wait] }

    /// `PING [message]` → PONG or the message; an array to a RESP2 client that has subscribed.
    static let ping = RESPCommand(
        "PING", .atLeast(1), [.fast, .subscriberMode, .loading, .stale], group: .connection, since: "1.0.0",
        summary: "Answers that the server is there."
    ) { call throws(CommandError) in
        guard call.count <= 2 else { throw .wrongArity(command: call.commandName) }
        if call.client.isInSubscriberMode {
            call.reply.array(2)
            call.reply.bulk("pong")
            return call.reply.bulk(call.count == 2 ? call[1] : .empty)
        }
        if call.count == 2 { call.reply.bulk(call[1]) } else { call.reply.simple("PONG") }
    }

    /// `ECHO message` → the message.
    static let echo = RESPCommand(
        "ECHO", .exactly(2), [.fast, .loading, .stale], group: .connection, since: "1.0.0",
        summary: "Returns the message."
    ) { call throws(CommandError) in
        call.reply.bulk(call[1])
    }

    /// `SELECT n` → OK.
    static let select = RESPCommand(
        "SELECT", .exactly(2), [.fast, .loading, .stale], group: .connection, since: "1.0.0",
        summary: "Chooses the database of the connection."
    ) { call throws(CommandError) in
        let keyspace = try call.database(1, invalid: .notInteger)
        call.client.database = keyspace.index
        call.reply.ok()
    }

    /// `AUTH [username] password` → OK.
    static let auth = RESPCommand(
        "AUTH", .atLeast(2), [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy, .skipMonitor, .skipSlowlog],
        group: .connection, since: "1.0.0", summary: "Authenticates the connection."
    ) { call throws(CommandError) in
        guard call.count <= 3 else { throw .syntax }
        if call.count == 2, call.store.access.defaultUser.rights.needsNoPassword {
            throw .text(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
            )
        }
        let user = call.count == 3 ? call[1].string : "default"
        try call.authenticate(user: user, password: call[call.count - 1])
        call.reply.ok()
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]` → map of what this server is.
    static let hello = RESPCommand(
        "HELLO", .atLeast(1), [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], group: .connection,
        since: "6.0.0", summary: "Chooses the protocol's version and may authenticate and name the connection."
    ) { call throws(CommandError) in
        try call.greet()
    }

    /// `QUIT` → OK, then the connection is closed.
    static let quit = RESPCommand(
        "QUIT", .atLeast(1), [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy, .subscriberMode, .notQueued],
        group: .connection, since: "1.0.0", summary: "Closes the connection."
    ) { call throws(CommandError) in
        call.reply.ok()
        call.client.isClosing = true
        call.client.host?.closeClientAfterFlush()
    }

    /// `RESET` → RESET; the connection is as it was when it began.
    static let reset = RESPCommand(
        "RESET", .exactly(1), [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy, .subscriberMode, .notQueued],
        group: .connection, since: "6.2.0", summary: "Puts the connection back to its first state."
    ) { call throws(CommandError) in
        call.client.reset()
        call.reply.simple("RESET")
    }

    /// `WAIT replicas milliseconds` → 0: there are no replicas to wait for. With more than none wanted it takes
    /// the whole time, as Redis does.
    static let wait = RESPCommand(
        "WAIT", .exactly(3), [.blocking], group: .generic, since: "3.0.0",
        summary: "Waits until writes have reached replicas; there are none here."
    ) { call throws(CommandError) in
        let wanted = try call.integer(1)
        let timeout = try call.integer(
            2, in: Int64.min...Int64.max, or: .text("ERR timeout is not an integer or out of range"))
        guard timeout >= 0 else { throw .timeoutNegative }
        guard wanted > 0 else { return call.reply.integer(0) }
        call.block(onKeys: [], timeoutMilliseconds: timeout, timeoutReply: .integer(0))
    }
}

extension CommandCall {
    /// Logs the client in, or throws.
    fileprivate func authenticate(user: String, password: ByteSlice) throws(CommandError) {
        guard let account = store.access.authenticate(user, password, client.peer) else {
            let context: ACLLog.Context = client.transaction == nil ? .toplevel : .multi
            store.access.log.note(.auth, context, self[0], user: user, by: self)
            throw .text("WRONGPASS invalid username-password pair or user is disabled.")
        }
        client.account = account
        client.needsAuthentication = false
    }

    fileprivate func greet() throws(CommandError) {
        var version: Int64 = client.isRESP3 ? 3 : 2
        var index = 1
        if count > 1 {
            guard let wanted = RESPNumber.integer(self[1]) else {
                throw .text("ERR Protocol version is not an integer or out of range")
            }
            guard wanted == 2 || wanted == 3 else { throw .text("NOPROTO unsupported protocol version") }
            version = wanted
            index = 2
        }
        var credentials: (user: String, password: ByteSlice)?
        var name: String?
        while index < count {
            if word(index, is: "auth"), index + 2 < count {
                credentials = (self[index + 1].string, self[index + 2])
                index += 3
            } else if word(index, is: "setname"), index + 1 < count {
                name = try StoreClient.checkedName(self[index + 1])
                index += 2
            } else {
                throw .message("ERR Syntax error in HELLO option '\(self[index].string)'")
            }
        }
        if let (user, password) = credentials { try authenticate(user: user, password: password) }
        if client.needsAuthentication {
            throw .text(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
            )
        }
        if let name { client.name = name }
        client.isRESP3 = version == 3
        reply.map(7)
        reply.bulk("server")
        reply.bulk("redis")
        reply.bulk("version")
        reply.bulk(CompatibleVersion.redis)
        reply.bulk("proto")
        reply.integer(version)
        reply.bulk("id")
        reply.integer(Int64(client.id))
        reply.bulk("mode")
        reply.bulk("standalone")
        reply.bulk("role")
        reply.bulk("master")
        reply.bulk("modules")
        reply.array(0)
    }
}
