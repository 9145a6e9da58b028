// Messages on their way back from the disk. A queue that is being drained says so (`want`) when little of it is
// left in memory at its head; the server takes the requests at the end of the turn, has the storage thread carry
// them out and gives the results back. Results may come late and in any order: entries are found by sequence,
// and a message whose entry is gone is dropped.
// Others who want messages read (dead letters, QUEUE PEEK) ask with a job.
// Loop thread only. Next: ../../Log/ReadBack.swift (what crosses threads).

import Wire

/// Messages that are wanted outside their queue's ready list.
final class ReadJob {
    let entries: [ReadBackRequest.Entry]
    /// Of bodies, if that is to be kept within bounds: then it has to fit into one request.
    let bytes: Int
    /// In the order of `entries`; nil for those that could not be read.
    fileprivate(set) var messages: [Message?] = []
    /// Those that could not be read, by their index in `entries`.
    fileprivate(set) var failures: [ReadBackFailure] = []
    fileprivate var underWay: UInt64?
    fileprivate let completion: (ReadJob) -> Void

    init(entries: [ReadBackRequest.Entry], bytes: Int = 0, completion: @escaping (ReadJob) -> Void) {
        precondition(bytes == 0 || entries.count <= Limits.readRequestEntries)
        self.entries = entries
        self.bytes = bytes
        self.completion = completion
    }

    fileprivate var isComplete: Bool { messages.count == entries.count }
}

extension QueueEntry {
    /// How it is asked for. On disk only.
    var readRequest: ReadBackRequest.Entry {
        ReadBackRequest.Entry(sequence: sequence, place: diskPlace, isLogged: isLogged)
    }
}

extension Pager {
    /// The queue's head is, or will soon be, on disk, and somebody waits for it.
    func want(_ queue: Queue) {
        let paging = queue.makePaging()
        guard !paging.isWanting, paging.requestsUnderWay < Limits.readRequestsPerQueue,
            paging.retryAtMilliseconds <= broker.context.time.monotonicMilliseconds
        else { return }
        paging.isWanting = true
        wanting.append(queue)
    }

    /// Has the messages of a job read. They must be in the spool or the log until then.
    func start(_ job: ReadJob) { jobs.append(job) }

    // MARK: Asking

    func takeRequests() -> [ReadBackRequest] {
        var requests: [ReadBackRequest] = []
        if !jobs.isEmpty { askForJobs(&requests) }
        if !wanting.isEmpty { askForQueues(&requests) }
        return requests
    }

    private func askForQueues(_ requests: inout [ReadBackRequest]) {
        let queues = wanting
        wanting = []
        for queue in queues {
            guard let paging = queue.paging, !queue.isDeleted else { continue }
            guard bytesUnderWay < Limits.readBytesUnderWayMax else {
                wanting.append(queue)
                continue
            }
            paging.isWanting = false
            while paging.requestsUnderWay < Limits.readRequestsPerQueue, let request = makeRequest(queue, paging) {
                paging.requestsUnderWay += 1
                bytesUnderWay += request.bytes
                requests.append(request)
            }
            arrived(queue)
        }
    }

    /// What is to be read of the queue next. What the spool still has in memory comes back at once.
    private func makeRequest(_ queue: Queue, _ paging: QueuePaging) -> ReadBackRequest? {
        let isShort = isShort
        let enough = isShort ? 0 : queue.windowEntries / 2
        var ahead = 0
        for number in (0..<queue.ready.levelCount).reversed() {
            let level = queue.ready.level(number)
            if paging[number].onDisk > 0 {
                let start = level.firstIndex(from: paging[number].requested)
                ahead += start
                if ahead > enough { return nil }
                let (entries, bytes, end) = ask(queue, level, from: start, isShort: isShort)
                let next = end < level.count ? level[end].sequence : queue.nextSequence
                paging[number].requested = next
                paging[number].headEnd = max(paging[number].headEnd, next)
                if !entries.isEmpty {
                    nextRequestNumber += 1
                    return ReadBackRequest(
                        number: nextRequestNumber, queueNumber: queue.number, level: UInt8(number), entries: entries,
                        bytes: bytes)
                }
                ahead += end - start
            } else {
                ahead += level.count
            }
            if ahead > enough { return nil }
        }
        return nil
    }

