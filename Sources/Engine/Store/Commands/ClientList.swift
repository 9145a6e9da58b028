// CLIENT LIST and CLIENT KILL: describing connections and choosing among them.
// Next: ClientCommands.swift.

import Wire

/// Conditions of CLIENT KILL and CLIENT LIST; those not given hold for everybody.
private struct ClientFilter {
    var ids: Set<UInt64>?
    var address: String?
    var localAddress: String?
    var type: String?
    var user: String?
    var ageSecondsMin: Int64?
    var skipsSelf = true

    func matches(_ client: StoreClient, of call: CommandCall) -> Bool {
        if let ids, !ids.contains(client.id) { return false }
        if let address, client.address != address { return false }
        if let localAddress, client.localAddress != localAddress { return false }
        if let type, client.typeName != type { return false }
        if let user, client.user != user { return false }
        if let ageSecondsMin, (call.now - client.createdMilliseconds) / 1_000 < ageSecondsMin { return false }
        return !(skipsSelf && client === call.client)
    }

    static func type(_ text: ByteSlice) throws(CommandError) -> String {
        let lower = text.string.lowercased()
        switch lower {
        case "normal", "pubsub", "replica", "master": return lower
        case "slave": return "replica"
        default: throw .message("ERR Unknown client type '\(text.string)'")
        }
    }
}

extension StoreClient {
    var localAddress: String {
        guard let peer else { return "" }
        return peer.localHost.contains(":")
            ? "[\(peer.localHost)]:\(peer.localPort)" : "\(peer.localHost):\(peer.localPort)"
    }

    var isSubscribed: Bool { subscriptionCount > 0 || !shardChannels.isEmpty }

    var typeName: String { isSubscribed ? "pubsub" : "normal" }

    /// One line of CLIENT LIST.
    func description(of call: CommandCall) -> String {
        let now = call.now
        var flags = ""
        if store.monitors.contains(where: { $0 === self }) { flags += "O" }
        if isSubscribed { flags += "P" }
        if transaction != nil { flags += "x" }
        if blocked != nil { flags += "b" }
        if let tracking {
            flags += "t"
            if tracking.isRedirectionBroken { flags += "R" }
            if tracking.options.contains(.broadcast) { flags += "B" }
        }
        if isTransactionStale { flags += "d" }
        if isClosing { flags += "c" }
        if isNoEvict { flags += "e" }
        if isNoTouch { flags += "T" }
        if flags.isEmpty { flags = "N" }
        let fields: [(String, String)] = [
            ("id", "\(id)"), ("addr", address), ("laddr", localAddress), ("fd", "\(output.connectionIndex)"),
            ("name", name), ("age", "\((now - createdMilliseconds) / 1_000)"),
            ("idle", "\(max(0, now - lastActiveMilliseconds) / 1_000)"), ("flags", flags), ("db", "\(database)"),
            ("sub", "\(channels.count)"), ("psub", "\(patterns.count)"), ("ssub", "\(shardChannels.count)"),
            ("multi", "\(transaction?.commands.count ?? -1)"), ("watch", "\(watches.count)"), ("qbuf", "0"),
            ("qbuf-free", "0"), ("argv-mem", "0"), ("multi-mem", "\(transaction?.bytes ?? 0)"), ("rbs", "0"),
            ("rbp", "0"), ("obl", "0"),
            ("oll", "0"), ("omem", "\(output.pendingBytes)"), ("tot-mem", "\(output.pendingBytes)"), ("events", "r"),
            ("cmd", self.call.row.fullName), ("user", user),
            ("redir", "\(trackingRedirection)"), ("resp", isRESP3 ? "3" : "2"),
            ("lib-name", libraryName), ("lib-ver", libraryVersion),
        ]
        return fields.map { "\($0)=\($1)" }.joined(separator: " ")
    }
}

extension CommandCall {
    func replyClientList() throws(CommandError) {
        var filter = ClientFilter()
        filter.skipsSelf = false
        if count > 2 {
            if word(2, is: "type"), count == 4 {
                filter.type = try ClientFilter.type(self[3])
            } else if word(2, is: "id"), count > 3 {
                var ids: Set<UInt64> = []
                for index in 3..<count {
                    let id = try integer(index, in: Int64.min...Int64.max, or: .text("ERR Invalid client ID"))
                    if id > 0 { ids.insert(UInt64(id)) }
                }
                filter.ids = ids
            } else {
                throw .syntax
            }
        }
        var text = ""
        for client in store.clients.values.sorted(by: { $0.id < $1.id }) where filter.matches(client, of: self) {
            text += client.description(of: self) + "\n"
        }
        reply.verbatim(text)
    }

    func killClients() throws(CommandError) {
        var filter = ClientFilter()
        let isOldForm = count == 3
        if isOldForm {
            filter.address = self[2].string
            filter.skipsSelf = false
        } else {
            guard count % 2 == 0 else { throw .syntax }
            for index in stride(from: 2, to: count, by: 2) {
                if word(index, is: "id") {
                    let invalid = CommandError.text("ERR client-id should be greater than 0")
                    filter.ids = [UInt64(try integer(index + 1, in: 1...Int64.max, or: invalid))]
                } else if word(index, is: "addr") {
                    filter.address = self[index + 1].string
                } else if word(index, is: "laddr") {
                    filter.localAddress = self[index + 1].string
                } else if word(index, is: "type") {
                    filter.type = try ClientFilter.type(self[index + 1])
                } else if word(index, is: "user") {
                    filter.user = self[index + 1].string
                } else if word(index, is: "maxage") {
                    filter.ageSecondsMin = try integer(index + 1)
                } else if word(index, is: "skipme") {
                    if word(index + 1, is: "yes") {
                        filter.skipsSelf = true
                    } else if word(index + 1, is: "no") {
                        filter.skipsSelf = false
                    } else {
                        throw .syntax
                    }
                } else {
                    throw .syntax
                }
            }
        }
        var killed = 0
        var killsSelf = false
        for other in Array(store.clients.values) where !other.isClosing && filter.matches(other, of: self) {
            killed += 1
            other.isClosing = true
            if other === client { killsSelf = true } else { other.host?.closeClientNow() }
        }
        if isOldForm, killed == 0 { throw .text("ERR No such client") }
        if isOldForm { reply.ok() } else { reply.integer(killed) }
        // One's own reply is still sent.
        if killsSelf { client.host?.closeClientAfterFlush() }
    }
}
