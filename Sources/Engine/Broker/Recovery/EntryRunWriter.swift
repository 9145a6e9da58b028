// Collects entries of one queue at a time and writes them into a checkpoint as `queueEntries` records.
// Loop thread only. Next: RecoveredEntry.swift (their layout), BrokerCheckpoint.swift.

import Wire

/// An open run of entries.
struct EntryRunWriter {
    private let output: CheckpointOutput
    private let time: EngineTime
    private var queueID: UInt32 = 0
    private var entries: [RecoveredEntry] = []

    init(_ output: CheckpointOutput, _ time: EngineTime) {
        self.output = output
        self.time = time
    }

    /// - Parameter isHeld: it has been handed out, so it comes back as redelivered whatever its flag says yet.
    mutating func add(_ entry: QueueEntry, of queue: Queue, isHeld: Bool) {
        if queueID != queue.logID || entries.count == Limits.brokerPositionsPerRecord { flush() }
        queueID = queue.logID
        var written = RecoveredEntry(
            position: entry.logPosition,
            wallExpiry: entry.hasExpiry
                ? max(0, time.wallMilliseconds + (entry.expiry - time.monotonicMilliseconds)) : -1,
            bodyBytes: entry.bodyBytes, priority: entry.priority)
        written.deliveryCount = entry.deliveryCount
        written.isRedelivered = isHeld || entry.isRedelivered
        entries.append(written)
    }

    mutating func flush() {
        guard !entries.isEmpty else { return }
        output.append(.queueEntries, payloadBytes: 4 + entries.count * RecoveredEntry.bytes) { writer in
            writer.writeLittle(queueID)
            for entry in entries { entry.write(to: &writer) }
        }
        entries.removeAll(keepingCapacity: true)
    }
}
