// Elements in order of their stream identifier, in chunks of bounded size: adding at the end and removing at
// the front are cheap, anything else costs one chunk and the list of chunks.
// Loop thread only. Next: StreamGroup.swift, which keeps pending entries in it.

/// Something with a place in a stream.
protocol StreamOrdered {
    var id: StreamID { get }
}

/// A sorted collection without duplicates.
struct SortedChunks<Element: StreamOrdered> {
    private var chunks: [[Element]] = []
    private(set) var count = 0

    private static var chunkMax: Int { 128 }

    var isEmpty: Bool { count == 0 }
    var first: Element? { chunks.first?.first }
    var last: Element? { chunks.last?.last }

    /// Place of the first element that is not before `id`.
    private func lowerBound(_ id: StreamID) -> (chunk: Int, index: Int) {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].last.unsafelyUnwrapped.id < id { low = middle + 1 } else { high = middle }
        }
        guard low < chunks.count else { return (low, 0) }
        let chunk = low
        low = 0
        high = chunks[chunk].count
        while low < high {
            let middle = (low + high) / 2
            if chunks[chunk][middle].id < id { low = middle + 1 } else { high = middle }
        }
        return (chunk, low)
    }

    subscript(id: StreamID) -> Element? {
        let (chunk, index) = lowerBound(id)
        guard chunk < chunks.count, chunks[chunk][index].id == id else { return nil }
        return chunks[chunk][index]
    }

    /// Adds an element whose identifier is not in it yet.
    mutating func insert(_ element: Element) {
        count += 1
        var (chunk, index) = lowerBound(element.id)
        if chunk == chunks.count {
            if chunk == 0 || chunks[chunk - 1].count >= Self.chunkMax {
                chunks.append([element])
                return
            }
            chunk -= 1
            index = chunks[chunk].count
        }
        precondition(index == chunks[chunk].count || chunks[chunk][index].id != element.id, "identifier twice")
        chunks[chunk].insert(element, at: index)
        if chunks[chunk].count > Self.chunkMax {
            let tail = Array(chunks[chunk][(Self.chunkMax / 2)...])
            chunks[chunk].removeLast(tail.count)
            chunks.insert(tail, at: chunk + 1)
        }
    }

    @discardableResult
    mutating func remove(_ id: StreamID) -> Element? {
        let (chunk, index) = lowerBound(id)
        guard chunk < chunks.count, chunks[chunk][index].id == id else { return nil }
        count -= 1
        let removed = chunks[chunk].remove(at: index)
        if chunks[chunk].isEmpty { chunks.remove(at: chunk) }
        return removed
    }

    /// Calls `body` for the elements from `id` on, in order, until it returns false. They must not change meanwhile.
    func forEach(from id: StreamID = .zero, _ body: (Element) -> Bool) {
        var (chunk, index) = lowerBound(id)
        while chunk < chunks.count {
            while index < chunks[chunk].count {
                guard body(chunks[chunk][index]) else { return }
                index += 1
            }
            chunk += 1
            index = 0
        }
    }

    func checkInvariants() {
        var seen = 0
        var before: StreamID?
        for chunk in chunks {
            precondition(!chunk.isEmpty && chunk.count <= Self.chunkMax)
            for element in chunk {
                if let before { precondition(before < element.id, "out of order") }
                before = element.id
                seen += 1
            }
        }
        precondition(seen == count)
    }
}
