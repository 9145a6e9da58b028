// The storage thread: everything on disk that nobody's confirm waits for. It reads messages back, writes and reads the
// spool, writes checkpoints, removes and rewrites segments, and tells how much room there is. The log thread is left
// alone with what publishers wait for.
// Next: StoragePipeline.swift (the loop's side), ../../Engine/Log/SegmentArchive.swift.

import Engine
import EventLoop

/// Owner of the log's closed segments while the daemon runs.
final class StorageThread: @unchecked Sendable {
    enum Order: @unchecked Sendable {
        /// From the log thread: the log goes on in this segment.
        case begun(LogFileInfo)
        case checkpointBegin(position: LogPosition, live: LiveMap)
        /// Deallocates it.
        case checkpointChunk(UnsafeMutableRawBufferPointer)
        case checkpointFinish
        case checkpointAbandon
        case read(ReadBackRequest)
        case spoolWrite(SpoolChunk)
        case spoolRemove([UInt32])
        case finish
    }

    enum Report: Sendable {
        case read(ReadBackResult)
        case spoolWritten(UInt32)
        case spoolFailed(UInt32, reason: String)
        case chunkWritten
        /// The checkpoint is durable. Sizes: its own, and of all files of the log.
        case checkpointDone(bytes: Int, totalBytes: Int)
        case checkpointFailed(reason: String)
        case totalBytes(Int)
        case freeBytes(Int)
        /// Something that does no harm by itself, for the operator.
        case trouble(String)
    }

    private let orders = Mailbox<Order>()
    private let reports = Mailbox<Report>()
    private let archive: SegmentArchive
    private let spool: SpoolFiles
    private let disk: FolderDisk
    private let bell: WakeUp.Bell
    private let checksSpace: Bool
    private var thread: NativeThread?

    // Storage thread only from here on.
    private var spaceCheckDue: Int64 = 0
    private var lastFreeBytes = -1
    /// The checkpoint under way has failed already: its remaining chunks are thrown away.
    private var hasCheckpointFailed = false

    static let spaceCheckMicroseconds: Int64 = 1_000_000

    /// `bell` is rung for each bunch of reports.
    init(
        archive: SegmentArchive, spool: SpoolFiles, disk: FolderDisk, checksSpace: Bool, bell: WakeUp.Bell
    ) {
        self.archive = archive
        self.spool = spool
        self.disk = disk
        self.checksSpace = checksSpace
        self.bell = bell
    }

    func start() {
        thread = NativeThread(name: "taskd-storage") { [self] in run() }
    }

    /// From the loop thread and the log thread.
    func post(_ order: Order) { orders.post(order) }

    /// To the loop thread.
    func takeReports() -> [Report] { reports.take() }

    /// Waits for the end of the thread; `finish` must have been posted.
    func join() { thread?.join() }

    private func run() {
        while true {
            // With segments to rewrite it only looks whether there is something more urgent.
            let deadline = archive.hasWork ? 0 : checksSpace ? spaceCheckDue : nil
            for order in orders.wait(untilMonotonicMicroseconds: deadline) {
                if case .finish = order {
                    archive.abandonCheckpoint()
                    return
                }
                carryOut(order)
            }
            if archive.hasWork { rewrite() }
            if checksSpace, LoopClock.monotonicMicroseconds >= spaceCheckDue { checkSpace() }
        }
    }

    private func report(_ report: Report) {
        reports.post(report)
        bell.ring()
    }

    private func carryOut(_ order: Order) {
        switch order {
        case .begun(let segment): archive.begun(segment)
        case .checkpointBegin(let position, let live):
            hasCheckpointFailed = false
            attempt { () throws(LogDiskError) in try archive.beginCheckpoint(at: position, live: live) }
        case .checkpointChunk(let chunk):
            defer { chunk.deallocate() }
            attempt { () throws(LogDiskError) in try archive.writeCheckpoint(UnsafeRawBufferPointer(chunk)) }
            report(.chunkWritten)
        case .checkpointFinish:
            attempt { () throws(LogDiskError) in
                let bytes = try archive.finishCheckpoint()
                report(.checkpointDone(bytes: bytes, totalBytes: archive.totalBytes))
            }
        case .checkpointAbandon: archive.abandonCheckpoint()
        case .read(let request): report(.read(read(request)))
        case .spoolWrite(let chunk):
            do throws(LogDiskError) {
                try spool.write(chunk)
                report(.spoolWritten(chunk.id))
            } catch {
                report(.spoolFailed(chunk.id, reason: error.description))
            }
        case .spoolRemove(let ids):
            for id in ids {
                do throws(LogDiskError) { try spool.remove(id) } catch { report(.trouble(error.description)) }
            }
        case .finish: break
        }
    }

    private func read(_ request: ReadBackRequest) -> ReadBackResult {
        ReadBack.perform(request) { (place, isLogged, body) throws(LogError) in
            if isLogged { try archive.read(at: place, body) } else { try spool.read(at: place, body) }
        }
    }

    private func attempt(_ body: () throws(LogDiskError) -> Void) {
        guard !hasCheckpointFailed else { return }
        do throws(LogDiskError) {
            try body()
        } catch {
            hasCheckpointFailed = true
            archive.abandonCheckpoint()
            report(.checkpointFailed(reason: error.description))
        }
    }

    private func rewrite() {
        do throws(LogError) {
            try archive.work()
        } catch {
            report(.trouble("a segment cannot be rewritten and stays as it is: \(error.description)"))
        }
        if !archive.hasWork { report(.totalBytes(archive.totalBytes)) }
    }

    private func checkSpace() {
        spaceCheckDue = LoopClock.monotonicMicroseconds + Self.spaceCheckMicroseconds
        guard let free = disk.freeBytes, free != lastFreeBytes else { return }
        lastFreeBytes = free
        report(.freeBytes(free))
    }
}
