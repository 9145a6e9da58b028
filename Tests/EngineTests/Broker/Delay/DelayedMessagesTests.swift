// Exchanges of type x-delayed-message: when what goes where, and what it looks like then.

import Testing
import Wire

@testable import Engine

private func delayed(_ delay: FieldValue, isPersistent: Bool = false) -> BasicProperties {
    var properties = BasicProperties()
    properties.headers = ["x-delay": delay]
    if isPersistent { properties.deliveryMode = 2 }
    return properties
}

@Suite struct DelayedMessagesTests {
    private let fixture = BrokerFixture()

    private func setUp(durable: Bool = false) throws -> BrokerClient {
        let client = fixture.client()
        try client.exchange("later", "x-delayed-message", durable: durable, ["x-delayed-type": "direct"])
        try client.declare("q", durable: durable)
        try client.bind("q", "later", "k")
        return client
    }

    private var delayedCount: Int {
        fixture.host.exchange(Borrowed("later").slice)?.delayQueue?.delayed?.entries.count ?? -1
    }

    @Test func comesWhenItIsDue() throws {
        let client = try setUp()
        try client.publish("late", to: "k", exchange: "later", delayed(300))
        try client.publish("early", to: "k", exchange: "later", delayed(100))
        try client.publish("at once", to: "k", exchange: "later")
        #expect(delayedCount == 2)
        #expect(try client.drain("q") == ["at once"])
        fixture.advance(99)
        #expect(try client.drain("q") == [])
        fixture.advance(1)
        #expect(try client.drain("q") == ["early"])
        #expect(client.lastProperties.headers?["x-delay"] == .int32(-100))
        #expect(client.lastExchange == "later")
        fixture.advance(1_000)
        #expect(try client.drain("q") == ["late"])
        #expect(delayedCount == 0)
        #expect(fixture.broker.residentBytes == 0)
    }

    @Test func consumersGetThemInOrderOfDueTime() throws {
        let client = try setUp()
        try client.consume("q", noAck: true)
        for delay in [50, 10, 30, 10, 20] as [Int32] {
            try client.publish("\(delay)", to: "k", exchange: "later", delayed(.int32(delay)))
        }
        fixture.advance(60)
        #expect(client.bodies() == ["10", "10", "20", "30", "50"])
    }

    /// No delay: zero, negative, too long, or no number.
    @Test(
        arguments: [
            .int32(0), .int32(-5), .int64(4_294_967_296), .string("soon"), .boolean(true), .void, .timestamp(50),
        ] as [FieldValue])
    func goesAtOnce(delay: FieldValue) throws {
        let client = try setUp()
        try client.publish("m", to: "k", exchange: "later", delayed(delay))
        #expect(try client.drain("q") == ["m"])
        #expect(client.lastProperties.headers?["x-delay"] == delay, "as it came")
    }

    @Test(
        arguments: [
            .int8(50), .uint8(50), .int16(50), .uint32(50), .int64(50), .string("50"), .double(50.9), .float(50.5),
            .decimal(scale: 1, value: 505),
        ] as [FieldValue])
    func everyNumberCounts(delay: FieldValue) throws {
        let client = try setUp()
        try client.publish("m", to: "k", exchange: "later", delayed(delay))
        #expect(delayedCount == 1)
        fixture.advance(49)
        #expect(try client.drain("q") == [])
        fixture.advance(1)
        #expect(try client.drain("q") == ["m"])
        #expect(client.lastProperties.headers?["x-delay"] == .int32(-50))
    }

    @Test func longestDelay() throws {
        let client = try setUp()
        try client.publish("m", to: "k", exchange: "later", delayed(.int64(4_294_967_295)))
        fixture.advance(4_294_967_294)
        #expect(delayedCount == 1)
        fixture.advance(1)
        #expect(try client.drain("q") == ["m"])
        #expect(client.lastProperties.headers?["x-delay"] == .int64(-4_294_967_295))
    }

