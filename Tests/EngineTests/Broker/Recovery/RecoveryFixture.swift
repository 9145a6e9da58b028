// Logs and checkpoints as lists of records, brokers made from them, and pictures of a broker's durable state that
// can be compared.

import Testing
import Wire

@testable import Engine

/// One record as recovery sees it.
struct LogRecord {
    let type: RecordType
    let payload: [UInt8]
    let position: LogPosition

    /// All records in `bytes`, the first of which stands at `position`.
    static func all(in bytes: UnsafeRawBufferPointer, at position: LogPosition) -> [LogRecord] {
        var records: [LogRecord] = []
        var offset = 0
        while offset < bytes.count {
            guard
                case .record(let number, let payload, let count) = RecordRead.front(
                    of: ByteSlice(UnsafeRawBufferPointer(rebasing: bytes[offset...])), available: bytes.count - offset)
            else { preconditionFailure("not a record at \(offset)") }
            records.append(
                LogRecord(
                    type: RecordType(rawValue: number)!, payload: payload.array, position: position + UInt64(offset)))
            offset += count
        }
        return records
    }

    /// Itself, or what the group holds.
    var inner: [LogRecord] {
        guard type == .brokerGroup else { return [self] }
        return payload.withUnsafeBytes { Self.all(in: $0, at: position + UInt64(RecordFormat.headerBytes)) }
    }
}

extension BrokerFixture {
    /// All records since the last call; they are durable now.
    func takeRecords() -> [LogRecord] {
        var records: [LogRecord] = []
        let journal = context.journal
        while let batch = journal.takeBatch() {
            records += LogRecord.all(
                in: UnsafeRawBufferPointer(start: batch.bytes, count: batch.count), at: batch.position)
            journal.written(batch)
            journal.durable(upTo: batch.sequence)
            broker.durable(upTo: batch.sequence)
        }
        return records.filter { $0.type != .fence && $0.type != .durableMark }
    }

    /// The records of a checkpoint taken now.
    func picture() throws -> [LogRecord] {
        let output = CheckpointOutput(position: context.journal.nextPosition)
        broker.beginCheckpoint(output)
        var budget = CheckpointBudget(visits: 100_000, bytes: 1 << 24)
        precondition(broker.continueCheckpoint(&budget), "too large a picture for one turn")
        broker.endCheckpoint()
        guard let chunk = output.takeChunk() else { return [] }
        defer { chunk.deallocate() }
        return LogRecord.all(in: UnsafeRawBufferPointer(chunk), at: 0)
    }

    /// A broker that has read `records`, at the same time as this one unless told otherwise. Messages that are in
    /// `bodies` are brought into memory.
    func restarted(
        from records: [LogRecord], bodies: [LogRecord] = [], wallMilliseconds: Int64? = nil
    ) throws -> BrokerFixture {
        // The fixture lets a second pass at its start.
        let fresh = BrokerFixture(wallMilliseconds: (wallMilliseconds ?? context.time.wallMilliseconds) - 1_000)
        for record in records {
            try record.payload.withUnsafeBytes {
                try fresh.broker.replay(type: record.type, payload: ByteSlice($0), position: record.position)
            }
        }
        fresh.broker.finishRecovery()
        fresh.checkInvariants()
        fresh.broker.checkLiveMessages()
        if !bodies.isEmpty { try fresh.bringBack(bodies) }
        return fresh
    }

    /// Reads back what the queues have on disk.
    private func bringBack(_ records: [LogRecord]) throws {
        var payloads: [LogPosition: [UInt8]] = [:]
        for record in records.flatMap(\.inner) where record.type == .publish {
            payloads[record.position] = record.payload
        }
        for queue in host.queues.values {
            var entries: [QueueEntry] = []
            while !queue.ready.isEmpty {
                var entry = queue.ready.removeFirst()
                try payloads[entry.diskPlace]!.withUnsafeBytes {
                    let record = try PublishRecord(ByteSlice($0))
                    entry.bringBack(.passRetained(record.makeMessage(isPersistent: true, position: entry.diskPlace)))
                }
                entries.append(entry)
            }
            for entry in entries { queue.ready.append(entry) }
        }
    }
}

/// What has to survive a restart, as text.
struct DurableState: Equatable {
    var topology: [String] = []
    var entries: [String: [String]] = [:]

    init(_ broker: Broker) {
        for host in broker.virtualHosts.values {
            let name = host.name.string
            topology.append("vhost \(name)")
            for exchange in host.exchanges.values where exchange.isDurable {
                if !exchange.isPredeclared {
                    topology.append(
                        "exchange \(name) \(exchange.name.string) \(exchange.type) \(exchange.isAutoDelete) "
                            + "\(exchange.isInternal) \(exchange.rawArguments)")
                }
                for binding in exchange.allBindings where binding.isDurable {
                    topology.append(
                        "binding \(name) \(exchange.name.string) \(binding.destination.name.string) "
                            + "\(binding.routingKey.string) \(binding.rawArguments)")
                }
            }
            let delayQueues = host.exchanges.values.compactMap(\.delayQueue)
            for queue in host.queues.values + delayQueues where queue.isLogged {
                let key =
                    "\(queue.delayed == nil ? "" : "delay ")queue \(name) \(queue.name.string) \(queue.logID) \(queue.isAutoDelete) \(queue.rawArguments)"
                topology.append(key)
                entries[key] = Self.entries(of: queue, in: broker)
            }
        }
        topology.sort()
    }

    /// What only one of both has.
    func differences(to other: DurableState) -> [String] {
        func lines(_ state: DurableState) -> Set<String> {
            Set(state.topology + state.entries.flatMap { queue, entries in entries.map { "\(queue): \($0)" } })
        }
        let (own, others) = (lines(self), lines(other))
        let missing = others.subtracting(own).map { "missing: \($0)" }
        return missing.sorted() + own.subtracting(others).map { "too much: \($0)" }.sorted()
    }

    private static func entries(of queue: Queue, in broker: Broker) -> [String] {
        if let stream = queue.stream {
            var lines = ["next offset \(stream.index.nextOffset)"]
            stream.index.walk { offset, entry in
                lines.append("\(offset) at \(entry.position), \(entry.bodyBytes) bytes, \(entry.wallMilliseconds)")
                return true
            }
            return lines
        }
        var all: [(QueueEntry, isHeld: Bool)] = []
        for index in 0..<queue.readyCount { all.append((queue.peek(index)!, false)) }
        queue.delayed?.entries.forEach { all.append(($0, false)) }
        for connection in broker.connections.values {
            for channel in connection.channels.values {
                channel.forEachHeld { held in
                    if held.queue.takeUnretainedValue() === queue { all.append((held.entry, true)) }
                }
            }
        }
        broker.deadLetters.forEach { if $1 === queue { all.append(($0, false)) } }
        all.removeAll { !$0.0.isLogged }
        let bySequence = all.sorted { $0.0.sequence < $1.0.sequence }.map(\.0.logPosition)
        all.sort { $0.0.logPosition < $1.0.logPosition }
        #expect(bySequence == all.map(\.0.logPosition), "sequences and positions in different orders")
        let time = broker.context.time
        return all.map { entry, isHeld in
            var text = "\(entry.logPosition) \(entry.bodyBytes) \(entry.priority)"
            if entry.hasExpiry { text += " left \(max(0, entry.expiry - time.monotonicMilliseconds))" }
            if isHeld || entry.isRedelivered { text += " redelivered" }
            if queue.settings.type == .quorum { text += " count \(entry.deliveryCount)" }
            return text
        }
    }
}
