// Commands on single sets. Loop thread only. Next: SetAlgebraCommands.swift, Types/SetValue.swift.

import Wire

extension RESPCommand {
    static let setCommands: [RESPCommand] = [
        sadd, srem, sismember, smismember, smembers, scard, spop, srandmember, smove, sscan,
    ]

    /// `SADD key member …` → number of new members. O(members).
    static let sadd = RESPCommand(
        "SADD", .atLeast(3), [.write, .denyOOM, .fast], keys: .first, group: .set, since: "1.0.0",
        summary: "Adds members to a set, which is made if the key does not exist.",
        complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        let set = try call.keys.write(call[1], as: SetValue.self, orInsert: { SetValue() })
        set.expect(memberCount: call.count - 2, firstMember: call[2])
        var added = 0
        for index in 2..<call.count where set.add(call[index]) { added += 1 }
        call.reply.integer(added)
        if added > 0 { call.keys.modified(call[1], .set, "sadd") }
    }

    static let srem = RESPCommand(
        "SREM", .atLeast(3), [.write, .fast], keys: .first, group: .set, since: "1.0.0",
        summary: "Removes members of a set, and the set with its last member.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        guard let set = try call.keys.write(call[1], as: SetValue.self) else { return call.reply.integer(0) }
        var removed = 0
        for index in 2..<call.count where set.remove(call[index]) { removed += 1 }
        call.reply.integer(removed)
        guard removed > 0 else { return }
        call.keys.modified(call[1], .set, "srem")
        call.keys.removeIfEmpty(call[1], set)
    }

    static let sismember = RESPCommand(
        "SISMEMBER", .exactly(3), [.readonly, .fast], keys: .first, group: .set, since: "1.0.0",
        summary: "Returns whether a set has a member."
    ) { call throws(CommandError) in
        let set = try call.keys.read(call[1], as: SetValue.self)
        call.reply.integer(set?.contains(call[2]) == true ? 1 : 0)
    }

    static let smismember = RESPCommand(
        "SMISMEMBER", .atLeast(3), [.readonly, .fast], keys: .first, group: .set, since: "6.2.0",
        summary: "Returns for each of several members whether a set has it.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        let set = try call.keys.read(call[1], as: SetValue.self)
        call.reply.array(call.count - 2)
        for index in 2..<call.count { call.reply.integer(set?.contains(call[index]) == true ? 1 : 0) }
    }

    static let smembers = RESPCommand(
        "SMEMBERS", .exactly(2), [.readonly], keys: .first, group: .set, since: "1.0.0",
        summary: "Returns all members of a set.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        guard let set = try call.keys.read(call[1], as: SetValue.self) else { return call.reply.set(0) }
        call.replySet(set)
    }

    static let scard = RESPCommand(
        "SCARD", .exactly(2), [.readonly, .fast], keys: .first, group: .set, since: "1.0.0",
        summary: "Returns the number of members of a set."
    ) { call throws(CommandError) in
        call.reply.integer(try call.keys.read(call[1], as: SetValue.self)?.count ?? 0)
    }

    /// `SPOP key [count]` → member, or set of members. Journaled as SREM of what was drawn.
    static let spop = RESPCommand(
        "SPOP", .atLeast(2), [.write, .fast], keys: .first, group: .set, since: "1.0.0",
        summary: "Removes and returns random members of a set.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        guard call.count <= 3 else { throw .syntax }
        if call.count == 2 {
            guard let set = try call.keys.write(call[1], as: SetValue.self) else { return call.reply.null() }
            let member = set.withRandomMember(using: &call.store.context.random) { $0.array }
            call.reply.bulk(member)
            return call.removeDrawn(set, [member])
        }
        guard let wanted = RESPNumber.integer(call[2]), wanted >= 0 else {
            throw .text("ERR value is out of range, must be positive")
        }
        guard let set = try call.keys.write(call[1], as: SetValue.self) else { return call.reply.set(0) }
        guard wanted > 0 else { return call.reply.set(0) }
        if wanted >= Int64(set.count) {
            call.replySet(set)
            call.propagate("DEL", call[1])
            call.keys.modified(call[1], .set, "spop")
            call.keys.remove(call[1])
            return call.keys.notify(call[1], .generic, "del")
        }
        let drawn = set.drawDistinct(Int(wanted), using: &call.store.context.random)
        call.reply.set(drawn.count)
        for member in drawn { call.reply.bulk(member) }
        call.removeDrawn(set, drawn)
    }

