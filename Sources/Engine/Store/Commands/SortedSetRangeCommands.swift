// Ranges of sorted sets by rank, score and member: reading, counting, storing, removing.
// One request type stands for all the commands that grew over the years; each is a fixed choice of it.
// Loop thread only. Next: SortedSetCommands.swift, Types/SortedSetBounds.swift.

import Wire

extension RESPCommand {
    static let sortedSetRangeCommands: [RESPCommand] = [
        zrange, zrangestore, zrevrange, zrangebyscore, zrevrangebyscore, zrangebylex, zrevrangebylex, zcount,
        zlexcount, zremrangebyrank, zremrangebyscore, zremrangebylex,
    ]

    /// `ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]` → array.
    static let zrange = RESPCommand(
        "ZRANGE", .atLeast(4), [.readonly], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Returns members in a range of ranks, scores or names.",
        complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in try call.replyRange(SortedSetRangeRequest(call, keyAt: 1)) }

    /// `ZRANGESTORE destination source start stop …` → number of stored members.
    static let zrangestore = RESPCommand(
        "ZRANGESTORE", .atLeast(5), [.write, .denyOOM], keys: .range(first: 1, last: 2, step: 1),
        group: .sortedSet, since: "6.2.0", summary: "Stores members in a range of ranks, scores or names.",
        complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        let request = try SortedSetRangeRequest(call, keyAt: 2, stores: true)
        let result = SortedSetValue()
        if let set = try call.keys.read(call[2], as: SortedSetValue.self) {
            set.forEach(request.ranks(in: set), backwards: request.backwards) {
                result.set($0, to: $1)
                return true
            }
        }
        call.storeSortedSet(result, "zrangestore")
    }

    static let zrevrange = RESPCommand(
        "ZREVRANGE", .atLeast(4), [.readonly], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Returns members in a range of ranks, highest score first.",
        complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        try call.replyRange(SortedSetRangeRequest(call, keyAt: 1, kind: .rank, backwards: true))
    }

    static let zrangebyscore = RESPCommand(
        "ZRANGEBYSCORE", .atLeast(4), [.readonly], keys: .first, group: .sortedSet, since: "1.0.5",
        summary: "Returns members in a range of scores.", complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        try call.replyRange(SortedSetRangeRequest(call, keyAt: 1, kind: .score, backwards: false))
    }

    static let zrevrangebyscore = RESPCommand(
        "ZREVRANGEBYSCORE", .atLeast(4), [.readonly], keys: .first, group: .sortedSet, since: "2.2.0",
        summary: "Returns members in a range of scores, highest first.",
        complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        try call.replyRange(SortedSetRangeRequest(call, keyAt: 1, kind: .score, backwards: true))
    }

    static let zrangebylex = RESPCommand(
        "ZRANGEBYLEX", .atLeast(4), [.readonly], keys: .first, group: .sortedSet, since: "2.8.9",
        summary: "Returns members in a range of names.", complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        try call.replyRange(SortedSetRangeRequest(call, keyAt: 1, kind: .member, backwards: false))
    }

    static let zrevrangebylex = RESPCommand(
        "ZREVRANGEBYLEX", .atLeast(4), [.readonly], keys: .first, group: .sortedSet, since: "2.8.9",
        summary: "Returns members in a range of names, last first.",
        complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        try call.replyRange(SortedSetRangeRequest(call, keyAt: 1, kind: .member, backwards: true))
    }

    // MARK: Counting

    static let zcount = RESPCommand(
        "ZCOUNT", .exactly(4), [.readonly, .fast], keys: .first, group: .sortedSet, since: "2.0.0",
        summary: "Returns how many members have scores in a range.", complexity: "O(log(N))"
    ) { call throws(CommandError) in
        let range = try call.scoreRange(2, 3)
        call.reply.integer(try call.keys.read(call[1], as: SortedSetValue.self)?.ranks(range).count ?? 0)
    }

    static let zlexcount = RESPCommand(
        "ZLEXCOUNT", .exactly(4), [.readonly, .fast], keys: .first, group: .sortedSet, since: "2.8.9",
        summary: "Returns how many members have names in a range.", complexity: "O(log(N))"
    ) { call throws(CommandError) in
        let range = try call.memberRange(2, 3)
        call.reply.integer(try call.keys.read(call[1], as: SortedSetValue.self)?.ranks(range).count ?? 0)
    }

    // MARK: Removing

    static let zremrangebyrank = RESPCommand(
        "ZREMRANGEBYRANK", .exactly(4), [.write], keys: .first, group: .sortedSet, since: "2.0.0",
        summary: "Removes members in a range of ranks.", complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        let start = try call.integer(2)
        let stop = try call.integer(3)
        try call.removeRange("zremrangebyrank") { IndexRange.clamp(start, stop, count: $0.count) }
    }

    static let zremrangebyscore = RESPCommand(
        "ZREMRANGEBYSCORE", .exactly(4), [.write], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Removes members in a range of scores.", complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        let range = try call.scoreRange(2, 3)
        try call.removeRange("zremrangebyscore") { $0.ranks(range) }
    }

    static let zremrangebylex = RESPCommand(
        "ZREMRANGEBYLEX", .exactly(4), [.write], keys: .first, group: .sortedSet, since: "2.8.9",
        summary: "Removes members in a range of names.", complexity: "O(log(N)+M) for M of N members."
    ) { call throws(CommandError) in
        let range = try call.memberRange(2, 3)
        try call.removeRange("zremrangebylex") { $0.ranks(range) }
    }
}

