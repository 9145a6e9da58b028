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
        var files: [UInt32: [UInt8]] = [:]
        for _ in 0..<50 {
            peer.send(Peer.publish(1, key: "q", body: [UInt8](repeating: 7, count: 200)))
            _ = peer.take()
            // Written at once, so that memory never runs short.
            while let chunk = engine.broker.takeSpoolChunk() {
                files[chunk.id] = [UInt8](chunk.bytes)
                engine.broker.spoolWritten(chunk.id)
            }
        }
        #expect(!engine.context.alarms.isMemoryLow)
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

    /// Goal: declarations without end leave the turn to others, and nothing of them is lost. Method: a clock that moves by
    /// half of what a turn may take at each look.
    @Test func longInputYieldsTheTurn() {
        let engine = AMQPTestEngine()
        let peer = Peer(engine).opened()
        engine.context.time.stopwatch = {
            slowClock += Limits.receiveMicrosecondsMax / 2
            return slowClock
        }
        let declarations = (0..<10).map { Peer.method(1, QueueDeclare(queue: text("q\($0)"))) }
        var rest = Array(declarations.joined())
        var turns = 0
        while !rest.isEmpty, turns < 100 {
            rest.removeFirst(rest.withUnsafeBytes { peer.session.receive(ByteSlice($0)) })
            turns += 1
            engine.context.continueYielded()
            #expect(!peer.session.pausesReading)
        }
        // Three looks are as long as a turn may take, a fourth is longer.
        #expect(turns == 3)
        peer.collect()
        #expect(peer.take().count == 10)
        #expect((0..<10).allSatisfy { engine.broker.virtualHost(text("/"))?.queue(text("q\($0)")) != nil })
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
        #expect(publisher.take() == ["0 connection.blocked the disk is behind"])
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

    // MARK: Alarms

    /// Texts and order as RabbitMQ's reader sends them: at the next publish, once, whatever is added later.
    @Test func publishersAreBlockedAtTheirNextPublish() {
        let engine = AMQPTestEngine()
        let publisher = Peer(engine).opened()
        let consumer = Peer(engine).opened()
        publisher.call(1, QueueDeclare(queue: text("q")))
        publisher.call(1, ConfirmSelect())
        consumer.call(1, BasicConsume(queue: text("q"), consumerTag: text("t"), noAck: true))
        let publish = Peer.publish(1, key: "q", body: [1, 2, 3])
        publisher.send(publish)
        #expect(publisher.take() == ["1 queue.declare-ok q 0 0", "1 confirm.select-ok", "1 basic.ack"])
        #expect(consumer.take().suffix(3) == ["1 basic.deliver", "1 header 3", "1 body 3"])

        engine.context.alarms.isDiskLow = true
        #expect(publisher.take() == [] && !publisher.session.pausesReading)
        publisher.send(publish + publish)
        #expect(publisher.take() == ["0 connection.blocked low on disk"])
        #expect(publisher.session.pausesReading)
        // Nothing more is read, whatever it is.
        publisher.send(Peer.method(1, BasicQos(prefetchBytes: 0, prefetchCount: 1)))
        #expect(publisher.take() == [])
        #expect(consumer.take() == [])
        // Whoever does not publish goes on; whoever comes now is blocked when it does.
        consumer.call(1, BasicQos(prefetchBytes: 0, prefetchCount: 1))
        #expect(consumer.take() == ["1 basic.qos-ok"])
        let late = Peer(engine).opened()
        late.call(1, QueueDeclare(queue: text("late")))
        #expect(late.take() == ["1 queue.declare-ok late 0 0"])
        // The broker finds at the end of the turn that there is memory enough.
        engine.context.alarms.isMemoryLow = true
        late.send(publish)
        #expect(late.take() == ["0 connection.blocked low on disk & memory"])
        let silent = Peer(engine).opened(capabilities: [])
        silent.send(publish)
        #expect(silent.take() == [] && silent.session.pausesReading)

        #expect(!engine.context.alarms.isMemoryLow)
        #expect(publisher.take() == [] && publisher.session.pausesReading)
        engine.context.alarms.isDiskLow = false
        for peer in [publisher, late, silent] {
            #expect(!peer.session.pausesReading)
            peer.send([])
        }
        #expect(publisher.take() == ["0 connection.unblocked", "1 basic.qos-ok", "1 basic.ack"])
        #expect(late.take() == ["0 connection.unblocked"])
        #expect(silent.take() == [])
        #expect(consumer.take().filter { $0 == "1 basic.deliver" }.count == 4)
        for peer in [publisher, consumer, late, silent] { peer.session.disconnected() }
    }

    /// Content that was under way when the alarm came is taken to its end.
    @Test func aMessageUnderWayIsFinished() {
        let engine = AMQPTestEngine()
        let peer = Peer(engine).opened()
        peer.call(1, QueueDeclare(queue: text("q")))
        _ = peer.take()
        let publish = Peer.publish(1, key: "q", body: [1, 2, 3])
        peer.send(Array(publish.dropLast(5)))
        engine.context.alarms.isDiskLow = true
        peer.send(Array(publish.suffix(5)))
        #expect(peer.take() == ["0 connection.blocked low on disk"])
        #expect(engine.broker.virtualHost(text("/"))!.queue(text("q"))!.readyCount == 1)
        peer.session.disconnected()
    }

    /// We do not read, so we cannot say that the peer is silent; it can say so of us.
    @Test func heartbeatsGoOnWhileBlocked() {
        let engine = AMQPTestEngine()
        let peer = Peer(engine).opened(heartbeat: 10)
        engine.context.alarms.isDiskLow = true
        peer.send(Peer.publish(1, key: "q", body: [1]))
        #expect(peer.take() == ["0 connection.blocked low on disk"])
        for _ in 0..<20 {
            engine.advance(5_000)
            #expect(peer.take() == ["0 heartbeat"])
        }
        engine.context.alarms.isDiskLow = false
        #expect(peer.take() == ["0 connection.unblocked"])
        engine.advance(19_000)
        #expect(!peer.session.closesNow)
        engine.advance(2_000)
        #expect(peer.session.closesNow)
        peer.session.disconnected()
    }

    @Test func aBlockedConnectionCanBeClosed() {
        let engine = AMQPTestEngine()
        let peer = Peer(engine).opened()
        engine.context.alarms.isDiskLow = true
        peer.send(Peer.publish(1, key: "q", body: [1]))
        _ = peer.take()
        peer.session.shutdown()
        peer.send(Peer.method(0, ConnectionCloseOK()))
        #expect(peer.take().last == "ended")
        engine.context.alarms.isDiskLow = false
        #expect(peer.take() == ["ended"])
        peer.session.disconnected()
    }

    @Test func theEngineTellsSessions() {
        let engine = Engine(configuration: EngineConfiguration())
        engine.context.alarms.logFailure = "Input/output error"
        #expect(engine.broker.log.hasFailed)
        #expect(engine.context.alarms.blockedReason == "the log has failed: Input/output error")
    }
}

nonisolated(unsafe) private var slowClock: Int64 = 0
