// What the broker itself publishes: traces (Firehose.swift), events (BrokerEvents.swift), log lines (LogExchange.swift).
// They come up in the middle of other work, so they are collected and published between deliveries: nothing that is being
// walked changes, and nothing that publishing brings about is published in its turn before that has ended.
// Loop thread only. Next: ../Exchange/Router.swift.

import Wire

/// Messages of the broker's own, not yet published.
final class SystemMessages {
    private struct Item {
        let exchange: Exchange
        let message: Message
    }

    private var items: [Item] = []
    private var head = 0
    private var pendingBytes = 0
    /// For want of room, since that was last told.
    private var dropped = 0
    private(set) var isPublishing = false

    var hasWork: Bool { head < items.count }

    /// Takes a message for the exchange, unless nothing is bound to it.
    /// - Parameter key: cut to the 255 bytes that a routing key may have.
    func add(_ exchange: Exchange, key: [UInt8], _ properties: BasicProperties, body: ByteSlice = .empty) {
        guard exchange.bindingCount > 0 else { return }
        let list = properties.encoded
        let message = list.withUnsafeBytes { list in
            key.prefix(255).withUnsafeBytes { key in
                Message.make(
                    exchange: exchange.name.slice, routingKey: ByteSlice(key), properties: ByteSlice(list),
                    bodyBytes: body.count)
            }
        }
        message.writeBody(body, at: 0)
        message.header.isPersistent = properties.deliveryMode == 2
        guard items.count - head < Limits.systemMessagesPendingMax,
            pendingBytes + message.residentBytes <= Limits.systemMessagesPendingBytesMax || !hasWork
        else {
            dropped += 1
            return
        }
        pendingBytes += message.residentBytes
        items.append(Item(exchange: exchange, message: message))
    }

    /// Publishes a slice of what was collected. A pass of deliveries or a client's publish adds few at a time, and it is
    /// called after each; only what comes in a flood, such as the end of a thousand connections, takes several turns.
    func publish(_ broker: Broker) {
        guard !isPublishing else { return }
        isPublishing = true
        defer { isPublishing = false }
        var left = Limits.systemMessagesPerSlice
        while left > 0, head < items.count {
            let item = items[head]
            head += 1
            left -= 1
            pendingBytes -= item.message.residentBytes
            if !item.exchange.isDeleted { publish(item, broker) }
        }
        if head == items.count {
            items.removeAll(keepingCapacity: head <= 1_024)
            head = 0
        } else if head > 4_096 {
            items.removeFirst(head)
            head = 0
        }
        guard dropped > 0 else { return }
        let count = dropped
        dropped = 0
        broker.context.log(.warning, "traces and events were dropped for want of room", ("count", "\(count)"))
    }

    private func publish(_ item: Item, _ broker: Broker) {
        let message = item.message
        var router = Router(item.exchange.virtualHost)
        router.route(from: item.exchange, keys: [message.routingKey], message: message)
        item.exchange.publishedTotal &+= 1
        if message.header.isPersistent, router.queues.contains(where: { $0.isLogged }) {
            broker.log.published(message, router.queues)
        }
        for queue in router.queues {
            if queue.refusesPublish(message) { queue.refuse(message) } else { queue.enqueue(message) }
        }
    }
}

extension [UInt8] {
    /// Joined by a dot, as routing keys are.
    static func key(_ prefix: String, _ rest: ByteSlice) -> [UInt8] { Array(prefix.utf8) + [0x2E] + rest.array }
}
