// Union, intersection and difference of sorted sets and sets, whose members count with score 1.
// Loop thread only. Next: SetAlgebraCommands.swift (without scores), SortedSetRangeCommands.swift.

import Wire

extension RESPCommand {
    static let sortedSetAlgebraCommands: [RESPCommand] = [
        zunion, zunionstore, zinter, zinterstore, zintercard, zdiff, zdiffstore,
    ]

    /// `ZUNION keys key … [WEIGHTS weight …] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]` → array.
    static let zunion = RESPCommand(
        "ZUNION", .atLeast(3), [.readonly], keys: .counted(at: 1), group: .sortedSet, since: "6.2.0",
        summary: "Returns the members that any of the sorted sets has.",
        complexity: "O(N+M·log(M)) for N members of all sets, M of the result."
    ) { call throws(CommandError) in try call.combine(.union, stores: false) }

    static let zunionstore = RESPCommand(
        "ZUNIONSTORE", .atLeast(4), [.write, .denyOOM], keys: .counted(at: 2, destination: 1), group: .sortedSet,
        since: "2.0.0", summary: "Stores the members that any of the sorted sets has.",
        complexity: "O(N+M·log(M)) for N members of all sets, M of the result."
    ) { call throws(CommandError) in try call.combine(.union, stores: true) }

    static let zinter = RESPCommand(
        "ZINTER", .atLeast(3), [.readonly], keys: .counted(at: 1), group: .sortedSet, since: "6.2.0",
        summary: "Returns the members that all sorted sets have.",
        complexity: "O(N·K+M·log(M)) for K sets, the smallest of N members, M of the result."
    ) { call throws(CommandError) in try call.combine(.intersection, stores: false) }

    static let zinterstore = RESPCommand(
        "ZINTERSTORE", .atLeast(4), [.write, .denyOOM], keys: .counted(at: 2, destination: 1), group: .sortedSet,
        since: "2.0.0", summary: "Stores the members that all sorted sets have.",
        complexity: "O(N·K+M·log(M)) for K sets, the smallest of N members, M of the result."
    ) { call throws(CommandError) in try call.combine(.intersection, stores: true) }

    /// `ZINTERCARD keys key … [LIMIT limit]` → number of members, at most the limit.
    static let zintercard = RESPCommand(
        "ZINTERCARD", .atLeast(3), [.readonly], keys: .counted(at: 1), group: .sortedSet, since: "7.0.0",
        summary: "Returns how many members all sorted sets have.",
        complexity: "O(N·K) for K sets, the smallest of N members."
    ) { call throws(CommandError) in
        let request = try SortedSetAlgebra(call, .intersection, numberOfKeysAt: 1, stores: false, counts: true)
        call.reply.integer(request.evaluate().count)
    }

    static let zdiff = RESPCommand(
        "ZDIFF", .atLeast(3), [.readonly], keys: .counted(at: 1), group: .sortedSet, since: "6.2.0",
        summary: "Returns the members of the first sorted set that no other has.",
        complexity: "O(L+N·log(N)) for L members of all sets, N of the first."
    ) { call throws(CommandError) in try call.combine(.difference, stores: false) }

    static let zdiffstore = RESPCommand(
        "ZDIFFSTORE", .atLeast(4), [.write, .denyOOM], keys: .counted(at: 2, destination: 1), group: .sortedSet,
        since: "6.2.0", summary: "Stores the members of the first sorted set that no other has.",
        complexity: "O(L+N·log(N)) for L members of all sets, N of the first."
    ) { call throws(CommandError) in try call.combine(.difference, stores: true) }
}

/// A union, intersection or difference with its options, checked.
struct SortedSetAlgebra {
    enum Operation {
        case union, intersection, difference
    }

    private enum Aggregate {
        case sum, min, max

        func combine(_ left: Double, _ right: Double) -> Double {
            switch self {
            case .sum:
                // Infinities of both signs: 0, not NaN.
                let sum = left + right
                return sum.isNaN ? 0 : sum
            case .min: return right < left ? right : left
            case .max: return right > left ? right : left
            }
        }
    }

    /// A set or sorted set with its weight; `nil` value where there is no key.
    private struct Source {
        enum Members {
            case none
            case set(SetValue)
            case sortedSet(SortedSetValue)
        }

        var members: Members
        var weight = 1.0

        var count: Int {
            switch members {
            case .none: 0
            case .set(let set): set.count
            case .sortedSet(let set): set.count
            }
        }

        private func weighted(_ score: Double) -> Double {
            let product = weight * score
            return product.isNaN ? 0 : product
        }

