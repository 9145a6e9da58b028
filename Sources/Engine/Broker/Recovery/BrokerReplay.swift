// Reads the broker's records back after a restart: the same topology, and in each durable queue the persistent
// messages that were not settled, in their order, those handed out before marked as redelivered.
// Bodies stay on disk: the queues get entries that say where. A checkpoint comes first, if there is one: a picture
// that is fuzzy in what changed while it was taken. So every record holds for what is there and says nothing about
// what is not: declared twice is declared, an unknown queue's messages and settlements are nobody's.
// Runs before any client is there; `finishRecovery` builds the queues' ready lists. Loop thread only.
// Next: RecoveredEntries.swift, ../BrokerLog.swift (the format), BrokerCheckpoint.swift (the picture).

import Wire

/// The log says something that cannot be.
enum BrokerReplayError: Error, Equatable {
    case malformed(type: UInt8, position: LogPosition)
    case notABrokerRecord(type: UInt8)
}

/// State of a replay under way.
final class BrokerReplay {
    fileprivate final class PendingQueue {
        let queue: Queue
        var entries = RecoveredEntries()
        init(_ queue: Queue) { self.queue = queue }

        func published(_ record: PublishRecord, _ position: LogPosition) {
            if queue.delayed != nil { return delayed(record, position) }
            if let stream = queue.stream {
                return stream.replay(
                    StreamRunEntry(
                        position: position, bodyBytes: record.bodyBytes,
                        wallMilliseconds: record.publishedAtMilliseconds),
                    segmentBytesMax: queue.settings.streamSegmentBytesMax)
            }
            let settings = queue.settings
            var lifetime = settings.messageTTLMilliseconds
            let own = record.expirationMilliseconds
            if own >= 0, lifetime < 0 || own < lifetime { lifetime = own }
            entries.add(
                RecoveredEntry(
                    position: position,
                    wallExpiry: lifetime < 0 ? -1 : max(0, record.publishedAtMilliseconds.addingSaturated(lifetime)),
                    bodyBytes: record.bodyBytes, priority: min(record.priority, settings.priorityMax)))
        }

        /// It is due that long after its publish, as its headers say.
        private func delayed(_ record: PublishRecord, _ position: LogPosition) {
            let headers = (try? BasicPropertiesView(record.properties))?.headers?.bytes
            let delay = MessageDelay.milliseconds(headers) ?? 0
            entries.add(
                RecoveredEntry(
                    position: position, wallExpiry: max(0, record.publishedAtMilliseconds.addingSaturated(delay)),
                    bodyBytes: record.bodyBytes, priority: 0))
        }
    }

    fileprivate var queues: [UInt32: PendingQueue] = [:]
    /// Records are about one queue many times in a row.
    private var lastUsed: (id: UInt32, queue: PendingQueue)?

    fileprivate func queue(_ id: UInt32) -> PendingQueue? {
        if let lastUsed, lastUsed.id == id { return lastUsed.queue }
        guard let found = queues[id] else { return nil }
        lastUsed = (id, found)
        return found
    }

    fileprivate func add(_ queue: Queue) { queues[queue.logID] = PendingQueue(queue) }

    fileprivate func remove(_ id: UInt32) -> Queue? {
        if lastUsed?.id == id { lastUsed = nil }
        return queues.removeValue(forKey: id)?.queue
    }
}

extension Broker {
    /// Takes in one record. Ends with `finishRecovery`.
    public func replay(type: RecordType, payload: ByteSlice, position: LogPosition) throws {
        let replay = replaying ?? BrokerReplay()
        replaying = replay
        do throws(CursorError) {
            try replayRecord(type, payload, position, replay)
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
            pending.entries.drain { queue.restore($0) }
            if let stream = queue.stream { queue.finishReplay(stream) }
            if queue.mayExpire { queue.armExpiry() }
            if let delayed = queue.delayed { queue.armDelay(delayed) }
            queue.touch()
        }
    }

