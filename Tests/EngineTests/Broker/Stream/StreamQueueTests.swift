// Streams as clients see them: offsets, readers, settling, filters, retention, and what a restart finds.

import Testing
import Wire

@testable import Engine

private let stream: FieldTable = ["x-queue-type": "stream"]

/// A broker with a disk, and a stream `s`.
private struct StreamFixture {
    let driver: PagingDriver
    let client: BrokerClient

    init(_ arguments: FieldTable = [:], watermarkBytes: Int = 1 << 30, stretch: Int = 10, tail: Int = 1 << 20) throws {
        driver = PagingDriver(watermarkBytes: watermarkBytes)
        let configuration = driver.fixture.context.configuration
        configuration.streamStretchEntries = stretch
        configuration.streamTailBytes = tail
        configuration.streamReadBytes = 2_000
        client = driver.fixture.client()
        var table = stream
        for entry in arguments.entries { table[entry.key] = entry.value }
        try client.declare("s", durable: true, table)
    }

    var queue: Queue { driver.fixture.queue("s")! }
    var index: StreamIndex { queue.stream!.index }

    func publish(_ range: Range<Int>, _ properties: BasicProperties = BasicProperties()) throws {
        for number in range { try client.publish("\(number)", to: "s", properties) }
        driver.settle()
    }

    func reader(
        _ offset: FieldValue? = "first", prefetch: UInt16 = 1_000, _ arguments: FieldTable = [:]
    ) throws -> BrokerClient {
        let reader = driver.fixture.client()
        try reader.prefetch(prefetch)
        var table = arguments
        if let offset { table["x-stream-offset"] = offset }
        try reader.consume("s", tag: "r", table)
        return reader
    }

    /// Bodies that the reader gets until nothing is under way.
    func bodies(_ reader: BrokerClient) -> [Int] {
        driver.settle()
        return reader.received().compactMap(\.body).compactMap { Int($0) }
    }
}

@Test func streamsAreRefusedWhatTheyAreNot() throws {
    let client = BrokerFixture(journal: true).client()
    let resource = ResourceName(kind: .queue, name: "s", virtualHost: "/")
    for key in ["x-message-ttl", "x-expires", "x-max-length", "x-max-priority", "x-overflow", "x-delivery-limit"] {
        var table = stream
        table[key] = 1
        #expect(
            failure { try client.declare("s", durable: true, table) }
                == .unsupportedArgument(key: key, resource, queueType: "rabbit_stream_queue"))
    }
    #expect(failure { try client.declare("s", stream) } == .invalidProperty("non-durable", resource))
    #expect(failure { try client.declare("", durable: true, stream) } == .serverNamed(queueType: "rabbit_stream_queue"))
    try client.declare("s", durable: true, stream)
    #expect(failure { try client.consume("s") } == .streamWithoutPrefetch(resource))
    try client.prefetch(1)
    #expect(failure { try client.consume("s", noAck: true) } == .streamWithoutAcks(resource))
    #expect(failure { try client.purge("s") } == .purgeOnStream(resource))
    #expect(failure { _ = try client.get("s") } == .getOnStream(resource))
    #expect(try client.declare("s", passive: true).messageCount == 0)
}

@Test(
    arguments: [
        ("1s", 1_000), ("2m", 120_000), ("3h", 10_800_000), ("1D", 86_400_000), ("1M", 2_592_000_000),
        ("1Y", 31_536_000_000), ("99999999999999999999Y", Int64.max), ("0s", nil), ("s", nil), ("", nil), ("5", nil),
        ("-1s", nil), ("1.5h", nil), ("1 h", nil), ("1hh", nil), ("1H", nil),
    ] as [(String, Int64?)])
func agesOfStreams(text: String, milliseconds: Int64?) {
    #expect(StreamAge.milliseconds(Borrowed(text).slice) == milliseconds)
}

