// How messages enter a stream. It keeps every message in the log, also those that say they are transient.
// Loop thread only. Next: MessageStream.swift.

import Wire

extension Queue {
    /// Takes a message in. The caller has written the log record.
    @inline(never)
    func append(_ message: Message, to stream: MessageStream) {
        // Nothing is in a stream that is not in the log. Once the log takes nothing any more, nothing is confirmed.
        guard message.header.logPosition != 0 else { return }
        publishedTotal &+= 1
        readyBytes += message.header.bodyBytes
        if stream.append(message, segmentBytesMax: settings.streamSegmentBytesMax) { removeOutdated(stream) }
        trimTail(of: stream, most: Limits.streamTrimmedPerPublish)
        if !isScheduled, consumers.hasReady { broker.schedule(self) }
    }
}

extension Queue {
    /// Keeps of the newest messages what its readers are likely to want, and what the log has not written yet; has another
    /// look at the end of a turn. A slice; returns how many went.
    @discardableResult
    func trimTail(of stream: MessageStream, most: Int) -> Int {
        let isNeeded = !consumers.isEmpty && !broker.pager.isPagingDue
        let bytesMax = isNeeded ? broker.context.configuration.streamTailBytes : 0
        let trimmed = stream.trimTail(to: bytesMax, most: most)
        if stream.tail.residentBytes > bytesMax, !stream.isTrimScheduled {
            stream.isTrimScheduled = true
            broker.streamsToTrim.append(self)
        }
        return trimmed
    }
}

extension Broker {
    /// Streams that had more in memory than they need when the log was behind.
    func trimStreams() {
        let queues = streamsToTrim
        streamsToTrim.removeAll(keepingCapacity: true)
        var left = Limits.streamTrimmedPerTurn
        for queue in queues {
            guard let stream = queue.stream, !queue.isDeleted else { continue }
            stream.isTrimScheduled = false
            left -= queue.trimTail(of: stream, most: left)
        }
        hasMoreToTrim = left <= 0 && !streamsToTrim.isEmpty
    }
}

extension BrokerLog {
    /// Writes a transient message for the streams among `queues`. Returns what they get: a copy, if other queues in the
    /// log get the message as well, for which it is to stay transient.
    func publishedTransient(_ message: Message, _ queues: [Queue]) -> Message {
        let streams = queues.filter { $0.stream != nil }
        guard !streams.isEmpty else { return message }
        let isShared = queues.contains { $0.stream == nil && $0.isLogged }
        let kept = isShared ? message.copy(properties: message.properties.array) : message
        published(kept, streams)
        return kept
    }
}

extension BrokerChannel {
    /// A transient message for a route with a stream in it. Returns whether some queue has refused it, and whether its
    /// confirm waits for the log.
    @inline(never)
    func offerTransient(_ message: Message, _ route: Route) -> (isRefused: Bool, isLogged: Bool) {
        let kept = broker.log.publishedTransient(message, route.queues)
        var isRefused = false
        for queue in route.queues {
            if !offer(queue.stream == nil ? message : kept, to: queue) { isRefused = true }
        }
        return (isRefused, kept.header.logPosition != 0)
    }
}
