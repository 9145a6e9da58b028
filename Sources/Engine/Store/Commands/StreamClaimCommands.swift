// Taking over entries that are pending for another consumer: XCLAIM by identifier, XAUTOCLAIM by idle time.
// Journaled with times and counts as they came to be.
// Loop thread only. Next: StreamReadCommands.swift (`propagateClaims`), StreamGroupCommands.swift.

import Wire

extension RESPCommand {
    static let streamClaimCommands: [RESPCommand] = [xclaim, xautoclaim]

    /// `XCLAIM key group consumer min-idle id … [IDLE ms] [TIME ms] [RETRYCOUNT n] [FORCE] [JUSTID] [LASTID id]`
    /// → array of entries, or of identifiers.
    static let xclaim = RESPCommand(
        "XCLAIM", .atLeast(6), [.write, .fast], keys: .first, group: .stream, since: "5.0.0",
        summary: "Makes pending entries of a group those of another consumer.", complexity: "O(log(N)) for each entry."
    ) { call throws(CommandError) in
        let stream = try call.keys.write(call[1], as: StreamValue.self)
        guard let stream, let group = stream.group(call[2]) else { throw .noGroup(key: call[1], group: call[2]) }
        guard let idleMin = RESPNumber.integer(call[4]) else {
            throw .text("ERR Invalid min-idle-time argument for XCLAIM")
        }
        let claim = try StreamClaim(call, idleMin: max(0, idleMin))
        let consumer = call.consumer(of: group, key: call[1], call[3])
        call.propagation = .replaced
        if let lastID = claim.lastID, lastID > group.lastID {
            group.lastID = lastID
            call.propagatePosition(call[1], group)
        }
        var claimed: [PendingEntry] = []
        for index in claim.identifiers {
            let id = try call.streamID(index, missingSequence: 0)
            guard stream.contains(id) else {
                if group.pending[id] != nil { call.dropPending(call[1], group, id) }
                continue
            }
            var pending = group.pending[id]
            if let pending, claim.idleMin > 0, call.now - pending.deliveredAt < claim.idleMin { continue }
            if pending == nil {
                guard claim.forces else { continue }
                pending = group.deliver(id, to: consumer, at: claim.deliveredAt)
            }
            guard let pending else { continue }
            group.assign(pending, to: consumer)
            pending.deliveredAt = claim.deliveredAt
            if let deliveries = claim.deliveries {
                pending.deliveries = deliveries
            } else if !claim.onlyIdentifiers {
                pending.deliveries.countOne()
            }
            consumer.activeAt = call.now
            claimed.append(pending)
        }
        call.propagateClaims(call[1], group, claimed)
        call.reply.array(claimed.count)
        for pending in claimed where !call.reply.isPointless {
            call.replyClaimed(pending, stream, onlyIdentifiers: claim.onlyIdentifiers)
        }
    }

