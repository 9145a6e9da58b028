// Commands on lists that never wait. Rows only say what a command is; what several share stands below them.
// Loop thread only. Next: ListMoveCommands.swift (moving and waiting), Types/ListValue.swift.

import Wire

extension RESPCommand {
    static let listCommands: [RESPCommand] = [
        lpush, rpush, lpushx, rpushx, lpop, rpop, llen, lindex, linsert, lset, lrange, lrem, ltrim, lpos,
    ]

    // MARK: Ends

    /// `LPUSH key element …` → length. O(elements).
    static let lpush = RESPCommand(
        "LPUSH", .atLeast(3), [.write, .denyOOM, .fast], keys: .first, group: .list, since: "1.0.0",
        summary: "Prepends elements to a list, which is made if the key does not exist.",
        complexity: "O(N) for N elements."
    ) { call throws(CommandError) in try call.push(.left, onlyIfExists: false) }

    static let rpush = RESPCommand(
        "RPUSH", .atLeast(3), [.write, .denyOOM, .fast], keys: .first, group: .list, since: "1.0.0",
        summary: "Appends elements to a list, which is made if the key does not exist.",
        complexity: "O(N) for N elements."
    ) { call throws(CommandError) in try call.push(.right, onlyIfExists: false) }

    static let lpushx = RESPCommand(
        "LPUSHX", .atLeast(3), [.write, .denyOOM, .fast], keys: .first, group: .list, since: "2.2.0",
        summary: "Prepends elements to a list that exists.", complexity: "O(N) for N elements."
    ) { call throws(CommandError) in try call.push(.left, onlyIfExists: true) }

    static let rpushx = RESPCommand(
        "RPUSHX", .atLeast(3), [.write, .denyOOM, .fast], keys: .first, group: .list, since: "2.2.0",
        summary: "Appends elements to a list that exists.", complexity: "O(N) for N elements."
    ) { call throws(CommandError) in try call.push(.right, onlyIfExists: true) }

    /// `LPOP key [count]` → element, or array of elements with a count. O(elements).
    static let lpop = RESPCommand(
        "LPOP", .atLeast(2), [.write, .fast], keys: .first, group: .list, since: "1.0.0",
        summary: "Removes and returns the first elements of a list.", complexity: "O(N) for N elements."
    ) { call throws(CommandError) in try call.pop(.left) }

    static let rpop = RESPCommand(
        "RPOP", .atLeast(2), [.write, .fast], keys: .first, group: .list, since: "1.0.0",
        summary: "Removes and returns the last elements of a list.", complexity: "O(N) for N elements."
    ) { call throws(CommandError) in try call.pop(.right) }

    // MARK: Reading

    static let llen = RESPCommand(
        "LLEN", .exactly(2), [.readonly, .fast], keys: .first, group: .list, since: "1.0.0",
        summary: "Returns the length of a list."
    ) { call throws(CommandError) in
        call.reply.integer(try call.keys.read(call[1], as: ListValue.self)?.count ?? 0)
    }

    /// `LINDEX key index` → element or null. The index is looked at only when the key exists, as in Redis.
    static let lindex = RESPCommand(
        "LINDEX", .exactly(3), [.readonly], keys: .first, group: .list, since: "1.0.0",
        summary: "Returns the element at an index of a list.",
        complexity: "O(N) for N elements between the index and the nearer end; O(1) at the ends."
    ) { call throws(CommandError) in
        guard let list = try call.keys.read(call[1], as: ListValue.self) else { return call.reply.null() }
        guard let index = list.index(try call.integer(2)) else { return call.reply.null() }
        call.reply.bulk(list[index])
    }

    static let lrange = RESPCommand(
        "LRANGE", .exactly(4), [.readonly], keys: .first, group: .list, since: "1.0.0",
        summary: "Returns a range of elements of a list.",
        complexity: "O(S+N) for a start S elements from the nearer end and N elements."
    ) { call throws(CommandError) in
        let start = try call.integer(2)
        let stop = try call.integer(3)
        guard let list = try call.keys.read(call[1], as: ListValue.self) else { return call.reply.array(0) }
        let range = IndexRange.clamp(start, stop, count: list.count)
        let reply = call.reply
        reply.array(range.count)
        list.forEach(from: range.lowerBound, length: range.count) {
            reply.bulk($0)
            return true
        }
    }

