// What the broker writes into the log, and who waits for it. Payloads, little-endian unless they are copied from
// the wire; `name` is one length octet and bytes, `bytes` four length octets and bytes:
//
//     virtualHostDeclare, -Delete   name
//     exchangeDeclare               host name, exchange name, type name, flags u8 (1 auto-delete, 2 internal),
//                                   arguments bytes
//     exchangeDelete                host name, exchange name
//     queueDeclare                  id u32, host name, queue name, flags u8 (1 auto-delete), arguments bytes
//     queueDelete                   id u32
//     delayQueueDeclare             id u32, host name, exchange name
//     policySet, operatorPolicySet  host name, policy name, scope u8 (see PolicyScope), priority i64, pattern bytes,
//                                   definition bytes, origin u8 (1 configuration; nothing: a client)
//     policyClear, operatorPolicyClear
//                                   host name, policy name
//     limitSet                      subject u8 (see LimitSubject), subject's name, limit name, value i64,
//                                   origin u8 (1 configuration)
//     limitClear                    subject u8, subject's name, limit name
//     bind, unbind                  host name, source name, destination kind u8 (0 queue, 1 exchange),
//                                   destination name, key name, arguments bytes
//     publish                       see ../Log/PublishRecord.swift
//     settle, delivered             queue id u32, positions u64… to the end
//     returned                      queue id u32, then position u64 and count u32, … to the end
//     purge                         queue id u32, positions kept u64… to the end
//     queueEntries                  queue id u32, entries… to the end: see Recovery/RecoveredEntry.swift
//     streamEntries                 see ../Log/StreamRun.swift
//     brokerGroup                   whole records, framed as those outside; all or nothing
//
// A message is named by the position of its publish record, inside a group too.
// Positions that are settled, handed out or come back are collected and written in runs at the end of the turn.
// Their order among each other does not matter: settled is settled, and counts are absolute, the largest holds.
// Loop thread only. Next: Recovery/BrokerReplay.swift (reads the same), ../Log/Record.swift (how to change the
// format).

import Wire

final class BrokerLog {
    private let journal: Journal
    private let context: EngineContext
    private var settled = PositionRun()
    private var delivered = PositionRun()
    private var returned = PositionRun()
    /// How often each of `returned` came back.
    private var returnedCounts: [UInt32] = []
    /// Records of an open group; nil outside.
    private var group: RecordBuffer?
    /// Channels waiting for a batch, in order of batches.
    private var waiting: [(sequence: UInt64, channel: BrokerChannel)] = []
    /// The last batch with something that replies promise: topology, purges, committed transactions.
    private(set) var promisedSequence: UInt64 = 0
    /// The log takes nothing any more; the broker goes on in memory.
    var hasFailed = false
    /// The picture being taken, if one is.
    var checkpoint: BrokerCheckpoint?

    private struct PositionRun {
        var queueID: UInt32 = 0
        var positions: [UInt64] = []
    }

    init(context: EngineContext) {
        self.context = context
        journal = context.journal
    }

    @inline(__always)
    var isEnabled: Bool { journal.isEnabled && !hasFailed }

    // MARK: Messages

    /// Writes the message and the queues of it that are in the log. Sets the message's position.
    @inline(__always)
    func published(_ message: Message, _ queues: [Queue]) {
        guard isEnabled else { return }
        appendPublish(message, queues)
    }

    private func appendPublish(_ message: Message, _ queues: [Queue]) {
        var count = 0
        for queue in queues where queue.isLogged { count += 1 }
        let position = append(.publish, PublishRecord.bytes(message, queueCount: count)) { writer in
            PublishRecord.write(
                message, queueCount: count, wallMilliseconds: context.time.wallMilliseconds, to: &writer
            ) { writer in
                for queue in queues where queue.isLogged { writer.writeLittle(queue.logID) }
            }
        }
        message.header.logPosition = position
        for _ in 0..<count { context.liveMessages.add(position, bodyBytes: message.header.bodyBytes) }
    }

    /// The queue is done with this logged entry, which still is the caller's to release.
    @inline(__always)
    func settle(_ queue: Queue, _ entry: QueueEntry) {
        settle(queue, entry.logPosition, bodyBytes: entry.bodyBytes)
    }