    /// `SRANDMEMBER key [count]` → member, or array. A negative count may repeat members.
    static let srandmember = RESPCommand(
        "SRANDMEMBER", .atLeast(2), [.readonly], keys: .first, group: .set, since: "1.0.0",
        summary: "Returns random members of a set.", complexity: "O(N) for N members."
    ) { call throws(CommandError) in
        guard call.count <= 3 else { throw .syntax }
        if call.count == 2 {
            guard let set = try call.keys.read(call[1], as: SetValue.self) else { return call.reply.null() }
            return set.withRandomMember(using: &call.store.context.random) { call.reply.bulk($0) }
        }
        let count = try call.randomCount()
        guard let set = try call.keys.read(call[1], as: SetValue.self) else { return call.reply.array(0) }
        if count < 0 {
            call.reply.array(-count)
            for _ in 0..<(-count) where !call.reply.isPointless {
                set.withRandomMember(using: &call.store.context.random) { call.reply.bulk($0) }
            }
            return
        }
        let drawn = set.drawDistinct(count, using: &call.store.context.random)
        call.reply.array(drawn.count)
        for member in drawn { call.reply.bulk(member) }
    }

    /// `SMOVE source destination member` → 1 if it was moved.
    static let smove = RESPCommand(
        "SMOVE", .exactly(4), [.write, .fast], keys: .range(first: 1, last: 2, step: 1), group: .set,
        since: "1.0.0", summary: "Moves a member from one set to another."
    ) { call throws(CommandError) in
        guard let source = try call.keys.write(call[1], as: SetValue.self) else { return call.reply.integer(0) }
        let existing = try call.keys.write(call[2], as: SetValue.self)
        if source === existing { return call.reply.integer(source.contains(call[3]) ? 1 : 0) }
        guard source.remove(call[3]) else { return call.reply.integer(0) }
        call.keys.modified(call[1], .set, "srem")
        call.keys.removeIfEmpty(call[1], source)
        let target = try call.keep(existing, at: 2) { SetValue() }
        call.reply.integer(1)
        if target.add(call[3]) { call.keys.modified(call[2], .set, "sadd") }
    }

    static let sscan = RESPCommand(
        "SSCAN", .atLeast(3), [.readonly], keys: .first, group: .set, since: "2.8.0",
        summary: "Walks over the members of a set, step by step.", complexity: "O(1) for each step, O(N) for all."
    ) { call throws(CommandError) in
        let cursor = try ScanOptions.cursor(call[2])
        guard let set = try call.keys.read(call[1], as: SetValue.self) else { return call.replyEmptyScan() }
        try call.scanCollection(from: cursor) { cursor, page in
            set.scan(cursor) { member in page.add(member) }
        }
    }
}

extension SetValue {
    /// `wanted` different members, or all; copied.
    fileprivate func drawDistinct(_ wanted: Int, using random: inout RandomSource) -> [[UInt8]] {
        var drawn: [[UInt8]] = []
        if wanted < count / 3 {
            // Few of many: drawing again what was drawn before is rare.
            var seen: Set<[UInt8]> = []
            while seen.count < wanted {
                let member = withRandomMember(using: &random) { $0.array }
                if seen.insert(member).inserted { drawn.append(member) }
            }
            return drawn
        }
        let chosen = RandomChoice.distinct(wanted, of: count, using: &random)
        var index = 0
        forEach { member in
            if chosen.contains(index) { drawn.append(member.array) }
            index += 1
            return index < chosen.end
        }
        return drawn
    }
}

extension CommandCall {
    /// All members, as a set.
    func replySet(_ set: SetValue) {
        reply.set(set.count)
        set.forEach {
            reply.bulk($0)
            return true
        }
    }

    fileprivate func removeDrawn(_ set: SetValue, _ members: [[UInt8]]) {
        for first in stride(from: 0, to: members.count, by: Limits.setMembersPerEffect) {
            let part = members[first..<min(first + Limits.setMembersPerEffect, members.count)]
            propagate("SREM", count: 1 + part.count) { effect in
                effect.add(self[1])
                for member in part { member.withUnsafeBytes { effect.add(ByteSlice($0)) } }
            }
        }
        for member in members { member.withUnsafeBytes { _ = set.remove(ByteSlice($0)) } }
        keys.modified(self[1], .set, "spop")
        keys.removeIfEmpty(self[1], set)
    }
}
