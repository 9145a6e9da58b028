// basic.publish: find the queues, write the log record, put the message into each, answer as the channel's mode
// says. The usual case (known route, no headers that name further keys) touches no table and allocates nothing.
// Loop thread only. Next: ../Exchange/Router.swift, ../Queue/QueueEnqueue.swift, ChannelConfirms.swift.

import Wire

extension BrokerChannel {
    /// Publishes a whole message. The session has filled in the header's persistent, priority and expiration.
    @inline(__always)
    func publish(_ message: Message, mandatory: Bool, immediate: Bool = false) throws(BrokerError) {
        let flags = message.propertyFlags
        if immediate || flags & (BasicProperty.headers.rawValue | BasicProperty.replyTo.rawValue) != 0
            || takesLongWay
        {
            return try publishWithChecks(message, mandatory: mandatory, immediate: immediate)
        }
        // Lent by the cache, which nothing changes until the message is in its queues.
        try findRoute(message)._withUnsafeGuaranteedRef { deliverPublish(message, route: $0, mandatory: mandatory) }
    }

    /// Messages whose properties say more about where they go, and those of a transaction.
    @inline(never)
    private func publishWithChecks(_ message: Message, mandatory: Bool, immediate: Bool) throws(BrokerError) {
        if immediate { throw .immediate }
        var message = message
        let route = try findRoute(message).takeUnretainedValue()
        if message.propertyFlags & BasicProperty.replyTo.rawValue != 0 { message = try withReplyAddress(message) }
        let extra = try CarbonCopies(message)
        var known: Route?
        if takesLongWay {
            if isTraced { known = try trace(message, route, extra) }
            if mode == .transaction {
                transaction.add(PendingPublish(message: message, mandatory: mandatory))
                if transaction.isTooLarge { throw .transactionTooLarge(max: Limits.transactionBytesMax) }
                return
            }
        }
        let full: Route
        if let known { full = known } else { full = try fullRoute(route, message, extra) }
        deliverPublish(full.isDelay ? message : extra.stripped(message), route: full, mandatory: mandatory)
    }

    /// Tells the firehose of the message; returns its route.
    private func trace(_ message: Message, _ route: Route, _ extra: CarbonCopies) throws(BrokerError) -> Route {
        let full = try fullRoute(route, message, extra)
        withExtendedLifetime((full, extra)) {
            // The default exchange leads to whatever queue is named, whether there is one or not.
            let queues =
                message.exchange.isEmpty
                ? [message.routingKey] + extra.keys.map(\.slice)
                : full.queues.filter { $0.delayed == nil }.map(\.name.slice)
            tracePublish(message, to: queues)
        }
        return full
    }

    /// Where a message goes that a transaction held; nil when its exchange has gone.
    func routeCommitted(_ pending: PendingPublish) -> RoutedPublish? {
        let message = pending.message
        guard let route = try? findRoute(message).takeUnretainedValue(), let extra = try? CarbonCopies(message),
            let full = try? fullRoute(route, message, extra)
        else { return nil }
        return RoutedPublish(
            message: full.isDelay ? message : extra.stripped(message), route: full, mandatory: pending.mandatory)
    }

    /// The route of this message alone, where the address does not decide it.
    private func fullRoute(
        _ route: Route, _ message: Message, _ extra: CarbonCopies
    ) throws(BrokerError) -> Route {
        guard route.dependsOnHeaders || !extra.keys.isEmpty else { return route }
        var router = Router(virtualHost)
        let exchange = try virtualHost.existingExchange(message.exchange)
        withExtendedLifetime(extra) {
            router.route(from: exchange, keys: [message.routingKey] + extra.keys.map(\.slice), message: message)
        }
        return Route(
            queues: router.queues, exchange: route.exchange, address: .empty, epoch: 0, dependsOnHeaders: true)
    }

    /// The route for the message's address: the one used last, one used before, or a new one.
    @inline(__always)
    private func findRoute(_ message: Message) throws(BrokerError) -> Unmanaged<Route> {
        if let route = routes.find(message.address, epoch: virtualHost.topologyEpoch) { return route }
        return try makeRoute(message)
    }

    @inline(never)
    private func makeRoute(_ message: Message) throws(BrokerError) -> Unmanaged<Route> {
        let exchange = try virtualHost.existingExchange(message.exchange)
        if exchange.isInternal { throw .internalExchange(exchange.resourceName) }
        var router = Router(virtualHost)
        router.route(from: exchange, keys: [message.routingKey], message: nil)
        // Good for this message alone, where it matters which one it is: no epoch is 0.
        let isFixed = !router.dependsOnMessage
        if !isFixed {
            router = Router(virtualHost)
            router.route(from: exchange, keys: [message.routingKey], message: message)
        }
        let route = Route(
            queues: router.queues, exchange: exchange.isDefault ? nil : exchange,
            address: ByteString(message.address), epoch: isFixed ? virtualHost.topologyEpoch : 0,
            dependsOnHeaders: isFixed && router.dependsOnHeaders)
        return routes.add(route)
    }

