import Testing
import Wire

@testable import Engine

private func makeMessage(_ body: String, isPersistent: Bool = false) -> Message {
    let message = Message.make(
        exchange: Borrowed("e").slice, routingKey: Borrowed("k").slice, properties: .empty,
        bodyBytes: body.utf8.count)
    message.writeBody(Borrowed(body).slice, at: 0)
    message.header.isPersistent = isPersistent
    message.header.priority = 3
    message.header.expirationMilliseconds = 77
    return message
}

struct SpoolTests {
    /// Goal: what is in memory is read from there, with everything that a queue may ask of it.
    @Test(arguments: [true, false])
    func readsFromMemoryUntilWritten(isPersistent: Bool) throws {
        let spool = Spool()
        spool.chunkBytes = 100
        let address = spool.add(makeMessage("hello", isPersistent: isPersistent), isShared: false)
        let record = try #require(spool.record(at: address))
        let message = record.makeMessage(
            at: ReadBackRequest.Entry(sequence: 1, place: address, isLogged: false))
        #expect(message.body.string == "hello" && message.routingKey.string == "k" && message.exchange.string == "e")
        #expect(message.header.isPersistent == isPersistent && message.header.priority == 3)
        #expect(message.header.expirationMilliseconds == 77 && message.header.logPosition == 0)
        #expect(spool.take(now: 0) == nil)
        _ = spool.add(makeMessage(String(repeating: "x", count: 100)), isShared: false)
        let chunk = try #require(spool.take(now: 0))
        #expect(chunk.bytes.count == spool.memoryBytes)
        #expect(spool.record(at: address) != nil)
        spool.written(chunk.id)
        #expect(spool.record(at: address) == nil)
        #expect(spool.memoryBytes == 0)
    }

    /// Goal: a chunk goes with its last entry, wherever it is at that moment, and its file with it if there is one.
    @Test func removesWhatNobodyNeeds() throws {
        let spool = Spool()
        spool.chunkBytes = 10
        // Never written: nothing to remove.
        spool.release(spool.add(makeMessage("a"), isShared: false))
        #expect(spool.takeRemovals().isEmpty && spool.memoryBytes == 0 && spool.take(now: 0) == nil)
        // Being written.
        let second = spool.add(makeMessage("b"), isShared: false)
        let chunk = try #require(spool.take(now: 0))
        spool.retain(second)
        spool.release(second)
        spool.release(second)
        #expect(spool.takeRemovals().isEmpty)
        spool.written(chunk.id)
        #expect(spool.takeRemovals() == [chunk.id])
        #expect(spool.chunkCount == 0 && spool.memoryBytes == 0)
    }

    /// Goal: a chunk that could not be written stays readable and is tried again later.
    @Test func keepsWhatCouldNotBeWritten() throws {
        let spool = Spool()
        spool.chunkBytes = 10
        let address = spool.add(makeMessage("a"), isShared: false)
        let chunk = try #require(spool.take(now: 100))
        #expect(spool.failed(chunk.id, now: 100))
        #expect(spool.record(at: address) != nil)
        #expect(spool.take(now: 101) == nil)
        let again = try #require(spool.take(now: 100 + Limits.spoolRetryMilliseconds))
        #expect(again.id == chunk.id)
        #expect(!spool.failed(again.id, now: 6_000), "not said twice")
        spool.release(address)
        // Part of it may be in the file.
        #expect(spool.takeRemovals() == [chunk.id])
        #expect(spool.memoryBytes == 0)
    }
}
