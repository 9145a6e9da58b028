// ACL for the one user that there is: `default`, who may do everything once the password has been given.
// Reading works as with Redis; making users is refused, not pretended.
// Loop thread only. Next: CommandDescription.swift (categories).

import Wire

extension RESPCommand {
    static let aclCommands: [RESPCommand] = [acl]

    private static let flags: CommandFlags = [.admin, .noScript, .loading, .stale]

    private static func sub(
        _ name: StaticString, _ arity: CommandArity, _ summary: StaticString, flags own: CommandFlags? = nil,
        _ handler: @escaping Handler
    ) -> RESPCommand {
        RESPCommand(name, arity, own ?? flags, group: .server, since: "6.0.0", summary: summary, handler)
    }

    private static func refused(_ name: StaticString, _ arity: CommandArity, _ summary: StaticString) -> RESPCommand {
        sub(name, arity, summary) { call throws(CommandError) in
            throw .text("ERR this server has one user only, default")
        }
    }

    static let acl = RESPCommand(
        container: "ACL", group: .server, since: "6.0.0", summary: "A container for Access List Control commands.",
        subcommands: [
            sub(
                "WHOAMI", .exactly(2), "Returns the authenticated username of the current connection.",
                flags: [.noScript, .loading, .stale]
            ) { call throws(CommandError) in
                call.reply.bulk(call.client.user)
            },
            sub("USERS", .exactly(2), "Lists all ACL users.") { call throws(CommandError) in
                call.reply.array(1)
                call.reply.bulk("default")
            },
            sub("LIST", .exactly(2), "Dumps the effective rules in ACL file format.") { call throws(CommandError) in
                call.reply.array(1)
                call.reply.bulk("user default on \(call.store.hasPassword ? ">*" : "nopass") ~* &* +@all")
            },
            sub(
                "CAT", .atLeast(2), "Lists the ACL categories, or the commands inside a category.",
                flags: [.noScript, .loading, .stale]
            ) { call throws(CommandError) in
                try replyCategories(call)
            },
            sub("GETUSER", .exactly(3), "Lists the ACL rules of a user.") { call throws(CommandError) in
                replyUser(call)
            },
            sub("DRYRUN", .atLeast(4), "Simulates the execution of a command by a user.") {
                call throws(CommandError) in
                guard call[2].equals("default") else { throw .message("ERR User '\(call[2].string)' not found") }
                guard call.store.table.find(call[3]) != nil else {
                    throw .message("ERR Command '\(call[3].string)' not found")
                }
                call.reply.ok()
            },
            sub(
                "GENPASS", .atLeast(2), "Generates a pseudorandom password that can be used to identify ACL users.",
                flags: [.noScript, .loading, .stale]
            ) { call throws(CommandError) in
                try replyPassword(call)
            },
            sub("LOG", .atLeast(2), "Lists recent security events generated due to ACL rules.") {
                call throws(CommandError) in
                if call.count == 3, call.word(2, is: "reset") { return call.reply.ok() }
                call.reply.array(0)
            },
            refused("SETUSER", .atLeast(3), "Would create or change a user."),
            refused("DELUSER", .atLeast(3), "Would delete users."),
            refused("LOAD", .exactly(2), "Would reload the rules from a file."),
            refused("SAVE", .exactly(2), "Would save the rules to a file."),
            sub(
                "HELP", .exactly(2), "Returns helpful text about the different subcommands.", flags: [.loading, .stale]
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])

    /// `ACL CAT [category]`.
    private static func replyCategories(_ call: CommandCall) throws(CommandError) {
        guard call.count <= 3 else { throw .wrongArity(command: call.commandName) }
        guard call.count == 3 else {
            call.reply.array(CommandDescription.allCategories.count)
            for category in CommandDescription.allCategories { call.reply.bulk(category) }
            return
        }
        let wanted = call[2].string.lowercased()
        guard CommandDescription.allCategories.contains(wanted) else {
            throw .message("ERR Unknown category '\(call[2].string)'")
        }
        let rows = call.store.table.rows.flatMap { [$0] + $0.subcommands.map(\.row) }
            .filter { CommandDescription($0).categories.contains(wanted) }
        call.reply.array(rows.count)
        for row in rows { call.reply.bulk(row.fullName) }
    }

    private static func replyUser(_ call: CommandCall) {
        guard call[2].equals("default") else { return call.reply.null() }
        call.reply.map(6)
        call.reply.bulk("flags")
        let flags: [StaticString] = call.store.hasPassword ? ["on"] : ["on", "nopass"]
        call.reply.set(flags.count)
        for flag in flags { call.reply.bulk(flag) }
        call.reply.bulk("passwords")
        call.reply.array(0)
        call.reply.bulk("commands")
        call.reply.bulk("+@all")
        call.reply.bulk("keys")
        call.reply.bulk("~*")
        call.reply.bulk("channels")
        call.reply.bulk("&*")
        call.reply.bulk("selectors")
        call.reply.array(0)
    }

    /// `ACL GENPASS [bits]` → hexadecimal digits, of the system's secure randomness.
    private static func replyPassword(_ call: CommandCall) throws(CommandError) {
        guard call.count <= 3 else { throw .wrongArity(command: call.commandName) }
        var bits: Int64 = 256
        if call.count == 3 {
            let range = CommandError.text(
                "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
            )
            bits = try call.integer(2)
            guard (1...4_096).contains(bits) else { throw range }
        }
        var secure = SystemRandomNumberGenerator()
        let hex = Array("0123456789abcdef".utf8)
        call.reply.bulk((0..<(bits + 3) / 4).map { _ in hex[Int(secure.next() & 15)] })
    }
}

extension Store {
    var hasPassword: Bool { !context.configuration.respPassword.isEmpty }
}
