// Strings: get, set, count, append, compare. Bits are in BitmapCommands.swift.
// Next: SetOptions.swift (the options of SET and GETEX), ../Keyspace/Keyspace+Strings.swift.

import Wire

extension RESPCommand {
    static var stringCommands: [RESPCommand] {
        [
            get, set, setnx, setex, psetex, getset, getdel, getex, mget, mset, msetnx, incr, decr, incrby, decrby,
            incrbyfloat, append, strlen, getrange, substr, setrange, lcs,
        ]
    }

    // MARK: Reading

    /// `GET key` → bulk string, or null. O(1).
    static let get = RESPCommand(
        "GET", .exactly(2), [.readonly, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Returns the string value of a key."
    ) { call throws(CommandError) in
        guard let entry = call.keys.lookup(call[1]) else { return call.reply.null() }
        if entry.kind == .longString { return call.replyLong(entry) }
        call.reply.bulk(try call.keys.bytes(of: entry))
    }

    /// `MGET key …` → array of bulk strings and nulls; a key of another type counts as missing. O(N).
    static let mget = RESPCommand(
        "MGET", .atLeast(2), [.readonly, .fast], keys: .all, group: .string, since: "1.0.0",
        summary: "Returns the string values of several keys.", complexity: "O(N) in the number of keys"
    ) { call throws(CommandError) in
        call.reply.array(call.count - 1)
        for index in 1..<call.count where !call.reply.isPointless {
            guard let entry = call.keys.lookup(call[index]), entry.kind.isString else {
                call.reply.null()
                continue
            }
            if entry.kind == .longString {
                call.replyLong(entry)
            } else {
                call.reply.bulk(try call.keys.bytes(of: entry))
            }
        }
    }

    /// `STRLEN key` → integer, 0 when absent. O(1).
    static let strlen = RESPCommand(
        "STRLEN", .exactly(2), [.readonly, .fast], keys: .first, group: .string, since: "2.2.0",
        summary: "Returns the length of a string value in bytes."
    ) { call throws(CommandError) in
        call.reply.integer(try call.keys.readString(call[1])?.count ?? 0)
    }

    /// `GETRANGE key start end` → bulk string; both ends inclusive, negative ones count from the end.
    static let getrange = RESPCommand(
        "GETRANGE", .exactly(4), [.readonly], keys: .first, group: .string, since: "2.4.0",
        summary: "Returns a part of a string value.", complexity: "O(N) in the length of the part"
    ) { call throws(CommandError) in
        try call.replyRange()
    }

    /// `SUBSTR`: the old name of GETRANGE.
    static let substr = RESPCommand(
        "SUBSTR", .exactly(4), [.readonly], keys: .first, group: .string, since: "1.0.0",
        summary: "Returns a part of a string value; GETRANGE under its old name.",
        complexity: "O(N) in the length of the part"
    ) { call throws(CommandError) in
        try call.replyRange()
    }

    // MARK: Setting

    /// `SET key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]` → OK; null when a condition failed;
    /// with GET the old value or null. Relative times are journaled absolute.
    static let set = RESPCommand(
        "SET", .atLeast(3), [.write, .denyOOM], keys: .first, group: .string, since: "1.0.0",
        summary: "Sets a key to a string value, whatever it held before."
    ) { call throws(CommandError) in
        let key = call[1]
        if call.count == 3 {
            call.keys.setString(key, call[2])
            call.keys.modified(key, .string, "set")
            return call.reply.ok()
        }
        try call.setWithOptions(SetOptions(call, from: 3, for: .set))
    }

    /// `SETNX key value` → 1 when set, 0 when the key existed.
    static let setnx = RESPCommand(
        "SETNX", .exactly(3), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Sets a key to a string value if the key does not exist."
    ) { call throws(CommandError) in
        guard !call.keys.exists(call[1]) else { return call.reply.integer(0) }
        call.keys.setString(call[1], call[2])
        call.keys.modified(call[1], .string, "set")
        call.reply.integer(1)
    }

    /// `SETEX key seconds value` → OK. Journaled with the absolute time.
    static let setex = RESPCommand(
        "SETEX", .exactly(4), [.write, .denyOOM], keys: .first, group: .string, since: "2.0.0",
        summary: "Sets a key to a string value that expires after seconds."
    ) { call throws(CommandError) in
        try call.setExpiring(unit: .seconds)
    }

    /// `PSETEX key milliseconds value` → OK. Journaled with the absolute time.
    static let psetex = RESPCommand(
        "PSETEX", .exactly(4), [.write, .denyOOM], keys: .first, group: .string, since: "2.6.0",
        summary: "Sets a key to a string value that expires after milliseconds."
    ) { call throws(CommandError) in
        try call.setExpiring(unit: .milliseconds)
    }

    /// `GETSET key value` → the old value or null.
    static let getset = RESPCommand(
        "GETSET", .exactly(3), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Sets a key to a string value and returns the one it held."
    ) { call throws(CommandError) in
        if let old = try call.keys.readString(call[1]) { call.reply.bulk(old) } else { call.reply.null() }
        call.keys.setString(call[1], call[2])
        call.keys.modified(call[1], .string, "set")
    }

    /// `GETDEL key` → the value or null. Journaled as DEL.
    static let getdel = RESPCommand(
        "GETDEL", .exactly(2), [.write, .fast], keys: .first, group: .string, since: "6.2.0",
        summary: "Returns the string value of a key and deletes the key."
    ) { call throws(CommandError) in
        guard let old = try call.keys.readString(call[1]) else { return call.reply.null() }
        call.reply.bulk(old)
        call.keys.remove(call[1])
        call.keys.modified(call[1], .generic, "del")
        call.propagate("DEL", call[1])
    }

    /// `GETEX key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]` → the value or null. Journaled as what became of the expiry.
    static let getex = RESPCommand(
        "GETEX", .atLeast(2), [.write, .fast], keys: .first, group: .string, since: "6.2.0",
        summary: "Returns the string value of a key and sets or removes its expiry."
    ) { call throws(CommandError) in
        let key = call[1]
        let options: SetOptions
        do throws(CommandError) {
            options = try SetOptions(call, from: 2, for: .getex)
        } catch {
            // Bad words are noticed first, then a missing key or one of another type, then a bad time.
            if error != .syntax, try call.keys.findString(key) == nil { return call.reply.null() }
            throw error
        }
        guard let entry = call.keys.lookup(key) else { return call.reply.null() }
        call.reply.bulk(try call.keys.bytes(of: entry))
        if let time = options.expiryMilliseconds {
            if time <= call.now, !call.store.isReplaying {
                call.keys.remove(key)
                call.keys.modified(key, .generic, "del")
                return call.propagate("DEL", key)
            }
            call.keys.setExpiry(entry, time)
            call.keys.modified(key, .generic, "expire")
            call.propagate("PEXPIREAT", key, time)
        } else if options.persists, call.keys.clearExpiry(entry) {
            call.keys.modified(key, .generic, "persist")
            call.propagate("PERSIST", key)
        }
    }

    /// `MSET key value …` → OK. One step: nobody sees half of it.
    static let mset = RESPCommand(
        "MSET", .atLeast(3), [.write, .denyOOM], keys: .range(first: 1, last: -1, step: 2), group: .string,
        since: "1.0.1", summary: "Sets several keys to string values.", complexity: "O(N) in the number of keys"
    ) { call throws(CommandError) in
        guard call.count % 2 == 1 else { throw .wrongArity(command: call.commandName) }
        call.setPairs()
        call.reply.ok()
    }

    /// `MSETNX key value …` → 1 when all were set, 0 when any of the keys existed.
    static let msetnx = RESPCommand(
        "MSETNX", .atLeast(3), [.write, .denyOOM], keys: .range(first: 1, last: -1, step: 2), group: .string,
        since: "1.0.1", summary: "Sets several keys to string values if none of them exists.",
        complexity: "O(N) in the number of keys"
    ) { call throws(CommandError) in
        guard call.count % 2 == 1 else { throw .wrongArity(command: call.commandName) }
        for index in stride(from: 1, to: call.count, by: 2) where call.keys.exists(call[index]) {
            return call.reply.integer(0)
        }
        call.setPairs()
        call.reply.integer(1)
    }

    // MARK: Counting

    /// `INCR key` → the new value. A missing key counts as 0.
    static let incr = RESPCommand(
        "INCR", .exactly(2), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Adds one to the integer value of a key."
    ) { call throws(CommandError) in
        try call.add(1)
    }

    /// `DECR key` → the new value.
    static let decr = RESPCommand(
        "DECR", .exactly(2), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Takes one from the integer value of a key."
    ) { call throws(CommandError) in
        try call.add(-1)
    }

    /// `INCRBY key n` → the new value.
    static let incrby = RESPCommand(
        "INCRBY", .exactly(3), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Adds an integer to the integer value of a key."
    ) { call throws(CommandError) in
        try call.add(try call.integer(2))
    }

    /// `DECRBY key n` → the new value.
    static let decrby = RESPCommand(
        "DECRBY", .exactly(3), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Takes an integer from the integer value of a key."
    ) { call throws(CommandError) in
        let amount = try call.integer(2)
        guard amount != Int64.min else { throw .text("ERR decrement would overflow") }
        try call.add(-amount)
    }

    /// `INCRBYFLOAT key n` → the new value as bulk string. Journaled as SET: how floats round must not matter.
    static let incrbyfloat = RESPCommand(
        "INCRBYFLOAT", .exactly(3), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "2.6.0",
        summary: "Adds a floating-point number to the value of a key."
    ) { call throws(CommandError) in
        let key = call[1]
        let old = try call.keys.findString(key)
        guard let amount = ExtendedText.parse(call[2]) else { throw .notFloat }
        var value: ExtendedDouble = 0
        if let old {
            guard let parsed = ExtendedText.parse(old) else { throw .notFloat }
            value = parsed
        }
        value += amount
        guard value.isFinite else { throw .nanOrInfinity }
        ExtendedText.with(value) { text in
            call.keys.setString(key, text, expiry: .keep)
            call.propagate("SET", count: 3) { effect in
                effect.add(key)
                effect.add(text)
                effect.add("KEEPTTL")
            }
            call.reply.bulk(text)
        }
        call.keys.modified(key, .string, "incrbyfloat")
    }

    // MARK: Changing in place

    /// `APPEND key value` → the new length. Amortized O(1).
    static let append = RESPCommand(
        "APPEND", .exactly(3), [.write, .denyOOM, .fast], keys: .first, group: .string, since: "2.0.0",
        summary: "Appends bytes to the string value of a key, which is made if it does not exist."
    ) { call throws(CommandError) in
        let key = call[1]
        let value = call[2]
        guard let old = try call.keys.findString(key) else {
            call.keys.setString(key, value)
            call.keys.modified(key, .string, "append")
            return call.reply.integer(value.count)
        }
        let start = old.count
        guard start + value.count <= call.store.context.configuration.respBulkBytesMax else { throw .stringTooLong }
        let bytes = try call.keys.editString(key, minimumCount: start + value.count)
        (bytes + start).copyMemory(from: value.base, byteCount: value.count)
        call.keys.modified(key, .string, "append")
        call.reply.integer(start + value.count)
    }

    /// `SETRANGE key offset value` → the new length; a gap is filled with zeros.
    static let setrange = RESPCommand(
        "SETRANGE", .exactly(4), [.write, .denyOOM], keys: .first, group: .string, since: "2.2.0",
        summary: "Overwrites a part of a string value.", complexity: "O(1) and the bytes written"
    ) { call throws(CommandError) in
        let key = call[1]
        let value = call[3]
        let offset = try call.integer(2)
        guard offset >= 0 else { throw .text("ERR offset is out of range") }
        let old = try call.keys.findString(key)?.count
        guard value.count > 0 else { return call.reply.integer(old ?? 0) }
        let (end, overflow) = offset.addingReportingOverflow(Int64(value.count))
        guard !overflow, end <= call.store.context.configuration.respBulkBytesMax else { throw .stringTooLong }
        let bytes = try call.keys.editString(key, minimumCount: Int(end))
        (bytes + Int(offset)).copyMemory(from: value.base, byteCount: value.count)
        call.keys.modified(key, .string, "setrange")
        call.reply.integer(max(Int(end), old ?? 0))
    }

    // MARK: Comparing

    /// `LCS key key [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]` → the longest common subsequence. O(N×M).
    static let lcs = RESPCommand(
        "LCS", .atLeast(3), [.readonly], keys: .range(first: 1, last: 2, step: 1), group: .string, since: "7.0.0",
        summary: "Finds the longest common subsequence of two strings.",
        complexity: "O(N*M) in the lengths of the strings"
    ) { call throws(CommandError) in
        try call.replyCommonSubsequence()
    }
}

// MARK: - What several of them do

extension CommandCall {
    /// A long string, referred to and not copied.
    @inline(never)
    fileprivate func replyLong(_ entry: KeyEntry) {
        let object = unsafeDowncast(entry.object, to: LongString.self)
        reply.bulk(object.slice, owner: object)
    }