@Test func readersBeginWhereTheySay() throws {
    let fixture = try StreamFixture()
    try fixture.publish(0..<10)
    fixture.driver.fixture.advance(60_000)
    try fixture.publish(10..<15)
    let now = UInt64(fixture.driver.fixture.context.time.wallMilliseconds / 1_000)
    for (offset, expected) in [
        ("first", 0..<15), ("last", 14..<15), ("next", 15..<15), (.int32(0), 0..<15), (.int64(7), 7..<15),
        (.int32(-3), 0..<15), (.int32(15), 15..<15), (.timestamp(now), 10..<15), (.timestamp(now - 59), 10..<15),
        (.timestamp(now - 61), 0..<15), (.timestamp(.max), 15..<15), ("30s", 10..<15), ("1h", 0..<15), (nil, 15..<15),
    ] as [(FieldValue?, Range<Int>)] {
        let reader = try fixture.reader(offset)
        #expect(fixture.bodies(reader) == Array(expected), "\(String(describing: offset))")
        reader.connection.close()
    }
    let beyond = try fixture.reader(.int32(17))
    try fixture.publish(15..<20)
    #expect(fixture.bodies(beyond) == [17, 18, 19])
}

/// Goal: settling in whatever way gives credit, removes nothing, and brings nothing back.
@Test func settlingGivesCredit() throws {
    let fixture = try StreamFixture()
    try fixture.publish(0..<10)
    let reader = try fixture.reader(prefetch: 2)
    #expect(fixture.bodies(reader) == [0, 1])
    try reader.channel.acknowledge(2, multiple: true)
    #expect(fixture.bodies(reader) == [2, 3])
    try reader.channel.reject(3, multiple: false, requeue: true)
    #expect(fixture.bodies(reader) == [4])
    try reader.channel.reject(5, multiple: true, requeue: false)
    #expect(fixture.bodies(reader) == [5, 6])
    try reader.channel.recover(requeue: true)
    #expect(fixture.bodies(reader) == [7, 8])
    reader.connection.close()
    #expect(fixture.queue.readyCount == 10 && fixture.queue.unackedCount == 0)
    #expect(fixture.bodies(try fixture.reader()) == Array(0..<10))
    fixture.driver.broker.checkLiveMessages()
}

