// Commands on members of single sorted sets: adding, scores, ranks, removing.
// Loop thread only. Next: SortedSetRangeCommands.swift, SortedSetPopCommands.swift, Types/SortedSetValue.swift.

import Wire

extension RESPCommand {
    static let sortedSetCommands: [RESPCommand] = [
        zadd, zincrby, zscore, zmscore, zcard, zrank, zrevrank, zrem, zrandmember, zscan,
    ]

    /// `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member …` → number of new members (CH: of changed ones), or
    /// the new score with INCR. O(log(members)) for each.
    static let zadd = RESPCommand(
        "ZADD", .atLeast(4), [.write, .denyOOM, .fast], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Adds members to a sorted set or changes their scores.",
        complexity: "O(log(N)) for each member, N being the size of the set."
    ) { call throws(CommandError) in
        var options = SortedSetAddition()
        var word = 2
        while word < call.count, options.take(call[word]) { word += 1 }
        let words = call.count - word
        guard words > 0, words % 2 == 0 else { throw .syntax }
        if options.onlyNew, options.onlyExisting {
            throw .text("ERR XX and NX options at the same time are not compatible")
        }
        if options.onlyNew && (options.onlyGreater || options.onlyLess) || options.onlyGreater && options.onlyLess {
            throw .text("ERR GT, LT, and/or NX options at the same time are not compatible")
        }
        if options.increments, words > 2 {
            throw .text("ERR INCR option supports a single increment-element pair")
        }
        try call.addMembers(from: word, options)
    }

    static let zincrby = RESPCommand(
        "ZINCRBY", .exactly(4), [.write, .denyOOM, .fast], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Adds to the score of a member of a sorted set.",
        complexity: "O(log(N)) for N members of the set."
    ) { call throws(CommandError) in
        try call.addMembers(from: 2, SortedSetAddition(increments: true))
    }

    // MARK: Reading

    static let zscore = RESPCommand(
        "ZSCORE", .exactly(3), [.readonly, .fast], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Returns the score of a member of a sorted set."
    ) { call throws(CommandError) in
        guard let score = try call.keys.read(call[1], as: SortedSetValue.self)?.score(of: call[2]) else {
            return call.reply.null()
        }
        call.reply.double(score)
    }

    static let zmscore = RESPCommand(
        "ZMSCORE", .atLeast(3), [.readonly, .fast], keys: .first, group: .sortedSet, since: "6.2.0",
        summary: "Returns the scores of members of a sorted set.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        let set = try call.keys.read(call[1], as: SortedSetValue.self)
        call.reply.array(call.count - 2)
        for index in 2..<call.count {
            if let score = set?.score(of: call[index]) { call.reply.double(score) } else { call.reply.null() }
        }
    }

    static let zcard = RESPCommand(
        "ZCARD", .exactly(2), [.readonly, .fast], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Returns the number of members of a sorted set."
    ) { call throws(CommandError) in
        call.reply.integer(try call.keys.read(call[1], as: SortedSetValue.self)?.count ?? 0)
    }

    /// `ZRANK key member [WITHSCORE]` → rank, or array of rank and score; null without the member.
    static let zrank = RESPCommand(
        "ZRANK", .atLeast(3), [.readonly, .fast], keys: .first, group: .sortedSet, since: "2.0.0",
        summary: "Returns the rank of a member of a sorted set, lowest score first.", complexity: "O(log(N))"
    ) { call throws(CommandError) in try call.rank(backwards: false) }

    static let zrevrank = RESPCommand(
        "ZREVRANK", .atLeast(3), [.readonly, .fast], keys: .first, group: .sortedSet, since: "2.0.0",
        summary: "Returns the rank of a member of a sorted set, highest score first.", complexity: "O(log(N))"
    ) { call throws(CommandError) in try call.rank(backwards: true) }

    /// `ZRANDMEMBER key [count [WITHSCORES]]` → member, or array. A negative count may repeat members.
    static let zrandmember = RESPCommand(
        "ZRANDMEMBER", .atLeast(2), [.readonly], keys: .first, group: .sortedSet, since: "6.2.0",
        summary: "Returns random members of a sorted set.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        if call.count == 2 {
            guard let set = try call.keys.read(call[1], as: SortedSetValue.self) else { return call.reply.null() }
            let rank = Int.random(in: 0..<set.count, using: &call.store.context.random)
            return set.forEach(rank..<(rank + 1)) { member, _ in
                call.reply.bulk(member)
                return true
            }
        }
        let (wanted, withScores) = try call.randomCount(option: "withscores")
        guard let set = try call.keys.read(call[1], as: SortedSetValue.self) else { return call.reply.array(0) }
        let form = ScoreForm(withScores: withScores)
        if wanted < 0 {
            form.begin(call.reply, -wanted)
            for _ in 0..<(-wanted) where !call.reply.isPointless {
                let rank = Int.random(in: 0..<set.count, using: &call.store.context.random)
                set.forEach(rank..<(rank + 1)) { form.write(call.reply, $0, $1) }
            }
            return
        }
        let chosen = RandomChoice.distinct(wanted, of: set.count, using: &call.store.context.random)
        form.begin(call.reply, chosen.count)
        var index = 0
        set.forEach(0..<chosen.end) { member, score in
            if chosen.contains(index) { _ = form.write(call.reply, member, score) }
            index += 1
            return true
        }
    }

    static let zscan = RESPCommand(
        "ZSCAN", .atLeast(3), [.readonly], keys: .first, group: .sortedSet, since: "2.8.0",
        summary: "Walks over the members and scores of a sorted set, step by step.",
        complexity: "O(1) for each step, O(N) for all."
    ) { call throws(CommandError) in
        let cursor = try ScanOptions.cursor(call[2])
        guard let set = try call.keys.read(call[1], as: SortedSetValue.self) else { return call.replyEmptyScan() }
        try call.scanCollection(from: cursor) { cursor, page in
            set.scan(cursor) { member, score in DoubleText.with(score) { page.add(member, $0) } }
        }
    }

    // MARK: Removing

    static let zrem = RESPCommand(
        "ZREM", .atLeast(3), [.write, .fast], keys: .first, group: .sortedSet, since: "1.2.0",
        summary: "Removes members of a sorted set, and the set with its last member.",
        complexity: "O(M·log(N)) for M of N members."
    ) { call throws(CommandError) in
        guard let set = try call.keys.write(call[1], as: SortedSetValue.self) else { return call.reply.integer(0) }
        var removed = 0
        for index in 2..<call.count where set.remove(call[index]) { removed += 1 }
        call.reply.integer(removed)
        guard removed > 0 else { return }
        call.keys.modified(call[1], .sortedSet, "zrem")
        call.keys.removeIfEmpty(call[1], set)
    }
}

