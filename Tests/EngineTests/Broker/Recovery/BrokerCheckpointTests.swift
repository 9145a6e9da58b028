// A checkpoint taken while the broker goes on, and the log from its position on, give the state that the whole log
// gives and that is in memory.

import Testing
import Wire

@testable import Engine

/// One broker that is used at random, its log, and checkpoints of it.
private final class CheckpointModel {
    let fixture = BrokerFixture(journal: true)
    var random: RandomSource
    var log: [LogRecord] = []
    /// The last whole checkpoint.
    var picture: [LogRecord] = []
    var pictureFrom: LogPosition = 0
    private var output: CheckpointOutput?
    private var clients: [BrokerClient] = []
    private var transactional: [BrokerChannel] = []
    private var number = 0
    private(set) var checkpoints = 0

    private static let queues = ["classic", "quorum", "levels", "short", "dead", "rejecting", "stream"]
    private static let exchanges = ["fan", "topic", "fleeting", "later"]

    init(seed: UInt64) throws {
        random = RandomSource(seed: seed)
        // So that a checkpoint ends inside of stretches and between them.
        fixture.context.configuration.streamStretchEntries = 7
        for index in 0..<3 { try connect(index) }
        for name in Self.queues { try declare(name) }
        for name in Self.exchanges { try declareExchange(name) }
        try clients[0].declare("transient")
    }

    private func connect(_ index: Int) throws {
        let client = fixture.client()
        let channel = client.anotherChannel()
        try channel.selectTransaction()
        if index == clients.count {
            clients.append(client)
            transactional.append(channel)
        } else {
            clients[index] = client
            transactional[index] = channel
        }
    }

