// XREAD and XREADGROUP: entries after an identifier, of one or more streams, waiting for some.
// What a group hands out is journaled as claims and the group's new position. So is history that is handed out
// again: how often an entry was delivered is what programs tell a poisonous one by.
// Loop thread only. Next: StreamGroupCommands.swift, ../Clients/Blocking.swift.

import Wire

extension RESPCommand {
    static let streamReadCommands: [RESPCommand] = [xread, xreadgroup]

    /// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key … id …` → map of key and entries, or null.
    static let xread = RESPCommand(
        "XREAD", .atLeast(4), [.readonly, .blocking], keys: .streams, group: .stream, since: "5.0.0",
        summary: "Returns entries after an identifier of one or more streams; may wait for them.",
        complexity: "O(N) for N entries."
    ) { call throws(CommandError) in try StreamRead(call, hasGroup: false).run(call) }

    /// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key … id …`
    static let xreadgroup = RESPCommand(
        "XREADGROUP", .atLeast(7), [.write, .blocking], keys: .streams, group: .stream, since: "5.0.0",
        summary: "Returns new or pending entries of streams to a consumer of a group; may wait for them.",
        complexity: "O(N) for N entries."
    ) { call throws(CommandError) in try StreamRead(call, hasGroup: true).run(call) }
}

/// A read of streams with its options, checked.
private struct StreamRead {
    private enum Start {
        /// Entries after this one.
        case after(StreamID)
        /// What nobody of the group has got yet.
        case new
        /// What is pending for the consumer, after this one.
        case pending(StreamID)
    }

    private var countMax = Int.max
    private var timeoutMilliseconds: Int64?
    private var groupAt: Int?
    private var acknowledges = false
    private var firstKey = 0
    private var streams = 0
    private var starts: [Start] = []

