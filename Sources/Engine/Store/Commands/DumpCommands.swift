// DUMP and RESTORE: values as bytes that Redis 7.0 understands, to move them from one server to another.
// Loop thread only. Next: ../Serialization/DumpPayload.swift.

import Wire

extension RESPCommand {
    static let dumpCommands: [RESPCommand] = [dump, restore]

    /// `DUMP key` → the value as bytes, null when there is no such key. O(N) in its elements.
    static let dump = RESPCommand(
        "DUMP", .exactly(2), [.readonly], keys: .first, group: .generic, since: "2.6.0",
        summary: "Returns the value of a key in the form that RESTORE takes.",
        complexity: "O(1) to find the key, O(N) in the elements of its value"
    ) { call throws(CommandError) in
        guard let entry = call.keys.lookup(call[1]) else { return call.reply.null() }
        call.reply.bulk(DumpWriter.payload(of: entry))
    }

    /// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ n]` → OK. A ttl of 0 is none; it is
    /// journaled absolute. FREQ has an effect under an LFU policy, IDLETIME under any other.
    static let restore = RESPCommand(
        "RESTORE", .atLeast(4), [.write, .denyOOM], keys: .first, group: .generic, since: "2.6.0",
        summary: "Makes a key of what DUMP returned.", complexity: "O(N) in the elements of the value"
    ) { call throws(CommandError) in
        let options = try RestoreOptions(call)
        let key = call[1]
        guard options.replaces || !call.keys.exists(key) else {
            throw .text("BUSYKEY Target key name already exists.")
        }
        let time = try call.restoredExpiry(options)
        let body: ByteSlice
        do { body = try DumpFooter.check(call[3]) } catch {
            throw .text("ERR DUMP payload version or checksum are wrong")
        }
        // Owns memory that the value may point into.
        let reader = DumpReader(body)
        let value: DumpReader.Value
        do { value = try reader.value() } catch { throw .text("ERR Bad data format") }
        call.put(value, expiresAt: time, options)
        withExtendedLifetime(reader) {}
        call.reply.ok()
    }
}

private struct RestoreOptions {
    var replaces = false
    var isAbsolute = false
    var idleSeconds: Int64?
    var frequency: UInt8?

    init(_ call: CommandCall) throws(CommandError) {
        var index = 4
        while index < call.count {
            let isLast = index + 1 == call.count
            if call.word(index, is: "replace") {
                replaces = true
            } else if call.word(index, is: "absttl") {
                isAbsolute = true
            } else if call.word(index, is: "idletime"), !isLast, frequency == nil {
                let seconds = try call.integer(index + 1)
                guard seconds >= 0 else { throw .text("ERR Invalid IDLETIME value, must be >= 0") }
                idleSeconds = seconds
                index += 1
            } else if call.word(index, is: "freq"), !isLast, idleSeconds == nil {
                guard let given = UInt8(exactly: try call.integer(index + 1)) else {
                    throw .text("ERR Invalid FREQ value, must be >= 0 and <= 255")
                }
                frequency = given
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
    }
}

extension CommandCall {
    /// Milliseconds since 1970, nil for none.
    fileprivate func restoredExpiry(_ options: RestoreOptions) throws(CommandError) -> Int64? {
        let given = try integer(2)
        guard given >= 0 else { throw .text("ERR Invalid TTL value, must be >= 0") }
        guard given > 0 else { return nil }
        if options.isAbsolute { return given }
        let (time, overflow) = given.addingReportingOverflow(now)
        return overflow ? .max : time
    }

    fileprivate func put(_ value: DumpReader.Value, expiresAt time: Int64?, _ options: RestoreOptions) {
        let key = self[1]
        if let time, time <= now, !store.isReplaying {
            // It has expired already: what is left of the command is that the old value is gone.
            guard keys.remove(key) else { return }
            keys.modified(key, .generic, "del")
            return propagate("DEL", key)
        }
        switch value {
        case .string(let text): keys.setString(key, text)
        case .object(let object): keys.set(key, object)
        }
        if let entry = keys.find(key) {
            if let time { keys.setExpiry(entry, time) }
            store.noteAccess(entry, idleSeconds: options.idleSeconds, frequency: options.frequency)
        }
        keys.modified(key, .generic, "restore")
        guard let time, !options.isAbsolute else { return }
        propagate("RESTORE", count: options.replaces ? 5 : 4) { effect in
            effect.add(key)
            effect.add(time)
            effect.add(self[3])
            effect.add("ABSTTL")
            if options.replaces { effect.add("REPLACE") }
        }
    }
}
