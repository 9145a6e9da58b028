import Testing
import Wire

@testable import Engine

@Suite struct AMQPTimersTests {
    typealias Peer = AMQPTestPeer

    @Test func heartbeatsGoOutAtHalfTheInterval() {
        let peer = Peer().opened(heartbeat: 10)
        for _ in 0..<3 {
            peer.engine.advance(4_900)
            peer.send(AMQPConstants.heartbeatFrame)
            #expect(peer.take() == [])
            peer.engine.advance(100)
            #expect(peer.take() == ["0 heartbeat"])
        }
    }

    @Test func twoMissedIntervalsCut() {
        let peer = Peer().opened(heartbeat: 10)
        peer.declare("q")
        peer.engine.advance(19_900)
        #expect(!peer.session.closesNow)
        peer.engine.advance(200)
        #expect(peer.session.closesNow)
        #expect(peer.engine.log.contains { $0.contains("missed heartbeats from client, timeout: 10s") })
        #expect(peer.engine.broker.virtualHost(text("/"))?.queue(text("q")) == nil)
        peer.session.disconnected()
    }

    @Test func anyByteCountsAsLife() {
        let peer = Peer().opened(heartbeat: 10)
        for _ in 0..<10 {
            peer.engine.advance(15_000)
            // Less than a frame.
            peer.send([8])
            peer.send(Array(AMQPConstants.heartbeatFrame.dropFirst()))
            #expect(!peer.session.closesNow)
        }
    }

    @Test func noHeartbeatsWhenNoneWereAgreed() {
        let peer = Peer().opened(heartbeat: 0)
        peer.engine.advance(3_600_000)
        #expect(peer.take() == [])
        #expect(peer.engine.sessions.nextDeadline == nil)
    }

    /// Goal: setting and firing stay cheap and exact for many sessions. Method: thousands with different
    /// intervals, each heartbeat counted.
    @Test func manySessions() {
        let engine = AMQPTestEngine()
        let peers = (0..<500).map { Peer(engine).opened(channels: [], heartbeat: UInt16($0 % 10 + 2)) }
        for _ in 0..<60 {
            engine.advance(500)
            for peer in peers { peer.send(AMQPConstants.heartbeatFrame) }
        }
        for (index, peer) in peers.enumerated() {
            let interval = (index % 10 + 2) * 500
            let count = peer.take().count
            #expect(abs(count - 30_000 / interval) <= 1, "\(count) heartbeats at \(interval) ms")
            peer.session.disconnected()
        }
        #expect(engine.sessions.count == 0)
        engine.advance(60_000)
        #expect(engine.sessions.nextDeadline == nil)
    }
}
