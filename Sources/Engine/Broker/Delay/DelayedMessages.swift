// Messages that an exchange of type x-delayed-message keeps back. Each such exchange has a queue of its own that no
// client sees and nothing is bound to: routing leads there while a message's delay lasts. For the log it is a queue
// like any other, durable if the exchange is, so that confirms, transactions, checkpoints and recovery hold for delayed
// messages without knowing of them; what its entries have as expiry is when they are due. A record after its name says
// which exchange it belongs to.
//
// What is due goes on as dead letters do (../DeadLetters.swift): it is read from disk if it has to be, and the new
// publish and the settlement of the old one are one record, so that it is in one place after a crash, never in two.
//
// Of the plugin's behaviour, not copied: there a mandatory message is returned when it is delayed, and an alternate
// exchange gets it at once. Here both look at where it goes when it is due: it is not returned, as its publisher has
// its confirm by then; the alternate exchange takes it if no queue does.
// Loop thread only. Next: DelayedEntries.swift (the order), MessageDelay.swift (the header).

import Wire

/// What the queue behind a delayed exchange holds.
final class DelayedMessages {
    /// Keeps the queue, and not the other way round.
    private(set) weak var exchange: Exchange?
    var entries = DelayedEntries()

    init(of exchange: Exchange) { self.exchange = exchange }
}

extension VirtualHost {
    /// Gives a delayed exchange its queue. `logID` 0: it is not in the log.
    @discardableResult
    func makeDelayQueue(of exchange: Exchange, logID: UInt32) -> Queue {
        let queue = Queue(
            name: exchange.name, number: broker.takeQueueNumber(), broker: broker, virtualHost: self, logID: logID,
            isDurable: logID != 0, isAutoDelete: false, owner: nil, isExclusive: false, settings: QueueSettings(),
            rawArguments: [], delayed: DelayedMessages(of: exchange))
        exchange.delayQueue = queue
        broker.register(queue)
        topologyChanged()
        return queue
    }

    /// The exchange goes, and what it has kept back goes with it.
    func deleteDelayQueue(_ queue: Queue) {
        guard let delayed = queue.delayed, !queue.isDeleted else { return }
        queue.markDeleted()
        delayed.exchange?.delayQueue = nil
        broker.unregister(queue)
        topologyChanged()
        if queue.isLogged { broker.log.queueDeleted(queue) }
        broker.bury([delayed.entries.takeAll()])
        queue.noteEmptied()
        broker.pager.forget(queue)
    }
}

extension Queue {
    /// Takes in a message that routing has found to be delayed.
    @inline(never)
    func keepBack(_ message: Message, _ delayed: DelayedMessages) {
        let delay = MessageDelay.milliseconds(message.headersTable) ?? 0
        let sequence = nextSequence
        nextSequence += 1
        publishedTotal &+= 1
        broker.noteInMemory(message)
        delayed.entries.insert(
            QueueEntry(
                retaining: message, sequence: sequence, expiry: broker.context.time.monotonicMilliseconds + delay,
                priority: 0, isLogged: isLogged && message.header.logPosition != 0))
        armDelay(delayed)
    }

    /// Takes an entry in after a restart.
    func restore(_ entry: QueueEntry, _ delayed: DelayedMessages) {
        nextSequence = max(nextSequence, entry.sequence + 1)
        broker.pager.onDiskCount += 1
        delayed.entries.insert(entry)
    }

    /// Makes sure the heap has a deadline for the earliest entry.
    func armDelay(_ delayed: DelayedMessages) {
        guard let due = delayed.entries.first?.expiry, due < armedExpiry else { return }
        armedExpiry = due
        broker.deadlines.insert(QueueDeadline(queueNumber: number, kind: .delayed), at: due)
    }

    /// The deadline of a delayed message has come. Sends a slice of what is due on its way and returns how many; if
    /// there is more, the next deadline is due already.
    func delayDue() -> Int {
        guard let delayed else { return 0 }
        armedExpiry = QueueEntry.never
        let now = broker.context.time.monotonicMilliseconds
        var left = Limits.brokerExpiriesPerPass
        while left > 0, let first = delayed.entries.first, first.expiry <= now {
            broker.deadLetters.add(delayed.entries.removeFirst(), queue: self, reason: nil)
            left -= 1
        }
        armDelay(delayed)
        return Limits.brokerExpiriesPerPass - left
    }
}
