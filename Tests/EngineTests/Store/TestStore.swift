// A store with clients but without connections: words in, the bytes of the reply out.

import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@testable import Engine

/// One store and its first client.
final class TestStore {
    let context: EngineContext
    let store: Store
    private(set) var client: StoreClient

    init(table: CommandTable = CommandTable()) {
        context = EngineContext(configuration: EngineConfiguration())
        context.time.advance(monotonicMicroseconds: 1_000_000, wallMicroseconds: 1_700_000_000_000_000)
        store = Store(context: context, table: table)
        client = TestStore.makeClient(store)
    }

    /// Begins journaling; what is journaled before (the fence) is taken away.
    func beginJournal() {
        context.journal.begin(epoch: 1, at: 0)
        store.finishRecovery()
        if let batch = context.journal.takeBatch() { context.journal.written(batch) }
    }

    /// A further client of the same store.
    static func makeClient(_ store: Store) -> StoreClient {
        let output = OutputQueue(flushList: store.context.flushList)
        let peer = PeerAddress(
            host: "127.0.0.1", port: 50_000, isLoopback: true, localHost: "127.0.0.1", localPort: 6379)
        let client = StoreClient(store: store, output: output, peer: peer)
        store.register(client)
        return client
    }

    /// The reply to these words, as it would go to the socket.
    @discardableResult
    func bytes(_ words: [String], by other: StoreClient? = nil) -> [UInt8] {
        let client = other ?? client
        let storage = words.map { Array($0.utf8) }
        return withSlices(storage) { slices in
            let request = RESPArguments()
            for slice in slices { request.append(slice) }
            store.dispatch(client, request)
            return TestStore.take(client)
        }
    }

    /// The same as text; bytes that are no UTF-8 are replaced.
    @discardableResult
    func reply(_ words: String..., by other: StoreClient? = nil) -> String {
        String(decoding: bytes(words, by: other), as: UTF8.self)
    }

    /// What is pending for a client, taken out.
    static func take(_ client: StoreClient) -> [UInt8] {
        var taken: [UInt8] = []
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 16) { vectors in
            while client.output.pendingBytes > 0 {
                let filled = client.output.gather(into: vectors)
                var count = 0
                for vector in vectors[..<filled] {
                    taken.append(contentsOf: UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len))
                    count += vector.iov_len
                }
                client.output.consume(count)
            }
        }
        return taken
    }

    private func withSlices<R>(_ words: [[UInt8]], _ body: ([ByteSlice]) -> R) -> R {
        func next(_ index: Int, _ slices: [ByteSlice]) -> R {
            guard index < words.count else { return body(slices) }
            return words[index].withUnsafeBytes { next(index + 1, slices + [ByteSlice($0)]) }
        }
        return next(0, [])
    }
}
