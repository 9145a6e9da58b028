// Messages that left a queue without being consumed, on their way to its dead-letter exchange, and delayed ones that
// are due (Delay/DelayedMessages.swift). They wait in one list and are published in bounded slices, so that a million
// expiring at once, or exchanges that lead in circles, neither stop the loop nor deepen the stack.
// Each one is written to the log as publish and settle in one record: never lost between two queues, never twice.
// Headers as RabbitMQ writes them (rabbitmq.com/docs/dlx#effects). Loop thread only. Next: Exchange/Router.swift.

import Wire

/// Why a message died, as it reads in `x-death`.
enum DeathReason: String {
    case expired, rejected
    case maxLength = "maxlen"
    case deliveryLimit = "delivery_limit"
    /// Not acknowledged in time; a reason that RabbitMQ does not have.
    case consumerTimeout = "consumer_timeout"

    /// A client had to do with it: a circle of queues with such a death in it is somebody's wish.
    var breaksCycles: Bool { self == .rejected || self == .consumerTimeout }
}

/// Dead letters not yet published.
final class DeadLetters {
    private struct Item {
        var entry: QueueEntry
        let queue: Queue
        /// Nil: it did not die, its delay is over.
        let reason: DeathReason?
    }

    private var items: [Item] = []
    private var head = 0
    /// Items taken off the front of `items` since the start: places that stay while `items` is shortened.
    private var removed = 0
    /// The messages of some are being read.
    private var isReading = false
    /// After a read that failed: when to try again.
    private(set) var retryAt: Int64?
    private var hasReportedFailure = false
    /// How many were ever taken out: the first one that waits has this number.
    private var takenTotal: Int { removed + head }

    var isEmpty: Bool { head == items.count }
    var count: Int { items.count - head }

    /// There is something that does not wait for the disk.
    var hasWork: Bool { !isEmpty && !isReading && retryAt == nil }

    deinit { for item in items[head...] { item.entry.release() } }

    /// Takes the entry over.
    func add(_ entry: QueueEntry, queue: Queue, reason: DeathReason?) {
        items.append(Item(entry: entry, queue: queue, reason: reason))
    }

    /// Everything that waits.
    func forEach(_ body: (QueueEntry, Queue) -> Void) {
        for item in items[head...] { body(item.entry, item.queue) }
    }

    /// Number of the next one that is added.
    var nextNumber: Int { takenTotal + items.count - head }

    /// Calls `body` for those that wait with numbers from `next` to before `end`, until it says false; moves `next`
    /// on. Numbers stay the same while others are taken out. Returns whether it came to the end.
    func walk(from next: inout Int, to end: Int, _ body: (QueueEntry, Queue) -> Bool) -> Bool {
        next = max(next, takenTotal)
        while next < end {
            let item = items[head + next - takenTotal]
            guard body(item.entry, item.queue) else { return false }
            next += 1
        }
        return true
    }

    /// Publishes at most `budget` of them, in the order they died. One whose message is on disk is read first,
    /// together with those behind it; the others wait for it, so that the order stays.
    func process(budget: Int) {
        var left = budget
        while left > 0, head < items.count {
            let item = items[head]
            let broker = item.queue.broker
            if item.entry.isOnDisk, !item.entry.isUnreadable {
                read(broker)
                break
            }
            head += 1
            left -= 1
            if item.entry.isOnDisk {
                // It cannot be read. Its queue keeps it, so that checkpoints do, too.
                item.queue.setAside(item.entry)
            } else {
                publish(item)
                broker.release(item.entry)
            }
        }
        if head == items.count {
            removed += head
            items.removeAll(keepingCapacity: items.count <= 1_024)
            head = 0
        } else if head > 4_096 {
            removed += head
            items.removeFirst(head)
            head = 0
        }
    }

    /// Asks for the messages of the next items that are on disk.
    private func read(_ broker: Broker) {
        guard !isReading, retryAt ?? .min <= broker.context.time.monotonicMilliseconds else { return }
        retryAt = nil
        var places: [Int] = []
        var entries: [ReadBackRequest.Entry] = []
        var bytes = 0
        for index in head..<items.count {
            let entry = items[index].entry
            guard entry.isOnDisk, !entry.isUnreadable else { continue }
            places.append(removed + index)
            entries.append(entry.readRequest)
            bytes += entry.bodyBytes
            if entries.count >= Limits.readRequestEntries || bytes >= Limits.readRequestBytes { break }
        }
        isReading = true
        broker.pager.start(ReadJob(entries: entries) { [unowned self] in take($0, places, broker) })
    }

    private func take(_ job: ReadJob, _ places: [Int], _ broker: Broker) {
        isReading = false
        for (place, message) in zip(places, job.messages) {
            let index = place - removed
            if let message {
                broker.pager.noteBroughtBack(items[index].entry, message)
                items[index].entry.bringBack(Unmanaged.passRetained(message))
            }
        }
        for failure in job.failures {
            if failure.isFinal {
                items[places[failure.index] - removed].entry.markUnreadable()
            } else {
                retryAt = broker.context.time.monotonicMilliseconds + Limits.readRetryMilliseconds
            }
        }
        guard let failure = job.failures.first else {
            hasReportedFailure = false
            return
        }
        guard !hasReportedFailure else { return }
        hasReportedFailure = true
        let item = items[places[failure.index] - removed]
        broker.context.log(
            .error, "a dead letter cannot be read; it stays in the log", ("queue", item.queue.name.string),
            ("position", "\(job.entries[failure.index].place)"), ("reason", failure.reason))
    }

