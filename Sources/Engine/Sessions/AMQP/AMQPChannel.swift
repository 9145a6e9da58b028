// A channel as the session sees it: its number, the broker's side of it, and the content that is on its way.
// Not the broker's channel: that one knows consumers, unacknowledged messages and confirms, and no frames.
// Loop thread only. Next: AMQPContent.swift.

import Wire

/// One open or closing channel.
final class AMQPChannel {
    let number: UInt16
    /// Nil once the channel is closing.
    private(set) var broker: BrokerChannel?
    /// A publish whose content has not come whole.
    var content: IncomingContent?

    init(number: UInt16, broker: BrokerChannel) {
        self.number = number
        self.broker = broker
    }

    /// We have sent `channel.close`: everything but its answer is discarded.
    var isClosing: Bool { broker == nil }

    func beginClosing() {
        content = nil
        broker?.close()
        broker = nil
    }
}

/// Channels of one connection, by number. Small numbers, which almost all clients use, stand in an array.
struct ChannelTable {
    private static let directCount = 256

    private var direct: [AMQPChannel?] = []
    private var others: [UInt16: AMQPChannel] = [:]
    private(set) var count = 0

    @inline(__always)
    subscript(number: UInt16) -> AMQPChannel? {
        if Int(number) < direct.count { return direct[Int(number)] }
        return others.isEmpty ? nil : others[number]
    }

    mutating func insert(_ channel: AMQPChannel) {
        precondition(self[channel.number] == nil, "channel number in use")
        count += 1
        let number = Int(channel.number)
        guard number < Self.directCount else {
            others[channel.number] = channel
            return
        }
        while direct.count <= number { direct.append(nil) }
        direct[number] = channel
    }

    mutating func remove(_ channel: AMQPChannel) {
        precondition(self[channel.number] === channel)
        count -= 1
        if Int(channel.number) < direct.count {
            direct[Int(channel.number)] = nil
        } else {
            others[channel.number] = nil
        }
    }

    mutating func removeAll() {
        direct = []
        others = [:]
        count = 0
    }
}
