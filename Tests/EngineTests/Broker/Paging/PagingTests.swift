// Backlogs larger than memory: what leaves memory, what comes back, and that nobody can tell.

import Testing
import Wire

@testable import Engine

/// A body that tells its number.
private func body(_ number: Int, bytes: Int = 100) -> String {
    let text = "\(number) "
    return text + String(repeating: "x", count: max(0, bytes - text.utf8.count))
}

private func number(_ body: String) -> Int? { body.split(separator: " ").first.flatMap { Int($0) } }

/// Goal: a backlog leaves memory and comes out again whole and in order, from log and spool.
@Test(arguments: [true, false])
func backlogIsPagedOutAndDrained(isPersistent: Bool) throws {
    let driver = PagingDriver(watermarkBytes: 100_000)
    let client = driver.fixture.client()
    try client.declare("q", durable: true)
    for index in 0..<2_000 {
        try client.publish(body(index), to: "q", isPersistent: isPersistent)
        if index % 20 == 0 { driver.turn() }
    }
    driver.settle()
    let queue = try #require(driver.fixture.queue("q"))
    #expect(queue.onDiskCount > 1_500)
    #expect(driver.broker.pager.memoryBytes <= 100_000)
    #expect(driver.spoolFiles.isEmpty == isPersistent)
    driver.fixture.checkInvariants()

    try client.prefetch(50)
    try client.consume("q", tag: "t")
    var seen: [Int] = []
    for _ in 0..<2_000 where seen.count < 2_000 {
        driver.turn()
        for event in client.received() {
            guard let tag = event.tag, let body = event.body else { continue }
            seen.append(number(body) ?? -1)
            try client.channel.acknowledge(tag, multiple: false)
        }
    }
    #expect(seen == Array(0..<2_000))
    driver.settle()
    #expect(driver.broker.residentBytes == 0 && driver.broker.pager.onDiskCount == 0)
    #expect(driver.spoolFiles.isEmpty)
    #expect(driver.broker.pager.spool.chunkCount == 0 && driver.broker.pager.spool.memoryBytes == 0)
    #expect(driver.broker.pager.bytesUnderWay == 0)
}

/// Goal: a fetch waits for the disk, and later ones keep their order behind it.
@Test func fetchWaitsForTheDisk() throws {
    let driver = PagingDriver(watermarkBytes: 20_000)
    let client = driver.fixture.client()
    try client.declare("q")
    for index in 0..<300 { try client.publish(body(index), to: "q") }
    driver.settle()
    var waits: [Bool] = []
    client.connection.waitingForReadChanged = { waits.append($0) }
    let queue = try #require(driver.fixture.queue("q"))
    #expect(queue.ready.first?.isOnDisk == true)
    #expect(try client.fetch("q") == nil)
    #expect(client.connection.isWaitingForRead)
    driver.settle()
    #expect(client.received().compactMap(\.body).compactMap(number) == [0])
    #expect(waits == [true, false])
    // The next ones are in memory: they were read together.
    guard case .getOK(_, _, let next, _) = try client.fetch("q") else {
        Issue.record("no message")
        return
    }
    #expect(number(next) == 1)
}

/// Goal: who waits for a message of a queue that is purged or deleted hears that there is none.
@Test(arguments: [true, false])
func waitingFetchEndsWithItsQueue(isPurge: Bool) throws {
    let driver = PagingDriver(watermarkBytes: 20_000)
    let client = driver.fixture.client()
    let other = driver.fixture.client()
    try client.declare("q", durable: true)
    for index in 0..<300 { try client.publish(body(index), to: "q", isPersistent: true) }
    driver.settle()
    #expect(try client.fetch("q") == nil)
    if isPurge { _ = try other.purge("q") } else { _ = try other.deleteQueue("q") }
    #expect(client.received() == [.getEmpty])
    driver.settle()
    #expect(driver.broker.residentBytes == 0 && driver.broker.pager.onDiskCount == 0)
}

