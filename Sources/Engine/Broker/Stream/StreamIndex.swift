// Which offset of a stream is where in the log. Offsets count up by one; their messages lie among everything else that
// the log holds, each at its position. Kept in stretches of some thousand messages, each a run of a few bytes for each
// message (../../Log/StreamRun.swift), so that ten million take some dozen megabytes, and an offset or a moment is found
// by its stretch and a walk through that. Stretches are also what retention removes.
// Offsets may be missing between two stretches, after a repair of the log.
// Knows nothing of queues and readers. Loop thread only. Next: MessageStream.swift.

import Wire

/// Messages with successive offsets.
struct StreamStretch {
    let firstOffset: UInt64
    private(set) var count = 0
    private(set) var bodyBytes = 0
    /// The latest publish in it; the clock may have been set back. Wall milliseconds.
    private(set) var newestMilliseconds = Int64.min
    private var run: [UInt8] = []
    private var state = StreamRunState()

    init(firstOffset: UInt64) { self.firstOffset = firstOffset }

    var endOffset: UInt64 { firstOffset + UInt64(count) }
    var lastPosition: LogPosition { state.last.position }
    var memoryBytes: Int { MemoryLayout<Self>.stride + 32 + run.capacity }

    mutating func append(_ entry: StreamRunEntry) {
        state.append(entry, to: &run)
        count += 1
        bodyBytes += entry.bodyBytes
        newestMilliseconds = max(newestMilliseconds, entry.wallMilliseconds)
    }

    /// Nothing more comes: gives back the room for it.
    mutating func close() { run = run.withUnsafeBytes { Array($0) } }

    /// Shows messages from `offset` on, until `body` says false. Returns whether it came to the end.
    @discardableResult
    func walk(from offset: UInt64 = 0, _ body: (UInt64, StreamRunEntry) -> Bool) -> Bool {
        run.withUnsafeBytes { bytes in
            var cursor = ByteCursor(ByteSlice(bytes))
            var state = StreamRunState()
            var next = firstOffset
            // What was written can be read.
            while next < endOffset, let entry = try? state.read(&cursor) {
                if next >= offset, !body(next, entry) { return false }
                next += 1
            }
            return true
        }
    }

    /// The first `count` messages as they stand in a checkpoint.
    func withRun<R>(first count: Int, _ body: (ByteSlice) -> R) -> R {
        run.withUnsafeBytes { bytes in
            let all = ByteSlice(bytes)
            guard count < self.count else { return body(all) }
            var cursor = ByteCursor(all)
            var state = StreamRunState()
            for _ in 0..<count { _ = try? state.read(&cursor) }
            return body(all.slice(from: 0, count: all.count - cursor.remaining))
        }
    }
}

/// All stretches of a stream.
struct StreamIndex {
    private var stretches: ContiguousArray<StreamStretch> = []
    /// Stretches before it are gone.
    private var head = 0
    private(set) var nextOffset: UInt64 = 0
    private(set) var count = 0
    private(set) var bodyBytes = 0
    /// Of closed stretches, and of the last one when it began.
    private(set) var memoryBytes = 0
    /// Nothing more goes into the last stretch.
    private var isLastClosed = true
    private var lastPosition: LogPosition = 0

    /// That of the next publish if there is no message.
    var firstOffset: UInt64 { head < stretches.count ? stretches[head].firstOffset : nextOffset }
    var stretchCount: Int { stretches.count - head }
    var oldest: StreamStretch? { head < stretches.count ? stretches[head] : nil }

    // MARK: Growing

