// The settings the engine works by, already checked by the server. Plain values, changed only through
// `CONFIG SET` on the loop thread.
// Next: Server's configuration, which fills this from TOML, environment and flags.

/// How far store writes are on disk when their reply is sent. Redis's `appendfsync`.
public enum AppendFsync: String, Sendable {
    case always, everysec, no
}

/// A user known from the start.
public struct ConfiguredUser: Sendable {
    public var name: String
    public var password: String
    /// May log in from loopback addresses only (RabbitMQ's `loopback_users`).
    public var loopbackOnly: Bool

    public init(name: String, password: String, loopbackOnly: Bool) {
        self.name = name
        self.password = password
        self.loopbackOnly = loopbackOnly
    }
}

/// Settings of the engine. One object, shared; loop thread only.
public final class EngineConfiguration {
    public var randomSeed: UInt64 = 1
    /// Version of the daemon, for server properties and INFO.
    public var version = "0.1.0"

    // MARK: AMQP
    public var users: [ConfiguredUser] = [ConfiguredUser(name: "guest", password: "guest", loopbackOnly: true)]
    public var defaultVirtualHost = "/"
    public var amqpFrameBytesMax = Limits.amqpFrameBytesMax
    public var amqpChannelsMax = Limits.amqpChannelsMax
    public var amqpHeartbeatSeconds = Limits.amqpHeartbeatSeconds
    public var messageBytesMax = Limits.messageBytesMax
    /// Age at which an unacknowledged delivery closes its channel; 0: none does.
    public var consumerTimeoutMilliseconds = Limits.consumerTimeoutMilliseconds
    public var consumerTimeoutAction = ConsumerTimeoutAction.close
    /// Returns after which a quorum queue's message is dead-lettered, where nothing else is said; −1: none.
    public var quorumDeliveryLimit = Limits.quorumDeliveryLimit
    /// In the words of `POLICY SET`; checked by the server.
    public var policies: [String] = []
    public var operatorPolicies: [String] = []
    /// `name limit value`, as in `guest max-channels 100`; checked by the server.
    public var virtualHostLimits: [String] = []
    public var userLimits: [String] = []
    /// How the daemon names itself in traces and events.
    public var nodeName = "taskd@localhost"
    /// Virtual hosts whose messages go to amq.rabbitmq.trace from the start.
    public var tracedVirtualHosts: [String] = []
    /// Events go to amq.rabbitmq.event.
    public var hasEventExchange = false
    /// Log lines go to amq.rabbitmq.log.
    public var hasLogExchange = false
    public var policyPatternBytesMax = Limits.policyPatternBytesMax
    public var policyMatchStepsMax = Limits.policyMatchStepsMax

    // MARK: Memory
    /// What messages may take, bytes. They are paged out well below it; above it publishers are blocked.
    public var memoryHighWatermarkBytes = Int.max

    // MARK: RESP
    public var respDatabases = Limits.respDatabases
    /// Empty: no password is asked (`requirepass`).
    public var respPassword = ""
    /// Silence after which the kernel asks whether the peer of a new connection still lives, seconds; 0: never.
    public var tcpKeepAliveSeconds = Limits.tcpKeepAliveSeconds
    /// Users of the store that exist from the start: name, then rules of ACL SETUSER, checked by the server.
    public var aclUsers: [[String]] = []
    /// New users may use all channels (`acl-pubsub-default`).
    public var aclAllowsAllChannels = false
    public var respBulkBytesMax = Limits.respBulkBytesMax
    public var respQueryBytesMax = Limits.respQueryBytesMax
    public var respOutputPauseBytes = Limits.respOutputPauseBytes

    // MARK: Memory of the store
    /// Of keys and values (`maxmemory`); 0: no limit.
    public var maxMemoryBytes = 0
    public var evictionPolicy = EvictionPolicy.noEviction
    public var evictionSamples = Limits.evictionSamples
    /// How long one command makes room, 0...100 (`maxmemory-eviction-tenacity`).
    public var evictionTenacity = 10
    public var lfuLogFactor = 10
    public var lfuDecayMinutes = 1

    // MARK: Log
    public var appendOnly = true
    public var appendFsync = AppendFsync.everysec
    /// How finely it is known which parts of the log are needed (LiveMap.swift); small for tests with small segments.
    public var liveStretchShift = Limits.liveStretchShift

    // MARK: Sizes that are small in simulations, so that little data shows what much would
    /// What a checkpoint does in one turn.
    public var checkpointVisitsPerTurn = Limits.checkpointVisitsPerTurn
    public var checkpointBytesPerTurn = Limits.checkpointBytesPerTurn
    /// Messages kept in memory at the head of a queue with consumers, and what one request to the disk asks for.
    public var readAheadBytes = Limits.readAheadBytes
    public var readRequestBytes = Limits.readRequestBytes
    public var spoolChunkBytes = Limits.spoolChunkBytes
    public var returnsPerTurn = Limits.returnsPerTurn
    /// Messages of a stream that stand together, those kept in memory at its end, and what one read for a reader asks for.
    public var streamStretchEntries = Limits.streamStretchEntries
    public var streamStretchBytes = Limits.streamStretchBytes
    public var streamTailBytes = Limits.streamTailBytes
    public var streamReadBytes = Limits.streamReadBytes

    public init() {}
}

/// What happens to a delivery that is not settled in time.
public enum ConsumerTimeoutAction: String, CaseIterable, Sendable {
    /// The channel is closed with an error, as RabbitMQ does: everything that it holds goes back.
    case close
    /// The delivery goes back to its place in the queue.
    case requeue
    /// It goes to the queue's dead-letter exchange; back to the queue if there is none.
    case deadLetter = "dead-letter"
    case nothing
}
