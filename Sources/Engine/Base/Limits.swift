// Every limit of the engine, in one place: name, default, unit. Those that users may set are copied from
// here into `EngineConfiguration` as defaults.
// `Limits.check()` asserts the relations between them; it runs at start-up and in a test.

/// Fixed limits and defaults of settable ones.
public enum Limits {
    // MARK: Connections
    /// Time that the requests of one connection take in one turn of the loop before the others have theirs,
    /// microseconds. Looked at between batches of commands, and at methods that take longer than a publish or an ack.
    public static let receiveMicrosecondsMax: Int64 = 1_000
    /// Seconds without traffic before the kernel asks whether the peer still lives (`tcp-keepalive`).
    public static let tcpKeepAliveSeconds = 300

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
    /// Bytes that wait for a requester beyond which replies to it go the way of those to one that has gone.
    public static let directReplyPendingBytesMax = 67_108_864
    /// Answers that wait for the peer, bytes, beyond which nothing more is read from it.
    public static let amqpOutputPauseBytes = 67_108_864
    /// Bodies up to this size get their memory when they are announced; larger ones as they come.
    public static let amqpBodyUpFrontBytesMax = 1_048_576
    /// Times to live, of messages and queues: ten years, as in RabbitMQ. Milliseconds.
    public static let messageTTLMillisecondsMax: Int64 = 315_360_000_000
    /// Nesting of tables and arrays inside a field table.
    public static let fieldTableDepthMax = 128

    // MARK: Policies
    /// Longest pattern of a policy.
    public static let policyPatternBytesMax = 1_024
    /// Steps of matching one name, for each offset at which a match may begin; a name for which they do not suffice
    /// does not match.
    public static let policyMatchStepsMax = 2_000
    /// Queues and exchanges that a changed policy is applied to in one turn.
    public static let policyObjectsPerTurn = 500

    // MARK: Messages of the broker's own
    /// Traces, events and log lines that wait to be published; more are dropped, and their number is told.
    public static let systemMessagesPendingMax = 100_000
    public static let systemMessagesPendingBytesMax = 134_217_728
    /// Published at a time.
    public static let systemMessagesPerSlice = 1_000

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
    /// Age at which an unacknowledged delivery closes its channel, unless set otherwise; how often is looked for such,
    /// in channels looked at in one turn; and how many times are remembered of each.
    public static let consumerTimeoutMilliseconds: Int64 = 1_800_000
    public static let ackSweepMillisecondsMin: Int64 = 100
    public static let ackSweepMillisecondsMax: Int64 = 60_000
    public static let ackSweepChannelsPerTurn = 4_096
    public static let deliveryMarksMax = 128
    /// Deliveries taken back from one channel that its client has not spoken of; one more closes it. And how many of them
    /// one sweep takes back.
    public static let overdueDeliveriesMax = 4_096
    public static let overdueDeliveriesPerSweep = 1_000
    /// Deliveries that go back to their queues in one turn, when channels give back more.
    public static let returnsPerTurn = 4_096
    /// Returns after which a quorum queue's message is dead-lettered, unless set otherwise (RabbitMQ 4).
    public static let quorumDeliveryLimit: Int64 = 20
    /// What one transaction publishes and settles, as it will stand in its record, bytes.
    public static let transactionBytesMax = 805_306_368
    /// One settlement in that record: rarely more than a position.
    public static let transactionSettlementBytes = 48
    /// Positions in one settle or delivered record, entries in one of a checkpoint.
    public static let brokerPositionsPerRecord = 4_096
    /// Entries of a queue that stand together while the log is read back.
    public static let recoveredEntriesPerBlock = 4_096

