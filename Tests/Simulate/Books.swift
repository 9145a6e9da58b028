// What the clients of a simulated run know: what they sent, what they were told, what must therefore be there after
// a power cut, what may be, and what must not. Values, so that a crash point takes its own copy along.
// Next: BrokerBooks.swift, ScrapBooks.swift, RuleBooks.swift, StoreBooks.swift.

import Engine

/// Everything that is known at one moment of a run.
struct Books {
    var broker = BrokerBooks()
    var scrap = ScrapBooks()
    var rules = RuleBooks()
    var store = StoreBooks()
    /// The wall clock of the last host: the next one's goes on from there.
    var wallMicroseconds: Int64 = 1_700_000_000_000_000
}

/// The books of a run. A crash point may look into them during any change of the disk, so nobody has them for himself
/// while a host has its turn.
final class Ledger {
    var books: Books

    init(_ books: Books = Books()) { self.books = books }
}

/// What was found wrong, and what has been done.
final class Report {
    private(set) var violations: [String] = []
    /// What hosts have complained about, the newest last.
    private(set) var complaints: [String] = []
    var counts = Counts()

    func violation(_ text: String) { violations.append(text) }

    func complaint(_ text: String) {
        complaints.append(text)
        if complaints.count > 20 { complaints.removeFirst() }
    }
}

/// What a run has gone through.
struct Counts {
    var crashPoints = 0
    var recoveries = 0
    var confirmed = 0
    var acknowledged = 0
    var transactions = 0
    var storeWrites = 0
    var checkpoints = 0
    var rewrites = 0
    var removedSegments = 0
    var pagedOut = 0
    var pagedIn = 0
    var faults = 0

    static func += (left: inout Counts, right: Counts) {
        left.crashPoints += right.crashPoints
        left.recoveries += right.recoveries
        left.confirmed += right.confirmed
        left.acknowledged += right.acknowledged
        left.transactions += right.transactions
        left.storeWrites += right.storeWrites
        left.checkpoints += right.checkpoints
        left.rewrites += right.rewrites
        left.removedSegments += right.removedSegments
        left.pagedOut += right.pagedOut
        left.pagedIn += right.pagedIn
        left.faults += right.faults
    }
}

extension RandomSource {
    mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }
    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }
    /// True once in so many times.
    mutating func oneIn(_ times: Int) -> Bool { below(times) == 0 }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
