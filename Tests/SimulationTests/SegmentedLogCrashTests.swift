// The segment files under power cuts at every change of the disk: what was durable is there, what is there
// was appended, and nothing is missing in between.

import Simulation
import Testing
import Wire

@testable import Engine

/// What one run appended, by order, and how much of it was reported durable.
private struct Trace {
    var appended: [[UInt8]] = []
    var durable = 0
    /// How much of it the log itself says is durable.
    var marked = 0
}

/// Appends random batches until the disk fails or `batches` are through.
private func write(_ log: SegmentedLog, _ random: inout RandomSource, batches: Int, into trace: inout Trace)
    throws(LogError)
{
    let claim = try log.claim()
    let journal = Journal()
    journal.begin(epoch: claim.epoch, at: claim.position)
    for _ in 0..<batches {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let count = Int.random(in: 0...1_500, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            journal.append(.storeEffects, payloadBytes: count) { $0.writeBytes(bytes, count: count) }
            trace.appended.append(bytes)
        }
        let marked = trace.durable
        guard let batch = journal.takeBatch() else { preconditionFailure("records were appended") }
        let outcome = log.append(batch, sync: Bool.random(using: &random))
        journal.written(batch)
        switch outcome {
        case .durable:
            trace.durable = trace.appended.count
            journal.durable(upTo: batch.sequence)
        case .written: break
        case .noSpace, .fenced, .unknown: return
        }
        trace.marked = marked
    }
}

private func recover(_ log: SegmentedLog) throws(LogError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    try log.recover { _ in
    } visit: {
        found.append($1.array); _ = ($0, $2)
    }
    return found
}

/// Goal: recovery keeps a prefix that holds everything durable, crash after crash. Method: cut the power at a
/// random change, again and again on the same disk; seed replays.
@Test(arguments: 1...60 as ClosedRange<UInt64>)
func durableRecordsSurviveCrashes(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    var trace = Trace()
    for round in 0..<6 {
        disk.follow(.crash(at: disk.changes + Int.random(in: 1...40, using: &random)))
        do throws(LogError) {
            let log = SegmentedLog(disk: disk, segmentBytesMax: 6_000)
            let found = try recover(log)
            #expect(found.count >= trace.durable, "seed \(seed), round \(round)")
            #expect(found == Array(trace.appended.prefix(found.count)), "seed \(seed), round \(round)")
            // What was found and not durable may still vanish if the power is cut again before the next sync.
            trace.appended = found
            trace.durable = min(trace.durable, found.count)
            try write(log, &random, batches: 12, into: &trace)
        } catch {
            // The power was cut during recovery itself.
            #expect(disk.hasCrashed, "seed \(seed): \(error)")
        }
        disk.crash()
    }
    let last = try recover(SegmentedLog(disk: disk, segmentBytesMax: 6_000))
    #expect(last.count >= trace.durable && last == Array(trace.appended.prefix(last.count)), "seed \(seed)")
}

private func failureReason(of log: SegmentedLog) -> String {
    switch log.sync() {
    case .unknown(let reason): reason
    default: ""
    }
}

/// Goal: after a failed write or sync nothing is reported durable any more.
@Test(arguments: 1...40 as ClosedRange<Int>)
func failedDiskPromisesNothing(change: Int) throws {
    let disk = SimulatedDisk(seed: 7, plan: .fail(at: change, reason: "no space left on device"))
    let log = SegmentedLog(disk: disk, segmentBytesMax: 4_000)
    var random = RandomSource(seed: 7)
    var trace = Trace()
    do throws(LogError) {
        _ = try recover(log)
        try write(log, &random, batches: 30, into: &trace)
    } catch {
        // Failed before the log could be claimed.
        return
    }
    if disk.changes >= change {
        #expect(log.sync() == .unknown(reason: failureReason(of: log)))
        #expect(failureReason(of: log).hasSuffix("no space left on device"))
    }
    disk.crash()
    let found = try recover(SegmentedLog(disk: disk, segmentBytesMax: 4_000))
    #expect(found.count >= trace.durable && found == Array(trace.appended.prefix(found.count)))
}

/// Goal: a flipped bit is never read as data, and what was known to be durable is never cut off: the start is
/// refused, except behind the last mark, where it may have been an interrupted write.
@Test(arguments: 1...50 as ClosedRange<UInt64>)
func flippedBitIsFound(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    let log = SegmentedLog(disk: disk, segmentBytesMax: 6_000)
    _ = try recover(log)
    var trace = Trace()
    try write(log, &random, batches: 10, into: &trace)
    _ = log.sync()
    let prepared = try #require(try LogExamination(disk).segments.last).preparedBytes
    let names = try disk.list()
    let name = names[Int.random(in: 0..<names.count, using: &random)]
    let size = disk.bytes(of: name).count
    let offset = Int.random(in: 0..<size, using: &random)
    disk.flipBit(name, at: offset, bit: Int.random(in: 0..<8, using: &random))
    do throws(LogError) {
        let found = try recover(SegmentedLog(disk: disk, segmentBytesMax: 6_000))
        #expect(name == names.last, "seed \(seed): damage in \(name) went unnoticed")
        #expect(found.count >= trace.marked, "seed \(seed)")
        #expect(found == Array(trace.appended.prefix(found.count)), "seed \(seed)")
        // Behind the last record there is nothing to lose.
        let isInRecords = offset < size - prepared
        #expect((found.count < trace.appended.count) == isInRecords, "seed \(seed)")
    } catch {
        switch error {
        case .damaged(let segment, _, _): #expect(segment == name, "seed \(seed)")
        default: Issue.record("seed \(seed): \(error)")
        }
    }
}