    private func publish(_ item: Item) {
        let host = item.queue.virtualHost
        guard let reason = item.reason else { return publishDelayed(item) }
        guard let name = item.queue.settings.deadLetterExchange, let exchange = host.exchange(name.slice),
            let letter = DeadLetter(item.entry.message, from: item.queue, reason: reason)
        else { return settle(item) }

        var router = Router(host)
        withExtendedLifetime(letter) {
            router.route(from: exchange, keys: letter.keys.map(\.slice), message: letter.message)
        }
        let queues = router.queues.filter { queue in reason.breaksCycles || !letter.isCycle(queue.name) }
        move(item, as: letter.message, to: queues)
    }

    /// Its delay is over: it goes where its exchange sends it now.
    private func publishDelayed(_ item: Item) {
        guard let exchange = item.queue.delayed?.exchange, !exchange.isDeleted,
            let message = MessageDelay.served(item.entry.message)
        else { return settle(item) }
        // Checked when it was published.
        let copies = (try? CarbonCopies(item.entry.message))?.keys ?? []
        var router = Router(item.queue.virtualHost)
        withExtendedLifetime((copies, message)) {
            router.route(from: exchange, keys: [message.routingKey] + copies.map(\.slice), message: message)
        }
        move(item, as: message, to: router.queues)
    }

    private func settle(_ item: Item) {
        if item.entry.isLogged { item.queue.broker.log.settle(item.queue, item.entry) }
    }

    /// Publishes and settles in one record.
    private func move(_ item: Item, as message: Message, to queues: [Queue]) {
        let log = item.queue.broker.log
        var streamed = message
        log.group {
            if !message.header.isPersistent {
                streamed = log.publishedTransient(message, queues)
            } else if queues.contains(where: { $0.isLogged }) {
                log.published(message, queues)
            }
            settle(item)
        }
        for queue in queues {
            if queue.refusesPublish(message) {
                queue.refuse(message)
            } else {
                queue.enqueue(queue.stream == nil ? message : streamed)
            }
        }
    }
}

/// A message as it is published again after its death.
final class DeadLetter {
    let message: Message
    /// What it is routed by: the queue's dead-letter routing key, or its own keys.
    let keys: [ByteString]
    /// Deaths, newest first.
    private let deaths: [FieldTable]

    private static let deathKey = Array("x-death".utf8)

    init?(_ original: Message, from queue: Queue, reason: DeathReason) {
        guard let view = try? BasicPropertiesView(original.properties) else { return nil }
        var headers = FieldTable()
        if let given = view.headers {
            guard let table = try? FieldTable(given) else { return nil }
            headers = table
        }
        let copies = ["CC", "BCC"].flatMap { headers[$0]?.array ?? [] }.compactMap(\.longString)
        let ownKeys = [original.routingKey.array] + copies
        if let key = queue.settings.deadLetterRoutingKey {
            keys = [key]
            headers["CC"] = nil
        } else {
            keys = ownKeys.map { ByteString($0) }
        }
        deaths = Self.recordDeath(
            in: &headers, reason: reason, queue: queue, exchange: original.exchange.array, keys: ownKeys,
            expiration: view.expiration?.array)

        guard let exchange = queue.settings.deadLetterExchange else { return nil }
        let list = view.replacing(headers: headers.encoded, dropping: [.expiration])
        let key = keys[0]
        guard key.count <= 255 else { return nil }
        message = list.withUnsafeBytes {
            Message.make(
                exchange: exchange.slice, routingKey: key.slice, properties: ByteSlice($0),
                bodyBytes: original.header.bodyBytes)
        }
        message.writeBody(original.body, at: 0)
        message.header.isPersistent = original.header.isPersistent
        message.header.priority = original.header.priority
    }

    /// Writes this death into `x-death`, merged with an earlier one of the same queue and reason, newest first.
    private static func recordDeath(
        in headers: inout FieldTable, reason: DeathReason, queue: Queue, exchange: [UInt8], keys: [[UInt8]],
        expiration: [UInt8]?
    ) -> [FieldTable] {
        let reasonBytes = Array(reason.rawValue.utf8)
        var deaths = (headers["x-death"]?.array ?? []).compactMap(\.table)
        let isFirst = headers["x-death"]?.array == nil
        let same = deaths.firstIndex {
            $0["queue"]?.longString == queue.name.slice.array && $0["reason"]?.longString == reasonBytes
        }
        var death = FieldTable()
        if let same {
            death = deaths.remove(at: same)
            // The header may be the publisher's own: any number may stand in it.
            let count = max(0, death["count"]?.integer ?? 0)
            death["count"] = .int64(count == .max ? count : count + 1)
        } else {
            death["count"] = .int64(1)
            death["reason"] = .longString(reasonBytes)
            death["queue"] = .longString(queue.name.slice.array)
            death["time"] = .timestamp(UInt64(max(0, queue.broker.context.time.wallMilliseconds) / 1000))
            death["exchange"] = .longString(exchange)
            death["routing-keys"] = .array(keys.map { .longString($0) })
            if let expiration { death["original-expiration"] = .longString(expiration) }
        }
        deaths.insert(death, at: 0)
        headers["x-death"] = .array(deaths.map { .table($0) })
        if isFirst {
            headers["x-first-death-exchange"] = .longString(exchange)
            headers["x-first-death-queue"] = .longString(queue.name.slice.array)
            headers["x-first-death-reason"] = .longString(reasonBytes)
        }
        return deaths
    }

    /// Whether the message has been in this queue before and has come back without anybody rejecting it: then
    /// nothing would ever end its journey.
    func isCycle(_ queue: ByteString) -> Bool {
        guard let last = deaths.firstIndex(where: { $0["queue"]?.longString == queue.slice.array }) else {
            return false
        }
        return deaths[...last].allSatisfy { death in
            guard let reason = death["reason"]?.longString else { return true }
            return DeathReason(rawValue: String(decoding: reason, as: UTF8.self))?.breaksCycles != true
        }
    }
}
