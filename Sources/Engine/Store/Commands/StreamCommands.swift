// Commands on a stream's entries: adding, trimming, reading ranges, removing.
// An added entry is journaled with the identifier it got, an approximate trim with what it came to.
// Loop thread only. Next: StreamReadCommands.swift, StreamGroupCommands.swift, Types/StreamValue.swift.

import Wire

extension RESPCommand {
    static let streamCommands: [RESPCommand] = [xadd, xtrim, xlen, xrange, xrevrange, xdel, xsetid]

    /// `XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value …` → identifier.
    static let xadd = RESPCommand(
        "XADD", .atLeast(5), [.write, .denyOOM, .fast], keys: .first, group: .stream, since: "5.0.0",
        summary: "Adds an entry to a stream, which is made if the key does not exist.",
        complexity: "O(1), and O(N) for N trimmed entries."
    ) { call throws(CommandError) in
        let options = try StreamTrim(call, isAdding: true)
        let fields = options.end + 1
        guard call.count - fields >= 2, (call.count - fields) % 2 == 0 else {
            throw .wrongArity(command: call.commandName)
        }
        if options.id == .given(.zero) { throw .text("ERR The ID specified in XADD must be greater than 0-0") }
        let existing = try call.keys.write(call[1], as: StreamValue.self)
        if existing == nil, options.makesNoStream { return call.reply.null() }
        let last = existing?.lastID ?? .zero
        guard last != .max else {
            throw .text("ERR The stream has exhausted the last possible ID, unable to add more items")
        }
        guard let id = options.resolveID(after: last, now: call.now) else {
            throw .text("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        }
        let stream = try call.keep(existing, at: 1) { StreamValue() }
        stream.append(id, pairs: (call.count - fields) / 2) { packed in
            for index in fields..<call.count { packed.append(call[index]) }
        }
        id.withText { text in
            call.reply.bulk(text)
            call.propagate("XADD", count: call.count - fields + 2) { effect in
                effect.add(call[1])
                effect.add(text)
                for index in fields..<call.count { effect.add(call[index]) }
            }
        }
        call.keys.modified(call[1], .stream, "xadd")
        _ = options.apply(to: stream, call)
    }

    static let xtrim = RESPCommand(
        "XTRIM", .atLeast(4), [.write], keys: .first, group: .stream, since: "5.0.0",
        summary: "Removes the oldest entries of a stream.", complexity: "O(N) for N removed entries."
    ) { call throws(CommandError) in
        let options = try StreamTrim(call, isAdding: false)
        guard let stream = try call.keys.write(call[1], as: StreamValue.self) else { return call.reply.integer(0) }
        call.reply.integer(options.apply(to: stream, call))
    }

    static let xlen = RESPCommand(
        "XLEN", .exactly(2), [.readonly, .fast], keys: .first, group: .stream, since: "5.0.0",
        summary: "Returns the number of entries of a stream."
    ) { call throws(CommandError) in
        call.reply.integer(try call.keys.read(call[1], as: StreamValue.self)?.count ?? 0)
    }

    /// `XRANGE key start end [COUNT count]` → array of entries.
    static let xrange = RESPCommand(
        "XRANGE", .atLeast(4), [.readonly], keys: .first, group: .stream, since: "5.0.0",
        summary: "Returns entries in a range of identifiers.", complexity: "O(N) for N entries."
    ) { call throws(CommandError) in try call.replyStreamRange(startAt: 2, endAt: 3, backwards: false) }

    static let xrevrange = RESPCommand(
        "XREVRANGE", .atLeast(4), [.readonly], keys: .first, group: .stream, since: "5.0.0",
        summary: "Returns entries in a range of identifiers, the latest first.",
        complexity: "O(N) for N entries."
    ) { call throws(CommandError) in try call.replyStreamRange(startAt: 3, endAt: 2, backwards: true) }

    static let xdel = RESPCommand(
        "XDEL", .atLeast(3), [.write, .fast], keys: .first, group: .stream, since: "5.0.0",
        summary: "Removes entries of a stream.", complexity: "O(N) for N entries."
    ) { call throws(CommandError) in
        guard let stream = try call.keys.write(call[1], as: StreamValue.self) else { return call.reply.integer(0) }
        for index in 2..<call.count { _ = try call.streamID(index, missingSequence: 0) }
        var removed = 0
        for index in 2..<call.count where stream.remove(try call.streamID(index, missingSequence: 0)) { removed += 1 }
        call.reply.integer(removed)
        if removed > 0 { call.keys.modified(call[1], .stream, "xdel") }
    }

    /// `XSETID key id [ENTRIESADDED count] [MAXDELETEDID id]` → OK.
    static let xsetid = RESPCommand(
        "XSETID", .atLeast(3), [.write, .denyOOM, .fast], keys: .first, group: .stream, since: "5.0.0",
        summary: "Sets what a stream takes for its last identifier."
    ) { call throws(CommandError) in
        let id = try call.streamID(2, missingSequence: 0)
        var maxDeleted: StreamID?
        var added: Int64?
        var word = 3
        while word < call.count {
            if call.word(word, is: "entriesadded"), word + 1 < call.count {
                let count = try call.integer(word + 1)
                guard count >= 0 else { throw .text("ERR entries_added must be positive") }
                added = count
            } else if call.word(word, is: "maxdeletedid"), word + 1 < call.count {
                let deleted = try call.streamID(word + 1, missingSequence: 0)
                guard id >= deleted else {
                    throw .text("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
                }
                maxDeleted = deleted
            } else {
                throw .syntax
            }
            word += 2
        }
        guard let stream = try call.keys.write(call[1], as: StreamValue.self) else { throw .noSuchKey }
        if let last = stream.lastEntry, id < last.id {
            throw .text("ERR The ID specified in XSETID is smaller than the target stream top item")
        }
        if let added, added < Int64(stream.count) {
            throw .text("ERR The entries_added specified in XSETID is smaller than the target stream length")
        }
        if id < stream.maxDeletedID {
            throw .text("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
        }
        stream.lastID = id
        if let added { stream.entriesAdded = added }
        if let maxDeleted, maxDeleted != .zero { stream.maxDeletedID = maxDeleted }
        call.reply.ok()
        call.keys.modified(call[1], .stream, "xsetid")
    }
}

/// Trimming options of XADD and XTRIM, and the identifier that XADD is given.
struct StreamTrim {
    enum Identifier: Equatable {
        case automatic
        case given(StreamID)
        /// Milliseconds given, the sequence number is chosen.
        case automaticSequence(UInt64)
    }

    private(set) var id = Identifier.automatic
    private(set) var makesNoStream = false
    /// Word after the options: of XADD the identifier.
    private(set) var end: Int
    private var threshold: StreamValue.Threshold?
    private var approximately = false
    private var limit: Int?

    init(_ call: CommandCall, isAdding: Bool) throws(CommandError) {
        var word = 2
        var hasID = false
        options: while word < call.count {
            let hasMore = word + 1 < call.count
            if isAdding, call[word].equals("*") {
                hasID = true
                break options
            } else if hasMore, call.word(word, is: "maxlen") || call.word(word, is: "minid") {
                guard threshold == nil else {
                    throw .text("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
                }
                let isLength = call.word(word, is: "maxlen")
                word += 1
                approximately = false
                if word + 1 < call.count, call[word].equals("~") {
                    approximately = true
                    word += 1
                } else if word + 1 < call.count, call[word].equals("=") {
                    word += 1
                }
                if isLength {
                    threshold = .length(
                        Int(try call.integer(word, atLeast: 0, or: "ERR The MAXLEN argument must be >= 0.")))
                } else {
                    threshold = .id(try call.streamID(word, missingSequence: 0))
                }
            } else if hasMore, call.word(word, is: "limit") {
                word += 1
                limit = Int(try call.integer(word, atLeast: 0, or: "ERR The LIMIT argument must be >= 0."))
            } else if isAdding, call.word(word, is: "nomkstream") {
                makesNoStream = true
            } else if isAdding {
                id = try Self.identifier(call[word])
                hasID = true
                break options
            } else {
                throw .syntax
            }
            word += 1
        }
        end = word
        if limit != nil, threshold == nil {
            throw .text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
        }
        if !isAdding, threshold == nil {
            throw .text("ERR syntax error, XTRIM must be called with a trimming strategy")
        }
        if limit != nil, !approximately {
            throw .text("ERR syntax error, LIMIT cannot be used without the special ~ option")
        }
        if isAdding, !hasID { throw .wrongArity(command: call.commandName) }
    }

    private static func identifier(_ text: ByteSlice) throws(CommandError) -> Identifier {
        // `milliseconds-*`
        if text.count > 2, text[text.count - 1] == UInt8(ascii: "*"), text[text.count - 2] == UInt8(ascii: "-"),
            let milliseconds = StreamID.parseNumber(text.slice(from: 0, count: text.count - 2))
        {
            return .automaticSequence(milliseconds)
        }
        guard let (milliseconds, sequence) = StreamID.parse(text) else { throw .invalidStreamID }
        return .given(StreamID(milliseconds: milliseconds, sequence: sequence ?? 0))
    }

    /// The identifier of the new entry; nil when it would not be after `last`.
    func resolveID(after last: StreamID, now: Int64) -> StreamID? {
        switch id {
        case .automatic:
            let milliseconds = UInt64(max(0, now))
            if milliseconds > last.milliseconds { return StreamID(milliseconds: milliseconds, sequence: 0) }
            return last.next
        case .automaticSequence(let milliseconds):
            if milliseconds > last.milliseconds { return StreamID(milliseconds: milliseconds, sequence: 0) }
            guard milliseconds == last.milliseconds, last.sequence < .max else { return nil }
            return StreamID(milliseconds: milliseconds, sequence: last.sequence + 1)
        case .given(let id): return id > last ? id : nil
        }
    }

    /// Trims as asked, and says what came of it. Returns how many entries went.
    func apply(to stream: StreamValue, _ call: CommandCall) -> Int {
        guard let threshold else { return 0 }
        // Unless told otherwise, an approximate trim does a bounded amount of work.
        let bound = limit ?? (approximately ? Limits.streamNodeEntriesMax * 100 : 0)
        let removed = stream.trim(threshold, approximately: approximately, limit: bound)
        guard removed > 0 else { return 0 }
        call.propagate("XTRIM", count: 4) { effect in
            effect.add(call[1])
            effect.add("MAXLEN")
            effect.add("=")
            effect.add(Int64(stream.count))
        }
        call.keys.modified(call[1], .stream, "xtrim")
        return removed
    }
}

extension CommandError {
    static let invalidStreamID = CommandError.text("ERR Invalid stream ID specified as stream command argument")
}

extension CommandCall {
    /// The identifier at this word; `missingSequence` stands in where only milliseconds are given.
    func streamID(_ index: Int, missingSequence: UInt64) throws(CommandError) -> StreamID {
        guard let (milliseconds, sequence) = StreamID.parse(self[index]) else { throw .invalidStreamID }
        return StreamID(milliseconds: milliseconds, sequence: sequence ?? missingSequence)
    }

    /// One end of a range: `-`, `+`, an identifier, or one excluded by `(`.
    func streamBound(_ index: Int, isStart: Bool) throws(CommandError) -> StreamID {
        let text = self[index]
        if text.equals("-") { return .zero }
        if text.equals("+") { return .max }
        let isExcluded = text.count > 1 && text[0] == UInt8(ascii: "(")
        let number = isExcluded ? text.slice(from: 1, count: text.count - 1) : text
        guard let (milliseconds, sequence) = StreamID.parse(number) else { throw .invalidStreamID }
        let id = StreamID(milliseconds: milliseconds, sequence: sequence ?? (isStart ? 0 : .max))
        guard isExcluded else { return id }
        guard let inside = isStart ? id.next : id.previous else {
            throw isStart
                ? .text("ERR invalid start ID for the interval") : .text("ERR invalid end ID for the interval")
        }
        return inside
    }

    func reply(_ id: StreamID) { id.withText { reply.bulk($0) } }

    /// An entry: identifier and a flat array of fields and values.
    func reply(_ entry: StreamValue.Entry) {
        reply.array(2)
        reply(entry.id)
        reply.array(entry.pairs * 2)
        entry.forEach {
            reply.bulk($0)
            reply.bulk($1)
        }
    }

    fileprivate func replyStreamRange(startAt: Int, endAt: Int, backwards: Bool) throws(CommandError) {
        let start = try streamBound(startAt, isStart: true)
        let end = try streamBound(endAt, isStart: false)
        var limit: Int?
        var word = 4
        while word < count {
            guard self.word(word, is: "count"), word + 1 < count else { throw .syntax }
            limit = max(0, Int(try integer(word + 1)))
            word += 2
        }
        guard let stream = try keys.read(self[1], as: StreamValue.self) else { return reply.array(0) }
        if limit == 0 { return reply.nullArray() }
        var entries: [StreamValue.Entry] = []
        stream.forEach(from: start, to: end, backwards: backwards) {
            entries.append($0)
            return entries.count < limit ?? Int.max
        }
        reply.array(entries.count)
        for entry in entries { reply(entry) }
    }
}
