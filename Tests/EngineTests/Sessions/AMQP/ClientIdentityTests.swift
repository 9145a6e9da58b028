import Testing
import Wire

@testable import Engine

@Suite struct ClientIdentityTests {
    typealias Peer = AMQPTestPeer

    /// Goal: kombu's library is woken when it may sleep over acknowledgements, whatever heartbeat was agreed, and
    /// other clients get no frame they do not expect.
    @Test(arguments: [("py-amqp", true), ("py-amqp2", false), ("pika", false)])
    func nudgesAreForTheProductThatNeedsThem(product: String, isNudged: Bool) {
        let peer = Peer().opened(product: product)
        peer.declare("q")
        peer.call(1, BasicQos(prefetchBytes: 0, prefetchCount: 1, isGlobal: true))
        peer.call(1, BasicConsume(queue: text("q"), consumerTag: text("t")))
        for _ in 0..<2 { peer.send(Peer.publish(1, key: "q", body: [1])) }
        #expect(
            peer.take() == ["1 basic.qos-ok", "1 basic.consume-ok", "1 basic.deliver", "1 header 1", "1 body 1"])
        peer.engine.advance(Limits.nudgeMillisecondsMin)
        #expect(peer.take() == (isNudged ? ["0 heartbeat"] : []))
        peer.session.disconnected()
    }
}
