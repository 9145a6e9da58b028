// A `streamEntries` record of a checkpoint, with its messages looked up: which of them cannot be read any more, and what
// is left in runs of successive offsets. Any thread. Next: LogExamination.swift, CheckpointSalvage.swift.

import Wire

/// One stretch of a stream.
struct StreamEntriesCheck {
    /// Messages with successive offsets that can be read.
    struct Run {
        let firstOffset: UInt64
        private(set) var count = 0
        private(set) var bytes: [UInt8] = []
        private var state = StreamRunState()

        init(firstOffset: UInt64) { self.firstOffset = firstOffset }

        mutating func append(_ entry: StreamRunEntry) {
            state.append(entry, to: &bytes)
            count += 1
        }
    }

    private(set) var queueID: UInt32 = 0
    /// Positions of messages that cannot be read.
    private(set) var lost: [LogPosition] = []
    private(set) var kept: [Run] = []

    /// Messages from `position` on are the log's affair: it brings them again.
    init(_ payload: ByteSlice, before position: LogPosition, _ lookup: PositionLookup) throws(LogError) {
        guard let record = try? StreamEntriesRecord(payload) else { return }
        queueID = record.queueID
        var entries: [StreamRunEntry] = []
        guard (try? record.forEach { entries.append($0) }) != nil else { return }
        var isGoingOn = false
        for (index, entry) in entries.enumerated() {
            if entry.position < position, try !lookup.isMessage(entry.position) {
                lost.append(entry.position)
                isGoingOn = false
                continue
            }
            if !isGoingOn { kept.append(Run(firstOffset: record.firstOffset + UInt64(index))) }
            kept[kept.count - 1].append(entry)
            isGoingOn = true
        }
    }
}