    private func declare(_ name: String) throws {
        let arguments: FieldTable =
            switch name {
            case "quorum": ["x-queue-type": "quorum", "x-delivery-limit": 2, "x-dead-letter-exchange": "fan"]
            case "levels": ["x-max-priority": 5]
            case "stream": ["x-queue-type": "stream"]
            case "short":
                ["x-max-length": 6, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"]
            case "dead": ["x-message-ttl": 5_000]
            case "rejecting":
                [
                    "x-max-length": 4, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": "dead",
                ]
            default: [:]
            }
        try clients[0].declare(name, durable: true, arguments)
    }

    private func declareExchange(_ name: String) throws {
        switch name {
        case "fan": try clients[0].exchange(name, "fanout", durable: true)
        case "later":
            try clients[0].exchange(name, "x-delayed-message", durable: true, ["x-delayed-type": "topic"])
        case "topic": try clients[0].exchange(name, "topic", durable: true, ["alternate-exchange": "fan"])
        default: try clients[0].exchange(name, "direct", durable: true, autoDelete: true)
        }
    }

    private func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    /// One random operation. Refusals are part of the game: what they leave must agree, too.
    func step() throws {
        let index = Int.random(in: 0..<clients.count, using: &random)
        let client = clients[index]
        let inTransaction = chance(4)
        let channel = inTransaction ? transactional[index] : client.channel
        let name = Self.queues.randomElement(using: &random)!
        switch Int.random(in: 0..<34, using: &random) {
        case 0..<9:
            for _ in 0..<Int.random(in: 1...4, using: &random) { try publish(client, channel) }
        case 9..<14:
            for _ in 0..<Int.random(in: 1...4, using: &random)
            where fixture.queue(name).map({ $0.stream == nil }) ?? false {
                try withExtendedLifetime(Borrowed(name)) {
                    try channel.get(BasicGet(queue: $0.slice, noAck: chance(8)))
                }
            }
            _ = client.received()
        case 14..<18:
            guard let tag = someTag(channel) else { return }
            try channel.acknowledge(tag, multiple: chance(3))
        case 18..<22:
            guard let tag = someTag(channel) else { return }
            try channel.reject(tag, multiple: chance(3), requeue: !chance(3))
        case 22: try channel.recover(requeue: true)
        case 23..<25:
            if chance(3) {
                try transactional[index].rollbackTransaction()
            } else {
                let channel = transactional[index]
                if let error = failure({ try channel.commitTransaction() }), error != .partialTransaction {
                    throw error
                }
            }
        case 25 where chance(2):
            client.connection.close()
            try connect(index)
        case 26 where chance(2):
            if let queue = fixture.queue(name), queue.stream == nil { try client.purge(name) }
        case 27:
            if fixture.queue(name) == nil { try declare(name) } else if chance(3) { _ = try client.deleteQueue(name) }
        case 28:
            let exchange = Self.exchanges.randomElement(using: &random)!
            if fixture.host.exchange(Borrowed(exchange).slice) == nil {
                try declareExchange(exchange)
            } else if chance(3) {
                try client.deleteExchange(exchange)
            }
        case 29..<31: changeBinding(client, name)
        case 31: fixture.advance(Int64.random(in: 1...2_000, using: &random))
        case 32:
            let tag = "t"
            if client.channel.consumers[Borrowed(tag).slice] != nil {
                client.cancel(tag)
            } else if fixture.queue(name) != nil {
                try client.prefetch(3)
                try client.consume(name, tag: tag)
            }
        default: fixture.turn()
        }
        if chance(3) { fixture.turn() }
        for client in clients { _ = client.received() }
    }

    private func publish(_ client: BrokerClient, _ channel: BrokerChannel) throws {
        var properties = BasicProperties()
        if !chance(6) { properties.deliveryMode = 2 }
        properties.priority = UInt8.random(in: 0...6, using: &random)
        if chance(5) { properties.expiration = Array("\(Int.random(in: 0...6_000, using: &random))".utf8) }
        if chance(2) { properties.headers = ["x-delay": .int32(Int32.random(in: -5...4_000, using: &random))] }
        let body = String(repeating: "x", count: number % 40)
        number += 1
        if chance(3) {
            let exchange = (Self.exchanges + ["amq.topic"]).randomElement(using: &random)!
            guard fixture.host.exchange(Borrowed(exchange).slice) != nil else { return }
            let key = ["a", "b.c", "b.d"].randomElement(using: &random)!
            try client.publish(body, to: key, exchange: exchange, on: channel, properties)
        } else {
            let name = chance(8) ? "transient" : Self.queues.randomElement(using: &random)!
            try client.publish(body, to: name, on: channel, properties)
        }
    }

    private func someTag(_ channel: BrokerChannel) -> UInt64? {
        var tags: [UInt64] = []
        channel.unacked.forEach { tags.append($0.tag) }
        return tags.randomElement(using: &random)
    }

    private func changeBinding(_ client: BrokerClient, _ name: String) {
        let source = (Self.exchanges + ["amq.topic"]).randomElement(using: &random)!
        let key = ["a", "b.*", "#"].randomElement(using: &random)!
        let destination = chance(8) ? "transient" : name
        switch Int.random(in: 0..<6, using: &random) {
        case 0..<3: try? client.bind(destination, source, key)
        case 3: try? client.bindExchange("fan", source, key)
        default: try? client.unbind(destination, source, key)
        }
    }

    // MARK: Checkpoints

    func beginCheckpoint() {
        guard output == nil else { return }
        if chance(2) { fixture.broker.log.flush() }
        let output = CheckpointOutput(position: fixture.context.journal.nextPosition)
        self.output = output
        fixture.broker.beginCheckpoint(output)
    }

    func continueCheckpoint() throws {
        guard let output else { return }
        if chance(60) {
            fixture.broker.endCheckpoint()
            self.output = nil
            return
        }
        let visits = chance(6) ? 100_000 : Int.random(in: 1...12, using: &random)
        var budget = CheckpointBudget(visits: visits, bytes: 1 << 20)
        guard fixture.broker.continueCheckpoint(&budget) else { return }
        fixture.broker.endCheckpoint()
        self.output = nil
        checkpoints += 1
        pictureFrom = output.position
        picture =
            output.takeChunk().map { chunk in
                defer { chunk.deallocate() }
                return LogRecord.all(in: UnsafeRawBufferPointer(chunk), at: 0)
            } ?? []
        #expect(picture.count == Int(output.recordCount))
        try check()
    }

    /// What both ways of recovery find is what is there.
    func check() throws {
        if chance(2) { fixture.turn() } else { fixture.broker.log.flush() }
        log += fixture.takeRecords()
        fixture.checkInvariants()
        fixture.broker.checkLiveMessages()
        let live = DurableState(fixture.broker)
        let whole = DurableState(try fixture.restarted(from: log).broker)
        #expect(whole.differences(to: live) == [], "whole log")
        guard checkpoints > 0 else { return }
        let rest = log.filter { $0.position >= pictureFrom }
        let fresh = try fixture.restarted(from: picture + rest)
        #expect(
            DurableState(fresh.broker).differences(to: live) == [], "checkpoint and the log from \(pictureFrom) on")
    }
}

