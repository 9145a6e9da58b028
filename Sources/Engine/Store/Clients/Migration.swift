// The transfer of keys to another server (MIGRATE), while its client waits and everybody else goes on. The values are
// those of the moment when they were sent. A key goes here only when the target has taken it and nobody has changed it
// meanwhile; otherwise it stays, and the reply says so: a write may be in two places, but is never lost.
// Loop thread only; no I/O. Next: ../../Context/OutgoingExchange.swift, ../Commands/MigrateCommand.swift.

import Wire

/// One MIGRATE under way.
final class Migration: OutgoingExchange {
    private let store: Store
    private let keyspace: Keyspace
    private let client: StoreClient
    private let wait: OutsideWait
    private let keepsKeys: Bool
    /// Those that were sent, in order.
    private let keys: [SentKey]
    /// Replies to come before those about keys: AUTH, SELECT.
    private let openingReplies: Int
    private var repliesSeen = 0
    private var line: [UInt8] = []
    /// What the target said to AUTH or SELECT, if that was an error: nothing of what follows counts.
    private var openingError: String?
    private var firstError: String?
    private var taken: [SentKey] = []

    private struct SentKey {
        let key: WatchedKey
        let changesBefore: Int
    }

    init(
        _ call: CommandCall, _ wait: OutsideWait, host: String, port: UInt16, timeoutMilliseconds: Int64,
        request: [UInt8], keys: [ByteSlice], openingReplies: Int, keepsKeys: Bool
    ) {
        store = call.store
        keyspace = call.keys
        client = call.client
        self.wait = wait
        self.keepsKeys = keepsKeys
        self.openingReplies = openingReplies
        self.keys = keys.map { [keyspace = call.keys] in
            let key = keyspace.beginTransfer(of: $0)
            return SentKey(key: key, changesBefore: key.changes)
        }
        super.init(host: host, port: port, timeoutMilliseconds: timeoutMilliseconds, request: request)
    }

    // MARK: The target's replies

    /// One line for each request: all of them are answered with a status or an error.
    override func receive(_ bytes: ByteSlice) -> Bool {
        for byte in bytes.buffer {
            guard byte == 0x0A else {
                // What is longer than any error matters no longer.
                if line.count < Limits.migrationReplyBytesMax { line.append(byte) }
                continue
            }
            if line.last == 0x0D { line.removeLast() }
            replied()
            line.removeAll(keepingCapacity: true)
            guard repliesSeen < openingReplies + keys.count else {
                finish(nil)
                return true
            }
        }
        return false
    }

    private func replied() {
        let error = line.first == 0x2D ? String(decoding: line.dropFirst(), as: UTF8.self) : nil
        repliesSeen += 1
        if repliesSeen <= openingReplies {
            openingError = openingError ?? error
            return
        }
        if let failed = openingError ?? error {
            firstError = firstError ?? failed
        } else {
            taken.append(keys[repliesSeen - openingReplies - 1])
        }
    }

    override func fail(_ failure: ExchangeFailure) {
        switch failure {
        case .noAddress: finish("ERR MIGRATE needs an IP address or localhost: names of hosts are not looked up")
        case .connecting: finish("IOERR error or timeout connecting to the client")
        case .writing: finish("IOERR error or timeout writing to target instance")
        case .reading: finish("IOERR error or timeout reading to target instance")
        }
    }

    // MARK: The end

    private func finish(_ failure: String?) {
        var kept = 0
        for sent in taken where !keepsKeys {
            if sent.key.changes == sent.changesBefore { moved(sent.key.name.slice) } else { kept += 1 }
        }
        for sent in keys { keyspace.endTransfer(of: sent.key) }
        store.finishUnit(client)
        var text = failure ?? firstError.map { "ERR Target instance replied with error: \($0)" }
        if text == nil, kept > 0 {
            text =
                "ERR \(kept) of the keys changed while they were sent and stay here; "
                + "the target instance has them as they were before"
        }
        if let text { store.statistics.countError(text) }
        store.answer(wait) { reply in if let text { reply.error(text) } else { reply.ok() } }
    }

    private func moved(_ key: ByteSlice) {
        guard keyspace.remove(key) else { return }
        keyspace.modified(key, .generic, "del")
        store.effects.append(database: keyspace.index, "DEL", key)
    }
}
