// Checking and repairing damaged logs: every kind of damage is found, a repair makes the log startable and keeps
// everything that is not damaged, and does nothing the second time.

import CTaskdShims
import Simulation
import Testing
import Wire

@testable import Engine

/// Where a bit is flipped in a record or a file.
enum PlantedDamage: CaseIterable, CustomTestStringConvertible {
    case length, checksum, type, payload, magic, version, headerPosition, headerChecksum, zeroes, cut, missing,
        missingFirst
    case tooLong

    var testDescription: String { "\(self)" }
}

/// Plants damage in the middle of the log; returns the positions of records that it takes.
private func plant(_ damage: PlantedDamage, in fixture: OfflineFixture) throws -> Set<LogPosition> {
    let names = fixture.segmentNames
    let middle = names[names.count / 2]
    let inMiddle = fixture.records.filter { fixture.place(of: $0.position)?.name == middle }
    let record = inMiddle[inMiddle.count / 2]
    let offset = try #require(fixture.place(of: record.position)).offset
    switch damage {
    case .length: fixture.disk.flipBit(middle, at: offset, bit: 3)
    case .checksum: fixture.disk.flipBit(middle, at: offset + 4, bit: 3)
    case .type: fixture.disk.flipBit(middle, at: offset + 8, bit: 1)
    case .payload: fixture.disk.flipBit(middle, at: offset + 9 + record.payload.count / 2, bit: 6)
    case .magic: fixture.disk.flipBit(middle, at: 2, bit: 0)
    case .version: fixture.disk.flipBit(middle, at: 8, bit: 4)
    case .headerPosition: fixture.disk.flipBit(middle, at: 17, bit: 0)
    case .headerChecksum: fixture.disk.flipBit(middle, at: 61, bit: 0)
    case .zeroes:
        try fixture.change(middle) { bytes in for index in offset..<offset + 20 { bytes[index] = 0 } }
    case .cut:
        try fixture.change(middle) { $0.removeLast($0.count - offset - 5) }
        return Set(inMiddle.map(\.position).filter { $0 >= record.position })
    case .missing:
        try fixture.remove(middle)
        return Set(inMiddle.map(\.position))
    case .missingFirst:
        let inFirst = fixture.records.filter { fixture.place(of: $0.position)?.name == names[0] }
        try fixture.remove(names[0])
        return Set(inFirst.map(\.position))
    case .tooLong:
        try fixture.change(middle) { $0 += [UInt8](repeating: 0x41, count: 33) }
        return []
    }
    let isHeader = [.magic, .version, .headerPosition, .headerChecksum].contains(damage)
    return isHeader ? [] : [record.position]
}

@Test(arguments: PlantedDamage.allCases, 1...4 as ClosedRange<UInt64>)
func plantedDamageIsFoundAndRepaired(damage: PlantedDamage, seed: UInt64) throws {
    let fixture = OfflineFixture(seed: seed)
    try fixture.append(batches: 60)
    #expect(try LogExamination(fixture.disk).isSound)
    let lost = try plant(damage, in: fixture)
    let before = fixture.files
    #expect(throws: LogError.self) { try fixture.recovered() }

    let examination = try LogExamination(fixture.disk)
    #expect(!examination.isSound && !examination.findings.isEmpty)
    let planned = try LogRepair.run(fixture.disk, isDryRun: true)
    #expect(planned.verdict == .repaired)
    #expect(fixture.files == before, "neither a check nor a dry run changes anything")

    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(report.verdict == .repaired)
    #expect(report.losses == planned.losses)
    #expect(report.losses.isEmpty == (lost.isEmpty && damage != .tooLong), "\(report.losses)")
    let kept = fixture.records.filter { !lost.contains($0.position) }.flatMap(OfflineFixture.flat)
    let found = try fixture.recovered()
    // Where the length is damaged, what was whole inside a group is taken for records.
    #expect(kept.allSatisfy(found.contains), "\(damage), seed \(seed)")
    #expect(found.allSatisfy { fixture.records.flatMap(OfflineFixture.flat).contains($0) })
    #expect(try LogExamination(fixture.disk).isSound)
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo)
    for (name, bytes) in before where fixture.files[name] != bytes {
        #expect(fixture.files[name + ".bad"] == bytes, "the original of \(name) is kept")
    }
    // The log goes on behind it.
    try fixture.append(batches: 5)
    #expect(try LogExamination(fixture.disk).isSound)
}

