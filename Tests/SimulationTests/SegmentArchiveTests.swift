// The log behind its end: checkpoints, removing and rewriting of segments, reading back; and all of it under power cuts.

import Simulation
import Testing
import Wire

@testable import Engine

/// A log whose records are numbered messages, and what is known of it. Stands for the engine and the server.
private final class Log {
    let disk: SimulatedDisk
    let journal = Journal()
    let log: SegmentedLog
    let archive: SegmentArchive
    private(set) var live = LiveMap(stretchShift: 8)
    /// Positions of messages that are needed, and how long they are.
    var messages: [LogPosition: Int] = [:]
    private(set) var checkpointPosition: LogPosition?
    private(set) var failure: LogDiskError?

    /// Reads what is on the disk; `needed` is what should be in it.
    init(_ disk: SimulatedDisk, needed: [LogPosition: Int] = [:]) throws(LogError) {
        self.disk = disk
        let log = SegmentedLog(disk: disk, segmentBytesMax: 4_000)
        self.log = log
        try log.recover { _ in
        } visit: { _, _, _ in
        }
        let claim = try log.claim()
        archive = SegmentArchive(
            disk: disk, segments: log.segments, checkpoints: log.olderCheckpoints + (log.checkpoint.map { [$0] } ?? []))
        journal.begin(epoch: claim.epoch, at: claim.position)
        messages = needed
        for (position, count) in needed { live.add(position, bodyBytes: count) }
    }

    static func payload(_ position: LogPosition, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ Int(position)) }
    }

    func publish(_ count: Int) {
        let position = journal.nextPosition
        let bytes = Self.payload(position, count)
        journal.append(.publish, payloadBytes: count) { $0.writeBytes(bytes, count: count) }
        messages[position] = count
        live.add(position, bodyBytes: count)
    }

    func settle(_ position: LogPosition) {
        live.remove(position, bodyBytes: messages.removeValue(forKey: position)!)
    }

    /// Hands the batch over. False once the disk has failed.
    func append() -> Bool {
        guard let batch = journal.takeBatch() else { return true }
        let outcome = log.append(batch, sync: true)
        for segment in log.takeBegunSegments() { archive.begun(segment) }
        journal.written(batch)
        guard outcome == .durable else { return false }
        journal.durable(upTo: batch.sequence)
        return true
    }

    /// A whole checkpoint that names what is needed. `runs`: how many records its entries are spread over.
    func checkpoint(_ random: inout RandomSource) throws(LogDiskError) {
        let output = CheckpointOutput(position: journal.nextPosition)
        output.append(.checkpointBegin, payloadBytes: 16) {
            $0.writeUInt64(output.position)
            $0.writeUInt64(journal.epoch)
        }
        try archive.beginCheckpoint(at: output.position, live: live)
        let positions = messages.keys.filter { $0 < output.position }.shuffled(using: &random)
        var start = 0
        while start < positions.count {
            let end = min(positions.count, start + Int.random(in: 1...20, using: &random))
            output.append(
                .queueEntries,
                payloadBytes: QueueEntriesRecord.headBytes + QueueEntriesRecord.entryBytes * (end - start)
            ) { writer in
                writer.writeLittle(UInt32(1))
                for position in positions[start..<end] {
                    writer.writeLittle(position)
                    writer.writeLittle(UInt64(0))
                    writer.writeLittle(UInt64(0))
                }
            }
            start = end
        }
        let count = output.recordCount
        output.append(.checkpointEnd, payloadBytes: 8) { $0.writeUInt64(count) }
        let chunk = output.takeChunk()!
        defer { chunk.deallocate() }
        try archive.writeCheckpoint(UnsafeRawBufferPointer(chunk))
        _ = try archive.finishCheckpoint()
        checkpointPosition = output.position
    }

    func checkReading(_ place: Comment) {
        for (position, count) in messages where position < journal.writtenPosition {
            #expect(throws: Never.self, place) {
                try archive.read(at: position) { type, payload in
                    #expect(type == .publish && payload.array == Self.payload(position, count), place)
                }
            }
        }
    }
}

/// Goal: whatever is removed and rewritten, every live message is read at its position, and the files stay small.
/// Method: random publishing, settling, checkpoints and slices of rewriting on a simulated disk; seed replays.
@Test(arguments: 1...30 as ClosedRange<UInt64>)
func archiveKeepsWhatIsLive(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let log = try Log(SimulatedDisk(seed: seed))
    for step in 0..<300 {
        for _ in 0..<Int.random(in: 0...5, using: &random) { log.publish(Int.random(in: 0...900, using: &random)) }
        for position in log.messages.keys.sorted() where Int.random(in: 0..<12, using: &random) == 0 {
            log.settle(position)
        }
        #expect(log.append())
        if Int.random(in: 0..<8, using: &random) == 0 { try log.checkpoint(&random) }
        if Bool.random(using: &random) { try log.archive.work() }
        if step % 10 == 0 { log.checkReading("seed \(seed), step \(step)") }
    }
    try log.checkpoint(&random)
    while log.archive.hasWork { try log.archive.work() }
    log.checkReading("seed \(seed), at the end")
    let needed = log.messages.values.reduce(0) { $0 + $1 + LiveMap.overheadBytes }
    let entries = log.messages.count * QueueEntriesRecord.entryBytes
    // Twice what is live, the checkpoint, and the segments at the end and around the checkpoint.
    #expect(log.archive.totalBytes < 2 * needed + 2 * entries + 5 * 4_000, "seed \(seed)")
}

