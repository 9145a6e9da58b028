// Requests of one connection, decoded ahead of their execution. Most of what a lookup costs is waiting for
// memory; a pipelining client shows the next keys early, so that their buckets and entries can be on their way
// while others are looked up.
// One batch serves all sessions, one after the other: nothing stays in it between two calls of `receive`.
// Boundary file for raw pointers. Loop thread only. Next: Execution.swift; Sessions/RESP fills the batch.

import Wire

/// Decoded requests, in order.
final class RequestBatch {
    /// Enough to hide a fetch from memory, few enough to stay in the nearest cache.
    static let size = 16

    private struct Request {
        var arguments = RESPArguments()
        /// Where it begins in the bytes received.
        var start = 0
        var hash: UInt64 = 0
        /// Of the member of that key that it asks for; 0: none.
        var memberHash: UInt64 = 0
    }

    private let requests: UnsafeMutablePointer<Request>
    private let rows: UnsafeMutablePointer<CommandRow?>
    private(set) var count = 0

    init() {
        requests = .allocate(capacity: Self.size)
        rows = .allocate(capacity: Self.size)
        for index in 0..<Self.size { (requests + index).initialize(to: Request()) }
        rows.initialize(repeating: nil, count: Self.size)
    }

    deinit {
        requests.deinitialize(count: Self.size)
        requests.deallocate()
        rows.deinitialize(count: Self.size)
        rows.deallocate()
    }

    // MARK: Filling

    @inline(__always)
    func removeAll() { count = 0 }

    /// The vector that the next request is decoded into.
    @inline(__always)
    var nextArguments: RESPArguments { requests[count].arguments }

    /// The next vector has been filled by a request that begins at `start`.
    @inline(__always)
    func append(start: Int) {
        requests[count].start = start
        count += 1
    }

    /// Takes the next vector away, with the words of an incomplete request in it.
    func takeNextArguments() -> RESPArguments {
        let taken = requests[count].arguments
        requests[count].arguments = RESPArguments()
        return taken
    }

    /// Gives such a vector back, for the next request.
    func putNextArguments(_ arguments: RESPArguments) { requests[count].arguments = arguments }

    // MARK: Looking ahead

    /// Finds the commands and, when there are several, has their first keys fetched.
    @inline(__always)
    func prepare(_ store: Store, _ keyspace: Keyspace) {
        guard count > 1 else {
            rows[0] = store.table.find(requests[0].arguments)
            return
        }
        let table = keyspace.table
        for index in 0..<count {
            let arguments = requests[index].arguments
            let row = store.table.find(arguments)
            rows[index] = row
            if let row, row.hasKeyFirst, arguments.count > 1 {
                requests[index].hash = ByteHash.hash(arguments[1])
                table.prefetchBucket(hash: requests[index].hash)
            } else {
                requests[index].hash = 0
            }
        }
        for index in 0..<count where requests[index].hash != 0 { table.prefetchEntries(hash: requests[index].hash) }
        var start = 0
        while start < count {
            var end = start + 1
            while end < count, requests[end].hash == requests[start].hash { end += 1 }
            if end - start > 1, requests[start].hash != 0 { prefetchMembers(start..<end, table) }
            start = end
        }
    }

    /// Several requests for one key, which may be large: has the members that they ask for fetched as well.
    @inline(never)
    private func prefetchMembers(_ range: Range<Int>, _ table: KeyTable) {
        let first = requests[range.lowerBound]
        guard let entry = table.find(first.arguments[1], hash: first.hash), entry.kind.hasMembers,
            let members = entry.object.memberTable
        else { return }
        for index in range {
            let arguments = requests[index].arguments
            let word = rows[index]?.memberWord ?? 0
            requests[index].memberHash = word > 0 && word < arguments.count ? ByteHash.hash(arguments[word]) : 0
            if requests[index].memberHash != 0 { members.prefetchBucket(hash: requests[index].memberHash) }
        }
        for index in range where requests[index].memberHash != 0 {
            members.prefetchEntry(hash: requests[index].memberHash)
        }
    }

    // MARK: Taking out

    @inline(__always)
    func arguments(_ index: Int) -> RESPArguments { requests[index].arguments }

    @inline(__always)
    func row(_ index: Int) -> CommandRow? { rows[index] }

    @inline(__always)
    func start(_ index: Int) -> Int { requests[index].start }
}
