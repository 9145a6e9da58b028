// Deliveries that go back to their queues: at once when they are few, in pieces at the end of turns when a channel gives
// back thousands (it is closed, its client recovers, or refuses them all). Until its piece comes, a delivery stays where it
// is, among what its channel holds; for the client it is settled. Queues whose consumers are concerned hand out nothing
// meanwhile, so that what comes back keeps its place in the order.
// Loop thread only. Next: ChannelSettling.swift.

import Wire

/// Channels that are giving back, closed ones included.
struct PendingReturns {
    /// Deliveries in one turn. Smaller in tests.
    var perTurn: Int
    fileprivate(set) var channels: [BrokerChannel] = []

    init(perTurn: Int) { self.perTurn = perTurn }

    @inline(__always)
    var isEmpty: Bool { channels.isEmpty }
}

extension Broker {
    /// The next piece. Before the turn's deliveries.
    func continueReturns() {
        var left = returns.perTurn
        while left > 0, let channel = returns.channels.first {
            left -= channel.givePieceBack(left)
            if !channel.isGivingBack { returns.channels.removeFirst() }
        }
    }

    /// All channels that hold deliveries, those that are closed and still give back included.
    var holdingChannels: [BrokerChannel] {
        connections.values.flatMap { $0.channels.values } + returns.channels.filter(\.isClosed)
    }
}

extension BrokerChannel {
    var isGivingBack: Bool { returnedUpTo != 0 }

    /// Deliveries with tags up to `last` go back to their places.
    func giveBack(upTo last: UInt64) {
        let last = min(last, nextDeliveryTag - 1)
        if isGivingBack {
            returnedUpTo = max(returnedUpTo, last)
            return
        }
        guard unacked.count > broker.returns.perTurn else {
            _ = giveBackSome(.max, upTo: last)
            return wakeGloballyBlocked()
        }
        returnedUpTo = last
        pauseQueues()
        broker.returns.channels.append(self)
    }

    /// Those of its consumers and, as some may have been cancelled, of the deliveries that come first.
    private func pauseQueues() {
        var seen: Set<ObjectIdentifier> = []
        func pause(_ queue: Queue) {
            guard seen.insert(ObjectIdentifier(queue)).inserted else { return }
            queue.returningChannelCount += 1
            pausedQueues.append(queue)
        }
        for consumer in consumers.values { pause(consumer.queue) }
        var left = broker.returns.perTurn
        var tag: UInt64 = 0
        _ = unacked.walk(after: &tag) { held in
            held.queue._withUnsafeGuaranteedRef { pause($0) }
            left -= 1
            return left > 0
        }
    }

    /// Everything that is on its way goes back now: the client is about to do something that must find it gone.
    func finishGivingBack() {
        while isGivingBack { _ = givePieceBack(.max) }
        broker.returns.channels.removeAll { $0 === self }
    }

    /// Returns how many went back.
    fileprivate func givePieceBack(_ most: Int) -> Int {
        let count = giveBackSome(most, upTo: returnedUpTo)
        guard count < most || unacked.firstTag.map({ $0 > returnedUpTo }) ?? true else { return count }
        returnedUpTo = 0
        for queue in pausedQueues {
            queue.returningChannelCount -= 1
            if queue.returningChannelCount == 0 { queue.wake() }
        }
        pausedQueues = []
        wakeGloballyBlocked()
        return count
    }

    private func giveBackSome(_ most: Int, upTo last: UInt64) -> Int {
        var taken: [UnackedEntry] = []
        while taken.count < most, let first = unacked.firstTag, first <= last { taken.append(unacked.removeFirst()) }
        giveBack(taken)
        return taken.count
    }
}
