// Every logged entry outside a ready list, wherever it is: for purges, which must keep some, and for checking what
// is counted on the way. Loop thread only. Next: ../BrokerLog.swift.

extension Broker {
    /// Log positions of this queue's messages that have left its ready list and are not settled: channels hold
    /// them, or they wait to be dead-lettered. Walks all channels: for purges only.
    func heldPositions(of queue: Queue) -> [LogPosition] {
        var positions: [LogPosition] = []
        deadLetters.forEach { entry, origin in
            if entry.isLogged, origin === queue { positions.append(entry.logPosition) }
        }
        guard queue.unackedCount > 0 else { return positions }
        for channel in holdingChannels {
            channel.forEachHeld { held in
                guard held.entry.isLogged, held.queue.toOpaque() == Unmanaged.passUnretained(queue).toOpaque()
                else { return }
                positions.append(held.entry.logPosition)
            }
        }
        return positions
    }

    // MARK: Checks

    /// What of the log is live, counted anew from everything that holds an entry.
    var recountedLiveMessages: LiveMap {
        var map = LiveMap()
        func count(_ entry: QueueEntry) {
            if entry.isLogged { map.add(entry.logPosition, bodyBytes: entry.bodyBytes) }
        }
        for queue in queuesByNumber.values {
            for index in 0..<queue.ready.count { count(queue.ready[index]) }
            queue.delayed?.entries.forEach(count)
            queue.paging?.unreadable.forEach(count)
        }
        for index in queuesByNumber.values.compactMap(\.stream?.index) + streamGraveyard {
            index.walk { _, entry in
                map.add(entry.position, bodyBytes: entry.bodyBytes)
                return true
            }
        }
        for ring in graveyard {
            for index in 0..<ring.count { count(ring[index]) }
        }
        for channel in holdingChannels { channel.forEachHeld { count($0.entry) } }
        deadLetters.forEach { entry, _ in count(entry) }
        return map
    }

    /// Walks everything: for tests.
    func checkLiveMessages() {
        precondition(context.liveMessages.agrees(with: recountedLiveMessages), "live messages miscounted")
    }
}
