// One queue: identity, settings, ready messages, consumers. What enters is in QueueEnqueue.swift, what leaves
// towards consumers in QueueDelivery.swift, what expires in QueueExpiry.swift. Unacknowledged messages stand
// with the channel that holds them (Channel/UnackedEntries.swift); the queue only counts them.
// Loop thread only. Next: QueueEnqueue.swift.

import Wire

/// A queue of one virtual host.
final class Queue {
    let name: ByteString
    /// Names the queue inside this process; never used again.
    let number: UInt64
    /// The broker and the virtual host outlive their queues: a deleted host deletes them first.
    let broker: Broker
    let virtualHost: VirtualHost
    /// Names the queue in the log; 0 for queues that are not in it. Never used again.
    let logID: UInt32
    let isDurable: Bool
    let isAutoDelete: Bool
    let isExclusive: Bool
    /// Whose connection it ends with, if exclusive.
    private(set) weak var owner: BrokerConnection?
    /// Arguments and policy together.
    private(set) var settings: QueueSettings
    var policy = EffectivePolicy()
    /// Arguments as they came: a table without its length.
    let rawArguments: [UInt8]

    var ready = ReadyEntries()
    /// Bodies of ready messages.
    var readyBytes = 0
    var consumers = ConsumerList()
    /// Channels that are giving back messages of it: none is handed out meanwhile.
    var returningChannelCount = 0
    /// The one that receives, with x-single-active-consumer.
    var activeConsumer: Consumer?
    /// Messages that channels hold.
    var unackedCount = 0
    var unackedBytes = 0
    var nextSequence: UInt64 = 1
    /// Ready messages that are on disk, and their bodies; see Paging/.
    var onDiskCount = 0
    var onDiskBytes = 0
    var paging: QueuePaging?
    /// Bindings that lead here.
    var bindings: [Binding] = []
    /// Of the hidden queue of a delayed exchange: all that it holds. The ready list stays empty then.
    let delayed: DelayedMessages?
    /// Of a stream: all that it holds. The ready list stays empty then.
    let stream: MessageStream?

    private(set) var hasPublishRules: Bool
    /// Whether any entry ever had an expiry; until then nobody looks for expired ones.
    var mayExpire = false
    /// Earliest deadline that stands in the broker's heap for this queue's messages.
    var armedExpiry = QueueEntry.never
    /// A deadline of x-expires stands in the heap.
    var isUnusedArmed = false
    /// It is longer than it may be, and the next piece of the surplus has a deadline.
    var isOverflowArmed = false
    /// For x-expires: when it was last declared, fetched from or lost its last consumer. Monotonic milliseconds.
    var lastUsedMilliseconds: Int64 = 0
    /// Had a consumer once: an auto-delete queue goes with the last one, not before the first.
    var hadConsumer = false

    /// Stands in the broker's list of queues to deliver from.
    var isScheduled = false
    private(set) var isDeleted = false
    private var selfReference: Queue?
    /// Marks the queue as taken during one routing; see Router.
    var routingMark: UInt64 = 0

    // Totals since it was declared, for inspection.
    var publishedTotal: UInt64 = 0
    var deliveredTotal: UInt64 = 0
    var settledTotal: UInt64 = 0
    var redeliveredTotal: UInt64 = 0

    init(
        name: ByteString, number: UInt64, broker: Broker, virtualHost: VirtualHost, logID: UInt32, isDurable: Bool,
        isAutoDelete: Bool,
        owner: BrokerConnection?, isExclusive: Bool, settings: QueueSettings, rawArguments: [UInt8],
        delayed: DelayedMessages? = nil
    ) {
        self.name = name
        self.number = number
        self.broker = broker
        self.virtualHost = virtualHost
        self.logID = logID
        self.isDurable = isDurable
        self.isAutoDelete = isAutoDelete
        self.owner = owner
        self.isExclusive = isExclusive
        self.settings = settings
        self.rawArguments = rawArguments
        self.delayed = delayed
        stream = settings.type == .stream ? MessageStream(broker: broker, queueNumber: number) : nil
        hasPublishRules = settings.hasPublishRules || delayed != nil || settings.type == .stream
        lastUsedMilliseconds = broker.context.time.monotonicMilliseconds
    }

