// The firehose (rabbitmq.com/docs/firehose): while a virtual host is traced, every message that comes in or goes out is
// published once more to its exchange amq.rabbitmq.trace, with what is known about it in the headers. For debugging: it
// doubles the work.
// Off, it costs nothing: it is part of flags that are looked at anyway (`BrokerChannel.takesLongWay`, `Consumer.isPlain`).
// Loop thread only. Next: SystemMessages.swift.

import Wire

extension VirtualHost {
    static let traceExchangeName: StaticString = "amq.rabbitmq.trace"

    /// Switches tracing on or off, for channels that are open, too.
    func setTracing(_ isOn: Bool) {
        guard isOn != isTraced else { return }
        isTraced = isOn
        for connection in broker.connections.values where connection.virtualHost === self {
            for channel in connection.channels.values { channel.isTraced = isOn }
        }
    }
}

extension BrokerChannel {
    /// A message has come in; `queues` are those it is routed to.
    func tracePublish(_ message: Message, to queues: [ByteSlice]) {
        var headers = traceHeaders(message)
        addPeer(&headers)
        headers["routed_queues"] = .array(queues.map { .longString($0.array) })
        trace(message, key: .key("publish", message.exchange), headers)
        // Not in the middle of anything: so that it never waits for more of the turn.
        broker.systemMessages.publish(broker)
    }

    /// A message has gone out.
    func traceDelivery(_ entry: QueueEntry, from queue: Queue) {
        entry.withMessage { message in
            // Traces are not traced.
            guard !message.exchange.equals(VirtualHost.traceExchangeName) else { return }
            var headers = traceHeaders(message)
            headers["redelivered"] = .int32(entry.isRedelivered || entry.deliveryCount > 0 ? 1 : 0)
            addPeer(&headers)
            trace(message, key: .key("deliver", queue.name.slice), headers)
        }
    }

    private func trace(_ message: Message, key: [UInt8], _ headers: FieldTable) {
        guard let exchange = virtualHost.exchange(ByteSlice(VirtualHost.traceExchangeName)) else { return }
        var properties = BasicProperties()
        properties.headers = headers
        broker.systemMessages.add(exchange, key: key, properties, body: message.body)
    }

    private func traceHeaders(_ message: Message) -> FieldTable {
        var headers = FieldTable()
        let copies = (try? CarbonCopies(message))?.keys.map { FieldValue.longString($0.slice.array) } ?? []
        headers["exchange_name"] = .longString(message.exchange.array)
        headers["routing_keys"] = .array([.longString(message.routingKey.array)] + copies)
        headers["properties"] = .table(Self.traced(message.properties))
        headers["node"] = .string(broker.context.configuration.nodeName)
        return headers
    }

    private func addPeer(_ headers: inout FieldTable) {
        headers["vhost"] = .longString(virtualHost.name.slice.array)
        headers["connection"] = .string(connection.name)
        headers["channel"] = .int32(Int32(number))
        headers["user"] = .string(connection.user)
    }

    /// Properties as a table, the last one first. Numbers of any size are signed ints, as RabbitMQ has them.
    private static func traced(_ list: ByteSlice) -> FieldTable {
        var table = FieldTable()
        guard let properties = try? BasicProperties(list) else { return table }
        func add(_ name: String, _ text: [UInt8]?) { if let text { table[name] = .longString(text) } }
        func add(_ name: String, number: Int64?) {
            if let number { table[name] = .int32(Int32(truncatingIfNeeded: number)) }
        }
        add("cluster_id", properties.clusterID)
        add("app_id", properties.appID)
        add("user_id", properties.userID)
        add("type", properties.type)
        add("timestamp", number: properties.timestamp.map { Int64(truncatingIfNeeded: $0) })
        add("message_id", properties.messageID)
        add("expiration", properties.expiration)
        add("reply_to", properties.replyTo)
        add("correlation_id", properties.correlationID)
        add("priority", number: properties.priority.map(Int64.init))
        add("delivery_mode", number: properties.deliveryMode.map(Int64.init))
        if var headers = properties.headers {
            headers["BCC"] = nil
            table["headers"] = .table(headers)
        }
        add("content_encoding", properties.contentEncoding)
        add("content_type", properties.contentType)
        return table
    }
}