    /// Marks entries of a level from `start` on as asked for. Returns them and the index behind the last one.
    private func ask(
        _ queue: Queue, _ level: ReadyLevel, from start: Int, isShort: Bool
    ) -> (entries: [ReadBackRequest.Entry], bytes: Int, end: Int) {
        var entries: [ReadBackRequest.Entry] = []
        let most = isShort ? Limits.readRequestEntriesWhenShort : Limits.readRequestEntries
        var taken = 0
        var bytes = 0
        var asked = 0
        var index = start
        let last = min(level.count, start + Limits.readScanEntries)
        while index < last, taken < most, bytes < requestBytes {
            let pointer = level.pointer(at: index)
            index += 1
            guard pointer.pointee.isOnDisk, !pointer.pointee.isAsked, !pointer.pointee.isUnreadable else { continue }
            taken += 1
            bytes += pointer.pointee.bodyBytes
            if !pointer.pointee.isLogged, let record = spool.record(at: pointer.pointee.diskPlace) {
                let entry = pointer.pointee.readRequest
                bringBack(queue, pointer, Unmanaged.passRetained(record.makeMessage(at: entry)))
            } else {
                pointer.pointee.isAsked = true
                asked += pointer.pointee.bodyBytes
                entries.append(pointer.pointee.readRequest)
            }
        }
        return (entries, asked, index)
    }

    private func bringBack(
        _ queue: Queue, _ pointer: UnsafeMutablePointer<QueueEntry>, _ message: Unmanaged<Message>
    ) {
        let old = pointer.pointee
        message._withUnsafeGuaranteedRef { noteBroughtBack(old, $0) }
        queue.noteNoLongerOnDisk(old)
        pointer.pointee.bringBack(message)
    }

    // MARK: Results

    func take(_ result: ReadBackResult) {
        let request = result.request
        bytesUnderWay -= request.bytes
        guard request.queueNumber != 0 else { return takeForJob(result) }
        guard let queue = broker.queuesByNumber[request.queueNumber], let paging = queue.paging else {
            return drop(result)
        }
        paging.requestsUnderWay -= 1
        guard Int(request.level) < queue.ready.levelCount else { return drop(result) }
        let level = queue.ready.level(Int(request.level))
        var hint = level.firstIndex(from: request.entries.first?.sequence ?? 0)
        for (index, entry) in request.entries.enumerated() {
            let message = result.messages[index]
            if hint >= level.count || level[hint].sequence != entry.sequence {
                hint = level.firstIndex(from: entry.sequence)
            }
            guard hint < level.count, level[hint].sequence == entry.sequence else {
                message?.release()
                continue
            }
            let pointer = level.pointer(at: hint)
            hint += 1
            guard pointer.pointee.isOnDisk, pointer.pointee.isAsked else {
                message?.release()
                continue
            }
            if let message { bringBack(queue, pointer, message) }
        }
        if result.failures.isEmpty { paging.hasReportedFailure = false } else { noteFailures(result, queue, paging) }
        arrived(queue)
    }

    private func drop(_ result: ReadBackResult) {
        for message in result.messages { message?.release() }
    }

