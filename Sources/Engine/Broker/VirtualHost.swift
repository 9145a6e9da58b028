// One virtual host: its exchanges and queues by name, and the rules for declaring and deleting them.
// Bindings are in VirtualHostBindings.swift. Every change raises `topologyEpoch`, which drops cached routes.
// Loop thread only. Next: Exchange/Exchange.swift, Queue/Queue.swift.

import Wire

public final class VirtualHost {
    public let name: ByteString
    let broker: Broker
    private(set) var exchanges = NameTable<Exchange>()
    private(set) var queues = NameTable<Queue>()
    var policies = PolicyLists()
    var limits = ResourceLimits()
    /// Open ones.
    var connectionCount = 0
    /// Its messages go to amq.rabbitmq.trace, too.
    var isTraced = false
    private(set) var topologyEpoch: UInt64 = 1
    private var routingMark: UInt64 = 0

    init(name: ByteString, broker: Broker) {
        self.name = name
        self.broker = broker
        // Predeclared, and not in the log: they exist at every start.
        var predeclared: [(String, ExchangeType, Bool)] = [
            ("", .direct, false), ("amq.direct", .direct, false), ("amq.fanout", .fanout, false),
            ("amq.topic", .topic, false), ("amq.headers", .headers, false), ("amq.match", .headers, false),
            (VirtualHost.traceExchangeName.description, .topic, true),
        ]
        let configuration = broker.context.configuration
        if name.string == configuration.defaultVirtualHost {
            if configuration.hasEventExchange {
                predeclared.append((BrokerEvents.exchangeName.description, .topic, true))
            }
            if configuration.hasLogExchange {
                predeclared.append((VirtualHost.logExchangeName.description, .topic, true))
            }
        }
        for (name, type, isInternal) in predeclared {
            insert(
                Exchange(
                    name: ByteString(name), virtualHost: self, type: type, isDurable: true, isAutoDelete: false,
                    isInternal: isInternal, alternate: nil, rawArguments: []))
        }
    }

    func topologyChanged() { topologyEpoch += 1 }

    func nextRoutingMark() -> UInt64 {
        routingMark += 1
        return routingMark
    }

    func exchange(_ name: ByteSlice) -> Exchange? { exchanges[name] }
    func queue(_ name: ByteSlice) -> Queue? { queues[name] }

    func existingExchange(_ name: ByteSlice) throws(BrokerError) -> Exchange {
        guard let exchange = exchanges[name] else { throw .notFound(.exchange(name, in: self)) }
        return exchange
    }

    /// The queue, if it exists and is not another connection's own.
    func accessibleQueue(_ name: ByteSlice, by connection: BrokerConnection?) throws(BrokerError) -> Queue {
        guard let queue = queues[name] else { throw .notFound(.queue(name, in: self)) }
        if queue.isExclusive, queue.owner !== connection { throw .locked(queue.resourceName) }
        return queue
    }

    static func isReserved(_ name: ByteSlice) -> Bool {
        name.count >= 4 && name.slice(from: 0, count: 4).equals("amq.")
    }

    /// A name nobody has guessed: `prefix-` and 22 characters.
    func makeName(prefix: String) -> ByteString {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var bytes = Array(prefix.utf8) + [0x2D]
        for _ in 0..<22 { bytes.append(alphabet[Int(broker.context.random.next() & 63)]) }
        return ByteString(bytes)
    }

    // MARK: Exchanges

    func insert(_ exchange: Exchange) {
        exchanges.insert(exchange, for: exchange.name)
        topologyChanged()
    }

