// One consumer of a stream: where it is, and what has been read ahead for it from the disk. Readers know nothing of each
// other. Near the end of the stream a reader takes what is in memory (StreamTail.swift); far behind, it has a window of
// its own, which is read in pieces of bounded size while it has credit.
// Loop thread only. Next: StreamDelivery.swift (who moves it on).

import Wire

/// A place in a stream.
final class StreamReader {
    /// What it gets next, if that is there.
    private(set) var nextOffset: UInt64
    private let stream: MessageStream
    private let filter: StreamFilter?
    private unowned(unsafe) let broker: Broker
    /// Messages ahead; nil where one cannot be read.
    private var window: ContiguousArray<(offset: UInt64, message: Message?)> = []
    private var head = 0
    private var residentBytes = 0
    private var isReading = false
    private var isClosed = false
    /// After a read that failed nothing is asked for until then; monotonic milliseconds.
    private var retryAt = Int64.min

    /// What a reader comes to.
    enum Step {
        case message(Message, offset: UInt64)
        /// A message that it does not want, or that cannot be read.
        case passed
        /// The disk has yet to answer.
        case waits
        case end
    }

    init(_ stream: MessageStream, at offset: UInt64, filter: StreamFilter?, broker: Broker) {
        self.stream = stream
        nextOffset = offset
        self.filter = filter
        self.broker = broker
    }

    /// Takes one step. The queue's readers are woken when the disk has answered.
    func step(_ queue: Queue) -> Step {
        // What retention has removed is passed over.
        nextOffset = max(nextOffset, stream.index.firstOffset)
        guard nextOffset < stream.index.nextOffset else { return .end }
        if nextOffset >= stream.tail.firstOffset {
            if !window.isEmpty { dropWindow() }
            let offset = nextOffset
            nextOffset += 1
            return offer(stream.tail[offset], at: offset)
        }
        while head < window.count, window[head].offset < nextOffset { _ = takeFirst() }
        if window.count - head <= windowEntriesLow { read(queue) }
        guard head < window.count else {
            if isReading || retryAt > broker.context.time.monotonicMilliseconds { return .waits }
            // A repair of the log has lost what was there.
            nextOffset = stream.tail.firstOffset
            return .passed
        }
        let (offset, message) = takeFirst()
        nextOffset = offset + 1
        guard let message else { return .passed }
        return offer(message, at: offset)
    }

    private func offer(_ message: Message, at offset: UInt64) -> Step {
        if let filter, !filter.matches(message) { return .passed }
        return .message(message, offset: offset)
    }

    // MARK: The window

    /// More is asked for when so few are left of what came last.
    private var windowEntriesLow = 0

    private func takeFirst() -> (offset: UInt64, message: Message?) {
        let taken = window[head]
        window[head].message = nil
        head += 1
        count(-(taken.message?.residentBytes ?? 0))
        if head == window.count {
            window.removeAll(keepingCapacity: true)
            head = 0
        }
        return taken
    }

    /// So many bytes more are in memory.
    private func count(_ bytes: Int) {
        residentBytes += bytes
        stream.windowBytes += bytes
        broker.residentBytes += bytes
    }

    /// Lets go of what was read ahead; it can be read again. Returns how many messages that was.
    @discardableResult
    func dropWindow() -> Int {
        let dropped = window.count - head
        count(-residentBytes)
        window = []
        head = 0
        windowEntriesLow = 0
        return dropped
    }

    /// The consumer has ended.
    func close() {
        isClosed = true
        dropWindow()
    }

    /// Asks for what comes behind the window.
    private func read(_ queue: Queue) {
        guard !isReading, retryAt <= broker.context.time.monotonicMilliseconds else { return }
        let start = window.last.map { $0.offset + 1 } ?? nextOffset
        let isShort = broker.pager.isPagingDue || broker.pager.isShort
        let (entries, bytes) = stream.readRequests(from: start, isShort: isShort)
        guard !entries.isEmpty else { return }
        isReading = true
        broker.pager.start(
            ReadJob(entries: entries, bytes: bytes) { [self] job in
                isReading = false
                guard !isClosed else { return }
                take(job, from: start)
                queue.wakeReaders()
            })
    }

    private func take(_ job: ReadJob, from start: UInt64) {
        // If the window was dropped meanwhile, it does not follow.
        guard start <= window.last.map({ $0.offset + 1 }) ?? nextOffset else { return }
        window.removeFirst(head)
        head = 0
        var end = job.entries.count
        for failure in job.failures where !failure.isFinal { end = min(end, failure.index) }
        for index in 0..<end {
            let message = job.messages[index]
            window.append((job.entries[index].sequence, message))
            count(message?.residentBytes ?? 0)
        }
        windowEntriesLow = (window.count - head) / 2
        if job.failures.isEmpty { stream.hasReportedFailure = false }
        for failure in job.failures { note(failure, of: job) }
        if end < job.entries.count {
            retryAt = broker.context.time.monotonicMilliseconds + Limits.readRetryMilliseconds
            stream.readAgain(at: retryAt)
        }
    }

    private func note(_ failure: ReadBackFailure, of job: ReadJob) {
        let offset = job.entries[failure.index].sequence
        // What retention has removed meanwhile may well have gone from the disk, too.
        guard offset >= stream.index.firstOffset else { return }
        stream.reportUnreadable(offset, failure)
    }
}