/// Goal: readers far behind get everything in order, from the disk in pieces, and go on from memory; what they and the
/// stream keep in memory stays small.
@Test(arguments: [false, true])
func readersFarBehindReadTheDisk(isShort: Bool) throws {
    let fixture = try StreamFixture(watermarkBytes: isShort ? 60_000 : 1 << 30, stretch: 64, tail: 5_000)
    try fixture.publish(0..<3_000)
    #expect(fixture.queue.stream!.tail.residentBytes <= 5_000)
    let readers = try (0..<4).map { try fixture.reader(.int32(Int32($0 * 500)), prefetch: 50) }
    var seen: [[Int]] = [[], [], [], []]
    for round in 0..<100 {
        for (index, reader) in readers.enumerated() {
            seen[index] += fixture.bodies(reader)
            if let last = reader.channel.nextDeliveryTag as UInt64?, reader.channel.unacked.count > 0 {
                try reader.channel.acknowledge(last - 1, multiple: true)
            }
        }
        if round < 10 { try fixture.publish((3_000 + round * 10)..<(3_010 + round * 10)) }
        #expect(fixture.driver.broker.residentBytes < 5_000 + 4 * 200_000)
    }
    for index in 0..<4 { #expect(seen[index] == Array((index * 500)..<3_100), "reader \(index)") }
    for reader in readers { reader.connection.close() }
    fixture.driver.fixture.checkInvariants()
    fixture.driver.broker.checkLiveMessages()
    let resident = fixture.queue.stream!.tail.residentBytes
    #expect(fixture.driver.broker.residentBytes == resident)
}

/// Goal: a message that cannot be read does not stop a reader; a disk that does not answer is asked again.
@Test func readersPassDamageAndWaitForTheDisk() throws {
    let fixture = try StreamFixture(tail: 0)
    try fixture.publish(0..<30)
    var positions: [LogPosition] = []
    fixture.index.walk { _, entry in
        positions.append(entry.position)
        return true
    }
    fixture.driver.readError = { position in
        if position == positions[7] { return .damaged(segment: "", offset: 0, reason: "test") }
        return position == positions[12] ? .disk(LogDiskError(operation: "read", file: "", reason: "test")) : nil
    }
    let reader = try fixture.reader()
    fixture.driver.settle()
    #expect(reader.received().compactMap(\.body) == (0..<12).filter { $0 != 7 }.map(String.init))
    fixture.driver.readError = { _ in nil }
    fixture.driver.fixture.advance(Limits.readRetryMilliseconds)
    #expect(fixture.bodies(reader) == Array(12..<30))
}

/// Goal: what was read ahead for slow readers is given up when memory is short, and read again; nobody misses anything.
@Test func windowsOfSlowReadersArePagedOut() throws {
    let fixture = try StreamFixture(watermarkBytes: 100_000, stretch: 64, tail: 0)
    try fixture.client.declare("q", durable: true)
    try fixture.publish(0..<500)
    let readers = try (0..<40).map { _ in try fixture.reader("first", prefetch: 3) }
    var seen = readers.map { fixture.bodies($0) }
    for _ in 0..<40 { try fixture.client.publish(String(repeating: "x", count: 1_500), to: "q", isPersistent: true) }
    fixture.driver.fixture.advance(Limits.pagingPauseMilliseconds)
    fixture.driver.settle()
    #expect(fixture.queue.stream!.windowBytes < 40 * 3_000)
    #expect(!fixture.driver.fixture.context.alarms.isMemoryLow)
    for _ in 0..<200 {
        for (index, reader) in readers.enumerated() where reader.channel.unacked.count > 0 {
            try reader.channel.acknowledge(0, multiple: true)
            seen[index] += fixture.bodies(reader)
        }
    }
    for numbers in seen { #expect(numbers == Array(0..<500)) }
    for reader in readers { reader.connection.close() }
    #expect(fixture.queue.stream!.windowBytes == 0)
}

/// Goal: offsets that a repair has lost are passed over, also those before the next publish.
@Test func readersPassLostOffsets() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("s", durable: true, stream)
    for number in 0..<10 { try client.publish("\(number)", to: "s") }
    let log = fixture.takeRecords()
    var run: [UInt8] = []
    var state = StreamRunState()
    for record in log.filter({ $0.type == .publish })[..<3] {
        state.append(StreamRunEntry(position: record.position, bodyBytes: 1), to: &run)
    }
    func entries(_ firstOffset: UInt64, _ count: Int, _ run: [UInt8]) -> LogRecord {
        var writer = ByteWriter()
        writer.writeRaw(StreamEntriesRecord.headBytes + run.count) { writer in
            run.withUnsafeBytes {
                StreamEntriesRecord.write(
                    queueID: fixture.queue("s")!.logID, firstOffset: firstOffset, count: count, run: ByteSlice($0),
                    to: &writer)
            }
        }
        return LogRecord(type: .streamEntries, payload: writer.bytes, position: 0)
    }
    let fresh = try fixture.restarted(
        from: log.filter { $0.type == .queueDeclare } + [entries(4, 3, run), entries(20, 0, [])])
    #expect(fresh.queue("s")?.stream?.index.firstOffset == 4)
    let reader = fresh.client()
    try reader.prefetch(5)
    try reader.consume("s", ["x-stream-offset": 10])
    fresh.context.journal.begin(epoch: 2, at: 1 << 20)
    try reader.publish("new", to: "s")
    #expect(reader.bodies() == ["new"])
    #expect(fresh.queue("s")?.stream?.index.nextOffset == 21)
}

@Test func filtersPassOverTheRest() throws {
    let fixture = try StreamFixture(tail: 0)
    for (body, value) in [(0, "red"), (1, "blue"), (2, nil), (3, "red")] as [(Int, String?)] {
        var properties = BasicProperties()
        if let value { properties.headers = ["x-stream-filter-value": .string(value)] }
        try fixture.publish(body..<(body + 1), properties)
    }
    for (arguments, expected) in [
        (["x-stream-filter": "red"], [0, 3]), (["x-stream-filter": .array(["blue", "red"])], [0, 1, 3]),
        (["x-stream-filter": "blue", "x-stream-match-unfiltered": true], [1, 2]),
        (["x-stream-filter": .array([])], []), (["x-stream-filter": 5], [0, 1, 2, 3]),
        (["x-stream-match-unfiltered": true], [0, 1, 2, 3]),
    ] as [(FieldTable, [Int])] {
        let reader = try fixture.reader("first", arguments)
        #expect(fixture.bodies(reader) == expected, "\(arguments)")
        reader.connection.close()
    }
}

/// Goal: the oldest stretches go by size, and nothing that is within the limit.
@Test func sizeLimitsAStream() throws {
    let fixture = try StreamFixture(["x-max-length-bytes": 40])
    try fixture.publish(100..<200)
    // Three bytes each, ten in a stretch: two whole stretches are within the limit, and one is not yet full.
    #expect(fixture.index.firstOffset == 80 && fixture.index.nextOffset == 100)
    fixture.driver.broker.checkLiveMessages()
    let reader = try fixture.reader(.int32(5))
    #expect(fixture.bodies(reader) == Array(180..<200))
    for start in stride(from: 200, to: 300, by: 10) {
        try fixture.publish(start..<(start + 10))
        #expect(fixture.bodies(reader) == Array(start..<(start + 10)))
    }
    fixture.driver.fixture.checkInvariants()
}

@Test func ageLimitsAStream() throws {
    let fixture = try StreamFixture(["x-max-age": "10s"])
    try fixture.publish(0..<15)
    fixture.driver.fixture.advance(5_000)
    try fixture.publish(15..<35)
    fixture.driver.fixture.advance(4_999)
    #expect(fixture.index.firstOffset == 0)
    fixture.driver.fixture.advance(2)
    // The second stretch has messages that are younger.
    #expect(fixture.index.firstOffset == 10)
    fixture.driver.fixture.advance(100_000)
    // The newest stretch stays.
    #expect(fixture.index.firstOffset == 30 && fixture.queue.readyCount == 5)
    fixture.driver.broker.checkLiveMessages()
}

@Test func policiesLimitStreamsThatExist() throws {
    let fixture = try StreamFixture(["x-max-length-bytes": 1_000])
    try fixture.publish(100..<200)
    // Stands above the argument, unlike with other queues.
    let policy = try Policy(
        name: ByteString("p"), pattern: ".*", definition: #"{"max-length-bytes": 50, "max-age": "1h"}"#, scope: .streams
    )
    try fixture.driver.fixture.host.setPolicy(policy)
    #expect(fixture.index.firstOffset == 80)
    #expect(fixture.queue.settings.maxAgeMilliseconds == 3_600_000)
    fixture.driver.fixture.advance(3_600_000)
    #expect(fixture.index.firstOffset == 90)
}

/// Goal: a transient message is durable in a stream, and transient elsewhere.
@Test func streamsKeepTransientMessages() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("s", durable: true, stream)
    try client.declare("q", durable: true)
    for name in ["s", "q"] { try client.bind(name, "amq.fanout") }
    try client.channel.selectConfirms()
    try client.publish("both", to: "", exchange: "amq.fanout")
    try client.publish("stream", to: "s")
    fixture.turn()
    #expect(client.received() == [], "a confirm waits for the disk")
    let records = fixture.takeRecords()
    #expect(client.received() == [.ack(2, multiple: true)])
    let fresh = try fixture.restarted(from: records)
    #expect(fresh.queue("s")?.readyCount == 2 && fresh.queue("q")?.readyCount == 0)
    #expect(fixture.queue("q")?.readyCount == 1)
    fixture.broker.checkLiveMessages()
}

