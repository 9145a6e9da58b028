// Expiry of fields of hashes, as in Redis 7.4: setting, asking, removing. Journaled as HPEXPIREAT and HDEL of the fields
// that it came to. Replies are one number for each field; a key that does not exist has none of the fields.
// Loop thread only. Next: ../Keyspace/Keyspace+FieldExpiry.swift, ../Types/FieldExpiry.swift.

import Wire

extension RESPCommand {
    static var fieldExpiryCommands: [RESPCommand] {
        [hexpire, hpexpire, hexpireat, hpexpireat, httl, hpttl, hexpiretime, hpexpiretime, hpersist]
    }

    private static let fieldCost: StaticString = "O(N) for N fields."

    private static func setting(
        _ name: StaticString, _ unit: TimeUnit, isRelative: Bool, summary: StaticString
    ) -> RESPCommand {
        RESPCommand(
            name, .atLeast(6), [.write, .denyOOM, .fast], keys: .first, group: .hash, since: "7.4.0", summary: summary,
            complexity: fieldCost
        ) { call throws(CommandError) in
            try call.expireFields(unit, isRelative: isRelative)
        }
    }

    /// `HEXPIRE key seconds [NX|XX|GT|LT] FIELDS n field …` → for each field 1: set, 0: condition not met,
    /// 2: deleted, since the time is past, −2: no such field.
    static let hexpire = setting(
        "HEXPIRE", .seconds, isRelative: true, summary: "Has fields of a hash expire after seconds.")
    static let hpexpire = setting(
        "HPEXPIRE", .milliseconds, isRelative: true, summary: "Has fields of a hash expire after milliseconds.")
    static let hexpireat = setting(
        "HEXPIREAT", .seconds, isRelative: false,
        summary: "Has fields of a hash expire at a time in seconds since 1970.")
    static let hpexpireat = setting(
        "HPEXPIREAT", .milliseconds, isRelative: false,
        summary: "Has fields of a hash expire at a time in milliseconds since 1970.")

    private static func asking(
        _ name: StaticString, _ unit: TimeUnit, isRelative: Bool, summary: StaticString
    ) -> RESPCommand {
        RESPCommand(
            name, .atLeast(5), [.readonly, .fast], keys: .first, group: .hash, since: "7.4.0", summary: summary,
            complexity: fieldCost
        ) { call throws(CommandError) in
            try call.replyFieldTimes(unit, isRelative: isRelative)
        }
    }

    /// `HTTL key FIELDS n field …` → for each field the seconds left, −1: it does not expire, −2: no such field.
    static let httl = asking(
        "HTTL", .seconds, isRelative: true, summary: "Returns the time that fields of a hash have left, in seconds.")
    static let hpttl = asking(
        "HPTTL", .milliseconds, isRelative: true,
        summary: "Returns the time that fields of a hash have left, in milliseconds.")
    static let hexpiretime = asking(
        "HEXPIRETIME", .seconds, isRelative: false,
        summary: "Returns when fields of a hash expire, in seconds since 1970.")
    static let hpexpiretime = asking(
        "HPEXPIRETIME", .milliseconds, isRelative: false,
        summary: "Returns when fields of a hash expire, in milliseconds since 1970.")

    /// `HPERSIST key FIELDS n field …` → for each field 1: it expires no longer, −1: it did not, −2: no such field.
    static let hpersist = RESPCommand(
        "HPERSIST", .atLeast(5), [.write, .fast], keys: .first, group: .hash, since: "7.4.0",
        summary: "Removes the expiry of fields of a hash.", complexity: fieldCost
    ) { call throws(CommandError) in
        let existing = try call.keys.write(call[1], as: HashValue.self)
        let fields = try call.fieldArguments(at: 2)
        guard let hash = existing else { return call.replyNoFields(fields.count) }
        call.reply.array(fields.count)
        var changed: [Int] = []
        for index in fields {
            let field = call[index]
            if let time = hash.expiry(of: field) {
                if time < call.keys.fieldTime {
                    call.reply.integer(FieldReply.noField)
                } else {
                    hash.fieldExpiry?.clear(field)
                    changed.append(index)
                    call.reply.integer(FieldReply.done)
                }
            } else {
                call.reply.integer(hash.contains(field) ? FieldReply.noExpiry : FieldReply.noField)
            }
        }
        guard !changed.isEmpty else { return }
        call.keys.modified(call[1], .hash, "hpersist")
        // Replay cannot tell which fields were past their time.
        call.propagate("HPERSIST", count: 3 + changed.count) { effect in
            effect.add(call[1])
            call.addFields(changed, to: &effect)
        }
    }
}

/// What becomes of one field.
private enum FieldReply {
    static let noField = -2
    static let noExpiry = -1
    static let conditionNotMet = 0
    static let done = 1
    static let deleted = 2
}

/// When a field's time is set. A field without one counts as the latest of all.
private enum FieldCondition {
    case always, onlyWithout, onlyWith, onlyLater, onlyEarlier