    /// Declares the exchange or, if it exists, checks that it is what the client means.
    func declareExchange(_ method: ExchangeDeclare) throws(BrokerError) {
        if method.passive {
            guard !method.exchange.isEmpty else { throw .defaultExchange }
            _ = try existingExchange(method.exchange)
            return
        }
        guard let type = ExchangeType(method.type) else { throw .unknownExchangeType(method.type.string) }
        guard !method.exchange.isEmpty else { throw .defaultExchange }
        let resource = ResourceName.exchange(method.exchange, in: self)
        if let known = exchanges[method.exchange] {
            try checkEquivalence(known, type, method, resource)
            return
        }
        guard !Self.isReserved(method.exchange) else {
            throw .reservedPrefix(kind: .exchange, name: method.exchange.string)
        }
        var alternate: ByteString?
        if let value = (try? FieldTableView(method.arguments).value("alternate-exchange")) ?? nil {
            guard let text = value.longString else {
                throw .invalidArgumentType(
                    key: "alternate-exchange", resource, type: value.type.name.description)
            }
            alternate = ByteString(text)
        }
        let routingType = type == .delayed ? try Self.delayedType(method.arguments) : type
        var hashSource = HashSource.routingKey
        if routingType == .consistentHash { hashSource = try HashSource(arguments: method.arguments) }
        if method.durable { try broker.log.checkWritable() }
        let exchange = Exchange(
            name: ByteString(method.exchange), virtualHost: self, type: type, isDurable: method.durable,
            isAutoDelete: method.autoDelete, isInternal: method.isInternal, alternate: alternate,
            routingType: routingType, hashSource: hashSource, rawArguments: method.arguments.array)
        exchange.policy = policy(forExchange: method.exchange)
        insert(exchange)
        // When the log is read back, a record of its own makes the queue of a durable one.
        if type == .delayed, broker.replaying == nil {
            makeDelayQueue(of: exchange, logID: exchange.isDurable ? broker.takeLogID() : 0)
        }
        if exchange.isDurable { broker.log.exchangeDeclared(exchange) }
        broker.events?.exchangeCreated(exchange)
    }

    /// What a delayed exchange does with messages whose delay is over.
    private static func delayedType(_ arguments: ByteSlice) throws(BrokerError) -> ExchangeType {
        let given = (try? FieldTableView(arguments).value("x-delayed-type")) ?? nil
        guard let name = given?.longString else {
            throw .invalidExchange("Invalid argument, 'x-delayed-type' must be an existing exchange type")
        }
        guard let type = ExchangeType(name) else { throw .unknownExchangeType(name.string) }
        guard type != .delayed else {
            throw .invalidExchange("Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'")
        }
        return type
    }

    private func checkEquivalence(
        _ known: Exchange, _ type: ExchangeType, _ method: ExchangeDeclare, _ resource: ResourceName
    ) throws(BrokerError) {
        func check(_ argument: String, _ received: String, _ current: String) throws(BrokerError) {
            guard received != current else { return }
            throw .inequivalent(
                argument: argument, resource, received: "'\(received)'", current: "'\(current)'")
        }
        try check("type", type.erlangName, known.type.erlangName)
        try check("durable", "\(method.durable)", "\(known.isDurable)")
        try check("auto_delete", "\(method.autoDelete)", "\(known.isAutoDelete)")
        try check("internal", "\(method.isInternal)", "\(known.isInternal)")
        try QueueArguments.checkEquivalence(
            received: method.arguments, current: known.rawArguments, keys: ["alternate-exchange"], for: resource)
    }

    func deleteExchange(_ name: ByteSlice, ifUnused: Bool) throws(BrokerError) {
        guard !name.isEmpty else { throw .defaultExchange }
        let resource = ResourceName.exchange(name, in: self)
        guard !Self.isReserved(name) else { throw .systemExchange(resource) }
        guard let exchange = exchanges[name] else { return }
        if ifUnused, exchange.bindingCount > 0 { throw .inUse(resource) }
        if exchange.isDurable { try broker.log.checkWritable() }
        removeExchange(exchange)
    }

    /// Takes the exchange out, with its bindings on both sides, and the auto-delete exchanges that lose their last
    /// binding by it. Chains of them may be long, so they are worked off one after the other.
    func removeExchange(_ exchange: Exchange) {
        var doomed = [exchange]
        while let next = doomed.popLast() { remove(next, orphans: &doomed) }
    }

