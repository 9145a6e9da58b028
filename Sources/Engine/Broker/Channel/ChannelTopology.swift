// Declaring, binding, purging and deleting through a channel. What a channel adds to its virtual host: an empty
// queue name means the one declared last, and everything happens in the name of its connection.
// A reply that promises durability holds the output until the log record is on disk.
// Loop thread only. Next: ../VirtualHost.swift.

import Wire

/// What `queue.declare-ok` says.
struct QueueStatus {
    let name: ByteString
    let messageCount: UInt32
    let consumerCount: UInt32
}

extension BrokerChannel {
    func declareExchange(_ method: ExchangeDeclare) throws(BrokerError) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        try virtualHost.declareExchange(method)
        if method.durable { promiseDurability() }
    }

    func deleteExchange(_ method: ExchangeDelete) throws(BrokerError) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        try virtualHost.deleteExchange(method.exchange, ifUnused: method.ifUnused)
        promiseDurability()
    }

    func bindExchange(_ method: ExchangeBind) throws(BrokerError) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        let isLogged = try virtualHost.bindExchange(
            method.destination, to: method.source, key: method.routingKey, arguments: method.arguments)
        if isLogged { promiseDurability() }
    }

    func unbindExchange(_ method: ExchangeUnbind) throws(BrokerError) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        try virtualHost.unbindExchange(
            method.destination, from: method.source, key: method.routingKey, arguments: method.arguments)
        promiseDurability()
    }

    func declareQueue(_ method: QueueDeclare) throws(BrokerError) -> QueueStatus {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        if isReplyName(method.queue) { return try replyQueueStatus(method.queue) }
        let queue = try virtualHost.declareQueue(method, by: connection)
        lastQueueName = queue.name
        queue.deliverNow()
        if queue.isLogged { promiseDurability() }
        return QueueStatus(
            name: queue.name, messageCount: UInt32(clamping: queue.readyCount),
            // RabbitMQ does not count the readers of a stream here.
            consumerCount: queue.stream == nil ? UInt32(clamping: queue.consumerCount) : 0)
    }

    func bindQueue(_ method: QueueBind) throws(BrokerError) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        let name = try resolve(method.queue)
        // Queue and key both left out: the key is the queue's name (specification, queue.bind).
        let key = method.queue.isEmpty && method.routingKey.isEmpty ? name : method.routingKey
        let isLogged = try virtualHost.bindQueue(
            name, to: method.exchange, key: key, arguments: method.arguments, by: connection)
        if isLogged { promiseDurability() }
    }

    func unbindQueue(_ method: QueueUnbind) throws(BrokerError) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        let name = try resolve(method.queue)
        let key = method.queue.isEmpty && method.routingKey.isEmpty ? name : method.routingKey
        try virtualHost.unbindQueue(
            name, from: method.exchange, key: key, arguments: method.arguments, by: connection)
        promiseDurability()
    }

    /// Returns the number of messages dropped.
    func purgeQueue(_ method: QueuePurge) throws(BrokerError) -> UInt32 {
        let count = try virtualHost.purgeQueue(try resolve(method.queue), by: connection)
        promiseDurability()
        return UInt32(clamping: count)
    }

    /// The queue that `method` is about and may delete; nil if there is none. Its client reads the reply before the
    /// cancellation of its own consumers, so the session sends the first before it calls `delete`.
    func queueToDelete(_ method: QueueDelete) throws(BrokerError) -> Queue? {
        try virtualHost.queueToDelete(
            try resolve(method.queue), ifUnused: method.ifUnused, ifEmpty: method.ifEmpty, by: connection)
    }

    func delete(_ queue: Queue) {
        broker.events?.actor = connection.user
        defer { broker.events?.actor = nil }
        virtualHost.deleteQueue(queue)
        promiseDurability()
    }

    /// The name itself or, if empty, that of the queue declared last. Valid as long as both.
    func resolve(_ name: ByteSlice) throws(BrokerError) -> ByteSlice {
        guard name.isEmpty else { return name }
        guard !lastQueueName.isEmpty else { throw .noPreviouslyDeclaredQueue }
        return lastQueueName.slice
    }

    /// What the reply is about is on disk before the client reads it, whoever has brought it about: a queue that
    /// another client has declared a moment ago is not durable yet either. Costs nothing when all that is.
    func promiseDurability() {
        guard broker.log.isEnabled else { return }
        output.heldUntilSequence = max(output.heldUntilSequence, broker.log.promisedSequence)
    }
}