    // MARK: Messages on disk
    /// Memory of a message beside its content: allocation, header, and its entry in a queue.
    public static let messageOverheadBytes = 144
    /// Memory of one entry whose message is on disk, and of one that waits as a dead letter besides.
    public static let entryOverheadBytes = 33
    public static let deadLetterOverheadBytes = 56
    /// Paging begins and ends at these shares of `memory.high_watermark`; publishers are blocked at the whole of
    /// it and released at the last share. Per cent.
    public static let pagingBeginPercent = 70
    public static let pagingEndPercent = 65
    public static let memoryAlarmEndPercent = 90
    /// Entries looked at and bytes copied to the spool in one turn.
    public static let pagedEntriesPerTurn = 16_384
    public static let pagedBytesPerTurn = 16_777_216
    /// Queues chosen at once for paging out, and the time between two choices when there was nothing to do.
    public static let pagingCandidatesMax = 256
    public static let pagingPauseMilliseconds: Int64 = 50
    /// Bytes after which a chunk of the spool is closed and goes to its file.
    public static let spoolChunkBytes = 4_194_304
    /// Bytes of chunks that wait to be written, beyond which nothing more is added.
    public static let spoolPendingBytesMax = 67_108_864
    /// After a chunk could not be written, time until it is tried again.
    public static let spoolRetryMilliseconds: Int64 = 5_000
    /// Messages kept in memory at the head of a queue that has consumers. More is asked for at half of it.
    public static let readAheadBytes = 8_388_608
    public static let readAheadEntries = 8_192
    /// What one request to the disk asks for; one message may be larger.
    public static let readRequestBytes = 4_194_304
    public static let readRequestEntries = 4_096
    /// The same while memory is short.
    public static let readRequestEntriesWhenShort = 64
    /// Requests under way for one queue, and bytes under way for all.
    public static let readRequestsPerQueue = 2
    public static let readBytesUnderWayMax = 67_108_864
    /// Entries passed over while a request is put together.
    public static let readScanEntries = 16_384
    /// After a read failed for a reason that may pass, time until it is tried again.
    public static let readRetryMilliseconds: Int64 = 1_000

    // MARK: Streams
    /// Messages and bytes of bodies that stand together in a stream, and go together by its limits. Bytes may be less
    /// by `x-stream-max-segment-size-bytes`.
    public static let streamStretchEntries = 1_024
    public static let streamStretchBytes = 1_048_576
    /// Newest messages kept in memory for readers, and what one read for a reader far behind asks for.
    public static let streamTailBytes = 4_194_304
    public static let streamReadBytes = 1_048_576
    public static let streamReadEntries = 1_024
    /// While memory is short, a read asks for this part of the bytes.
    public static let streamReadPartsWhenShort = 16
    /// Messages of a stream that leave memory with one publish, and in one turn besides.
    public static let streamTrimmedPerPublish = 16
    public static let streamTrimmedPerTurn = 8_192
    /// Messages one reader gets before the next one has its turn.
    public static let streamDeliveriesPerReader = 128
    /// Messages of a stream that a checkpoint writes in the time of one visit: they are copied together.
    public static let streamEntriesPerVisit = 16
    /// Values that `x-stream-max-segment-size-bytes` and `x-stream-filter-size-bytes` may have.
    public static let streamSegmentBytesMax: Int64 = 3_000_000_000
    public static let streamFilterBytes: ClosedRange<Int64> = 16...255

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
    /// Bytes of one client's unexecuted query (`client-query-buffer-limit`), what it has queued after MULTI included.
    public static let respQueryBytesMax = 1_073_741_824
    /// What a queued command takes beside its words, bytes.
    public static let queuedCommandBytes = 96
    /// Memory of unread replies at which a client is closed: no reply that anybody waits for is so large, but a request
    /// may ask for the same value a million times.
    public static let respOutputBytesMax = 4_294_967_296
    /// Unread replies of one client above which no further request of it is executed until it has read.
    /// Ample: a client that sends a long pipeline before it reads the first reply must not get stuck.
    public static let respOutputPauseBytes = 268_435_456
    /// The same before authentication: arguments and bulk length, as Redis bounds them.
    public static let respArgumentsBeforeAuthenticationMax = 10
    public static let respBulkBeforeAuthenticationBytesMax = 16_384