    private func remove(_ exchange: Exchange, orphans: inout [Exchange]) {
        guard !exchange.isDeleted else { return }
        exchange.markDeleted()
        exchanges.removeValue(for: exchange.name.slice)
        topologyChanged()
        if let queue = exchange.delayQueue { deleteDelayQueue(queue) }
        if exchange.isDurable { broker.log.exchangeDeleted(exchange) }
        broker.events?.exchangeDeleted(exchange)
        for binding in exchange.allBindings {
            forget(binding)
            broker.events?.bindingDeleted(binding)
        }
        // Bindings refer to their source: an exchange that kept them would keep itself.
        exchange.removeAllBindings()
        let incoming = exchange.incoming
        exchange.incoming = []
        for binding in incoming { if let orphan = detach(binding) { orphans.append(orphan) } }
    }

    // MARK: Queues

    /// Declares the queue or, if it exists, checks that it is what the client means. `connection` is nil when
    /// the log is read back.
    func declareQueue(_ method: QueueDeclare, by connection: BrokerConnection?) throws(BrokerError) -> Queue {
        if method.passive {
            let queue = try accessibleQueue(method.queue, by: connection)
            queue.touch()
            return queue
        }
        // An exclusive queue goes with its connection, so it is never durable, whatever the client asks for.
        let isDurable = method.durable && !method.exclusive
        var name = ByteString.empty
        if method.queue.isEmpty {
            name = makeName(prefix: "amq.gen")
        } else {
            guard !Self.isReserved(method.queue) else {
                throw .reservedPrefix(kind: .queue, name: method.queue.string)
            }
            if let known = queues[method.queue] {
                try checkEquivalence(known, isDurable, method, connection)
                known.touch()
                return known
            }
            name = ByteString(method.queue)
        }
        if let limit = limits.reached(.queues, queues.count) {
            throw .queueLimit(name: name.string, virtualHost: self.name.string, limit: limit)
        }
        let resource = ResourceName.queue(name.slice, in: self)
        let policy = policy(forQueue: name.slice, QueueArguments.type(of: method.arguments))
        let settings = try QueueArguments.parse(method.arguments, policy: policy, for: resource)
        if settings.type != .classic { try checkReplicated(method, isDurable: isDurable, settings, resource) }
        if isDurable { try broker.log.checkWritable() }
        let queue = Queue(
            name: name, number: broker.takeQueueNumber(), broker: broker, virtualHost: self,
            logID: isDurable ? broker.takeLogID() : 0, isDurable: isDurable, isAutoDelete: method.autoDelete,
            owner: method.exclusive ? connection : nil, isExclusive: method.exclusive, settings: settings,
            rawArguments: method.arguments.array)
        queue.policy = policy
        insert(queue)
        if method.exclusive { connection?.exclusiveQueues.append(queue) }
        if queue.isLogged { broker.log.queueDeclared(queue) }
        broker.events?.queueCreated(queue)
        return queue
    }

    func insert(_ queue: Queue) {
        queues.insert(queue, for: queue.name)
        broker.register(queue)
        topologyChanged()
        queue.armUnusedDeadline()
    }

    /// Quorum queues and streams are for ever and for everybody.
    private func checkReplicated(
        _ method: QueueDeclare, isDurable: Bool, _ settings: QueueSettings, _ resource: ResourceName
    ) throws(BrokerError) {
        if method.queue.isEmpty { throw .serverNamed(queueType: "rabbit_\(settings.type.rawValue)_queue") }
        if method.exclusive { throw .invalidProperty("exclusive-owner", resource) }
        if method.autoDelete { throw .invalidProperty("auto-delete", resource) }
        if !isDurable { throw .invalidProperty("non-durable", resource) }
        guard settings.type == .stream else { return }
        // A policy's values are not looked at here.
        let table = FieldTableView(method.arguments)
        let segment = ((try? table.value("x-stream-max-segment-size-bytes")) ?? nil)?.integer
        if let segment, segment > Limits.streamSegmentBytesMax { throw .streamSegmentTooLarge }
        let filter = ((try? table.value("x-stream-filter-size-bytes")) ?? nil)?.integer
        if let filter, !Limits.streamFilterBytes.contains(filter) { throw .streamFilterSize }
    }

