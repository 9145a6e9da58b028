// What a queue does, said as simply as can be: a sorted array, consumers that are counted, and rules that are applied one
// after the other. It knows nothing of rings, circles or turns. QueueModelTests.swift compares the broker with it.

/// What kind of queue is modelled.
struct QueueModelRules: CustomStringConvertible {
    var isQuorum = false
    var priorityMax = 0
    var isSingleActive = false
    var lengthMax: Int?
    var rejectsPublishes = false
    var timeToLive: Int64?
    var deliveryLimit: Int?

    var description: String {
        "quorum \(isQuorum) priorities \(priorityMax) single \(isSingleActive) length \(lengthMax.map(String.init) ?? "-") "
            + "rejects \(rejectsPublishes) ttl \(timeToLive.map(String.init) ?? "-") "
            + "limit \(deliveryLimit.map(String.init) ?? "-")"
    }
}

/// A message that became a dead letter.
struct DeadLetter: Hashable, Comparable {
    let body: Int
    let reason: String

    static func < (left: DeadLetter, right: DeadLetter) -> Bool { left.body < right.body }
}

struct QueueModel {
    struct Entry: Equatable {
        /// Bodies are numbers in order of publishing, so they are positions as well.
        let body: Int
        let priority: Int
        let expiresAt: Int64?
        var wasDelivered = false
        var returns = 0
    }

    struct Reader {
        let client: Int
        let priority: Int
        /// 0: no limit.
        let prefetch: Int
        let noAck: Bool
        /// Bodies that count against the prefetch.
        var holds: Set<Int> = []

        var capacity: Int { noAck || prefetch == 0 ? Int.max : max(0, prefetch - holds.count) }
    }

    let rules: QueueModelRules
    private(set) var ready: [Entry] = []
    /// By body: what clients hold, and who.
    private(set) var held: [Int: (entry: Entry, client: Int)] = [:]
    /// In order of arrival.
    private(set) var readers: [Reader] = []
    /// Since the last look.
    var deadLetters: [DeadLetter] = []

    init(rules: QueueModelRules) { self.rules = rules }