/// What a start cuts off is left to it; what is known to have been durable is not.
@Test func tornTailIsLeftToTheStart() throws {
    let fixture = OfflineFixture()
    try fixture.append(batches: 20)
    let last = try #require(fixture.segmentNames.last)
    try fixture.change(last) { $0 += [200, 0, 0, 0, 1, 2, 3] }
    let examination = try LogExamination(fixture.disk)
    #expect(examination.isSound)
    #expect(examination.segments.last?.tornOffset == fixture.disk.bytes(of: last).count - 7)
    let before = fixture.files
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo)
    #expect(fixture.files == before)
    #expect(try fixture.recovered() == fixture.records.flatMap(OfflineFixture.flat))
}

/// Goal: what was prepared for more records is no damage, and is not read as anything.
@Test func preparedZerosAreNoDamage() throws {
    let fixture = OfflineFixture()
    try fixture.append(batches: 20, isKilled: true)
    let last = try #require(fixture.segmentNames.last)
    let examination = try LogExamination(fixture.disk)
    let file = try #require(examination.segments.last)
    #expect(examination.isSound && file.tornOffset == nil && file.preparedBytes > 0)
    #expect(examination.findings.contains { $0.file == last && $0.text.contains("prepared") })
    let before = fixture.files
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo)
    #expect(fixture.files == before)
    #expect(try fixture.recovered() == fixture.records.flatMap(OfflineFixture.flat))
    #expect(fixture.disk.bytes(of: last).count == file.bytes - file.preparedBytes)
    try fixture.append(batches: 5)
    #expect(try LogExamination(fixture.disk).segments.last?.preparedBytes == 0)
    #expect(try fixture.recovered() == fixture.records.flatMap(OfflineFixture.flat))
}

/// Another version's files are not for this one to repair.
@Test(arguments: [true, false])
func otherVersionsAreRefused(isLonger: Bool) throws {
    let fixture = OfflineFixture()
    try fixture.append(batches: 40)
    let name = fixture.segmentNames[1]
    try fixture.change(name) { bytes in
        // A header of this size with the right checksum, and one that is longer, with other records behind it.
        bytes[8] = 9
        if isLonger {
            for index in 9..<bytes.count { bytes[index] = 7 }
            for index in 9..<12 { bytes[index] = 0 }
        } else {
            let checksum = bytes.withUnsafeBytes { taskd_crc32c(0, $0.baseAddress, 60) }
            withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(60..<64, with: $0) }
        }
    }
    let before = fixture.files
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .refused)
    #expect(fixture.files == before)
}

// MARK: Checkpoints

/// A log whose checkpoint is in its middle, with the segments before it gone but for one with live messages.
private func fixtureWithCheckpoint() throws -> (fixture: OfflineFixture, live: [WrittenRecord], position: LogPosition) {
    let fixture = OfflineFixture(seed: 3)
    try fixture.append(batches: 60)
    let names = fixture.segmentNames
    let position = try #require(SegmentFormat.position(ofName: names[names.count / 2])) + 0
    let live = fixture.records.filter {
        $0.type == .publish && fixture.place(of: $0.position)?.name == names[1]
    }
    try #require(live.count >= 3 && names.count > 5)
    try fixture.writeCheckpoint(
        at: position,
        [
            (.storeEffects, OfflineFixture.effects(["SET", "a", "1"])),
            (.queueEntries, OfflineFixture.entries(queue: 7, live.map(\.position))),
            (.storeEffects, OfflineFixture.effects(["SET", "b", "2"])),
        ])
    for name in names[..<(names.count / 2)] where name != names[1] { try fixture.remove(name) }
    return (fixture, live, position)
}

