// Every limit of the engine, in one place: name, default, unit. Those that users may set are copied from
// here into `EngineConfiguration` as defaults.
// `Limits.check()` asserts the relations between them; it runs at start-up and in a test.

/// Fixed limits and defaults of settable ones.
public enum Limits {
    // MARK: AMQP
    /// Frame size announced in tune, octets. RabbitMQ's default.
    public static let amqpFrameBytesMax = 131_072
    /// A client may not negotiate less (specification 4.2.3).
    public static let amqpFrameBytesMin = 4_096
    /// Octets by which a frame may exceed the negotiated maximum, as RabbitMQ tolerates.
    public static let amqpFrameToleranceBytes = 8
    /// Largest frame before authentication has succeeded.
    public static let amqpFrameBeforeAuthenticationBytesMax = 8_192
    /// Open channels of one connection.
    public static let amqpChannelsMax = 2_047
    /// Heartbeat proposed in tune, seconds.
    public static let amqpHeartbeatSeconds = 60
    /// From TCP accept to `connection.open`, milliseconds.
    public static let amqpHandshakeMilliseconds: Int64 = 10_000
    /// Wait before a refused handshake is dropped, milliseconds (slows guessing down, as RabbitMQ does).
    public static let amqpRefusalDelayMilliseconds: Int64 = 3_000
    /// Wait for `close-ok` after sending close, milliseconds.
    public static let amqpCloseOKMilliseconds: Int64 = 10_000
    /// Largest message body, bytes (RabbitMQ's `max_message_size`).
    public static let messageBytesMax = 134_217_728
    /// Answers that wait for the peer, bytes, beyond which nothing more is read from it.
    public static let amqpOutputPauseBytes = 67_108_864
    /// Bodies up to this size get their memory when they are announced; larger ones as they come.
    public static let amqpBodyUpFrontBytesMax = 1_048_576
    /// Times to live, of messages and queues: ten years, as in RabbitMQ. Milliseconds.
    public static let messageTTLMillisecondsMax: Int64 = 315_360_000_000
    /// Nesting of tables and arrays inside a field table.
    public static let fieldTableDepthMax = 128

    // MARK: Broker
    /// Messages handed out in one turn of the loop, over all queues.
    public static let brokerDeliveriesPerTurn = 8_192
    /// Messages one queue hands out before the next one has its turn.
    public static let brokerDeliveriesPerPass = 512
    /// Expired messages taken off one queue's head in one pass.
    public static let brokerExpiriesPerPass = 1_024
    /// Due deadlines looked at and messages expired in one turn, over all queues.
    public static let brokerExpiriesPerTurn = 4_096
    /// Dead letters published in one turn.
    public static let brokerDeadLettersPerTurn = 1_024
    /// Entries of purged and deleted queues freed in one turn.
    public static let brokerDroppedEntriesPerTurn = 16_384
    /// Silence of a client at its prefetch before it is nudged, the factor by which the distance to the next nudge
    /// grows, and the longest distance (so 4, 32 and 256 ms). Milliseconds. The first is shorter than a worker needs
    /// for a few of its quickest tasks.
    public static let nudgeMillisecondsMin: Int64 = 4
    public static let nudgeIntervalFactor: Int64 = 8
    public static let nudgeMillisecondsMax: Int64 = 256
    /// Nudges looked at in one turn.
    public static let brokerNudgesPerTurn = 1_024
    /// Positions in one settle or delivered record.
    public static let brokerPositionsPerRecord = 4_096

    // MARK: Output
    /// Bytes pending for one connection above which the broker stops delivering to it.
    public static let outputHighWatermarkBytes = 1_048_576
    /// Free output chunks kept for reuse.
    public static let pooledOutputChunksMax = 256
    /// Bodies at least this large are referenced by the output, not copied into it.
    public static let outputReferenceBytesMin = 8_192

    // MARK: RESP
    /// Number of databases.
    public static let respDatabases = 16
    /// Largest bulk string, bytes (`proto-max-bulk-len`).
    public static let respBulkBytesMax = 536_870_912
    /// Largest inline request, bytes.
    public static let respInlineBytesMax = 65_536
    /// Arguments of one command.
    public static let respArgumentsMax = 1_048_576
    /// Bytes of one client's unexecuted query (`client-query-buffer-limit`).
    public static let respQueryBytesMax = 1_073_741_824
    /// Unread replies of one client above which no further request of it is executed until it has read.
    /// Ample: a client that sends a long pipeline before it reads the first reply must not get stuck.
    public static let respOutputPauseBytes = 268_435_456
    /// The same before authentication: arguments and bulk length, as Redis bounds them.
    public static let respArgumentsBeforeAuthenticationMax = 10
    public static let respBulkBeforeAuthenticationBytesMax = 16_384

