// What the log holds: record types and their framing.
//
// A record on disk; its header is little-endian, what stands in payloads is big-endian like the protocols:
//
//     offset  size  field
//     0       4     payload length in bytes
//     4       4     CRC-32C of type, then payload
//     8       1     type
//     9       n     payload
//
// To change the format: add a new type with a new number (numbers are never used again), write only the
// new one, go on reading the old one, raise `formatVersion` when an old reader would misread the log, and
// add the old bytes to the recovery tests.
//
// Loop thread writes, recovery reads. Next: Journal.swift.

/// Types of records, with their numbers on disk.
public enum RecordType: UInt8, CaseIterable, Sendable {
    /// First record of a leader: epoch. What an earlier leader appends after it is refused.
    case fence = 1
    /// Up to which position the log was on stable storage when this was appended. Whatever does not check
    /// before that position is damage, not an interrupted write.
    case durableMark = 2

    // Store
    /// Effects of one command, transaction or script: all or nothing. See Store's journaling file.
    case storeEffects = 16
    /// From here on the log holds the store's effects (1) or does not (0), as `appendonly` says. What follows a 0
    /// is a picture with gaps: effects count again only after a checkpoint.
    case storeJournaling = 17
    /// A piece of a unit's effects that are more than a record holds. The next piece stands right behind it.
    case storeEffectsPart = 18
    /// The last piece: with those before it the unit is whole.
    case storeEffectsEnd = 19
    /// An RDB file was imported, of which the log has nothing: only checkpoints of this position (u64) and later ones
    /// have its keys. Stands behind the first of them. See RDBLoading.swift.
    case storeImported = 20

    // Store: users
    /// A user with all its rules, and one that is no more. See ACL/ACLPersistence.swift.
    case aclUserSet = 24
    case aclUserDelete = 25

    // Broker: topology
    case virtualHostDeclare = 32
    case virtualHostDelete = 33
    case exchangeDeclare = 34
    case exchangeDelete = 35
    case queueDeclare = 36
    case queueDelete = 37
    case bind = 38
    case unbind = 39
    /// The queue in which a delayed exchange keeps messages back. Deleted as any other.
    case delayQueueDeclare = 40
    case policySet = 41
    case policyClear = 42
    case operatorPolicySet = 43
    case operatorPolicyClear = 44
    case limitSet = 45
    case limitClear = 46

    // Broker: messages
    /// A message and the queues it went to. Its position is the message's identity.
    case publish = 48
    /// Entries of one queue that are done with: acknowledged, expired, dropped.
    case settle = 49
    /// All ready messages of a queue dropped.
    case purge = 50
    /// Entries of one queue handed out once: they come back as redelivered.
    case delivered = 51
    // 52 was a group whose inner records had no checksums, in format 1.
    /// Several broker records that hold together or not at all (`tx.commit`, dead-lettering). Its payload is
    /// whole records, one after the other, framed as those outside.
    case brokerGroup = 53
    /// Entries of one queue that came back, each with how often it did so far.
    case returned = 54

    // Checkpoints only
    /// First record of a checkpoint: the position from which the log is to be read after it.
    case checkpointBegin = 64
    /// Live entries of one queue.
    case queueEntries = 65
    /// Last record of a checkpoint: how many came before it. Without it the checkpoint is not whole.
    case checkpointEnd = 66
    /// Messages of one stream, with their offsets.
    case streamEntries = 67
}

/// Framing constants.
public enum RecordFormat {
    /// Format 1 was never released.
    public static let version: UInt32 = 2
    public static let headerBytes = 9
}
