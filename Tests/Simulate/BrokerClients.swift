// The broker's part of the workload: who declares, publishers with confirms, consumers that settle in every way, and a
// client with transactions. Each turn they read what has come, enter it in the books and send something new.
// Next: BrokerBooks.swift.

import Engine
import Simulation
import Wire

/// All AMQP clients on the shared queues.
final class BrokerClients {
    private let host: SimulatedHost
    private let report: Report
    private var setup: Setup?
    private var publishers: [Publisher] = []
    private var consumers: [Consumer] = []
    private var transactor: Transactor?
    private var follower: StreamFollower?
    /// Copies that somebody holds, and the queue they came from.
    private var held: [CopyName: String] = [:]
    /// Acknowledged, or handed out, with the batch that makes it durable.
    private var settling: [(sequence: UInt64, name: CopyName)] = []
    private var delivering: [(sequence: UInt64, name: CopyName)] = []
    /// Handed out in this turn: what was read from the disk for it is noted in the log with the next one.
    private var delivered: [CopyName] = []
    private var isStarted = false

    init(_ host: SimulatedHost, _ report: Report) {
        self.host = host
        self.report = report
    }

    /// Before the host's turn.
    func send(_ books: inout BrokerBooks, _ random: inout RandomSource) {
        if !books.isSetUp || (!isStarted && random.oneIn(3)) {
            if setup == nil { setup = Setup(host) }
        }
        guard books.isSetUp else { return }
        if !isStarted { start(&random) }
        for publisher in publishers { publisher.send(&books, &random) }
        for index in consumers.indices {
            if random.oneIn(60), !consumers[index].client.hasUnsent {
                consumers[index].drop(&held)
                consumers[index] = Consumer(host, consumers[index].queues, prefetch: random.within(0...8))
            }
            consumers[index].send(&books, &held, &random)
        }
        transactor?.send(&books, &held, &random)
        if random.oneIn(50), let follower {
            follower.client.drop()
            self.follower = StreamFollower(host, &random)
        }
        follower?.send(&random)
    }

    private func start(_ random: inout RandomSource) {
        isStarted = true
        publishers = (1...2).map { Publisher(host, id: $0) }
        consumers = [
            Consumer(host, ["work", "quorum"], prefetch: random.within(0...10)),
            Consumer(host, ["levels", "short-lived.dead", "quorum", "delayed"], prefetch: random.within(1...10)),
            Consumer(host, ["quorum.dead", "limited.dead", "limited"], prefetch: random.within(1...20)),
            Consumer(host, ["audit"], prefetch: random.within(1...40), usesGet: random.oneIn(2)),
        ]
        transactor = Transactor(host, id: 9)
        follower = StreamFollower(host, &random)
    }

    /// After the host's turn.
    func receive(_ books: inout BrokerBooks) {
        let sequence = host.lastRecordSequence
        for name in delivered { delivering.append((sequence, name)) }
        delivered = []
        setup?.read(&books, report)
        for publisher in publishers { publisher.read(&books, report) }
        for consumer in consumers { note(consumer.read(report), &books) }
        if let transactor { note(transactor.read(&books, report), &books) }
        follower?.read(books, report)
        for consumer in consumers where !consumer.client.hasUnsent {
            for name in consumer.settled { settling.append((sequence, name)) }
            consumer.settled = []
        }
        noteDurable(&books)
    }

    private func note(_ deliveries: [(CopyName, String)], _ books: inout BrokerBooks) {
        for (name, queue) in deliveries {
            guard let copy = books[name] else {
                report.violation("\(name) was delivered and never sent")
                continue
            }
            if copy.state == .gone || copy.state == .leaving {
                report.violation("\(name) was delivered after its acknowledgement (\(copy.state))")
            }
            if let other = held.updateValue(queue, forKey: name) {
                report.violation("\(name) was delivered from \(queue) while somebody held it from \(other)")
            }
            if copy.isPersistent { delivered.append(name) }
        }
    }

    private func noteDurable(_ books: inout BrokerBooks) {
        let durable = host.durableSequence
        settling.removeAll { item in
            guard item.sequence <= durable else { return false }
            books[item.name]?.state = .gone
            report.counts.acknowledged += 1
            return true
        }
        delivering.removeAll { item in
            guard item.sequence <= durable else { return false }
            books[item.name]?.wasDelivered = true
            return true
        }
    }
}

