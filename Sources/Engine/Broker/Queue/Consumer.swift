// One consumer: who receives messages of a queue, over which channel, and how many it may hold.
// Stands in its queue's circle of ready consumers while it can take a message, and outside while it cannot.
// Loop thread only. Boundary file for `Unmanaged`. Next: ConsumerList.swift (turns), QueueDelivery.swift.

import Wire

/// Receives messages of one queue.
final class Consumer {
    let tag: ByteString
    let queue: Queue
    let channel: BrokerChannel
    let noAck: Bool
    /// Deliveries need no more than to be kept until they are acknowledged: it acknowledges, and nobody traces.
    private(set) var isPlain: Bool
    let isExclusive: Bool
    /// Argument `x-priority`; higher first, 0 when absent.
    let priority: Int64
    /// Deliveries it may hold; 0: no limit. Fixed when it begins, as `basic.qos` says.
    let prefetchMax: UInt32
    /// Arguments of `basic.consume`, as they came.
    let rawArguments: [UInt8]
    /// Where it is, in a stream.
    let reader: StreamReader?
    /// Deliveries it holds. While there are any, the consumer lives on, even when cancelled.
    fileprivate(set) var unackedCount = 0
    fileprivate(set) var isCancelled = false
    private var selfReference: Consumer?

    // Place in the circle of ready consumers; nil while it cannot take a message. The circle does not own:
    // whoever ends a consumer takes it out first.
    var next: Unmanaged<Consumer>?
    var previous: Unmanaged<Consumer>?
    /// Waits in its connection's list for the output to drain.
    var waitsForOutput = false

    init(
        tag: ByteString, queue: Queue, channel: BrokerChannel, noAck: Bool, isExclusive: Bool, priority: Int64,
        prefetchMax: UInt32, rawArguments: [UInt8], reader: StreamReader? = nil
    ) {
        self.tag = tag
        self.queue = queue
        self.channel = channel
        self.noAck = noAck
        isPlain = !noAck && !channel.isTraced
        self.isExclusive = isExclusive
        self.priority = priority
        self.prefetchMax = noAck ? 0 : prefetchMax
        self.rawArguments = rawArguments
        self.reader = reader
    }

    /// Tracing has begun or ended.
    func noteTracing() { isPlain = !noAck && !channel.isTraced }

    @inline(__always)
    var isReady: Bool { next != nil }

    /// Whether its prefetch and its channel's let it take another message.
    @inline(__always)
    var hasCredit: Bool {
        if noAck { return true }
        if isPrefetchReached { return false }
        if channel.hasGlobalCredit { return true }
        channel.isGlobalPrefetchReached = true
        return false
    }

    @inline(__always)
    var isPrefetchReached: Bool { prefetchMax != 0 && unackedCount >= Int(prefetchMax) }

    @inline(__always)
    func noteDelivered() { unackedCount += 1 }

    /// One of its deliveries is settled or went back.
    @inline(__always)
    func noteSettled() {
        unackedCount -= 1
        if isCancelled, unackedCount == 0 { selfReference = nil }
    }

    /// It receives nothing more. Entries it still holds keep it alive.
    func cancel() {
        isCancelled = true
        reader?.close()
        if unackedCount > 0 { selfReference = self }
    }
}
