// All users of the store, and the questions about them: may this client log in, may it run this.
// The configuration's users are here from the start and may do everything; `default` is who has not logged in. The
// broker asks here for passwords, so that a user has one on both ports.
// Loop thread only. Next: ACLPersistence.swift (how users survive), ../Commands/Server/ACLCommands.swift.

import Wire

/// The users.
final class AccessControl {
    let defaultUser: ACLUser
    fileprivate(set) var users: [String: ACLUser] = [:]
    /// Users of the configuration that a command has removed.
    fileprivate(set) var removed: Set<String> = []
    let log = ACLLog()
    private let rowCount: Int
    private let loopbackOnly: Set<String>

    init(_ configuration: EngineConfiguration, _ table: CommandTable) {
        rowCount = table.allRows.count
        loopbackOnly = Set(configuration.users.filter(\.loopbackOnly).map(\.name))
        var rights = Self.everything(table)
        if configuration.respPassword.isEmpty {
            rights.needsNoPassword = true
        } else {
            Self.apply(">" + configuration.respPassword, to: &rights, table)
        }
        defaultUser = ACLUser(name: "default", rights: rights)
        users["default"] = defaultUser
        for known in configuration.users where known.name != "default" {
            var rights = Self.everything(table)
            Self.apply(">" + known.password, to: &rights, table)
            let user = ACLUser(name: known.name, rights: rights)
            user.isLoopbackOnly = known.loopbackOnly
            users[known.name] = user
        }
        for words in configuration.aclUsers {
            do throws(CommandError) {
                let rights = try configuredRights(words, configuration, table)
                if let known = users[words[0]] {
                    known.become(rights)
                } else {
                    users[words[0]] = ACLUser(name: words[0], rights: rights)
                }
            } catch {
                preconditionFailure("unchecked user: \(error.text)")
            }
        }
    }

    /// What a `user` line of a configuration gives: name, then rules, which begin with nothing.
    func configuredRights(
        _ words: [String], _ configuration: EngineConfiguration, _ table: CommandTable
    ) throws(CommandError) -> ACLRights {
        let name = words[0].utf8
        guard name.count <= Limits.aclUserNameBytesMax, !name.contains(where: { $0 == 0 || $0 == 0x20 }) else {
            throw .text("no name of a user")
        }
        var rights = freshRights(configuration)
        for rule in try ACLRights.merged(Array(words.dropFirst())) {
            do throws(ACLRuleError) {
                try rights.apply(rule, table)
            } catch {
                // Passwords are not shown.
                let isSecret = rule.first.map { "><#!".contains($0) } ?? false
                throw .message(isSecret ? error.text : "\(error.text): \(rule)")
            }
        }
        return rights
    }

    /// Rules that cannot be wrong.
    private static func apply(_ rule: String, to rights: inout ACLRights, _ table: CommandTable) {
        do throws(ACLRuleError) {
            try rights.apply(rule, table)
        } catch {
            preconditionFailure("\(rule.prefix(1)): \(error.text)")
        }
    }

    private static func everything(_ table: CommandTable) -> ACLRights {
        var rights = ACLRights(rowCount: table.allRows.count, allChannels: true)
        for rule in ["on", "~*", "&*", "+@all"] { apply(rule, to: &rights, table) }
        return rights
    }

    /// What a user begins with.
    func freshRights(_ configuration: EngineConfiguration) -> ACLRights {
        ACLRights(rowCount: rowCount, allChannels: configuration.aclAllowsAllChannels)
    }

    /// Sorted by name.
    var sorted: [ACLUser] { users.values.sorted { $0.name < $1.name } }

    /// `requirepass`: the default user's password; empty: none is asked.
    func setDefaultPassword(_ password: String, _ table: CommandTable) {
        var rights = defaultUser.rights
        Self.apply("resetpass", to: &rights, table)
        Self.apply(password.isEmpty ? "nopass" : ">" + password, to: &rights, table)
        defaultUser.become(rights)
    }