    deinit {
        for var ring in ready.takeRings() { ring.releaseAll() }
        if let delayed {
            var ring = delayed.entries.takeAll()
            ring.releaseAll()
        }
    }

    /// Messages waiting for a consumer; of a stream, all that it has.
    var readyCount: Int { stream?.index.count ?? ready.count }
    /// All that it has, channels' share included. What they hold of a stream is in it still.
    var messageCount: Int { stream == nil ? readyCount + unackedCount : readyCount }
    var consumerCount: Int { consumers.count }

    /// Own memory: entries and the bodies they alone may keep alive. An estimate for inspection.
    var memoryBytes: Int {
        let held = 1_024 + unackedCount * MemoryLayout<UnackedEntry>.stride
        if let stream { return held + stream.index.memoryBytes + stream.tail.residentBytes }
        return held + ready.count * MemoryLayout<QueueEntry>.stride + readyBytes - onDiskBytes + unackedBytes
    }

    var resourceName: ResourceName { .queue(name.slice, in: virtualHost) }

    /// In the log: its declaration and its persistent messages are found again after a restart.
    @inline(__always)
    var isLogged: Bool { logID != 0 }

    // MARK: Counting what channels hold

    @inline(__always)
    func noteUnacked(_ bytes: Int) {
        unackedCount += 1
        unackedBytes += bytes
    }

    /// A channel no longer holds this entry; it is settled or comes back.
    @inline(__always)
    func noteNoLongerUnacked(_ bytes: Int, count: Int = 1) {
        unackedCount -= count
        unackedBytes -= bytes
        if isDeleted, unackedCount == 0 { selfReference = nil }
    }

    /// The virtual host has taken it out of its tables. Entries that channels still hold keep the object alive.
    func markDeleted() {
        isDeleted = true
        if unackedCount > 0 { selfReference = self }
    }

    /// A policy has changed. Queues that clients know only.
    func change(to settings: QueueSettings) {
        self.settings = settings
        hasPublishRules = settings.hasPublishRules || stream != nil
    }

    /// Is in use in the sense of x-expires.
    func touch() { lastUsedMilliseconds = broker.context.time.monotonicMilliseconds }

    /// The entry at `index` in delivery order, for looking at it. Borrowed until the queue changes.
    func peek(_ index: Int) -> QueueEntry? { index >= 0 && index < ready.count ? ready[index] : nil }

    func checkInvariants() {
        ready.checkInvariants()
        delayed?.entries.checkInvariants()
        precondition(delayed == nil || ready.isEmpty, "a delayed message cannot be ready")
        if let stream { return checkInvariants(of: stream) }
        consumers.checkInvariants()
        var bytes = 0
        var onDisk = (count: 0, bytes: 0)
        for index in 0..<ready.count {
            bytes += ready[index].bodyBytes
            guard ready[index].isOnDisk else { continue }
            onDisk.count += 1
            onDisk.bytes += ready[index].bodyBytes
        }
        precondition(bytes == readyBytes, "bytes of ready messages miscounted")
        precondition(onDisk.count == onDiskCount && onDisk.bytes == onDiskBytes, "messages on disk miscounted")
    }

    private func checkInvariants(of stream: MessageStream) {
        stream.index.checkInvariants()
        precondition(ready.isEmpty, "a stream has nothing ready")
        precondition(stream.index.bodyBytes == readyBytes, "bytes of a stream miscounted")
        precondition(stream.tail.endOffset == stream.index.nextOffset, "the tail of a stream is at its end")
    }
}
