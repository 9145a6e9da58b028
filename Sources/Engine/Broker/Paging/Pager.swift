// Keeps messages within `memory.high_watermark`: beyond a share of it, queues with the most bytes in memory let
// go of messages far from their heads. A logged entry whose record is written keeps its position in the log and
// nothing else; any other message is copied to the spool. Work is bounded for each turn, and each entry is
// looked at once on its way out, however long the queue is.
// When even that does not help (entries alone are too many, the spool cannot be written), the memory alarm blocks
// publishers until there is room again.
// Loop thread only. Next: QueuePaging.swift (what is known of one queue), ReadAhead.swift (the way back).

import Wire

/// Paging of one broker.
final class Pager {
    unowned(unsafe) let broker: Broker
    let spool = Spool()
    var windowBytes: Int
    var requestBytes: Int
    /// Entries, in queues or on their way out, whose message is on disk.
    var onDiskCount = 0
    /// Messages that were let go of since the start.
    private(set) var pagedOutTotal = 0
    /// Queues worth paging out, the one with most in memory last.
    private var candidates: [Queue] = []
    /// Candidates that could go no further: their next record is not written yet, or the spool is full.
    private var blocked: [Queue] = []
    private var blockedAtPosition: LogPosition = 0
    /// When there was nothing to page out: not looked again before, nor before memory has grown to this.
    private var pausedUntilMilliseconds = Int64.min
    private var pausedBelowBytes = 0

    // Reading; see ReadAhead.swift.
    /// Queues that want messages read, in order.
    var wanting: [Queue] = []
    var jobs: [ReadJob] = []
    var nextRequestNumber: UInt64 = 1
    var bytesUnderWay = 0

    init(broker: Broker) {
        self.broker = broker
        windowBytes = broker.context.configuration.readAheadBytes
        requestBytes = broker.context.configuration.readRequestBytes
        spool.chunkBytes = broker.context.configuration.spoolChunkBytes
    }

    private var context: EngineContext { broker.context }

    /// Everything messages take: those in memory, entries of those on disk, chunks on their way to it.
    var memoryBytes: Int {
        broker.residentBytes + onDiskCount * Limits.entryOverheadBytes + spool.memoryBytes + broker.streamIndexBytes
            + broker.deadLetters.count * Limits.deadLetterOverheadBytes
    }

    /// The same without what is on its way to the disk already: paging out more would not free it sooner.
    private var unpagedBytes: Int { memoryBytes - spool.memoryBytes }

    var isShort: Bool { memoryBytes >= context.configuration.memoryHighWatermarkBytes }

    private func share(_ percent: Int) -> Int { context.configuration.memoryHighWatermarkBytes / 100 * percent }

    // MARK: The turn

    /// One slice. At the end of each turn; nothing to do is one comparison.
    @inline(__always)
    func endTurn() {
        if isPagingDue || isShort || context.alarms.isMemoryLow { work() }
    }

    var isPagingDue: Bool { unpagedBytes > share(Limits.pagingBeginPercent) }

    @inline(never)
    private func work() {
        if isPagingDue { pageOut() }
        let used = memoryBytes
        let watermark = context.configuration.memoryHighWatermarkBytes
        if !context.alarms.isMemoryLow, used > watermark {
            context.alarms.isMemoryLow = true
            context.log(
                .warning, "memory alarm: publishers are blocked", ("bytes", "\(used)"), ("watermark", "\(watermark)"))
        } else if context.alarms.isMemoryLow, used <= share(Limits.memoryAlarmEndPercent) {
            context.alarms.isMemoryLow = false
            context.log(.notice, "memory alarm is over", ("bytes", "\(used)"), ("watermark", "\(watermark)"))
        }
    }

    /// When the next slice is wanted; nil when none is.
    var nextDeadline: Int64? {
        let now = context.time.monotonicMilliseconds
        var next = spool.nextRetry(after: now)
        if isPagingDue { next = min(next ?? .max, candidates.isEmpty ? max(pausedUntilMilliseconds, now) : now) }
        return next
    }

    // MARK: Out

    /// What one turn may still do.
    private struct Budget {
        var visits = Limits.pagedEntriesPerTurn
        var bytes = Limits.pagedBytesPerTurn
        var isSpent: Bool { visits <= 0 || bytes <= 0 }
    }

    private func pageOut() {
        let goal = share(Limits.pagingEndPercent)
        var budget = Budget()
        let written = context.journal.writtenPosition
        if !blocked.isEmpty, written != blockedAtPosition || !spool.isFull {
            candidates.append(contentsOf: blocked)
            blocked = []
        }
        blockedAtPosition = written
        while !budget.isSpent, unpagedBytes > goal {
            guard let queue = candidates.last ?? chooseCandidates() else { return }
            switch pageOut(queue, &budget) {
            case .isSpent: return
            case .isBlocked: blocked.append(queue)
            case .isDone: break
            }
            candidates.removeLast()
        }
    }