/// Goal: no entry, flag, count or binding is lost or comes back. Method: random operations with tiny slices of
/// checkpoints between them; both recoveries against memory.
@Test(arguments: 1...100 as ClosedRange<UInt64>)
func checkpointAndLogEqualState(seed: UInt64) throws {
    let model = try CheckpointModel(seed: seed)
    for step in 0..<400 {
        try model.step()
        if Int.random(in: 0..<10, using: &model.random) == 0 { model.beginCheckpoint() }
        if Int.random(in: 0..<2, using: &model.random) == 0 { try model.continueCheckpoint() }
        if step % 97 == 96 { try model.check() }
    }
    try model.check()
    #expect(model.checkpoints > 0)
}

@Test func checkpointsKeepToTheirBudget() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    var properties = BasicProperties()
    properties.deliveryMode = 2
    for queue in 0..<20 {
        try client.declare("q\(queue)", durable: true)
        try client.bind("q\(queue)", "amq.fanout")
    }
    for _ in 0..<500 { try client.publish("x", to: "", exchange: "amq.fanout", properties) }
    for _ in 0..<400 { _ = try client.get("q3", noAck: false) }
    fixture.turn()
    let output = CheckpointOutput(position: fixture.context.journal.nextPosition)
    fixture.broker.beginCheckpoint(output)
    var calls = 0
    var isDone = false
    while !isDone {
        let before = output.bytesTotal
        var budget = CheckpointBudget(visits: 100, bytes: 1 << 20)
        isDone = fixture.broker.continueCheckpoint(&budget)
        #expect(budget.visits > -5)
        // A run that has grown over several calls is written in one.
        #expect(output.bytesTotal - before <= 2 * RecoveredEntry.bytes * Limits.brokerPositionsPerRecord)
        calls += 1
    }
    #expect(calls >= 20 * 500 / 100)
    fixture.broker.endCheckpoint()
    let chunk = try #require(output.takeChunk())
    let records = LogRecord.all(in: UnsafeRawBufferPointer(chunk), at: 0)
    chunk.deallocate()
    #expect(try DurableState(fixture.restarted(from: records).broker) == DurableState(fixture.broker))
}

/// Goal: a backlog that grows faster than the walk does not keep it from ending.
@Test func theWalkEndsWhileQueuesGrow() throws {
    let fixture = BrokerFixture(journal: true)
    let client = fixture.client()
    var properties = BasicProperties()
    properties.deliveryMode = 2
    try client.declare("q", durable: true, ["x-max-priority": 9])
    for index in 0..<200 {
        properties.priority = UInt8(index % 10)
        try client.publish("x", to: "q", properties)
    }
    let output = CheckpointOutput(position: fixture.context.journal.nextPosition)
    fixture.broker.beginCheckpoint(output)
    var calls = 0
    while calls < 200 {
        var budget = CheckpointBudget(visits: 5, bytes: 1 << 20)
        if fixture.broker.continueCheckpoint(&budget) { break }
        for index in 0..<20 {
            properties.priority = UInt8(index % 10)
            try client.publish("x", to: "q", properties)
        }
        calls += 1
    }
    #expect(calls < 60)
    fixture.broker.endCheckpoint()
    let chunk = try #require(output.takeChunk())
    let records = LogRecord.all(in: UnsafeRawBufferPointer(chunk), at: 0)
    chunk.deallocate()
    #expect(try fixture.restarted(from: records).queue("q")!.readyCount == 200)
}
