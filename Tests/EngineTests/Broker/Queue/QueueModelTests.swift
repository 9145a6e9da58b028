// The semantics of a queue against QueueModel: order with requeues, priorities of messages and consumers, prefetch,
// single active consumer, limits of length, time-to-live, delivery limit, dead-lettering. A seed chooses the kind of
// queue and what is done with it.

import Testing
import Wire

@testable import Engine

/// What the broker did otherwise than the model.
private struct Difference: Error { let text: String }

private func same<T: Equatable>(_ broker: T, _ model: T, _ what: String) throws(Difference) {
    if broker != model { throw Difference(text: "\(what): \(broker), in the model \(model)") }
}

private final class QueueModelRun {
    let fixture = BrokerFixture()
    var random: RandomSource
    let rules: QueueModelRules
    var model: QueueModel
    var clients: [BrokerClient] = []
    let publisher: BrokerClient
    let undertaker: BrokerClient
    /// Delivery tags by client and body.
    var tags: [[Int: UInt64]]
    var published = 0
    var now: Int64 = 0

    init(seed: UInt64) throws {
        random = RandomSource(seed: seed)
        rules = Self.rules(&random)
        model = QueueModel(rules: rules)
        // Often deliveries go back in small pieces.
        if Bool.random(using: &random) { fixture.broker.returns.perTurn = Int.random(in: 1...3, using: &random) }
        publisher = fixture.client()
        undertaker = fixture.client()
        tags = Array(repeating: [:], count: 5)
        for _ in tags { clients.append(fixture.client()) }
        try undertaker.declare("dead")
        try publisher.channel.selectConfirms()
        var arguments: FieldTable = [
            "x-dead-letter-exchange": .string(""),
            "x-dead-letter-routing-key": .string("dead"),
        ]
        if rules.isQuorum { arguments["x-queue-type"] = .string("quorum") }
        if rules.priorityMax > 0 { arguments["x-max-priority"] = .int32(Int32(rules.priorityMax)) }
        if rules.isSingleActive { arguments["x-single-active-consumer"] = .boolean(true) }
        if let limit = rules.lengthMax { arguments["x-max-length"] = .int32(Int32(limit)) }
        if rules.rejectsPublishes { arguments["x-overflow"] = .string("reject-publish") }
        if let milliseconds = rules.timeToLive { arguments["x-message-ttl"] = .int32(Int32(milliseconds)) }
        if let limit = rules.deliveryLimit { arguments["x-delivery-limit"] = .int32(Int32(limit)) }
        try publisher.declare("q", durable: rules.isQuorum, arguments)
    }

    private static func rules(_ random: inout RandomSource) -> QueueModelRules {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        var rules = QueueModelRules()
        rules.isQuorum = chance(30)
        if !rules.isQuorum, chance(40) { rules.priorityMax = Int.random(in: 1...4, using: &random) }
        rules.isSingleActive = chance(20)
        if chance(40) {
            rules.lengthMax = Int.random(in: 1...12, using: &random)
            rules.rejectsPublishes = chance(40)
        }
        if chance(30) { rules.timeToLive = Int64.random(in: 5...200, using: &random) }
        if rules.isQuorum { rules.deliveryLimit = Int.random(in: 0...4, using: &random) }
        return rules
    }

    func step() throws {
        let index = Int.random(in: 0..<clients.count, using: &random)
        switch Int.random(in: 0..<24, using: &random) {
        case 0..<9: try publish()
        case 9..<11 where !model.readers.contains { $0.client == index }: try consume(index)
        case 11 where model.readers.contains { $0.client == index }:
            model.cancel(client: index)
            clients[index].cancel("t")
        case 12..<15: try settle(index)
        case 15..<18: try giveBack(index)
        case 18:
            let bodies = heldBy(index)
            tags[index] = [:]
            model.giveBack(bodies)
            try clients[index].channel.recover(requeue: true)
        case 19: breakConnection(index)
        case 20..<22: try get(index)
        case 22 where Int.random(in: 0..<8, using: &random) == 0:
            try same(Int(try publisher.purge("q")), model.ready.count, "purged")
            model.purge()
        default:
            let pause = Int64.random(in: 1...20, using: &random)
            now += pause
            fixture.advance(pause)
        }
        try compare()
    }

    private func heldBy(_ client: Int) -> [Int] {
        model.held.filter { $0.value.client == client }.keys.sorted()
    }

    private func publish() throws {
        var properties = BasicProperties()
        let priority = Int.random(in: 0...5, using: &random)
        properties.priority = UInt8(priority)
        let isTaken = model.publish(published, priority: priority, at: now)
        try publisher.publish("\(published)", to: "q", properties)
        published += 1
        let number = UInt64(published)
        let confirms = publisher.next().map { event in
            if case .ack(let tag, _) = event { ClientEvent.ack(tag, multiple: false) } else { event }
        }
        try same(confirms, [isTaken ? .ack(number, multiple: false) : .nack(number)], "confirms")
    }

