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

    // Broker: topology
    case virtualHostDeclare = 32
    case virtualHostDelete = 33
    case exchangeDeclare = 34
    case exchangeDelete = 35
    case queueDeclare = 36
    case queueDelete = 37
    case bind = 38
    case unbind = 39

    // Broker: messages
    /// A message and the queues it went to. Its position is the message's identity.
    case publish = 48
    /// Entries of one queue that are done with: acknowledged, expired, dropped.
    case settle = 49
    /// All ready messages of a queue dropped.
    case purge = 50
    /// Entries of one queue handed out once: they come back as redelivered.
    case delivered = 51
    /// Several broker records that hold together or not at all (`tx.commit`, dead-lettering).
    case brokerGroup = 52
}

/// Framing constants.
public enum RecordFormat {
    public static let version: UInt32 = 1
    public static let headerBytes = 9
}
