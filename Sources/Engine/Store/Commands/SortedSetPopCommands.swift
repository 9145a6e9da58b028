// Commands that take the members with the lowest or highest scores, at once or waiting for them.
// What waits is journaled as the pop that it came to.
// Loop thread only. Next: ListMoveCommands.swift (the same for lists), ../Clients/Blocking.swift.

import Wire

extension RESPCommand {
    static let sortedSetPopCommands: [RESPCommand] = [zpopmin, zpopmax, zmpop, bzpopmin, bzpopmax, bzmpop]

    /// `ZPOPMIN key [count]` → array of members and scores; pairs in RESP3 with a count.
    static let zpopmin = RESPCommand(
        "ZPOPMIN", .atLeast(2), [.write, .fast], keys: .first, group: .sortedSet, since: "5.0.0",
        summary: "Removes and returns the members with the lowest scores.",
        complexity: "O(M·log(N)) for M of N members."
    ) { call throws(CommandError) in try call.popMembers(lowest: true) }

    static let zpopmax = RESPCommand(
        "ZPOPMAX", .atLeast(2), [.write, .fast], keys: .first, group: .sortedSet, since: "5.0.0",
        summary: "Removes and returns the members with the highest scores.",
        complexity: "O(M·log(N)) for M of N members."
    ) { call throws(CommandError) in try call.popMembers(lowest: false) }

    /// `ZMPOP keys key … MIN|MAX [COUNT count]` → array of key and pairs, or null.
    static let zmpop = RESPCommand(
        "ZMPOP", .atLeast(4), [.write], keys: .counted(at: 1), group: .sortedSet, since: "7.0.0",
        summary: "Removes and returns members of the first sorted set that is not empty.",
        complexity: "O(K+M·log(N)) for K keys and M of N members."
    ) { call throws(CommandError) in
        let request = try call.multiplePop(numberOfKeysAt: 1, ends: ("min", "max"))
        if try !call.popMembersFromFirst(request) { call.reply.nullArray() }
    }

    /// `BZPOPMIN key … timeout` → array of key, member and score; null after the time-out.
    static let bzpopmin = RESPCommand(
        "BZPOPMIN", .atLeast(3), [.write, .noScript, .blocking, .fast], keys: .range(first: 1, last: -2, step: 1),
        group: .sortedSet, since: "5.0.0",
        summary: "Removes and returns the lowest member of the first sorted set that is not empty; waits for one.",
        complexity: "O(log(N))"
    ) { call throws(CommandError) in try call.blockingPopMember(lowest: true) }

    static let bzpopmax = RESPCommand(
        "BZPOPMAX", .atLeast(3), [.write, .noScript, .blocking, .fast], keys: .range(first: 1, last: -2, step: 1),
        group: .sortedSet, since: "5.0.0",
        summary: "Removes and returns the highest member of the first sorted set that is not empty; waits for one.",
        complexity: "O(log(N))"
    ) { call throws(CommandError) in try call.blockingPopMember(lowest: false) }

    static let bzmpop = RESPCommand(
        "BZMPOP", .atLeast(5), [.write, .blocking], keys: .counted(at: 2), group: .sortedSet, since: "7.0.0",
        summary: "Removes and returns members of the first sorted set that is not empty; waits for one.",
        complexity: "O(K+M·log(N)) for K keys and M of N members."
    ) { call throws(CommandError) in
        let request = try call.multiplePop(numberOfKeysAt: 2, ends: ("min", "max"))
        let timeout = try call.timeoutMilliseconds(1)
        if try call.popMembersFromFirst(request) { return }
        call.block(onKeys: request.keys, timeoutMilliseconds: timeout)
    }
}

extension CommandCall {
    /// Hands `taken` members from one end to `body`, removes them and tells who wants to know.
    private func take(
        _ set: SortedSetValue, at key: Int, lowest: Bool, _ taken: Int, _ body: (ByteSlice, Double) -> Void
    ) {
        let ranks = lowest ? 0..<taken : (set.count - taken)..<set.count
        set.forEach(ranks, backwards: !lowest) {
            body($0, $1)
            return true
        }
        set.remove(ranks: ranks)
        keys.modified(self[key], .sortedSet, lowest ? "zpopmin" : "zpopmax")
        keys.removeIfEmpty(self[key], set)
    }

    fileprivate func popMembers(lowest: Bool) throws(CommandError) {
        guard count <= 3 else { throw .syntax }
        var wanted = 1
        if count == 3 {
            guard let value = RESPNumber.integer(self[2]), value >= 0 else {
                throw .text("ERR value is out of range, must be positive")
            }
            wanted = Int(clamping: value)
        }
        guard let set = try keys.write(self[1], as: SortedSetValue.self), wanted > 0 else { return reply.array(0) }
        let taken = min(wanted, set.count)
        let inPairs = reply.isRESP3 && count == 3
        reply.array(inPairs ? taken : taken * 2)
        take(set, at: 1, lowest: lowest, taken) { member, score in
            if inPairs { reply.array(2) }
            reply.bulk(member)
            reply.double(score)
        }
    }

    fileprivate func blockingPopMember(lowest: Bool) throws(CommandError) {
        let timeout = try timeoutMilliseconds(count - 1)
        for index in 1..<(count - 1) {
            guard let set = try keys.write(self[index], as: SortedSetValue.self) else { continue }
            reply.array(3)
            reply.bulk(self[index])
            propagate(lowest ? "ZPOPMIN" : "ZPOPMAX", self[index])
            return take(set, at: index, lowest: lowest, 1) { member, score in
                reply.bulk(member)
                reply.double(score)
            }
        }
        block(onKeys: 1..<(count - 1), timeoutMilliseconds: timeout)
    }

    /// Pops from the first sorted set that has members; false if none has.
    fileprivate func popMembersFromFirst(_ request: MultiplePop) throws(CommandError) -> Bool {
        for index in request.keys {
            guard let set = try keys.write(self[index], as: SortedSetValue.self) else { continue }
            let taken = min(request.count, set.count)
            reply.array(2)
            reply.bulk(self[index])
            reply.array(taken)
            propagate(request.fromFirstEnd ? "ZPOPMIN" : "ZPOPMAX", self[index], Int64(taken))
            take(set, at: index, lowest: request.fromFirstEnd, taken) { member, score in
                reply.array(2)
                reply.bulk(member)
                reply.double(score)
            }
            return true
        }
        return false
    }
}