@Test func deadLettersEndInStreams() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("s", durable: true, stream)
    try client.declare("q", durable: true, ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "s"])
    for isPersistent in [false, true] { try client.publish("x", to: "q", isPersistent: isPersistent) }
    for _ in 0..<2 {
        guard case .getOK(let tag, _, _, _) = try client.get("q", noAck: false) else { continue }
        try client.channel.reject(tag, multiple: false, requeue: false)
    }
    fixture.turn()
    #expect(fixture.queue("s")?.readyCount == 2 && fixture.queue("q")?.readyCount == 0)
    fixture.broker.checkLiveMessages()
    let fresh = try fixture.restarted(from: fixture.takeRecords())
    #expect(fresh.queue("s")?.readyCount == 2 && fresh.queue("q")?.readyCount == 0)
}

/// Goal: a deleted stream is needed in the log no longer, and its readers hear of it.
@Test func deletedStreamsAreForgotten() throws {
    let fixture = try StreamFixture()
    try fixture.publish(0..<100)
    let reader = try fixture.reader()
    #expect(fixture.bodies(reader).count == 100)
    #expect(try fixture.client.deleteQueue("s", ifUnused: true, ifEmpty: true) == 0)
    fixture.driver.settle()
    #expect(reader.received() == [.cancel("r")])
    try reader.channel.acknowledge(0, multiple: true)
    fixture.driver.broker.checkLiveMessages()
    #expect(fixture.driver.fixture.context.liveMessages.bytesTotal == 0)
    #expect(fixture.driver.broker.residentBytes == 0 && fixture.driver.broker.streamIndexBytes == 0)
}

