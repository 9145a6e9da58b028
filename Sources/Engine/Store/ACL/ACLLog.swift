// ACL LOG: what was refused, newest first. Refusals of the same kind within a minute are one entry.
// Loop thread only. Next: ../Commands/Server/ACLCommands.swift (shows it).

import Wire

/// Recent refusals.
final class ACLLog {
    enum Reason: String {
        case command, key, channel, auth
    }

    enum Context: String {
        case toplevel, multi, lua
    }

    struct Entry {
        let id: Int64
        let reason: Reason
        let context: Context
        /// The command, key or channel.
        let object: [UInt8]
        let user: String
        var count: Int64 = 1
        let createdMilliseconds: Int64
        var updatedMilliseconds: Int64
        /// As CLIENT LIST shows it.
        var client: String
    }

    /// Newest first.
    private(set) var entries: [Entry] = []
    private var nextID: Int64 = 0
    /// `acllog-max-len`.
    var countMax = Limits.aclLogEntriesMax {
        didSet { trim() }
    }
    /// Since the start or CONFIG RESETSTAT.
    private(set) var counts: [Reason: UInt64] = [:]

    func removeAll() { entries = [] }

    func resetCounts() { counts = [:] }

    private func trim() {
        if entries.count > countMax { entries.removeLast(entries.count - countMax) }
    }

    func note(_ reason: Reason, _ context: Context, _ object: ByteSlice, user: String, by call: CommandCall) {
        counts[reason, default: 0] += 1
        let now = call.now
        let bytes = object.slice(from: 0, count: min(object.count, Limits.aclLogObjectBytesMax)).array
        let client = call.client.description(of: call)
        let same = entries.prefix(10).firstIndex {
            $0.reason == reason && $0.context == context && $0.user == user && $0.object == bytes
                && now - $0.updatedMilliseconds <= Limits.aclLogGroupingMilliseconds
        }
        if let same {
            var entry = entries.remove(at: same)
            entry.count += 1
            entry.updatedMilliseconds = now
            entry.client = client
            entries.insert(entry, at: 0)
        } else {
            let entry = Entry(
                id: nextID, reason: reason, context: context, object: bytes, user: user, createdMilliseconds: now,
                updatedMilliseconds: now, client: client)
            nextID += 1
            entries.insert(entry, at: 0)
            trim()
        }
    }
}
