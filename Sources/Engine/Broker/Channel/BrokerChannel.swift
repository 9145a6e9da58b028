// One AMQP channel, broker side: the door through which a session does everything. State is here; operations
// are in the extensions beside: ChannelTopology (declare, bind, purge …), ChannelPublish, ChannelConsume,
// ChannelDelivery (frames out), ChannelSettling (ack, nack, recover), AckTimeout (what is not acknowledged in time),
// ChannelNudge (a client's sleep), ChannelTransaction, ChannelConfirms.
// An operation either succeeds or throws a `BrokerError`; the session closes the channel or connection with it.
// Loop thread only.

import Wire

/// How publishes of the channel are answered.
enum ChannelMode {
    case plain
    /// `confirm.select`
    case confirm
    /// `tx.select`
    case transaction
}

/// One open channel.
public final class BrokerChannel {
    public let number: UInt16
    let broker: Broker
    let connection: BrokerConnection
    let virtualHost: VirtualHost
    let output: OutputQueue
    let frameBytesMax: Int
    private(set) var isClosed = false

    /// The queue this channel declared last: what an empty queue name means.
    var lastQueueName = ByteString.empty

    // Delivery
    var consumers = NameTable<Consumer>()
    var nextDeliveryTag: UInt64 = 1
    var unacked = UnackedEntries()
    /// `basic.qos` for consumers to come; 0: no limit.
    var consumerPrefetch: UInt32 = 0
    /// `basic.qos` with global set, shared by all consumers; 0: no limit.
    var globalPrefetch: UInt32 = 0
    /// Deliveries to consumers that acknowledge: what `globalPrefetch` limits.
    var limitedUnacked = 0
    /// Some consumer stopped because of `globalPrefetch`.
    var isGlobalPrefetchReached = false
    /// Fixed by what the client is; see ChannelNudge.swift.
    let wantsNudges: Bool
    var nudge = ChannelNudge()
    var deliveryMarks = DeliveryMarks()
    /// Deliveries that were taken back meanwhile.
    var overdue = OverdueDeliveries()
    /// Deliveries with tags up to this are on their way back to their queues; 0: none are. See PendingReturns.swift.
    var returnedUpTo: UInt64 = 0
    var pausedQueues: [Queue] = []

    // Publishing
    var mode = ChannelMode.plain {
        didSet { takesLongWay = mode == .transaction || isTraced }
    }
    /// Every message is published and delivered once more; see ../SystemMessages/Firehose.swift.
    var isTraced: Bool {
        didSet {
            takesLongWay = mode == .transaction || isTraced
            for consumer in consumers.values { consumer.noteTracing() }
        }
    }
    /// Publishes do more than find their queues: in a transaction, and when traced.
    private(set) var takesLongWay: Bool
    var routes = RouteCache()
    var confirms = PendingConfirms()
    /// Highest tag answered by an ack.
    var lastConfirmedTag: UInt64 = 0
    var isConfirmScheduled = false
    var transaction = PendingTransaction()
    /// Direct reply-to: the tag of the consumer on the pseudo-queue, and its number in addresses.
    var replyConsumerTag: ByteString?
    var replyConsumerNumber: UInt64 = 0
    /// It has been said that replies are dropped.
    var hasLostReplies = false

    // Totals, for inspection.
    var publishedTotal: UInt64 = 0
    var deliveredTotal: UInt64 = 0

    init(number: UInt16, connection: BrokerConnection) {
        self.number = number
        self.connection = connection
        broker = connection.broker
        virtualHost = connection.virtualHost
        output = connection.output
        frameBytesMax = connection.frameBytesMax
        wantsNudges = connection.capabilities.contains(.nudges)
        isTraced = connection.virtualHost.isTraced
        takesLongWay = isTraced
    }

    @inline(__always)
    var hasGlobalCredit: Bool { globalPrefetch == 0 || limitedUnacked < Int(globalPrefetch) }

    /// Every delivery it holds, those settled by its open transaction included.
    func forEachHeld(_ body: (UnackedEntry) -> Void) {
        unacked.forEach(body)
        for pending in transaction.settlements { body(pending.held) }
    }

    /// Ends the channel: consumers go, what it holds goes back to its place, open transactions are forgotten.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for consumer in consumers.values { consumer.queue.consumers.leave(consumer) }
        returnEverything()
        for consumer in consumers.values {
            broker.events?.consumerDeleted(consumer)
            consumer.queue.removeConsumer(consumer)
        }
        consumers.removeAll()
        forgetReplyConsumer()
        connection.forget(self)
    }
}