    private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        left.priority == right.priority ? left.body < right.body : left.priority > right.priority
    }

    private mutating func insert(_ entry: Entry) {
        ready.insert(entry, at: ready.firstIndex { Self.isBefore(entry, $0) } ?? ready.count)
    }

    private mutating func bury(_ entry: Entry, _ reason: String) {
        deadLetters.append(DeadLetter(body: entry.body, reason: reason))
    }

    private mutating func keepLength() {
        guard let limit = rules.lengthMax, !rules.rejectsPublishes else { return }
        while ready.count > limit { bury(ready.removeFirst(), "maxlen") }
    }

    /// False: refused.
    mutating func publish(_ body: Int, priority: Int, at now: Int64) -> Bool {
        if rules.rejectsPublishes, let limit = rules.lengthMax, ready.count >= limit { return false }
        insert(
            Entry(body: body, priority: min(priority, rules.priorityMax), expiresAt: rules.timeToLive.map { now + $0 }))
        return true
    }

    mutating func consume(_ reader: Reader) { readers.append(reader) }

    mutating func cancel(client: Int) { readers.removeAll { $0.client == client } }

    mutating func settle(_ body: Int, isDead: Bool) {
        guard let entry = release(body) else { return }
        if isDead { bury(entry, "rejected") }
    }

    mutating func giveBack(_ bodies: some Sequence<Int>) {
        for body in bodies {
            guard var entry = release(body) else { continue }
            entry.returns += 1
            if let limit = rules.deliveryLimit, entry.returns > limit {
                bury(entry, "delivery_limit")
            } else {
                insert(entry)
            }
        }
    }

    private mutating func release(_ body: Int) -> Entry? {
        for index in readers.indices { readers[index].holds.remove(body) }
        return held.removeValue(forKey: body)?.entry
    }

    mutating func purge() { ready = [] }

    mutating func expire(at now: Int64) {
        for entry in ready where entry.expiresAt.map({ $0 <= now }) ?? false { bury(entry, "expired") }
        ready.removeAll { $0.expiresAt.map { $0 <= now } ?? false }
    }

    /// Who may be served now, in groups of equal priority, highest first.
    var eligible: [[Int]] {
        if rules.isSingleActive { return readers.isEmpty ? [] : [[0]] }
        let priorities = Set(readers.map(\.priority)).sorted(by: >)
        return priorities.map { priority in readers.indices.filter { readers[$0].priority == priority } }
    }

    var waitingCapacity: Int {
        eligible.joined().reduce(0) { sum, index in
            let (total, isOver) = sum.addingReportingOverflow(readers[index].capacity)
            return isOver ? Int.max : total
        }
    }

    /// Takes the head for a get.
    mutating func get(client: Int, noAck: Bool) -> Entry? {
        guard !ready.isEmpty else { return nil }
        let entry = ready.removeFirst()
        hold(entry, client: client, noAck: noAck)
        return entry
    }

    private mutating func hold(_ entry: Entry, client: Int, noAck: Bool) {
        guard !noAck else { return }
        var entry = entry
        entry.wasDelivered = true
        held[entry.body] = (entry, client)
    }

    /// Accepts what the broker has delivered to each client, in order; says what is wrong with it, nil if nothing is.
    mutating func accept(_ deliveries: [Int: [(body: Int, redelivered: Bool)]]) -> String? {
        let count = min(ready.count, waitingCapacity)
        let expected = ready.prefix(count)
        let given = deliveries.values.joined().map(\.body)
        guard Set(given) == Set(expected.map(\.body)), given.count == count else {
            return "delivered \(given.sorted()), not \(expected.map(\.body).sorted())"
        }
        var places: [Int: Int] = [:]
        for (place, entry) in expected.enumerated() { places[entry.body] = place }
        for (client, list) in deliveries where !list.isEmpty {
            let order = list.map { places[$0.body]! }
            guard order == order.sorted() else { return "client \(client) got \(list.map(\.body)) out of order" }
            for one in list where one.redelivered != expected[places[one.body]!].wasDelivered {
                return "message \(one.body) is flagged \(one.redelivered)"
            }
        }
        if let fault = divisionFault(deliveries.mapValues(\.count)) { return fault }
        for index in readers.indices {
            for one in deliveries[readers[index].client] ?? [] {
                let entry = expected[places[one.body]!]
                hold(entry, client: readers[index].client, noAck: readers[index].noAck)
                if !readers[index].noAck { readers[index].holds.insert(entry.body) }
            }
        }
        ready.removeFirst(count)
        // What somebody can take at once never counts as waiting.
        keepLength()
        return nil
    }

    /// Consumers of lower priority get something only when those of higher priority are full; equals get equally much, as
    /// far as they can take it.
    private func divisionFault(_ counts: [Int: Int]) -> String? {
        var isFull = true
        var served: Set<Int> = []
        for group in eligible {
            let members = group.map { (reader: readers[$0], count: counts[readers[$0].client] ?? 0) }
            served.formUnion(members.map(\.reader.client))
            if !isFull, members.contains(where: { $0.count > 0 }) {
                return "priority \(members[0].reader.priority) was served before a higher one was full"
            }
            if let over = members.first(where: { $0.count > $0.reader.capacity }) {
                return "client \(over.reader.client) got \(over.count) beyond its prefetch"
            }
            let room = members.filter { $0.count < $0.reader.capacity }
            if let least = room.map(\.count).min(), let most = members.map(\.count).max(), most > least + 1 {
                return "unequal shares \(members.map(\.count))"
            }
            isFull = isFull && room.isEmpty
        }
        if let other = counts.first(where: { $0.value > 0 && !served.contains($0.key) }) {
            return "client \(other.key) is not to be served"
        }
        return nil
    }
}
