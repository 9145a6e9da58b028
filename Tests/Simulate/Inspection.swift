// Looks at everything a recovered host has, without changing it, and compares it with the books. What was found is what
// the books begin with after that.
// Next: Run.swift (who recovers).

import Engine
import Simulation
import Wire

struct Inspection {
    private let host: SimulatedHost
    private let report: Report
    private let client: SimulatedRESPClient

    init(_ host: SimulatedHost, _ report: Report) {
        self.host = host
        self.report = report
        client = SimulatedRESPClient(host)
    }

    private static let queues: [String] =
        Home.allCases.flatMap { [$0.queue.description] + ($0.deadQueue.map { [$0.description] } ?? []) } + ["scrap"]

    private static let views: [[String]] = [
        ["LRANGE", "0", "-1"], ["HGETALL"], ["SMEMBERS"], ["ZRANGE", "0", "-1", "WITHSCORES"], ["XRANGE", "-", "+"],
        ["HPEXPIRETIME", "FIELDS", "\(StoreCommand.fields.count)"] + StoreCommand.fields,
    ]

    /// A message as it lies in its queue.
    private struct Found {
        let number: Int
        let isRedelivered: Bool
        /// Of a stream only.
        let offset: Int?
    }

    /// Compares. Leaves the books alone when the host fails meanwhile.
    func run(_ ledger: Ledger) {
        // What is due has its turn first: then nothing is between two queues. No delay lasts longer than that.
        host.advance(milliseconds: Int64(Address.delayMillisecondsMax) + 1)
        var quietTurns = 0
        for _ in 0..<400 where quietTurns < 2 && host.failure == nil {
            host.turn()
            host.syncLog()
            quietTurns = host.isQuiet ? quietTurns + 1 : 0
        }
        guard host.failure == nil else { return }
        if quietTurns < 2 { report.violation("the host does not come to rest") }
        let now = host.wallMicroseconds / 1_000
        // Messages on disk make a client wait, so the queues come last.
        guard let store = readStore(), let rules = readRules(), let queues = readQueues(), host.failure == nil else {
            return
        }
        var books = ledger.books
        if let text = books.store.settle(on: store, now: now) { report.violation(text) }
        if let text = books.rules.settle(on: rules) { report.violation(text) }
        compareScrap(queues, &books.scrap)
        compareBroker(queues, &books.broker)
        books.wallMicroseconds = host.wallMicroseconds
        ledger.books = books
        client.drop()
    }

    /// Sends the requests and waits for all replies; nil when the host fails.
    private func ask(_ requests: [[String]]) -> [RESPReply]? {
        for words in requests { client.send(words) }
        var replies: [RESPReply] = []
        for _ in 0..<400 where replies.count < requests.count && host.failure == nil {
            host.turn()
            host.syncLog()
            do { replies += try client.read() } catch { report.violation("output that is no protocol: \(error)") }
        }
        guard host.failure == nil else { return nil }
        guard replies.count == requests.count else {
            report.violation("\(replies.count) of \(requests.count) requests were answered")
            return nil
        }
        return replies
    }

    // MARK: Store

    private func readStore() -> StoreState? {
        var requests: [[String]] = []
        for database in 0..<2 {
            requests.append(["SELECT", "\(database)"])
            requests.append(["KEYS", "*"])
            for key in StoreCommand.keys {
                requests += [["TYPE", key], ["PEXPIRETIME", key], ["GET", key]]
                for view in Self.views { requests.append([view[0], key] + view.dropFirst()) }
            }
        }
        guard var replies = ask(requests) else { return nil }
        var state = StoreState()
        replies.reverse()
        for database in 0..<2 {
            _ = replies.popLast()
            let keys = replies.popLast()?.elements?.compactMap(\.text) ?? []
            for key in keys where !StoreCommand.keys.contains(key) { report.violation("a key from nowhere: \(key)") }
            for key in StoreCommand.keys {
                let type = replies.popLast()?.text ?? ""
                let expiry = replies.popLast()?.integer ?? -2
                let text = replies.popLast()?.text
                let views = Self.views.map { _ in replies.popLast()?.elements ?? [] }
                guard let value = Self.value(type, text, views) else { continue }
                var entry = StoreEntry(value: value, expiry: expiry >= 0 ? expiry : nil)
                for (field, reply) in zip(StoreCommand.fields, views.last ?? []) {
                    if let time = reply.integer, time >= 0 { entry.fieldExpiry[field] = Int64(time) }
                }
                state.databases[database][key] = entry
            }
        }
        return state
    }

