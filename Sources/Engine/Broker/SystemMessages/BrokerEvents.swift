// What happens in the broker, as messages: to the topic exchange amq.rabbitmq.event of the default virtual host, with
// routing keys such as `queue.created` and the details in the headers, as RabbitMQ's plugin rabbitmq_event_exchange has
// them. There is no such object while they are off. Order and types of headers are RabbitMQ's 3.10; process identifiers
// name node, connection and channel.
// Loop thread only. Next: SystemMessages.swift.

import Wire

/// Publishes events.
final class BrokerEvents {
    static let exchangeName: StaticString = "amq.rabbitmq.event"

    /// What RabbitMQ's command line calls itself; here, redis-cli.
    static let commandLine = "rmq-cli"

    unowned(unsafe) let broker: Broker
    /// Who makes it happen: a client's user while its method runs; nil: the broker.
    var actor: String?
    private var alarms = Alarms()

    init(broker: Broker) { self.broker = broker }

    /// What `body` brings about is this user's doing.
    func by(_ user: String, _ body: (BrokerEvents) -> Void) {
        actor = user
        body(self)
        actor = nil
    }

    private var node: String { broker.context.configuration.nodeName }

    private var performer: (String, FieldValue) { ("user_who_performed_action", .string(actor ?? "rmq-internal")) }

    /// Headers come between the performer, if there is one, and the time.
    private func emit(_ key: String, _ details: [(String, FieldValue)]) {
        guard let exchange = broker.defaultHost?.exchange(ByteSlice(Self.exchangeName)) else { return }
        let milliseconds = broker.context.time.wallMilliseconds
        var properties = BasicProperties()
        var headers = FieldTable()
        for (name, value) in details { headers[name] = value }
        headers["timestamp_in_ms"] = .int64(milliseconds)
        properties.headers = headers
        properties.deliveryMode = 2
        properties.timestamp = UInt64(max(0, milliseconds) / 1_000)
        broker.systemMessages.add(exchange, key: Array(key.utf8), properties)
    }

    // MARK: Topology

    func queueCreated(_ queue: Queue) {
        emit(
            "queue.created",
            [
                performer, ("exclusive", .boolean(queue.isExclusive)),
                ("owner_pid", .string(queue.owner.map(identifier) ?? "")), ("arguments", terms(queue.rawArguments)),
                ("auto_delete", .boolean(queue.isAutoDelete)), ("durable", .boolean(queue.isDurable)),
                ("name", name(queue.name)), ("vhost", name(queue.virtualHost.name)),
            ])
    }

    func queueDeleted(_ queue: Queue) {
        emit("queue.deleted", [performer, ("name", name(queue.name)), ("vhost", name(queue.virtualHost.name))])
    }

    func exchangeCreated(_ exchange: Exchange) {
        emit(
            "exchange.created",
            [
                performer, ("policy", exchange.policy.user.map { name($0.name) } ?? .string("")),
                ("arguments", terms(exchange.rawArguments)), ("internal", .boolean(exchange.isInternal)),
                ("auto_delete", .boolean(exchange.isAutoDelete)), ("durable", .boolean(exchange.isDurable)),
                ("type", .string(exchange.type.rawValue)), ("name", name(exchange.name)),
                ("vhost", name(exchange.virtualHost.name)),
            ])
    }

    func exchangeDeleted(_ exchange: Exchange) {
        emit(
            "exchange.deleted", [performer, ("name", name(exchange.name)), ("vhost", name(exchange.virtualHost.name))])
    }

    func bindingCreated(_ binding: Binding) { emit("binding.created", details(binding)) }
    func bindingDeleted(_ binding: Binding) { emit("binding.deleted", details(binding)) }

    private func details(_ binding: Binding) -> [(String, FieldValue)] {
        var kind = "queue"
        if case .exchange = binding.destination { kind = "exchange" }
        return [
            performer, ("vhost", name(binding.source.virtualHost.name)), ("arguments", terms(binding.rawArguments)),
            ("routing_key", name(binding.routingKey)), ("destination_kind", .string(kind)),
            ("destination_name", name(binding.destination.name)), ("source_kind", .string("exchange")),
            ("source_name", name(binding.source.name)),
        ]
    }

