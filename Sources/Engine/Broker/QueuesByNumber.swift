// Queues by the number that deadlines, reads and log records name them by. Numbers are given in order, so they are kept
// in pages of 64 neighbours: a hundred thousand queues are some 1,600 places of a dictionary, which grows within a turn.
// Loop thread only.

/// Number → queue.
struct QueuesByNumber {
    private final class Page {
        var queues = [Queue?](repeating: nil, count: 64)
        var count = 0
    }

    private var pages: [UInt64: Page] = [:]
    private(set) var count = 0

    subscript(number: UInt64) -> Queue? { pages[number >> 6]?.queues[Int(number & 63)] }

    mutating func insert(_ queue: Queue) {
        let page = pages[queue.number >> 6] ?? Page()
        if page.count == 0 { pages[queue.number >> 6] = page }
        precondition(page.queues[Int(queue.number & 63)] == nil, "two queues with one number")
        page.queues[Int(queue.number & 63)] = queue
        page.count += 1
        count += 1
    }

    mutating func remove(_ queue: Queue) {
        guard let page = pages[queue.number >> 6], page.queues[Int(queue.number & 63)] === queue else { return }
        page.queues[Int(queue.number & 63)] = nil
        page.count -= 1
        count -= 1
        if page.count == 0 { pages[queue.number >> 6] = nil }
    }

    /// All queues, in no particular order.
    var values: some Sequence<Queue> { pages.values.lazy.flatMap { $0.queues.lazy.compactMap { $0 } } }
}
