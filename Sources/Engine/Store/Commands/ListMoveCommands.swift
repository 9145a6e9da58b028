// Commands that move elements between lists, take them from the first list that has any, or wait for one.
// What waits is journaled as the move or pop that it came to.
// Loop thread only. Next: ../Clients/Blocking.swift (how waiting works), ListCommands.swift.

import Wire

extension RESPCommand {
    static let listMoveCommands: [RESPCommand] = [
        lmove, rpoplpush, lmpop, blpop, brpop, blmove, brpoplpush, blmpop,
    ]

    /// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT` → element, or null.
    static let lmove = RESPCommand(
        "LMOVE", .exactly(5), [.write, .denyOOM], keys: .range(first: 1, last: 2, step: 1), group: .list,
        since: "6.2.0", summary: "Moves an element from an end of one list to an end of another."
    ) { call throws(CommandError) in
        guard let from = call.listEnd(3), let to = call.listEnd(4) else { throw .syntax }
        if try !call.moveElement(from, to) { call.reply.null() }
    }

    static let rpoplpush = RESPCommand(
        "RPOPLPUSH", .exactly(3), [.write, .denyOOM], keys: .range(first: 1, last: 2, step: 1), group: .list,
        since: "1.2.0", summary: "Moves the last element of one list to the front of another."
    ) { call throws(CommandError) in
        if try !call.moveElement(.right, .left) { call.reply.null() }
    }

    /// `LMPOP keys key … LEFT|RIGHT [COUNT count]` → array of key and elements, or null.
    static let lmpop = RESPCommand(
        "LMPOP", .atLeast(4), [.write], keys: .counted(at: 1), group: .list, since: "7.0.0",
        summary: "Removes and returns elements of the first list that is not empty.",
        complexity: "O(N+M) for N keys and M elements."
    ) { call throws(CommandError) in
        let request = try call.multiplePop(numberOfKeysAt: 1, ends: ("left", "right"))
        if try !call.popFromFirst(request) { call.reply.nullArray() }
    }

    // MARK: Waiting

    /// `BLPOP key … timeout` → array of key and element; null after the time-out.
    static let blpop = RESPCommand(
        "BLPOP", .atLeast(3), [.write, .noScript, .blocking], keys: .range(first: 1, last: -2, step: 1),
        group: .list, since: "2.0.0",
        summary: "Removes and returns the first element of the first list that is not empty; waits for one.",
        complexity: "O(N) for N keys."
    ) { call throws(CommandError) in try call.blockingPop(.left) }

    static let brpop = RESPCommand(
        "BRPOP", .atLeast(3), [.write, .noScript, .blocking], keys: .range(first: 1, last: -2, step: 1),
        group: .list, since: "2.0.0",
        summary: "Removes and returns the last element of the first list that is not empty; waits for one.",
        complexity: "O(N) for N keys."
    ) { call throws(CommandError) in try call.blockingPop(.right) }

    static let blmove = RESPCommand(
        "BLMOVE", .exactly(6), [.write, .denyOOM, .noScript, .blocking], keys: .range(first: 1, last: 2, step: 1),
        group: .list, since: "6.2.0",
        summary: "Moves an element from an end of one list to an end of another; waits for one."
    ) { call throws(CommandError) in
        guard let from = call.listEnd(3), let to = call.listEnd(4) else { throw .syntax }
        try call.blockingMove(from, to, timeoutAt: 5)
    }

    static let brpoplpush = RESPCommand(
        "BRPOPLPUSH", .exactly(4), [.write, .denyOOM, .noScript, .blocking],
        keys: .range(first: 1, last: 2, step: 1), group: .list, since: "2.2.0",
        summary: "Moves the last element of one list to the front of another; waits for one."
    ) { call throws(CommandError) in try call.blockingMove(.right, .left, timeoutAt: 3) }

    static let blmpop = RESPCommand(
        "BLMPOP", .atLeast(5), [.write, .blocking], keys: .counted(at: 2), group: .list, since: "7.0.0",
        summary: "Removes and returns elements of the first list that is not empty; waits for one.",
        complexity: "O(N+M) for N keys and M elements."
    ) { call throws(CommandError) in
        let request = try call.multiplePop(numberOfKeysAt: 2, ends: ("left", "right"))
        let timeout = try call.timeoutMilliseconds(1)
        if try call.popFromFirst(request) { return }
        call.block(onKeys: request.keys, timeoutMilliseconds: timeout)
    }
}

/// What LMPOP, ZMPOP and their waiting forms ask for.
struct MultiplePop {
    /// Words that are keys.
    var keys: Range<Int>
    /// From the first of the two ends: left, lowest.
    var fromFirstEnd: Bool
    var count: Int
}

