// Publisher confirms: which publishes of a channel are answered when. Transient ones at the end of the turn,
// persistent ones when the batch with their log record is on disk; each answer covers as many as it can
// (`multiple`). A publish that a queue refused is answered by a nack of its own.
// Loop thread only. Next: ../BrokerLog.swift (which channels wait for which batch).

import Wire

/// Publishes not yet answered, in order.
struct PendingConfirms {
    /// A run of publishes that wait for the same batch; 0: for nothing.
    private struct Run {
        let lastTag: UInt64
        let sequence: UInt64
    }

    private(set) var lastTag: UInt64 = 0
    private var runs: [Run] = []
    private var head = 0
    var nacks: [UInt64] = []

    /// A publish that waits for `sequence` to be durable (0: for nothing). Returns its tag.
    @inline(__always)
    mutating func add(waitingFor sequence: UInt64) {
        lastTag += 1
        // What comes later never waits for less: answers go in order.
        let needed = runs.count > head ? max(sequence, runs[runs.count - 1].sequence) : sequence
        if runs.count > head, runs[runs.count - 1].sequence == needed {
            runs[runs.count - 1] = Run(lastTag: lastTag, sequence: needed)
        } else {
            runs.append(Run(lastTag: lastTag, sequence: needed))
        }
    }

    mutating func addRefused() {
        lastTag += 1
        nacks.append(lastTag)
    }

    /// Takes out what needs to wait no longer; returns the highest tag.
    mutating func takeDurable(upTo durable: UInt64) -> UInt64? {
        var tag: UInt64?
        while head < runs.count, runs[head].sequence <= durable {
            tag = runs[head].lastTag
            head += 1
        }
        if head == runs.count {
            runs.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 64 {
            runs.removeFirst(head)
            head = 0
        }
        return tag
    }

    /// The batch that the first unanswered publish waits for.
    var waitsFor: UInt64? { head < runs.count ? runs[head].sequence : nil }
}

extension BrokerChannel {
    /// Turns confirms on; turning them on again is fine.
    func selectConfirms() throws(BrokerError) {
        if mode == .transaction { throw .cannotSwitchMode(from: "tx", to: "confirm") }
        mode = .confirm
    }

    @inline(__always)
    func notePublished(isRefused: Bool, isLogged: Bool) {
        if isRefused {
            confirms.addRefused()
        } else if isLogged, broker.context.journal.isEnabled {
            broker.context.journal.requireSync()
            confirms.add(waitingFor: broker.context.journal.openSequence)
        } else {
            confirms.add(waitingFor: 0)
        }
        broker.scheduleConfirms(self)
    }

    /// Answers what can be answered; the rest waits for its batch.
    func sendConfirms() {
        // What the log does not take is never confirmed; with it goes the rest, since answers go in order.
        guard !isClosed, !connection.isClosed, !broker.log.hasFailed else { return }
        for tag in confirms.nacks { writeConfirm(BasicNack(deliveryTag: tag, multiple: false)) }
        confirms.nacks.removeAll(keepingCapacity: true)
        if let tag = confirms.takeDurable(upTo: broker.context.journal.durableSequence) {
            broker.confirmedTotal &+= tag - lastConfirmedTag
            writeConfirm(BasicAck(deliveryTag: tag, multiple: tag != lastConfirmedTag + 1))
            lastConfirmedTag = tag
        }
        if let sequence = confirms.waitsFor { broker.log.wait(self, for: sequence) }
    }

    private func writeConfirm(_ method: some AMQPMethod) {
        var writer = RawWriter(output.reserve(method.frameBytes))
        writer.writeMethodFrame(channel: number, method)
        output.commit(writer.count)
    }
}
