// How messages enter a queue: limits, time-to-live, priority, then the ready list. Delivery to a waiting
// consumer follows at the end of the turn, or at once where the difference could be seen (a limit is reached,
// a message expires at once). Loop thread only. Next: QueueDelivery.swift.

import Wire

extension Queue {
    /// Whether a publish must be refused because of `x-overflow`.
    @inline(__always)
    func refusesPublish(_ message: Message) -> Bool {
        guard hasPublishRules, settings.limitsLength, settings.overflow != .dropHead else { return false }
        return refusesOverflow(message)
    }

    @inline(never)
    private func refusesOverflow(_ message: Message) -> Bool {
        if exceeds(message) { deliverNow() }
        return exceeds(message)
    }

    private func exceeds(_ message: Message) -> Bool {
        ready.count + 1 > settings.lengthMax || readyBytes + message.header.bodyBytes > settings.lengthBytesMax
    }

    /// `x-overflow` says no: the queue gets nothing, the publisher a nack. If the dead-letter exchange gets it, the log
    /// has it in this queue until it is there: who sent it may have been another queue, which has settled it.
    @inline(never)
    func refuse(_ message: Message) {
        let isInLog = isLogged && message.header.logPosition != 0
        guard settings.overflow == .rejectPublishDeadLetter, settings.deadLetterExchange != nil else {
            if isInLog { broker.log.settle(self, message) }
            return
        }
        let sequence = nextSequence
        nextSequence += 1
        let entry = QueueEntry(
            retaining: message, sequence: sequence, expiry: expiry(lifetime(of: message)),
            priority: min(message.header.priority, settings.priorityMax), isLogged: isInLog)
        broker.noteInMemory(message)
        broker.deadLetters.add(entry, queue: self, reason: .maxLength)
    }

    /// Milliseconds that the message may stay in this queue; negative: for ever.
    private func lifetime(of message: Message) -> Int64 {
        let own = message.header.expirationMilliseconds
        let common = settings.messageTTLMilliseconds
        return own >= 0 && (common < 0 || own < common) ? own : common
    }

    private func expiry(_ lifetime: Int64) -> Int64 {
        lifetime < 0 ? QueueEntry.never : broker.context.time.monotonicMilliseconds + lifetime
    }

    /// Takes the message in. The caller has asked `refusesPublish` and written the log record.
    @inline(__always)
    func enqueue(_ message: Message) {
        if hasPublishRules || message.header.expirationMilliseconds >= 0 { return enqueueByRules(message) }
        append(message, expiry: QueueEntry.never, priority: 0)
    }

    @inline(__always)
    private func append(_ message: Message, expiry: Int64, priority: UInt8) {
        let sequence = nextSequence
        nextSequence = sequence &+ 1
        publishedTotal &+= 1
        readyBytes += message.header.bodyBytes
        broker.noteInMemory(message)
        ready.append(
            QueueEntry(
                retaining: message, sequence: sequence, expiry: expiry, priority: priority,
                isLogged: isLogged && message.header.logPosition != 0))
        if !isScheduled, consumers.hasReady { broker.schedule(self) }
    }

    @inline(never)
    private func enqueueByRules(_ message: Message) {
        if let stream { return append(message, to: stream) }
        if let delayed { return keepBack(message, delayed) }
        let lifetime = lifetime(of: message)
        if lifetime >= 0 { mayExpire = true }
        append(message, expiry: expiry(lifetime), priority: min(message.header.priority, settings.priorityMax))
        if lifetime == 0 { deliverNow() }
        if settings.limitsLength { dropOverflow() }
        if lifetime >= 0 { armExpiry() }
    }

    /// Takes an entry in after a restart, as replay found it; its message is in the log at `position`.
    func restore(
        onDisk position: LogPosition, bodyBytes: Int, expiry: Int64, priority: UInt8, deliveryCount: UInt16,
        isRedelivered: Bool
    ) {
        let sequence = nextSequence
        nextSequence += 1
        var entry = QueueEntry(
            onDisk: position, bodyBytes: bodyBytes, sequence: sequence, expiry: expiry, priority: priority,
            isLogged: true)
        entry.restore(deliveryCount: deliveryCount, isRedelivered: isRedelivered)
        if let delayed { return restore(entry, delayed) }
        broker.pager.onDiskCount += 1
        // It was on its way out when the daemon ended.
        if isBeyondLimit(entry) { return drop(entry, reason: .deliveryLimit) }
        readyBytes += bodyBytes
        if expiry != QueueEntry.never { mayExpire = true }
        noteOnDisk(entry)
        ready.append(entry)
    }

