// Publishes whose confirm is awaited. Decides; the channel completes the promises.
// Next: ChannelState.swift.

import NIOCore

/// Publishes of one channel in confirm mode, by tag.
struct Confirms {
    struct Pending {
        let promise: EventLoopPromise<Void>
        /// Exchange and routing key of a mandatory publish: a return names no tag.
        let mandatory: (exchange: String, routingKey: String)?
        var returned: AMQPClientError?
    }

    /// Tag of the first element of `pending`.
    private var firstTag: UInt64 = 1
    /// nil: settled already, out of order.
    private var pending = CircularBuffer<Pending?>()

    var isEmpty: Bool { pending.isEmpty }

    /// Notes the next publish. Tags count publishes from 1, on both sides.
    mutating func publish(_ publish: Pending) { pending.append(publish) }

    /// A mandatory message came back: its confirm will say so. The oldest one to that address that has not
    /// been returned yet is meant, since the server returns in the order of publishing.
    mutating func noteReturn(_ error: AMQPClientError, exchange: String, routingKey: String) -> Bool {
        for index in pending.indices {
            guard let mandatory = pending[index]?.mandatory, pending[index]?.returned == nil,
                mandatory == (exchange, routingKey)
            else { continue }
            pending[index]?.returned = error
            return true
        }
        return false
    }

    /// Those settled by an acknowledgement of `tag`; tag 0 with `multiple` means all.
    mutating func settle(_ tag: UInt64, multiple: Bool) -> [Pending] {
        guard !pending.isEmpty else { return [] }
        let lastTag = firstTag + UInt64(pending.count) - 1
        let upTo = tag == 0 && multiple ? lastTag : tag
        guard upTo >= firstTag, upTo <= lastTag else { return [] }
        var settled: [Pending] = []
        if multiple {
            while firstTag <= upTo {
                if let first = pending.removeFirst() { settled.append(first) }
                firstTag += 1
            }
        } else {
            let index = pending.index(pending.startIndex, offsetBy: Int(upTo - firstTag))
            if let one = pending[index] { settled.append(one) }
            pending[index] = nil
        }
        while let first = pending.first, first == nil {
            pending.removeFirst()
            firstTag += 1
        }
        return settled
    }

    /// All that are left: the channel has ended.
    mutating func removeAll() -> [Pending] {
        defer { pending.removeAll() }
        return pending.compactMap { $0 }
    }
}
