// The store's part of the workload: a client on each of two databases, with single commands, transactions and scripts.
// Next: StoreCommand.swift.

import Engine
import Simulation
import Wire

final class StoreClients {
    private let host: SimulatedHost
    private let report: Report
    private let answersAfterSync: Bool
    private let clients: [SimulatedRESPClient]
    /// Of each client: what the replies to come are about. Nil: the step is not over with this reply.
    private var expected: [[Expected]]
    private var written: [(sequence: UInt64, step: Int)] = []

    private enum Expected {
        case part
        case step(Int)
        /// There is no room, so it must be refused.
        case refusal
    }

    init(_ host: SimulatedHost, _ report: Report, answersAfterSync: Bool) {
        self.host = host
        self.report = report
        self.answersAfterSync = answersAfterSync
        clients = [SimulatedRESPClient(host), SimulatedRESPClient(host)]
        clients[1].send(["SELECT", "1"])
        expected = [[], [.part]]
    }

    func send(_ books: inout StoreBooks, _ random: inout RandomSource) {
        for database in clients.indices {
            guard !clients[database].hasUnsent else { continue }
            if host.isDiskFull {
                clients[database].send(["SET", "key0", "refused"])
                expected[database].append(.refusal)
                continue
            }
            for _ in 0..<random.below(4) { sendOne(database, &books, &random) }
        }
    }

    private var now: Int64 { host.wallMicroseconds / 1_000 }

    private func sendOne(_ database: Int, _ books: inout StoreBooks, _ random: inout RandomSource) {
        let before = books.state.expired(now)
        var state = before
        func command() -> StoreCommand {
            StoreCommand.random(&random) {
                defer { books.nextID += 1 }
                return books.nextID
            }
        }
        switch random.below(8) {
        case 0:
            clients[database].send(["MULTI"])
            expected[database].append(.part)
            for _ in 0..<random.within(1...4) {
                let command = command()
                clients[database].send(command.words)
                expected[database].append(.part)
                _ = command.apply(&state, database, now)
            }
            clients[database].send(["EXEC"])
        case 1:
            let commands = (0..<random.within(1...3)).map { _ in command() }
            clients[database].send(Self.script(commands.map(\.words)))
            // It ends with the first that is refused; what came before stays.
            for command in commands { if !command.apply(&state, database, now) { break } }
        default:
            let command = command()
            clients[database].send(command.words)
            _ = command.apply(&state, database, now)
        }
        books.step(state)
        // An answer to what changes nothing need not wait for what others have changed.
        expected[database].append(state == before ? .part : .step(books.last))
        report.counts.storeWrites += 1
    }

    /// EVAL that calls the commands one after the other; the words are arguments.
    private static func script(_ commands: [[String]]) -> [String] {
        var text = ""
        var arguments: [String] = []
        for words in commands {
            let first = arguments.count + 1
            arguments += words
            text += "redis.call(unpack(ARGV, \(first), \(arguments.count))) "
        }
        return ["EVAL", text + "return 1", "0"] + arguments
    }

    func receive(_ books: inout StoreBooks) {
        for (database, client) in clients.enumerated() {
            do {
                for reply in try client.read() { note(reply, database, &books) }
            } catch {
                report.violation("output that is no protocol: \(error)")
            }
        }
        if clients.allSatisfy({ !$0.hasUnsent }) { written.append((host.lastRecordSequence, books.last)) }
        written.removeAll { item in
            guard item.sequence <= host.durableSequence else { return false }
            books.noteDurable(item.step)
            return true
        }
    }

    private func note(_ reply: RESPReply, _ database: Int, _ books: inout StoreBooks) {
        guard !expected[database].isEmpty else { return report.violation("a reply to nothing: \(reply)") }
        var text = ""
        if case .error(let bytes) = reply { text = String(decoding: bytes, as: UTF8.self) }
        switch expected[database].removeFirst() {
        case .part: if text.hasPrefix("MISCONF") { report.violation("refused though there is room: \(text)") }
        case .step(let step):
            if text.hasPrefix("MISCONF") { report.violation("refused though there is room: \(text)") }
            if answersAfterSync { books.noteDurable(step) }
        case .refusal:
            if !text.hasPrefix("MISCONF") { report.violation("a write was taken without room for it: \(reply)") }
        }
    }
}