    // MARK: Compact values, by Redis's defaults
    /// Bytes of one node of a list (`list-max-listpack-size` -2).
    public static let listNodeBytesMax = 8_192
    /// Longest member, field or value of a packed hash, set or sorted set (`hash-max-listpack-value` and so on), and the
    /// most that these may be set to: a packed value must stay below 4 GiB.
    public static let packedValueBytesMax = 64
    public static let packedValueBytesCeiling = 8_192
    /// Fields of a packed hash, members of a packed sorted set and of a packed set (`hash-max-listpack-entries` and so on),
    /// and the most that these may be set to.
    public static let packedEntriesMax = 128
    public static let packedEntriesCeiling = 65_536
    /// Members of a set of integers (`set-max-intset-entries`).
    public static let integerSetEntriesMax = 512
    /// Bytes of a sparse HyperLogLog (`hll-sparse-max-bytes`), its header included.
    public static let hyperLogLogSparseBytesMax = 3_000
    /// The most that it may be set to: the dense form is smaller.
    public static let hyperLogLogSparseBytesCeiling = 16_000
    /// Bytes that RESTORE makes of fewer, in one payload: of compressed strings, and of field names that entries of a
    /// stream share. A hostile payload must not grow a hundredfold.
    public static let restoredExpansionBytesMax = respBulkBytesMax
    /// The same for an RDB file: so many bytes for each of its own, in all.
    public static let importedExpansionFactor = 128
    /// Bytes of an RDB file read at once, and keys taken from it between two looks at the clock.
    public static let importReadBytes = 1_048_576
    public static let importKeysPerStep = 1_024
    /// Bytes of an RDB file that are written at once.
    public static let exportWriteBytes = 1_048_576
    /// Keys for which room is made because the file announces them.
    public static let importedKeysExpectedMax = 16_777_216
    /// Elements for which RESTORE makes room because a payload announces them.
    public static let restoredElementsExpectedMax = 65_536
    /// Members drawn by SPOP that one journaled effect names.
    public static let setMembersPerEffect = 1_024
    /// Entries of one node of a stream (`stream-node-max-entries`), and its bytes.
    public static let streamNodeEntriesMax = 100
    public static let streamNodeBytesMax = 4_096
    /// Pending entries that one journaled effect names.
    public static let streamClaimsPerEffect = 1_024
    /// Pending output at which a subscriber is closed at once, bytes; and over which, for how long, likewise
    /// (`client-output-buffer-limit pubsub`).
    public static let pubSubOutputHardBytes = 33_554_432
    public static let pubSubOutputSoftBytes = 8_388_608
    public static let pubSubOutputSoftMilliseconds: Int64 = 60_000
    /// Ends of waits that were over before, beside as many as clients wait, until they are looked for and dropped.
    public static let pastDeadlinesMax = 1_024
    /// Ends of waits looked at in one turn.
    public static let storeTimersPerTurnMax = 1_000
    /// Time between two slices of active expiry, and expiring keys looked at in one, for each database.
    public static let expirySliceMilliseconds: Int64 = 100
    public static let expirySliceKeys = 400
    /// Fields of hashes that are removed in one slice, and the latest time they can have, milliseconds since 1970.
    public static let expirySliceFields = 1_000
    public static let fieldExpiryMillisecondsMax: Int64 = 1 << 46 - 1
    /// The longest time-out of MIGRATE that makes a difference, and bytes of an error of its target's that are shown.
    public static let migrationMillisecondsMax: Int64 = 86_400_000
    public static let migrationReplyBytesMax = 1_024
    /// Users that commands make, bytes of their names and of all their rules, as shown.
    public static let aclUsersMax = 10_000
    public static let aclUserNameBytesMax = 255
    public static let aclRulesBytesMax = 65_536
    /// Entries of ACL LOG unless set otherwise, what of a key is shown, and how long the same refusals are one entry.
    public static let aclLogEntriesMax = 128
    public static let aclLogObjectBytesMax = 1_024
    public static let aclLogGroupingMilliseconds: Int64 = 60_000
    /// Samples for one eviction, unless set otherwise and at most, and keys that are remembered as candidates.
    public static let evictionSamples = 5
    public static let evictionSamplesMax = 64
    public static let evictionCandidatesMax = 16
    /// How much of a turn eviction takes while memory is over the limit by less than an eighth or the slack.
    public static let evictionTurnMicroseconds: Int64 = 3_000
    public static let evictionTurnKeys = 4_096
    public static let evictionSlackBytes = 65_536
    /// Keys that one command makes room with; the time is bounded by `maxmemory-eviction-tenacity`.
    public static let evictionKeysPerCommand = 512
    /// Buckets moved between turns while a keyspace is resized.
    public static let resizeSliceBuckets = 256
    /// Keys of a flushed database freed between turns.
    public static let freeSliceKeys = 5_000
    /// Hashes whose place among those with fields that expire is freed after that.
    public static let freeSliceMembers = 1_000

    // MARK: Client-side caching
    /// Keys remembered for those who have read them (`tracking-table-max-keys`).
    public static let trackedKeysMax = 1_000_000
    /// Keys beyond that given up after a command (and as many as it has read), and between turns.
    public static let trackedKeysForgottenMin = 100
    public static let trackedKeysForgottenPerTurn = 1_000
    /// Changed keys told to clients in broadcast mode between turns.
    public static let trackingBroadcastKeysPerTurn = 1_000