/// Goal: after a power cut at any moment, what was durable is read at its position. Method: as above, with a cut at a
/// random change of the disk, again and again on one disk; seed replays.
@Test(arguments: 1...60 as ClosedRange<UInt64>)
func archiveSurvivesCrashes(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    var durable: [LogPosition: Int] = [:]
    for round in 0..<5 {
        disk.follow(.crash(at: disk.changes + Int.random(in: 1...150, using: &random)))
        let place: Comment = "seed \(seed), round \(round)"
        do throws(LogError) {
            let log = try Log(disk, needed: durable)
            log.checkReading(place)
            for _ in 0..<200 where !disk.hasCrashed {
                for _ in 0..<Int.random(in: 0...5, using: &random) {
                    log.publish(Int.random(in: 0...900, using: &random))
                }
                for position in durable.keys.sorted() where Int.random(in: 0..<12, using: &random) == 0 {
                    durable[position] = nil
                    log.settle(position)
                }
                guard log.append() else { break }
                durable = log.messages
                do throws(LogDiskError) {
                    if Int.random(in: 0..<8, using: &random) == 0 { try log.checkpoint(&random) }
                } catch {
                    break
                }
                if Bool.random(using: &random) { try log.archive.work() }
            }
        } catch {
            #expect(disk.hasCrashed, "seed \(seed), round \(round): \(error)")
        }
        disk.crash()
    }
    try Log(disk, needed: durable).checkReading("seed \(seed), at the end")
}

/// Goal: whatever fails while a segment is rewritten, every live message is read at its position. Method: the change
/// of that number fails, the renaming and the sync of the folder after it among them.
@Test(arguments: 1...12)
func archiveReadsOnAfterAFailure(change: Int) throws {
    var random = RandomSource(seed: 1)
    let log = try Log(SimulatedDisk(seed: 1))
    for _ in 0..<40 {
        log.publish(500)
        #expect(log.append())
    }
    for position in log.messages.keys.sorted().enumerated().filter({ $0.offset % 4 > 0 }).map(\.element) {
        log.settle(position)
    }
    try log.checkpoint(&random)
    #expect(log.archive.hasWork)
    log.disk.follow(.fail(at: log.disk.changes + change, reason: "input/output error"))
    for _ in 0..<100 where log.archive.hasWork {
        do throws(LogError) { try log.archive.work() } catch {}
        log.checkReading("change \(change)")
    }
}

/// What a killed daemon had collected is found once, and only where it goes on from the segments.
@Test func stagedRecordsAreAdopted() throws {
    let disk = SimulatedDisk(seed: 1)
    func recover(_ staged: [StagedRecords]) throws -> (payloads: [Int], notices: [LogNotice], log: SegmentedLog) {
        let log = SegmentedLog(disk: disk, segmentBytesMax: 100_000)
        log.staged = staged
        var payloads: [Int] = []
        var notices: [LogNotice] = []
        try log.recover {
            if case .progress = $0 { return }
            notices.append($0)
        } visit: { _, payload, _ in
            payloads.append(payload.count)
        }
        return (payloads, notices, log)
    }
    let journal = Journal()
    let first = try recover([]).log
    let claim = try first.claim()
    journal.begin(epoch: claim.epoch, at: claim.position)
    for count in [10, 20] {
        journal.append(.publish, payloadBytes: count) {
            $0.writeBytes([UInt8](repeating: 1, count: count), count: count)
        }
    }
    let batch = try #require(journal.takeBatch())
    #expect(first.append(batch, sync: true) == .durable)
    journal.written(batch)
    let begin = journal.nextPosition
    for count in [30, 40] {
        journal.append(.publish, payloadBytes: count) {
            $0.writeBytes([UInt8](repeating: 2, count: count), count: count)
        }
    }
    let open = try #require(journal.takeBatch())
    // Behind the records lies something old.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: open.count + 100, alignment: 8)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0x55)
    memory.copyMemory(from: UnsafeRawBufferPointer(start: open.bytes, count: open.count))
    func staged(_ position: LogPosition, epoch: UInt64) -> StagedRecords {
        StagedRecords(position: position, epoch: epoch, bytes: memory)
    }
    #expect(try recover([staged(begin + 1, epoch: 1)]).payloads == [10, 20], "a gap")
    #expect(try recover([staged(begin, epoch: 0)]).payloads == [10, 20], "of an earlier leader")
    let found = try recover([staged(begin, epoch: 1)])
    #expect(found.payloads == [10, 20, 30, 40])
    #expect(found.notices == [.stagedRecordsAdopted(bytes: open.count)])
    #expect(try recover([staged(begin, epoch: 1)]).payloads == [10, 20, 30, 40], "it is there already")
}