    fileprivate func replyRange() throws(CommandError) {
        var start = try integer(2)
        var end = try integer(3)
        guard let value = try keys.readString(self[1]), value.count > 0 else { return reply.bulk(ByteSlice.empty) }
        let count = Int64(value.count)
        if start < 0, end < 0, start > end { return reply.bulk(ByteSlice.empty) }
        if start < 0 { start = max(0, start + count) }
        if end < 0 { end = max(0, end + count) }
        end = min(end, count - 1)
        guard start <= end else { return reply.bulk(ByteSlice.empty) }
        reply.bulk(value.slice(from: Int(start), count: Int(end - start + 1)))
    }

    fileprivate func setWithOptions(_ options: SetOptions) throws(CommandError) {
        let key = self[1]
        let hash = ByteHash.hash(key)
        let found = keys.find(key, hash: hash)
        // The old value goes out before it is overwritten.
        if options.returnsOld {
            if let found { reply.bulk(try keys.bytes(of: found)) } else { reply.null() }
        }
        if options.onlyIfAbsent && found != nil || options.onlyIfPresent && found == nil {
            if !options.returnsOld { reply.null() }
            return
        }
        let expiry: Keyspace.ExpiryChange =
            options.expiryMilliseconds.map { .at($0) } ?? (options.keepsExpiry ? .keep : .clear)
        keys.setString(key, hash: hash, found: found, self[2], expiry: expiry)
        keys.modified(key, .string, "set")
        if let time = options.expiryMilliseconds {
            keys.notify(key, .generic, "expire")
            propagateSet(key, self[2], expiresAt: time)
        }
        if !options.returnsOld { reply.ok() }
    }

