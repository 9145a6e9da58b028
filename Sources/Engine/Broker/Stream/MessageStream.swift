// What a stream queue (`x-queue-type` `stream`) holds: every message that was ever published to it and is within its
// limits, in order, whoever has read it. Messages are in the log as those of any other queue are; here is only where
// (StreamIndex.swift), and the newest of them (StreamTail.swift). Readers stand with their consumers (StreamReader.swift).
//
// A stream shares name, bindings, policies, consumers and deletion with other queues. It has nothing ready and nothing
// that is settled: what a channel holds of it counts for its prefetch only.
// A reader may get a message before it is on disk, as from RabbitMQ. So after a power cut an offset that was read, but
// whose publish was not confirmed yet, may come again with another message.
// Loop thread only. Next: StreamPublish.swift (in), StreamDelivery.swift (out), StreamRetention.swift (away).

import Wire

/// Messages of one stream.
final class MessageStream {
    private unowned(unsafe) let broker: Broker
    private let queueNumber: UInt64
    private(set) var index = StreamIndex()
    private(set) var tail = StreamTail()
    /// What has been read ahead for its readers.
    var windowBytes = 0
    /// The last pass has stopped because it was long enough.
    var hasMore = false
    /// Whose turn it is among the consumers.
    var nextTurn = 0
    /// The earliest deadline of retention in the broker's heap; monotonic milliseconds.
    var armedRetention = Int64.max
    /// Stands in the broker's list of streams with more in memory than they need.
    var isTrimScheduled = false
    /// A read has failed and was reported; nothing is said again until one has succeeded.
    var hasReportedFailure = false

    init(broker: Broker, queueNumber: UInt64) {
        self.broker = broker
        self.queueNumber = queueNumber
    }

    /// Takes in the message whose record the log has at its position. Returns whether a stretch ended with it.
    func append(_ message: Message, segmentBytesMax: Int) -> Bool {
        let memory = index.memoryBytes
        let configuration = broker.context.configuration
        let (_, hasEndedStretch) = index.append(
            StreamRunEntry(
                position: message.header.logPosition, bodyBytes: message.header.bodyBytes,
                wallMilliseconds: broker.context.time.wallMilliseconds),
            entriesMax: configuration.streamStretchEntries,
            bytesMax: min(segmentBytesMax, configuration.streamStretchBytes))
        tail.append(message)
        broker.residentBytes &+= message.residentBytes
        broker.streamIndexBytes += index.memoryBytes - memory
        return hasEndedStretch
    }

    /// Lets go of at most `most` messages that no reader is likely to want from memory. Returns how many went.
    @discardableResult
    func trimTail(to bytes: Int, most: Int) -> Int {
        guard tail.residentBytes > bytes else { return 0 }
        let before = tail.count
        broker.residentBytes -= tail.trim(to: bytes, written: broker.context.journal.writtenPosition, most: most)
        return before - tail.count
    }

    /// Takes the oldest stretch out.
    func removeOldest() -> StreamStretch? {
        let memory = index.memoryBytes
        defer { broker.streamIndexBytes += index.memoryBytes - memory }
        return index.removeOldest()
    }

    /// The queue is deleted: hands over what the log has of it.
    func takeAll() -> StreamIndex {
        broker.residentBytes -= tail.removeAll()
        broker.streamIndexBytes -= index.memoryBytes
        defer { index = StreamIndex() }
        return index
    }

    // MARK: After a restart

    /// The log brings a publish.
    func replay(_ entry: StreamRunEntry, segmentBytesMax: Int) {
        // Both the checkpoint and the log may know it.
        guard !index.isKnown(entry.position) else { return }
        let configuration = broker.context.configuration
        _ = index.append(
            entry, entriesMax: configuration.streamStretchEntries,
            bytesMax: min(segmentBytesMax, configuration.streamStretchBytes))
    }

    func replay(_ record: StreamEntriesRecord) throws(CursorError) { try index.restore(record) }

    /// All is replayed.
    func finishReplay() {
        tail.begin(at: index.nextOffset)
        broker.streamIndexBytes += index.memoryBytes
        index.walk { _, entry in
            broker.context.liveMessages.add(entry.position, bodyBytes: entry.bodyBytes)
            return true
        }
    }

    // MARK: Reading

    func position(of offset: StreamOffset) -> UInt64 {
        switch offset {
        case .first: index.firstOffset
        case .last: index.count > 0 ? index.nextOffset - 1 : index.nextOffset
        case .next: index.nextOffset
        case .offset(let number): number
        case .time(let milliseconds): index.offset(publishedFrom: milliseconds)
        }
    }

    /// What one request to the disk asks for, from `offset` to where memory begins.
    func readRequests(from offset: UInt64, isShort: Bool) -> (entries: [ReadBackRequest.Entry], bytes: Int) {
        var entries: [ReadBackRequest.Entry] = []
        var bytes = 0
        let most = isShort ? Limits.readRequestEntriesWhenShort : Limits.streamReadEntries
        let configured = broker.context.configuration.streamReadBytes
        let bytesMax = isShort ? configured / Limits.streamReadPartsWhenShort : configured
        index.walk(from: offset) { offset, entry in
            guard offset < tail.firstOffset, entries.count < most, bytes < bytesMax else { return false }
            entries.append(ReadBackRequest.Entry(sequence: offset, place: entry.position, isLogged: true))
            bytes += entry.bodyBytes
            return true
        }
        return (entries, bytes)
    }

    /// A read has failed for a reason that may pass.
    func readAgain(at milliseconds: Int64) {
        broker.deadlines.insert(QueueDeadline(queueNumber: queueNumber, kind: .reading), at: milliseconds)
    }

    /// Says so once, until a read goes well.
    func reportUnreadable(_ offset: UInt64, _ failure: ReadBackFailure) {
        guard !hasReportedFailure, let queue = broker.queuesByNumber[queueNumber] else { return }
        hasReportedFailure = true
        broker.context.log(
            .error,
            failure.isFinal
                ? "a message of a stream cannot be read and is passed over; it stays in the log"
                : "messages of a stream cannot be read; its readers wait and try again",
            ("queue", queue.name.string), ("vhost", queue.virtualHost.name.string), ("offset", "\(offset)"),
            ("reason", failure.reason))
    }
}

extension Broker {
    /// Streams of deleted queues: the log is told bit by bit that it needs their messages no longer. Returns what is
    /// left of the budget.
    func emptyStreamGraveyard(_ budget: Int) -> Int {
        var left = budget
        while left > 0, let last = streamGraveyard.indices.last {
            guard let stretch = streamGraveyard[last].removeOldest() else {
                streamGraveyard.removeLast()
                continue
            }
            log.forget(stretch)
            left -= stretch.count
        }
        return left
    }
}

extension BrokerLog {
    /// Messages of a stream that retention has removed, or that went with their queue.
    func forget(_ stretch: StreamStretch) {
        stretch.walk { _, entry in
            forget(entry.position, bodyBytes: entry.bodyBytes)
            return true
        }
    }
}
