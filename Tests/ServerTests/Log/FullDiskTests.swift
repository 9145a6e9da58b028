// A disk without room: what is tried again, and what must not be.

import Testing
import Wire

@testable import Engine
@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A folder whose disk can be told to have no room.
private final class GrudgingDisk: LogDisk {
    let disk: FolderDisk
    /// What fails for lack of room; a write is half done then.
    var writesFail = false
    var syncsFail = false
    private(set) var syncs = 0

    init(path: String) { disk = FolderDisk(path: path) }

    private func refuse(_ operation: String, _ name: String) throws(LogDiskError) {
        throw LogDiskError(operation: operation, file: name, reason: "No space left on device", isNoSpace: true)
    }

    func list() throws(LogDiskError) -> [String] { try disk.list() }
    func create(_ name: String) throws(LogDiskError) { try disk.create(name) }
    func size(of name: String) throws(LogDiskError) -> Int { try disk.size(of: name) }
    func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LogDiskError) -> Int {
        try disk.read(name, at: offset, into: buffer)
    }
    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(LogDiskError) {
        guard writesFail else { return try disk.write(name, at: offset, bytes) }
        try disk.write(name, at: offset, UnsafeRawBufferPointer(rebasing: bytes[0..<bytes.count / 2]))
        try refuse("cannot write", name)
    }
    func sync(_ name: String) throws(LogDiskError) {
        syncs += 1
        if syncsFail { try refuse("cannot sync", name) }
        try disk.sync(name)
    }
    func syncFolder() throws(LogDiskError) { try disk.syncFolder() }
    func truncate(_ name: String, to size: Int) throws(LogDiskError) { try disk.truncate(name, to: size) }
    func remove(_ name: String) throws(LogDiskError) { try disk.remove(name) }
    func rename(_ name: String, to new: String) throws(LogDiskError) { try disk.rename(name, to: new) }
    func close(_ name: String) { disk.close(name) }
}

private final class FullDiskFixture {
    let path: String
    let disk: GrudgingDisk
    let log: SegmentedLog
    let journal = Journal()

    init() throws {
        var template = Array("/tmp/taskd-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
        disk = GrudgingDisk(path: path)
        log = SegmentedLog(disk: disk, segmentBytesMax: 1_000)
        try log.recover { _ in
        } visit: { _, _, _ in
        }
        let claim = try log.claim()
        journal.begin(epoch: claim.epoch, at: claim.position)
    }

    deinit {
        for name in (try? disk.list()) ?? [] { unlink(path + "/" + name) }
        rmdir(path)
    }

    func batch(_ bytes: Int) throws -> LogBatch {
        journal.append(.storeEffects, payloadBytes: bytes) { writer in
            for _ in 0..<bytes { writer.writeUInt8(7) }
        }
        return try #require(journal.takeBatch())
    }

    func counts() throws -> [Int] {
        let log = SegmentedLog(disk: FolderDisk(path: path), segmentBytesMax: 1_000)
        var found: [Int] = []
        try log.recover { _ in
        } visit: { _, payload, _ in
            found.append(payload.count)
        }
        return found
    }
}

/// Goal: a batch for which there is no room can be tried again and is then there once, whole. Both where it
/// continues a segment and where it would begin one.
@Test(arguments: [100, 900])
func refusedBatchIsTriedAgain(bytes: Int) throws {
    let fixture = try FullDiskFixture()
    let first = try fixture.batch(500)
    #expect(fixture.log.append(first, sync: true) == .durable)
    fixture.journal.written(first)

    let second = try fixture.batch(bytes)
    fixture.disk.writesFail = true
    for _ in 0..<3 {
        guard case .noSpace = fixture.log.append(second, sync: true) else {
            Issue.record("no room is no failure")
            return
        }
        #expect(try fixture.counts() == [500])
    }
    fixture.disk.writesFail = false
    #expect(fixture.log.append(second, sync: true) == .durable)
    fixture.journal.written(second)
    #expect(try fixture.counts() == [500, bytes])
}

/// Goal: a sync that fails is not tried again, whatever it failed for: the kernel may have dropped what it could not
/// write, and the next sync would report success. The one before a new segment is no exception.
@Test func failedSyncBeforeNewSegmentIsFinal() throws {
    let fixture = try FullDiskFixture()
    let first = try fixture.batch(600)
    #expect(fixture.log.append(first, sync: false) == .written)
    fixture.journal.written(first)

    let second = try fixture.batch(600)
    fixture.disk.syncsFail = true
    guard case .unknown = fixture.log.append(second, sync: true) else {
        Issue.record("a failed sync must be the end")
        return
    }
    fixture.disk.syncsFail = false
    let syncs = fixture.disk.syncs
    guard case .unknown = fixture.log.append(second, sync: true), case .unknown = fixture.log.sync() else {
        Issue.record("nothing may be promised after it")
        return
    }
    #expect(fixture.disk.syncs == syncs)
}