    private static func value(_ type: String, _ text: String?, _ views: [[RESPReply]]) -> StoreValue? {
        func texts(_ index: Int) -> [String] { views[index].map { $0.text ?? "?" } }
        func pairs(_ index: Int) -> [(String, String)] {
            let all = texts(index)
            return stride(from: 0, to: all.count - 1, by: 2).map { (all[$0], all[$0 + 1]) }
        }
        switch type {
        case "string": return .string(text ?? "?")
        case "list": return .list(texts(0))
        case "hash": return .hash(Dictionary(pairs(1), uniquingKeysWith: { "\($0) and \($1)" }))
        case "set": return .set(Set(texts(2)))
        case "zset":
            let scores = pairs(3).map { ($0, Int($1) ?? .min) }
            return .scores(Dictionary(scores, uniquingKeysWith: { $0 + $1 }))
        case "stream":
            return .stream(
                views[4].map { item in
                    let parts = item.elements ?? []
                    let fields = parts.last?.elements ?? []
                    return StoreValue.StreamItem(id: parts.first?.text ?? "?", value: fields.last?.text ?? "?")
                })
        default: return nil
        }
    }

    private func readRules() -> RuleState? {
        guard let replies = ask([["POLICY", "LIST"], ["LIMIT", "LIST"]]) else { return nil }
        var rules = RuleState()
        for (reply, fields) in zip(replies, [["kind", "name", "definition"], ["of", "limit", "value"]]) {
            for row in reply.elements ?? [] {
                let value = row.value(fields[2])
                rules[fields.prefix(2).map { row.value($0)?.text ?? "?" }.joined(separator: " ")] =
                    value?.text ?? value?.integer.map { "\($0)" } ?? "?"
            }
        }
        return rules
    }

    // MARK: Queues

    private struct Queues {
        var messages: [String: [Found]] = [:]
        var names: Set<String> = []
        /// Source, destination and key, each followed by a space.
        var bindings: Set<String> = []
    }

    private func readQueues() -> Queues? {
        let lists = [["QUEUE", "LIST"], ["BINDING", "LIST"]]
        guard let replies = ask(lists + Self.queues.map { ["QUEUE", "PEEK", $0, "0", "1000"] }) else { return nil }
        var queues = Queues()
        queues.names = Set((replies[0].elements ?? []).compactMap { $0.value("name")?.text })
        queues.bindings = Set(
            (replies[1].elements ?? []).map { row in
                ["source", "destination", "routing_key"].map { (row.value($0)?.text ?? "?") + " " }.joined()
            })
        for (name, reply) in zip(Self.queues, replies.dropFirst(lists.count)) {
            queues.messages[name] = (reply.elements ?? []).compactMap { row in
                guard let body = row.value("body")?.bytes, let number = BrokerBooks.number(body) else {
                    report.violation("a message in \(name) is not whole, or cannot be read")
                    return nil
                }
                return Found(
                    number: number, isRedelivered: Self.isTrue(row.value("redelivered")),
                    offset: row.value("offset")?.integer.map { Int($0) })
            }
        }
        return queues
    }

    private static func isTrue(_ reply: RESPReply?) -> Bool {
        switch reply {
        case .boolean(let value): value
        case .integer(let value): value != 0
        default: reply?.text == "true" || reply?.text == "1"
        }
    }

    private func compareScrap(_ queues: Queues, _ books: inout ScrapBooks) {
        let found = ScrapState(
            exists: queues.names.contains("scrap"), isBound: queues.bindings.contains("jobs scrap scrap "),
            numbers: queues.messages["scrap"]?.map(\.number) ?? [])
        if let text = books.settle(on: found) { report.violation(text) }
    }

