import Testing
import Wire

@testable import Engine

@Suite struct AMQPBackPressureTests {
    typealias Peer = AMQPTestPeer

    /// Goal: a fetch of a message on disk holds back what the connection sends behind it, and only that.
    @Test func fetchesWaitForTheDisk() {
        let engine = AMQPTestEngine { $0.memoryHighWatermarkBytes = 10_000 }
        engine.broker.pager.spool.chunkBytes = 1_000
        engine.broker.pager.windowBytes = 1_000
        let peer = Peer(engine).opened()
        peer.call(1, QueueDeclare(queue: text("q")))
        for _ in 0..<50 { peer.send(Peer.publish(1, key: "q", body: [UInt8](repeating: 7, count: 200))) }
        var files: [UInt32: [UInt8]] = [:]
        while let chunk = engine.broker.takeSpoolChunk() {
            files[chunk.id] = [UInt8](chunk.bytes)
            engine.broker.spoolWritten(chunk.id)
        }
        _ = peer.take()
        peer.send(
            Peer.method(1, BasicGet(queue: text("q"), noAck: true))
                + Peer.method(1, BasicQos(prefetchBytes: 0, prefetchCount: 1)))
        #expect(peer.take() == [])
        #expect(peer.session.pausesReading)
        for request in engine.broker.takeReadRequests() {
            engine.broker.readBack(
                ReadBack.perform(request) { (place, _, body) throws(LogError) in
                    files[UInt32(place >> 32)]?.withUnsafeBytes { bytes in
                        let rest = ByteSlice(bytes).dropping(Int(place & 0xFFFF_FFFF))
                        guard case .record(_, let payload, _) = RecordRead.front(of: rest, available: rest.count)
                        else { return }
                        body(.publish, payload)
                    }
                })
        }
        #expect(!peer.session.pausesReading)
        peer.send([])
        let answers = peer.take()
        #expect(answers.first?.hasPrefix("1 basic.get-ok") == true)
        #expect(answers.last == "1 basic.qos-ok")
    }

    /// Goal: publishers wait for the disk, others do not. Method: a log whose batch nobody takes.
    @Test func publishersWaitForTheDisk() {
        let engine = AMQPTestEngine()
        engine.context.journal.begin(epoch: 1, at: 0)
        let publisher = Peer(engine).opened()
        let other = Peer(engine).opened()
        publisher.call(1, QueueDeclare(queue: text("q"), durable: true))
        _ = publisher.take()
        let body = [UInt8](repeating: 7, count: 4_000_000)
        let publish = Peer.publish(1, key: "q", body: body, properties: [0x10, 0, 2])
        var count = 0
        while !publisher.session.pausesReading, count < 100 {
            publisher.send(publish)
            count += 1
        }
        #expect(engine.context.journal.isCongested)
        #expect(publisher.take() == ["0 connection.blocked"])
        publisher.send(Peer.method(1, BasicQos(prefetchBytes: 0, prefetchCount: 1)))
        #expect(publisher.take() == [])
        other.call(1, BasicQos(prefetchBytes: 0, prefetchCount: 1))
        #expect(other.take() == ["1 basic.qos-ok"])

        guard let batch = engine.context.journal.takeBatch() else {
            Issue.record("no batch")
            return
        }
        engine.context.journal.written(batch)
        engine.context.journal.durable(upTo: batch.sequence)
        engine.sessions.durable()
        #expect(!publisher.session.pausesReading)
        publisher.send([])
        #expect(publisher.take() == ["0 connection.unblocked", "1 basic.qos-ok"])
        publisher.session.disconnected()
        other.session.disconnected()
    }

    @Test func whoDoesNotReadIsNotReadFrom() {
        let peer = Peer().opened()
        peer.declare("q")
        peer.send(Peer.publish(1, key: "q", body: [UInt8](repeating: 1, count: 2_000_000)))
        var bytes: [UInt8] = []
        for _ in 0..<50 {
            bytes += Peer.method(1, BasicGet(queue: text("q"))) + Peer.method(1, BasicRecover(requeue: true))
        }
        // Without looking at the answers.
        _ = bytes.withUnsafeBytes { peer.session.receive(ByteSlice($0)) }
        #expect(peer.session.output.pendingBytes > Limits.amqpOutputPauseBytes)
        #expect(peer.session.pausesReading)
        _ = peer.takeBytes()
        #expect(!peer.session.pausesReading)
        peer.session.disconnected()
    }
}