    /// Some could not be read. Damaged ones are passed over from now on; the others are asked for again.
    private func noteFailures(_ result: ReadBackResult, _ queue: Queue, _ paging: QueuePaging) {
        let number = Int(result.request.level)
        let level = queue.ready.level(number)
        for failure in result.failures {
            let entry = result.request.entries[failure.index]
            let index = level.firstIndex(from: entry.sequence)
            // What went meanwhile may well have gone from the disk, too.
            guard index < level.count, level[index].sequence == entry.sequence else { continue }
            let pointer = level.pointer(at: index)
            guard pointer.pointee.isOnDisk else { continue }
            pointer.pointee.isAsked = false
            if failure.isFinal {
                pointer.pointee.markUnreadable()
            } else {
                paging[number].requested = min(paging[number].requested, entry.sequence)
                paging.retryAtMilliseconds = broker.context.time.monotonicMilliseconds + Limits.readRetryMilliseconds
            }
            guard !paging.hasReportedFailure else { continue }
            paging.hasReportedFailure = true
            broker.context.log(
                .error,
                failure.isFinal
                    ? "a message cannot be read and is set aside; it stays in the log"
                    : "messages cannot be read; their queue waits and tries again",
                ("queue", queue.name.string), ("vhost", queue.virtualHost.name.string), ("position", "\(entry.place)"),
                ("in", entry.isLogged ? "log" : "spool"), ("reason", failure.reason))
        }
        guard paging.retryAtMilliseconds > broker.context.time.monotonicMilliseconds else { return }
        broker.deadlines.insert(
            QueueDeadline(queueNumber: queue.number, kind: .reading), at: paging.retryAtMilliseconds)
    }

    /// Messages may be in memory that somebody waits for.
    func arrived(_ queue: Queue) {
        serveGets(queue)
        guard !queue.ready.isEmpty, queue.consumers.hasReady else { return }
        if !queue.isScheduled { broker.schedule(queue) }
    }

    /// Carries out fetches that waited, in the order they came.
    func serveGets(_ queue: Queue) {
        guard let paging = queue.paging else { return }
        while let get = paging.waitingGets.first {
            if queue.mayExpire { queue.expireHead() }
            if get.channel.isClosed || queue.isDeleted || queue.ready.isEmpty || !queue.headIsOnDisk() {
                paging.waitingGets.removeFirst()
                get.channel.finishWaitingGet(from: queue, noAck: get.noAck)
            } else {
                return
            }
        }
    }

    // MARK: Jobs

    private func askForJobs(_ requests: inout [ReadBackRequest]) {
        var complete: [ReadJob] = []
        for job in jobs where job.underWay == nil {
            guard job.bytes == 0 || bytesUnderWay < Limits.readBytesUnderWayMax else { continue }
            if let request = nextRequest(job) {
                job.underWay = request.number
                bytesUnderWay += request.bytes
                requests.append(request)
            } else {
                complete.append(job)
            }
        }
        for job in complete { finish(job) }
    }

    /// What a job needs next from the disk; nil when it has everything.
    private func nextRequest(_ job: ReadJob) -> ReadBackRequest? {
        var entries: [ReadBackRequest.Entry] = []
        for entry in job.entries[job.messages.count...] {
            if !entry.isLogged, let record = spool.record(at: entry.place) {
                // Order is kept: it waits for those before it.
                if !entries.isEmpty { break }
                job.messages.append(record.makeMessage(at: entry))
            } else {
                entries.append(entry)
                if entries.count >= Limits.readRequestEntries { break }
            }
        }
        guard !entries.isEmpty else { return nil }
        nextRequestNumber += 1
        return ReadBackRequest(number: nextRequestNumber, queueNumber: 0, level: 0, entries: entries, bytes: job.bytes)
    }

    private func takeForJob(_ result: ReadBackResult) {
        guard let job = jobs.first(where: { $0.underWay == result.request.number }) else { return drop(result) }
        job.underWay = nil
        for failure in result.failures {
            let index = job.messages.count + failure.index
            job.failures.append(ReadBackFailure(index: index, isFinal: failure.isFinal, reason: failure.reason))
        }
        for message in result.messages { job.messages.append(message?.takeRetainedValue()) }
        if job.isComplete { finish(job) }
    }

    private func finish(_ job: ReadJob) {
        jobs.removeAll { $0 === job }
        job.completion(job)
    }
}

extension Broker {
    /// What is to be read from the disk: at the end of each turn, for the storage thread. Ask for `nextDeadline`
    /// afterwards: what the spool still had in memory may be handed out at once.
    public func takeReadRequests() -> [ReadBackRequest] { pager.takeRequests() }

    /// A request has been carried out.
    public func readBack(_ result: ReadBackResult) { pager.take(result) }
}