/// A range of a sorted set with its options, checked.
struct SortedSetRangeRequest {
    enum Kind {
        case rank, score, member
    }

    private enum Bounds {
        case ranks(start: Int64, stop: Int64)
        case scores(ScoreRange)
        case members(MemberRange)
    }

    private let bounds: Bounds
    private(set) var backwards: Bool
    private(set) var withScores = false
    private var offset: Int64 = 0
    private var limit: Int64 = -1

    /// `key start stop` stand from word `keyAt` on, then the options. Without `kind` and `backwards` they may be
    /// chosen by option (ZRANGE); with them they may not.
    init(
        _ call: CommandCall, keyAt: Int, kind fixedKind: Kind? = nil, backwards fixedBackwards: Bool? = nil,
        stores: Bool = false
    ) throws(CommandError) {
        var chosenKind: Kind?
        var isReversed = false
        var word = keyAt + 3
        while word < call.count {
            if !stores, call.word(word, is: "withscores") {
                withScores = true
            } else if call.word(word, is: "limit"), word + 2 < call.count {
                offset = try call.integer(word + 1)
                limit = try call.integer(word + 2)
                word += 2
            } else if fixedBackwards == nil, call.word(word, is: "rev") {
                isReversed = true
            } else if fixedKind == nil, call.word(word, is: "bylex") {
                chosenKind = .member
            } else if fixedKind == nil, call.word(word, is: "byscore") {
                chosenKind = .score
            } else {
                throw .syntax
            }
            word += 1
        }
        let kind = fixedKind ?? chosenKind ?? .rank
        backwards = fixedBackwards ?? isReversed
        // A limit of -1 is none, as far as Redis is concerned.
        if limit != -1, kind == .rank {
            throw .text("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
        }
        if withScores, kind == .member {
            throw .text("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
        }
        let low = backwards && kind != .rank ? keyAt + 2 : keyAt + 1
        let high = backwards && kind != .rank ? keyAt + 1 : keyAt + 2
        switch kind {
        case .rank: bounds = .ranks(start: try call.integer(low), stop: try call.integer(high))
        case .score: bounds = .scores(try call.scoreRange(low, high))
        case .member: bounds = .members(try call.memberRange(low, high))
        }
    }

    /// Ranks, counted from the lowest score, of the members asked for.
    func ranks(in set: SortedSetValue) -> Range<Int> {
        let found: Range<Int>
        switch bounds {
        case .ranks(let start, let stop):
            let range = IndexRange.clamp(start, stop, count: set.count)
            return backwards ? (set.count - range.upperBound)..<(set.count - range.lowerBound) : range
        case .scores(let range): found = set.ranks(range)
        case .members(let range): found = set.ranks(range)
        }
        // A negative offset passes everything over, a negative limit is none.
        guard offset >= 0, offset < Int64(found.count) else { return 0..<0 }
        let length = min(found.count - Int(offset), limit < 0 ? Int.max : Int(clamping: limit))
        return backwards
            ? (found.upperBound - Int(offset) - length)..<(found.upperBound - Int(offset))
            : (found.lowerBound + Int(offset))..<(found.lowerBound + Int(offset) + length)
    }
}

extension CommandCall {
    fileprivate func scoreRange(_ low: Int, _ high: Int) throws(CommandError) -> ScoreRange {
        guard let min = DoubleText.parseBound(self[low]), let max = DoubleText.parseBound(self[high]) else {
            throw .text("ERR min or max is not a float")
        }
        return ScoreRange(
            min: min.value, max: max.value, excludesMin: min.isExcluded, excludesMax: max.isExcluded)
    }

    fileprivate func memberRange(_ low: Int, _ high: Int) throws(CommandError) -> MemberRange {
        guard let min = MemberBound(self[low]), let max = MemberBound(self[high]) else {
            throw .text("ERR min or max not valid string range item")
        }
        return MemberRange(min: min, max: max)
    }

    fileprivate func replyRange(_ request: SortedSetRangeRequest) throws(CommandError) {
        guard let set = try keys.read(self[1], as: SortedSetValue.self) else { return reply.array(0) }
        let ranks = request.ranks(in: set)
        let form = ScoreForm(withScores: request.withScores)
        form.begin(reply, ranks.count)
        set.forEach(ranks, backwards: request.backwards) { form.write(reply, $0, $1) }
    }

    fileprivate func removeRange(
        _ event: StaticString, _ find: (SortedSetValue) -> Range<Int>
    ) throws(CommandError) {
        guard let set = try keys.write(self[1], as: SortedSetValue.self) else { return reply.integer(0) }
        let ranks = find(set)
        reply.integer(ranks.count)
        guard !ranks.isEmpty else { return }
        set.remove(ranks: ranks)
        keys.modified(self[1], .sortedSet, event)
        keys.removeIfEmpty(self[1], set)
    }

    /// Stores `set` at word 1, or removes what is there when it is empty; replies with its size.
    func storeSortedSet(_ set: SortedSetValue, _ event: StaticString) {
        reply.integer(set.count)
        if !set.isEmpty {
            keys.set(self[1], set)
            keys.modified(self[1], .sortedSet, event)
        } else if keys.remove(self[1]) {
            keys.modified(self[1], .generic, "del")
        }
    }
}
