// Commands on hashes. Fields past their time are there for nobody: who asks for one removes it, who walks passes over
// them, HLEN alone counts them until they go, as in Redis.
// Loop thread only. Next: Types/HashValue.swift, FieldExpiryCommands.swift, CollectionScan.swift (HSCAN).

import Wire

extension RESPCommand {
    static let hashCommands: [RESPCommand] = [
        hset, hmset, hsetnx, hget, hmget, hgetall, hkeys, hvals, hlen, hstrlen, hexists, hdel, hincrby,
        hincrbyfloat, hrandfield, hscan,
    ]

    // MARK: Writing

    /// `HSET key field value …` → number of new fields. O(fields).
    static let hset = RESPCommand(
        "HSET", .atLeast(4), [.write, .denyOOM, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Sets fields of a hash, which is made if the key does not exist.",
        complexity: "O(N) for N fields."
    ) { call throws(CommandError) in call.reply.integer(try call.setFields()) }

    static let hmset = RESPCommand(
        "HMSET", .atLeast(4), [.write, .denyOOM, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Sets fields of a hash; HSET does the same.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        _ = try call.setFields()
        call.reply.ok()
    }

    static let hsetnx = RESPCommand(
        "HSETNX", .exactly(4), [.write, .denyOOM, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Sets a field of a hash unless the field exists."
    ) { call throws(CommandError) in
        call.keys.expireField(call[2], at: call[1])
        let hash = try call.keys.write(call[1], as: HashValue.self, orInsert: { HashValue() })
        guard !hash.contains(call[2]) else { return call.reply.integer(0) }
        hash.set(call[2], to: call[3])
        call.reply.integer(1)
        call.keys.modified(call[1], .hash, "hset")
    }

    static let hdel = RESPCommand(
        "HDEL", .atLeast(3), [.write, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Removes fields of a hash, and the hash with its last field.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        guard let hash = try call.keys.write(call[1], as: HashValue.self) else { return call.reply.integer(0) }
        var removed = 0
        for index in 2..<call.count where hash.remove(call[index]) { removed += 1 }
        call.reply.integer(removed)
        guard removed > 0 else { return }
        call.keys.modified(call[1], .hash, "hdel")
        call.keys.removeIfEmpty(call[1], hash)
    }

    static let hincrby = RESPCommand(
        "HINCRBY", .exactly(4), [.write, .denyOOM, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Adds an integer to a field of a hash; a missing field counts as 0."
    ) { call throws(CommandError) in
        let increment = try call.integer(3)
        call.keys.expireField(call[2], at: call[1])
        let existing = try call.keys.write(call[1], as: HashValue.self)
        var value: Int64 = 0
        if let text = existing?.get(call[2]) {
            guard let number = RESPNumber.integer(text) else { throw .text("ERR hash value is not an integer") }
            value = number
        }
        let (sum, overflow) = value.addingReportingOverflow(increment)
        if overflow { throw .overflow }
        let hash = try call.keep(existing, at: 1) { HashValue() }
        _ = DecimalText.with(sum) { hash.set(call[2], to: $0, keepsExpiry: true) }
        call.reply.integer(sum)
        call.keys.modified(call[1], .hash, "hincrby")
    }

    /// `HINCRBYFLOAT key field increment` → value as text. Journaled as HSET: another processor's arithmetic
    /// must not give another value.
    static let hincrbyfloat = RESPCommand(
        "HINCRBYFLOAT", .exactly(4), [.write, .denyOOM, .fast], keys: .first, group: .hash, since: "2.6.0",
        summary: "Adds a number to a field of a hash; a missing field counts as 0."
    ) { call throws(CommandError) in
        guard let increment = ExtendedText.parse(call[3]) else { throw .notFloat }
        if increment.isInfinite { throw .text("ERR value is NaN or Infinity") }
        call.keys.expireField(call[2], at: call[1])
        let existing = try call.keys.write(call[1], as: HashValue.self)
        var value: ExtendedDouble = 0
        if let text = existing?.get(call[2]) {
            guard let number = ExtendedText.parse(text) else { throw .text("ERR hash value is not a float") }
            value = number
        }
        value += increment
        if value.isNaN || value.isInfinite { throw .nanOrInfinity }
        let hash = try call.keep(existing, at: 1) { HashValue() }
        ExtendedText.with(value) { text in
            hash.set(call[2], to: text, keepsExpiry: true)
            call.reply.bulk(text)
            call.propagate("HSET", count: 3) { effect in
                effect.add(call[1])
                effect.add(call[2])
                effect.add(text)
            }
        }
        // HSET has taken the time away.
        if let time = hash.expiry(of: call[2]) { call.propagateFieldExpiry(time, ofFieldsAt: [2]) }
        call.keys.modified(call[1], .hash, "hincrbyfloat")
    }

    // MARK: Reading

    static let hget = RESPCommand(
        "HGET", .exactly(3), [.readonly, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns the value of a field of a hash."
    ) { call throws(CommandError) in
        guard let hash = try call.keys.read(call[1], as: HashValue.self),
            let value = call.keys.value(of: call[2], in: hash, at: call[1])
        else { return call.reply.null() }
        call.reply.bulk(value)
    }

    static let hmget = RESPCommand(
        "HMGET", .atLeast(3), [.readonly, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns the values of fields of a hash.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        let hash = try call.keys.read(call[1], as: HashValue.self)
        call.reply.array(call.count - 2)
        for index in 2..<call.count where !call.reply.isPointless {
            let value = hash.flatMap { call.keys.value(of: call[index], in: $0, at: call[1]) }
            if let value { call.reply.bulk(value) } else { call.reply.null() }
        }
    }

    static let hgetall = RESPCommand(
        "HGETALL", .exactly(2), [.readonly], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns all fields and values of a hash.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        guard let hash = try call.keys.read(call[1], as: HashValue.self) else { return call.reply.map(0) }
        call.reply.map(hash.liveCount(at: call.keys.fieldTime))
        hash.forEachLive(at: call.keys.fieldTime) {
            call.reply.bulk($0)
            call.reply.bulk($1)
            return true
        }
    }

    static let hkeys = RESPCommand(
        "HKEYS", .exactly(2), [.readonly], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns all fields of a hash.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        guard let hash = try call.keys.read(call[1], as: HashValue.self) else { return call.reply.array(0) }
        call.reply.array(hash.liveCount(at: call.keys.fieldTime))
        hash.forEachLive(at: call.keys.fieldTime) { field, _ in
            call.reply.bulk(field)
            return true
        }
    }

    static let hvals = RESPCommand(
        "HVALS", .exactly(2), [.readonly], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns all values of a hash.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        guard let hash = try call.keys.read(call[1], as: HashValue.self) else { return call.reply.array(0) }
        call.reply.array(hash.liveCount(at: call.keys.fieldTime))
        hash.forEachLive(at: call.keys.fieldTime) { _, value in
            call.reply.bulk(value)
            return true
        }
    }

    static let hlen = RESPCommand(
        "HLEN", .exactly(2), [.readonly, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns the number of fields of a hash."
    ) { call throws(CommandError) in
        call.reply.integer(try call.keys.read(call[1], as: HashValue.self)?.count ?? 0)
    }

    static let hstrlen = RESPCommand(
        "HSTRLEN", .exactly(3), [.readonly, .fast], keys: .first, group: .hash, since: "3.2.0",
        summary: "Returns the length of the value of a field of a hash."
    ) { call throws(CommandError) in
        let hash = try call.keys.read(call[1], as: HashValue.self)
        call.reply.integer(hash.flatMap { call.keys.value(of: call[2], in: $0, at: call[1]) }?.count ?? 0)
    }

    static let hexists = RESPCommand(
        "HEXISTS", .exactly(3), [.readonly, .fast], keys: .first, group: .hash, since: "2.0.0",
        summary: "Returns whether a hash has a field."
    ) { call throws(CommandError) in
        let hash = try call.keys.read(call[1], as: HashValue.self)
        call.reply.integer(hash.flatMap { call.keys.value(of: call[2], in: $0, at: call[1]) } == nil ? 0 : 1)
    }

    /// `HRANDFIELD key [count [WITHVALUES]]` → field, or an array. A negative count may repeat fields.
    static let hrandfield = RESPCommand(
        "HRANDFIELD", .atLeast(2), [.readonly], keys: .first, group: .hash, since: "6.2.0",
        summary: "Returns random fields of a hash.", complexity: "O(N) for N fields."
    ) { call throws(CommandError) in
        if call.count == 2 {
            guard let hash = try call.keys.read(call[1], as: HashValue.self) else { return call.reply.null() }
            call.keys.expireFields(of: hash, at: call[1])
            guard let drawn = call.randomField(of: hash) else { return call.reply.null() }
            return call.reply.bulk(drawn.field)
        }
        let (wanted, withValues) = try call.randomCount(option: "withvalues")
        guard let hash = try call.keys.read(call[1], as: HashValue.self) else { return call.reply.array(0) }
        call.keys.expireFields(of: hash, at: call[1])
        let fields = hash.liveCount(at: call.keys.fieldTime)
        guard fields > 0 else { return call.reply.array(0) }
        // RESP3 gives pairs as arrays of two.
        func write(_ field: ByteSlice, _ value: ByteSlice) {
            if withValues, call.reply.isRESP3 { call.reply.array(2) }
            call.reply.bulk(field)
            if withValues { call.reply.bulk(value) }
        }
        let width = withValues && !call.reply.isRESP3 ? 2 : 1
        if wanted < 0 {
            call.reply.array(-wanted * width)
            for _ in 0..<(-wanted) where !call.reply.isPointless {
                guard let (field, value) = call.randomField(of: hash) else { break }
                write(field, value)
            }
            return
        }
        let chosen = RandomChoice.distinct(wanted, of: fields, using: &call.store.context.random)
        call.reply.array(chosen.count * width)
        var index = 0
        hash.forEachLive(at: call.keys.fieldTime) { field, value in
            if chosen.contains(index) { write(field, value) }
            index += 1
            return index < chosen.end
        }
    }

    static let hscan = RESPCommand(
        "HSCAN", .atLeast(3), [.readonly], keys: .first, group: .hash, since: "2.8.0",
        summary: "Walks over the fields and values of a hash, step by step.",
        complexity: "O(1) for each step, O(N) for all."
    ) { call throws(CommandError) in
        let cursor = try ScanOptions.cursor(call[2])
        guard let hash = try call.keys.read(call[1], as: HashValue.self) else { return call.replyEmptyScan() }
        try call.scanCollection(from: cursor) { cursor, page in
            hash.scan(cursor) { field, value in
                if hash.isExpired(field, at: call.keys.fieldTime) { page.pass() } else { page.add(field, value) }
            }
        }
    }
}

extension CommandCall {
    fileprivate func randomField(of hash: HashValue) -> (field: ByteSlice, value: ByteSlice)? {
        hash.randomLiveField(at: keys.fieldTime, using: &store.context.random)
    }

    /// Sets the fields that follow the key; returns how many are new.
    fileprivate func setFields() throws(CommandError) -> Int {
        guard count % 2 == 0 else { throw .wrongArity(command: commandName) }
        let hash = try keys.write(self[1], as: HashValue.self, orInsert: { HashValue() })
        hash.expect(fieldCount: (count - 2) / 2)
        var created = 0
        var index = 2
        while index < count {
            if hash.set(self[index], to: self[index + 1]) { created += 1 }
            index += 2
        }
        keys.modified(self[1], .hash, "hset")
        return created
    }
}