    init(_ call: CommandCall, hasGroup: Bool) throws(CommandError) {
        var word = 1
        while word < call.count {
            let more = call.count - word - 1
            if call.word(word, is: "block"), more >= 1 {
                if call.client.isInternal {
                    throw .message(
                        "ERR \(call[0].string) command is not allowed with BLOCK option from scripts")
                }
                word += 1
                guard let milliseconds = RESPNumber.integer(call[word]) else {
                    throw .text("ERR timeout is not an integer or out of range")
                }
                guard milliseconds >= 0 else { throw .timeoutNegative }
                timeoutMilliseconds = milliseconds
            } else if call.word(word, is: "count"), more >= 1 {
                word += 1
                let count = try call.integer(word)
                countMax = count > 0 ? Int(clamping: count) : Int.max
            } else if call.word(word, is: "streams"), more >= 1 {
                firstKey = word + 1
                guard (call.count - firstKey) % 2 == 0 else {
                    throw .message(
                        "ERR Unbalanced '\(call.commandName)' list of streams: for each stream key an ID or "
                            + "'\(hasGroup ? ">" : "$")' must be specified.")
                }
                streams = (call.count - firstKey) / 2
                break
            } else if call.word(word, is: "group"), more >= 2 {
                guard hasGroup else {
                    throw .text("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
                }
                groupAt = word + 1
                word += 2
            } else if call.word(word, is: "noack") {
                guard hasGroup else {
                    throw .text("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
                }
                acknowledges = true
            } else {
                throw .syntax
            }
            word += 1
        }
        guard streams > 0 else { throw .syntax }
        if hasGroup, groupAt == nil { throw .text("ERR Missing GROUP option for XREADGROUP") }
        for stream in 0..<streams { starts.append(try start(call, stream)) }
    }

    private func start(_ call: CommandCall, _ stream: Int) throws(CommandError) -> Start {
        let key = call[firstKey + stream]
        let at = firstKey + streams + stream
        let value = try call.keys.read(key, as: StreamValue.self)
        if let groupAt {
            guard value?.group(call[groupAt]) != nil else {
                throw .message(
                    "NOGROUP No such key '\(key.string)' or consumer group '\(call[groupAt].string)' in XREADGROUP "
                        + "with GROUP option")
            }
        }
        if call[at].equals("$") {
            guard groupAt == nil else {
                throw .text(
                    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
                )
            }
            return .after(value?.lastID ?? .zero)
        }
        if call[at].equals(">") {
            guard groupAt != nil else {
                throw .text(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
                )
            }
            return .new
        }
        let id = try call.streamID(at, missingSequence: 0)
        return groupAt == nil ? .after(id) : .pending(id)
    }

    func run(_ call: CommandCall) throws(CommandError) {
        var served: [Int] = []
        for stream in 0..<streams {
            let value = try call.keys.read(call[firstKey + stream], as: StreamValue.self)
            switch starts[stream] {
            case .after(let id): if let value, value.count > 0, value.lastEntry!.id > id { served.append(stream) }
            case .new:
                guard let groupAt, let value, let group = value.group(call[groupAt]) else { continue }
                if let last = value.lastEntry, last.id > group.lastID { served.append(stream) }
            case .pending: served.append(stream)
            }
        }
        guard !served.isEmpty else { return wait(call) }
        if call.reply.isRESP3 { call.reply.map(served.count) } else { call.reply.array(served.count) }
        for stream in served {
            let key = call[firstKey + stream]
            if !call.reply.isRESP3 { call.reply.array(2) }
            call.reply.bulk(key)
            guard let value = try openStream(call, key) else { continue }
            switch starts[stream] {
            case .after(let id): write(call, entries(value, after: id))
            case .new: handOut(call, key, value)
            case .pending(let id): writePending(call, key, value, after: id)
            }
        }
    }

    /// The stream to read from. What a group hands out changes it.
    private func openStream(_ call: CommandCall, _ key: ByteSlice) throws(CommandError) -> StreamValue? {
        groupAt == nil
            ? try call.keys.read(key, as: StreamValue.self) : try call.keys.write(key, as: StreamValue.self)
    }

    private func wait(_ call: CommandCall) {
        if let groupAt {
            // A consumer that only waits exists, too.
            for stream in 0..<streams {
                let key = call[firstKey + stream]
                guard let value = try? call.keys.write(key, as: StreamValue.self),
                    let group = value.group(call[groupAt])
                else { continue }
                _ = call.consumer(of: group, key: key, call[groupAt + 1])
            }
        }
        guard let timeoutMilliseconds else { return call.reply.nullArray() }
        guard groupAt == nil else {
            return call.block(onKeys: firstKey..<(firstKey + streams), timeoutMilliseconds: timeoutMilliseconds)
        }
        // `$` means what was last when the wait began.
        var texts: [UInt8] = []
        var ends: [Int] = []
        for case .after(let id) in starts {
            id.withText { texts.append(contentsOf: $0.buffer) }
            ends.append(texts.count)
        }
        texts.withUnsafeBytes { bytes in
            let words = RESPArguments(capacity: call.count)
            for index in 0..<call.count { words.append(call[index]) }
            var begin = 0
            for (stream, end) in ends.enumerated() {
                let text = ByteSlice(bytes).slice(from: begin, count: end - begin)
                words.replace(at: firstKey + streams + stream, with: text)
                begin = end
            }
            call.block(
                onKeys: firstKey..<(firstKey + streams), timeoutMilliseconds: timeoutMilliseconds, replacing: words)
        }
    }

    private func entries(_ value: StreamValue, after id: StreamID) -> [StreamValue.Entry] {
        var entries: [StreamValue.Entry] = []
        guard let start = id.next else { return entries }
        value.forEach(from: start, to: .max) {
            entries.append($0)
            return entries.count < countMax
        }
        return entries
    }

    private func write(_ call: CommandCall, _ entries: [StreamValue.Entry]) {
        call.reply.array(entries.count)
        for entry in entries where !call.reply.isPointless { call.reply(entry) }
    }

    /// Gives the consumer what nobody of the group has got.
    private func handOut(_ call: CommandCall, _ key: ByteSlice, _ value: StreamValue) {
        guard let groupAt, let group = value.group(call[groupAt]) else { return call.reply.array(0) }
        let consumer = call.consumer(of: group, key: key, call[groupAt + 1])
        let entries = entries(value, after: group.lastID)
        write(call, entries)
        consumer.activeAt = call.now
        var delivered: [PendingEntry] = []
        for entry in entries {
            let id = entry.id
            if group.entriesRead != nil, !value.hasDeletions(from: id) {
                group.entriesRead?.countOne()
            } else if value.entriesAdded > 0 {
                group.entriesRead = value.entriesAdded(upTo: id)
            }
            group.lastID = id
            if !acknowledges { delivered.append(group.deliver(id, to: consumer, at: call.now)) }
        }
        call.propagateClaims(key, group, delivered)
        call.propagatePosition(key, group)
    }

    /// Repeats what is pending for the consumer; entries that are gone come with null.
    private func writePending(_ call: CommandCall, _ key: ByteSlice, _ value: StreamValue, after id: StreamID) {
        guard let groupAt, let group = value.group(call[groupAt]) else { return call.reply.array(0) }
        let consumer = call.consumer(of: group, key: key, call[groupAt + 1])
        var pending: [PendingEntry] = []
        if let start = id.next {
            consumer.pending.forEach(from: start) {
                pending.append($0)
                return pending.count < countMax
            }
        }
        call.reply.array(pending.count)
        var delivered: [PendingEntry] = []
        for item in pending {
            if let entry = value.entry(item.id) {
                call.reply(entry)
                item.deliveredAt = call.now
                item.deliveries.countOne()
                delivered.append(item)
            } else {
                call.reply.array(2)
                call.reply(item.id)
                call.reply.nullArray()
            }
        }
        // Without an entry handed out again, a new consumer is all there is to journal.
        call.propagation = .replaced
        call.propagateClaims(key, group, delivered)
    }
}

extension CommandCall {
    /// The consumer of this name; a new one is journaled.
    func consumer(of group: StreamGroup, key: ByteSlice, _ name: ByteSlice) -> StreamConsumer {
        let (consumer, isNew) = group.consumer(name, now: now)
        consumer.seenAt = now
        if isNew {
            propagate("XGROUP", count: 4) { effect in
                effect.add("CREATECONSUMER")
                effect.add(key)
                effect.add(group.name.slice)
                effect.add(name)
            }
            keys.notify(key, .stream, "xgroup-createconsumer")
        }
        return consumer
    }

    /// Journals since when one consumer has these pending entries. Those that follow one another with the same time
    /// and count make one effect, so that names are not written again for each.
    func propagateClaims(_ key: ByteSlice, _ group: StreamGroup, _ entries: [PendingEntry]) {
        var first = 0
        while first < entries.count {
            let entry = entries[first]
            var end = first + 1
            while end < entries.count, end - first < Limits.streamClaimsPerEffect,
                entries[end].deliveredAt == entry.deliveredAt, entries[end].deliveries == entry.deliveries
            {
                end += 1
            }
            propagate("XCLAIM", count: 12 + end - first) { effect in
                effect.add(key)
                effect.add(group.name.slice)
                effect.add(entry.consumer.name.slice)
                effect.add("0")
                for claimed in entries[first..<end] { claimed.id.withText { effect.add($0) } }
                effect.add("TIME")
                effect.add(entry.deliveredAt)
                effect.add("RETRYCOUNT")
                effect.add(entry.deliveries)
                effect.add("FORCE")
                effect.add("JUSTID")
                effect.add("LASTID")
                group.lastID.withText { effect.add($0) }
            }
            first = end
        }
    }

    /// Journals how far the group has read.
    func propagatePosition(_ key: ByteSlice, _ group: StreamGroup) {
        propagate("XGROUP", count: 6) { effect in
            effect.add("SETID")
            effect.add(key)
            effect.add(group.name.slice)
            group.lastID.withText { effect.add($0) }
            effect.add("ENTRIESREAD")
            effect.add(group.entriesRead ?? -1)
        }
    }
}
