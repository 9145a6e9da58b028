// One consumer of a stream: where it is, and what has been read ahead for it from the disk. Readers know nothing of each
// other. Near the end of the stream a reader takes what is in memory (StreamTail.swift); far behind, it has a window of
// its own, which is read in pieces of bounded size while it has credit.
// Loop thread only. Next: StreamDelivery.swift (who moves it on).

import Wire

/// A place in a stream.
final class StreamReader {
    /// What it gets next, if that is there.
    private(set) var nextOffset: UInt64
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

    init(at offset: UInt64, filter: StreamFilter?, broker: Broker) {
        nextOffset = offset
        self.filter = filter
        self.broker = broker
    }

    /// Takes one step. The queue's readers are woken when the disk has answered.
    func step(_ stream: MessageStream, of queue: Queue) -> Step {
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
        if window.count - head <= windowEntriesLow { read(stream, queue) }
        guard head < window.count else { return .waits }
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
        release(taken.message?.residentBytes ?? 0)
        if head == window.count {
            window.removeAll(keepingCapacity: true)
            head = 0
        }
        return taken
    }

    private func release(_ bytes: Int) {
        residentBytes -= bytes
        broker.residentBytes -= bytes
    }

    private func dropWindow() {
        release(residentBytes)
        window = []
        head = 0
        windowEntriesLow = 0
    }

    /// The consumer has ended.
    func close() {
        isClosed = true
        dropWindow()
    }

    /// Asks for what comes behind the window.
    private func read(_ stream: MessageStream, _ queue: Queue) {
        guard !isReading, retryAt <= broker.context.time.monotonicMilliseconds else { return }
        let start = window.last.map { $0.offset + 1 } ?? nextOffset
        let entries = stream.readRequests(from: start, isShort: broker.pager.isShort)
        guard !entries.isEmpty else { return }
        isReading = true
        broker.pager.start(
            ReadJob(entries: entries) { [self] job in
                isReading = false
                guard !isClosed else { return }
                take(job, stream)
                queue.wakeReaders()
            })
    }

    private func take(_ job: ReadJob, _ stream: MessageStream) {
        var end = job.entries.count
        for failure in job.failures where !failure.isFinal { end = min(end, failure.index) }
        for index in 0..<end {
            let message = job.messages[index]
            window.append((job.entries[index].sequence, message))
            residentBytes += message?.residentBytes ?? 0
            broker.residentBytes += message?.residentBytes ?? 0
        }
        windowEntriesLow = (window.count - head) / 2
        for failure in job.failures { note(failure, of: job, stream) }
        if end < job.entries.count {
            retryAt = broker.context.time.monotonicMilliseconds + Limits.readRetryMilliseconds
            stream.readAgain(at: retryAt)
        }
    }

    private func note(_ failure: ReadBackFailure, of job: ReadJob, _ stream: MessageStream) {
        let offset = job.entries[failure.index].sequence
        // What retention has removed meanwhile may well have gone from the disk, too.
        guard offset >= stream.index.firstOffset else { return }
        stream.reportUnreadable(offset, failure)
    }
}
