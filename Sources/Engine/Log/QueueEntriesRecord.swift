// The payload of a `queueEntries` record of a checkpoint: live entries of one queue. Little-endian:
//
//     size  field
//     4     id of the queue, then for each entry
//     8       position of its message
//     8       expiry, wall milliseconds since 1970; −1 when it has none
//     4       bytes of the body
//     2       how often it came back
//     1       priority
//     1       flags: 1 redelivered
//
// To change the format: see Record.swift.
// Next: ../Broker (who writes and replays it), SegmentArchive.swift (who takes the positions from it).

/// Sizes of the payload's parts.
enum QueueEntriesRecord {
    static let headBytes = 4
    static let entryBytes = 24
}