/// What ZADD may do to which members.
struct SortedSetAddition {
    var onlyNew = false
    var onlyExisting = false
    var onlyGreater = false
    var onlyLess = false
    var countsChanged = false
    var increments = false

    /// Takes an option's word; false if it is none.
    fileprivate mutating func take(_ word: ByteSlice) -> Bool {
        if word.equalsIgnoringCase("nx") {
            onlyNew = true
        } else if word.equalsIgnoringCase("xx") {
            onlyExisting = true
        } else if word.equalsIgnoringCase("gt") {
            onlyGreater = true
        } else if word.equalsIgnoringCase("lt") {
            onlyLess = true
        } else if word.equalsIgnoringCase("ch") {
            countsChanged = true
        } else if word.equalsIgnoringCase("incr") {
            increments = true
        } else {
            return false
        }
        return true
    }

    /// The score that a member gets, nil when it stays as it is; NaN when that would be the sum.
    func score(old: Double?, given: Double) -> Double? {
        guard let old else { return onlyExisting ? nil : given }
        if onlyNew { return nil }
        let new = increments ? old + given : given
        if onlyGreater, new <= old { return nil }
        if onlyLess, new >= old { return nil }
        return new
    }
}

/// How members with or without scores are replied: pairs in RESP3, flat in RESP2.
struct ScoreForm {
    var withScores: Bool

    func begin(_ reply: ReplyWriter, _ members: Int) {
        reply.array(withScores && !reply.isRESP3 ? members * 2 : members)
    }

    func write(_ reply: ReplyWriter, _ member: ByteSlice, _ score: Double) -> Bool {
        if withScores, reply.isRESP3 { reply.array(2) }
        reply.bulk(member)
        if withScores { reply.double(score) }
        return true
    }
}

extension CommandCall {
    /// Adds the pairs of score and member from this word on.
    fileprivate func addMembers(from first: Int, _ options: SortedSetAddition) throws(CommandError) {
        var index = first
        while index < count {
            guard DoubleText.parse(self[index]) != nil else { throw .notFloat }
            index += 2
        }
        let existing = try keys.write(self[1], as: SortedSetValue.self)
        if existing == nil, options.onlyExisting {
            return options.increments ? reply.null() : reply.integer(0)
        }
        let set = try keep(existing, at: 1) { SortedSetValue() }
        set.expect(memberCount: (count - first) / 2)
        var added = 0
        var changed = 0
        var isNotNumber = false
        var result: Double?
        index = first
        while index < count {
            // Checked above; reading twice is cheaper than keeping an array for every call.
            let given = DoubleText.parse(self[index]).unsafelyUnwrapped
            set.update(self[index + 1]) { old in
                guard let new = options.score(old: old, given: given) else { return nil }
                if new.isNaN {
                    isNotNumber = true
                    return nil
                }
                result = new
                if old == nil { added += 1 } else if old != new { changed += 1 }
                return new
            }
            index += 2
        }
        if isNotNumber { throw .text("ERR resulting score is not a number (NaN)") }
        if options.increments {
            if let result {
                reply.double(result)
                propagate("ZADD", count: 3) { effect in
                    effect.add(self[1])
                    effect.add(result)
                    effect.add(self[first + 1])
                }
            } else {
                reply.null()
            }
        } else {
            reply.integer(options.countsChanged ? added + changed : added)
        }
        if added + changed > 0 { keys.modified(self[1], .sortedSet, options.increments ? "zincr" : "zadd") }
    }

    fileprivate func rank(backwards: Bool) throws(CommandError) {
        guard count <= 4 else { throw .wrongArity(command: commandName) }
        let withScore = count == 4
        if withScore, !word(3, is: "withscore") { throw .syntax }
        guard let set = try keys.read(self[1], as: SortedSetValue.self), let (rank, score) = set.rank(of: self[2])
        else { return withScore ? reply.nullArray() : reply.null() }
        if withScore { reply.array(2) }
        reply.integer(backwards ? set.count - 1 - rank : rank)
        if withScore { reply.double(score) }
    }
}