    @Test func refusesDeclarations() throws {
        let client = fixture.client()
        let missing = "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type"
        func text(_ arguments: FieldTable) -> String? {
            failure { try client.exchange("x", "x-delayed-message", arguments) }?.replyText
        }
        #expect(text([:]) == missing)
        #expect(text(["x-delayed-type": 1]) == missing)
        #expect(text(["x-delayed-type": "nonsense"]) == "COMMAND_INVALID - unknown exchange type 'nonsense'")
        #expect(
            text(["x-delayed-type": "x-delayed-message"])
                == "PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'")
        #expect(
            text(["x-delayed-type": "x-consistent-hash", "hash-property": "no"])
                == "PRECONDITION_FAILED - Unsupported property: no")
    }

    @Test func routesAsItsTypeDoes() throws {
        let client = fixture.client()
        try client.exchange("later", "x-delayed-message", ["x-delayed-type": "topic"])
        for name in ["a", "b"] { try client.declare(name) }
        try client.bind("a", "later", "*.a")
        try client.bind("b", "later", "#")
        try client.publish("m", to: "x.a", exchange: "later", delayed(10))
        // Where it goes is asked when it is due.
        try client.unbind("b", "later", "#")
        fixture.advance(10)
        #expect(try client.drain("a") == ["m"])
        #expect(try client.drain("b") == [])
        let weights = fixture.client()
        try weights.exchange("hash", "x-delayed-message", ["x-delayed-type": "x-consistent-hash"])
        #expect(failure { try weights.bind("a", "hash", "no number") }?.code == 406)
        try weights.exchange("heads", "x-delayed-message", ["x-delayed-type": "headers"])
        try weights.bind("b", "heads", "", ["kind": "x"])
        var properties = delayed(10)
        properties.headers?["kind"] = "x"
        try weights.publish("h", to: "", exchange: "heads", properties)
        fixture.advance(10)
        #expect(try weights.drain("b") == ["h"])
    }

    @Test func onceIsEnough() throws {
        let client = try setUp()
        try client.exchange("again", "x-delayed-message", ["x-delayed-type": "fanout"])
        try client.declare("behind")
        try client.bind("behind", "again")
        try client.bindExchange("again", "later", "k")
        try client.exchange("front", "fanout")
        try client.bindExchange("later", "front", "")
        try client.publish("m", to: "k", exchange: "front", delayed(10))
        #expect(try client.drain("q") == [])
        fixture.advance(10)
        #expect(try client.drain("q") == ["m"])
        #expect(try client.drain("behind") == ["m"])
    }

    @Test func copiesAreKeptUntilThen() throws {
        let client = try setUp()
        try client.bind("q", "later", "copy")
        try client.declare("blind")
        try client.bind("blind", "later", "blind")
        var properties = delayed(10)
        properties.headers?["CC"] = .array([.string("copy")])
        properties.headers?["BCC"] = .array([.string("blind")])
        try client.publish("m", to: "other", exchange: "later", properties)
        fixture.advance(10)
        #expect(try client.drain("q") == ["m"])
        #expect(try client.drain("blind") == ["m"])
        #expect(client.lastProperties.headers?["BCC"] == nil)
        #expect(client.lastProperties.headers?["CC"] != nil)
    }

    @Test func mandatoryAndAlternateLookWhenItIsDue() throws {
        let client = fixture.client()
        try client.exchange("spare", "fanout")
        try client.declare("spare")
        try client.bind("spare", "spare")
        try client.exchange(
            "later", "x-delayed-message", ["x-delayed-type": "direct", "alternate-exchange": "spare"])
        try client.publish("m", to: "nowhere", exchange: "later", mandatory: true, delayed(10))
        #expect(client.next() == [])
        #expect(try client.drain("spare") == [])
        fixture.advance(10)
        #expect(try client.drain("spare") == ["m"])
        try client.deleteExchange("spare")
        #expect(client.next() == [])
        try client.publish("n", to: "nowhere", exchange: "later", mandatory: true)
        #expect(client.next() == [.returned(code: 312, key: "nowhere", body: "n")])
    }

    @Test func expirationBeginsInTheQueue() throws {
        let client = try setUp()
        var properties = delayed(100)
        properties.expiration = Array("50".utf8)
        try client.publish("m", to: "k", exchange: "later", properties)
        fixture.advance(100)
        fixture.advance(49)
        #expect(fixture.queue("q")?.readyCount == 1)
        fixture.advance(2)
        #expect(fixture.queue("q")?.readyCount == 0)
    }

    @Test func deadLettersMayBeDelayed() throws {
        let client = try setUp()
        try client.declare("first", ["x-dead-letter-exchange": "later", "x-dead-letter-routing-key": "k"])
        try client.publish("m", to: "first", delayed(50))
        guard case .getOK(let tag, _, _, _) = try client.get("first", noAck: false) else { return #expect(Bool(false)) }
        try client.channel.reject(tag, multiple: false, requeue: false)
        fixture.turn()
        #expect(delayedCount == 1)
        fixture.advance(50)
        #expect(try client.drain("q") == ["m"])
    }

    @Test func deletedExchangeDropsThem() throws {
        let client = try setUp()
        for _ in 0..<2_000 { try client.publish("m", to: "k", exchange: "later", delayed(10)) }
        try client.publish("due", to: "k", exchange: "later", delayed(1))
        try client.declare("later")
        try client.publish("own", to: "later")
        try client.deleteExchange("later")
        fixture.advance(100)
        #expect(fixture.broker.residentBytes == fixture.queue("later")!.ready[0].residentBytes)
        #expect(try client.drain("q") == [])
        #expect(try client.drain("later") == ["own"], "a queue of the same name has nothing to do with it")
        #expect(fixture.broker.queuesByNumber.count == 2)
    }

    @Test func manyAtOnceAreServedInSlices() throws {
        let client = try setUp()
        for number in 0..<20_000 { try client.publish("\(number)", to: "k", exchange: "later", delayed(10)) }
        fixture.advance(10)
        #expect(try client.drain("q").compactMap { Int($0) } == Array(0..<20_000))
    }
}