    /// The queue has refused a message that was written for it.
    func settle(_ queue: Queue, _ message: Message) {
        settle(queue, message.header.logPosition, bodyBytes: message.header.bodyBytes)
    }

    @inline(__always)
    private func settle(_ queue: Queue, _ position: LogPosition, bodyBytes: Int) {
        context.liveMessages.remove(position, bodyBytes: bodyBytes)
        if isEnabled, !queue.isDeleted { noteSettled(queue.logID, position) }
    }

    /// A logged entry was purged or deleted with its queue, which the log knows already.
    func forget(_ entry: QueueEntry) { forget(entry.logPosition, bodyBytes: entry.bodyBytes) }

    func forget(_ position: LogPosition, bodyBytes: Int) {
        context.liveMessages.remove(position, bodyBytes: bodyBytes)
    }

    @inline(never)
    private func noteSettled(_ queueID: UInt32, _ position: LogPosition) {
        if settled.queueID != queueID || settled.positions.count >= Limits.brokerPositionsPerRecord {
            flushSettled()
        }
        settled.queueID = queueID
        settled.positions.append(position)
    }

    /// The queue has handed this message out for the first time.
    @inline(__always)
    func delivered(_ queue: Queue, _ position: LogPosition) {
        if isEnabled { noteDelivered(queue.logID, position) }
    }

    @inline(never)
    private func noteDelivered(_ queueID: UInt32, _ position: LogPosition) {
        if delivered.queueID != queueID || delivered.positions.count >= Limits.brokerPositionsPerRecord {
            flushDelivered()
        }
        delivered.queueID = queueID
        delivered.positions.append(position)
    }

    /// A logged entry has come back to its queue, counted already.
    func returned(_ queue: Queue, _ entry: QueueEntry) {
        moved(queue, entry)
        // Elsewhere the flag is enough, and the log has that since the delivery.
        guard isEnabled, queue.settings.type == .quorum else { return }
        if returned.queueID != queue.logID || returned.positions.count >= Limits.brokerPositionsPerRecord {
            flushReturned()
        }
        returned.queueID = queue.logID
        returned.positions.append(entry.logPosition)
        returnedCounts.append(UInt32(entry.deliveryCount))
    }

    /// A logged entry comes back to where a checkpoint's walk may have been already.
    @inline(__always)
    func moved(_ queue: Queue, _ entry: QueueEntry) {
        if let checkpoint { checkpoint.moved(queue, entry) }
    }

    /// Writes what was collected. At the end of the turn, and before anything that depends on the order.
    func flush() {
        flushDelivered()
        flushReturned()
        flushSettled()
    }

    private func flushSettled() {
        guard !settled.positions.isEmpty else { return }
        appendPositions(.settle, settled)
        settled.positions.removeAll(keepingCapacity: true)
    }

    private func flushDelivered() {
        guard !delivered.positions.isEmpty else { return }
        appendPositions(.delivered, delivered)
        delivered.positions.removeAll(keepingCapacity: true)
    }

    private func flushReturned() {
        guard !returned.positions.isEmpty else { return }
        append(.returned, 4 + 12 * returned.positions.count) { writer in
            writer.writeLittle(returned.queueID)
            for (position, count) in zip(returned.positions, returnedCounts) {
                writer.writeLittle(position)
                writer.writeLittle(count)
            }
        }
        returned.positions.removeAll(keepingCapacity: true)
        returnedCounts.removeAll(keepingCapacity: true)
    }

    private func appendPositions(_ type: RecordType, _ run: PositionRun) {
        append(type, 4 + 8 * run.positions.count) { writer in
            writer.writeLittle(run.queueID)
            for position in run.positions { writer.writeLittle(position) }
        }
    }

    /// All messages of the queue are dropped but those that channels hold.
    func purged(_ queue: Queue, keeping positions: [LogPosition]) {
        guard isEnabled else { return }
        flush()
        appendPositions(.purge, PositionRun(queueID: queue.logID, positions: positions))
        notePromise()
    }

    // MARK: Topology