    private func replayRecord(
        _ type: RecordType, _ payload: ByteSlice, _ position: LogPosition, _ replay: BrokerReplay
    ) throws(CursorError) {
        var cursor = ByteCursor(payload)
        switch type {
        case .virtualHostDeclare: makeVirtualHost(ByteString(try cursor.readShortString()))
        case .virtualHostDelete: _ = deleteVirtualHost(try cursor.readShortString())
        case .policySet: try replayPolicy(.user, &cursor)
        case .operatorPolicySet: try replayPolicy(.operator, &cursor)
        case .policyClear, .operatorPolicyClear:
            let host = virtualHost(try cursor.readShortString())
            _ = try? host?.clearPolicy(try cursor.readShortString(), type == .policyClear ? .user : .operator)
        case .limitSet, .limitClear: try replayLimit(type, &cursor)
        case .exchangeDeclare: try replayExchange(&cursor)
        case .exchangeDelete:
            let host = virtualHost(try cursor.readShortString())
            if let exchange = host?.exchange(try cursor.readShortString()) {
                if let queue = exchange.delayQueue { _ = replay.remove(queue.logID) }
                host?.removeExchange(exchange)
            }
        case .queueDeclare: try replayQueue(&cursor, replay)
        case .delayQueueDeclare: try replayDelayQueue(&cursor, replay)
        case .queueDelete:
            let id = try cursor.readLittle32()
            noteLogID(id)
            if let queue = replay.remove(id) { queue.virtualHost.deleteQueue(queue) }
        case .bind: try replayBinding(&cursor, isBind: true)
        case .unbind: try replayBinding(&cursor, isBind: false)
        case .publish:
            let record = try PublishRecord(cursor.rest)
            for index in 0..<record.queueCount { replay.queue(record.queueID(index))?.published(record, position) }
        case .settle:
            guard let pending = replay.queue(try cursor.readLittle32()) else { return }
            while cursor.remaining > 0 { pending.entries.settle(try cursor.readLittle64()) }
        case .delivered:
            guard let pending = replay.queue(try cursor.readLittle32()) else { return }
            while cursor.remaining > 0 { pending.entries.noteDelivered(try cursor.readLittle64()) }
        case .returned:
            guard let pending = replay.queue(try cursor.readLittle32()) else { return }
            while cursor.remaining > 0 {
                let position = try cursor.readLittle64()
                pending.entries.noteReturned(position, count: try cursor.readLittle32())
            }
        case .purge:
            guard let pending = replay.queue(try cursor.readLittle32()) else { return }
            var kept: [LogPosition] = []
            while cursor.remaining > 0 { kept.append(try cursor.readLittle64()) }
            pending.entries.keepOnly(kept)
        case .queueEntries:
            guard let pending = replay.queue(try cursor.readLittle32()) else { return }
            while cursor.remaining > 0 { pending.entries.add(try RecoveredEntry(&cursor)) }
        case .streamEntries:
            let record = try StreamEntriesRecord(payload)
            if let stream = replay.queue(record.queueID)?.queue.stream { try stream.replay(record) }
        case .brokerGroup:
            while cursor.remaining > 0 {
                let offset = payload.count - cursor.remaining
                guard
                    case .record(let number, let inner, let bytes) = RecordRead.front(
                        of: cursor.rest, available: cursor.remaining), let type = RecordType(rawValue: number)
                else { throw .outOfBytes }
                _ = try cursor.readSlice(bytes)
                try replayRecord(type, inner, position + UInt64(RecordFormat.headerBytes + offset), replay)
            }
        case .fence, .durableMark, .storeEffects, .storeEffectsPart, .storeEffectsEnd, .storeJournaling,
            .storeImported, .aclUserSet, .aclUserDelete,
            .checkpointBegin, .checkpointEnd:
            throw .outOfBytes
        }
    }

    private func replayPolicy(_ kind: PolicyKind, _ cursor: inout ByteCursor) throws(CursorError) {
        let host = virtualHost(try cursor.readShortString())
        let name = try cursor.readShortString()
        let scope = PolicyScope(number: try cursor.readUInt8()) ?? .all
        let priority = Int64(bitPattern: try cursor.readLittle64())
        let pattern = try cursor.readArguments().string
        let definition = try cursor.readArguments().string
        let isConfigured = cursor.remaining > 0 ? try cursor.readUInt8() == 1 : false
        // It was accepted when it was set, if with a higher limit.
        var costs = patternCosts
        costs.bytesMax = .max
        let policy = try? Policy(
            kind, name: ByteString(name), pattern: pattern, definition: definition, priority: priority, scope: scope,
            isConfigured: isConfigured, costs: costs)
        if let policy { try? host?.setPolicy(policy) }
    }

