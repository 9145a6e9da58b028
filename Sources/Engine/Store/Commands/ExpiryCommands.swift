// Expiry of keys: setting, asking, removing. Journaled as absolute times.
// Next: ../Keyspace/Keyspace+Expiry.swift, SetOptions.swift.

import Wire

extension RESPCommand {
    static var expiryCommands: [RESPCommand] {
        [expire, pexpire, expireat, pexpireat, ttl, pttl, expiretime, pexpiretime, persist]
    }

    private static func setting(
        _ name: StaticString, _ unit: TimeUnit, isRelative: Bool, since: StaticString, summary: StaticString
    ) -> RESPCommand {
        RESPCommand(
            name, .atLeast(3), [.write, .fast], keys: .first, group: .generic, since: since, summary: summary
        ) { call throws(CommandError) in
            try call.expire(unit: unit, isRelative: isRelative)
        }
    }

    /// `EXPIRE key seconds [NX|XX|GT|LT]` → 1 when set, else 0. A time in the past deletes the key.
    static let expire = setting(
        "EXPIRE", .seconds, isRelative: true, since: "1.0.0", summary: "Has a key expire after seconds.")
    static let pexpire = setting(
        "PEXPIRE", .milliseconds, isRelative: true, since: "2.6.0", summary: "Has a key expire after milliseconds.")
    static let expireat = setting(
        "EXPIREAT", .seconds, isRelative: false, since: "1.2.0",
        summary: "Has a key expire at a time in seconds since 1970.")
    static let pexpireat = setting(
        "PEXPIREAT", .milliseconds, isRelative: false, since: "2.6.0",
        summary: "Has a key expire at a time in milliseconds since 1970.")

    private static func asking(
        _ name: StaticString, _ unit: TimeUnit, isRelative: Bool, since: StaticString, summary: StaticString
    ) -> RESPCommand {
        RESPCommand(
            name, .exactly(2), [.readonly, .fast], keys: .first, group: .generic, since: since, summary: summary
        ) { call throws(CommandError) in
            // -2: no such key; -1: no expiry.
            guard let entry = call.keys.find(call[1]) else { return call.reply.integer(-2) }
            guard entry.hasExpiry else { return call.reply.integer(-1) }
            let time = isRelative ? max(0, entry.expiry - call.now) : entry.expiry
            // A time to live is rounded, a time is cut, as Redis has it.
            call.reply.integer(unit == .milliseconds ? time : isRelative ? (time + 500) / 1_000 : time / 1_000)
        }
    }

    /// `TTL key` → seconds left; −1 without expiry, −2 without key.
    static let ttl = asking(
        "TTL", .seconds, isRelative: true, since: "1.0.0", summary: "Returns the time a key has left, in seconds.")
    static let pttl = asking(
        "PTTL", .milliseconds, isRelative: true, since: "2.6.0",
        summary: "Returns the time a key has left, in milliseconds.")
    static let expiretime = asking(
        "EXPIRETIME", .seconds, isRelative: false, since: "7.0.0",
        summary: "Returns when a key expires, in seconds since 1970.")
    static let pexpiretime = asking(
        "PEXPIRETIME", .milliseconds, isRelative: false, since: "7.0.0",
        summary: "Returns when a key expires, in milliseconds since 1970.")

    /// `PERSIST key` → 1 when an expiry was removed, else 0.
    static let persist = RESPCommand(
        "PERSIST", .exactly(2), [.write, .fast], keys: .first, group: .generic, since: "2.2.0",
        summary: "Removes the expiry of a key."
    ) { call throws(CommandError) in
        guard let entry = call.keys.find(call[1]), call.keys.clearExpiry(entry) else { return call.reply.integer(0) }
        call.keys.modified(call[1], .generic, "persist")
        call.reply.integer(1)
    }
}

extension CommandCall {
    private struct ExpireConditions: OptionSet {
        let rawValue: UInt8
        static let onlyWithout = ExpireConditions(rawValue: 1)
        static let onlyWith = ExpireConditions(rawValue: 2)
        static let onlyLater = ExpireConditions(rawValue: 4)
        static let onlyEarlier = ExpireConditions(rawValue: 8)
    }

    private func expireConditions(from first: Int) throws(CommandError) -> ExpireConditions {
        var conditions: ExpireConditions = []
        for index in first..<max(first, count) {
            if word(index, is: "nx") {
                conditions.insert(.onlyWithout)
            } else if word(index, is: "xx") {
                conditions.insert(.onlyWith)
            } else if word(index, is: "gt") {
                conditions.insert(.onlyLater)
            } else if word(index, is: "lt") {
                conditions.insert(.onlyEarlier)
            } else {
                throw .message("ERR Unsupported option \(self[index].string)")
            }
        }
        if conditions.contains(.onlyWithout), conditions != .onlyWithout {
            throw .text("ERR NX and XX, GT or LT options at the same time are not compatible")
        }
        if conditions.isSuperset(of: [.onlyLater, .onlyEarlier]) {
            throw .text("ERR GT and LT options at the same time are not compatible")
        }
        return conditions
    }

    fileprivate func expire(unit: TimeUnit, isRelative: Bool) throws(CommandError) {
        let key = self[1]
        let conditions = try expireConditions(from: 3)
        let time = try absoluteTime(try integer(2), unit: unit, isRelative: isRelative)
        guard let entry = keys.find(key) else { return reply.integer(0) }
        // No expiry counts as the latest of all.
        let old = entry.expiry
        if conditions.contains(.onlyWithout) && entry.hasExpiry || conditions.contains(.onlyWith) && !entry.hasExpiry
            || conditions.contains(.onlyLater) && time <= old || conditions.contains(.onlyEarlier) && time >= old
        {
            return reply.integer(0)
        }
        if time <= now, !store.isReplaying {
            keys.remove(key)
            keys.modified(key, .generic, "del")
            propagate("DEL", key)
        } else {
            keys.setExpiry(entry, time)
            keys.modified(key, .generic, "expire")
            propagate("PEXPIREAT", key, time)
        }
        reply.integer(1)
    }
}