    /// How paging out one queue ended.
    private enum Progress {
        case isDone, isBlocked, isSpent
    }

    /// The queues with most in memory beyond what they keep at their heads. Nil when there is none, or there was
    /// none just now.
    private func chooseCandidates() -> Queue? {
        let now = context.time.monotonicMilliseconds
        guard now >= pausedUntilMilliseconds || broker.residentBytes > pausedBelowBytes else { return nil }
        var found: [(bytes: Int, queue: Queue)] = []
        for queue in broker.queuesByNumber.values where hasPageable(queue) && !blocked.contains(where: { $0 === queue })
        {
            found.append((residentBytes(of: queue), queue))
        }
        found.sort { $0.bytes < $1.bytes }
        candidates = found.suffix(Limits.pagingCandidatesMax).map(\.queue)
        // Whether they can let go of anything shows when they are asked: only then is it worth asking again.
        pausedUntilMilliseconds = now + Limits.pagingPauseMilliseconds
        pausedBelowBytes = broker.residentBytes + context.configuration.memoryHighWatermarkBytes / 64
        return candidates.last
    }

    private func residentBytes(of queue: Queue) -> Int {
        if let stream = queue.stream { return stream.tail.residentBytes + stream.windowBytes }
        return queue.delayed?.entries.inMemoryBytes ?? queue.residentReadyBytes
    }

    private func hasPageable(_ queue: Queue) -> Bool {
        if let stream = queue.stream { return !stream.tail.isEmpty || stream.windowBytes > 0 }
        if let delayed = queue.delayed { return delayed.entries.inMemoryCount > 0 }
        let kept = queue.consumers.isEmpty ? 0 : queue.windowEntries
        return queue.ready.count - queue.onDiskCount > kept
    }

    /// Pages out what can be of one queue.
    private func pageOut(_ queue: Queue, _ budget: inout Budget) -> Progress {
        if let delayed = queue.delayed { return pageOut(delayed, &budget) }
        if let stream = queue.stream { return pageOut(stream, of: queue, &budget) }
        let paging = queue.makePaging()
        var kept = queue.consumers.isEmpty ? 0 : queue.windowEntries
        // Entries that the levels above have in front of a level's own.
        var windows = [Int](repeating: 0, count: queue.ready.levelCount)
        for number in windows.indices.reversed() {
            windows[number] = min(kept, queue.ready.level(number).count)
            kept -= windows[number]
        }
        for number in windows.indices {
            var level = paging[number]
            let isDone =
                pageOutTail(queue, number, window: windows[number], &level, &budget)
                && pageOutHead(queue, number, window: windows[number], &level, &budget)
            // Counted meanwhile, in place.
            level.onDisk = paging[number].onDisk
            paging[number] = level
            if !isDone { return budget.isSpent ? .isSpent : .isBlocked }
        }
        return .isDone
    }

    /// Pages out what a delayed exchange keeps back, the latest first. What is due is read in whole requests.
    private func pageOut(_ delayed: DelayedMessages, _ budget: inout Budget) -> Progress {
        let isDone = delayed.entries.pageOut { pointer in
            guard !budget.isSpent else { return false }
            budget.visits -= 1
            return letGo(pointer, &budget)
        }
        return isDone ? .isDone : budget.isSpent ? .isSpent : .isBlocked
    }

    /// Lets go of the newest messages of a stream, and of what was read for its readers: they ask the disk again.
    private func pageOut(_ stream: MessageStream, of queue: Queue, _ budget: inout Budget) -> Progress {
        for consumer in queue.consumers.all {
            guard !budget.isSpent else { return .isSpent }
            budget.visits -= 1 + (consumer.reader?.dropWindow() ?? 0)
        }
        budget.visits -= stream.trimTail(to: 0, most: max(0, budget.visits))
        return stream.tail.isEmpty ? .isDone : budget.isSpent ? .isSpent : .isBlocked
    }

    /// From where the last slice ended towards the newest entry. False when it stopped before.
    private func pageOutTail(
        _ queue: Queue, _ number: Int, window: Int, _ borders: inout PagingLevel, _ budget: inout Budget
    ) -> Bool {
        let entries = queue.ready.level(number)
        var index = entries.firstIndex(from: borders.paged)
        if window > index {
            index = window
            // What stands before it is the head.
            let end = index < entries.count ? entries[index].sequence : queue.nextSequence
            borders.headEnd = max(borders.headEnd, end)
        }
        while index < entries.count {
            let pointer = entries.pointer(at: index)
            guard !budget.isSpent, moveOut(queue, pointer, &borders, &budget) else {
                borders.paged = pointer.pointee.sequence
                return false
            }
            index += 1
        }
        borders.paged = queue.nextSequence
        return true
    }

