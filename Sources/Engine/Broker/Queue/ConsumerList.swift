// The consumers of one queue: all of them in order of arrival, and those that can take a message in circles,
// one for each priority, served in turn. Entering and leaving a circle costs the same however many there are.
// Loop thread only. Next: QueueDelivery.swift.

/// Circle of ready consumers with the same priority.
private struct ReadyCircle {
    let priority: Int64
    /// Whose turn it is.
    var current: Unmanaged<Consumer>?
}

struct ConsumerList {
    private(set) var all: [Consumer] = []
    /// By priority, highest first.
    private var circles: [ReadyCircle] = []
    private(set) var readyCount = 0

    @inline(__always)
    var isEmpty: Bool { all.isEmpty }

    @inline(__always)
    var count: Int { all.count }

    @inline(__always)
    var hasReady: Bool { readyCount > 0 }

    mutating func add(_ consumer: Consumer) { all.append(consumer) }

    mutating func remove(_ consumer: Consumer) {
        leave(consumer)
        if let index = all.firstIndex(where: { $0 === consumer }) { all.remove(at: index) }
    }

    /// The consumer whose turn it is. Lent: valid while it stays in the list.
    @inline(__always)
    var current: Unmanaged<Consumer>? {
        guard readyCount > 0 else { return nil }
        // Nearly always there is one circle.
        if let first = circles[0].current { return first }
        return laterCurrent
    }

    @inline(never)
    private var laterCurrent: Unmanaged<Consumer>? { circles.first { $0.current != nil }?.current }

    /// The turn goes on to the next of the same priority.
    @inline(__always)
    mutating func rotate(after consumer: Consumer) {
        guard let next = consumer.next, readyCount > 1 else { return }
        for index in circles.indices where circles[index].priority == consumer.priority {
            circles[index].current = next
        }
    }

    /// The consumer can take messages: it is served after those that wait already.
    mutating func enter(_ consumer: Consumer) {
        guard !consumer.isReady else { return }
        readyCount += 1
        var index = 0
        while index < circles.count, circles[index].priority > consumer.priority { index += 1 }
        if index == circles.count || circles[index].priority != consumer.priority {
            circles.insert(ReadyCircle(priority: consumer.priority, current: nil), at: index)
        }
        let own = Unmanaged.passUnretained(consumer)
        if let current = circles[index].current?.takeUnretainedValue(), let last = current.previous {
            consumer.next = circles[index].current
            consumer.previous = last
            last.takeUnretainedValue().next = own
            current.previous = own
        } else {
            consumer.next = own
            consumer.previous = own
            circles[index].current = own
        }
    }

    /// The consumer can take none for now.
    mutating func leave(_ consumer: Consumer) {
        guard let next = consumer.next, let previous = consumer.previous else { return }
        readyCount -= 1
        let own = Unmanaged.passUnretained(consumer).toOpaque()
        for index in circles.indices where circles[index].current?.toOpaque() == own {
            circles[index].current = next.toOpaque() == own ? nil : next
            // One empty circle may stay: the next consumer to come most likely has the same priority.
            if circles[index].current == nil, circles.count > 1 {
                circles.remove(at: index)
                break
            }
        }
        previous.takeUnretainedValue().next = next
        next.takeUnretainedValue().previous = previous
        consumer.next = nil
        consumer.previous = nil
    }

    func checkInvariants() {
        var seen = 0
        for circle in circles {
            guard let first = circle.current?.takeUnretainedValue() else { continue }
            var consumer = first
            repeat {
                seen += 1
                let next = consumer.next!.takeUnretainedValue()
                precondition(consumer.priority == circle.priority && next.previous?.takeUnretainedValue() === consumer)
                consumer = next
            } while consumer !== first
        }
        precondition(seen == readyCount && seen <= all.count)
    }
}
