// Users that commands made, changed or removed, in the log and in checkpoints. Passwords are in it as SHA-256 only.
//
//     aclUserSet       name (length u8, bytes), then the rules as ACL LIST shows them behind the name
//     aclUserDelete    name (length u8, bytes)
//
// What was said last about a user holds, over the configuration, too.
// To change the format: see Log/Record.swift. Loop thread only. Next: AccessControl.swift.

import Wire

extension Store {
    // MARK: Writing

    /// Returns once the record is in the journal; the reply waits until it is on disk.
    func logUser(_ user: ACLUser, for client: StoreClient) {
        guard context.journal.isEnabled else { return }
        let payload = Self.payload(user.name, user.rights.text)
        context.journal.append(.aclUserSet, payloadBytes: payload.count) { $0.writeSlice(payload.slice) }
        holdUntilSynced(client)
    }

    func logUserRemoved(_ name: String, for client: StoreClient) {
        guard context.journal.isEnabled else { return }
        let payload = Self.payload(name, "")
        context.journal.append(.aclUserDelete, payloadBytes: payload.count) { $0.writeSlice(payload.slice) }
        holdUntilSynced(client)
    }

    private func holdUntilSynced(_ client: StoreClient) {
        context.journal.requireSync()
        client.output.heldUntilSequence = context.journal.openSequence
    }

    private static func payload(_ name: String, _ rules: String) -> ByteString {
        let bytes = Array(name.utf8)
        return ByteString([UInt8(bytes.count)] + bytes + Array(rules.utf8))
    }

    /// All of them: they are few.
    func writeUsers(to output: CheckpointOutput) {
        for user in access.sorted where user.isLogged {
            let payload = Self.payload(user.name, user.rights.text)
            output.append(.aclUserSet, payloadBytes: payload.count) { $0.writeSlice(payload.slice) }
        }
        for name in access.removed.sorted() {
            let payload = Self.payload(name, "")
            output.append(.aclUserDelete, payloadBytes: payload.count) { $0.writeSlice(payload.slice) }
        }
    }

    // MARK: Reading

    func replayUser(_ type: RecordType, _ payload: ByteSlice) throws(EffectError) {
        guard payload.count >= 1, payload.count > Int(payload[0]) else { throw .malformed }
        let count = Int(payload[0])
        let name = payload.slice(from: 1, count: count).string
        guard type == .aclUserSet else {
            _ = access.remove(name, isConfigured: isConfiguredUser(name))
            return
        }
        let words = payload.slice(from: 1 + count, count: payload.count - 1 - count).string
        var rights = access.freshRights(context.configuration)
        do {
            for rule in try ACLRights.merged(["reset"] + words.split(separator: " ").map(String.init)) {
                try rights.apply(rule, table)
            }
        } catch {
            // A command that this version does not have: what the rest means cannot be told, so nothing is allowed.
            context.log(.error, "a user's rules cannot be read; the user is switched off", ("user", name))
            rights = access.freshRights(context.configuration)
        }
        _ = access.put(name, rights)
    }

    func isConfiguredUser(_ name: String) -> Bool {
        context.configuration.users.contains { $0.name == name }
            || context.configuration.aclUsers.contains { $0[0] == name }
    }
}
