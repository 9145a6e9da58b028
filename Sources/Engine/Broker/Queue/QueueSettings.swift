// What the arguments of a queue come to, as the queue works by them. Made by QueueArguments.swift.
// Next: QueueArguments.swift (the table), Queue.swift.

/// Kind of queue, argument `x-queue-type`.
enum QueueType: String, CaseIterable {
    case classic
    /// One member here: its rules (delivery limit, no transient or exclusive use) hold, replication does not.
    case quorum
    /// Keeps what is read; see ../Stream/MessageStream.swift.
    case stream
}

/// What happens to a message that would exceed the length limit, argument `x-overflow`.
enum QueueOverflow: String {
    case dropHead = "drop-head"
    case rejectPublish = "reject-publish"
    case rejectPublishDeadLetter = "reject-publish-dlx"
}

/// A queue's rules. A value that is never reached stands for none.
struct QueueSettings {
    var type = QueueType.classic
    /// Unused for so long → deleted; milliseconds, −1: never.
    var expiresMilliseconds: Int64 = -1
    /// Milliseconds; −1: messages do not expire. 0: expires unless delivered at once.
    var messageTTLMilliseconds: Int64 = -1
    var deadLetterExchange: ByteString?
    /// nil: the message keeps its own keys.
    var deadLetterRoutingKey: ByteString?
    /// Ready messages.
    var lengthMax = Int.max
    /// Bodies of ready messages.
    var lengthBytesMax = Int.max
    var overflow = QueueOverflow.dropHead
    /// Highest level; 0: no priorities.
    var priorityMax: UInt8 = 0
    var isSingleActiveConsumer = false
    /// Age at which an unacknowledged delivery closes its channel, milliseconds; 0: none does; −1: as configured for all.
    var consumerTimeoutMilliseconds: Int64 = -1
    /// What happens to such a delivery; nil: as configured for all.
    var consumerTimeoutAction: ConsumerTimeoutAction?
    /// Returns after which a message is dead-lettered (quorum); negative: no limit; nil: as configured for all.
    var deliveryLimit: Int64?
    /// Age at which a message may go (stream), milliseconds; −1: it stays.
    var maxAgeMilliseconds: Int64 = -1
    /// Bodies that stand together and go together (stream).
    var streamSegmentBytesMax = Int.max

    var limitsLength: Bool { lengthMax != .max || lengthBytesMax != .max }

    /// Publishing needs to look at the rules; without any it only appends.
    var hasPublishRules: Bool { limitsLength || messageTTLMilliseconds >= 0 || priorityMax > 0 }
}