/// Declares everything.
private final class Setup {
    private let client: SimulatedAMQPClient
    private var missing = 0

    init(_ host: SimulatedHost) {
        client = SimulatedAMQPClient(host)
        send(ExchangeDeclare(exchange: ByteSlice("jobs"), type: ByteSlice("direct"), durable: true))
        send(ExchangeDeclare(exchange: ByteSlice("events"), type: ByteSlice("topic"), durable: true))
        FieldTable(dictionaryLiteral: ("x-delayed-type", "direct")).encoded.withUnsafeBytes {
            send(
                ExchangeDeclare(
                    exchange: ByteSlice("later"), type: ByteSlice("x-delayed-message"), durable: true,
                    arguments: ByteSlice($0)))
        }
        for home in Home.allCases {
            client.declareQueue(home.queue, arguments: home.arguments)
            missing += 1
            if let dead = home.deadQueue {
                client.declareQueue(dead)
                missing += 1
            }
        }
        for (source, queue, key) in Address.bindings {
            send(QueueBind(queue: ByteSlice(queue), exchange: ByteSlice(source), routingKey: ByteSlice(key)))
        }
    }

    private func send(_ method: some AMQPMethod) {
        client.send(method)
        missing += 1
    }

    func read(_ books: inout BrokerBooks, _ report: Report) {
        for event in report.read(client, "setup") {
            switch event {
            case .answered(.exchangeDeclareOK), .answered(.queueDeclareOK), .answered(.queueBindOK):
                missing -= 1
                if missing == 0 { books.isSetUp = true }
            default: break
            }
        }
    }
}

/// Publishes with confirms.
private final class Publisher {
    private let client: SimulatedAMQPClient
    private let id: Int
    private var waiting: [(tag: UInt64, names: [CopyName])] = []

    init(_ host: SimulatedHost, id: Int) {
        self.id = id
        client = SimulatedAMQPClient(host)
        client.send(ConfirmSelect())
    }

    func send(_ books: inout BrokerBooks, _ random: inout RandomSource) {
        // Blocked: it would only queue up here.
        guard !client.hasUnsent else { return }
        for _ in 0..<random.below(4) {
            let address = books.pickAddress(&random)
            let names = client.publish(to: address, from: id, &books, &random)
            waiting.append((client.publishCount, names))
        }
    }

    func read(_ books: inout BrokerBooks, _ report: Report) {
        for event in report.read(client, "publisher \(id)") {
            switch event {
            case .confirmed(let tag, let multiple):
                waiting.removeAll { item in
                    guard item.tag == tag || multiple && item.tag < tag else { return false }
                    report.counts.confirmed += 1
                    for name in item.names where books[name]?.state == .sent { books[name]?.state = .kept }
                    return true
                }
            case .refused(let tag, _): report.violation("publish \(tag) of publisher \(id) was refused")
            default: break
            }
        }
    }
}

extension SimulatedAMQPClient {
    /// Sends a new message and enters its copies in the books; returns their names.
    fileprivate func publish(
        to address: Address, from publisher: Int, _ books: inout BrokerBooks, _ random: inout RandomSource
    ) -> [CopyName] {
        let copies = publishInTransaction(to: address, from: publisher, &books, &random)
        for (name, copy) in copies { books[name] = copy }
        return copies.map(\.0)
    }

    /// Sends a new message. Its copies are not in the books yet.
    fileprivate func publishInTransaction(
        to address: Address, from publisher: Int, _ books: inout BrokerBooks, _ random: inout RandomSource
    ) -> [(CopyName, Copy)] {
        let number = books.takeNumber()
        var properties = BasicProperties()
        let isPersistent = !random.oneIn(6)
        properties.deliveryMode = isPersistent ? 2 : 1
        let level = random.below(4)
        if address.homes.contains(.levels) { properties.priority = UInt8(level) }
        if address.homes.contains(.delayed) {
            properties.headers = ["x-delay": .int32(Int32(random.within(0...Address.delayMillisecondsMax)))]
        }
        var bytes = random.below(250)
        if random.oneIn(12) { bytes = random.below(2_500) }
        if random.oneIn(150) { bytes = 9_000 }
        publish(
            BrokerBooks.body(number, bytes: bytes), to: address.key, exchange: address.exchange,
            properties: properties)
        return address.homes.map { home in
            // A stream keeps everything.
            let copy = Copy(
                publisher: publisher, level: home == .levels ? level : 0,
                isPersistent: isPersistent || home == .stream)
            return (CopyName(home: home, number: number), copy)
        }
    }
}