    @inline(__always)
    func deliverPublish(_ message: Message, route: Route, mandatory: Bool) {
        publishedTotal &+= 1
        broker.publishedTotal &+= 1
        if let exchange = route.exchange { exchange.publishedTotal &+= 1 }
        if (message.header.isPersistent ? 1 : 0) >= route.loggedFrom {
            guard message.header.isPersistent else {
                let (isRefused, isLogged) = offerTransient(message, route)
                return finishPublish(isRefused: isRefused, isLogged: isLogged)
            }
            broker.log.published(message, route.queues)
        }
        var isRefused = false
        if let queue = route.onlyQueue {
            isRefused = !offer(message, to: queue)
        } else {
            if route.queues.isEmpty { return publishUnrouted(message, mandatory: mandatory) }
            for queue in route.queues where !offer(message, to: queue) { isRefused = true }
        }
        finishPublish(isRefused: isRefused, isLogged: message.header.logPosition != 0)
    }

    @inline(__always)
    private func finishPublish(isRefused: Bool, isLogged: Bool) {
        if mode == .confirm {
            notePublished(isRefused: isRefused, isLogged: isLogged)
        } else if isRefused, mode == .transaction {
            transaction.isPartial = true
        }
    }

    /// Puts the message into the queue; false if the queue refuses it.
    @inline(__always)
    func offer(_ message: Message, to queue: Queue) -> Bool {
        if queue.refusesPublish(message) {
            queue.refuse(message)
            return false
        }
        queue.enqueue(message)
        return true
    }

    /// No queue takes it. Direct reply-to addresses are no queues; anything else goes back if it is mandatory.
    @inline(never)
    private func publishUnrouted(_ message: Message, mandatory: Bool) {
        if !deliverReply(message), mandatory { writeReturn(message) }
        if mode == .confirm { notePublished(isRefused: false, isLogged: false) }
    }
}

extension Message {
    /// Flags of the property list; 0 when there is none.
    @inline(__always)
    var propertyFlags: UInt16 {
        header.propertiesBytes >= 2 ? UInt16(bigEndian: properties.base.loadUnaligned(as: UInt16.self)) : 0
    }

    /// The headers table, borrowed; nil when there is none.
    var headersTable: ByteSlice? {
        guard let view = try? BasicPropertiesView(properties) else { return nil }
        return view.headers?.bytes
    }
}

/// Further routing keys that a message names in its headers CC and BCC (rabbitmq.com/docs/sender-selected).
struct CarbonCopies {
    private(set) var keys: [ByteString] = []
    private var hasBCC = false

    /// Fails when one of them is no list of strings.
    init(_ message: Message) throws(BrokerError) {
        guard message.propertyFlags & BasicProperty.headers.rawValue != 0, let headers = message.headersTable else {
            return
        }
        var reader = FieldTableView(headers).makeReader()
        while let (key, value) = (try? reader.next()) ?? nil {
            // A quick look first: nearly no header has one of these lengths and initials.
            if key.count == 2, key.equals("CC") {
                try add(value, key: "CC")
            } else if key.count == 3, key.equals("BCC") {
                hasBCC = true
                try add(value, key: "BCC")
            }
        }
    }

    private mutating func add(_ value: FieldView, key: String) throws(BrokerError) {
        guard let list = value.array else {
            throw .invalidMessage("{unacceptable_type_in_header,\"\(key)\",\(value.type.name)}")
        }
        var reader = list.makeReader()
        while let element = (try? reader.next()) ?? nil {
            if let text = element.longString { keys.append(ByteString(text)) }
        }
    }

    /// The message without BCC, which no receiver may see.
    func stripped(_ message: Message) -> Message {
        guard hasBCC, let view = try? BasicPropertiesView(message.properties), let headers = view.headers,
            var table = try? FieldTable(headers)
        else { return message }
        table.entries.removeAll { $0.key == Array("BCC".utf8) }
        return message.copy(properties: view.replacing(headers: table.encoded))
    }
}

extension Message {
    /// The same message with another property list; keeps what the header says about it.
    func copy(properties list: [UInt8]) -> Message {
        let made = list.withUnsafeBytes {
            Message.make(
                exchange: exchange, routingKey: routingKey, properties: ByteSlice($0), bodyBytes: header.bodyBytes)
        }
        made.writeBody(body, at: 0)
        made.header.isPersistent = header.isPersistent
        made.header.priority = header.priority
        made.header.expirationMilliseconds = header.expirationMilliseconds
        return made
    }
}
