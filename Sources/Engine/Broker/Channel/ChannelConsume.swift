// Consumers of a channel, its prefetch, and basic.get. Loop thread only. Next: ChannelDelivery.swift.

import Wire

extension BrokerChannel {
    /// Starts a consumer; returns its tag, which the server made if the client gave none. Deliveries begin at
    /// the end of the turn, so consume-ok goes first.
    func consume(_ method: BasicConsume) throws(BrokerError) -> ByteString {
        if !method.consumerTag.isEmpty,
            consumers[method.consumerTag] != nil || isReplyConsumer(method.consumerTag)
        {
            throw .consumerTagInUse(method.consumerTag.string)
        }
        let tag =
            method.consumerTag.isEmpty ? virtualHost.makeName(prefix: "amq.ctag") : ByteString(method.consumerTag)
        if isReplyQueue(method.queue) { return try consumeReplies(method, tag: tag) }

        let queue = try virtualHost.accessibleQueue(try resolve(method.queue), by: connection)
        if queue.settings.type == .quorum, globalPrefetch > 0 {
            throw .globalPrefetchUnsupported(queue.resourceName)
        }
        let reader = try makeReader(method, of: queue)
        // Readers of a stream take nothing from each other.
        if reader == nil,
            queue.consumers.all.contains(where: { $0.isExclusive }) || method.exclusive && !queue.consumers.isEmpty
        {
            throw .exclusiveUse(queue.resourceName)
        }
        var priority: Int64 = 0
        if let value = (try? FieldTableView(method.arguments).value("x-priority")) ?? nil {
            guard let number = value.integer else {
                throw .invalidArgument(
                    key: "x-priority", queue.resourceName, reason: "\"expected integer, got \(value.type.name)\"")
            }
            priority = number
        }
        let consumer = Consumer(
            tag: tag, queue: queue, channel: self, noAck: method.noAck, isExclusive: method.exclusive,
            priority: priority, prefetchMax: consumerPrefetch, rawArguments: method.arguments.array, reader: reader)
        consumers.insert(consumer, for: tag)
        queue.addConsumer(consumer)
        broker.events?.by(connection.user) { $0.consumerCreated(consumer) }
        return tag
    }

    /// The place in a stream at which the consumer begins; nil if the queue is none.
    private func makeReader(_ method: BasicConsume, of queue: Queue) throws(BrokerError) -> StreamReader? {
        guard let stream = queue.stream else {
            try refuse(StreamOffset.key, in: method, of: queue)
            return nil
        }
        let now = broker.context.time.wallMilliseconds
        let offset = try StreamOffset(arguments: method.arguments, now: now, for: queue.resourceName)
        try refuse("x-priority", in: method, of: queue)
        if consumerPrefetch == 0 { throw .streamWithoutPrefetch(queue.resourceName) }
        if method.noAck { throw .streamWithoutAcks(queue.resourceName) }
        if globalPrefetch > 0 { throw .globalPrefetchUnsupported(queue.resourceName) }
        return StreamReader(
            stream, at: stream.position(of: offset), filter: StreamFilter(arguments: method.arguments), broker: broker)
    }

    /// Consumers of this type of queue do not have the argument.
    private func refuse(_ key: StaticString, in method: BasicConsume, of queue: Queue) throws(BrokerError) {
        guard ((try? FieldTableView(method.arguments).value(key)) ?? nil) != nil else { return }
        throw .unsupportedArgument(
            key: key.description, queue.resourceName, queueType: "rabbit_\(queue.settings.type.rawValue)_queue")
    }

    /// Ends a consumer; one that does not exist has ended already. What it holds stays with the channel.
    func cancel(_ tag: ByteSlice) {
        if isReplyConsumer(tag) { return forgetReplyConsumer() }
        guard let consumer = consumers.removeValue(for: tag) else { return }
        broker.events?.by(connection.user) { $0.consumerDeleted(consumer) }
        consumer.queue.removeConsumer(consumer)
    }

    /// The consumer's queue was deleted: it ends, and the client hears of it if it wants to.
    func queueIsGone(_ consumer: Consumer) {
        guard consumers.removeValue(for: consumer.tag.slice) != nil else { return }
        consumer.queue.consumers.remove(consumer)
        consumer.cancel()
        broker.events?.consumerDeleted(consumer)
        guard !isClosed, !connection.isClosed, connection.capabilities.contains(.consumerCancelNotify) else { return }
        let method = BasicCancel(consumerTag: consumer.tag.slice, noWait: true)
        var writer = RawWriter(output.reserve(method.frameBytes))
        writer.writeMethodFrame(channel: number, method)
        output.commit(writer.count)
    }

    /// Sets the prefetch: of consumers to come, or of the whole channel at once.
    func setPrefetch(_ method: BasicQos) throws(BrokerError) {
        guard method.prefetchBytes == 0 else { throw .prefetchSize(method.prefetchBytes) }
        // The first also ends what was said of the whole channel, as in RabbitMQ.
        if !method.isGlobal { consumerPrefetch = UInt32(method.prefetchCount) }
        globalPrefetch = method.isGlobal ? UInt32(method.prefetchCount) : 0
        wakeGloballyBlocked()
    }

    /// Fetches one message: writes get-ok with it, or get-empty.
    func get(_ method: BasicGet) throws(BrokerError) {
        let queue = try virtualHost.accessibleQueue(try resolve(method.queue), by: connection)
        if queue.stream != nil { throw .getOnStream(queue.resourceName) }
        queue.touch()
        queue.deliverNow()
        if queue.mayExpire { queue.expireHead() }
        if queue.onDiskCount != 0, queue.headIsOnDisk() {
            queue.makePaging().waitingGets.append(WaitingGet(channel: self, noAck: method.noAck))
            connection.isWaitingForRead = true
            return
        }
        fetch(from: queue, noAck: method.noAck)
    }

    /// The queue's next message is in memory, or there is none.
    private func fetch(from queue: Queue, noAck: Bool) {
        guard !queue.isDeleted, !queue.ready.isEmpty else {
            let empty = BasicGetEmpty()
            var writer = RawWriter(output.reserve(empty.frameBytes))
            writer.writeMethodFrame(channel: number, empty)
            return output.commit(writer.count)
        }
        deliverFetched(queue.removeFirstReady(), from: queue, noAck: noAck)
        if queue.mayExpire { queue.armExpiry() }
    }

    /// The disk has answered, or the queue is empty or gone. The connection has taken nothing in meanwhile, so
    /// that its methods keep their order.
    func finishWaitingGet(from queue: Queue, noAck: Bool) {
        if !isClosed, !connection.isClosed { fetch(from: queue, noAck: noAck) }
        connection.isWaitingForRead = false
    }
}
