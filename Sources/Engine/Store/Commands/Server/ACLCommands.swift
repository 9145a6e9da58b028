// ACL: users and what they may do. Rules, errors and replies are Redis's; there is no ACL file, since users that commands
// make are in the log.
// Loop thread only. Next: ../../ACL/AccessControl.swift, ACLReplies.swift (how users are shown).

import Wire

extension RESPCommand {
    static let aclCommands: [RESPCommand] = [acl]

    private static let flags: CommandFlags = [.admin, .noScript, .loading, .stale]

    private static func sub(
        _ name: StaticString, _ arity: CommandArity, _ summary: StaticString, flags own: CommandFlags? = nil,
        since: StaticString = "6.0.0", _ handler: @escaping Handler
    ) -> RESPCommand {
        RESPCommand(name, arity, own ?? flags, group: .server, since: since, summary: summary, handler)
    }

    private static func withFile(_ name: StaticString, _ summary: StaticString) -> RESPCommand {
        sub(name, .exactly(2), summary) { call throws(CommandError) in
            throw .text(
                "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
            )
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
                let users = call.store.access.sorted
                call.reply.array(users.count)
                for user in users { call.reply.bulk(user.name) }
            },
            sub("LIST", .exactly(2), "Dumps the effective rules in ACL file format.") { call throws(CommandError) in
                let users = call.store.access.sorted
                call.reply.array(users.count)
                for user in users { call.reply.bulk("user \(user.name) \(user.rights.text)") }
            },
            sub(
                "CAT", .atLeast(2), "Lists the ACL categories, or the commands inside a category.",
                flags: [.noScript, .loading, .stale]
            ) { call throws(CommandError) in
                try call.replyCategories()
            },
            sub("GETUSER", .exactly(3), "Lists the ACL rules of a user.") { call throws(CommandError) in
                call.replyUser()
            },
            sub("SETUSER", .atLeast(3), "Creates and modifies an ACL user and its rules.") {
                call throws(CommandError) in
                try call.setUser()
            },
            sub("DELUSER", .atLeast(3), "Deletes ACL users, and terminates their connections.") {
                call throws(CommandError) in
                try call.deleteUsers()
            },
            sub("DRYRUN", .atLeast(4), "Simulates the execution of a command by a user.", since: "7.0.0") {
                call throws(CommandError) in
                try call.simulate()
            },
            sub(
                "GENPASS", .atLeast(2), "Generates a pseudorandom password that can be used to identify ACL users.",
                flags: [.noScript, .loading, .stale]
            ) { call throws(CommandError) in
                try call.replyPassword()
            },
            sub("LOG", .atLeast(2), "Lists recent security events generated due to ACL rules.") {
                call throws(CommandError) in
                try call.replyACLLog()
            },
            withFile("LOAD", "Reloads the rules from the configured ACL file."),
            withFile("SAVE", "Saves the effective ACL rules in the configured ACL file."),
            sub(
                "HELP", .exactly(2), "Returns helpful text about the different subcommands.", flags: [.loading, .stale]
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])
}

extension CommandCall {
    /// `ACL SETUSER name [rule …]`: all rules or none.
    fileprivate func setUser() throws(CommandError) {
        let name = self[2].string
        guard !self[2].buffer.contains(where: { $0 == 0x20 || $0 == 0 || $0 &- 9 < 5 }) else {
            throw .text("ERR Usernames can't contain spaces or null characters")
        }
        guard self[2].count <= Limits.aclUserNameBytesMax else { throw .text("ERR The name of the user is too long") }
        let access = store.access
        guard access.users[name] != nil || access.users.count < Limits.aclUsersMax else {
            throw .text("ERR There are too many users")
        }
        if store.refusesWrites, let reason = store.persistence.writeRefusal { throw .message(reason) }
        var rights = access.users[name]?.rights ?? access.freshRights(store.context.configuration)
        let rules = try ACLRights.merged(rules())
        for rule in rules {
            do throws(ACLRuleError) {
                try rights.apply(rule, store.table)
            } catch {
                throw .message("ERR Error in ACL SETUSER modifier '\(shown(rule))': \(error.text)")
            }
        }
        guard rights.text.utf8.count <= Limits.aclRulesBytesMax else { throw .text("ERR The user has too many rules") }
        let user = access.put(name, rights)
        store.logUser(user, for: client)
        store.userChanged(user, by: client)
        reply.ok()
    }

    /// The words of the request. Inside the parentheses of a selector there are no passwords, only errors that show them.
    private func rules() -> [String] {
        var isInside = false
        return (3..<count).map { index in
            let text = self[index].string
            if text.hasPrefix("("), !text.hasSuffix(")") {
                isInside = true
            } else if isInside {
                isInside = !text.hasSuffix(")")
            } else {
                return rule(self[index])
            }
            return text
        }
    }

    /// Passwords are bytes, so they are hashed before they become text.
    private func rule(_ word: ByteSlice) -> String {
        guard word.count > 0, word[0] == 0x3E || word[0] == 0x3C else { return word.string }
        return (word[0] == 0x3E ? "#" : "!") + ACLRights.hash(word.slice(from: 1, count: word.count - 1))
    }

    /// The rule as it was given.
    private func shown(_ rule: String) -> String {
        for index in 3..<count where self.rule(self[index]) == rule { return self[index].string }
        return rule
    }

    fileprivate func deleteUsers() throws(CommandError) {
        for index in 2..<count where self[index].equals("default") {
            throw .text("ERR The 'default' user cannot be removed")
        }
        if store.refusesWrites, let reason = store.persistence.writeRefusal { throw .message(reason) }
        var deleted = 0
        for index in 2..<count {
            let name = self[index].string
            guard let user = store.access.remove(name, isConfigured: store.isConfiguredUser(name)) else { continue }
            deleted += 1
            store.logUserRemoved(name, for: client)
            store.userRemoved(user, by: client)
        }
        reply.integer(deleted)
    }

    /// `ACL DRYRUN user command [arg …]`.
    fileprivate func simulate() throws(CommandError) {
        guard let user = store.access.users[self[2].string] else {
            throw .message("ERR User '\(self[2].string)' not found")
        }
        let words = RESPArguments(capacity: count - 3)
        for index in 3..<count { words.append(self[index]) }
        guard let row = store.table.find(words), row.subcommands.isEmpty || words.count == 1 else {
            throw .message("ERR Command '\(self[3].string)' not found")
        }
        guard row.arity.allows(words.count) else { throw .wrongArity(command: row.fullName) }
        guard let denial = user.denial(row, words) else { return reply.ok() }
        reply.bulk(denial.text(user, row, words, detailed: true))
    }
}
