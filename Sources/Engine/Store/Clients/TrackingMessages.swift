// The messages of client-side caching: `invalidate` in RESP3, and in RESP2 a message of the channel
// `__redis__:invalidate` to a client that others redirect to and that has subscribed to something.
// Loop thread only. Next: Tracking.swift (when they are due).

import Wire

extension Tracking {
    /// Says to a client, or to whom it redirects, that a key (nil: everything) is no longer what it was. Waits if
    /// either is in the middle of its own reply.
    func tell(_ client: StoreClient, key: ByteSlice?) {
        guard let tracking = client.tracking else { return }
        if let current = store.currentClient, client === current || tracking.redirection == current.id {
            deferred.append((client.id, key.map { ByteString($0) }))
        } else {
            send(client, tracking, key: key)
        }
    }

    /// The running command has written its reply.
    func sendDeferred() {
        let due = deferred
        deferred = []
        for (id, key) in due {
            guard let client = store.clients[id], let tracking = client.tracking else { continue }
            send(client, tracking, key: key?.slice)
        }
    }

    private func send(_ client: StoreClient, _ tracking: ClientTracking, key: ByteSlice?) {
        send(client, tracking) { writer in
            guard let key else { return writer.null() }
            writer.array(1)
            writer.bulk(key)
        }
    }

    private func send(_ client: StoreClient, _ tracking: ClientTracking, _ body: (ReplyWriter) -> Void) {
        guard let receiver = receiver(client, tracking), !receiver.isClosing else { return }
        let writer = ReplyWriter(output: receiver.output, isRESP3: receiver.isRESP3)
        if receiver.isRESP3 {
            writer.push(2)
            writer.bulk("invalidate")
        } else if receiver !== client, receiver.isSubscribed {
            writer.array(3)
            writer.bulk("message")
            writer.bulk("__redis__:invalidate")
        } else {
            // RESP2 has no way to tell: the client keeps what it has at its own risk, as in Redis.
            return
        }
        body(writer)
        if receiver.isSubscribed { receiver.checkOutputLimit() } else { receiver.checkOutputOverflow() }
    }

    /// Who gets a client's messages; nil when that client has gone, which is told instead.
    private func receiver(_ client: StoreClient, _ tracking: ClientTracking) -> StoreClient? {
        guard tracking.redirection != 0 else { return client }
        if let other = store.clients[tracking.redirection] { return other }
        tracking.isRedirectionBroken = true
        if client.isRESP3, !client.isClosing {
            let writer = ReplyWriter(output: client.output, isRESP3: true)
            writer.push(2)
            writer.bulk("tracking-redir-broken")
            writer.integer(Int64(tracking.redirection))
            client.checkOutputOverflow()
        }
        return nil
    }

    // MARK: Broadcast

    /// Tells of up to `limit` changed keys: one message for each prefix and listener, keys in order.
    func broadcast(limit: Int) {
        let count = min(limit, changes.count)
        guard count > 0 else { return }
        let slice = changes[..<count].sorted { $0.key.isOrderedBefore($1.key) }
        takeChanges(count)
        for prefix in prefixes.values {
            let matching = slice.filter { prefix.matches($0.key.slice) }
            guard !matching.isEmpty else { continue }
            let common = Self.keyArray(matching.map(\.key))
            for client in Array(prefix.listeners.values) {
                guard let tracking = client.tracking else { continue }
                if tracking.options.contains(.noLoop), matching.contains(where: { $0.changer == client.id }) {
                    let others = matching.filter { $0.changer != client.id }.map(\.key)
                    if !others.isEmpty { send(client, tracking) { $0.output.append(Self.keyArray(others)) } }
                } else {
                    send(client, tracking) { $0.output.append(common) }
                }
            }
        }
    }

    /// An array of bulk strings, the same in both protocols: made once for all listeners.
    private static func keyArray(_ keys: [ByteString]) -> [UInt8] {
        var bytes = Array("*\(keys.count)\r\n".utf8)
        for key in keys {
            bytes += Array("$\(key.count)\r\n".utf8)
            bytes += key.slice.buffer
            bytes += [13, 10]
        }
        return bytes
    }
}