// MARK: In the log

private func body(of record: LogRecord) throws -> String {
    try record.payload.withUnsafeBytes { bytes in
        let message = try PublishRecord(ByteSlice(bytes)).makeMessage(isPersistent: true, position: record.position)
        return message.body.string
    }
}

@Test func delayedMessagesSurvive() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.exchange("later", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
    try client.exchange("gone", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
    try client.declare("q", durable: true)
    try client.bind("q", "later")
    try client.bind("q", "gone")
    for (name, delay) in [("a", 500), ("b", 100), ("c", 300)] as [(String, Int32)] {
        try client.publish(name, to: "", exchange: "later", delayed(.int32(delay), isPersistent: true))
    }
    try client.publish("transient", to: "", exchange: "later", delayed(200))
    try client.publish("dropped", to: "", exchange: "gone", delayed(100, isPersistent: true))
    try client.deleteExchange("gone")
    fixture.advance(100)
    #expect(fixture.queue("q")?.readyCount == 1, "b is due")
    let records = fixture.takeRecords()

    // 250 ms pass without the daemon.
    let fresh = try fixture.restarted(
        from: records, wallMilliseconds: fixture.context.time.wallMilliseconds + 50)
    #expect(fresh.queue("q")?.readyCount == 1)
    let exchange = try #require(fresh.host.exchange(Borrowed("later").slice))
    let entries = try #require(exchange.delayQueue?.delayed?.entries)
    #expect(entries.count == 2 && entries.inMemoryCount == 0)
    var due: [Int64] = []
    entries.forEach { due.append($0.expiry - fresh.context.time.monotonicMilliseconds) }
    #expect(due == [150, 350])
    #expect(fresh.host.exchange(Borrowed("gone").slice) == nil)
    var bodies: [String] = []
    entries.forEach { entry in
        let record = records.flatMap(\.inner).first { $0.position == entry.logPosition }
        bodies.append((try? body(of: record!)) ?? "")
    }
    #expect(bodies == ["c", "a"])
    // Declared the same again, and a new one gets a queue of its own.
    let other = fresh.client()
    try other.exchange("later", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
    try other.exchange("next", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
    let next = try #require(fresh.host.exchange(Borrowed("next").slice)?.delayQueue)
    #expect(next.logID > exchange.delayQueue!.logID)
}

/// Goal: a confirm says that the delayed message is on disk.
@Test func confirmsWaitForTheDisk() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    try client.exchange("later", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
    _ = fixture.takeRecords()
    try client.channel.selectConfirms()
    try client.publish("m", to: "", exchange: "later", delayed(100, isPersistent: true))
    #expect(client.next() == [])
    _ = fixture.takeRecords()
    #expect(client.received() == [.ack(1, multiple: false)])
}

/// Goal: what is kept back leaves memory, counts while it is there, and is read when it is due.
@Test(arguments: [true, false])
func delayedMessagesArePagedOut(isPersistent: Bool) throws {
    let driver = PagingDriver(watermarkBytes: 100_000)
    let client = driver.fixture.client()
    try client.exchange("later", "x-delayed-message", durable: true, ["x-delayed-type": "fanout"])
    try client.declare("q", durable: true)
    try client.bind("q", "later")
    var random = RandomSource(seed: 7)
    var numbers = Array(0..<1_500)
    numbers.shuffle(using: &random)
    for (index, number) in numbers.enumerated() {
        let body = "\(number) " + String(repeating: "x", count: 100)
        try client.publish(
            body, to: "", exchange: "later", delayed(.int32(Int32(1_000 + number)), isPersistent: isPersistent))
        if index % 20 == 0 { driver.turn() }
    }
    driver.settle()
    let queue = try #require(driver.fixture.host.exchange(Borrowed("later").slice)?.delayQueue)
    queue.checkInvariants()
    #expect(queue.delayed!.entries.inMemoryCount < 700)
    #expect(driver.broker.pager.memoryBytes <= 100_000)
    #expect(driver.spoolFiles.isEmpty == isPersistent)

    try client.consume("q", noAck: true)
    var seen: [Int] = []
    for _ in 0..<60 {
        driver.fixture.advance(50)
        driver.settle()
        seen += client.received().compactMap { $0.body?.split(separator: " ").first.flatMap { Int($0) } }
    }
    #expect(seen == Array(0..<1_500))
    #expect(driver.broker.residentBytes == 0 && driver.broker.pager.onDiskCount == 0)
    #expect(driver.spoolFiles.isEmpty)
    driver.broker.checkLiveMessages()
}
