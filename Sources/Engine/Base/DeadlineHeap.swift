// Things that fall due: a binary heap by monotonic milliseconds. Entries are not removed when they stop
// mattering; whoever takes one out checks whether it still holds (lazy cancelling keeps setting cheap).
// Loop thread only. The owner asks `next` for the loop's timer and `popDue` at every turn, bounded.

/// Min-heap of (deadline, payload).
struct DeadlineHeap<Payload> {
    private var heap: [(deadline: Int64, payload: Payload)] = []

    var count: Int { heap.count }
    var isEmpty: Bool { heap.isEmpty }

    /// The earliest deadline, monotonic milliseconds.
    var next: Int64? { heap.first?.deadline }

    mutating func insert(_ payload: Payload, at deadline: Int64) {
        heap.append((deadline, payload))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// The earliest payload whose deadline is not after `now`, taken out.
    mutating func popDue(_ now: Int64) -> Payload? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return first.payload
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, heap[child + 1].deadline < heap[child].deadline { child += 1 }
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }

    /// Throws away what will not matter any more, in one pass.
    mutating func keep(where holds: (Payload) -> Bool) {
        let kept = heap.filter { holds($0.payload) }
        heap = []
        for item in kept { insert(item.payload, at: item.deadline) }
    }

    mutating func removeAll() { heap.removeAll() }

    /// Drops what matters no longer. Its owner calls it when that is most of what is here, so that setting stays
    /// cheap.
    mutating func removeAll(where isPast: (Payload) -> Bool) {
        let kept = heap.filter { !isPast($0.payload) }
        heap.removeAll()
        for entry in kept { insert(entry.payload, at: entry.deadline) }
    }
}