/// Takes messages and settles them.
private final class Consumer {
    let client: SimulatedAMQPClient
    let queues: [StaticString]
    private let usesGet: Bool
    private var isGetting = false
    /// What comes before the answer to `basic.recover` has gone back, too.
    private var isRecovering = false
    private var holding: [(tag: UInt64, name: CopyName, isDead: Bool)] = []
    /// Acknowledged, and maybe not yet read by the server.
    var settled: [CopyName] = []

    init(_ host: SimulatedHost, _ queues: [StaticString], prefetch: Int, usesGet: Bool = false) {
        self.queues = queues
        self.usesGet = usesGet
        client = SimulatedAMQPClient(host)
        client.send(BasicQos(prefetchBytes: 0, prefetchCount: UInt16(prefetch)))
        guard !usesGet else { return }
        for queue in queues {
            client.send(BasicConsume(queue: ByteSlice(queue), consumerTag: ByteSlice(queue)))
        }
    }

    func drop(_ held: inout [CopyName: String]) {
        client.drop()
        for item in holding { held[item.name] = nil }
        holding = []
    }

    func send(_ books: inout BrokerBooks, _ held: inout [CopyName: String], _ random: inout RandomSource) {
        if usesGet, !isGetting, random.oneIn(2) {
            isGetting = true
            client.send(BasicGet(queue: ByteSlice(queues[0])))
        }
        // What is fetched may be settled by what is sent before it is seen.
        guard !isGetting, !holding.isEmpty, !random.oneIn(3) else { return }
        switch random.below(10) {
        case 0...3:
            let item = holding.remove(at: random.below(holding.count))
            client.send(BasicAck(deliveryTag: item.tag))
            acknowledge(item.name, &books, &held)
        case 4, 5:
            let count = random.within(1...holding.count)
            client.send(BasicAck(deliveryTag: holding[count - 1].tag, multiple: true))
            for item in holding.prefix(count) { acknowledge(item.name, &books, &held) }
            holding.removeFirst(count)
        case 6:
            let item = holding.remove(at: random.below(holding.count))
            client.send(BasicReject(deliveryTag: item.tag, requeue: true))
            held[item.name] = nil
        case 7:
            let count = random.within(1...holding.count)
            client.send(BasicNack(deliveryTag: holding[count - 1].tag, multiple: true, requeue: true))
            for item in holding.prefix(count) { held[item.name] = nil }
            holding.removeFirst(count)
        case 8:
            let item = holding.remove(at: random.below(holding.count))
            client.send(BasicNack(deliveryTag: item.tag, requeue: false))
            if item.isDead || item.name.home.deadQueue == nil {
                acknowledge(item.name, &books, &held)
            } else {
                held[item.name] = nil
            }
        default:
            // A queue with a limit may hand out what comes back before it answers: who cannot tell what is what.
            guard random.oneIn(4), !queues.contains(where: { Home.of($0.description)?.home == .limited }) else {
                return
            }
            client.send(BasicRecover(requeue: true))
            isRecovering = true
            for item in holding { held[item.name] = nil }
            holding = []
        }
    }

    private func acknowledge(_ name: CopyName, _ books: inout BrokerBooks, _ held: inout [CopyName: String]) {
        held[name] = nil
        books[name]?.state = .leaving
        settled.append(name)
    }