    /// `XAUTOCLAIM key group consumer min-idle start [COUNT count] [JUSTID]` → array of the identifier to go on
    /// from, the entries, and the identifiers of those that were gone.
    static let xautoclaim = RESPCommand(
        "XAUTOCLAIM", .atLeast(6), [.write, .fast], keys: .first, group: .stream, since: "6.2.0",
        summary: "Makes entries that are pending for long those of another consumer.", complexity: "O(1) for a count."
    ) { call throws(CommandError) in
        guard let idle = RESPNumber.integer(call[4]) else {
            throw .text("ERR Invalid min-idle-time argument for XAUTOCLAIM")
        }
        let idleMin = max(0, idle)
        let start = try call.streamBound(5, isStart: true)
        var limit = 100
        var onlyIdentifiers = false
        var word = 6
        while word < call.count {
            if call.word(word, is: "count"), word + 1 < call.count {
                guard let value = RESPNumber.integer(call[word + 1]), value > 0, value <= Int64.max / 16 else {
                    throw .text("ERR COUNT must be > 0")
                }
                limit = Int(value)
                word += 2
            } else if call.word(word, is: "justid") {
                onlyIdentifiers = true
                word += 1
            } else {
                throw .syntax
            }
        }
        let stream = try call.keys.write(call[1], as: StreamValue.self)
        guard let stream, let group = stream.group(call[2]) else { throw .noGroup(key: call[1], group: call[2]) }
        let consumer = call.consumer(of: group, key: call[1], call[3])
        call.propagation = .replaced
        var candidates: [PendingEntry] = []
        var following = StreamID.zero
        var attempts = limit * 10
        var wanted = limit
        group.pending.forEach(from: start) { pending in
            guard attempts > 0, wanted > 0 else {
                following = pending.id
                return false
            }
            attempts -= 1
            // Those that are gone count too: the limit bounds the whole reply.
            let isGone = !stream.contains(pending.id)
            if isGone || idleMin == 0 || call.now - pending.deliveredAt >= idleMin {
                candidates.append(pending)
                wanted -= 1
            }
            return true
        }
        var gone: [StreamID] = []
        var claimed: [PendingEntry] = []
        for pending in candidates {
            guard stream.contains(pending.id) else {
                gone.append(pending.id)
                call.dropPending(call[1], group, pending.id)
                continue
            }
            group.assign(pending, to: consumer)
            pending.deliveredAt = call.now
            if !onlyIdentifiers { pending.deliveries.countOne() }
            consumer.activeAt = call.now
            claimed.append(pending)
        }
        call.propagateClaims(call[1], group, claimed)
        call.reply.array(3)
        call.reply(following)
        call.reply.array(claimed.count)
        for pending in claimed { call.replyClaimed(pending, stream, onlyIdentifiers: onlyIdentifiers) }
        call.reply.array(gone.count)
        for id in gone { call.reply(id) }
    }
}

/// Options of XCLAIM, checked.
private struct StreamClaim {
    var identifiers: Range<Int>
    var idleMin: Int64
    var deliveredAt: Int64
    var deliveries: Int64?
    var forces = false
    var onlyIdentifiers = false
    var lastID: StreamID?

    init(_ call: CommandCall, idleMin: Int64) throws(CommandError) {
        self.idleMin = idleMin
        var word = 5
        // Identifiers go on as long as words look like some; what follows are options.
        while word < call.count, StreamID.parse(call[word]) != nil { word += 1 }
        identifiers = 5..<word
        let now = call.now
        deliveredAt = now
        while word < call.count {
            let hasMore = word + 1 < call.count
            if call.word(word, is: "force") {
                forces = true
            } else if call.word(word, is: "justid") {
                onlyIdentifiers = true
            } else if hasMore, call.word(word, is: "idle") {
                word += 1
                guard let idle = RESPNumber.integer(call[word]) else {
                    throw .text("ERR Invalid IDLE option argument for XCLAIM")
                }
                deliveredAt = now &- idle
            } else if hasMore, call.word(word, is: "time") {
                word += 1
                guard let time = RESPNumber.integer(call[word]) else {
                    throw .text("ERR Invalid TIME option argument for XCLAIM")
                }
                deliveredAt = time
            } else if hasMore, call.word(word, is: "retrycount") {
                word += 1
                guard let count = RESPNumber.integer(call[word]) else {
                    throw .text("ERR Invalid RETRYCOUNT option argument for XCLAIM")
                }
                // A negative one is as good as none.
                deliveries = count < 0 ? nil : count
            } else if hasMore, call.word(word, is: "lastid") {
                word += 1
                lastID = try call.streamID(word, missingSequence: 0)
            } else {
                throw .message("ERR Unrecognized XCLAIM option '\(call[word].string)'")
            }
            word += 1
        }
        // A time to come is as good as now; so is one before the beginning of time. What was journaled holds.
        if !call.store.isReplaying, deliveredAt < 0 || deliveredAt > now { deliveredAt = now }
    }
}

extension CommandCall {
    fileprivate func replyClaimed(_ pending: PendingEntry, _ stream: StreamValue, onlyIdentifiers: Bool) {
        guard !onlyIdentifiers, let entry = stream.entry(pending.id) else { return reply(pending.id) }
        reply(entry)
    }

    /// An entry that is gone from the stream is pending no more.
    fileprivate func dropPending(_ key: ByteSlice, _ group: StreamGroup, _ id: StreamID) {
        _ = group.acknowledge(id)
        propagate("XACK", count: 3) { effect in
            effect.add(key)
            effect.add(group.name.slice)
            id.withText { effect.add($0) }
        }
    }
}
