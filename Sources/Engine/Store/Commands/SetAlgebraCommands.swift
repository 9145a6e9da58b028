// Intersection, union and difference of sets, with and without a destination.
// Loop thread only. Next: SetCommands.swift, SortedSetAlgebraCommands.swift (the same with scores).

import Wire

extension RESPCommand {
    static let setAlgebraCommands: [RESPCommand] = [
        sinter, sinterstore, sintercard, sunion, sunionstore, sdiff, sdiffstore,
    ]

    static let sinter = RESPCommand(
        "SINTER", .atLeast(2), [.readonly], keys: .all, group: .set, since: "1.0.0",
        summary: "Returns the members that all sets have.",
        complexity: "O(N·M) for M sets, the smallest of N members."
    ) { call throws(CommandError) in call.replySet(try call.intersection(1..<call.count)) }

    static let sinterstore = RESPCommand(
        "SINTERSTORE", .atLeast(3), [.write, .denyOOM], keys: .all, group: .set, since: "1.0.0",
        summary: "Stores the members that all sets have.",
        complexity: "O(N·M) for M sets, the smallest of N members."
    ) { call throws(CommandError) in call.storeSet(try call.intersection(2..<call.count), "sinterstore") }

    /// `SINTERCARD keys key … [LIMIT limit]` → number of members, at most the limit.
    static let sintercard = RESPCommand(
        "SINTERCARD", .atLeast(3), [.readonly], keys: .counted(at: 1), group: .set, since: "7.0.0",
        summary: "Returns how many members all sets have.",
        complexity: "O(N·M) for M sets, the smallest of N members."
    ) { call throws(CommandError) in
        let (keys, limit) = try call.keysAndLimit()
        call.reply.integer(try call.intersection(keys, limit: limit).count)
    }

    static let sunion = RESPCommand(
        "SUNION", .atLeast(2), [.readonly], keys: .all, group: .set, since: "1.0.0",
        summary: "Returns the members that any of the sets has.", complexity: "O(N) for N members of all sets."
    ) { call throws(CommandError) in call.replySet(try call.union(1..<call.count)) }

    static let sunionstore = RESPCommand(
        "SUNIONSTORE", .atLeast(3), [.write, .denyOOM], keys: .all, group: .set, since: "1.0.0",
        summary: "Stores the members that any of the sets has.", complexity: "O(N) for N members of all sets."
    ) { call throws(CommandError) in call.storeSet(try call.union(2..<call.count), "sunionstore") }

    static let sdiff = RESPCommand(
        "SDIFF", .atLeast(2), [.readonly], keys: .all, group: .set, since: "1.0.0",
        summary: "Returns the members of the first set that no other set has.",
        complexity: "O(N) for N members of all sets."
    ) { call throws(CommandError) in call.replySet(try call.difference(1..<call.count)) }

    static let sdiffstore = RESPCommand(
        "SDIFFSTORE", .atLeast(3), [.write, .denyOOM], keys: .all, group: .set, since: "1.0.0",
        summary: "Stores the members of the first set that no other set has.",
        complexity: "O(N) for N members of all sets."
    ) { call throws(CommandError) in call.storeSet(try call.difference(2..<call.count), "sdiffstore") }
}

extension CommandCall {
    /// `keys key … [LIMIT limit]` of SINTERCARD and ZINTERCARD.
    func keysAndLimit() throws(CommandError) -> (keys: Range<Int>, limit: Int) {
        guard let keyCount = RESPNumber.integer(self[1]), keyCount > 0 else {
            throw .text("ERR numkeys should be greater than 0")
        }
        guard keyCount <= Int64(count - 2) else {
            throw .text("ERR Number of keys can't be greater than number of args")
        }
        let end = 2 + Int(keyCount)
        var limit = Int.max
        var index = end
        while index < count {
            guard word(index, is: "limit"), index + 1 < count else { throw .syntax }
            guard let value = RESPNumber.integer(self[index + 1]), value >= 0 else {
                throw .text("ERR LIMIT can't be negative")
            }
            limit = value == 0 ? Int.max : Int(clamping: value)
            index += 2
        }
        return (2..<end, limit)
    }

    /// The sets at these words; nil where there is no key.
    private func sets(_ words: Range<Int>) throws(CommandError) -> [SetValue?] {
        var sets: [SetValue?] = []
        for index in words { sets.append(try keys.read(self[index], as: SetValue.self)) }
        return sets
    }

    fileprivate func intersection(_ words: Range<Int>, limit: Int = .max) throws(CommandError) -> SetValue {
        let all = try sets(words)
        let result = SetValue()
        // All keys were looked at above: a wrong type is an error even if another set is empty.
        let present = all.compactMap { $0 }.sorted { $0.count < $1.count }
        guard present.count == all.count else { return result }
        present[0].forEach { member in
            if present.dropFirst().allSatisfy({ $0 === present[0] || $0.contains(member) }) { result.add(member) }
            return result.count < limit
        }
        return result
    }

    fileprivate func union(_ words: Range<Int>) throws(CommandError) -> SetValue {
        let result = SetValue()
        for case let set? in try sets(words) {
            set.forEach {
                result.add($0)
                return true
            }
        }
        return result
    }

    fileprivate func difference(_ words: Range<Int>) throws(CommandError) -> SetValue {
        let all = try sets(words)
        guard let first = all[0] else { return SetValue() }
        let others = all.dropFirst().compactMap { $0 }
        // Two ways, by what they cost: look each member up in the others, or take the others' members away.
        let lookups = first.count * (others.count + 1) / 2
        let removals = others.reduce(first.count) { $0 + $1.count }
        let result = SetValue()
        if lookups <= removals {
            first.forEach { member in
                if !others.contains(where: { $0.contains(member) }) { result.add(member) }
                return true
            }
        } else {
            first.forEach {
                result.add($0)
                return true
            }
            for other in others {
                other.forEach {
                    result.remove($0)
                    return !result.isEmpty
                }
            }
        }
        return result
    }

    /// Stores `set` at word 1, or removes what is there when it is empty; replies with its size.
    fileprivate func storeSet(_ set: SetValue, _ event: StaticString) {
        reply.integer(set.count)
        if !set.isEmpty {
            keys.set(self[1], set)
            keys.modified(self[1], .set, event)
        } else if keys.remove(self[1]) {
            keys.modified(self[1], .generic, "del")
        }
    }
}
