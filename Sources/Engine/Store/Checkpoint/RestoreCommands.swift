// Effects that only a checkpoint has: the state of a stream as it is, which Redis's commands cannot say (an empty
// stream without groups, entries pending that are gone from the stream, counters below what the entries give), and
// times of hashes' fields, each field with its own.
// In a table of their own that replay alone looks into: no client and no script can name them.
// Numbers come as words, like everything in effects; −1 stands for "not known".
// Loop thread only. Next: CheckpointValueWriter.swift (which writes them).

import Wire

/// Their names.
enum RestoreName {
    static let stream: StaticString = "%STREAM"
    static let group: StaticString = "%GROUP"
    static let consumer: StaticString = "%CONSUMER"
    static let pending: StaticString = "%PENDING"
    static let fieldTimes: StaticString = "%FIELDTIMES"
}

extension RESPCommand {
    static let restoreCommands: [RESPCommand] = [
        restoreStream, restoreGroup, restoreConsumer, restorePending, restoreFieldTimes,
    ]

    private static func restore(
        _ name: StaticString, _ arity: CommandArity, _ handler: @escaping Handler
    ) -> RESPCommand {
        RESPCommand(name, arity, [.write], keys: .first, group: .stream, since: "7.2.0", summary: "", handler)
    }

    /// `%STREAM key last-id entries-added max-deleted-id`, after the entries.
    private static let restoreStream = restore(RestoreName.stream, .exactly(5)) { call throws(CommandError) in
        let lastID = try call.streamID(2, missingSequence: 0)
        let entriesAdded = try call.integer(3)
        let maxDeletedID = try call.streamID(4, missingSequence: 0)
        let stream = try call.keys.write(call[1], as: StreamValue.self) { StreamValue() }
        guard lastID >= stream.lastID else { throw .invalidStreamID }
        stream.lastID = lastID
        stream.entriesAdded = entriesAdded
        stream.maxDeletedID = maxDeletedID
    }

    /// `%GROUP key name last-id entries-read`.
    private static let restoreGroup = restore(RestoreName.group, .exactly(5)) { call throws(CommandError) in
        let lastID = try call.streamID(3, missingSequence: 0)
        let entriesRead = try call.integer(4)
        guard let stream = try call.keys.write(call[1], as: StreamValue.self),
            stream.makeGroup(call[2], lastID: lastID, entriesRead: entriesRead < 0 ? nil : entriesRead) != nil
        else { throw .noGroup(key: call[1], group: call[2]) }
    }

    /// `%CONSUMER key group name seen active`.
    private static let restoreConsumer = restore(RestoreName.consumer, .exactly(6)) { call throws(CommandError) in
        let seenAt = try call.integer(4)
        let activeAt = try call.integer(5)
        let consumer = try call.restoredGroup().consumer(call[3], now: seenAt).consumer
        consumer.seenAt = seenAt
        consumer.activeAt = activeAt < 0 ? nil : activeAt
    }

    /// `%PENDING key group consumer (id delivered-at deliveries)…`.
    private static let restorePending = restore(RestoreName.pending, .atLeast(7)) { call throws(CommandError) in
        let group = try call.restoredGroup()
        guard let consumer = group.consumer(call[3]), call.count % 3 == 1 else {
            throw .noGroup(key: call[1], group: call[2])
        }
        for index in stride(from: 4, to: call.count, by: 3) {
            let id = try call.streamID(index, missingSequence: 0)
            let deliveredAt = try call.integer(index + 1)
            group.deliver(id, to: consumer, at: deliveredAt).deliveries = try call.integer(index + 2)
        }
    }

    /// `%FIELDTIMES key (field time)…`, after the fields.
    private static let restoreFieldTimes = restore(RestoreName.fieldTimes, .atLeast(4)) { call throws(CommandError) in
        guard let hash = try call.keys.write(call[1], as: HashValue.self), call.count % 2 == 0 else { throw .syntax }
        for index in stride(from: 2, to: call.count, by: 2) {
            let time = try call.integer(index + 1, in: 0...Limits.fieldExpiryMillisecondsMax, or: .notInteger)
            guard hash.contains(call[index]) else { throw .syntax }
            hash.setExpiry(of: call[index], to: time)
        }
        call.keys.scheduleFields(of: hash, at: call[1])
    }
}

extension CommandCall {
    fileprivate func restoredGroup() throws(CommandError) -> StreamGroup {
        guard let group = try keys.write(self[1], as: StreamValue.self)?.group(self[2]) else {
            throw .noGroup(key: self[1], group: self[2])
        }
        return group
    }
}
