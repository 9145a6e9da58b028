// tx.select, commit and rollback: publishes and settlements wait in the channel and take effect together, as
// one log record. Settlements of a transaction that is rolled back are outstanding deliveries again.
// Loop thread only. Next: ../BrokerLog.swift (groups).

import Wire

/// A publish that waits for the commit.
struct PendingPublish {
    let message: Message
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

    /// Some of it would be in the log.
    var isDurable: Bool {
        publishes.contains { $0.message.header.isPersistent } || settlements.contains { $0.held.entry.isLogged }
    }
}

extension BrokerChannel {
    func selectTransaction() throws(BrokerError) {
        if mode == .confirm { throw .cannotSwitchMode(from: "confirm", to: "tx") }
        mode = .transaction
    }

    /// Makes everything since the last commit take effect. Commit-ok waits for the disk if anything was logged.
    func commitTransaction() throws(BrokerError) {
        guard mode == .transaction else { throw .notTransactional }
        if transaction.isDurable { try broker.log.checkWritable() }
        let committed = transaction
        transaction = PendingTransaction()
        broker.log.group(isPromised: true) {
            for publish in committed.publishes { publishCommitted(publish) }
            for pending in committed.settlements where pending.settlement != .requeue {
                finish(pending.held, as: pending.settlement)
            }
            giveBack(committed.settlements.filter { $0.settlement == .requeue }.map(\.held))
        }
        wakeGloballyBlocked()
        promiseDurability()
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
        var held = unacked.removeAll() + abandoned.settlements.map(\.held)
        held.sort { $0.tag < $1.tag }
        for entry in held { unacked.append(entry) }
    }
}
