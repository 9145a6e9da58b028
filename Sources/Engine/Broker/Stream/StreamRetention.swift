// What a stream lets go of: its oldest stretches, by `x-max-length-bytes` and `x-max-age`, or policies. RabbitMQ removes
// whole segments of 500 MB by default; here a stretch is some thousand messages at most, so limits hold more closely. As
// there, no message goes that is within the limits, and the newest stretch always stays.
// Not in the log: what is removed here is removed again after a restart, by the same rule, and the next checkpoint does
// not have it any more. Loop thread only. Next: StreamIndex.swift.

extension Queue {
    /// Removes a slice of what is beyond the limits, and makes sure the heap has a deadline for the rest. Returns how
    /// many messages went.
    @discardableResult
    func removeOutdated(_ stream: MessageStream) -> Int {
        let time = broker.context.time
        var removed = 0
        while removed < Limits.brokerExpiriesPerPass, isOutdated(stream.index, time.wallMilliseconds),
            let stretch = stream.removeOldest()
        {
            broker.log.forget(stretch)
            readyBytes -= stretch.bodyBytes
            removed += stretch.count
        }
        if isOutdated(stream.index, time.wallMilliseconds) {
            arm(stream, at: time.monotonicMilliseconds)
        } else if settings.maxAgeMilliseconds >= 0, stream.index.stretchCount > 1, let oldest = stream.index.oldest {
            let age = time.wallMilliseconds.addingSaturated(-oldest.newestMilliseconds)
            arm(stream, at: time.monotonicMilliseconds.addingSaturated(max(1, settings.maxAgeMilliseconds - age)))
        }
        return removed
    }

    /// The oldest stretch is beyond the limits.
    private func isOutdated(_ index: StreamIndex, _ now: Int64) -> Bool {
        guard index.stretchCount > 1, let oldest = index.oldest else { return false }
        if settings.lengthBytesMax != .max, index.bodyBytes - oldest.bodyBytes >= settings.lengthBytesMax {
            return true
        }
        return settings.maxAgeMilliseconds >= 0
            && oldest.newestMilliseconds.addingSaturated(settings.maxAgeMilliseconds) <= now
    }

    private func arm(_ stream: MessageStream, at milliseconds: Int64) {
        guard milliseconds < stream.armedRetention else { return }
        stream.armedRetention = milliseconds
        broker.deadlines.insert(QueueDeadline(queueNumber: number, kind: .retention), at: milliseconds)
    }

    /// Its deadline has come. Returns how many messages went.
    func retentionDue() -> Int {
        guard let stream else { return 0 }
        stream.armedRetention = .max
        return removeOutdated(stream)
    }
}
