// The dump of a log that a real engine wrote says what was done.

import Simulation
import Testing
import Wire

@testable import Engine

private func dump(_ disk: SimulatedDisk, _ change: (inout LogDumpSelection) -> Void = { _ in }) throws -> [LogDumpItem]
{
    var selection = LogDumpSelection()
    change(&selection)
    var items: [LogDumpItem] = []
    try LogDump.run(disk, selection) { items.append($0) }
    return items
}

private func records(_ items: [LogDumpItem]) -> [DumpedRecord] {
    items.compactMap { item in
        guard case .record(let record) = item else { return nil }
        return record
    }
}

private func text(_ record: DumpedRecord, _ field: String) -> String? {
    guard case .text(let text) = record.fields?.first(where: { $0.name == field })?.value else { return nil }
    return text
}

private func number(_ record: DumpedRecord, _ field: String) -> Int64? {
    guard case .number(let number) = record.fields?.first(where: { $0.name == field })?.value else { return nil }
    return number
}

@Test func dumpShowsWhatWasDone() throws {
    let disk = SimulatedDisk(seed: 5)
    let host = try SimulatedHost(disk: disk, seed: 5, segmentBytesMax: 2_000)
    let store = host.connectRESP()
    let client = NumberedClient(host, confirms: true)
    store.send("SELECT 3\r\nSET greeting hello\r\nMULTI\r\nSET a 1\r\nSET b 2\r\nEXEC\r\n")
    for number in 0..<20 { client.publish(number, bodyBytes: 100) }
    host.settle()
    client.consume()
    host.settle()
    try client.read()
    client.acknowledge(UInt64(client.delivered.count), multiple: true)
    host.settle()

    let items = try dump(disk)
    let all = records(items)
    #expect(all.count == items.count, "nothing is damaged")
    #expect(all.allSatisfy { $0.fields != nil }, "everything is understood")
    #expect(all.first?.type == "fence")
    #expect(all.contains { $0.type == "queueDeclare" && text($0, "name") == "work" })
    let publishes = all.filter { $0.type == "publish" }
    #expect(publishes.count == 20)
    #expect(publishes.allSatisfy { text($0, "key") == "work" && text($0, "exchange") == "" })
    #expect(publishes.allSatisfy { (number($0, "body") ?? 0) > 100 })
    #expect(all.filter { $0.type == "settle" }.compactMap { number($0, "count") }.reduce(0, +) == 20)
    let effects = all.filter { $0.type == "storeEffects" }
    #expect(effects.count == 2)
    #expect(effects[0].fields?.last?.value == .list([.text("3: SET greeting hello")]))
    #expect(effects[1].fields?.last?.value == .list([.text("3: SET a 1"), .text("3: SET b 2")]))
    // Positions go on without a gap.
    for (left, right) in zip(all, all.dropFirst()) {
        #expect(left.position.map { $0 + UInt64(left.bytes) } == right.position)
    }

    // Selections.
    let middle = try #require(publishes[9].position)
    #expect(records(try dump(disk) { $0.from = middle }).first?.position == middle)
    #expect(records(try dump(disk) { $0.to = middle }).last.flatMap(\.position) ?? 0 < middle)
    #expect(records(try dump(disk) { $0.types = ["publish"] }).count == 20)
    #expect(records(try dump(disk) { $0.limit = 4 }).count == 4)
    #expect(records(try dump(disk) { $0.file = publishes[9].file }).allSatisfy { $0.file == publishes[9].file })
    #expect(throws: LogDumpError.noSuchFile("x")) { try dump(disk) { $0.file = "x" } }
    #expect(throws: LogDumpError.noCheckpoint) { try dump(disk) { $0.isOfCheckpoint = true } }
    host.askForCheckpoint()
    host.settle()
    host.turn()
    host.settle()
    #expect(records(try dump(disk) { $0.isOfCheckpoint = true }).first?.type == "checkpointBegin")
}

@Test func dumpShowsGroupsAndGoesOnPastDamage() throws {
    let fixture = OfflineFixture(seed: 2)
    try fixture.append(batches: 30)
    let groups = records(try dump(fixture.disk)).filter { $0.type == "brokerGroup" }
    #expect(!groups.isEmpty && groups.allSatisfy { $0.inner.map(\.type) == ["publish", "publish"] })
    #expect(groups.allSatisfy { $0.inner.first?.position == $0.position.map { $0 + 9 } })
    let record = fixture.records[10]
    let place = try #require(fixture.place(of: record.position))
    fixture.disk.flipBit(place.name, at: place.offset + 12, bit: 2)
    let items = try dump(fixture.disk)
    let damaged = items.compactMap { item -> Int? in
        guard case .damage(_, let stretch) = item else { return nil }
        return stretch.offset
    }
    #expect(damaged == [place.offset])
    #expect(records(items).last?.position == records(try dump(fixture.disk)).last?.position)
}
