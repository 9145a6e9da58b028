// Books on messages in queues that several clients share. A message has a number; each queue it goes to has a copy.
// Queues with dead letters count together with the queue those go to: a copy is in exactly one of the two.
// Next: BrokerClients.swift (who fill them), Inspection.swift (who compares).

import Engine
import Wire

/// A queue of the workload, with its dead letters.
enum Home: Int, CaseIterable {
    case work, audit, levels, shortLived, quorum, limited, delayed, stream

    var queue: StaticString {
        switch self {
        case .work: "work"
        case .audit: "audit"
        case .levels: "levels"
        case .shortLived: "short-lived"
        case .quorum: "quorum"
        case .limited: "limited"
        case .delayed: "delayed"
        case .stream: "stream"
        }
    }

    var deadQueue: StaticString? {
        switch self {
        case .work, .audit, .levels, .delayed, .stream: nil
        case .shortLived: "short-lived.dead"
        case .quorum: "quorum.dead"
        case .limited: "limited.dead"
        }
    }

    var arguments: FieldTable {
        var table = FieldTable()
        switch self {
        case .work, .audit, .delayed: break
        case .levels: table["x-max-priority"] = 3
        case .shortLived: table["x-message-ttl"] = 25
        case .quorum:
            table["x-queue-type"] = "quorum"
            table["x-delivery-limit"] = 3
        case .limited: table["x-max-length"] = 6
        case .stream: table["x-queue-type"] = "stream"
        }
        if let deadQueue {
            table["x-dead-letter-exchange"] = ""
            table["x-dead-letter-routing-key"] = .string(deadQueue.description)
        }
        return table
    }

    /// By the name of the queue or of that with its dead letters.
    static func of(_ name: String) -> (home: Home, isDead: Bool)? {
        for home in allCases {
            if home.queue.description == name { return (home, false) }
            if home.deadQueue?.description == name { return (home, true) }
        }
        return nil
    }
}

/// An address and the queues it leads to. Messages to `later` are delayed by up to `delayMillisecondsMax`.
struct Address {
    let exchange: StaticString
    let key: StaticString
    let homes: [Home]

    static let delayMillisecondsMax = 40
    /// A stream only grows: no more messages than can be looked at.
    static let streamedMax = 150

    static let all: [Address] = [
        Address(exchange: "jobs", key: "work", homes: [.work]),
        Address(exchange: "jobs", key: "levels", homes: [.levels]),
        Address(exchange: "jobs", key: "short-lived", homes: [.shortLived]),
        Address(exchange: "jobs", key: "quorum", homes: [.quorum]),
        Address(exchange: "jobs", key: "limited", homes: [.limited]),
        Address(exchange: "", key: "work", homes: [.work]),
        Address(exchange: "events", key: "a.work", homes: [.work, .audit]),
        Address(exchange: "events", key: "b.levels", homes: [.levels, .audit]),
        Address(exchange: "events", key: "c.d", homes: [.audit]),
        Address(exchange: "later", key: "delayed", homes: [.delayed]),
        Address(exchange: "jobs", key: "stream", homes: [.stream]),
        Address(exchange: "events", key: "e.stream", homes: [.stream, .audit]),
    ]

    /// Source, queue, key.
    static let bindings: [(StaticString, StaticString, StaticString)] = [
        ("jobs", "work", "work"), ("jobs", "levels", "levels"), ("jobs", "short-lived", "short-lived"),
        ("jobs", "quorum", "quorum"), ("jobs", "limited", "limited"), ("events", "work", "*.work"),
        ("events", "levels", "*.levels"), ("events", "audit", "#"),
        ("later", "delayed", "delayed"), ("jobs", "stream", "stream"), ("events", "stream", "*.stream"),
    ]
}

/// One message in one queue.
struct Copy {
    enum State {
        /// Sent: may be there.
        case sent
        /// Confirmed, or found after a restart: must be there.
        case kept
        /// Somebody has acknowledged it: may be there.
        case leaving
        /// Its acknowledgement is durable: must not be there.
        case gone
    }

    let publisher: Int
    let level: Int
    let isPersistent: Bool
    var state = State.sent
    /// It is on disk that it was handed out: must come back as redelivered.
    var wasDelivered = false
    /// In a stream, where it was found after a restart: it stays there.
    var offset: Int?
}

struct CopyName: Hashable {
    let home: Home
    let number: Int
}

/// A transaction whose commit was sent and not answered.
struct OpenCommit {
    var publishes: [CopyName] = []
    /// And whether they had to be there before.
    var settles: [(name: CopyName, wasKept: Bool)] = []
}

struct BrokerBooks {
    var copies: [[Int: Copy]] = Array(repeating: [:], count: Home.allCases.count)
    var commits: [Int: OpenCommit] = [:]
    /// All declarations and bindings have been answered.
    var isSetUp = false
    var nextNumber = 1
    var nextCommit = 1

    subscript(name: CopyName) -> Copy? {
        get { copies[name.home.rawValue][name.number] }
        set { copies[name.home.rawValue][name.number] = newValue }
    }

    func pickAddress(_ random: inout RandomSource) -> Address {
        let address = random.pick(Address.all)
        let isFull = copies[Home.stream.rawValue].count >= Address.streamedMax
        return isFull && address.homes.contains(.stream) ? Address.all[0] : address
    }

    mutating func takeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }

    /// A body that says which message it is, and whether it is whole.
    static func body(_ number: Int, bytes: Int) -> [UInt8] {
        var body = Array("\(number) ".utf8)
        body.append(contentsOf: repeatElement(UInt8(truncatingIfNeeded: number), count: bytes))
        return body
    }

    /// The number; nil when the body is not whole.
    static func number(_ body: [UInt8]) -> Int? {
        guard let end = body.firstIndex(of: 0x20), end > 0, end < 10,
            let number = Int(String(decoding: body[..<end], as: UTF8.self)),
            body[(end + 1)...].allSatisfy({ $0 == UInt8(truncatingIfNeeded: number) })
        else { return nil }
        return number
    }
}
