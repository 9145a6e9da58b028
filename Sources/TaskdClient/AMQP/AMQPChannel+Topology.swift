// Exchanges, queues and bindings.
// Next: AMQPChannel+Consuming.swift.

import Wire

extension AMQPChannel {
    /// Makes an exchange, or checks that it is as described.
    public func declareExchange(
        _ name: String, type: ExchangeType = .direct, durable: Bool = false, autoDelete: Bool = false,
        isInternal: Bool = false, arguments: FieldTable = FieldTable()
    ) async throws {
        try checkNames(name, type.rawValue)
        let frame = withNames(name, type.rawValue) { name, type in
            withTable(arguments) {
                encode(
                    ExchangeDeclare(
                        exchange: name, type: type, durable: durable, autoDelete: autoDelete,
                        isInternal: isInternal, arguments: $0))
            }
        }
        try await call(frame, replies: [.exchangeDeclareOK]) { _, _, _ in }
    }

    /// Removes an exchange; succeeds when there is none.
    public func deleteExchange(_ name: String, ifUnused: Bool = false) async throws {
        try checkNames(name)
        let frame = withNames(name) { encode(ExchangeDelete(exchange: $0, ifUnused: ifUnused)) }
        try await call(frame, replies: [.exchangeDeleteOK]) { _, _, _ in }
    }

    /// Makes a queue, or checks that it is as described.
    /// - Parameters:
    ///   - name: empty has the server make one; see the result.
    ///   - passive: only check that there is one.
    @discardableResult
    public func declareQueue(
        _ name: String = "", passive: Bool = false, durable: Bool = false, exclusive: Bool = false,
        autoDelete: Bool = false, arguments: FieldTable = FieldTable()
    ) async throws -> QueueStatus {
        try checkNames(name)
        let frame = withNames(name) { name in
            withTable(arguments) {
                encode(
                    QueueDeclare(
                        queue: name, passive: passive, durable: durable, exclusive: exclusive,
                        autoDelete: autoDelete, arguments: $0))
            }
        }
        return try await call(frame, replies: [.queueDeclareOK]) { _, arguments, _ in
            let reply = try QueueDeclareOK(arguments: arguments)
            return QueueStatus(
                name: reply.queue.string, messageCount: reply.messageCount, consumerCount: reply.consumerCount)
        }
    }

    /// Binds a queue to an exchange.
    public func bindQueue(
        _ queue: String, exchange: String, routingKey: String = "", arguments: FieldTable = FieldTable()
    ) async throws {
        try checkNames(queue, exchange, routingKey)
        let frame = withNames(queue, exchange, routingKey) { queue, exchange, routingKey in
            withTable(arguments) {
                encode(QueueBind(queue: queue, exchange: exchange, routingKey: routingKey, arguments: $0))
            }
        }
        try await call(frame, replies: [.queueBindOK]) { _, _, _ in }
    }

    /// Removes a binding; succeeds when there is none.
    public func unbindQueue(
        _ queue: String, exchange: String, routingKey: String = "", arguments: FieldTable = FieldTable()
    ) async throws {
        try checkNames(queue, exchange, routingKey)
        let frame = withNames(queue, exchange, routingKey) { queue, exchange, routingKey in
            withTable(arguments) {
                encode(QueueUnbind(queue: queue, exchange: exchange, routingKey: routingKey, arguments: $0))
            }
        }
        try await call(frame, replies: [.queueUnbindOK]) { _, _, _ in }
    }

    /// Drops the ready messages of a queue.
    /// - Returns: how many they were.
    @discardableResult
    public func purgeQueue(_ queue: String) async throws -> UInt32 {
        try checkNames(queue)
        return try await call(withNames(queue) { encode(QueuePurge(queue: $0)) }, replies: [.queuePurgeOK]) {
            _, arguments, _ in try QueuePurgeOK(arguments: arguments).messageCount
        }
    }

    /// Removes a queue and its messages; succeeds when there is none.
    /// - Returns: how many messages went with it.
    @discardableResult
    public func deleteQueue(_ queue: String, ifUnused: Bool = false, ifEmpty: Bool = false) async throws -> UInt32 {
        try checkNames(queue)
        let frame = withNames(queue) { encode(QueueDelete(queue: $0, ifUnused: ifUnused, ifEmpty: ifEmpty)) }
        return try await call(frame, replies: [.queueDeleteOK]) { _, arguments, _ in
            try QueueDeleteOK(arguments: arguments).messageCount
        }
    }
}