    // MARK: Checkpoints of the store
    /// Bytes of effects at which a record of a checkpoint is closed.
    public static let checkpointRecordBytes = 65_536
    /// Elements of a value in one effect; values with more are written in several steps.
    public static let checkpointRunElementsMax = 1_000
    /// Keys whose memory is fetched ahead during the walk.
    public static let checkpointLookAheadKeys = 48
    /// Time between two looks at the save points, and before another checkpoint is tried after one failed.
    public static let savePointCheckMilliseconds: Int64 = 1_000
    public static let saveRetryMilliseconds: Int64 = 5_000

    /// What SORT stores, bytes: one value may be asked for with every element, any number of times.
    public static let sortStoredBytesMax = 4_294_967_296

    // MARK: Scripts
    /// Memory of the Lua interpreter, bytes.
    public static let scriptMemoryBytesMax = 1_073_741_824
    /// Nesting of a script's reply.
    public static let scriptReplyDepthMax = 1_990
    /// Bytes of a script's reply, of a command's reply to it, and of JSON text that it makes: outside of Lua's memory.
    public static let scriptTextBytesMax = 1_073_741_824
    /// Items of a pattern that wait for what follows them; each takes some of the C stack. As in Lua 5.2.
    public static let scriptPatternDepthMax = 200
    /// Instructions of a script, or as much other work, between two looks at the clock. Each may be as dear as a
    /// comparison of long strings.
    public static let scriptInstructionsPerCheck = 10_000
    /// What one script may change, bytes of its effects: they are one record, kept in memory until the script's end.
    public static let scriptEffectsBytesMax = 1_073_741_824
    /// A script is ended by force after `busy-reply-threshold` times this.
    public static let scriptKillFactor: Int64 = 6
    /// Scripts known from EVAL alone; the one that was not used for the longest time goes.
    public static let evaluatedScriptsMax = 500
    /// The same for the bytes of their texts.
    public static let evaluatedScriptBytesMax = 67_108_864
    /// What a script has logged in one line, bytes; the rest is cut.
    public static let scriptLogLineBytesMax = 16_384
    /// Buffer for replies to scripts that is kept for the next one, bytes.
    public static let scriptKeptReplyBytesMax = 65_536

    /// Texts of all libraries of functions, bytes, and how long running one may take when it is loaded.
    public static let functionCodeBytesMax = 268_435_456
    public static let functionLoadMillisecondsMax: Int64 = 500
    /// The same for a library in an RDB file, which some Redis has loaded in the time above.
    public static let importedFunctionMillisecondsMax: Int64 = 5_000

    // MARK: Administration
    /// Entries of SLOWLOG (`slowlog-max-len`), and how much of a command each shows.
    public static let slowLogEntriesMax = 128
    public static let slowLogWordsMax = 32
    public static let slowLogWordBytesMax = 128
    /// Letters of an error's first word under which it is counted.
    public static let errorCodeLettersMax = 64
    /// Messages that QUEUE PEEK shows when not told how many, and at most.
    public static let peekedMessages = 10
    public static let peekedMessagesMax = 1_000
    /// Bodies it shows, bytes; the one that passes it is still shown.
    public static let peekedBytesMax = 67_108_864
    /// Longest `DEBUG SLEEP`, milliseconds: everybody waits for it.
    public static let debugSleepMillisecondsMax: Int64 = 1_000

    /// Random elements drawn with repetition in one command: nobody needs more, and each costs time and output.
    public static let randomElementsMax = 16_777_216

    // MARK: Log
    /// A batch is closed at this size even when the previous one is still in flight: then publishers wait.
    public static let logBatchBytesMax = 67_108_864
    /// A batch buffer larger than this is freed after use, not kept for the next batch.
    public static let logSpareBufferBytesMax = 4_194_304
    /// Zeros written ahead of the log's end at once, bytes: records that take their place are synced without a change
    /// of the file's size, which takes half the time on common file systems.
    public static let logPreparedBytes = 262_144
    /// Larger batches are appended without: what they would gain is less than writing everything twice.
    public static let logPreparedBatchBytesMax = 32_768
    /// Payload of one record, bytes.
    public static let logRecordBytesMax = 2_147_483_647