/// Goal: dead letters that died on disk are read first and keep their order.
@Test func deadLettersComeFromTheDisk() throws {
    let driver = PagingDriver(watermarkBytes: 40_000)
    let client = driver.fixture.client()
    try client.declare("dead")
    try client.declare(
        "q", durable: true,
        [
            "x-message-ttl": .int32(10_000), "x-dead-letter-exchange": .longString([]),
            "x-dead-letter-routing-key": .longString(Array("dead".utf8)),
        ])
    for index in 0..<500 { try client.publish(body(index), to: "q", isPersistent: index % 2 == 0) }
    driver.settle()
    #expect(try #require(driver.fixture.queue("q")).onDiskCount > 300)
    driver.fixture.advance(10_001)
    driver.settle()
    #expect(driver.fixture.queue("q")?.readyCount == 0)
    #expect(driver.fixture.queue("dead")?.readyCount == 500)
    try client.consume("dead", tag: "t", noAck: true)
    var seen: [Int] = []
    for _ in 0..<1_000 where seen.count < 500 {
        driver.turn()
        seen.append(contentsOf: client.received().compactMap(\.body).compactMap(number))
    }
    #expect(seen == Array(0..<500))
}

/// Goal: what cannot be helped is said: the alarm comes, and goes with hysteresis.
@Test func alarmBlocksWhenPagingDoesNotHelp() throws {
    let driver = PagingDriver(watermarkBytes: 50_000)
    driver.spoolFails = true
    let client = driver.fixture.client()
    try client.declare("q")
    for index in 0..<500 { try client.publish(body(index), to: "q") }
    driver.settle()
    #expect(driver.fixture.context.alarms.isMemoryLow)
    driver.spoolFails = false
    driver.fixture.advance(Limits.spoolRetryMilliseconds)
    for _ in 0..<10 {
        driver.fixture.advance(Limits.pagingPauseMilliseconds)
        driver.settle()
    }
    #expect(!driver.fixture.context.alarms.isMemoryLow)
    #expect(driver.broker.pager.memoryBytes < 50_000)
}

/// Goal: a damaged message is set aside and stays in the log; a disk that fails for a while costs nothing.
@Test(arguments: [true, false])
func unreadableMessages(isDamage: Bool) throws {
    let driver = PagingDriver(watermarkBytes: 20_000)
    let client = driver.fixture.client()
    try client.declare("q", durable: true)
    for index in 0..<300 { try client.publish(body(index), to: "q", isPersistent: true) }
    driver.settle()
    var errors: [String] = []
    driver.fixture.context.log.sink = { level, text, _ in if level == .error { errors.append(text) } }
    var left = 3
    driver.readError = { _ in
        left -= 1
        guard left >= 0 else { return nil }
        return isDamage
            ? .damaged(segment: "s", offset: 1, reason: "wrong checksum")
            : .disk(LogDiskError(operation: "cannot read", file: "s", reason: "later"))
    }
    try client.consume("q", tag: "t", noAck: true)
    var seen: [Int] = []
    for _ in 0..<100 {
        driver.settle()
        driver.fixture.advance(Limits.readRetryMilliseconds)
        seen.append(contentsOf: client.received().compactMap(\.body).compactMap(number))
    }
    #expect(errors.count == 1)
    #expect(seen == Array((isDamage ? 3 : 0)..<300))
    #expect(driver.fixture.queue("q")?.paging?.unreadable.count == (isDamage ? 3 : 0))
    // What was set aside is needed until the queue is purged.
    driver.broker.checkLiveMessages()
    #expect((driver.fixture.context.liveMessages.bytesTotal > 0) == isDamage)
    _ = try client.purge("q")
    driver.settle()
    driver.broker.checkLiveMessages()
    #expect(driver.fixture.context.liveMessages.bytesTotal == 0)
}