    /// From the end of the head towards the front: consumers have gone, or much was put back. False when it
    /// stopped before it came to what is to be kept.
    private func pageOutHead(
        _ queue: Queue, _ number: Int, window: Int, _ borders: inout PagingLevel, _ budget: inout Budget
    ) -> Bool {
        let entries = queue.ready.level(number)
        var index = entries.firstIndex(from: borders.headEnd) - 1
        while index >= window {
            let pointer = entries.pointer(at: index)
            guard !budget.isSpent, moveOut(queue, pointer, &borders, &budget) else { return false }
            borders.headEnd = pointer.pointee.sequence
            index -= 1
        }
        return true
    }

    /// Lets the entry's message go if it is in memory. False when it cannot yet.
    @inline(__always)
    private func moveOut(
        _ queue: Queue, _ pointer: UnsafeMutablePointer<QueueEntry>, _ borders: inout PagingLevel,
        _ budget: inout Budget
    ) -> Bool {
        budget.visits -= 1
        if pointer.pointee.isOnDisk { return true }
        guard letGo(pointer, &budget) else { return false }
        queue.noteOnDisk(pointer.pointee)
        if pointer.pointee.sequence < borders.requested { borders.requested = pointer.pointee.sequence }
        return true
    }

    /// Lets go of the message of an entry that is in memory. False when it cannot yet.
    @inline(__always)
    private func letGo(_ pointer: UnsafeMutablePointer<QueueEntry>, _ budget: inout Budget) -> Bool {
        if pointer.pointee.isLogged {
            let position = pointer.pointee.logPosition
            guard position < context.journal.writtenPosition else { return false }
            pointer.pointee.withMessage { broker.noteNotInMemory($0) }
            pointer.pointee.moveToDisk(position)
        } else {
            guard !spool.isFull else { return false }
            let before = spool.memoryBytes
            let place = pointer.pointee.withMessage { message in
                defer { broker.noteNotInMemory(message) }
                return spool.add(message, isShared: message.header.entryCount > 1)
            }
            broker.hasSpooledShares = spool.hasShared
            pointer.pointee.moveToDisk(place)
            budget.bytes -= spool.memoryBytes - before
        }
        onDiskCount += 1
        pagedOutTotal += 1
        return true
    }

    /// The queue is deleted.
    func forget(_ queue: Queue) {
        if !candidates.isEmpty { candidates.removeAll { $0 === queue } }
        if !blocked.isEmpty { blocked.removeAll { $0 === queue } }
        if !wanting.isEmpty { wanting.removeAll { $0 === queue } }
        serveGets(queue)
    }

    // MARK: Counts

    /// The entry's message is in memory again; `entry` is as it was on disk.
    func noteBroughtBack(_ entry: QueueEntry, _ message: Message) {
        onDiskCount -= 1
        broker.noteInMemory(message)
        if !entry.isLogged { spool.release(entry.diskPlace) }
    }

    /// An entry whose message is on disk is done with.
    func release(_ entry: QueueEntry) {
        guard !entry.isStreamed else { return }
        onDiskCount -= 1
        if !entry.isLogged { spool.release(entry.diskPlace) }
    }
}

extension Broker {
    /// Whoever is done with an entry gives it back here.
    @inline(__always)
    func release(_ entry: QueueEntry) {
        if entry.isOnDisk { return pager.release(entry) }
        entry.withMessage { noteNotInMemory($0) }
        entry.release()
    }

    /// One more entry holds the message in memory. Its bytes count once, with the first.
    @inline(__always)
    func noteInMemory(_ message: Message) {
        residentBytes &+= message.header.entryCount == 0 ? message.residentBytes : Limits.entryOverheadBytes
        message.header.entryCount &+= 1
    }

    /// An entry lets go of the message: its bytes go with the last.
    @inline(__always)
    func noteNotInMemory(_ message: Message) {
        message.header.entryCount &-= 1
        guard message.header.entryCount == 0 else { return residentBytes &-= Limits.entryOverheadBytes }
        residentBytes &-= message.residentBytes
        if hasSpooledShares { forgetSpooled(message) }
    }

    @inline(never)
    private func forgetSpooled(_ message: Message) {
        pager.spool.forget(message)
        hasSpooledShares = pager.spool.hasShared
    }

    /// Messages paged out since the start.
    public var pagedOutTotal: Int { pager.pagedOutTotal }

    // MARK: The spool, for the server

    /// The next chunk to be written to its file, `spool-<id>`: whole, and not synced. After each turn, until nil.
    public func takeSpoolChunk() -> SpoolChunk? { pager.spool.take(now: context.time.monotonicMilliseconds) }

    /// The chunk is in its file: its memory is given back.
    public func spoolWritten(_ id: UInt32) { pager.spool.written(id) }

    /// The chunk could not be written. It stays in memory and comes again later.
    public func spoolFailed(_ id: UInt32, reason: String) {
        if pager.spool.failed(id, now: context.time.monotonicMilliseconds) {
            context.log(.error, "messages cannot be paged out: the spool cannot be written", ("reason", reason))
        }
    }

    /// Files that nobody needs any more.
    public func takeSpoolRemovals() -> [UInt32] { pager.spool.takeRemovals() }
}