    func virtualHostCreated(_ host: VirtualHost) {
        emit("vhost.created", [performer, ("tracing", .boolean(host.isTraced)), ("name", name(host.name))])
    }

    func virtualHostDeleted(_ host: VirtualHost) { emit("vhost.deleted", [performer, ("name", name(host.name))]) }

    // MARK: Channels and consumers

    func channelCreated(_ channel: BrokerChannel) {
        let connection = channel.connection
        emit(
            "channel.created",
            [
                ("user_who_performed_action", .string(connection.user)), ("vhost", name(channel.virtualHost.name)),
                ("user", .string(connection.user)), ("number", .int64(Int64(channel.number))),
                ("connection", .string(identifier(connection))),
                ("name", .string("\(connection.name) (\(channel.number))")), ("pid", .string(identifier(channel))),
            ])
    }

    func channelClosed(_ channel: BrokerChannel) {
        emit(
            "channel.closed",
            [
                ("user_who_performed_action", .string(channel.connection.user)), ("pid", .string(identifier(channel))),
            ])
    }

    func consumerCreated(_ consumer: Consumer) {
        emit(
            "consumer.created",
            [
                performer, ("arguments", terms(consumer.rawArguments)),
                ("prefetch_count", .int64(Int64(consumer.prefetchMax))), ("queue", name(consumer.queue.name)),
                ("vhost", name(consumer.queue.virtualHost.name)), ("channel", .string(identifier(consumer.channel))),
                ("ack_required", .boolean(!consumer.noAck)), ("exclusive", .boolean(consumer.isExclusive)),
                ("consumer_tag", name(consumer.tag)),
            ])
    }

    func consumerDeleted(_ consumer: Consumer) {
        emit(
            "consumer.deleted",
            [
                performer, ("queue", name(consumer.queue.name)), ("vhost", name(consumer.queue.virtualHost.name)),
                ("channel", .string(identifier(consumer.channel))), ("consumer_tag", name(consumer.tag)),
            ])
    }

    // MARK: Connections

    func connectionCreated(_ connection: BrokerConnection, _ peer: PeerFacts) {
        let none = FieldValue.string("")
        emit(
            "connection.created",
            [
                ("user_who_performed_action", .string(connection.user)), ("node", .string(node)),
                ("connected_at", .int64(connection.openedWallMilliseconds)),
                ("client_properties", terms(connection.clientProperties)),
                ("channel_max", .int64(Int64(peer.channelsMax))),
                ("frame_max", .int64(Int64(connection.frameBytesMax))),
                ("timeout", .int64(Int64(peer.heartbeatSeconds))), ("vhost", name(connection.virtualHost.name)),
                ("user", .string(connection.user)), ("protocol", .string("{0,9,1}")), ("ssl_hash", none),
                ("ssl_cipher", none), ("ssl_key_exchange", none), ("ssl_protocol", none),
                ("auth_mechanism", .string(peer.mechanism)), ("peer_cert_validity", none),
                ("peer_cert_issuer", none), ("peer_cert_subject", none), ("ssl", .boolean(false)),
                ("peer_host", .string(ErlangTerm.address(peer.host))),
                ("host", .string(ErlangTerm.address(peer.localHost))), ("peer_port", .int64(Int64(peer.port))),
                ("port", .int64(Int64(peer.localPort))), ("name", .string(connection.name)),
                ("pid", .string(identifier(connection))), ("type", .string("network")),
            ])
    }

    func connectionClosed(_ connection: BrokerConnection) {
        emit(
            "connection.closed",
            [
                ("client_properties", terms(connection.clientProperties)), ("node", .string(node)),
                ("pid", .string(identifier(connection))), ("name", .string(connection.name)),
            ])
    }