    func virtualHostDeclared(_ name: ByteString) { writeTopology { $0.virtualHost(.virtualHostDeclare, name) } }
    func virtualHostDeleted(_ name: ByteString) { writeTopology { $0.virtualHost(.virtualHostDelete, name) } }
    func exchangeDeclared(_ exchange: Exchange) {
        guard let queue = exchange.delayQueue else { return writeTopology { $0.exchangeDeclare(exchange) } }
        // One without the other would have nowhere to keep messages back.
        group(isPromised: true) {
            writeTopology {
                $0.exchangeDeclare(exchange)
                $0.delayQueueDeclare(queue)
            }
        }
    }
    func exchangeDeleted(_ exchange: Exchange) { writeTopology { $0.exchangeDelete(exchange) } }
    func policySet(_ policy: Policy, in host: VirtualHost) { writeTopology { $0.policySet(policy, in: host) } }
    func policyCleared(_ policy: Policy, in host: VirtualHost) { writeTopology { $0.policyClear(policy, in: host) } }
    func limitSet(_ limit: ResourceLimit, of subject: LimitSubject, _ name: ByteSlice) {
        writeTopology { $0.limitSet(limit, of: subject, name) }
    }
    func limitCleared(_ limit: LimitName, of subject: LimitSubject, _ name: ByteSlice) {
        writeTopology { $0.limitClear(limit, of: subject, name) }
    }
    func queueDeclared(_ queue: Queue) { writeTopology { $0.queueDeclare(queue) } }
    func bound(_ binding: Binding) { writeTopology { $0.binding(.bind, binding) } }
    func unbound(_ binding: Binding) { writeTopology { $0.binding(.unbind, binding) } }

    func queueDeleted(_ queue: Queue) {
        guard isEnabled else { return }
        flush()
        writeTopology { $0.queueDelete(queue) }
    }

    private func writeTopology(_ body: (TopologyRecords) -> Void) {
        guard isEnabled else { return }
        body(TopologyRecords { [self] type, size, fill in append(type, size, fill) })
        notePromise()
    }

    /// Refuses what would have to be in the log, once the log has failed.
    func checkWritable() throws(BrokerError) {
        if hasFailed, journal.isEnabled { throw .logFailed(context.alarms.logFailure ?? "") }
    }

    // MARK: Promises

    /// What is in the open batch is promised by a reply: it goes to disk at once.
    private func notePromise() {
        journal.requireSync()
        promisedSequence = journal.openSequence
    }

    // MARK: Appending

    /// Appends to the journal or the open group; returns the record's position.
    @inline(__always)
    @discardableResult
    private func append(_ type: RecordType, _ size: Int, _ fill: (inout RawWriter) -> Void) -> LogPosition {
        if group != nil { return appendToGroup(type, size, fill) }
        return journal.append(type, payloadBytes: size, fill)
    }

    @inline(never)
    private func appendToGroup(_ type: RecordType, _ size: Int, _ fill: (inout RawWriter) -> Void) -> LogPosition {
        // Nothing else is appended while a group is open, so the group's own position is known.
        let position = journal.nextPosition + UInt64(RecordFormat.headerBytes + group!.count)
        group!.append(type, payloadBytes: size, fill)
        return position
    }

    /// Whatever `body` writes becomes one record. Groups do not nest: an inner one is part of the outer.
    /// - Parameter isPromised: a reply says that it is on disk.
    func group(isPromised: Bool = false, _ body: () -> Void) {
        guard isEnabled, group == nil else { return body() }
        flush()
        let records = RecordBuffer()
        group = records
        body()
        flush()
        group = nil
        guard records.count > 0 else { return }
        journal.append(.brokerGroup, payloadBytes: records.count) { $0.writeSlice(records.slice) }
        if isPromised { notePromise() }
    }

    // MARK: Waiting

    /// The channel owes confirms that may go once this batch is durable.
    func wait(_ channel: BrokerChannel, for sequence: UInt64) {
        if let last = waiting.last, last.channel === channel, last.sequence == sequence { return }
        waiting.append((sequence, channel))
    }

    /// Channels that waited for a batch up to `sequence`.
    func takeWaiting(upTo sequence: UInt64) -> [BrokerChannel] {
        var due: [BrokerChannel] = []
        waiting.removeAll { item in
            guard item.sequence <= sequence else { return false }
            due.append(item.channel)
            return true
        }
        return due
    }
}
