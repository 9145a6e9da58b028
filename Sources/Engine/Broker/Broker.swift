// The broker: virtual hosts, connections, and what is left to do at the end of a turn. Operations enter through
// `BrokerChannel` (Channel/), which a session owns one of for each open channel.
//
// During a turn publishing only fills ready lists. `endTurn` then hands out, in bounded passes: dead letters,
// deliveries, confirms, log records of what was settled. What does not fit into one turn goes on in the next:
// `nextDeadline` says so. Loop thread only. Next: VirtualHost.swift, Channel/BrokerChannel.swift, Queue/Queue.swift.

import Wire

public final class Broker {
    public let context: EngineContext
    let log: BrokerLog
    let deadLetters: DeadLetters
    /// By name.
    private(set) var virtualHosts = NameTable<VirtualHost>()
    /// By identity, in order of opening; for inspection and shutdown.
    private(set) var connections: [UInt64: BrokerConnection] = [:]
    private(set) var queuesByNumber = QueuesByNumber()
    /// Consumers of direct reply-to, by the number in their address.
    var replyConsumers: [UInt64: BrokerChannel] = [:]

    var deadlines = DeadlineHeap<QueueDeadline>()
    /// So many deadlines are worth looking for those of deleted queues.
    private var deadlinesToSweep = 1_024
    var nudges = DeadlineHeap<NudgeDeadline>()
    var ackTimeouts = AckTimeoutSweep()
    /// Queues with something to deliver; each once (`isScheduled`).
    private var scheduled: [Queue] = []
    /// Channels that owe confirms; each once (`isConfirmScheduled`).
    private var confirming: [BrokerChannel] = []
    /// What was purged or deleted with its queue: dropped bit by bit.
    private(set) var graveyard: [EntryRing] = []
    /// The same for streams.
    var streamGraveyard: [StreamIndex] = []
    /// What streams need to know where their messages are.
    var streamIndexBytes = 0
    var streamProperties = StreamProperties()
    var streamsToTrim: [Queue] = []
    /// A turn was not enough for that.
    var hasMoreToTrim = false
    private var nextConnectionID: UInt64 = 1
    private var nextQueueNumber: UInt64 = 1
    private(set) var nextLogID: UInt32 = 1
    /// Only while the log is read back.
    var replaying: BrokerReplay?
    private(set) var pager: Pager!
    var policySweep = PolicySweep()
    var returns: PendingReturns
    let systemMessages = SystemMessages()
    /// nil: nobody is told.
    private(set) var events: BrokerEvents?
    /// Of everybody who has ever opened a connection or has limits.
    var userUsages = NameTable<UserUsage>()
    /// Messages in memory, in queues and with channels, in bytes; one in several queues counts once.
    public internal(set) var residentBytes = 0
    /// Some message is in the spool and in memory, for different entries.
    var hasSpooledShares = false

    // Totals since the start, for inspection.
    var publishedTotal: UInt64 = 0
    var deliveredTotal: UInt64 = 0
    var acknowledgedTotal: UInt64 = 0
    var confirmedTotal: UInt64 = 0
    var returnedTotal: UInt64 = 0

    public init(context: EngineContext) {
        self.context = context
        log = BrokerLog(context: context)
        deadLetters = DeadLetters()
        returns = PendingReturns(perTurn: context.configuration.returnsPerTurn)
        pager = Pager(broker: self)
        _ = makeVirtualHost(ByteString(context.configuration.defaultVirtualHost))
    }

    deinit { for var ring in graveyard { ring.releaseAll() } }

    // MARK: Virtual hosts and connections

    func virtualHost(_ name: ByteSlice) -> VirtualHost? { virtualHosts[name] }

    @discardableResult
    func makeVirtualHost(_ name: ByteString) -> VirtualHost {
        if let known = virtualHosts[name] { return known }
        let host = VirtualHost(name: name, broker: self)
        virtualHosts.insert(host, for: name)
        if name.string != context.configuration.defaultVirtualHost { log.virtualHostDeclared(name) }
        events?.virtualHostCreated(host)
        return host
    }

    /// Deletes the host with everything in it. The caller closes its connections first.
    func deleteVirtualHost(_ name: ByteSlice) -> Bool {
        guard let host = virtualHosts[name] else { return false }
        for queue in host.queues.values { host.deleteQueue(queue) }
        for exchange in host.exchanges.values { host.removeExchange(exchange) }
        log.virtualHostDeleted(host.name)
        events?.virtualHostDeleted(host)
        virtualHosts.removeValue(for: name)
        return true
    }

    /// A client has opened `virtualHost`. The session keeps the connection and closes it.
    func openConnection(
        virtualHost: VirtualHost, output: OutputQueue, name: String, user: String, frameBytesMax: Int
    ) -> BrokerConnection {
        let connection = BrokerConnection(
            id: nextConnectionID, broker: self, virtualHost: virtualHost, output: output, name: name, user: user,
            frameBytesMax: frameBytesMax)
        nextConnectionID += 1
        connections[connection.id] = connection
        return connection
    }

    func forget(_ connection: BrokerConnection) { connections[connection.id] = nil }

    // MARK: Queues, for the virtual hosts

    func takeQueueNumber() -> UInt64 {
        defer { nextQueueNumber += 1 }
        return nextQueueNumber
    }

    func takeLogID() -> UInt32 {
        defer { nextLogID += 1 }
        return nextLogID
    }

    /// An id was seen in the log: new ones come after it.
    func noteLogID(_ id: UInt32) { nextLogID = max(nextLogID, id + 1) }