    /// - Parameter error: nil when the user may come in.
    func authenticated(_ user: String, _ peer: PeerFacts, error: String?) {
        var details: [(String, FieldValue)] = []
        // Erlang's strings are lists of numbers.
        if let error { details.append(("error", .array(error.unicodeScalars.map { .int64(Int64($0.value)) }))) }
        details += [
            ("ssl", .boolean(false)), ("auth_mechanism", .string(peer.mechanism)), ("protocol", .string("{0,9,1}")),
            ("peer_port", .int64(Int64(peer.port))), ("peer_host", .string(ErlangTerm.address(peer.host))),
            ("connection_name", .string(peer.connectionName)), ("host", .string(ErlangTerm.address(peer.localHost))),
            ("name", .string(user)), ("connection_type", .string("network")),
        ]
        emit(error == nil ? "user.authentication.success" : "user.authentication.failure", details)
    }

    // MARK: Policies, limits, alarms

    func policySet(_ policy: Policy, in host: VirtualHost) {
        emit(
            "policy.set",
            [
                ("apply-to", .string(policy.scope.rawValue)), ("priority", .int64(policy.priority)),
                ("definition", .table(policy.definition.table)), ("pattern", .string(policy.pattern.text)), performer,
                ("vhost", name(host.name)), ("name", name(policy.name)),
            ])
    }

    func policyCleared(_ policy: Policy, in host: VirtualHost) {
        let key = policy.kind == .user ? "policy.cleared" : "operator.policy.cleared"
        emit(key, [performer, ("vhost", name(host.name)), ("name", name(policy.name))])
    }

    func limitsSet(_ subject: LimitSubject, _ owner: ByteSlice, _ limits: [ResourceLimit]) {
        emit(
            subject == .user ? "user.limits.set" : "vhost.limits.set",
            limits.map { ($0.name.rawValue, .int64($0.value)) } + limited(subject, owner))
    }

    func limitsCleared(_ subject: LimitSubject, _ owner: ByteSlice) {
        emit(subject == .user ? "user.limits.cleared" : "vhost.limits.cleared", limited(subject, owner))
    }

    private func limited(_ subject: LimitSubject, _ owner: ByteSlice) -> [(String, FieldValue)] {
        // RabbitMQ does not say which virtual host it is.
        (subject == .user ? [("username", .longString(owner.array))] : []) + [performer, ("name", .string("limits"))]
    }

    func alarmsChanged(to now: Alarms) {
        let before = alarms
        alarms = now
        for (source, was, isSet) in [
            ("memory", before.isMemoryLow, now.isMemoryLow),
            ("disk", before.isDiskLow || before.isDiskFull, now.isDiskLow || now.isDiskFull),
        ] where was != isSet {
            emit(isSet ? "alarm.set" : "alarm.cleared", [("node", .string(node)), ("source", .string(source))])
        }
    }

    // MARK: Forms

    private func name(_ name: ByteString) -> FieldValue { .longString(name.slice.array) }

    private func identifier(_ connection: BrokerConnection) -> String {
        "<\(node).\(connection.openedWallMilliseconds / 1_000).\(connection.id).0>"
    }

    private func identifier(_ channel: BrokerChannel) -> String {
        let connection = channel.connection
        return "<\(node).\(connection.openedWallMilliseconds / 1_000).\(connection.id).\(channel.number)>"
    }

    /// The entries of an encoded table as terms.
    private func terms(_ arguments: [UInt8]) -> FieldValue {
        let table = arguments.withUnsafeBytes { try? FieldTable(FieldTableView(ByteSlice($0))) }
        return .array((table ?? FieldTable()).entries.map { .string(ErlangTerm.entry($0.key, $0.value)) })
    }
}

/// What a session knows about its peer.
struct PeerFacts {
    var host: String
    var port: Int
    var localHost: String
    var localPort: Int
    var connectionName: String
    var mechanism: String
    var channelsMax = 0
    var heartbeatSeconds = 0
}