    private func consume(_ index: Int) throws {
        let reader = QueueModel.Reader(
            client: index, priority: Int.random(in: 0...2, using: &random),
            prefetch: Int.random(in: 0...4, using: &random), noAck: Int.random(in: 0..<6, using: &random) == 0)
        model.consume(reader)
        try clients[index].prefetch(UInt16(reader.prefetch))
        try clients[index].consume(
            "q", tag: "t", noAck: reader.noAck,
            rules.isSingleActive ? [:] : ["x-priority": .int32(Int32(reader.priority))])
    }

    private func chosen(_ index: Int) -> (tag: UInt64, isMultiple: Bool, bodies: [Int])? {
        guard let (_, tag) = tags[index].sorted(by: { $0.key < $1.key }).randomElement(using: &random) else {
            return nil
        }
        let isMultiple = Bool.random(using: &random)
        let bodies = tags[index].filter { isMultiple ? $0.value <= tag : $0.value == tag }.sorted {
            $0.value < $1.value
        }
        for (body, _) in bodies { tags[index][body] = nil }
        return (tag, isMultiple, bodies.map(\.key))
    }

    private func settle(_ index: Int) throws {
        guard let (tag, isMultiple, bodies) = chosen(index) else { return }
        let isDead = Bool.random(using: &random)
        for body in bodies { model.settle(body, isDead: isDead) }
        if isDead {
            try clients[index].channel.reject(tag, multiple: isMultiple, requeue: false)
        } else {
            try clients[index].channel.acknowledge(tag, multiple: isMultiple)
        }
    }

    private func giveBack(_ index: Int) throws {
        guard let (tag, isMultiple, bodies) = chosen(index) else { return }
        model.giveBack(bodies)
        try clients[index].channel.reject(tag, multiple: isMultiple, requeue: true)
    }

    private func breakConnection(_ index: Int) {
        let bodies = heldBy(index)
        tags[index] = [:]
        model.cancel(client: index)
        model.giveBack(bodies)
        clients[index].connection.close()
        clients[index] = fixture.client()
    }

    private func get(_ index: Int) throws {
        let noAck = Bool.random(using: &random)
        let expected = model.get(client: index, noAck: noAck)
        guard case .getOK(let tag, let redelivered, let body, let left) = try clients[index].get("q", noAck: noAck)
        else {
            return try same(nil, expected, "message got")
        }
        try same(Int(body), expected?.body, "message got")
        try same(redelivered, expected?.wasDelivered, "flag of the message got")
        try same(Int(left), model.ready.count, "messages left")
        if !noAck { tags[index][Int(body)!] = tag }
    }

    /// Lets the turn end and compares all there is to see.
    private func compare() throws {
        fixture.turn()
        model.expire(at: now)
        var deliveries: [Int: [(body: Int, redelivered: Bool)]] = [:]
        for index in clients.indices {
            for event in clients[index].received() {
                guard case .deliver(_, let tag, let redelivered, _, let body) = event else { continue }
                let number = try #require(Int(body))
                deliveries[index, default: []].append((number, redelivered))
                if !model.readers.contains(where: { $0.client == index && $0.noAck }) { tags[index][number] = tag }
            }
        }
        if let fault = model.accept(deliveries) { throw Difference(text: fault) }
        let queue = try #require(fixture.queue("q"))
        try same((0..<queue.readyCount).map { queue.body(at: $0) }, model.ready.map(\.body), "ready")
        try same(queue.unackedCount, model.held.count, "unacknowledged")
        try compareDeadLetters()
        fixture.checkInvariants()
    }

    private func compareDeadLetters() throws {
        var letters: [DeadLetter] = []
        while case .getOK(_, _, let body, _) = try undertaker.get("dead") {
            let deaths = try #require(undertaker.lastProperties.headers?["x-death"])
            guard case .array(let list) = deaths, case .table(let first) = list.first,
                case .longString(let reason) = first["reason"]
            else { throw Difference(text: "no x-death of message \(body)") }
            letters.append(DeadLetter(body: Int(body)!, reason: String(decoding: reason, as: UTF8.self)))
        }
        try same(letters.sorted(), model.deadLetters.sorted(), "dead letters")
        model.deadLetters = []
    }
}

extension Queue {
    fileprivate func body(at index: Int) -> Int? {
        guard let message = peek(index)?.message else { return nil }
        return Int(String(decoding: message.body.buffer, as: UTF8.self))
    }
}

struct QueueModelTests {
    @Test(arguments: 1...120 as ClosedRange<UInt64>)
    func queueBehavesAsTheModel(seed: UInt64) throws {
        let run = try QueueModelRun(seed: seed)
        for step in 0..<400 {
            do {
                try run.step()
            } catch let difference as Difference {
                Issue.record("seed \(seed), step \(step), \(run.rules): \(difference.text)")
                return
            }
        }
    }
}