    // MARK: Compact values, by Redis's defaults
    /// Bytes of one node of a list (`list-max-listpack-size` -2).
    public static let listNodeBytesMax = 8_192
    /// Longest member, field or value of a packed hash, set or sorted set.
    public static let packedValueBytesMax = 64
    /// Fields of a packed hash, members of a packed sorted set and of a packed set.
    public static let packedHashEntriesMax = 128
    public static let packedSortedSetEntriesMax = 128
    public static let packedSetEntriesMax = 128
    /// Members of a set of integers.
    public static let integerSetEntriesMax = 512
    /// Entries of one node of a stream (`stream-node-max-entries`), and its bytes.
    public static let streamNodeEntriesMax = 100
    public static let streamNodeBytesMax = 4_096
    /// Pending output at which a subscriber is closed at once, bytes; and over which, for how long, likewise
    /// (`client-output-buffer-limit pubsub`).
    public static let pubSubOutputHardBytes = 33_554_432
    public static let pubSubOutputSoftBytes = 8_388_608
    public static let pubSubOutputSoftMilliseconds: Int64 = 60_000
    /// Ends of waits looked at in one turn.
    public static let storeTimersPerTurnMax = 1_000
    /// Time between two slices of active expiry, and expiring keys looked at in one, for each database.
    public static let expirySliceMilliseconds: Int64 = 100
    public static let expirySliceKeys = 400
    /// Buckets moved between turns while a keyspace is resized.
    public static let resizeSliceBuckets = 256
    /// Keys of a flushed database freed between turns.
    public static let freeSliceKeys = 5_000

    // MARK: Scripts
    /// Memory of the Lua interpreter, bytes.
    public static let scriptMemoryBytesMax = 1_073_741_824
    /// Nesting of a script's reply.
    public static let scriptReplyDepthMax = 1_990
    /// Instructions of a script between two looks at the clock.
    public static let scriptInstructionsPerCheck = 100_000
    /// A script is ended by force after `busy-reply-threshold` times this.
    public static let scriptKillFactor: Int64 = 6
    /// Scripts known from EVAL alone; the one that was not used for the longest time goes.
    public static let evaluatedScriptsMax = 500
    /// Buffer for replies to scripts that is kept for the next one, bytes.
    public static let scriptKeptReplyBytesMax = 65_536

    // MARK: Administration
    /// Entries of SLOWLOG (`slowlog-max-len`), and how much of a command each shows.
    public static let slowLogEntriesMax = 128
    public static let slowLogWordsMax = 32
    public static let slowLogWordBytesMax = 128
    /// Messages that QUEUE PEEK shows when not told how many, and at most.
    public static let peekedMessages = 10
    public static let peekedMessagesMax = 1_000
    /// Longest `DEBUG SLEEP`, milliseconds: everybody waits for it.
    public static let debugSleepMillisecondsMax: Int64 = 1_000

    /// Random elements drawn with repetition in one command: nobody needs more, and each costs time and output.
    public static let randomElementsMax = 16_777_216

    // MARK: Log
    /// A batch is closed at this size even when the previous one is still in flight: then publishers wait.
    public static let logBatchBytesMax = 67_108_864
    /// A batch buffer larger than this is freed after use, not kept for the next batch.
    public static let logSpareBufferBytesMax = 4_194_304
    /// Payload of one record, bytes.
    public static let logRecordBytesMax = 1_073_741_823

    /// Asserts the relations that the code relies on.
    public static func check() {
        precondition(amqpFrameBytesMin <= amqpFrameBytesMax)
        precondition(amqpFrameBeforeAuthenticationBytesMax >= amqpFrameBytesMin)
        precondition(amqpOutputPauseBytes > outputHighWatermarkBytes, "deliveries stop before reading does")
        precondition(amqpBodyUpFrontBytesMax <= messageBytesMax)
        precondition(messageBytesMax < logRecordBytesMax, "a message must fit a record")
        precondition(respBulkBytesMax < logRecordBytesMax, "a value must fit a record")
        precondition(brokerDeliveriesPerPass <= brokerDeliveriesPerTurn)
        precondition(nudgeMillisecondsMin > 0 && nudgeIntervalFactor > 1, "nudges must come to an end")
        precondition(nudgeMillisecondsMin <= nudgeMillisecondsMax)
        precondition(outputReferenceBytesMin <= OutputQueue.chunkBytes)
        precondition(pubSubOutputSoftBytes < pubSubOutputHardBytes)
        precondition(respInlineBytesMax <= respQueryBytesMax)
        precondition(respOutputPauseBytes > outputHighWatermarkBytes, "draining must be noticed after a pause")
    }
}
