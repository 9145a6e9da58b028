import Testing
import Wire

@testable import Engine

@Suite struct AMQPContentTests {
    typealias Peer = AMQPTestPeer

    /// The body that comes back from `queue`, or nil when there is none.
    static func fetch(_ peer: Peer, _ queue: String, channel: UInt16 = 1) -> [UInt8]? {
        _ = peer.take()
        peer.call(channel, BasicGet(queue: text(queue), noAck: true))
        let bytes = peer.takeBytes()
        return bytes.withUnsafeBytes { buffer in
            var cursor = ByteCursor(buffer)
            guard let method = try? AMQPFrame.next(&cursor, frameBytesMax: 0),
                (try? method.method())?.id == .basicGetOK
            else { return nil }
            _ = try? AMQPFrame.next(&cursor, frameBytesMax: 0)
            var body: [UInt8] = []
            while let frame = try? AMQPFrame.next(&cursor, frameBytesMax: 0) { body += frame.payload.array }
            return body
        }
    }

    @Test(arguments: [0, 1, 100, 131_064, 131_065, 1_048_576, 1_048_577, 3_000_000])
    func bodiesComeBackWhole(size: Int) {
        var random = RandomSource(seed: UInt64(size) + 1)
        let body = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        let peer = Peer().opened()
        peer.declare("q")
        peer.send(Peer.publish(1, key: "q", body: body))
        #expect(Self.fetch(peer, "q") == body)
    }

    @Test func emptyBodyFramesAreLegal() {
        let peer = Peer().opened()
        peer.declare("q")
        peer.send(
            Peer.method(1, BasicPublish(exchange: .empty, routingKey: text("q"))) + Peer.header(1, size: 3)
                + Peer.body(1, []) + Peer.body(1, [1, 2]) + Peer.body(1, []) + Peer.body(1, [3]))
        #expect(Self.fetch(peer, "q") == [1, 2, 3])
    }

    @Test func channelsInterleave() {
        let peer = Peer().opened(channels: [1, 2, 300])
        peer.declare("q")
        var bytes: [UInt8] = []
        for channel: UInt16 in [1, 2, 300] {
            bytes += Peer.method(channel, BasicPublish(exchange: .empty, routingKey: text("q")))
        }
        for channel: UInt16 in [300, 1, 2] { bytes += Peer.header(channel, size: 2) }
        for part: UInt8 in 0..<2 {
            for channel: UInt16 in [2, 300, 1] { bytes += Peer.body(channel, [UInt8(channel & 0xFF) &+ part]) }
        }
        peer.send(bytes)
        #expect(Set([Self.fetch(peer, "q"), Self.fetch(peer, "q"), Self.fetch(peer, "q")]).count == 3)
    }

    @Test func aHostileSizeCostsNothingUntilItComes() {
        let peer = Peer().opened()
        peer.declare("q")
        peer.send(
            Peer.method(1, BasicPublish(exchange: .empty, routingKey: text("q"))) + Peer.header(1, size: 134_217_728)
                + Peer.body(1, [1]))
        #expect(peer.take() == [])
        guard case .largeBody = peer.session.channels[1]?.content?.stage else {
            Issue.record("the body's memory was taken before it came")
            return
        }
        // Closing lets go of it.
        peer.call(2, ChannelOpen())
        peer.session.disconnected()
    }

    /// Goal: where reads end makes no difference. Method: one conversation cut in two at every byte, and
    /// byte by byte; the output is compared with that of one read.
    @Test func everyFragmentationGivesTheSameOutput() {
        var bytes = Peer.protocolHeader + Peer.startOK() + Peer.tuneOK() + Peer.open()
        bytes += Peer.method(1, ChannelOpen()) + Peer.method(7, ChannelOpen()) + AMQPConstants.heartbeatFrame
        bytes += Peer.method(1, QueueDeclare(queue: text("q"), exclusive: true))
        bytes += Peer.method(1, ConfirmSelect()) + Peer.publish(1, key: "q", body: [1, 2, 3, 4, 5])
        bytes += Peer.publish(7, key: "q", body: []) + Peer.publish(7, key: "nobody", body: [9], mandatory: true)
        bytes += Peer.method(7, BasicGet(queue: text("q"))) + Peer.method(7, BasicAck(deliveryTag: 1))
        bytes += Peer.method(7, BasicAck(deliveryTag: 1)) + Peer.method(7, BasicQos(prefetchBytes: 0, prefetchCount: 1))
        bytes += Peer.method(7, ChannelCloseOK()) + Peer.method(7, ChannelOpen())

        func output(_ pieces: [ArraySlice<UInt8>]) -> [String] {
            let peer = Peer()
            for piece in pieces { peer.send(Array(piece)) }
            return peer.take()
        }
        // Confirms and deliveries come at the end of a turn: their place among replies may move, not more.
        let whole = output([bytes[...]]).sorted()
        #expect(whole.contains("1 basic.ack") && whole.contains("7 basic.get-ok"))
        for cut in 1..<bytes.count {
            #expect(output([bytes[..<cut], bytes[cut...]]).sorted() == whole, "cut at \(cut)")
        }
        #expect(output(bytes.indices.map { bytes[$0...$0] }).sorted() == whole)
    }

    /// Goal: no input breaks the engine. Method: random bytes, and valid conversations with random octets
    /// changed, in random pieces; seed replays.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func randomBytesNeverCrash(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let engine = AMQPTestEngine()
        let valid =
            Peer.method(1, QueueDeclare(queue: text("q"))) + Peer.publish(1, key: "q", body: [1, 2, 3])
            + Peer.method(1, BasicConsume(queue: text("q"), consumerTag: text("c")))
            + Peer.method(1, QueueBind(queue: text("q"), exchange: text("amq.topic"), routingKey: text("a.#")))
            + Peer.method(1, BasicNack(deliveryTag: 1, multiple: true, requeue: true))
            + Peer.method(1, ChannelClose(replyCode: 1, replyText: .empty, classID: 0, methodID: 0))
            + Peer.method(1, ChannelOpen())
        for _ in 0..<60 {
            let peer = Peer(engine)
            if Bool.random(using: &random) { peer.opened() }
            var bytes = valid + valid
            if Int.random(in: 0..<4, using: &random) == 0 {
                bytes = (0..<Int.random(in: 1..<2_000, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            }
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var left = bytes[...]
            while !left.isEmpty, !peer.session.closesNow, !peer.session.closesAfterFlush {
                let count = Int.random(in: 1...left.count, using: &random)
                peer.send(Array(left.prefix(count)))
                left = left.dropFirst(count)
            }
            _ = peer.take()
            peer.session.disconnected()
            engine.advance(Int64.random(in: 0...2_000, using: &random))
        }
        #expect(engine.sessions.count == 0, "seed \(seed)")
        // Another connection is unharmed.
        let peer = Peer(engine).opened()
        peer.declare("after")
    }
}
