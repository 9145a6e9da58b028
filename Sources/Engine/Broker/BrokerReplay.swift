// Reads the broker's records back after a restart: the same topology, and in each durable queue the persistent
// messages that were not settled, in their order, those handed out before marked as redelivered.
// Runs before any client is there; `finish` builds the queues' ready lists. Loop thread only.
// Next: BrokerLog.swift (the format).

import Wire

/// The log says something that cannot be.
enum BrokerReplayError: Error, Equatable {
    case malformed(type: UInt8, position: LogPosition)
    case notABrokerRecord(type: UInt8)
}

/// State of a replay under way.
final class BrokerReplay {
    fileprivate struct Pending {
        let message: Message
        /// Wall milliseconds of its publish; for expiry.
        let publishedAt: Int64
        var isRedelivered = false
    }

    fileprivate final class PendingQueue {
        let queue: Queue
        var entries: [LogPosition: Pending] = [:]
        init(_ queue: Queue) { self.queue = queue }
    }

    fileprivate var queues: [UInt32: PendingQueue] = [:]
}

extension Broker {
    /// Takes in one record. Ends with `finishRecovery`.
    public func replay(type: RecordType, payload: ByteSlice, position: LogPosition) throws {
        if replaying == nil { replaying = BrokerReplay() }
        do throws(CursorError) {
            try replayRecord(type, payload, position)
        } catch {
            throw BrokerReplayError.malformed(type: type.rawValue, position: position)
        }
    }

    /// The log is read: fills the queues. The journal may be enabled afterwards.
    public func finishRecovery() {
        guard let replay = replaying else { return }
        replaying = nil
        for pending in replay.queues.values {
            let queue = pending.queue
            guard !queue.isDeleted else { continue }
            for (position, entry) in pending.entries.sorted(by: { $0.key < $1.key }) {
                entry.message.header.logPosition = position
                queue.restore(
                    entry.message, expiry: expiry(of: entry, in: queue), isRedelivered: entry.isRedelivered)
            }
            if queue.mayExpire { queue.armExpiry() }
            queue.touch()
        }
    }

    private func expiry(of entry: BrokerReplay.Pending, in queue: Queue) -> Int64 {
        var lifetime = queue.settings.messageTTLMilliseconds
        let own = entry.message.header.expirationMilliseconds
        if own >= 0, lifetime < 0 || own < lifetime { lifetime = own }
        guard lifetime >= 0 else { return QueueEntry.never }
        let passed = max(0, context.time.wallMilliseconds - entry.publishedAt)
        return context.time.monotonicMilliseconds + max(0, lifetime - passed)
    }

    private func replayRecord(
        _ type: RecordType, _ payload: ByteSlice, _ position: LogPosition
    ) throws(CursorError) {
        var cursor = ByteCursor(payload)
        switch type {
        case .virtualHostDeclare: makeVirtualHost(ByteString(try cursor.readShortString()))
        case .virtualHostDelete: _ = deleteVirtualHost(try cursor.readShortString())
        case .exchangeDeclare: try replayExchange(&cursor)
        case .exchangeDelete:
            let host = virtualHost(try cursor.readShortString())
            if let exchange = host?.exchange(try cursor.readShortString()) { host?.removeExchange(exchange) }
        case .queueDeclare: try replayQueue(&cursor)
        case .queueDelete:
            if let pending = replaying?.queues.removeValue(forKey: try cursor.readLittle32()) {
                pending.queue.virtualHost.deleteQueue(pending.queue)
            }
        case .bind: try replayBinding(&cursor, isBind: true)
        case .unbind: try replayBinding(&cursor, isBind: false)
        case .publish: try replayPublish(&cursor, position)
        case .settle:
            guard let pending = replaying?.queues[try cursor.readLittle32()] else { return }
            while cursor.remaining > 0 { pending.entries[try cursor.readLittle64()] = nil }
        case .delivered:
            guard let pending = replaying?.queues[try cursor.readLittle32()] else { return }
            while cursor.remaining > 0 { pending.entries[try cursor.readLittle64()]?.isRedelivered = true }
        case .purge:
            guard let pending = replaying?.queues[try cursor.readLittle32()] else { return }
            let all = pending.entries
            pending.entries = [:]
            while cursor.remaining > 0 {
                let kept = try cursor.readLittle64()
                pending.entries[kept] = all[kept]
            }
        case .brokerGroup:
            while cursor.remaining > 0 {
                let offset = payload.count - cursor.remaining
                guard
                    case .record(let number, let inner, let bytes) = RecordRead.front(
                        of: cursor.rest, available: cursor.remaining), let type = RecordType(rawValue: number)
                else { throw .outOfBytes }
                _ = try cursor.readSlice(bytes)
                try replayRecord(type, inner, position + UInt64(RecordFormat.headerBytes + offset))
            }
        case .fence, .durableMark, .storeEffects, .storeJournaling, .returned, .checkpointBegin, .queueEntries,
            .checkpointEnd:
            throw .outOfBytes
        }
    }