    func allows(_ old: Int64?, _ new: Int64) -> Bool {
        switch self {
        case .always: true
        case .onlyWithout: old == nil
        case .onlyWith: old != nil
        case .onlyLater: old.map { new > $0 } ?? false
        case .onlyEarlier: old.map { new < $0 } ?? true
        }
    }
}

extension CommandCall {
    // MARK: Arguments

    /// `FIELDS n field …` from argument `index` on: where the fields stand.
    fileprivate func fieldArguments(
        at index: Int, orNoCount error: CommandError = .text("ERR Number of fields must be a positive integer")
    ) throws(CommandError) -> Range<Int> {
        guard word(index, is: "fields") else {
            throw .text("ERR Mandatory argument FIELDS is missing or not at the right position")
        }
        let fields = try integer(index + 1, in: 1...Int64.max, or: error)
        guard fields == Int64(count - index - 2) else {
            throw .text("ERR The `numfields` parameter must match the number of arguments")
        }
        return index + 2..<count
    }

    private var fieldCondition: FieldCondition {
        if word(3, is: "nx") { return .onlyWithout }
        if word(3, is: "xx") { return .onlyWith }
        if word(3, is: "gt") { return .onlyLater }
        if word(3, is: "lt") { return .onlyEarlier }
        return .always
    }

    /// The time of argument 2, milliseconds since 1970.
    private func fieldTime(_ unit: TimeUnit, isRelative: Bool) throws(CommandError) -> Int64 {
        let number = try integer(2)
        guard number >= 0 else { throw .text("ERR invalid expire time, must be >= 0") }
        let time = try absoluteTime(number, unit: unit, isRelative: isRelative)
        guard time <= Limits.fieldExpiryMillisecondsMax else { throw .invalidExpire(command: commandName) }
        return time
    }

    fileprivate func replyNoFields(_ count: Int) {
        reply.array(count)
        for _ in 0..<count { reply.integer(FieldReply.noField) }
    }

    // MARK: Commands

    /// Redis looks at the key's type first, then at the time, then at the rest.
    fileprivate func expireFields(_ unit: TimeUnit, isRelative: Bool) throws(CommandError) {
        let key = self[1]
        let existing = try keys.write(key, as: HashValue.self)
        let time = try fieldTime(unit, isRelative: isRelative)
        let condition = fieldCondition
        let fields = try fieldArguments(
            at: condition == .always ? 3 : 4,
            orNoCount: .text("ERR Parameter `numFields` should be greater than 0"))
        guard let hash = existing else { return replyNoFields(fields.count) }
        let isPast = time <= now && !store.isReplaying
        var changed: [Int] = []
        reply.array(fields.count)
        for index in fields {
            let field = self[index]
            // Redis would give a field back that is past its time, unless it happens to have removed it already.
            if !hash.contains(field) || hash.isExpired(field, at: keys.fieldTime) {
                reply.integer(FieldReply.noField)
            } else if !condition.allows(hash.expiry(of: field), time) {
                reply.integer(FieldReply.conditionNotMet)
            } else {
                if isPast { hash.remove(field) } else { hash.setExpiry(of: field, to: time) }
                changed.append(index)
                reply.integer(isPast ? FieldReply.deleted : FieldReply.done)
            }
        }
        guard !changed.isEmpty else { return }
        if isPast {
            store.statistics.expiredFields += UInt64(changed.count)
            keys.modified(key, .hash, "hdel")
            keys.removeIfEmpty(key, hash)
            propagate("HDEL", count: 1 + changed.count) { effect in
                effect.add(key)
                for index in changed { effect.add(self[index]) }
            }
        } else {
            keys.scheduleFields(of: hash, at: key)
            keys.modified(key, .hash, "hexpire")
            propagateFieldExpiry(time, ofFieldsAt: changed)
        }
    }

    fileprivate func replyFieldTimes(_ unit: TimeUnit, isRelative: Bool) throws(CommandError) {
        let existing = try keys.read(self[1], as: HashValue.self)
        let fields = try fieldArguments(at: 2)
        guard let hash = existing else { return replyNoFields(fields.count) }
        reply.array(fields.count)
        for index in fields {
            guard let time = hash.expiry(of: self[index]) else {
                reply.integer(hash.contains(self[index]) ? FieldReply.noExpiry : FieldReply.noField)
                continue
            }
            guard time >= keys.fieldTime else {
                reply.integer(FieldReply.noField)
                continue
            }
            let shown = isRelative ? time - now : time
            // Seconds are rounded up, unlike those of keys.
            reply.integer(unit == .milliseconds ? shown : (shown + 999) / 1_000)
        }
    }

    // MARK: Journal

    /// The effect that fields of the key at argument 1 expire then.
    func propagateFieldExpiry(_ time: Int64, ofFieldsAt indexes: [Int]) {
        propagate("HPEXPIREAT", count: 4 + indexes.count) { effect in
            effect.add(self[1])
            effect.add(time)
            addFields(indexes, to: &effect)
        }
    }

    fileprivate func addFields(_ indexes: [Int], to effect: inout EffectWriter) {
        effect.add("FIELDS")
        effect.add(Int64(indexes.count))
        for index in indexes { effect.add(self[index]) }
    }
}
