// The newest messages of a stream, in memory: what readers near its end get without the disk, and what the log has not
// written yet. Everything before it is read back. Loop thread only. Next: MessageStream.swift.

/// Messages with successive offsets up to the stream's end.
struct StreamTail {
    private var messages = ContiguousArray<Message?>()
    private var head = 0
    private(set) var firstOffset: UInt64 = 0
    /// What they take in memory.
    private(set) var residentBytes = 0

    var isEmpty: Bool { head == messages.count }
    var count: Int { messages.count - head }
    var endOffset: UInt64 { firstOffset + UInt64(count) }

    /// The stream's end is at `offset`, and nothing is in memory.
    mutating func begin(at offset: UInt64) {
        precondition(isEmpty)
        firstOffset = offset
    }

    mutating func append(_ message: Message) {
        messages.append(message)
        residentBytes += message.residentBytes
    }

    subscript(offset: UInt64) -> Message {
        guard let message = messages[head + Int(offset - firstOffset)] else { preconditionFailure("it was let go of") }
        return message
    }

    /// Lets go of the oldest messages until `bytes` are left, of at most `most`, and of none that is not written. Returns
    /// how many bytes were freed.
    mutating func trim(to bytes: Int, written position: LogPosition, most: Int) -> Int {
        let before = residentBytes
        var left = most
        while left > 0, residentBytes > bytes, head < messages.count, let oldest = messages[head],
            oldest.header.logPosition < position
        {
            residentBytes -= oldest.residentBytes
            messages[head] = nil
            left -= 1
            head += 1
            firstOffset += 1
        }
        // In pieces: each shortening of the array moves the rest.
        if head == messages.count {
            messages.removeAll(keepingCapacity: messages.count <= 1_024)
            head = 0
        } else if head >= 256, head * 2 >= messages.count {
            messages.removeFirst(head)
            head = 0
        }
        return before - residentBytes
    }

    /// Lets go of everything. Returns what was freed.
    mutating func removeAll() -> Int {
        let freed = residentBytes
        self = StreamTail()
        return freed
    }
}