    private func compareBroker(_ queues: Queues, _ books: inout BrokerBooks) {
        if books.isSetUp {
            for name in Self.queues where name != "scrap" && !queues.names.contains(name) {
                report.violation("queue \(name) was declared and is not there")
            }
            for (source, queue, key) in Address.bindings where !queues.bindings.contains("\(source) \(queue) \(key) ") {
                report.violation("the binding of \(queue) to \(source) is not there")
            }
        }
        var present: Set<CopyName> = []
        for home in Home.allCases {
            let ready = queues.messages[home.queue.description] ?? []
            let dead = home.deadQueue.flatMap { queues.messages[$0.description] } ?? []
            for found in ready + dead { check(CopyName(home: home, number: found.number), &present, books) }
            checkOrder(home, ready, books)
            if home == .stream { checkOffsets(ready, &books) }
            for found in ready where books[CopyName(home: home, number: found.number)]?.wasDelivered == true {
                if !found.isRedelivered { report.violation("\(home) \(found.number) is not marked as redelivered") }
            }
        }
        for (number, commit) in books.commits.sorted(by: { $0.key < $1.key }) {
            checkCommit(number, commit, present, books)
        }
        settle(&books, present, queues)
    }

    private func check(_ name: CopyName, _ present: inout Set<CopyName>, _ books: BrokerBooks) {
        if !present.insert(name).inserted { report.violation("\(name) is there twice") }
        guard let copy = books[name] else { return report.violation("\(name) is there and was never sent") }
        if !copy.isPersistent { report.violation("\(name) is there and was transient") }
        if copy.state == .gone { report.violation("\(name) is there after its acknowledgement") }
    }

    /// Higher levels first; what one publisher has sent to a level, in the order it was sent.
    private func checkOrder(_ home: Home, _ ready: [Found], _ books: BrokerBooks) {
        guard home != .delayed else { return }
        var last: [[Int]: Int] = [:]
        var level = Int.max
        for found in ready {
            guard let copy = books[CopyName(home: home, number: found.number)] else { continue }
            if copy.level > level { report.violation("\(home) \(found.number) stands behind a lower level") }
            level = copy.level
            if last[[copy.publisher, level]] ?? 0 > found.number {
                report.violation("\(home) \(found.number) stands behind a later message of its publisher")
            }
            last[[copy.publisher, level]] = found.number
        }
    }

    /// Without gaps from the first on, and as they were.
    private func checkOffsets(_ ready: [Found], _ books: inout BrokerBooks) {
        for (index, found) in ready.enumerated() {
            let name = CopyName(home: .stream, number: found.number)
            if found.offset != index { report.violation("\(name) is at \(index) with offset \(found.offset ?? -1)") }
            if let known = books[name]?.offset, known != found.offset {
                report.violation("\(name) was at offset \(known) and is at \(found.offset ?? -1)")
            }
            books[name]?.offset = found.offset
        }
    }

    /// All of it or nothing.
    private func checkCommit(_ number: Int, _ commit: OpenCommit, _ present: Set<CopyName>, _ books: BrokerBooks) {
        let fixed = commit.publishes.filter { books[$0]?.state == .sent && books[$0]?.isPersistent == true }
        let count = fixed.count { present.contains($0) }
        let kept = commit.settles.filter(\.wasKept).map(\.name).filter { books[$0]?.isPersistent == true }
        let keptCount = kept.count { present.contains($0) }
        if count > 0, count < fixed.count {
            report.violation("\(count) of \(fixed.count) messages of transaction \(number) are there")
        }
        let isDone = fixed.isEmpty ? keptCount == 0 : count > 0
        if isDone ? keptCount > 0 : keptCount < kept.count {
            report.violation(
                "transaction \(number) is \(isDone ? "" : "not ")done, \(keptCount) of \(kept.count) are held")
        }
    }

    private func settle(_ books: inout BrokerBooks, _ present: Set<CopyName>, _ queues: Queues) {
        for home in Home.allCases {
            let redelivered = Set(
                (queues.messages[home.queue.description] ?? []).filter(\.isRedelivered).map(\.number))
            for (number, copy) in books.copies[home.rawValue] {
                let name = CopyName(home: home, number: number)
                var copy = copy
                let isPresent = present.contains(name)
                if !isPresent, copy.state == .kept, copy.isPersistent {
                    report.violation("\(name) was confirmed and is lost")
                }
                copy.state = isPresent ? .kept : .gone
                copy.wasDelivered = redelivered.contains(number)
                books[name] = copy
            }
        }
        books.commits = [:]
    }
}