    /// Returns what has been delivered.
    func read(_ report: Report) -> [(CopyName, String)] {
        var names: [(CopyName, String)] = []
        for event in report.read(client, "consumer of \(queues)") {
            let delivery: SimulatedDelivery
            var queue = ""
            switch event {
            case .answered(.basicRecoverOK):
                isRecovering = false
                continue
            case .delivered(let found):
                if isRecovering { continue }
                delivery = found
                queue = found.consumerTag
            case .got(let found):
                isGetting = false
                guard let found else { continue }
                delivery = found
                queue = queues[0].description
            default: continue
            }
            guard let number = BrokerBooks.number(delivery.body), let (home, isDead) = Home.of(queue) else {
                report.violation("a body delivered from \(queue) is not whole")
                continue
            }
            let name = CopyName(home: home, number: number)
            holding.append((delivery.tag, name, isDead))
            names.append((name, queue))
        }
        return names
    }
}

/// Publishes and acknowledges in transactions.
private final class Transactor {
    private let client: SimulatedAMQPClient
    private let id: Int
    private var holding: [(tag: UInt64, name: CopyName)] = []
    private var published: [(CopyName, Copy)] = []
    private var settled: [(tag: UInt64, name: CopyName)] = []
    private var commit: Int?
    private var isRollingBack = false

    init(_ host: SimulatedHost, id: Int) {
        self.id = id
        client = SimulatedAMQPClient(host)
        client.send(TxSelect())
        client.send(BasicQos(prefetchBytes: 0, prefetchCount: 4))
        client.send(BasicConsume(queue: ByteSlice("work"), consumerTag: ByteSlice("work")))
    }

    func send(_ books: inout BrokerBooks, _ held: inout [CopyName: String], _ random: inout RandomSource) {
        guard commit == nil, !isRollingBack, !client.hasUnsent else { return }
        for _ in 0..<random.below(3) {
            let address = books.pickAddress(&random)
            published += client.publishInTransaction(to: address, from: id, &books, &random)
        }
        if !holding.isEmpty, random.oneIn(2) {
            let item = holding.remove(at: random.below(holding.count))
            client.send(BasicAck(deliveryTag: item.tag))
            settled.append(item)
        }
        guard random.oneIn(3) else { return }
        if random.oneIn(4) {
            client.send(TxRollback())
            isRollingBack = true
        } else {
            sendCommit(&books, &held)
        }
    }

    private func sendCommit(_ books: inout BrokerBooks, _ held: inout [CopyName: String]) {
        client.send(TxCommit())
        var open = OpenCommit()
        for (name, copy) in published {
            books[name] = copy
            open.publishes.append(name)
        }
        for item in settled {
            open.settles.append((item.name, books[item.name]?.state == .kept))
            books[item.name]?.state = .leaving
            held[item.name] = nil
        }
        published = []
        settled = []
        commit = books.nextCommit
        books.commits[books.nextCommit] = open
        books.nextCommit += 1
    }

    /// Returns what has been delivered.
    func read(_ books: inout BrokerBooks, _ report: Report) -> [(CopyName, String)] {
        var names: [(CopyName, String)] = []
        for event in report.read(client, "transactor") {
            switch event {
            case .delivered(let delivery):
                guard let number = BrokerBooks.number(delivery.body) else {
                    report.violation("a body delivered to the transactor is not whole")
                    continue
                }
                let name = CopyName(home: .work, number: number)
                holding.append((delivery.tag, name))
                names.append((name, "work"))
            case .answered(.txCommitOK):
                guard let number = commit, let open = books.commits[number] else { continue }
                report.counts.transactions += 1
                for name in open.publishes where books[name]?.state == .sent { books[name]?.state = .kept }
                for (name, _) in open.settles { books[name]?.state = .gone }
                books.commits[number] = nil
                commit = nil
            case .answered(.txRollbackOK):
                published = []
                holding = (holding + settled).sorted { $0.tag < $1.tag }
                settled = []
                isRollingBack = false
            default: break
            }
        }
        return names
    }
}

extension Report {
    /// What the client has received; anything wrong with it is a violation.
    func read(_ client: SimulatedAMQPClient, _ name: String) -> [SimulatedAMQPClient.Event] {
        do {
            let events = try client.read()
            for event in events { if case .closed(let text) = event { violation("\(name) was closed: \(text)") } }
            return events
        } catch {
            violation("output that is no protocol: \(error)")
            return []
        }
    }
}