        /// Score times weight as it comes, NaN included: what that does to a sum is the aggregate's affair.
        func score(of member: ByteSlice) -> Double? {
            switch members {
            case .none: nil
            case .set(let set): set.contains(member) ? weight : nil
            case .sortedSet(let set): set.score(of: member).map { $0 * weight }
            }
        }

        func forEach(_ body: (ByteSlice, Double) -> Bool) {
            switch members {
            case .none: break
            case .set(let set): set.forEach { body($0, weighted(1)) }
            case .sortedSet(let set): set.forEach { body($0, weighted($1)) }
            }
        }
    }

    private let operation: Operation
    private var sources: [Source] = []
    private var aggregate = Aggregate.sum
    private(set) var withScores = false
    private var limit = Int.max

    init(
        _ call: CommandCall, _ operation: Operation, numberOfKeysAt index: Int, stores: Bool, counts: Bool = false
    ) throws(CommandError) {
        self.operation = operation
        let keyCount = try call.integer(index)
        guard keyCount >= 1 else {
            throw .message("ERR at least 1 input key is needed for '\(call.commandName)' command")
        }
        guard keyCount <= Int64(call.count - index - 1) else { throw .syntax }
        let end = index + 1 + Int(keyCount)
        for word in (index + 1)..<end {
            switch call.keys.kind(of: call[word]) {
            case nil: sources.append(Source(members: .none))
            case .set: sources.append(Source(members: .set(try call.keys.read(call[word], as: SetValue.self)!)))
            default:
                let set = try call.keys.read(call[word], as: SortedSetValue.self)!
                sources.append(Source(members: .sortedSet(set)))
            }
        }
        var word = end
        while word < call.count {
            if operation != .difference, !counts, call.word(word, is: "weights"), call.count - word > sources.count {
                for source in sources.indices {
                    guard let weight = DoubleText.parse(call[word + 1 + source]) else {
                        throw .text("ERR weight value is not a float")
                    }
                    sources[source].weight = weight
                }
                word += 1 + sources.count
            } else if operation != .difference, !counts, call.word(word, is: "aggregate"), word + 1 < call.count {
                if call.word(word + 1, is: "sum") {
                    aggregate = .sum
                } else if call.word(word + 1, is: "min") {
                    aggregate = .min
                } else if call.word(word + 1, is: "max") {
                    aggregate = .max
                } else {
                    throw .syntax
                }
                word += 2
            } else if !stores, !counts, call.word(word, is: "withscores") {
                withScores = true
                word += 1
            } else if counts, call.word(word, is: "limit"), word + 1 < call.count {
                guard let value = RESPNumber.integer(call[word + 1]), value >= 0 else {
                    throw .text("ERR LIMIT can't be negative")
                }
                limit = value == 0 ? Int.max : Int(clamping: value)
                word += 2
            } else {
                throw .syntax
            }
        }
    }

    func evaluate() -> SortedSetValue {
        let result = SortedSetValue()
        switch operation {
        case .union:
            // Smallest first, as sums of floating point depend on their order.
            for source in sources.sorted(by: { $0.count < $1.count }) {
                source.forEach { member, score in
                    result.update(member) { old in old.map { aggregate.combine($0, score) } ?? score }
                    return true
                }
            }
        case .intersection:
            let ordered = sources.sorted { $0.count < $1.count }
            ordered[0].forEach { member, score in
                var total = score
                for source in ordered.dropFirst() {
                    guard let other = source.score(of: member) else { return true }
                    total = aggregate.combine(total, other)
                }
                result.set(member, to: total)
                return result.count < limit
            }
        case .difference:
            sources[0].forEach { member, score in
                if !sources.dropFirst().contains(where: { $0.score(of: member) != nil }) {
                    result.set(member, to: score)
                }
                return true
            }
        }
        return result
    }
}

extension CommandCall {
    fileprivate func combine(_ operation: SortedSetAlgebra.Operation, stores: Bool) throws(CommandError) {
        let request = try SortedSetAlgebra(self, operation, numberOfKeysAt: stores ? 2 : 1, stores: stores)
        let result = request.evaluate()
        if stores {
            switch operation {
            case .union: storeSortedSet(result, "zunionstore")
            case .intersection: storeSortedSet(result, "zinterstore")
            case .difference: storeSortedSet(result, "zdiffstore")
            }
            return
        }
        let form = ScoreForm(withScores: request.withScores)
        form.begin(reply, result.count)
        result.forEach { form.write(reply, $0, $1) }
    }
}