    /// The same for an entry made by the caller, its message in memory or on disk. Sequences ascend.
    func restore(_ entry: QueueEntry) {
        nextSequence = max(nextSequence, entry.sequence + 1)
        readyBytes += entry.bodyBytes
        if entry.hasExpiry { mayExpire = true }
        if entry.isOnDisk {
            broker.pager.onDiskCount += 1
            noteOnDisk(entry)
        } else {
            entry.withMessage { broker.noteInMemory($0) }
        }
        ready.append(entry)
    }

    /// Drops ready messages from the head until the limits hold again; what is more than a slice, by and by.
    func dropOverflow() {
        // What is to come back goes to consumers first, like all that is ready.
        guard isOverLimit, returningChannelCount == 0 else { return }
        deliverNow()
        var left = Limits.brokerExpiriesPerPass
        while isOverLimit, left > 0 {
            let entry = removeFirstReady()
            drop(entry, reason: .maxLength)
            left -= 1
        }
        armOverflow()
    }

    func armOverflow() {
        guard isOverLimit, !isOverflowArmed else { return }
        isOverflowArmed = true
        broker.deadlines.insert(
            QueueDeadline(queueNumber: number, kind: .overflow), at: broker.context.time.monotonicMilliseconds)
    }

    /// The next piece of the surplus. Returns how many it was at most.
    func overflowDue() -> Int {
        isOverflowArmed = false
        if settings.limitsLength, settings.overflow == .dropHead { dropOverflow() }
        return Limits.brokerExpiriesPerPass
    }

    private var isOverLimit: Bool {
        ready.count > settings.lengthMax || readyBytes > settings.lengthBytesMax && !ready.isEmpty
    }

    /// Takes the next ready entry out of the list; there must be one.
    @inline(__always)
    func removeFirstReady() -> QueueEntry {
        let entry = ready.removeFirst()
        readyBytes -= entry.bodyBytes
        if entry.isOnDisk { noteNoLongerOnDisk(entry) }
        return entry
    }

    /// Puts an entry that a channel held back to its place.
    func requeue(_ entry: QueueEntry) {
        // Refusing a stream's message gives credit and nothing else.
        guard !isDeleted, !entry.isStreamed else { return letGo(entry) }
        var entry = entry
        entry.noteReturned()
        if entry.isLogged { broker.log.returned(self, entry) }
        if isBeyondLimit(entry) { return drop(entry, reason: .deliveryLimit) }
        readyBytes += entry.bodyBytes
        paging?.notePutBack(entry)
        ready.putBack(entry)
        noteRequeued()
    }

    /// The same for many entries of one priority level, ordered by sequence.
    func requeue(_ batch: ArraySlice<QueueEntry>) {
        guard batch.count > 1, !isDeleted, stream == nil else {
            for entry in batch { requeue(entry) }
            return
        }
        var marked = ContiguousArray<QueueEntry>()
        marked.reserveCapacity(batch.count)
        for var entry in batch {
            entry.noteReturned()
            if entry.isLogged { broker.log.returned(self, entry) }
            if isBeyondLimit(entry) {
                drop(entry, reason: .deliveryLimit)
                continue
            }
            readyBytes += entry.bodyBytes
            marked.append(entry)
        }
        if let last = marked.last { paging?.notePutBack(last) }
        ready.putBack(ArraySlice(marked))
        noteRequeued()
    }

    /// Returns after which a message goes; negative: it never does.
    private var deliveryLimit: Int64 {
        guard settings.type == .quorum else { return -1 }
        return settings.deliveryLimit ?? broker.context.configuration.quorumDeliveryLimit
    }

    /// It came back more often than `x-delivery-limit` allows.
    private func isBeyondLimit(_ entry: QueueEntry) -> Bool {
        let limit = deliveryLimit
        return limit >= 0 && Int64(entry.deliveryCount) > limit
    }

    private func noteRequeued() {
        // Not at once: the consumer that gives messages back may be about to take them again.
        if settings.limitsLength, settings.overflow == .dropHead { armOverflow() }
        if mayExpire {
            expireHead()
            armExpiry()
        }
        if !isScheduled, consumers.hasReady { broker.schedule(self) }
    }

    /// An entry leaves the queue without having been consumed: dead-lettered if the queue says where to.
    func drop(_ entry: QueueEntry, reason: DeathReason) {
        if settings.deadLetterExchange != nil, !isDeleted {
            broker.deadLetters.add(entry, queue: self, reason: reason)
        } else {
            letGo(entry)
        }
    }

    /// The entry is done with, wherever it was.
    @inline(__always)
    func letGo(_ entry: QueueEntry) {
        if entry.isLogged { broker.log.settle(self, entry) }
        broker.release(entry)
    }
}