private func keys(_ records: [WrittenRecord]) -> [String] {
    records.filter { $0.position == 0 && $0.type == .storeEffects }.map {
        String(decoding: $0.payload[17...17], as: UTF8.self)
    }
}

/// Live positions in the checkpoint.
private func entries(_ records: [WrittenRecord]) -> [LogPosition] {
    records.filter { $0.type == .queueEntries }.flatMap { record in
        stride(from: 4, to: record.payload.count, by: 24).map { offset in
            record.payload.withUnsafeBytes {
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
        }
    }
}

@Test func damagedCheckpointIsSaved() throws {
    let (fixture, live, _) = try fixtureWithCheckpoint()
    #expect(try LogExamination(fixture.disk).isSound)
    let name = fixture.checkpointNames[0]
    let end = fixture.disk.bytes(of: name).count
    // In the last SET, whose record is before the end record of 17 bytes.
    fixture.disk.flipBit(name, at: end - 17 - 2, bit: 0)
    #expect(throws: LogError.self) { try fixture.recovered() }
    #expect(try !LogExamination(fixture.disk).isSound)
    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(report.losses.first?.contains("1 of its 4 records") == true, "\(report.losses)")
    let found = try fixture.recovered()
    #expect(keys(found) == ["a"])
    #expect(entries(found) == live.map(\.position))
    #expect(try LogExamination(fixture.disk).isSound)
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo)
}

@Test(arguments: [0, 40, 90, 200])
func cutCheckpointIsSaved(bytes: Int) throws {
    let (fixture, _, position) = try fixtureWithCheckpoint()
    let name = fixture.checkpointNames[0]
    try fixture.change(name) { $0.removeLast($0.count - bytes) }
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .repaired)
    let after = fixture.records.filter { $0.position >= position }.flatMap(OfflineFixture.flat)
    #expect(try fixture.recovered().suffix(after.count) == ArraySlice(after))
    #expect(try LogExamination(fixture.disk).isSound)
}

/// A start does it by itself, so a repair does not.
@Test func damagedCheckpointIsPassedOverWhenTheLogReachesBack() throws {
    let fixture = OfflineFixture()
    try fixture.append(batches: 40)
    let names = fixture.segmentNames
    try fixture.writeCheckpoint(at: try #require(SegmentFormat.position(ofName: names[3])), [])
    fixture.disk.flipBit(fixture.checkpointNames[0], at: 70, bit: 1)
    let examination = try LogExamination(fixture.disk)
    #expect(examination.isSound && examination.findings.contains { $0.severity == .warning })
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo)
    #expect(try fixture.recovered() == fixture.records.flatMap(OfflineFixture.flat))
}

/// The log reaches back, but has nothing of what was imported: the checkpoint is saved though it is damaged.
@Test func damagedCheckpointOfAnImportIsSaved() throws {
    let fixture = OfflineFixture()
    try fixture.append(batches: 30)
    let name = try #require(fixture.segmentNames.last)
    let position = try #require(SegmentFormat.position(ofName: name))
    let effects = ["a", "b"].map { (RecordType.storeEffects, OfflineFixture.effects(["SET", $0, "imported"])) }
    try #require(position > 0)
    try fixture.writeCheckpoint(at: position, effects)
    try fixture.append(batches: 10, imported: position)
    #expect(try LogExamination(fixture.disk).isSound)
    let checkpoint = fixture.checkpointNames[0]
    fixture.disk.flipBit(checkpoint, at: fixture.disk.bytes(of: checkpoint).count - 17 - 2, bit: 0)
    let examination = try LogExamination(fixture.disk)
    #expect(!examination.isSound && examination.findings.contains { $0.text.contains("what was imported") })
    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(report.verdict == .repaired && report.losses.first?.contains("1 of its") == true, "\(report.losses)")
    #expect(keys(try fixture.recovered()) == ["a"])
    #expect(try LogExamination(fixture.disk).isSound)
    // A later checkpoint has everything: with it the import is history.
    let other = OfflineFixture()
    func lastPosition() throws -> LogPosition {
        let name = try #require(other.segmentNames.last)
        return try #require(SegmentFormat.position(ofName: name))
    }
    try other.append(batches: 30)
    let first = try lastPosition()
    try other.writeCheckpoint(at: first, effects)
    try other.append(batches: 20, imported: first)
    try other.writeCheckpoint(at: try lastPosition(), [])
    other.disk.flipBit(other.checkpointNames[1], at: 70, bit: 1)
    #expect(try LogExamination(other.disk).isSound)
    #expect(keys(try other.recovered()) == ["a", "b"])
}