extension CommandCall {
    fileprivate func listEnd(_ index: Int) -> ListEnd? {
        if word(index, is: "left") { return .left }
        return word(index, is: "right") ? .right : nil
    }

    /// `keys key … END [COUNT count]`, for LMPOP and ZMPOP.
    func multiplePop(
        numberOfKeysAt index: Int, ends: (StaticString, StaticString)
    ) throws(CommandError) -> MultiplePop {
        guard let keyCount = RESPNumber.integer(self[index]), keyCount > 0 else {
            throw .text("ERR numkeys should be greater than 0")
        }
        guard keyCount < Int64(count - index - 1) else { throw .syntax }
        let endAt = index + 1 + Int(keyCount)
        let fromFirstEnd = word(endAt, is: ends.0)
        guard fromFirstEnd || word(endAt, is: ends.1) else { throw .syntax }
        var request = MultiplePop(keys: (index + 1)..<endAt, fromFirstEnd: fromFirstEnd, count: 1)
        var hasCount = false
        var option = endAt + 1
        while option < count {
            guard !hasCount, word(option, is: "count"), option + 1 < count else { throw .syntax }
            guard let wanted = RESPNumber.integer(self[option + 1]), wanted > 0 else {
                throw .text("ERR count should be greater than 0")
            }
            request.count = Int(clamping: wanted)
            hasCount = true
            option += 2
        }
        return request
    }

    /// Moves an element from the list at word 1 to the one at word 2 and replies with it; false if there is none.
    fileprivate func moveElement(_ from: ListEnd, _ to: ListEnd) throws(CommandError) -> Bool {
        guard let source = try keys.write(self[1], as: ListValue.self) else { return false }
        let target = try keys.write(self[2], as: ListValue.self, orInsert: { ListValue() })
        reply.bulk(source.element(at: from))
        if target === source {
            // The element lies in the list that is about to change.
            let copy = source.element(at: from).array
            source.removeElement(at: from)
            copy.withUnsafeBytes { source.push(ByteSlice($0), at: to) }
        } else {
            target.push(source.element(at: from), at: to)
            source.removeElement(at: from)
        }
        keys.modified(self[2], .list, to == .left ? "lpush" : "rpush")
        keys.modified(self[1], .list, from == .left ? "lpop" : "rpop")
        keys.removeIfEmpty(self[1], source)
        return true
    }

    fileprivate func blockingMove(_ from: ListEnd, _ to: ListEnd, timeoutAt: Int) throws(CommandError) {
        let timeout = try timeoutMilliseconds(timeoutAt)
        if try moveElement(from, to) {
            return propagate("LMOVE", count: 4) { effect in
                effect.add(self[1])
                effect.add(self[2])
                effect.add(from == .left ? "LEFT" : "RIGHT")
                effect.add(to == .left ? "LEFT" : "RIGHT")
            }
        }
        // Redis gives the null of an element where nobody may wait, and that of an array after the time-out.
        block(
            onKeys: [1], timeoutMilliseconds: timeout,
            timeoutReply: client.deniesBlocking ? .null : .nullArray)
    }

    fileprivate func blockingPop(_ end: ListEnd) throws(CommandError) {
        let timeout = try timeoutMilliseconds(count - 1)
        for index in 1..<(count - 1) {
            guard let list = try keys.write(self[index], as: ListValue.self) else { continue }
            reply.array(2)
            reply.bulk(self[index])
            replyAndRemove(list, end, 1)
            propagate(end == .left ? "LPOP" : "RPOP", self[index])
            keys.modified(self[index], .list, end == .left ? "lpop" : "rpop")
            keys.removeIfEmpty(self[index], list)
            return
        }
        block(onKeys: 1..<(count - 1), timeoutMilliseconds: timeout)
    }

    /// Pops from the first list that has elements; false if none has.
    fileprivate func popFromFirst(_ request: MultiplePop) throws(CommandError) -> Bool {
        let end: ListEnd = request.fromFirstEnd ? .left : .right
        for index in request.keys {
            guard let list = try keys.write(self[index], as: ListValue.self) else { continue }
            let taken = min(request.count, list.count)
            reply.array(2)
            reply.bulk(self[index])
            reply.array(taken)
            replyAndRemove(list, end, taken)
            propagate(end == .left ? "LPOP" : "RPOP", self[index], Int64(taken))
            keys.modified(self[index], .list, end == .left ? "lpop" : "rpop")
            keys.removeIfEmpty(self[index], list)
            return true
        }
        return false
    }
}
