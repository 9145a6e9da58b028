// One message as QUEUE PEEK shows it: where it goes, its properties and headers by name, its body.
// Loop thread only. Next: InspectionRow.swift.

import Wire

/// What QUEUE PEEK shows: a picture of some messages as they stood when it was asked for. Those on disk are read
/// without touching the queue.
final class QueuePeek {
    private var rows: [MessageRow] = []
    private let broker: Broker
    /// Of `rows`: those whose message is to be read.
    private var missing: [Int] = []
    private var entries: [ReadBackRequest.Entry] = []

    init(_ queue: Queue, offset: Int, count: Int) {
        broker = queue.broker
        if let stream = queue.stream {
            add(stream, from: offset, count: count)
            return
        }
        var bytes = 0
        for position in offset..<(offset + count) where bytes < Limits.peekedBytesMax {
            guard let entry = queue.peek(position) else { preconditionFailure("ready count is wrong") }
            if entry.isOnDisk {
                missing.append(rows.count)
                entries.append(entry.readRequest)
            }
            rows.append(MessageRow(entry, position: position, now: broker.context.time.monotonicMilliseconds))
            bytes += entry.bodyBytes
        }
    }

    /// Messages of a stream: from memory near its end, from disk before that.
    private func add(_ stream: MessageStream, from first: Int, count: Int) {
        var bytes = 0
        stream.index.walk(from: stream.index.firstOffset + UInt64(first)) { offset, entry in
            guard rows.count < count, bytes < Limits.peekedBytesMax else { return false }
            let isInMemory = offset >= stream.tail.firstOffset
            if !isInMemory {
                missing.append(rows.count)
                entries.append(ReadBackRequest.Entry(sequence: offset, place: entry.position, isLogged: true))
            }
            rows.append(
                MessageRow(
                    QueueEntry(streamOffset: offset, bodyBytes: entry.bodyBytes), position: first + rows.count,
                    message: isInMemory ? stream.tail[offset] : nil))
            bytes += entry.bodyBytes
            return true
        }
    }

    var needsDisk: Bool { !entries.isEmpty }

    /// Calls `done` when what is on disk has been read. What could not be is shown without its message.
    func read(_ done: @escaping () -> Void) {
        // The queue may be done with them before they are read.
        for entry in entries where !entry.isLogged { broker.pager.spool.retain(entry.place) }
        broker.pager.start(
            ReadJob(entries: entries) { [self] job in
                for entry in entries where !entry.isLogged { broker.pager.spool.release(entry.place) }
                for (index, message) in zip(missing, job.messages) { rows[index].message = message }
                done()
            })
    }

    func write(to reply: ReplyWriter) {
        reply.array(rows.count)
        for row in rows { row.write(to: reply) }
    }
}

/// A ready message, described.
struct MessageRow {
    /// Facts only: it is not held.
    private let entry: QueueEntry
    private let position: Int
    private let now: Int64
    /// Nil while it has not been read.
    fileprivate var message: Message?

    /// `now` is the turn's monotonic time, milliseconds.
    fileprivate init(_ entry: QueueEntry, position: Int, now: Int64) {
        self.entry = entry
        self.position = position
        self.now = now
        message = entry.isOnDisk ? nil : entry.message
    }

    /// One of a stream.
    fileprivate init(_ entry: QueueEntry, position: Int, message: Message?) {
        self.entry = entry
        self.position = position
        now = 0
        self.message = message
    }

    fileprivate func write(to reply: ReplyWriter) {
        let message =
            message ?? Message.make(exchange: .empty, routingKey: .empty, properties: .empty, bodyBytes: 0)
        var row = InspectionRow()
        row.add("position", .integer(position))
        if entry.isStreamed { row.add("offset", .integer(Int(entry.sequence))) }
        row.add("exchange", .bytes(message.exchange.array))
        row.add("routing_key", .bytes(message.routingKey.array))
        row.add("redelivered", .flag(entry.isRedelivered))
        row.add("delivery_count", .integer(Int(entry.deliveryCount)))
        row.add("expires_in_milliseconds", entry.hasExpiry ? .integer(Int(max(0, entry.expiry - now))) : .none)
        row.add("properties", .map(properties(message)))
        row.add("headers", .field(.table(headers(message))))
        row.add("body_bytes", .integer(entry.bodyBytes))
        row.add("body", self.message == nil ? .none : .bytes(message.body.array))
        row.write(to: reply)
    }

    private func headers(_ message: Message) -> FieldTable {
        guard let view = try? BasicPropertiesView(message.properties), let headers = view.headers else {
            return FieldTable()
        }
        return (try? FieldTable(headers)) ?? FieldTable()
    }

    private static let texts: [(BasicProperty, StaticString)] = [
        (.contentType, "content_type"), (.contentEncoding, "content_encoding"),
        (.correlationID, "correlation_id"), (.replyTo, "reply_to"), (.expiration, "expiration"),
        (.messageID, "message_id"), (.type, "type"), (.userID, "user_id"), (.appID, "app_id"),
        (.clusterID, "cluster_id"),
    ]

    private func properties(_ message: Message) -> InspectionRow {
        var row = InspectionRow()
        guard let view = try? BasicPropertiesView(message.properties) else { return row }
        for (property, name) in Self.texts {
            if let text = view.text(property) { row.add(name, .bytes(text.array)) }
        }
        if view.has(.deliveryMode) { row.add("delivery_mode", .integer(Int(view.deliveryMode))) }
        if view.has(.priority) { row.add("priority", .integer(Int(view.priority))) }
        if let timestamp = view.timestamp { row.add("timestamp", .integer(Int(clamping: timestamp))) }
        return row
    }
}