/// With both damaged, whichever loses less serves: here the log, of which less is gone than of the checkpoint.
@Test(arguments: [true, false])
func lessIsLost(byTheLog isLogBetter: Bool) throws {
    let fixture = OfflineFixture()
    try fixture.append(batches: 40)
    let names = fixture.segmentNames
    let big = OfflineFixture.effects(["SET", "a", String(repeating: "x", count: isLogBetter ? 9_000 : 10)])
    try fixture.writeCheckpoint(at: try #require(SegmentFormat.position(ofName: names[3])), [(.storeEffects, big)])
    fixture.disk.flipBit(fixture.checkpointNames[0], at: 64 + 25 + 15, bit: 1)
    try fixture.remove(names[1])
    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(report.verdict == .repaired)
    let found = try fixture.recovered()
    #expect(found.contains { $0.type == .checkpointBegin } == !isLogBetter, "\(report.actions)")
    #expect(try LogExamination(fixture.disk).isSound)
}

/// A log of which only live messages were kept is no log to start from, whatever its first position.
@Test func segmentOfLiveMessagesIsNoLog() throws {
    let (fixture, live, _) = try fixtureWithCheckpoint()
    let names = fixture.segmentNames
    let first = try #require(SegmentFormat.position(ofName: names[0]))
    let end = try #require(SegmentFormat.position(ofName: names[1]))
    let file = try SegmentFileWriter(fixture.disk, names[0], .sparse, first: first, end: end, isRepaired: false)
    for record in live {
        record.payload.withUnsafeBytes { file.add(record.type.rawValue, ByteSlice($0), at: record.position) }
    }
    try file.finish()
    #expect(try LogExamination(fixture.disk).isSound)
    try fixture.remove(fixture.checkpointNames[0])
    #expect(throws: LogError.self) { try fixture.recovered() }
    #expect(try !LogExamination(fixture.disk).isSound)
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .repaired)
    #expect(try fixture.recovered().filter { $0.position < end } == live)
}

/// Entries whose message is not there go, the others stay.
@Test(arguments: ["damaged", "missing", "wrong"])
func lostMessagesLeaveTheirQueues(how: String) throws {
    let (fixture, live, position) = try fixtureWithCheckpoint()
    var kept = live.map(\.position)
    let place = try #require(fixture.place(of: live[1].position))
    switch how {
    case "damaged":
        fixture.disk.flipBit(place.name, at: place.offset + 20, bit: 0)
        kept.remove(at: 1)
    case "missing":
        try fixture.remove(place.name)
        kept = []
    default:
        try fixture.remove(fixture.checkpointNames[0])
        try fixture.writeCheckpoint(
            at: position,
            // One that is no record's position, and one that the log behind the checkpoint brings.
            [(.queueEntries, OfflineFixture.entries(queue: 7, kept + [live[0].position + 1, position + 1_000_000]))])
        kept.append(position + 1_000_000)
    }
    #expect(try fixture.recovered().isEmpty == false, "a start does not read messages")
    let examination = try LogExamination(fixture.disk)
    #expect(!examination.isSound)
    #expect(examination.findings.contains { $0.text.contains("queue 7") })
    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(report.verdict == .repaired)
    #expect(entries(try fixture.recovered()) == kept)
    #expect(try LogExamination(fixture.disk).isSound)
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo)
}

