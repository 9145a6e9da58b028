// Segment files on a real file system: what is appended comes back, and what is damaged is told.

import Testing
import Wire

@testable import Engine
@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A folder of this test's own.
private final class Folder {
    let path: String

    init() {
        var template = Array("/tmp/taskd-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit {
        for name in (try? FolderDisk(path: path).list()) ?? [] { unlink(path + "/" + name) }
        rmdir(path)
    }

    func write(_ name: String, at offset: Int, _ bytes: [UInt8]) {
        let file = openFile(path + "/" + name, O_RDWR)
        #expect(pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count)
        closeFile(file)
    }

    func cut(_ name: String, to size: Int) { #expect(truncate(path + "/" + name, off_t(size)) == 0) }

    func log(segmentBytesMax: Int = 1_000) -> SegmentedLog {
        SegmentedLog(disk: FolderDisk(path: path), segmentBytesMax: segmentBytesMax)
    }
}

/// Appends payloads of `counts` bytes, one batch each, as a new leader.
private func append(_ counts: [Int], to log: SegmentedLog) throws {
    let claim = try log.claim()
    let journal = Journal()
    journal.begin(epoch: claim.epoch, at: claim.position)
    for (number, count) in counts.enumerated() {
        journal.append(.storeEffects, payloadBytes: count) { writer in
            for _ in 0..<count { writer.writeUInt8(UInt8(truncatingIfNeeded: number)) }
        }
        let batch = try #require(journal.takeBatch())
        #expect(log.append(batch, sync: number % 2 == 0) == (number % 2 == 0 ? .durable : .written))
        journal.written(batch)
    }
    #expect(log.sync() == .durable)
}

private func read(_ log: SegmentedLog, _ notices: inout [LogNotice]) throws(LogError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var told: [LogNotice] = []
    try log.recover {
        if case .progress = $0 { return }
        told.append($0)
    } visit: { _, payload, _ in
        found.append(payload.array)
    }
    notices = told
    return found
}

@Test func appendedRecordsComeBack() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let first = folder.log()
    #expect(try read(first, &notices) == [])
    try append([10, 500, 0, 700, 3_000, 1], to: first)
    #expect(try FolderDisk(path: folder.path).list().count == 4)

    let second = folder.log()
    #expect(try read(second, &notices).map(\.count) == [10, 500, 0, 700, 3_000, 1])
    try append([5], to: second)

    let third = folder.log()
    #expect(try read(third, &notices).map(\.count) == [10, 500, 0, 700, 3_000, 1, 5])
    #expect(notices == [])
    #expect(try third.claim().epoch == 3)
}

@Test func recordIsReadBackByPosition() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let log = folder.log()
    _ = try read(log, &notices)
    try append([100, 900, 200_000], to: log)
    var positions: [(LogPosition, Int)] = []
    let second = folder.log()
    try second.recover { _ in
    } visit: {
        positions.append(($2, $1.count))
    }
    _ = try second.claim()
    let archive = SegmentArchive(disk: FolderDisk(path: folder.path), segments: second.segments, checkpoints: [])
    for (position, count) in positions {
        try archive.read(at: position) { type, payload in
            #expect(type == .storeEffects && payload.count == count)
        }
    }
}

@Test func interruptedWriteIsCut() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let log = folder.log(segmentBytesMax: 10_000)
    _ = try read(log, &notices)
    try append([100, 100], to: log)
    let name = SegmentFormat.name(first: 0)
    let whole = SegmentFormat.headerBytes + 17 + 109 * 2
    folder.cut(name, to: whole - 1)
    let second = folder.log(segmentBytesMax: 10_000)
    #expect(try read(second, &notices).count == 1)
    #expect(notices == [.tornTailCut(segment: name, offset: whole - 109, bytes: 108)])
    // What is appended after the cut is found behind it.
    try append([7], to: second)
    #expect(try read(folder.log(), &notices).map(\.count) == [100, 7])
    #expect(notices == [])
}

@Test func damageBeforeTheLastSegmentStopsTheStart() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let log = folder.log()
    _ = try read(log, &notices)
    try append([900, 900, 900], to: log)
    let name = SegmentFormat.name(first: 0)
    folder.write(name, at: 500, [0xFF])
    #expect(throws: LogError.damaged(segment: name, offset: 81, reason: "wrong checksum")) {
        try read(folder.log(), &notices)
    }
    folder.write(name, at: 3, [0xFF])
    #expect(throws: LogError.damaged(segment: name, offset: 0, reason: "wrong header")) {
        try read(folder.log(), &notices)
    }
}

@Test func missingSegmentStopsTheStart() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let log = folder.log()
    _ = try read(log, &notices)
    try append([900, 900, 900], to: log)
    let names = try FolderDisk(path: folder.path).list().sorted()
    #expect(names.count == 3)
    unlink(folder.path + "/" + names[1])
    #expect { try read(folder.log(), &notices) } throws: { error in
        if case .missing(_, let next) = error as? LogError { next == names[2] } else { false }
    }
}

@Test func segmentWithoutHeaderIsRemoved() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let log = folder.log()
    _ = try read(log, &notices)
    try append([100], to: log)
    let name = SegmentFormat.name(first: 126)
    let made = openFile(folder.path + "/" + name, O_RDWR | O_CREAT, 0o600)
    #expect(pwrite(made, "TASK", 4, 0) == 4)
    closeFile(made)
    #expect(try read(folder.log(), &notices).count == 1)
    #expect(notices == [.emptySegmentRemoved(segment: name)])
}

@Test func overtakenLeaderIsFenced() throws {
    let folder = Folder()
    var notices: [LogNotice] = []
    let log = folder.log()
    _ = try read(log, &notices)
    let journal = Journal()
    journal.begin(epoch: 0, at: 0)
    let old = try #require(journal.takeBatch())
    _ = try log.claim()
    #expect(log.append(old, sync: true) == .fenced)
}

@Test func dataFolderIsLockedOnce() throws {
    let folder = Folder()
    let path = folder.path + "/data"
    var first: DataFolder? = try DataFolder(path: path)
    #expect(first?.logPath == path + "/log")
    #expect {
        _ = try DataFolder(path: path)
    } throws: { error in
        (error as? StartError)?.description == "data folder \(path) is in use by another taskd (pid \(getpid()))"
    }
    first = nil
    _ = try DataFolder(path: path)
    unlink(path + "/LOCK")
    rmdir(path + "/log")
    rmdir(path)
}

@Test func unusableDataFolderIsTold() throws {
    #expect {
        _ = try DataFolder(path: "/dev/null/data")
    } throws: { error in
        (error as? StartError)?.description == "cannot use data folder /dev/null: it is not a folder"
    }
}
