// A group of consumers of a stream: how far it has read, and which entries were handed to whom and are not
// acknowledged yet.
// Loop thread only. Next: ../Commands/StreamGroupCommands.swift.

import Wire

/// An entry handed to a consumer and not acknowledged.
final class PendingEntry: StreamOrdered {
    let id: StreamID
    fileprivate(set) unowned(unsafe) var consumer: StreamConsumer
    /// Milliseconds since 1970.
    var deliveredAt: Int64
    var deliveries: Int64

    fileprivate init(id: StreamID, consumer: StreamConsumer, deliveredAt: Int64, deliveries: Int64) {
        self.id = id
        self.consumer = consumer
        self.deliveredAt = deliveredAt
        self.deliveries = deliveries
    }
}

/// A count that clients may set to any number: at the highest one it stays, since a negative one would be refused
/// where the store is read back.
extension Int64 {
    mutating func countOne() {
        if self < .max { self += 1 }
    }
}

/// One reader of a group.
final class StreamConsumer {
    let name: ByteString
    /// When it was last named by a command, and when it last got or claimed something; milliseconds since 1970.
    var seenAt: Int64
    var activeAt: Int64?
    fileprivate(set) var pending = SortedChunks<PendingEntry>()

    fileprivate init(name: ByteString, seenAt: Int64) {
        self.name = name
        self.seenAt = seenAt
    }
}

/// A group of consumers.
final class StreamGroup {
    let name: ByteString
    /// The last entry handed out.
    var lastID: StreamID
    /// Entries handed out since the stream began, if known.
    var entriesRead: Int64?
    /// In order of name.
    private(set) var consumers: [StreamConsumer] = []
    private(set) var pending = SortedChunks<PendingEntry>()

    init(name: ByteString, lastID: StreamID, entriesRead: Int64?) {
        self.name = name
        self.lastID = lastID
        self.entriesRead = entriesRead
    }

    private func consumerIndex(_ name: ByteSlice) -> (index: Int, isFound: Bool) {
        var low = 0
        var high = consumers.count
        while low < high {
            let middle = (low + high) / 2
            if SortedSetOrder.compare(consumers[middle].name.slice, name) < 0 {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return (low, low < consumers.count && consumers[low].name.slice == name)
    }

    func consumer(_ name: ByteSlice) -> StreamConsumer? {
        let (index, isFound) = consumerIndex(name)
        return isFound ? consumers[index] : nil
    }

    /// The consumer of this name, made if there is none.
    func consumer(_ name: ByteSlice, now: Int64) -> (consumer: StreamConsumer, isNew: Bool) {
        let (index, isFound) = consumerIndex(name)
        if isFound { return (consumers[index], false) }
        let made = StreamConsumer(name: ByteString(name), seenAt: now)
        consumers.insert(made, at: index)
        return (made, true)
    }

    /// Removes a consumer with what is pending for it; returns how many entries, nil if there is none.
    func removeConsumer(_ name: ByteSlice) -> Int? {
        let (index, isFound) = consumerIndex(name)
        guard isFound else { return nil }
        let consumer = consumers.remove(at: index)
        consumer.pending.forEach {
            pending.remove($0.id)
            return true
        }
        return consumer.pending.count
    }

    /// Notes that an entry was handed to `consumer`, whoever had it before.
    @discardableResult
    func deliver(_ id: StreamID, to consumer: StreamConsumer, at now: Int64) -> PendingEntry {
        if let known = pending[id] {
            assign(known, to: consumer)
            known.deliveredAt = now
            known.deliveries = 1
            return known
        }
        let entry = PendingEntry(id: id, consumer: consumer, deliveredAt: now, deliveries: 1)
        pending.insert(entry)
        consumer.pending.insert(entry)
        return entry
    }

    func assign(_ entry: PendingEntry, to consumer: StreamConsumer) {
        guard entry.consumer !== consumer else { return }
        entry.consumer.pending.remove(entry.id)
        entry.consumer = consumer
        consumer.pending.insert(entry)
    }

    /// The entry is done with. Returns whether it was pending.
    func acknowledge(_ id: StreamID) -> Bool {
        guard let entry = pending.remove(id) else { return false }
        entry.consumer.pending.remove(id)
        return true
    }

    func copy() -> StreamGroup {
        let copy = StreamGroup(name: name, lastID: lastID, entriesRead: entriesRead)
        for consumer in consumers {
            let (made, _) = copy.consumer(consumer.name.slice, now: consumer.seenAt)
            made.activeAt = consumer.activeAt
            consumer.pending.forEach { entry in
                copy.deliver(entry.id, to: made, at: entry.deliveredAt).deliveries = entry.deliveries
                return true
            }
        }
        return copy
    }

    func checkInvariants() {
        pending.checkInvariants()
        var held = 0
        for consumer in consumers {
            consumer.pending.checkInvariants()
            consumer.pending.forEach {
                precondition($0.consumer === consumer && pending[$0.id] === $0)
                return true
            }
            held += consumer.pending.count
        }
        precondition(held == pending.count, "pending entries without a consumer")
    }
}