    /// `LPOS key element [RANK rank] [COUNT matches] [MAXLEN length]` → index, or array of them with COUNT.
    static let lpos = RESPCommand(
        "LPOS", .atLeast(3), [.readonly], keys: .first, group: .list, since: "6.0.6",
        summary: "Returns the indexes of elements equal to a value.", complexity: "O(N) for N elements."
    ) { call throws(CommandError) in
        var rank: Int64 = 1
        var matchesMax: Int64?
        var lengthMax: Int64 = 0
        var word = 3
        while word < call.count {
            guard word + 1 < call.count else { throw .syntax }
            if call.word(word, is: "rank") {
                rank = try call.integer(word + 1)
                if rank == 0 {
                    throw .text(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
                    )
                }
                if rank == .min {
                    throw .text(
                        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
                }
            } else if call.word(word, is: "count") {
                matchesMax = try call.integer(word + 1, in: 0...Int64.max, or: .text("ERR COUNT can't be negative"))
            } else if call.word(word, is: "maxlen") {
                lengthMax = try call.integer(word + 1, in: 0...Int64.max, or: .text("ERR MAXLEN can't be negative"))
            } else {
                throw .syntax
            }
            word += 2
        }
        guard let list = try call.keys.read(call[1], as: ListValue.self) else {
            return matchesMax == nil ? call.reply.null() : call.reply.array(0)
        }
        let backwards = rank < 0
        let length = lengthMax == 0 ? list.count : min(Int(clamping: lengthMax), list.count)
        let element = call[2]
        var found: [Int] = []
        var skips = Int(clamping: rank.magnitude) - 1
        let wanted = matchesMax.map { $0 == 0 ? Int.max : Int(clamping: $0) } ?? 1
        var index = backwards ? list.count - 1 : 0
        list.forEach(from: index, length: length, backwards: backwards) { candidate in
            if candidate == element {
                if skips > 0 { skips -= 1 } else { found.append(index) }
            }
            index += backwards ? -1 : 1
            return found.count < wanted
        }
        guard matchesMax != nil else {
            return found.isEmpty ? call.reply.null() : call.reply.integer(found[0])
        }
        call.reply.array(found.count)
        for index in found { call.reply.integer(index) }
    }

    // MARK: Changing the middle

    /// `LINSERT key BEFORE|AFTER pivot element` → length, -1 without the pivot, 0 without the key.
    static let linsert = RESPCommand(
        "LINSERT", .exactly(5), [.write, .denyOOM], keys: .first, group: .list, since: "2.2.0",
        summary: "Inserts an element before or after another one.",
        complexity: "O(N) for N elements before the pivot."
    ) { call throws(CommandError) in
        let before = call.word(2, is: "before")
        guard before || call.word(2, is: "after") else { throw .syntax }
        guard let list = try call.keys.write(call[1], as: ListValue.self) else { return call.reply.integer(0) }
        guard list.insert(call[4], before: before, pivot: call[3]) else { return call.reply.integer(-1) }
        call.reply.integer(list.count)
        call.keys.modified(call[1], .list, "linsert")
    }

    static let lset = RESPCommand(
        "LSET", .exactly(4), [.write, .denyOOM], keys: .first, group: .list, since: "1.0.0",
        summary: "Sets the element at an index of a list.",
        complexity: "O(N) for N elements between the index and the nearer end; O(1) at the ends."
    ) { call throws(CommandError) in
        guard let list = try call.keys.write(call[1], as: ListValue.self) else { throw .noSuchKey }
        guard let index = list.index(try call.integer(2)) else { throw .indexOutOfRange }
        list.set(at: index, to: call[3])
        call.reply.ok()
        call.keys.modified(call[1], .list, "lset")
    }

    /// `LREM key count element` → removed. A negative count begins at the end; 0 removes all.
    static let lrem = RESPCommand(
        "LREM", .exactly(4), [.write], keys: .first, group: .list, since: "1.0.0",
        summary: "Removes elements equal to a value.", complexity: "O(N) for N elements."
    ) { call throws(CommandError) in
        let count = try call.integer(2)
        if count == .min {
            throw .text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
        }
        guard let list = try call.keys.write(call[1], as: ListValue.self) else { return call.reply.integer(0) }
        let removed = list.remove(call[3], limit: Int(clamping: count.magnitude), fromBack: count < 0)
        call.reply.integer(removed)
        guard removed > 0 else { return }
        call.keys.modified(call[1], .list, "lrem")
        call.keys.removeIfEmpty(call[1], list)
    }

    static let ltrim = RESPCommand(
        "LTRIM", .exactly(4), [.write], keys: .first, group: .list, since: "1.0.0",
        summary: "Keeps a range of elements of a list and removes the others.",
        complexity: "O(N) for N removed elements."
    ) { call throws(CommandError) in
        let start = try call.integer(2)
        let stop = try call.integer(3)
        let found = try call.keys.write(call[1], as: ListValue.self)
        call.reply.ok()
        guard let list = found else { return }
        list.trim(to: IndexRange.clamp(start, stop, count: list.count))
        call.keys.modified(call[1], .list, "ltrim")
        call.keys.removeIfEmpty(call[1], list)
    }
}

/// End of a list.
enum ListEnd {
    case left, right
}

/// Start and stop as clients give them: negative ones count from the end, both are included.
enum IndexRange {
    static func clamp(_ start: Int64, _ stop: Int64, count: Int) -> Range<Int> {
        let size = Int64(count)
        var first = start
        var last = stop
        if first < 0 { first = max(0, first + size) }
        if last < 0 { last += size }
        if last >= size { last = size - 1 }
        guard first <= last, first < size else { return 0..<0 }
        return Int(first)..<(Int(last) + 1)
    }
}

extension ListValue {
    /// The place that a client's index means; negative ones count from the end.
    func index(_ index: Int64) -> Int? {
        let place = index < 0 ? index + Int64(count) : index
        return place >= 0 && place < Int64(count) ? Int(place) : nil
    }

