// Policies of both kinds and limits, set and cleared by one client of the RESP port. They are durable in order and once they
// are answered, so what is found after a power cut is the state after some step since the last answer.
// Next: Inspection.swift (who compares).

import Engine
import Simulation
import Wire

/// What holds: by kind and name, the definition or value.
typealias RuleState = [String: String]

struct RuleBooks {
    /// The state after each step since `first`.
    private(set) var states: [RuleState] = [[:]]
    private var first = 0

    var last: Int { first + states.count - 1 }
    var state: RuleState { states[states.count - 1] }

    mutating func step(_ key: String, _ value: String?) {
        var next = state
        next[key] = value
        states.append(next)
    }

    mutating func noteDurable(_ step: Int) {
        guard step > first else { return }
        states.removeFirst(step - first)
        first = step
    }

    /// What was found is the state from now on; the text says that it was never that of any moment that could be left.
    mutating func settle(on found: RuleState) -> String? {
        guard states.contains(found) else {
            return "policies and limits are \(found), which none of the last \(states.count) states was: "
                + "\(states.first!) … \(state)"
        }
        states = [found]
        return nil
    }
}

/// The client.
final class RuleClient {
    private let report: Report
    private let client: SimulatedRESPClient
    /// Steps that replies to come are about; nil: it changes nothing.
    private var expected: [Int?] = []

    init(_ host: SimulatedHost, _ report: Report) {
        self.report = report
        client = SimulatedRESPClient(host)
    }

    func send(_ books: inout RuleBooks, _ random: inout RandomSource) {
        guard !client.hasUnsent, random.oneIn(2) else { return }
        let before = books.state
        let number = random.within(100...103)
        let isSet = !random.oneIn(3)
        if random.oneIn(3) {
            let (subject, name, limit) = random.pick([
                ("vhost", "/", "max-queues"), ("vhost", "/", "max-connections"), ("user", "guest", "max-channels"),
            ])
            client.send(["LIMIT", isSet ? "SET" : "CLEAR", subject, name, limit] + (isSet ? ["\(number)"] : []))
            books.step("\(subject) \(limit)", isSet ? "\(number)" : nil)
        } else {
            // For no queue of the others.
            let kind = random.pick(["user", "operator"])
            let name = random.pick(["one", "two"])
            let definition = "{\"max-length\":\(number)}"
            client.send(
                (isSet ? ["POLICY", "SET", name, "^nobody$", definition] : ["POLICY", "CLEAR", name])
                    + (kind == "operator" ? ["OPERATOR"] : []))
            books.step("\(kind) \(name)", isSet ? definition : nil)
        }
        expected.append(books.state == before ? nil : books.last)
    }

    func receive(_ books: inout RuleBooks) {
        do {
            for reply in try client.read() {
                guard !expected.isEmpty else { return report.violation("a reply to nothing: \(reply)") }
                let step = expected.removeFirst()
                if case .error(let bytes) = reply, step != nil {
                    report.violation("a rule is refused: \(String(decoding: bytes, as: UTF8.self))")
                } else if let step {
                    books.noteDurable(step)
                }
            }
        } catch {
            report.violation("output that is no protocol: \(error)")
        }
    }
}