/// Goal: a stream of which a message is lost keeps the others at their offsets.
@Test func lostMessagesLeaveGapsInStreams() throws {
    let (fixture, live, position) = try fixtureWithCheckpoint()
    try fixture.remove(fixture.checkpointNames[0])
    try fixture.writeCheckpoint(
        at: position,
        [
            (.streamEntries, OfflineFixture.stream(queue: 7, firstOffset: 40, live.map(\.position))),
            (.streamEntries, OfflineFixture.stream(queue: 7, firstOffset: 100, [])),
        ])
    #expect(try LogExamination(fixture.disk).isSound)
    let place = try #require(fixture.place(of: live[1].position))
    fixture.disk.flipBit(place.name, at: place.offset + 20, bit: 0)
    let examination = try LogExamination(fixture.disk)
    #expect(!examination.isSound && examination.lostEntries == 1)
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .repaired)
    var offsets: [UInt64: LogPosition] = [:]
    var ends: [UInt64] = []
    for record in try fixture.recovered() where record.type == .streamEntries {
        try record.payload.withUnsafeBytes {
            let run = try StreamEntriesRecord(ByteSlice($0))
            #expect(run.queueID == 7)
            var offset = run.firstOffset
            try run.forEach {
                offsets[offset] = $0.position
                offset += 1
            }
            ends.append(offset)
        }
    }
    var expected = Dictionary(uniqueKeysWithValues: live.enumerated().map { (40 + UInt64($0), $1.position) })
    expected[41] = nil
    #expect(offsets == expected && ends.last == 100)
    #expect(try LogExamination(fixture.disk).isSound)
}

@Test func logThatEndsBeforeItsCheckpointGoesOnFromIt() throws {
    let (fixture, _, position) = try fixtureWithCheckpoint()
    for name in fixture.segmentNames where try #require(SegmentFormat.position(ofName: name)) >= position {
        try fixture.remove(name)
    }
    #expect(throws: LogError.self) { try fixture.recovered() }
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .repaired)
    #expect(keys(try fixture.recovered()) == ["a", "b"])
    try fixture.append(batches: 3)
    #expect(try LogExamination(fixture.disk).isSound)
}

// MARK: Interruptions

