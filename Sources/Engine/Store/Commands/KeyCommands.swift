// Keys of any type: existence, deletion, renaming, walking, what they hold; whole databases.
// Expiry is in ExpiryCommands.swift. Next: ../Keyspace/Keyspace.swift.

import Wire

extension RESPCommand {
    static var keyCommands: [RESPCommand] {
        [
            del, unlink, exists, touch, type, keys, scan, randomkey, rename, renamenx, copy, move, object, dbsize,
            flushdb, flushall, swapdb,
        ]
    }

    // MARK: Existence

    /// `DEL key …` → how many existed. O(N).
    static let del = RESPCommand(
        "DEL", .atLeast(2), [.write], keys: .all, group: .generic, since: "1.0.0", summary: "Deletes keys.",
        complexity: "O(N) in the number of keys, and of elements of those that hold several"
    ) { call throws(CommandError) in
        call.removeAll()
    }

    /// `UNLINK key …` → how many existed.
    static let unlink = RESPCommand(
        "UNLINK", .atLeast(2), [.write, .fast], keys: .all, group: .generic, since: "4.0.0",
        summary: "Deletes keys; their memory may be freed later.", complexity: "O(N) in the number of keys"
    ) { call throws(CommandError) in
        call.removeAll()
    }

    /// `EXISTS key …` → how many exist; a key named twice counts twice.
    static let exists = RESPCommand(
        "EXISTS", .atLeast(2), [.readonly, .fast], keys: .all, group: .generic, since: "1.0.0",
        summary: "Counts how many of the keys exist.", complexity: "O(N) in the number of keys"
    ) { call throws(CommandError) in
        var found = 0
        for index in 1..<call.count where call.keys.lookup(call[index]) != nil { found += 1 }
        call.reply.integer(found)
    }

    /// `TOUCH key …` → how many exist; their access time is now.
    static let touch = RESPCommand(
        "TOUCH", .atLeast(2), [.readonly, .fast], keys: .all, group: .generic, since: "3.2.1",
        summary: "Sets the access time of keys to now and counts those that exist.",
        complexity: "O(N) in the number of keys"
    ) { call throws(CommandError) in
        var found = 0
        for index in 1..<call.count {
            guard let entry = call.keys.lookup(call[index]) else { continue }
            if call.store.touchMode.contains(.suppressed) { call.store.touchWritten(entry) }
            found += 1
        }
        call.reply.integer(found)
    }

    /// `TYPE key` → its type's name, or none.
    static let type = RESPCommand(
        "TYPE", .exactly(2), [.readonly, .fast], keys: .first, group: .generic, since: "1.0.0",
        summary: "Says what type of value a key holds."
    ) { call throws(CommandError) in
        call.reply.simple(call.keys.kind(of: call[1])?.typeName ?? "none")
    }

    // MARK: Walking

    /// `KEYS pattern` → all keys that match. O(N) in all keys.
    static let keys = RESPCommand(
        "KEYS", .exactly(2), [.readonly], group: .generic, since: "1.0.0",
        summary: "Returns all key names that match a pattern.",
        complexity: "O(N) in the number of keys of the database"
    ) { call throws(CommandError) in
        let pattern = call[1]
        let matchesAll = pattern.equals("*")
        var found: [KeyEntry] = []
        call.keys.forEach { entry in
            if matchesAll || Glob.matches(pattern, entry.key) { found.append(entry) }
        }
        call.reply.array(found.count)
        for entry in found { call.reply.bulk(entry.key) }
    }

    /// `SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]` → next cursor and some keys. A key that is there from
    /// beginning to end of a scan is returned at least once.
    static let scan = RESPCommand(
        "SCAN", .atLeast(2), [.readonly], group: .generic, since: "2.8.0",
        summary: "Walks over the key names, some at each call.", complexity: "O(1) for each call, O(N) for all"
    ) { call throws(CommandError) in
        try call.replyScan()
    }

    /// `RANDOMKEY` → a key, or null when there is none.
    static let randomkey = RESPCommand(
        "RANDOMKEY", .exactly(1), [.readonly], group: .generic, since: "1.0.0", summary: "Returns a random key name."
    ) { call throws(CommandError) in
        guard let entry = call.keys.randomEntry() else { return call.reply.null() }
        call.reply.bulk(entry.key)
    }

    // MARK: Moving

    /// `RENAME key newkey` → OK; what newkey held is gone.
    static let rename = RESPCommand(
        "RENAME", .exactly(3), [.write], keys: .range(first: 1, last: 2, step: 1), group: .generic, since: "1.0.0",
        summary: "Renames a key and overwrites the destination."
    ) { call throws(CommandError) in
        guard call.keys.exists(call[1]) else { throw .noSuchKey }
        guard call[1] != call[2] else { return call.reply.ok() }
        call.rename()
        call.reply.ok()
    }