    /// Takes the next message in; returns its offset, and whether a stretch ended with it. Positions ascend.
    mutating func append(
        _ entry: StreamRunEntry, entriesMax: Int, bytesMax: Int
    ) -> (offset: UInt64, hasEndedStretch: Bool) {
        precondition(entry.position > lastPosition, "a stream is in the log in its order")
        if isLastClosed {
            stretches.append(StreamStretch(firstOffset: nextOffset))
            isLastClosed = false
        }
        let last = stretches.count - 1
        stretches[last].append(entry)
        lastPosition = entry.position
        let offset = nextOffset
        nextOffset += 1
        count += 1
        bodyBytes += entry.bodyBytes
        if stretches[last].count >= entriesMax || stretches[last].bodyBytes >= bytesMax { closeLast() }
        return (offset, isLastClosed)
    }

    private mutating func closeLast() {
        stretches[stretches.count - 1].close()
        memoryBytes += stretches[stretches.count - 1].memoryBytes
        isLastClosed = true
    }

    /// Takes in what a checkpoint says. What is known already is passed over.
    mutating func restore(_ record: StreamEntriesRecord) throws(CursorError) {
        guard record.firstOffset >= nextOffset else { return }
        var stretch = StreamStretch(firstOffset: record.firstOffset)
        try record.forEach { stretch.append($0) }
        nextOffset = record.firstOffset + UInt64(record.count)
        guard record.count > 0, stretch.lastPosition > lastPosition else { return }
        if !isLastClosed { closeLast() }
        lastPosition = stretch.lastPosition
        count += stretch.count
        bodyBytes += stretch.bodyBytes
        stretches.append(stretch)
        closeLast()
    }

    /// The log brings a message that may be known already.
    func isKnown(_ position: LogPosition) -> Bool { position <= lastPosition }

    // MARK: Shrinking

    /// Takes the oldest stretch out. Its offsets are never used again.
    mutating func removeOldest() -> StreamStretch? {
        guard head < stretches.count else { return nil }
        let stretch = stretches[head]
        stretches[head] = StreamStretch(firstOffset: stretch.firstOffset)
        head += 1
        count -= stretch.count
        bodyBytes -= stretch.bodyBytes
        if head < stretches.count || isLastClosed { memoryBytes -= stretch.memoryBytes }
        if head == stretches.count {
            isLastClosed = true
            stretches = []
            head = 0
        } else if head > 64, head * 2 > stretches.count {
            stretches.removeFirst(head)
            head = 0
        }
        return stretch
    }

    // MARK: Finding

    /// Shows messages from `offset` on, in order, until `body` says false.
    func walk(from offset: UInt64 = 0, _ body: (UInt64, StreamRunEntry) -> Bool) {
        var index = firstStretch(endingAfter: offset)
        while index < stretches.count, stretches[index].walk(from: offset, body) { index += 1 }
    }

    /// The stretch with `offset`, or else the first one behind it.
    func stretch(from offset: UInt64) -> StreamStretch? {
        let index = firstStretch(endingAfter: offset)
        return index < stretches.count ? stretches[index] : nil
    }

    private func firstStretch(endingAfter offset: UInt64) -> Int {
        var low = head
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].endOffset <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Offset of the first message published at `milliseconds` or later; that of the next publish if there is none.
    func offset(publishedFrom milliseconds: Int64) -> UInt64 {
        var index = head
        while index < stretches.count, stretches[index].newestMilliseconds < milliseconds { index += 1 }
        guard index < stretches.count else { return nextOffset }
        var found = stretches[index].endOffset
        stretches[index].walk { offset, entry in
            guard entry.wallMilliseconds >= milliseconds else { return true }
            found = offset
            return false
        }
        return found
    }

    func checkInvariants() {
        var total = (count: 0, bytes: 0)
        var last: LogPosition = 0
        var expected = firstOffset
        for index in head..<stretches.count {
            let stretch = stretches[index]
            precondition(stretch.firstOffset >= expected && stretch.count > 0)
            expected = stretch.endOffset
            stretch.walk { _, entry in
                precondition(entry.position > last)
                last = entry.position
                total.count += 1
                total.bytes += entry.bodyBytes
                return true
            }
        }
        precondition(total.count == count && total.bytes == bodyBytes && expected <= nextOffset)
    }
}
