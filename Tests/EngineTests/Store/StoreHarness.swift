// A store with clients but without sockets: text goes in, replies come out, time stands still until told.

import Glibc
import Wire

@testable import Engine

/// A store, a journal that is kept in memory, and a clock in the test's hand.
final class StoreHarness {
    let context: EngineContext
    let store: Store
    private var monotonic: Int64 = 1_000_000
    private var wall: Int64 = 1_700_000_000_000_000
    /// Payloads of all effects journaled so far, in order; `takeRecords` fills it.
    private(set) var records: [[UInt8]] = []

    init(seed: UInt64 = 1, password: String = "", journals: Bool = false) {
        let configuration = EngineConfiguration()
        configuration.randomSeed = seed
        configuration.respPassword = password
        context = EngineContext(configuration: configuration)
        store = Store(context: context)
        advance(milliseconds: 0)
        if journals { context.journal.begin(epoch: 1, at: 0) }
        store.finishRecovery()
    }

    deinit { store.tearDown() }

    /// A second store that has replayed everything the first has journaled, with random numbers and a clock of its own.
    func replayed(seed: UInt64 = 2, laterBy milliseconds: Int64 = 0) throws -> StoreHarness {
        takeRecords()
        let other = StoreHarness(seed: seed)
        other.advance(milliseconds: (wall - other.wall) / 1_000 + milliseconds)
        for record in records {
            try record.withUnsafeBytes { try other.store.replay(ByteSlice($0)) }
        }
        other.store.finishRecovery()
        return other
    }

    /// Moves what is in the journal's open batch to `records`.
    func takeRecords() {
        guard let batch = context.journal.takeBatch() else { return }
        var position = 0
        while position < batch.count {
            let count = Int(batch.bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            let payload = batch.bytes + position + RecordFormat.headerBytes
            if batch.bytes.load(fromByteOffset: position + 8, as: UInt8.self) == RecordType.storeEffects.rawValue {
                records.append([UInt8](UnsafeRawBufferPointer(start: payload, count: count)))
            }
            position += RecordFormat.headerBytes + count
        }
        context.journal.written(batch)
        context.journal.durable(upTo: batch.sequence)
    }

    func connect() -> StoreTestClient { StoreTestClient(harness: self) }

    /// Time passes; then a turn of the loop.
    func advance(milliseconds: Int64) {
        passTime(milliseconds: milliseconds)
        turn()
    }

    /// Time passes within a turn, so that nothing expires unless a command looks at it.
    func passTime(milliseconds: Int64) {
        monotonic += milliseconds * 1_000
        wall += milliseconds * 1_000
        context.time.advance(monotonicMicroseconds: monotonic, wallMicroseconds: wall)
    }

    func turn() {
        store.tick()
        store.endTurn()
    }
}

/// A connection of the harness.
final class StoreTestClient {
    let session: RESPSession
    /// Its store must live as long as somebody is connected.
    private let harness: StoreHarness
    /// Sent but not taken yet.
    private var unsent: [UInt8] = []

    init(harness: StoreHarness) {
        self.harness = harness
        session = RESPSession(
            store: harness.store,
            peer: PeerAddress(
                host: "127.0.0.1", port: 40_000, isLoopback: true, localHost: "127.0.0.1", localPort: 6_379))
    }

    /// Sends bytes as they are; returns everything that has come back since the last call.
    @discardableResult
    func send(bytes: [UInt8]) -> [UInt8] {
        unsent += bytes
        resume()
        return received()
    }

    /// Offers again what the session left while it waited.
    func resume() {
        guard !session.pausesReading, !unsent.isEmpty else { return }
        let taken = unsent.withUnsafeBytes { session.receive(ByteSlice($0)) }
        unsent.removeFirst(taken)
    }

    /// Sends one inline line; returns the replies, with blanks for line ends: `"+OK"`, `"$5 hello"`.
    @discardableResult
    func send(_ line: String) -> String {
        Self.compact(send(bytes: Array((line + "\r\n").utf8)))
    }

    /// Sends words of any bytes as one request.
    @discardableResult
    func send(words: [[UInt8]]) -> String { Self.compact(send(bytes: Self.request(words))) }

    /// Sends words as one request and parses the reply; nil while there is none.
    func ask(_ words: String...) -> RESPReply? {
        var replies = parse(send(bytes: Self.request(words.map { Array($0.utf8) })))
        return replies.popLast()
    }

    /// What has come meanwhile: pushes, replies of waits that ended.
    func pending() -> String {
        resume()
        return Self.compact(received())
    }

    static func request(_ words: [[UInt8]]) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
        return bytes
    }

    private func parse(_ bytes: [UInt8]) -> [RESPReply] {
        var replies: [RESPReply] = []
        bytes.withUnsafeBytes { buffer in
            var cursor = ByteCursor(buffer)
            var parser = RESPReplyParser()
            while cursor.remaining > 0, let reply = try? parser.next(&cursor) { replies.append(reply) }
        }
        return replies
    }

    private static func compact(_ bytes: [UInt8]) -> String {
        var text = ""
        for byte in bytes where byte != 13 { text.unicodeScalars.append(byte == 10 ? " " : Unicode.Scalar(byte)) }
        if text.last == " " { text.removeLast() }
        return text
    }

    private func received() -> [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 16) { vectors in
            while !session.output.isEmpty {
                var count = 0
                for vector in vectors.prefix(session.output.gather(into: vectors)) {
                    bytes += UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len)
                    count += vector.iov_len
                }
                session.output.consume(count)
            }
        }
        return bytes
    }
}