    func register(_ queue: Queue) {
        queuesByNumber.insert(queue)
        noteAckTimeout(queue.settings.consumerTimeoutMilliseconds)
    }

    func unregister(_ queue: Queue) {
        queuesByNumber.remove(queue)
        // Deadlines of deleted queues may lie years ahead: swept when there may be more of them than others.
        guard deadlines.count >= deadlinesToSweep else { return }
        deadlines.keep { queuesByNumber[$0.queueNumber] != nil }
        deadlinesToSweep = max(1_024, 2 * deadlines.count)
    }

    /// Drops these entries in the background.
    func bury(_ rings: [EntryRing]) { graveyard.append(contentsOf: rings) }

    /// The log has failed, or it never did.
    func alarmsChanged() {
        log.hasFailed = context.alarms.logFailure != nil
        events?.alarmsChanged(to: context.alarms)
    }

    /// What the configuration says beside topology. The log has been read back.
    func applyConfiguration() {
        setConfiguredPolicies()
        setConfiguredLimits()
        for name in context.configuration.tracedVirtualHosts {
            let name = ByteString(name)
            withExtendedLifetime(name) { virtualHost(name.slice) }?.setTracing(true)
        }
        if context.configuration.hasEventExchange { events = BrokerEvents(broker: self) }
    }

    // MARK: The turn

    /// The queue has messages and a consumer for them.
    @inline(__always)
    func schedule(_ queue: Queue) {
        queue.isScheduled = true
        scheduled.append(queue)
    }

    @inline(__always)
    func scheduleConfirms(_ channel: BrokerChannel) {
        guard !channel.isConfirmScheduled else { return }
        channel.isConfirmScheduled = true
        confirming.append(channel)
    }

    /// What has fallen due. Called once a turn, after input.
    public func tick() {
        let now = context.time.monotonicMilliseconds
        var left = Limits.brokerExpiriesPerTurn
        while left > 0, let due = deadlines.popDue(now) {
            left -= 1
            guard let queue = queuesByNumber[due.queueNumber] else { continue }
            switch due.kind {
            case .messages: left -= queue.messagesDue()
            case .unused: queue.unusedDue()
            case .reading: if queue.stream != nil { queue.wakeReaders() } else { pager.want(queue) }
            case .delayed: left -= queue.delayDue()
            case .overflow: left -= queue.overflowDue()
            case .retention: left -= queue.retentionDue()
            }
        }
        if !nudges.isEmpty { sendNudges() }
        sweepAckTimeouts()
    }

    /// Deliveries, dead letters, confirms and log records of this turn.
    public func endTurn() {
        if systemMessages.hasWork { systemMessages.publish(self) }
        if !returns.isEmpty { continueReturns() }
        deadLetters.process(budget: Limits.brokerDeadLettersPerTurn)
        deliverScheduled()
        if deadLetters.hasWork { deadLetters.process(budget: Limits.brokerDeadLettersPerTurn) }
        log.flush()
        sendConfirms()
        emptyGraveyard()
        if policySweep.hasWork { policySweep.proceed() }
        if !streamsToTrim.isEmpty { trimStreams() }
        pager.endTurn()
    }

    private func deliverScheduled() {
        var budget = Limits.brokerDeliveriesPerTurn
        while budget > 0, !scheduled.isEmpty {
            let queues = scheduled
            scheduled = []
            for (index, queue) in queues.enumerated() {
                if budget <= 0 {
                    scheduled.append(contentsOf: queues[index...])
                    return
                }
                queue.isScheduled = false
                guard !queue.isDeleted else { continue }
                budget -= max(1, queue.deliver(budget: min(budget, Limits.brokerDeliveriesPerPass)))
                if systemMessages.hasWork { systemMessages.publish(self) }
                if queue.hasDeliverable, !queue.isScheduled { schedule(queue) }
            }
        }
    }

    private func sendConfirms() {
        guard !confirming.isEmpty else { return }
        let channels = confirming
        confirming.removeAll(keepingCapacity: true)
        for channel in channels {
            channel.isConfirmScheduled = false
            channel.sendConfirms()
        }
    }

    private func emptyGraveyard() {
        var left = emptyStreamGraveyard(Limits.brokerDroppedEntriesPerTurn)
        while left > 0, !graveyard.isEmpty {
            let last = graveyard.count - 1
            while left > 0, !graveyard[last].isEmpty {
                let entry = graveyard[last].removeFirst()
                if entry.isLogged { log.forget(entry) }
                release(entry)
                left -= 1
            }
            if graveyard[last].isEmpty {
                graveyard[last].deallocate()
                graveyard.removeLast()
            }
        }
    }

    /// When the broker wants its next turn at the latest; monotonic milliseconds. Now, if work is left over.
    public var nextDeadline: Int64? {
        if !scheduled.isEmpty || !graveyard.isEmpty || !streamGraveyard.isEmpty || deadLetters.hasWork
            || policySweep.hasWork || systemMessages.hasWork || hasMoreToTrim || !returns.isEmpty
        {
            return context.time.monotonicMilliseconds
        }
        var next = deadlines.next
        for other in [pager.nextDeadline, deadLetters.retryAt, nudges.next, ackSweepDeadline] {
            if let other { next = min(next ?? .max, other) }
        }
        return next
    }

    /// The log is on disk up to this batch: confirms that waited for it may go.
    public func durable(upTo sequence: UInt64) {
        for channel in log.takeWaiting(upTo: sequence) { channel.sendConfirms() }
    }
}
