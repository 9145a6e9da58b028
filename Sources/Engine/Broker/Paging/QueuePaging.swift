// What of one queue is on disk, and how far paging out and reading ahead have come. Exists only for queues that
// have, or had, messages on disk.
// A level's entries lie in memory at its head (the window that consumers drain), on disk in its middle, and in
// memory at its end (what has been published since). The borders are kept as sequences: they need no work when
// entries are taken or put back, and what a border says is only where to look: the entries' flags decide.
// Loop thread only. Next: Pager.swift (out), ReadAhead.swift (in).

import Wire

/// Borders of one priority level.
struct PagingLevel {
    /// Below this no entry is on disk that nobody has asked for.
    var requested: UInt64 = 0
    /// Below this is the head: entries that are, or will be, in memory.
    var headEnd: UInt64 = 0
    /// From `headEnd` to below this everything is on disk.
    var paged: UInt64 = 0
    /// Entries on disk.
    var onDisk = 0
}

/// A `basic.get` that found the next message on disk.
struct WaitingGet {
    let channel: BrokerChannel
    let noAck: Bool
}

/// Paging state of one queue.
final class QueuePaging {
    private(set) var levels: [PagingLevel] = [PagingLevel()]
    var requestsUnderWay = 0
    /// Stands in the pager's list of queues that want messages read.
    var isWanting = false
    var waitingGets: [WaitingGet] = []
    /// Entries whose message is damaged, taken out of the ready list but not settled: the log keeps them.
    var unreadable: [QueueEntry] = []
    /// A read has failed and was reported; nothing is said again until one has succeeded.
    var hasReportedFailure = false
    /// Nothing is asked for until then, monotonic milliseconds.
    var retryAtMilliseconds = Int64.min

    @inline(__always)
    subscript(level: Int) -> PagingLevel {
        get { level < levels.count ? levels[level] : PagingLevel() }
        set {
            while levels.count <= level { levels.append(PagingLevel()) }
            levels[level] = newValue
        }
    }

    /// An entry that a channel held is in the queue again.
    func notePutBack(_ entry: QueueEntry) {
        let level = Int(entry.priority)
        if entry.sequence >= self[level].headEnd { self[level].headEnd = entry.sequence + 1 }
    }

    /// The queue is empty.
    func reset() { levels = [PagingLevel()] }
}

extension Queue {
    /// Paging state, made when it is needed first.
    func makePaging() -> QueuePaging {
        if let paging { return paging }
        let made = QueuePaging()
        paging = made
        return made
    }

    /// Damaged messages stand aside: not counted as ready, but a purge settles them with the rest.
    var hasUnreadable: Bool { paging.map { !$0.unreadable.isEmpty } ?? false }

    /// An entry whose message is on disk has come in (after a restart) or was paged out.
    func noteOnDisk(_ entry: QueueEntry) {
        onDiskCount += 1
        onDiskBytes += entry.bodyBytes
        makePaging()[Int(entry.priority)].onDisk += 1
    }

    /// An entry whose message is on disk leaves the ready list, or its message is in memory again.
    func noteNoLongerOnDisk(_ entry: QueueEntry) {
        onDiskCount -= 1
        onDiskBytes -= entry.bodyBytes
        paging?[Int(entry.priority)].onDisk -= 1
    }

    /// All ready entries have been taken out at once.
    func noteEmptied() {
        readyBytes = 0
        onDiskCount = 0
        onDiskBytes = 0
        guard let paging else { return }
        paging.reset()
        for entry in paging.unreadable {
            // The log has been told of the purge or the deletion; its stretches must hear of it, too.
            if entry.isLogged { broker.log.forget(entry) }
            broker.release(entry)
        }
        paging.unreadable = []
        broker.pager.serveGets(self)
    }

    /// How many entries at the head should be in memory while there are consumers.
    var windowEntries: Int {
        let average = readyBytes / max(1, ready.count) + Limits.messageOverheadBytes
        return min(Limits.readAheadEntries, max(1, broker.pager.windowBytes / average))
    }

    /// Ready messages that are in memory, bytes: what paging out could free.
    var residentReadyBytes: Int {
        readyBytes - onDiskBytes + (ready.count - onDiskCount) * Limits.messageOverheadBytes
    }

    /// Whether the next message has to be read before it can be handed out. Asks for it if so. Damaged ones on
    /// the way are set aside. The queue must not be empty; it may be afterwards.
    @inline(never)
    func headIsOnDisk() -> Bool {
        while let first = ready.first, first.isOnDisk {
            if first.isUnreadable {
                setAside(removeFirstReady())
            } else {
                broker.pager.want(self)
                return true
            }
        }
        return false
    }

    /// The message cannot be read: the queue goes on without it, since one damaged message must not stop the rest.
    /// It is not settled, so the log keeps it and a later start tries again; the log file has said which it is.
    func setAside(_ entry: QueueEntry) {
        // What is in the spool only, or was deleted with its queue, is nowhere after a restart.
        guard entry.isLogged, !isDeleted else { return letGo(entry) }
        makePaging().unreadable.append(entry)
        broker.log.moved(self, entry)
    }
}