    fileprivate func propagateSet(_ key: ByteSlice, _ value: ByteSlice, expiresAt time: Int64) {
        propagate("SET", count: 4) { effect in
            effect.add(key)
            effect.add(value)
            effect.add("PXAT")
            effect.add(time)
        }
    }

    fileprivate func setExpiring(unit: TimeUnit) throws(CommandError) {
        let time = try expiryTime(2, unit: unit, isRelative: true)
        keys.setString(self[1], self[3], expiry: .at(time))
        keys.modified(self[1], .string, "set")
        keys.notify(self[1], .generic, "expire")
        propagateSet(self[1], self[3], expiresAt: time)
        reply.ok()
    }

    fileprivate func setPairs() {
        for index in stride(from: 1, to: count, by: 2) {
            keys.setString(self[index], self[index + 1])
            keys.modified(self[index], .string, "set")
        }
    }

    fileprivate func add(_ amount: Int64) throws(CommandError) {
        let key = self[1]
        let found = keys.find(key)
        var old: Int64 = 0
        if let found {
            if found.kind == .integer {
                old = found.integer
            } else {
                guard let parsed = RESPNumber.integer(try keys.bytes(of: found)) else { throw .notInteger }
                old = parsed
            }
        }
        let (value, overflow) = old.addingReportingOverflow(amount)
        guard !overflow else { throw .overflow }
        keys.setInteger(key, found: found, value)
        keys.modified(key, .string, "incrby")
        reply.integer(value)
    }
}
