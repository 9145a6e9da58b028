// What the broker writes into the log, and who waits for it. Payloads, little-endian unless they are copied from
// the wire; `name` is one length octet and bytes, `bytes` four length octets and bytes:
//
//     virtualHostDeclare, -Delete   name
//     exchangeDeclare               host name, exchange name, type name, flags u8 (1 auto-delete, 2 internal),
//                                   arguments bytes
//     exchangeDelete                host name, exchange name
//     queueDeclare                  id u32, host name, queue name, flags u8 (1 auto-delete), arguments bytes
//     queueDelete                   id u32
//     bind, unbind                  host name, source name, destination kind u8 (0 queue, 1 exchange),
//                                   destination name, key name, arguments bytes
//     publish                       see ../Log/PublishRecord.swift
//     settle, delivered             queue id u32, positions u64… to the end
//     purge                         queue id u32, positions kept u64… to the end
//     brokerGroup                   whole records, framed as those outside; all or nothing
//
// A message is named by the position of its publish record, inside a group too.
// Positions that are settled or handed out are collected and written in runs at the end of the turn.
// Loop thread only. Next: BrokerReplay.swift (reads the same), ../Log/Record.swift (how to change the format).

import Wire

final class BrokerLog {
    private let journal: Journal
    private let context: EngineContext
    private var settled = PositionRun()
    private var delivered = PositionRun()
    /// Records of an open group; nil outside.
    private var group: RecordBuffer?
    /// Channels waiting for a batch, in order of batches.
    private var waiting: [(sequence: UInt64, channel: BrokerChannel)] = []

    private struct PositionRun {
        var queueID: UInt32 = 0
        var positions: [UInt64] = []
    }

    init(context: EngineContext) {
        self.context = context
        journal = context.journal
    }

    @inline(__always)
    var isEnabled: Bool { journal.isEnabled }

    // MARK: Messages

    /// Writes the message and the queues of it that are in the log. Sets the message's position.
    @inline(__always)
    func published(_ message: Message, _ queues: [Queue]) {
        guard journal.isEnabled else { return }
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
    }

    /// The queue is done with this message.
    @inline(__always)
    func settle(_ queue: Queue, _ position: LogPosition) {
        if journal.isEnabled { noteSettled(queue.logID, position) }
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
        if journal.isEnabled { noteDelivered(queue.logID, position) }
    }

    @inline(never)
    private func noteDelivered(_ queueID: UInt32, _ position: LogPosition) {
        if delivered.queueID != queueID || delivered.positions.count >= Limits.brokerPositionsPerRecord {
            flushDelivered()
        }
        delivered.queueID = queueID
        delivered.positions.append(position)
    }

    /// Writes what was collected. At the end of the turn, and before anything that depends on the order.
    func flush() {
        flushDelivered()
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

    private func appendPositions(_ type: RecordType, _ run: PositionRun) {
        append(type, 4 + 8 * run.positions.count) { writer in
            writer.writeLittle(run.queueID)
            for position in run.positions { writer.writeLittle(position) }
        }
    }

    /// All messages of the queue are dropped but those that channels hold.
    func purged(_ queue: Queue, keeping positions: [LogPosition]) {
        guard journal.isEnabled else { return }
        flush()
        appendPositions(.purge, PositionRun(queueID: queue.logID, positions: positions))
    }

    // MARK: Topology

    func virtualHostDeclared(_ name: ByteString) { appendNames(.virtualHostDeclare, [name.slice]) }
    func virtualHostDeleted(_ name: ByteString) { appendNames(.virtualHostDelete, [name.slice]) }

    func exchangeDeclared(_ exchange: Exchange) {
        let type = ByteString(exchange.type.rawValue)
        let flags: UInt8 = (exchange.isAutoDelete ? 1 : 0) | (exchange.isInternal ? 2 : 0)
        withExtendedLifetime(type) {
            appendNames(
                .exchangeDeclare, [exchange.virtualHost.name.slice, exchange.name.slice, type.slice],
                flags: flags, arguments: exchange.rawArguments)
        }
    }

    func exchangeDeleted(_ exchange: Exchange) {
        appendNames(.exchangeDelete, [exchange.virtualHost.name.slice, exchange.name.slice])
    }

    func queueDeclared(_ queue: Queue) {
        appendNames(
            .queueDeclare, [queue.virtualHost.name.slice, queue.name.slice], id: queue.logID,
            flags: queue.isAutoDelete ? 1 : 0, arguments: queue.rawArguments)
    }

    func queueDeleted(_ queue: Queue) {
        guard journal.isEnabled else { return }
        flush()
        append(.queueDelete, 4) { $0.writeLittle(queue.logID) }
    }

    func bound(_ binding: Binding) { appendBinding(.bind, binding) }
    func unbound(_ binding: Binding) { appendBinding(.unbind, binding) }

    private func appendBinding(_ type: RecordType, _ binding: Binding) {
        guard journal.isEnabled else { return }
        let source = binding.source
        let destination = binding.destination.name
        var kind: UInt8 = 0
        if case .exchange = binding.destination { kind = 1 }
        let size =
            source.virtualHost.name.count + source.name.count + destination.count + binding.routingKey.count + 4 + 1
            + 4 + binding.rawArguments.count
        append(type, size) { writer in
            writer.writeShortString(source.virtualHost.name.slice)
            writer.writeShortString(source.name.slice)
            writer.writeUInt8(kind)
            writer.writeShortString(destination.slice)
            writer.writeShortString(binding.routingKey.slice)
            writer.writeArguments(binding.rawArguments)
        }
    }

    private func appendNames(
        _ type: RecordType, _ names: [ByteSlice], id: UInt32? = nil, flags: UInt8? = nil, arguments: [UInt8]? = nil
    ) {
        guard journal.isEnabled else { return }
        var size = (id == nil ? 0 : 4) + (flags == nil ? 0 : 1)
        for name in names { size += 1 + name.count }
        if let arguments { size += 4 + arguments.count }
        append(type, size) { writer in
            if let id { writer.writeLittle(id) }
            for name in names { writer.writeShortString(name) }
            if let flags { writer.writeUInt8(flags) }
            if let arguments { writer.writeArguments(arguments) }
        }
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
    func group(_ body: () -> Void) {
        guard journal.isEnabled, group == nil else { return body() }
        flush()
        let records = RecordBuffer()
        group = records
        body()
        flush()
        group = nil
        guard records.count > 0 else { return }
        journal.append(.brokerGroup, payloadBytes: records.count) { $0.writeSlice(records.slice) }
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

extension RawWriter {
    mutating func writeArguments(_ arguments: [UInt8]) {
        writeLittle(UInt32(arguments.count))
        arguments.withUnsafeBytes { writeSlice(ByteSlice($0)) }
    }
}
