// A queue that one client has for itself: it publishes to it, purges, deletes, declares, binds and unbinds it. Whatever
// is durable of that is so in order, so what is found after a power cut is the state after some number of steps.
// Next: Inspection.swift (who compares).

import Engine
import Simulation
import Wire

/// What there is of the queue.
struct ScrapState: Equatable {
    var exists = false
    var isBound = false
    var numbers: [Int] = []
}

struct ScrapBooks {
    /// The state after each step since `first`.
    private(set) var states = [ScrapState()]
    private var first = 0
    /// This step is answered, or known to be on disk.
    private var durable = 0
    var nextNumber = 1

    var last: Int { first + states.count - 1 }
    var state: ScrapState { states[states.count - 1] }

    mutating func step(_ change: (inout ScrapState) -> Void) {
        var next = state
        change(&next)
        states.append(next)
    }

    mutating func noteDurable(_ step: Int) {
        guard step > durable else { return }
        durable = step
        states.removeFirst(durable - first)
        first = durable
    }

    /// What was found is the state from now on; nil: it was never that of any moment that could have been left.
    mutating func settle(on found: ScrapState) -> String? {
        guard states.contains(found) else {
            return "the private queue is \(found), which none of the last \(states.count) states was: "
                + "\(states.first!) … \(state)"
        }
        states = [found]
        durable = first
        return nil
    }
}

/// The client.
final class ScrapClient {
    private let host: SimulatedHost
    private let report: Report
    private let client: SimulatedAMQPClient
    /// Steps by what answers them.
    private var answers: [(method: MethodID, step: Int)] = []
    private var confirms: [(tag: UInt64, step: Int)] = []
    private var written: [(sequence: UInt64, step: Int)] = []

    init(_ host: SimulatedHost, _ report: Report) {
        self.host = host
        self.report = report
        client = SimulatedAMQPClient(host)
        client.send(ConfirmSelect())
        // It may be published to before the others are there.
        client.send(ExchangeDeclare(exchange: ByteSlice("jobs"), type: ByteSlice("direct"), durable: true))
        answers.append((.exchangeDeclareOK, 0))
    }

    private static let name: StaticString = "scrap"

    func send(_ books: inout ScrapBooks, _ random: inout RandomSource) {
        guard !client.hasUnsent else { return }
        for _ in 0..<random.below(4) { sendOne(&books, &random) }
    }

    private func sendOne(_ books: inout ScrapBooks, _ random: inout RandomSource) {
        let name = ByteSlice(Self.name)
        let jobs = ByteSlice("jobs")
        let state = books.state
        switch random.below(20) {
        case 0, 1:
            if state.exists {
                guard random.oneIn(3) else { return }
                client.send(QueueDelete(queue: name))
                step(&books, .queueDeleteOK) { $0 = ScrapState() }
            }
        case 2...4:
            client.declareQueue(Self.name)
            step(&books, .queueDeclareOK) { $0.exists = true }
        case 5:
            guard state.exists else { return }
            client.send(QueuePurge(queue: name))
            step(&books, .queuePurgeOK) { $0.numbers = [] }
        case 6, 7:
            guard state.exists else { return }
            client.send(QueueBind(queue: name, exchange: jobs, routingKey: name))
            step(&books, .queueBindOK) { $0.isBound = true }
        case 8:
            guard state.exists else { return }
            client.send(QueueUnbind(queue: name, exchange: jobs, routingKey: name))
            step(&books, .queueUnbindOK) { $0.isBound = false }
        default:
            let number = books.nextNumber
            books.nextNumber += 1
            let throughExchange = random.oneIn(2)
            var properties = BasicProperties()
            properties.deliveryMode = 2
            client.publish(
                BrokerBooks.body(number, bytes: random.below(400)), to: Self.name,
                exchange: throughExchange ? "jobs" : "", properties: properties)
            books.step { if throughExchange ? $0.isBound : $0.exists { $0.numbers.append(number) } }
            // What is routed nowhere is answered at once and says nothing.
            if throughExchange ? state.isBound : state.exists { confirms.append((client.publishCount, books.last)) }
        }
    }

    private func step(_ books: inout ScrapBooks, _ answer: MethodID, _ change: (inout ScrapState) -> Void) {
        let before = books.state
        books.step(change)
        // An answer to what changes nothing need not wait for what was published before.
        answers.append((answer, books.state == before ? 0 : books.last))
    }

    func receive(_ books: inout ScrapBooks) {
        for event in report.read(client, "owner of scrap") {
            switch event {
            case .confirmed(let tag, let multiple):
                for confirm in confirms where confirm.tag == tag || multiple && confirm.tag < tag {
                    books.noteDurable(confirm.step)
                }
                confirms.removeAll { $0.tag == tag || multiple && $0.tag < tag }
            case .answered(let method):
                guard method == answers.first?.method else { continue }
                books.noteDurable(answers.removeFirst().step)
            default: break
            }
        }
        if !client.hasUnsent { written.append((host.lastRecordSequence, books.last)) }
        written.removeAll { item in
            guard item.sequence <= host.durableSequence else { return false }
            books.noteDurable(item.step)
            return true
        }
    }
}