    private func replayLimit(_ type: RecordType, _ cursor: inout ByteCursor) throws(CursorError) {
        guard let subject = LimitSubject(rawValue: try cursor.readUInt8()) else { throw .outOfBytes }
        let owner = try cursor.readShortString()
        let name = LimitName(rawValue: try cursor.readShortString().string)
        if type == .limitClear {
            if let name { _ = try? clearLimits(name, of: subject, owner) }
            return
        }
        let value = Int64(bitPattern: try cursor.readLittle64())
        let isConfigured = try cursor.readUInt8() == 1
        if let name {
            try? setLimit(ResourceLimit(name: name, value: value, isConfigured: isConfigured), of: subject, owner)
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
        // Fails when it is known already, as something else: what is declared in vain changes nothing.
        try? makeVirtualHost(ByteString(hostName)).declareExchange(method)
    }

    private func replayQueue(_ cursor: inout ByteCursor, _ replay: BrokerReplay) throws(CursorError) {
        let id = try cursor.readLittle32()
        let host = makeVirtualHost(ByteString(try cursor.readShortString()))
        let name = try cursor.readShortString()
        let flags = try cursor.readUInt8()
        let arguments = try cursor.readArguments()
        noteLogID(id)
        guard replay.queue(id) == nil else { return }
        if let older = host.queue(name) {
            _ = replay.remove(older.logID)
            host.deleteQueue(older)
        }
        let resource = ResourceName.queue(name, in: host)
        // Arguments were accepted when the queue was declared.
        let policy = host.policy(forQueue: name, QueueArguments.type(of: arguments))
        let settings = (try? QueueArguments.parse(arguments, policy: policy, for: resource)) ?? QueueSettings()
        let queue = Queue(
            name: ByteString(name), number: takeQueueNumber(), broker: self, virtualHost: host, logID: id,
            isDurable: true, isAutoDelete: flags & 1 != 0, owner: nil, isExclusive: false, settings: settings,
            rawArguments: arguments.array)
        queue.policy = policy
        host.insert(queue)
        replay.add(queue)
    }

    private func replayDelayQueue(_ cursor: inout ByteCursor, _ replay: BrokerReplay) throws(CursorError) {
        let id = try cursor.readLittle32()
        let host = virtualHost(try cursor.readShortString())
        let exchange = host?.exchange(try cursor.readShortString())
        noteLogID(id)
        guard let host, let exchange, exchange.type == .delayed, replay.queue(id) == nil else { return }
        if let older = exchange.delayQueue {
            _ = replay.remove(older.logID)
            host.deleteDelayQueue(older)
        }
        replay.add(host.makeDelayQueue(of: exchange, logID: id))
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
}

extension Queue {
    fileprivate func finishReplay(_ stream: MessageStream) {
        stream.finishReplay()
        readyBytes = stream.index.bodyBytes
        removeOutdated(stream)
    }

    /// Takes an entry in after a restart, in order of positions.
    fileprivate func restore(_ recovered: RecoveredEntry) {
        let time = broker.context.time
        var expiry = QueueEntry.never
        if recovered.wallExpiry >= 0 {
            var left = max(0, recovered.wallExpiry - time.wallMilliseconds)
            // The clock may have been set back meanwhile: nothing lives longer for that than its queue allows.
            if settings.messageTTLMilliseconds >= 0 { left = min(left, settings.messageTTLMilliseconds) }
            if delayed != nil { left = min(left, MessageDelay.millisecondsMax) }
            expiry = time.monotonicMilliseconds + left
        }
        let bodyBytes = Int(recovered.bodyBytes)
        broker.context.liveMessages.add(recovered.position, bodyBytes: bodyBytes)
        restore(
            onDisk: recovered.position, bodyBytes: bodyBytes, expiry: expiry, priority: recovered.priority,
            deliveryCount: recovered.deliveryCount, isRedelivered: recovered.isRedelivered)
    }
}

extension ByteCursor {
    fileprivate mutating func readArguments() throws(CursorError) -> ByteSlice {
        try readSlice(Int(try readLittle32()))
    }
}