    /// Whether who has not logged in may do nothing.
    var asksForLogin: Bool { !defaultUser.rights.needsNoPassword || !defaultUser.rights.isOn }

    /// The user, if these credentials are right, from this peer.
    func authenticate(_ name: String, _ password: ByteSlice, _ peer: PeerAddress?) -> ACLUser? {
        guard let user = users[name], user.rights.accepts(password) else { return nil }
        if user.isLoopbackOnly, let peer, !peer.isLoopback { return nil }
        return user
    }

    // MARK: Changing

    func put(_ name: String, _ rights: ACLRights) -> ACLUser {
        removed.remove(name)
        if let known = users[name] {
            known.become(rights)
            known.isLogged = true
            return known
        }
        let made = ACLUser(name: name, rights: rights)
        made.isLogged = true
        made.isLoopbackOnly = loopbackOnly.contains(name)
        users[name] = made
        return made
    }

    /// Returns the user that was.
    func remove(_ name: String, isConfigured: Bool) -> ACLUser? {
        guard name != "default", let user = users.removeValue(forKey: name) else { return nil }
        if isConfigured { removed.insert(name) }
        return user
    }
}

extension ACLDenial {
    var reason: ACLLog.Reason {
        switch self {
        case .command: .command
        case .key: .key
        case .channel: .channel
        }
    }

    /// `detailed` names the key or channel, which ACL DRYRUN may tell.
    func text(_ user: ACLUser, _ row: CommandRow, _ words: RESPArguments, detailed: Bool = false) -> String {
        switch self {
        case .command: "User \(user.name) has no permissions to run the '\(row.fullName)' command"
        case .key(let word):
            detailed
                ? "User \(user.name) has no permissions to access the '\(words[word].string)' key"
                : "No permissions to access a key"
        case .channel(let word):
            detailed
                ? "User \(user.name) has no permissions to access the '\(words[word].string)' channel"
                : "No permissions to access a channel"
        }
    }
}

extension Store {
    /// Why a restricted client may not run this; noted in ACL LOG. `words` are the row's.
    func denial(_ client: StoreClient, _ row: CommandRow, _ words: RESPArguments, _ context: ACLLog.Context)
        -> ACLDenial?
    {
        guard let denial = client.account.denial(row, words) else { return nil }
        // A script's commands run on a client that nobody knows.
        let call = context == .lua ? (scripts.caller ?? client.call!) : client.call!
        switch denial {
        case .command:
            ByteString(row.fullName).withSlice {
                access.log.note(.command, context, $0, user: client.account.name, by: call)
            }
        case .key(let word), .channel(let word):
            access.log.note(denial.reason, context, words[word], user: client.account.name, by: call)
        }
        return denial
    }

    /// A user's rights have changed: its clients feel it, and those who listen to what they may not any more go.
    func userChanged(_ user: ACLUser, by current: StoreClient) {
        for client in clients.values where client.account === user {
            client.updateSpecialState()
            guard user.isRestricted, client.isSubscribed else { continue }
            let listens =
                client.channels.names.allSatisfy { user.allowsChannel($0.slice, isPattern: false) }
                && client.shardChannels.names.allSatisfy { user.allowsChannel($0.slice, isPattern: false) }
                && client.patterns.names.allSatisfy { user.allowsChannel($0.slice, isPattern: true) }
            if !listens { closeForUser(client, current) }
        }
    }

    /// A user is gone: so are its clients.
    func userRemoved(_ user: ACLUser, by current: StoreClient) {
        for client in clients.values where client.account === user { closeForUser(client, current) }
    }

    /// Whoever has shut itself out gets the reply still.
    private func closeForUser(_ client: StoreClient, _ current: StoreClient) {
        client.isClosing = true
        if client === current { client.host?.closeClientAfterFlush() } else { client.host?.closeClientNow() }
    }
}
