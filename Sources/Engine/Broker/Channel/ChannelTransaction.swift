// tx.select, commit and rollback: publishes and settlements wait in the channel and take effect together, as
// one log record. Settlements of a transaction that is rolled back are outstanding deliveries again.
// Loop thread only. Next: ../BrokerLog.swift (groups).

import Wire

/// A publish that waits for the commit.
struct PendingPublish {
    let message: Message
    let mandatory: Bool
}

/// A publish of a transaction that is being committed.
struct RoutedPublish {
    let message: Message
    let route: Route
    let mandatory: Bool
}

/// A settlement that waits for the commit.
struct PendingSettlement {
    let held: UnackedEntry
    let settlement: Settlement
}

/// What an open transaction holds.
struct PendingTransaction {
    var publishes: [PendingPublish] = []
    var settlements: [PendingSettlement] = []
    /// Some of it would be in the log, wherever it goes.
    var isDurable: Bool {
        publishes.contains { $0.message.header.isPersistent } || settlements.contains { $0.held.entry.isLogged }
    }

    /// While it is committed: some queue has refused a message of it.
    var isPartial = false

    /// Of the messages in `publishes`.
    private(set) var publishedBytes = 0

    mutating func add(_ publish: PendingPublish) {
        publishes.append(publish)
        publishedBytes += publish.message.residentBytes
    }

    /// It is one record, which has a greatest size, and it is held in memory until its end.
    var isTooLarge: Bool {
        publishedBytes + settlements.count * Limits.transactionSettlementBytes > Limits.transactionBytesMax
    }
}

extension BrokerChannel {
    func selectTransaction() throws(BrokerError) {
        if mode == .confirm { throw .cannotSwitchMode(from: "confirm", to: "tx") }
        mode = .transaction
    }

    /// Makes everything since the last commit take effect. Commit-ok waits for the disk if anything was logged. If a
    /// queue refuses a message (`x-overflow`), the rest takes effect and the channel is closed, as in RabbitMQ.
    func commitTransaction() throws(BrokerError) {
        guard mode == .transaction else { throw .notTransactional }
        if transaction.isDurable { try broker.log.checkWritable() }
        let routed = try route(transaction)
        // Streams keep what is transient, too.
        if routed.contains(where: { $0.route.loggedFrom == 0 }) { try broker.log.checkWritable() }
        let committed = transaction
        transaction = PendingTransaction()
        broker.log.group(isPromised: true) {
            for publish in routed {
                deliverPublish(publish.message, route: publish.route, mandatory: publish.mandatory)
            }
            for pending in committed.settlements where pending.settlement != .requeue {
                finish(pending.held, as: pending.settlement)
            }
            giveBack(committed.settlements.filter { $0.settlement == .requeue }.map(\.held))
        }
        wakeGloballyBlocked()
        promiseDurability()
        guard !transaction.isPartial else {
            transaction.isPartial = false
            throw .partialTransaction
        }
    }

    /// Where the transaction's messages go, as of now. Refuses what would not fit into a record: how many queues a
    /// message goes to may have changed since it was published.
    private func route(_ transaction: PendingTransaction) throws(BrokerError) -> [RoutedPublish] {
        var routed: [RoutedPublish] = []
        routed.reserveCapacity(transaction.publishes.count)
        var bytes = transaction.settlements.count * Limits.transactionSettlementBytes
        for publish in transaction.publishes {
            guard let found = routeCommitted(publish) else { continue }
            bytes +=
                RecordFormat.headerBytes + PublishRecord.bytes(found.message, queueCount: found.route.queues.count)
            guard bytes <= Limits.transactionBytesMax else {
                throw .transactionTooLarge(max: Limits.transactionBytesMax)
            }
            routed.append(found)
        }
        return routed
    }

    func rollbackTransaction() throws(BrokerError) {
        guard mode == .transaction else { throw .notTransactional }
        let abandoned = transaction
        transaction = PendingTransaction()
        for pending in abandoned.settlements where pending.held.entry.isLogged {
            var entry = pending.held.entry
            entry.isRedelivered = true
            pending.held.queue._withUnsafeGuaranteedRef { broker.log.moved($0, entry) }
        }
        if isGivingBack { finishGivingBack() }
        var held = unacked.removeAll() + abandoned.settlements.map(\.held)
        held.sort { $0.tag < $1.tag }
        for entry in held { unacked.append(entry) }
    }
}
