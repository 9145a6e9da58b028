// A log that a tool reads as a start would, without changing it.

import Simulation
import Testing
import Wire

@testable import Engine

struct FrozenDiskTests {
    private func recover(_ disk: any LogDisk) throws -> (records: [WrittenRecord], notices: [LogNotice]) {
        let log = SegmentedLog(disk: disk, segmentBytesMax: OfflineFixture.segmentBytes)
        var records: [WrittenRecord] = []
        var notices: [LogNotice] = []
        try log.recover {
            notices.append($0)
        } visit: { type, payload, position in
            records.append(WrittenRecord(type: type, position: position, payload: payload.array))
        }
        return (records, notices)
    }

    private func files(_ disk: SimulatedDisk) throws -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: try disk.list().map { ($0, disk.bytes(of: $0)) })
    }

    /// Goal: the tool sees what a start makes of the files. Method: a killed daemon's log, with a write that was
    /// interrupted and files that were being made; recovered frozen, then in earnest.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func recoversTheSameAndChangesNothing(seed: UInt64) throws {
        let fixture = OfflineFixture(seed: seed)
        try fixture.append(batches: 20, isKilled: seed % 2 == 0)
        let disk = fixture.disk
        let last = try #require(try disk.list().filter { $0.hasSuffix(SegmentFormat.segmentSuffix) }.max())
        let torn: [UInt8] = [200, 0, 0, 0, 1, 2, 3, 4, 16, 5, 6]
        try torn.withUnsafeBytes { try disk.write(last, at: try disk.size(of: last), $0) }
        try disk.create("00000000000000000123.ckpt.tmp")
        try disk.create("99999999999999999999.seg".replacing("9", with: "1"))
        let before = try files(disk)
        let frozen = try recover(FrozenDisk(disk))
        #expect(try files(disk) == before)
        let real = try recover(disk)
        #expect(try files(disk) != before, "there was something to change")
        #expect(frozen.records == real.records && frozen.records == fixture.records)
        #expect(frozen.notices == real.notices)
    }
}