/// Goal: a repair that is interrupted anywhere loses nothing and can be done again. Method: cut the power at every change.
@Test func interruptedRepairIsDoneAgain() throws {
    var change = 1
    while true {
        let (fixture, live, _) = try fixtureWithCheckpoint()
        let place = try #require(fixture.place(of: live[1].position))
        fixture.disk.flipBit(place.name, at: place.offset, bit: 7)
        let name = try #require(fixture.segmentNames.dropFirst(2).first)
        fixture.disk.flipBit(name, at: 300, bit: 3)
        fixture.disk.follow(.crash(at: fixture.disk.changes + change))
        let first = try? LogRepair.run(fixture.disk, isDryRun: false)
        fixture.disk.crash()
        if first == nil { #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict != .refused) }
        let found = try fixture.recovered()
        #expect(entries(found) == live.map(\.position).filter { $0 != live[1].position }, "change \(change)")
        #expect(try LogExamination(fixture.disk).isSound)
        if first != nil { break }
        change += 1
    }
    #expect(change > 15)
}

// MARK: Random damage

/// Damages random files at random.
private func damage(_ fixture: OfflineFixture, _ random: inout RandomSource) throws {
    for _ in 0..<Int.random(in: 1...6, using: &random) {
        let names = fixture.segmentNames
        guard let name = names.randomElement(using: &random) else { return }
        let count = fixture.disk.bytes(of: name).count
        guard count > 0 else { continue }
        let offset = Int.random(in: 0..<count, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: fixture.disk.flipBit(name, at: offset, bit: Int.random(in: 0..<8, using: &random))
        case 5, 6:
            let end = min(count, offset + Int.random(in: 1...600, using: &random))
            try fixture.change(name) { bytes in for index in offset..<end { bytes[index] = 0 } }
        case 7:
            var noise = random
            let end = min(count, offset + Int.random(in: 1...600, using: &random))
            try fixture.change(name) { bytes in
                for index in offset..<end { bytes[index] = UInt8.random(in: 0...255, using: &noise) }
            }
        case 8: try fixture.change(name) { $0.removeLast($0.count - offset) }
        default: if names.count > 2 { try fixture.remove(name) }
        }
    }
}

/// Records whose bytes are as they were, and which no start cuts off.
private func intact(_ fixture: OfflineFixture, _ before: [String: [UInt8]]) -> [WrittenRecord] {
    func isWhole(_ name: String, _ offset: Int, _ count: Int) -> Bool {
        guard let old = before[name], let new = fixture.files[name], new.count >= offset + count else { return false }
        return old[offset..<offset + count] == new[offset..<offset + count]
    }
    let examination = try? LogExamination(fixture.disk)
    let torn = examination?.segments.last.flatMap { file in file.tornOffset.map { (file.name, $0) } }
    return fixture.records.filter { record in
        guard let name = before.keys.filter({ $0 <= SegmentFormat.name(first: record.position) }).max(),
            let first = SegmentFormat.position(ofName: name)
        else { return false }
        let offset = Int(record.position - first) + SegmentFormat.headerBytes
        if let torn, torn.0 == name, offset >= torn.1 { return false }
        return isWhole(name, offset, RecordFormat.headerBytes + record.payload.count)
    }
}

/// Goal: whatever the damage, a check ends, a repair makes the log startable, and every record that is whole is applied.
/// Method: random damage; seed replays.
@Test(arguments: 1...120 as ClosedRange<UInt64>)
func randomDamageIsRepaired(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let fixture = OfflineFixture(seed: seed)
    try fixture.append(batches: 50, isKilled: seed % 2 == 0)
    let before = fixture.files
    try damage(fixture, &random)
    let whole = intact(fixture, before)
    let wasSound = try LogExamination(fixture.disk).isSound
    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(wasSound == (report.verdict == .nothingToDo), "seed \(seed)")
    #expect(report.verdict != .refused, "seed \(seed): \(report.reasons)")
    let found = try fixture.recovered()
    for record in whole.flatMap(OfflineFixture.flat) where !found.contains(record) {
        Issue.record("seed \(seed): the record at \(record.position) is whole and was not applied")
    }
    let all = fixture.records.flatMap(OfflineFixture.flat)
    #expect(found.allSatisfy(all.contains), "seed \(seed): something was applied that never was")
    #expect(try LogExamination(fixture.disk).isSound, "seed \(seed)")
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict == .nothingToDo, "seed \(seed)")
    // Repaired files may be damaged as well.
    try damage(fixture, &random)
    #expect(try LogRepair.run(fixture.disk, isDryRun: false).verdict != .refused, "seed \(seed)")
    _ = try fixture.recovered()
    #expect(try LogExamination(fixture.disk).isSound, "seed \(seed)")
    try fixture.append(batches: 3)
}

/// Goal: an engine starts from whatever a repair has left, although commands may miss what they build on.
@Test(arguments: 1...40 as ClosedRange<UInt64>)
func engineStartsFromARepairedLog(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let fixture = OfflineFixture(seed: seed)
    do {
        let host = try SimulatedHost(disk: fixture.disk, seed: seed, segmentBytesMax: OfflineFixture.segmentBytes)
        let store = host.connectRESP()
        let broker = NumberedClient(host, confirms: true)
        for round in 0..<40 {
            store.send(
                "SET s\(round % 5) \(round)\r\nINCR n\r\nRPUSH l\(round % 3) a b c\r\nRENAME l\(round % 3) m\r\n")
            store.send("HSET h f \(round)\r\nDEL m s1\r\nSADD m x\r\nXADD x \(round + 1)-1 f v\r\n")
            broker.publish(round, bodyBytes: 200)
            host.settle()
        }
        #expect(host.failure == nil)
    }
    try damage(fixture, &random)
    let report = try LogRepair.run(fixture.disk, isDryRun: false)
    #expect(report.verdict != .refused, "seed \(seed)")
    let host = try SimulatedHost(disk: fixture.disk, seed: seed, segmentBytesMax: OfflineFixture.segmentBytes)
    let store = host.connectRESP()
    store.send("SET again 1\r\n")
    host.settle()
    #expect(String(decoding: store.take(), as: UTF8.self) == "+OK\r\n", "seed \(seed)")
    #expect(try LogExamination(fixture.disk).isSound, "seed \(seed)")
}