    /// Log positions of one stretch of which it is known how much is still needed: 2 to the power of this.
    public static let liveStretchShift = 16
    /// Keys, messages and the like that a checkpoint visits in one turn, and bytes it writes: well under a millisecond.
    public static let checkpointVisitsPerTurn = 2_048
    public static let checkpointBytesPerTurn = 262_144
    /// Which is a slice of about so long; after a shorter turn the slice is shorter as well, down to this share.
    public static let checkpointSliceMicroseconds = 600
    public static let checkpointSliceParts = 8
    /// A chunk of a checkpoint is handed over at this size.
    public static let checkpointChunkBytes = 1_048_576
    /// Chunks that wait to be written; beyond them the walk rests, and clients too if what they change is written
    /// out before the walk has come to it.
    public static let checkpointChunksMax = 16
    /// Live bytes of segments that are rewritten after one checkpoint.
    public static let logRewriteBytesMax = 1_073_741_824
    /// Bytes that are rewritten between two orders of the storage thread.
    public static let logRewriteSliceBytes = 1_048_576
    /// Records of a rewritten segment between two entries of its index.
    public static let logSparseIndexRecords = 16

    // MARK: Offline tools
    /// Bytes that the search for the next whole record may check in one file; then only short records are found.
    public static let damageSearchBytesMax = 4_294_967_296
    public static let damageSearchShortBytes = 4_096
    /// What is shown of a damaged log: stretches and findings of one kind for each file, effects and words of a record.
    public static let shownFindingsMax = 100
    public static let shownEffectsMax = 3
    public static let shownWordsMax = 4
    public static let shownWordBytesMax = 48

    /// Asserts the relations that the code relies on.
    public static func check() {
        precondition(amqpFrameBytesMin <= amqpFrameBytesMax)
        precondition(amqpFrameBeforeAuthenticationBytesMax >= amqpFrameBytesMin)
        precondition(amqpOutputPauseBytes > outputHighWatermarkBytes, "deliveries stop before reading does")
        precondition(amqpBodyUpFrontBytesMax <= messageBytesMax)
        precondition(messageBytesMax < logRecordBytesMax, "a message must fit a record")
        precondition(transactionBytesMax + logBatchBytesMax < logRecordBytesMax, "with room for what a commit drops")
        precondition(messageBytesMax < transactionBytesMax)
        precondition(
            respQueryBytesMax + respBulkBytesMax < logRecordBytesMax - 1 << 24,
            "what one request makes must fit a record, even under a longer key")
        precondition(checkpointRecordBytes <= logRecordBytesMax - respBulkBytesMax, "so must one behind others")
        precondition(brokerDeliveriesPerPass <= brokerDeliveriesPerTurn)
        precondition(pagingEndPercent < pagingBeginPercent && pagingBeginPercent < memoryAlarmEndPercent)
        precondition(memoryAlarmEndPercent < 100)
        precondition(spoolChunkBytes * 2 <= spoolPendingBytesMax, "one chunk is written while the next fills")
        precondition(readRequestBytes * readRequestsPerQueue <= readAheadBytes)
        precondition(readRequestEntries * readRequestsPerQueue <= readAheadEntries)
        precondition(readAheadBytes <= readBytesUnderWayMax)
        precondition(readScanEntries >= readAheadEntries, "a request must get past the window")
        precondition(streamReadEntries <= readRequestEntries, "one read of a stream is one request")
        precondition(streamReadBytes <= readBytesUnderWayMax)
        precondition(messageBytesMax < Int(UInt32.max) - spoolChunkBytes, "offsets in a chunk have 32 bits")
        precondition(nudgeMillisecondsMin > 0 && nudgeIntervalFactor > 1, "nudges must come to an end")
        precondition(nudgeMillisecondsMin <= nudgeMillisecondsMax)
        precondition(ackSweepMillisecondsMin <= ackSweepMillisecondsMax && deliveryMarksMax > 1)
        precondition(outputReferenceBytesMin <= OutputQueue.chunkBytes)
        precondition(pubSubOutputSoftBytes < pubSubOutputHardBytes)
        precondition(respInlineBytesMax <= respQueryBytesMax)
        precondition(respBulkBytesMax <= respQueryBytesMax)
        precondition(respOutputPauseBytes < respOutputBytesMax)
        precondition(respOutputPauseBytes > outputHighWatermarkBytes, "draining must be noticed after a pause")
    }
}
