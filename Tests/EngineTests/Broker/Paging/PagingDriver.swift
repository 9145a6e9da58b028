// Does for a broker with a small budget what the server does: carries out reads, writes spool chunks, takes the
// journal's batches. At once and in order, or late and in any order, from a seed.

import Wire

@testable import Engine

final class PagingDriver {
    let fixture: BrokerFixture
    private var random: RandomSource
    private let isLate: Bool
    /// The log as it lies on disk; record positions begin at `logBase`.
    private var log: [UInt8] = []
    private let logBase: LogPosition = 64
    private(set) var spoolFiles: [UInt32: [UInt8]] = [:]
    private var requests: [ReadBackRequest] = []
    private var chunks: [SpoolChunk] = []
    private(set) var readCount = 0
    private(set) var spooledBytes = 0
    var spoolFails = false
    /// What reading the n-th message from now on throws; nil: nothing.
    var readError: ((UInt64) -> LogError?) = { _ in nil }

    init(seed: UInt64 = 1, isLate: Bool = false, watermarkBytes: Int, journal: Bool = true, chunkBytes: Int = 2_048) {
        fixture = BrokerFixture(journal: journal)
        fixture.context.configuration.memoryHighWatermarkBytes = watermarkBytes
        fixture.broker.pager.spool.chunkBytes = chunkBytes
        fixture.broker.pager.windowBytes = min(Limits.readAheadBytes, watermarkBytes / 10)
        fixture.broker.pager.requestBytes = min(Limits.readRequestBytes, watermarkBytes / 40)
        random = RandomSource(seed: seed)
        self.isLate = isLate
    }

    var broker: Broker { fixture.broker }

    /// One turn and what the storage thread makes of it. Returns whether anything is under way.
    @discardableResult
    func turn() -> Bool {
        fixture.turn()
        let hasWritten = writeLog()
        while let chunk = broker.takeSpoolChunk() { chunks.append(chunk) }
        for id in broker.takeSpoolRemovals() { spoolFiles[id] = nil }
        requests.append(contentsOf: broker.takeReadRequests())
        if isLate {
            chunks.shuffle(using: &random)
            requests.shuffle(using: &random)
        }
        let wasBusy = !requests.isEmpty || !chunks.isEmpty
        while let chunk = chunks.first, !isLate || Int.random(in: 0..<3, using: &random) == 0 {
            chunks.removeFirst()
            if spoolFails {
                broker.spoolFailed(chunk.id, reason: "no space")
            } else {
                spoolFiles[chunk.id] = [UInt8](chunk.bytes)
                spooledBytes += chunk.bytes.count
                broker.spoolWritten(chunk.id)
            }
        }
        while let request = requests.first, !isLate || Int.random(in: 0..<3, using: &random) == 0 {
            requests.removeFirst()
            broker.readBack(ReadBack.perform(request, read: read))
        }
        return wasBusy || hasWritten
    }

    /// Turns until nothing is under way.
    func settle() {
        for _ in 0..<100_000 {
            let isBusy = turn()
            // What came back without a read has made work.
            if !isBusy, broker.nextDeadline ?? .max > fixture.context.time.monotonicMilliseconds { return }
        }
        preconditionFailure("reading never ends")
    }

    private func writeLog() -> Bool {
        let journal = fixture.context.journal
        guard let batch = journal.takeBatch() else { return false }
        precondition(batch.position == logBase + UInt64(log.count))
        log.append(contentsOf: UnsafeRawBufferPointer(start: batch.bytes, count: batch.count))
        journal.written(batch)
        journal.durable(upTo: batch.sequence)
        broker.durable(upTo: batch.sequence)
        return true
    }

    private func read(
        _ place: UInt64, _ isLogged: Bool, _ body: (RecordType, ByteSlice) -> Void
    ) throws(LogError) {
        readCount += 1
        if let error = readError(place) { throw error }
        let file = isLogged ? log : spoolFiles[UInt32(place >> 32)] ?? []
        let offset = isLogged ? Int(place - logBase) : Int(place & 0xFFFF_FFFF)
        guard offset < file.count else { throw .missing(position: place, next: "") }
        var found = false
        file.withUnsafeBytes { bytes in
            let rest = ByteSlice(bytes).dropping(offset)
            guard case .record(let type, let payload, _) = RecordRead.front(of: rest, available: rest.count) else {
                return
            }
            found = true
            body(RecordType(rawValue: type)!, payload)
        }
        if !found { throw .damaged(segment: "", offset: offset, reason: "no record") }
    }
}

extension BrokerClient {
    func publish(_ body: String, to queue: String, isPersistent: Bool) throws {
        var properties = BasicProperties()
        properties.deliveryMode = isPersistent ? 2 : 1
        try publish(body, to: queue, properties)
    }

    /// A fetch that may have to wait: the answer, if it came at once.
    func fetch(_ queue: String, noAck: Bool = true) throws -> ClientEvent? {
        try withExtendedLifetime(Borrowed(queue)) { try channel.get(BasicGet(queue: $0.slice, noAck: noAck)) }
        return received().first
    }
}