    /// `RENAMENX key newkey` → 1 when renamed, 0 when newkey existed.
    static let renamenx = RESPCommand(
        "RENAMENX", .exactly(3), [.write, .fast], keys: .range(first: 1, last: 2, step: 1), group: .generic,
        since: "1.0.0", summary: "Renames a key if the destination does not exist."
    ) { call throws(CommandError) in
        guard call.keys.exists(call[1]) else { throw .noSuchKey }
        guard !call.keys.exists(call[2]) else { return call.reply.integer(0) }
        call.rename()
        call.reply.integer(1)
    }

    /// `COPY source destination [DB n] [REPLACE]` → 1 when copied, else 0.
    static let copy = RESPCommand(
        "COPY", .atLeast(3), [.write, .denyOOM], keys: .range(first: 1, last: 2, step: 1), group: .generic,
        since: "6.2.0", summary: "Copies the value of a key to another key.",
        complexity: "O(N) in the elements of the value"
    ) { call throws(CommandError) in
        try call.copyKey()
    }

    /// `MOVE key db` → 1 when moved, 0 when absent here or present there.
    static let move = RESPCommand(
        "MOVE", .exactly(3), [.write, .fast], keys: .first, group: .generic, since: "1.0.0",
        summary: "Moves a key to another database."
    ) { call throws(CommandError) in
        let target = try call.database(2, invalid: .notInteger)
        let key = call[1]
        guard target !== call.keys else { throw .text("ERR source and destination objects are the same") }
        guard call.keys.exists(key), !target.exists(key) else { return call.reply.integer(0) }
        _ = call.keys.move(key, to: key, in: target)
        call.keys.modified(key, .generic, "move_from")
        target.modified(key, .generic, "move_to")
        call.reply.integer(1)
    }

    // MARK: Looking inside

