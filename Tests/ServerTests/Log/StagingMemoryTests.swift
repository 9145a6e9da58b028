// What a killed daemon leaves in its memory files. A second object on the same files sees what the next daemon
// would: both map the same pages.

import Testing
import Wire

@testable import Engine
@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

private final class StagingFolder {
    let path: String

    init() {
        var template = Array("/tmp/taskd-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit {
        for number in 0..<2 { unlink("\(path)/staging-\(number)") }
        rmdir(path)
    }

    func fileBytes(_ number: Int) -> Int {
        var facts = stat()
        return stat("\(path)/staging-\(number)", &facts) == 0 ? Int(facts.st_size) : -1
    }

    /// Payload sizes of the records of each batch, by the position of its first one.
    func found() -> [LogPosition: [Int]] {
        var batches: [LogPosition: [Int]] = [:]
        let memory = StagingMemory(folder: path)
        for part in memory.found {
            var rest = ByteSlice(UnsafeRawBufferPointer(part.bytes))
            var counts: [Int] = []
            while case .record(_, let payload, let bytes) = RecordRead.front(of: rest, available: rest.count) {
                counts.append(payload.count)
                rest = rest.slice(from: bytes, count: rest.count - bytes)
            }
            batches[part.position] = counts
        }
        return batches
    }
}

private func append(_ bytes: Int, to journal: Journal) {
    journal.append(.storeEffects, payloadBytes: bytes) { writer in
        [UInt8](repeating: 7, count: bytes).withUnsafeBytes { writer.writeSlice(ByteSlice($0)) }
    }
}

/// Goal: at every moment each record that was appended and is not written yet is in the files, however large its
/// batch is. Method: batches of many sizes, one in flight, looked at after each step.
@Test func everyUnwrittenRecordIsInTheFiles() throws {
    let folder = StagingFolder()
    let staging = StagingMemory(folder: folder.path)
    #expect(staging.isComplete && staging.found.isEmpty)
    let journal = Journal()
    journal.use(staging)
    journal.begin(epoch: 1, at: 0)
    #expect(folder.found()[0] == [8])

    var inFlight = try #require(journal.takeBatch())
    for (step, size) in [10, 3_000_000, 5_000_000, 200, 30_000_000, 9_000_000, 1].enumerated() {
        let start = journal.nextPosition
        append(size, to: journal)
        #expect(folder.found()[start] == [size], "step \(step)")
        append(100 + step, to: journal)
        #expect(folder.found()[start] == [size, 100 + step], "step \(step)")
        let flying = inFlight.position
        #expect(folder.found()[flying] != nil, "the one before is not written yet")
        journal.written(inFlight)
        inFlight = try #require(journal.takeBatch())
        #expect(folder.found()[start]?.prefix(2) == [size, 100 + step], "it is on its way")
    }
    journal.written(inFlight)
    // What a large batch took is given back.
    #expect(folder.fileBytes(0) == StagingMemory.slotBytes || folder.fileBytes(1) == StagingMemory.slotBytes)
    append(1, to: journal)
    journal.written(try #require(journal.takeBatch()))
    #expect((0..<2).allSatisfy { folder.fileBytes($0) == StagingMemory.slotBytes })
}

/// A disk that is full, a folder that is none: batches live on the heap and nothing fails.
@Test func missingFolderLeavesTheHeap() throws {
    let staging = StagingMemory(folder: "/nowhere/at/all")
    #expect(!staging.isComplete)
    let journal = Journal()
    journal.use(staging)
    journal.begin(epoch: 1, at: 0)
    append(6_000_000, to: journal)
    let batch = try #require(journal.takeBatch())
    #expect(batch.count > 6_000_000)
    journal.written(batch)
}
