// One message as QUEUE PEEK shows it: where it goes, its properties and headers by name, its body.
// Loop thread only. Next: InspectionRow.swift.

import Wire

/// A ready message, described.
struct MessageRow {
    private let entry: QueueEntry
    private let position: Int
    private let now: Int64

    /// `now` is the turn's monotonic time, milliseconds.
    init(_ entry: QueueEntry, position: Int, now: Int64) {
        self.entry = entry
        self.position = position
        self.now = now
    }

    func write(to reply: ReplyWriter) {
        let message = entry.message
        var row = InspectionRow()
        row.add("position", .integer(position))
        row.add("exchange", .bytes(message.exchange.array))
        row.add("routing_key", .bytes(message.routingKey.array))
        row.add("redelivered", .flag(entry.isRedelivered))
        row.add("delivery_count", .integer(Int(entry.deliveryCount)))
        row.add("expires_in_milliseconds", entry.hasExpiry ? .integer(Int(max(0, entry.expiry - now))) : .none)
        row.add("properties", .map(properties(message)))
        row.add("headers", .field(.table(headers(message))))
        row.add("body_bytes", .integer(message.body.count))
        row.add("body", .bytes(message.body.array))
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