    static let object = RESPCommand(
        container: "OBJECT", group: .generic, since: "2.2.3", summary: "Looks at how values are held.",
        subcommands: [
            RESPCommand(
                "ENCODING", .exactly(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .generic,
                since: "2.2.3", summary: "Says how the value of a key is held."
            ) { call throws(CommandError) in
                guard let entry = call.keys.find(call[2]) else { return call.reply.null() }
                call.reply.bulk(entry.encodingName)
            },
            RESPCommand(
                "REFCOUNT", .exactly(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .generic,
                since: "2.2.3", summary: "Says how many refer to the value of a key."
            ) { call throws(CommandError) in
                guard call.keys.find(call[2]) != nil else { return call.reply.null() }
                call.reply.integer(1)
            },
            RESPCommand(
                "IDLETIME", .exactly(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .generic,
                since: "2.2.3", summary: "Says for how many seconds nobody has used a key."
            ) { call throws(CommandError) in
                guard let entry = call.keys.find(call[2]) else { return call.reply.null() }
                guard !call.store.context.configuration.evictionPolicy.countsFrequency else {
                    throw .text(
                        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
                    )
                }
                call.reply.integer(Int64(call.store.idleSeconds(entry)))
            },
            RESPCommand(
                "FREQ", .exactly(3), [.readonly], keys: .range(first: 2, last: 2, step: 1), group: .generic,
                since: "4.0.0", summary: "Says how often a key is used, 0 to 255."
            ) { call throws(CommandError) in
                guard let entry = call.keys.find(call[2]) else { return call.reply.null() }
                if call.store.context.configuration.evictionPolicy.countsFrequency {
                    return call.reply.integer(Int64(call.store.frequency(entry)))
                }
                throw .text(
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
                )
            },
            RESPCommand(
                "HELP", .exactly(2), [.loading, .stale], group: .generic, since: "6.2.0",
                summary: "Lists the subcommands."
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])

    // MARK: Whole databases

    /// `DBSIZE` → number of keys of the selected database.
    static let dbsize = RESPCommand(
        "DBSIZE", .exactly(1), [.readonly, .fast], group: .server, since: "1.0.0",
        summary: "Returns the number of keys of the database."
    ) { call throws(CommandError) in
        call.reply.integer(call.keys.count)
    }

    /// `FLUSHDB [ASYNC|SYNC]` → OK.
    static let flushdb = RESPCommand(
        "FLUSHDB", .atLeast(1), [.write], group: .server, since: "1.0.0",
        summary: "Deletes all keys of the selected database."
    ) { call throws(CommandError) in
        try call.checkFlushOptions()
        if call.keys.count > 0 { call.keys.removeAll() }
        if call.store.isTracking { call.store.tracking.flushed() }
        call.store.dirty += 1
        call.reply.ok()
    }

    /// `FLUSHALL [ASYNC|SYNC]` → OK.
    static let flushall = RESPCommand(
        "FLUSHALL", .atLeast(1), [.write], group: .server, since: "1.0.0", summary: "Deletes all keys of all databases."
    ) { call throws(CommandError) in
        try call.checkFlushOptions()
        for keyspace in call.store.databases where keyspace.count > 0 { keyspace.removeAll() }
        if call.store.isTracking { call.store.tracking.flushed() }
        call.store.dirty += 1
        call.reply.ok()
    }

    /// `SWAPDB a b` → OK: all clients of one see what was in the other.
    static let swapdb = RESPCommand(
        "SWAPDB", .exactly(3), [.write, .fast], group: .server, since: "4.0.0",
        summary: "Swaps two databases.", complexity: "O(N) in the clients that watch or wait for keys of the two"
    ) { call throws(CommandError) in
        let numbers = Int64(Int32.min)...Int64(Int32.max)
        _ = try call.integer(1, in: numbers, or: .text("ERR invalid first DB index"))
        _ = try call.integer(2, in: numbers, or: .text("ERR invalid second DB index"))
        let first = try call.database(1, invalid: .databaseOutOfRange)
        let second = try call.database(2, invalid: .databaseOutOfRange)
        if first !== second { first.swapContents(with: second) }
        call.store.dirty += 1
        call.reply.ok()
    }
}

// MARK: - What several of them do

extension CommandCall {
    /// The database whose number is argument `index`.
    func database(_ index: Int, invalid: CommandError) throws(CommandError) -> Keyspace {
        guard let number = RESPNumber.integer(self[index]) else { throw invalid }
        guard Int32(exactly: number) != nil else {
            throw .text("ERR value is out of range, value must between -2147483648 and 2147483647")
        }
        guard number >= 0, number < store.databases.count else { throw .databaseOutOfRange }
        return store.databases[Int(number)]
    }

    fileprivate func removeAll() {
        var removed = 0
        for index in 1..<count where keys.remove(self[index]) {
            keys.modified(self[index], .generic, "del")
            removed += 1
        }
        reply.integer(removed)
    }

    fileprivate func rename() {
        _ = keys.move(self[1], to: self[2], in: keys)
        keys.modified(self[1], .generic, "rename_from")
        keys.modified(self[2], .generic, "rename_to")
    }

    fileprivate func copyKey() throws(CommandError) {
        var target = keys
        var replaces = false
        var index = 3
        while index < count {
            if word(index, is: "replace") {
                replaces = true
            } else if word(index, is: "db"), index + 1 < count {
                target = try database(index + 1, invalid: .notInteger)
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
        guard target !== keys || self[1] != self[2] else {
            throw .text("ERR source and destination objects are the same")
        }
        guard keys.exists(self[1]) else { return reply.integer(0) }
        if target.exists(self[2]) {
            guard replaces else { return reply.integer(0) }
            target.remove(self[2])
        }
        _ = keys.copy(self[1], to: self[2], in: target)
        target.modified(self[2], .generic, "copy_to")
        reply.integer(1)
    }

    fileprivate func checkFlushOptions() throws(CommandError) {
        guard count == 1 || (count == 2 && (word(1, is: "async") || word(1, is: "sync"))) else { throw .syntax }
    }

    fileprivate func replyScan() throws(CommandError) {
        var cursor = try ScanOptions.cursor(self[1])
        let options = try ScanOptions(self, from: 2, allowsType: true)
        var found: [KeyEntry] = []
        var steps = options.count * 10
        repeat {
            cursor = keys.scan(cursor) { found.append($0) }
            steps -= 1
        } while cursor != 0 && found.count < options.count && steps > 0
        found.removeAll { entry in
            if let type = options.type, !type.equalsIgnoringCase(entry.kind.typeName) { return true }
            return !options.matches(entry.key)
        }
        reply.array(2)
        reply.bulk(String(cursor))
        reply.array(found.count)
        for entry in found { reply.bulk(entry.key) }
    }

    /// One line for each subcommand of the container, made from the table.
    func replyHelp() {
        guard let container = store.table.find(self[0]) else { return reply.array(0) }
        let name = container.command.name.description
        var lines = ["\(name) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
        for (_, row) in container.subcommands where !row.command.name.description.isEmpty {
            lines.append(row.command.name.description)
            lines.append("    " + row.command.summary.description)
        }
        reply.array(lines.count)
        for line in lines { reply.simpleText(line) }
    }
}

extension KeyEntry {
    /// Longest string that counts as embedded.
    private static let embeddedBytesMax = 44

    /// As `OBJECT ENCODING` says it.
    var encodingName: StaticString {
        switch kind {
        case .integer: "int"
        case .inlineString:
            flags & Flags.raw != 0 || inlineValue.count > Self.embeddedBytesMax ? "raw" : "embstr"
        default: object.encodingName
        }
    }
}