    func push(_ value: ByteSlice, at end: ListEnd) {
        if end == .left { pushFront(value) } else { pushBack(value) }
    }

    /// The outermost element; the list is not empty.
    func element(at end: ListEnd) -> ByteSlice { (end == .left ? first : last).unsafelyUnwrapped }

    func removeElement(at end: ListEnd) {
        if end == .left { removeFirst() } else { removeLast() }
    }
}

extension CommandCall {
    /// An integer not less than `least`; out of this range the command's own words, for text Redis's usual ones.
    func integer(_ index: Int, atLeast least: Int64, or error: StaticString) throws(CommandError) -> Int64 {
        let value = try integer(index)
        guard value >= least else { throw .text(error) }
        return value
    }

    /// What was found at the key before, or a fresh value at it: for commands that check something in between.
    func keep<V: StoredValue>(_ existing: V?, at index: Int, _ make: () -> V) throws(CommandError) -> V {
        if let existing { return existing }
        return try keys.write(self[index], as: V.self, orInsert: make)
    }

    fileprivate func push(_ end: ListEnd, onlyIfExists: Bool) throws(CommandError) {
        let list: ListValue
        if onlyIfExists {
            guard let existing = try keys.write(self[1], as: ListValue.self) else { return reply.integer(0) }
            list = existing
        } else {
            list = try keys.write(self[1], as: ListValue.self, orInsert: { ListValue() })
        }
        for index in 2..<count { list.push(self[index], at: end) }
        reply.integer(list.count)
        keys.modified(self[1], .list, end == .left ? "lpush" : "rpush")
    }

    fileprivate func pop(_ end: ListEnd) throws(CommandError) {
        guard count <= 3 else { throw .wrongArity(command: commandName) }
        var wanted: Int?
        if count == 3 {
            guard let value = RESPNumber.integer(self[2]), value >= 0 else {
                throw .text("ERR value is out of range, must be positive")
            }
            wanted = Int(clamping: value)
        }
        guard let list = try keys.write(self[1], as: ListValue.self) else {
            return wanted == nil ? reply.null() : reply.nullArray()
        }
        if wanted == 0 { return reply.array(0) }
        if let wanted {
            let taken = min(wanted, list.count)
            reply.array(taken)
            replyAndRemove(list, end, taken)
        } else {
            replyAndRemove(list, end, 1)
        }
        keys.modified(self[1], .list, end == .left ? "lpop" : "rpop")
        keys.removeIfEmpty(self[1], list)
    }

    /// Writes and removes `elements` elements from one end on.
    func replyAndRemove(_ list: ListValue, _ end: ListEnd, _ elements: Int) {
        for _ in 0..<elements {
            reply.bulk(list.element(at: end))
            list.removeElement(at: end)
        }
    }
}
