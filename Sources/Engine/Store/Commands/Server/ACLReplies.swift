// What the subcommands of ACL show: users, categories, the log, fresh passwords.
// Loop thread only. Next: ACLCommands.swift.

import Wire

extension CommandCall {
    /// `ACL CAT [category]`.
    func replyCategories() throws(CommandError) {
        guard count <= 3 else { throw .wrongArity(command: commandName) }
        guard count == 3 else {
            reply.array(CommandDescription.allCategories.count)
            for category in CommandDescription.allCategories { reply.bulk(category) }
            return
        }
        let wanted = self[2].string.lowercased()
        guard CommandDescription.allCategories.contains(wanted) else {
            throw .message("ERR Unknown category '\(self[2].string)'")
        }
        let rows = store.table.allRows.filter { CommandDescription($0).categories.contains(wanted) }
        reply.array(rows.count)
        for row in rows { reply.bulk(row.fullName) }
    }

    /// `ACL GETUSER name` → map; null when there is no such user.
    func replyUser() {
        guard let user = store.access.users[self[2].string] else { return reply.null() }
        let rights = user.rights
        reply.map(6)
        reply.bulk("flags")
        reply.set(rights.flags.count)
        for flag in rights.flags { reply.bulk(flag) }
        reply.bulk("passwords")
        reply.array(rights.passwords.count)
        for hash in rights.passwords { reply.bulk(hash) }
        write(rights.selectors[0])
        reply.bulk("selectors")
        reply.array(rights.selectors.count - 1)
        for selector in rights.selectors.dropFirst() {
            reply.map(3)
            write(selector)
        }
    }

    private func write(_ selector: ACLSelector) {
        reply.bulk("commands")
        reply.bulk(selector.commandsText)
        reply.bulk("keys")
        reply.bulk(selector.keysText)
        reply.bulk("channels")
        reply.bulk(selector.channelsText)
    }

    /// `ACL GENPASS [bits]` → hexadecimal digits, of the system's secure randomness.
    func replyPassword() throws(CommandError) {
        guard count <= 3 else { throw .wrongArity(command: commandName) }
        var bits: Int64 = 256
        if count == 3 {
            bits = try integer(2)
            guard (1...4_096).contains(bits) else {
                throw .text(
                    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
                )
            }
        }
        var secure = SystemRandomNumberGenerator()
        let hex = Array("0123456789abcdef".utf8)
        reply.bulk((0..<(bits + 3) / 4).map { _ in hex[Int(secure.next() & 15)] })
    }

    /// `ACL LOG [count | RESET]`.
    func replyACLLog() throws(CommandError) {
        guard count <= 3 else { throw .wrongArity(command: commandName) }
        let log = store.access.log
        var wanted: Int64 = 10
        if count == 3 {
            if word(2, is: "reset") {
                log.removeAll()
                return reply.ok()
            }
            wanted = max(0, try integer(2))
        }
        let shown = log.entries.prefix(Int(min(wanted, Int64(log.entries.count))))
        reply.array(shown.count)
        for entry in shown {
            reply.map(10)
            reply.bulk("count")
            reply.integer(entry.count)
            reply.bulk("reason")
            reply.bulk(entry.reason.rawValue)
            reply.bulk("context")
            reply.bulk(entry.context.rawValue)
            reply.bulk("object")
            reply.bulk(entry.object)
            reply.bulk("username")
            reply.bulk(entry.user)
            reply.bulk("age-seconds")
            reply.double(Double(now - entry.updatedMilliseconds) / 1_000)
            reply.bulk("client-info")
            reply.bulk(entry.client)
            reply.bulk("entry-id")
            reply.integer(entry.id)
            reply.bulk("timestamp-created")
            reply.integer(entry.createdMilliseconds)
            reply.bulk("timestamp-last-updated")
            reply.integer(entry.updatedMilliseconds)
        }
    }
}