    private func checkEquivalence(
        _ known: Queue, _ isDurable: Bool, _ method: QueueDeclare, _ connection: BrokerConnection?
    ) throws(BrokerError) {
        let resource = known.resourceName
        if known.isExclusive != method.exclusive || known.isExclusive && known.owner !== connection {
            throw .locked(resource)
        }
        if known.isDurable != isDurable {
            throw .inequivalent(
                argument: "durable", resource, received: "'\(isDurable)'", current: "'\(known.isDurable)'")
        }
        if known.isAutoDelete != method.autoDelete {
            throw .inequivalent(
                argument: "auto_delete", resource, received: "'\(method.autoDelete)'",
                current: "'\(known.isAutoDelete)'")
        }
        try QueueArguments.checkEquivalence(
            received: method.arguments, current: known.rawArguments, keys: QueueArguments.comparedKeys,
            for: resource)
    }

    /// The queue that a client wishes to delete, if it may; nil if there is none: it is deleted already.
    func queueToDelete(
        _ name: ByteSlice, ifUnused: Bool, ifEmpty: Bool, by connection: BrokerConnection?
    ) throws(BrokerError) -> Queue? {
        guard queues[name] != nil else { return nil }
        let queue = try accessibleQueue(name, by: connection)
        queue.deliverNow()
        // Streams are deleted whatever is in them and whoever reads them.
        if queue.stream != nil {
            try broker.log.checkWritable()
            return queue
        }
        if queue.settings.type == .quorum {
            if ifUnused { throw .ifUnusedOnQuorum(queue.resourceName) }
            if ifEmpty { throw .ifEmptyOnQuorum(queue.resourceName) }
        }
        if ifUnused, !queue.consumers.isEmpty { throw .inUse(queue.resourceName) }
        if ifEmpty, !queue.ready.isEmpty { throw .notEmpty(queue.resourceName) }
        if queue.isLogged { try broker.log.checkWritable() }
        return queue
    }

    /// Takes the queue out of everything: bindings, consumers (told if they want to be), messages.
    func deleteQueue(_ queue: Queue) {
        guard !queue.isDeleted else { return }
        if queue.delayed != nil { return deleteDelayQueue(queue) }
        queue.markDeleted()
        queues.removeValue(for: queue.name.slice)
        broker.unregister(queue)
        topologyChanged()
        if queue.isLogged { broker.log.queueDeleted(queue) }
        broker.events?.queueDeleted(queue)
        // What goes with it is the broker's doing.
        broker.events?.actor = nil
        for consumer in queue.consumers.all { consumer.channel.queueIsGone(consumer) }
        queue.activeConsumer = nil
        let bindings = queue.bindings
        queue.bindings = []
        for binding in bindings { takeDown(binding) }
        broker.bury(queue.ready.takeRings())
        // While the log is read back nothing of a stream is counted yet.
        if let stream = queue.stream, broker.replaying == nil { broker.streamGraveyard.append(stream.takeAll()) }
        queue.noteEmptied()
        broker.pager.forget(queue)
        queue.owner?.exclusiveQueues.removeAll { $0 === queue }
    }

    /// Drops all ready messages; returns how many.
    func purgeQueue(_ name: ByteSlice, by connection: BrokerConnection?) throws(BrokerError) -> Int {
        let queue = try accessibleQueue(name, by: connection)
        if queue.stream != nil { throw .purgeOnStream(queue.resourceName) }
        queue.deliverNow()
        return purge(queue)
    }

    @discardableResult
    func purge(_ queue: Queue) -> Int {
        let count = queue.ready.count
        guard count > 0 || queue.hasUnreadable else { return 0 }
        if queue.isLogged { broker.log.purged(queue, keeping: broker.heldPositions(of: queue)) }
        broker.bury(queue.ready.takeRings())
        queue.noteEmptied()
        return count
    }
}
