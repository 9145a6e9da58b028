// The consumers of one queue: all of them in order of arrival, and those that can take a message in circles,
// one for each priority, served in turn. Entering and leaving a circle costs the same however many there are.
// Loop thread only. Next: QueueDelivery.swift.

/// Circle of ready consumers with the same priority.
private struct ReadyCircle {
    let priority: Int64
    private var currentReference: Unmanaged<Consumer>?

    init(priority: Int64) { self.priority = priority }

    /// Whose turn it is.
    var current: Consumer? {
        @inline(__always) get { currentReference?._withUnsafeGuaranteedRef { $0 } }
        set { currentReference = newValue.map { Unmanaged.passUnretained($0) } }
    }
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

    /// The consumer whose turn it is.
    @inline(__always)
    var current: Consumer? {
        for circle in circles {
            if let consumer = circle.current { return consumer }
        }
        return nil
    }

    /// The turn goes on to the next of the same priority.
    @inline(__always)
    mutating func rotate(after consumer: Consumer) {
        guard let next = consumer.next, next !== consumer else { return }
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
            circles.insert(ReadyCircle(priority: consumer.priority), at: index)
        }
        if let current = circles[index].current, let last = current.previous {
            consumer.next = current
            consumer.previous = last
            last.next = consumer
            current.previous = consumer
        } else {
            consumer.next = consumer
            consumer.previous = consumer
            circles[index].current = consumer
        }
    }

    /// The consumer can take none for now.
    mutating func leave(_ consumer: Consumer) {
        guard let next = consumer.next, let previous = consumer.previous else { return }
        readyCount -= 1
        for index in circles.indices where circles[index].current === consumer {
            circles[index].current = next === consumer ? nil : next
        }
        previous.next = next
        next.previous = previous
        consumer.next = nil
        consumer.previous = nil
        circles.removeAll { $0.current == nil && $0.priority != 0 }
    }

    func checkInvariants() {
        var seen = 0
        for circle in circles {
            guard let first = circle.current else { continue }
            var consumer = first
            repeat {
                seen += 1
                precondition(consumer.priority == circle.priority && consumer.next?.previous === consumer)
                consumer = consumer.next!
            } while consumer !== first
        }
        precondition(seen == readyCount && seen <= all.count)
    }
}
