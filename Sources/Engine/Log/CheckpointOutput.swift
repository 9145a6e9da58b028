// Where a checkpoint is written to while the loop walks keyspace and queues: records, handed to the storage
// thread in chunks. Store and broker append what they come by; neither knows the other or the file.
// Loop thread only. Next: ../Checkpoint.swift (who drives it), CheckpointFile.swift (the file).

import Wire

/// How much of a checkpoint one turn may do.
struct CheckpointBudget {
    /// Keys, entries and the like that may still be visited.
    var visits: Int
    /// Bytes that may still be written.
    var bytes: Int

    var isSpent: Bool { visits <= 0 || bytes <= 0 }
}

/// Records of the checkpoint being taken.
final class CheckpointOutput {
    /// The picture is that of this moment: the log is read from here on after it.
    let position: LogPosition
    private let buffer = RecordBuffer()
    /// Records so far.
    private(set) var recordCount: UInt64 = 0
    /// Bytes so far, chunks handed over included.
    private(set) var bytesTotal = 0

    init(position: LogPosition) { self.position = position }

    /// Bytes not handed over yet.
    var pendingBytes: Int { buffer.count }

    /// Appends one record of exactly `payloadBytes`, written by `fill`.
    func append(_ type: RecordType, payloadBytes: Int, _ fill: (inout RawWriter) -> Void) {
        buffer.append(type, payloadBytes: payloadBytes, fill)
        recordCount += 1
        bytesTotal += RecordFormat.headerBytes + payloadBytes
    }

    /// What has been written since the last call; the receiver deallocates it.
    func takeChunk() -> UnsafeMutableRawBufferPointer? { buffer.take() }
}