    private func replayExchange(_ cursor: inout ByteCursor) throws(CursorError) {
        let hostName = try cursor.readShortString()
        let name = try cursor.readShortString()
        let type = try cursor.readShortString()
        let flags = try cursor.readUInt8()
        let arguments = try cursor.readArguments()
        let method = ExchangeDeclare(
            exchange: name, type: type, durable: true, autoDelete: flags & 1 != 0, isInternal: flags & 2 != 0,
            arguments: arguments)
        try? makeVirtualHost(ByteString(hostName)).declareExchange(method)
    }

    private func replayQueue(_ cursor: inout ByteCursor) throws(CursorError) {
        let id = try cursor.readLittle32()
        let host = makeVirtualHost(ByteString(try cursor.readShortString()))
        let name = try cursor.readShortString()
        let flags = try cursor.readUInt8()
        let arguments = try cursor.readArguments()
        noteLogID(id)
        let resource = ResourceName.queue(name, in: host)
        // Arguments were accepted when the queue was declared.
        let settings = (try? QueueArguments.parse(arguments, for: resource)) ?? QueueSettings()
        let queue = Queue(
            name: ByteString(name), number: takeQueueNumber(), broker: self, virtualHost: host, logID: id,
            isDurable: true, isAutoDelete: flags & 1 != 0, owner: nil, isExclusive: false, settings: settings,
            rawArguments: arguments.array)
        host.insert(queue)
        replaying?.queues[id] = BrokerReplay.PendingQueue(queue)
    }

    private func replayBinding(_ cursor: inout ByteCursor, isBind: Bool) throws(CursorError) {
        let hostName = try cursor.readShortString()
        let source = try cursor.readShortString()
        let kind = try cursor.readUInt8()
        let destination = try cursor.readShortString()
        let key = try cursor.readShortString()
        let arguments = try cursor.readArguments()
        guard let host = virtualHost(hostName) else { return }
        switch (isBind, kind) {
        case (true, 0): _ = try? host.bindQueue(destination, to: source, key: key, arguments: arguments, by: nil)
        case (true, _): _ = try? host.bindExchange(destination, to: source, key: key, arguments: arguments)
        case (false, 0): try? host.unbindQueue(destination, from: source, key: key, arguments: arguments, by: nil)
        case (false, _): try? host.unbindExchange(destination, from: source, key: key, arguments: arguments)
        }
    }

    private func replayPublish(_ cursor: inout ByteCursor, _ position: LogPosition) throws(CursorError) {
        let record = try PublishRecord(cursor.rest)
        let message = record.makeMessage(isPersistent: true, position: position)
        for index in 0..<record.queueCount {
            replaying?.queues[record.queueID(index)]?.entries[position] =
                BrokerReplay.Pending(message: message, publishedAt: record.publishedAtMilliseconds)
        }
    }
}

extension ByteCursor {
    fileprivate mutating func readArguments() throws(CursorError) -> ByteSlice {
        try readSlice(Int(try readLittle32()))
    }
}

extension Broker {
    /// Log positions of this queue's messages that channels hold. Walks all channels: for purges only.
    func heldPositions(of queue: Queue) -> [LogPosition] {
        guard queue.unackedCount > 0 else { return [] }
        var positions: [LogPosition] = []
        for connection in connections.values {
            for channel in connection.channels.values {
                func note(_ held: UnackedEntry) {
                    guard held.entry.isLogged, held.queue.toOpaque() == Unmanaged.passUnretained(queue).toOpaque()
                    else {
                        return
                    }
                    positions.append(held.entry.logPosition)
                }
                channel.unacked.forEach(note)
                channel.transaction.settlements.forEach { note($0.held) }
            }
        }
        return positions
    }
}