/// Goal: offsets are never used twice, even if a checkpoint's walk finds that retention has removed all that its picture
/// had of a stream.
@Test func offsetsGoOnWhenRetentionOutrunsACheckpoint() throws {
    let fixture = BrokerFixture(journal: true)
    fixture.context.configuration.streamStretchEntries = 5
    let client = fixture.client()
    try client.declare("s", durable: true, ["x-queue-type": "stream", "x-max-length-bytes": 10])
    for _ in 0..<50 { try client.publish("x", to: "s") }
    _ = fixture.takeRecords()
    let output = CheckpointOutput(position: fixture.context.journal.nextPosition)
    fixture.broker.beginCheckpoint(output)
    for _ in 0..<100 { try client.publish("y", to: "s") }
    var budget = CheckpointBudget(visits: 10_000, bytes: 1 << 20)
    #expect(fixture.broker.continueCheckpoint(&budget))
    fixture.broker.endCheckpoint()
    let chunk = try #require(output.takeChunk())
    let picture = LogRecord.all(in: UnsafeRawBufferPointer(chunk), at: 0)
    chunk.deallocate()
    let fresh = try fixture.restarted(from: picture + fixture.takeRecords())
    #expect(fresh.queue("s")?.stream?.index.nextOffset == 150)
}

/// Goal: rewriting a segment keeps what a stream needs of it.
@Test func checkpointsTellTheLogWhatStreamsNeed() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.declare("s", durable: true, stream)
    for number in 0..<3_000 { try client.publish("\(number)", to: "s") }
    let output = CheckpointOutput(position: fixture.context.journal.nextPosition)
    fixture.broker.beginCheckpoint(output)
    var budget = CheckpointBudget(visits: 1 << 20, bytes: 1 << 20)
    #expect(fixture.broker.continueCheckpoint(&budget))
    fixture.broker.endCheckpoint()
    let chunk = try #require(output.takeChunk())
    defer { chunk.deallocate() }
    var positions = LivePositions([0..<output.position])
    positions.note(ByteSlice(UnsafeRawBufferPointer(chunk)))
    var expected: [LogPosition] = []
    fixture.queue("s")!.stream!.index.walk { _, entry in
        expected.append(entry.position)
        return true
    }
    #expect(positions.take()[0].positions == expected && expected.count == 3_000)
}
