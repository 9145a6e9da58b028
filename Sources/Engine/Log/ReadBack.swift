// What crosses threads when messages are read back from the disk: a request from the loop, a result from the
// storage thread. The storage thread makes the messages, so that the loop only puts them into their places.
// Any thread. Next: ../Broker/Paging/ReadAhead.swift (who asks), SegmentedLog.swift (who reads).

import Wire

/// Messages that somebody wants in memory, in the order they lie in their queue, which is nearly always the
/// order on disk.
public struct ReadBackRequest: Sendable {
    public struct Entry: Sendable {
        /// Names the entry within its queue.
        public let sequence: UInt64
        /// A position in the log, or an address in the spool: chunk in the upper half, offset in the lower.
        public let place: UInt64
        public let isLogged: Bool
    }

    let number: UInt64
    /// 0: not for a queue.
    public let queueNumber: UInt64
    let level: UInt8
    public let entries: [Entry]
    /// Of bodies.
    public let bytes: Int
}

/// Why one message could not be read.
struct ReadBackFailure: Sendable {
    /// Index in the request.
    let index: Int
    /// Reading again would end the same way: the bytes are not what was written, or not there.
    let isFinal: Bool
    let reason: String
}

/// What has become of a request. Owns the messages: give each result to `Broker.readBack`, once.
public struct ReadBackResult: @unchecked Sendable {
    let request: ReadBackRequest
    /// In the request's order, each with one count; nil for those that failed.
    let messages: [Unmanaged<Message>?]
    let failures: [ReadBackFailure]
}

/// The storage thread's part.
public enum ReadBack {
    /// Reads what was asked for. `read` finds the record at a place and lends its type and payload to its last
    /// argument, or throws.
    public static func perform(
        _ request: ReadBackRequest,
        read: (UInt64, Bool, (RecordType, ByteSlice) -> Void) throws(LogError) -> Void
    ) -> ReadBackResult {
        var messages: [Unmanaged<Message>?] = []
        messages.reserveCapacity(request.entries.count)
        var failures: [ReadBackFailure] = []
        for (index, entry) in request.entries.enumerated() {
            var made: Unmanaged<Message>?
            var reason = "no record was found"
            var isFinal = true
            do throws(LogError) {
                try read(entry.place, entry.isLogged) { type, payload in
                    guard type == .publish, let record = try? PublishRecord(payload) else {
                        reason = "the record is no message"
                        return
                    }
                    made = Unmanaged.passRetained(record.makeMessage(at: entry))
                }
            } catch {
                reason = error.description
                // The disk may be asked again; what it has said of the bytes stands.
                if case .disk = error { isFinal = false }
            }
            if made == nil { failures.append(ReadBackFailure(index: index, isFinal: isFinal, reason: reason)) }
            messages.append(made)
        }
        return ReadBackResult(request: request, messages: messages, failures: failures)
    }
}

extension PublishRecord {
    /// The message of an entry that is on disk. In the spool a queue id stands for persistence.
    func makeMessage(at entry: ReadBackRequest.Entry) -> Message {
        makeMessage(isPersistent: entry.isLogged || queueCount > 0, position: entry.isLogged ? entry.place : 0)
    }
}