/// Goal: a dead letter that cannot be read is set aside as well, in the queue it died in: its checkpoints keep it.
@Test func unreadableDeadLetters() throws {
    let driver = PagingDriver(watermarkBytes: 20_000)
    let client = driver.fixture.client()
    try client.declare("dead", durable: true)
    try client.declare(
        "q", durable: true,
        ["x-message-ttl": 10_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
    for index in 0..<300 { try client.publish(body(index), to: "q", isPersistent: true) }
    driver.settle()
    var left = 3
    driver.readError = { _ in
        left -= 1
        return left >= 0 ? .damaged(segment: "s", offset: 1, reason: "wrong checksum") : nil
    }
    driver.fixture.advance(10_001)
    driver.settle()
    #expect(driver.fixture.queue("dead")?.readyCount == 297)
    let unreadable = try #require(driver.fixture.queue("q")?.paging?.unreadable)
    #expect(unreadable.count == 3)
    let output = CheckpointOutput(position: driver.fixture.context.journal.nextPosition)
    driver.broker.beginCheckpoint(output)
    var budget = CheckpointBudget(visits: 10_000, bytes: 1_000_000)
    #expect(driver.broker.continueCheckpoint(&budget))
    driver.broker.endCheckpoint()
    let chunk = try #require(output.takeChunk())
    defer { chunk.deallocate() }
    var positions = LivePositions([0..<output.position])
    positions.note(ByteSlice(UnsafeRawBufferPointer(chunk)))
    let written = Set(positions.take()[0].positions)
    for entry in unreadable { #expect(written.contains(entry.diskPlace)) }
}

/// Goal: consumers that go give their window back; it is read again for the next ones.
@Test func windowIsPagedOutWhenConsumersGo() throws {
    let driver = PagingDriver(watermarkBytes: 100_000)
    let client = driver.fixture.client()
    try client.declare("q", durable: true)
    try client.declare("other", durable: true)
    for index in 0..<1_000 { try client.publish(body(index), to: "q", isPersistent: true) }
    driver.settle()
    for round in 0..<3 {
        let worker = driver.fixture.client()
        try worker.prefetch(10)
        try worker.consume("q", tag: "t")
        driver.settle()
        #expect(worker.received().compactMap(\.body).compactMap(number) == Array(0..<10), "round \(round)")
        worker.connection.close()
        for index in 0..<200 { try client.publish(body(index), to: "other", isPersistent: true) }
        driver.fixture.advance(Limits.pagingPauseMilliseconds)
        driver.settle()
        #expect(driver.broker.pager.memoryBytes <= 100_000)
        driver.fixture.checkInvariants()
    }
}

/// Goal: a million messages stay within a small budget, entries apart.
@Test func memoryStaysWithinTheBudget() throws {
    let watermark = 48 * 1_048_576
    let driver = PagingDriver(watermarkBytes: watermark, journal: false, chunkBytes: Limits.spoolChunkBytes)
    let client = driver.fixture.client()
    try client.declare("q")
    var most = 0
    for index in 0..<1_000_000 {
        try client.publish("0123456789abcdef", to: "q")
        guard index % 1_000 == 0 else { continue }
        driver.turn()
        most = max(most, driver.broker.pager.memoryBytes)
    }
    driver.settle()
    #expect(most <= watermark)
    #expect(!driver.fixture.context.alarms.isMemoryLow)
    #expect(driver.fixture.queue("q")?.readyCount == 1_000_000)
    try client.purge("q")
    driver.settle()
    #expect(driver.broker.pager.memoryBytes == 0)
}

/// Goal: a message in many queues is counted once, and copied once when they let go of it.
@Test(arguments: [false, true])
func messageInManyQueuesIsThereOnce(isConsumed: Bool) throws {
    let driver = PagingDriver(watermarkBytes: 100_000)
    let client = driver.fixture.client()
    try client.exchange("wide", "fanout")
    for index in 0..<20 {
        try client.declare("q\(index)")
        try client.bind("q\(index)", "wide")
    }
    for index in 0..<20 { try client.publish(body(index, bytes: 1_000), to: "", exchange: "wide") }
    #expect(driver.broker.residentBytes < 20 * 1_200 + 400 * Limits.entryOverheadBytes)
    driver.settle()
    #expect(driver.broker.pager.onDiskCount == 0)

    // Some are consumed from one queue while the others wait, so that messages leave one by one.
    if isConsumed { for _ in 0..<7 { _ = try client.get("q3") } }
    for index in 20..<100 { try client.publish(body(index, bytes: 1_000), to: "", exchange: "wide") }
    driver.settle()
    #expect(driver.broker.pager.onDiskCount > 400)
    #expect(driver.spooledBytes < 100 * 1_200)
    driver.fixture.checkInvariants()
    for index in 0..<20 {
        let expected = isConsumed && index == 3 ? Array(7..<100) : Array(0..<100)
        var bodies: [String] = []
        while bodies.count < expected.count {
            let before = bodies.count
            if let event = try client.fetch("q\(index)") { bodies += [event.body].compactMap { $0 } }
            driver.settle()
            bodies += client.received().compactMap(\.body)
            guard bodies.count > before else { break }
        }
        #expect(bodies.compactMap(number) == expected)
    }
    driver.settle()
    #expect(driver.broker.residentBytes == 0 && driver.broker.pager.onDiskCount == 0)
    #expect(driver.broker.pager.spool.chunkCount == 0 && driver.spoolFiles.isEmpty)
    #expect(!driver.broker.pager.spool.hasShared)
}
