import Testing
import Wire

@testable import Engine

@Suite struct AMQPClosingTests {
    typealias Peer = AMQPTestPeer

    static var qos: BasicQos { BasicQos(prefetchBytes: 0, prefetchCount: 1) }
    static let qosArguments: [UInt8] = [0, 60, 0, 10, 0, 0, 0, 0, 0, 1, 0]
    static let publish = Peer.method(1, BasicPublish(exchange: .empty, routingKey: text("nobody")))

    /// What one wrong frame on an open connection leads to, with the close that it gets.
    static let connectionErrors: [(String, [UInt8], String)] = [
        (
            "bad end", Peer.frame(1, 1, [1], end: 0),
            "501 FRAME_ERROR - type 1, all octets = <<1>>: {invalid_frame_end_marker,0} 0 0"
        ),
        (
            "unknown type", Peer.frame(7, 1, Array("abc".utf8)),
            "501 FRAME_ERROR - type 7, all octets = <<\"abc\">>: unknown_frame 0 0"
        ),
        (
            "too large", [3, 0, 1, 0, 2, 0, 1],
            "501 FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,131073,131064} 0 0"
        ),
        (
            "4 GiB", [1, 0, 1, 255, 255, 255, 255],
            "501 FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4294967295,131064} 0 0"
        ),
        (
            "no method number", Peer.frame(1, 1, [0, 60, 0]),
            "501 FRAME_ERROR - type 1, all octets = <<0,60,0>>: unknown_frame 0 0"
        ),
        (
            "truncated", Peer.frame(1, 1, Array(qosArguments.dropLast(2))),
            "501 FRAME_ERROR - cannot decode <<0,0,0,0,0>> 60 10"
        ),
        ("trailing", Peer.frame(1, 1, qosArguments + [9]), "501 FRAME_ERROR - cannot decode <<0,0,0,0,0,1,0,9>> 60 10"),
        (
            "bad table", Peer.frame(1, 1, [0, 50, 0, 10, 0, 0, 1, 0x71, 0, 0, 0, 0, 3, 1, 0x61, 0x3F]),
            "501 FRAME_ERROR - cannot decode a field table 50 10"
        ),
        ("heartbeat on a channel", Peer.frame(8, 1, []), "505 UNEXPECTED_FRAME - type 8, all octets = <<>> 0 0"),
        (
            "body on channel 0", Peer.frame(3, 0, Array("abc".utf8)),
            "505 UNEXPECTED_FRAME - type 3, all octets = <<\"abc\">> 0 0"
        ),
        (
            "channel 0", Peer.method(0, ChannelOpen()),
            "504 CHANNEL_ERROR - unexpected method in connection state running 20 10"
        ),
        ("open twice", Peer.open(), "504 CHANNEL_ERROR - unexpected method in connection state running 10 40"),
        (
            "unasked close-ok", Peer.method(0, ConnectionCloseOK()),
            "504 CHANNEL_ERROR - unexpected method in connection state running 10 51"
        ),
        ("closed channel", Peer.method(5, qos), "504 CHANNEL_ERROR - expected 'channel.open' 60 10"),
        (
            "content on a closed channel", Peer.header(5, size: 3),
            "505 UNEXPECTED_FRAME - expected method frame, got non method frame instead 0 0"
        ),
        ("second channel.open", Peer.method(1, ChannelOpen()), "504 CHANNEL_ERROR - second 'channel.open' seen 20 10"),
        (
            "connection method on a channel", Peer.method(1, ConnectionOpen(virtualHost: text("/"))),
            "503 COMMAND_INVALID - unimplemented method 10 40"
        ),
        (
            "server's method", Peer.method(1, QueueDeclareOK(queue: text("q"), messageCount: 1, consumerCount: 2)),
            "503 COMMAND_INVALID - unimplemented method 50 11"
        ),
        ("flow-ok", Peer.method(1, ChannelFlowOK(active: true)), "503 COMMAND_INVALID - unimplemented method 20 21"),
        ("channel.close-ok", Peer.method(1, ChannelCloseOK()), "503 COMMAND_INVALID - unimplemented method 20 41"),
        ("flow false", Peer.method(1, ChannelFlow(active: false)), "540 NOT_IMPLEMENTED - active=false 20 20"),
        (
            "header unasked", Peer.header(1, size: 1),
            "505 UNEXPECTED_FRAME - expected method frame, got non method frame instead 0 0"
        ),
        (
            "body unasked", Peer.body(1, [1]),
            "505 UNEXPECTED_FRAME - expected method frame, got non method frame instead 0 0"
        ),
        (
            "body for header", publish + Peer.body(1, [1]),
            "505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead 60 40"
        ),
        (
            "method for header", publish + Peer.method(1, qos),
            "505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead 60 40"
        ),
        (
            "method for body", publish + Peer.header(1, size: 2) + Peer.method(1, qos),
            "505 UNEXPECTED_FRAME - expected content body, got non content body frame instead 60 40"
        ),
        (
            "header twice", publish + Peer.header(1, size: 2) + Peer.header(1, size: 2),
            "505 UNEXPECTED_FRAME - expected content body, got non content body frame instead 60 40"
        ),
        (
            "header of another class", publish + Peer.header(1, size: 2, classID: 50),
            "505 UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead 60 40"
        ),
        (
            "body too long", publish + Peer.header(1, size: 2) + Peer.body(1, [1, 2, 3]),
            "501 FRAME_ERROR - content body is longer than the 2 octets announced 60 40"
        ),
        (
            "bad properties", publish + Peer.header(1, size: 0, properties: [0x80, 0, 9, 1]),
            "501 FRAME_ERROR - cannot decode the properties of a content header 60 40"
        ),
        (
            "immediate", Peer.method(1, BasicPublish(exchange: .empty, routingKey: .empty, immediate: true)),
            "540 NOT_IMPLEMENTED - immediate=true 60 40"
        ),
        (
            "prefetch size", Peer.method(1, BasicQos(prefetchBytes: 7, prefetchCount: 0)),
            "540 NOT_IMPLEMENTED - prefetch_size!=0 (7) 60 10"
        ),
        (
            "recover without requeue", Peer.method(1, BasicRecover(requeue: false)),
            "540 NOT_IMPLEMENTED - requeue=false 60 110"
        ),
    ]

    @Test(arguments: connectionErrors.indices)
    func connectionError(index: Int) {
        let (name, bytes, close) = Self.connectionErrors[index]
        let peer = Peer().opened()
        peer.send(bytes)
        #expect(peer.take() == ["0 connection.close \(close)"], "\(name)")
        // Whatever comes now is not answered, and the end comes at the latest with the time.
        peer.send(Peer.method(1, Self.qos))
        #expect(peer.take() == [], "\(name)")
        peer.engine.advance(Limits.amqpCloseOKMilliseconds + 100)
        #expect(peer.take() == ["dropped"], "\(name)")
        peer.session.disconnected()
    }

    static let channelErrors: [(String, [UInt8], String)] = [
        (
            "passive", Peer.method(1, QueueDeclare(queue: text("q"), passive: true)),
            "404 NOT_FOUND - no queue 'q' in vhost '/' 50 10"
        ),
        (
            "exchange", Peer.method(1, ExchangeDeclare(exchange: text("x"), type: text("direct"), passive: true)),
            "404 NOT_FOUND - no exchange 'x' in vhost '/' 40 10"
        ),
        (
            "publish", Peer.publish(1, exchange: "x", key: "", body: [1]),
            "404 NOT_FOUND - no exchange 'x' in vhost '/' 60 40"
        ),
        ("ack", Peer.method(1, BasicAck(deliveryTag: 7)), "406 PRECONDITION_FAILED - unknown delivery tag 7 60 80"),
        ("nack", Peer.method(1, BasicNack(deliveryTag: 7)), "406 PRECONDITION_FAILED - unknown delivery tag 7 60 120"),
        (
            "too large", publish + Peer.header(1, size: 134_217_729),
            "406 PRECONDITION_FAILED - message size 134217729 is larger than configured max size 134217728 60 40"
        ),
        (
            "far too large", publish + Peer.header(1, size: .max),
            "406 PRECONDITION_FAILED - message size 9223372036854775807 is larger than configured max size 134217728 60 40"
        ),
    ]

    @Test(arguments: channelErrors.indices)
    func channelError(index: Int) {
        let (name, bytes, close) = Self.channelErrors[index]
        let peer = Peer().opened(channels: [1, 2])
        peer.send(bytes)
        #expect(peer.take() == ["1 channel.close \(close)"], "\(name)")
        // Methods and content that were on their way are discarded, another channel goes on.
        peer.send(Peer.method(1, Self.qos) + Peer.publish(1, key: "q", body: [1, 2]) + Peer.method(2, Self.qos))
        #expect(peer.take() == ["2 basic.qos-ok"], "\(name)")
        peer.call(1, ChannelCloseOK())
        peer.call(1, ChannelOpen())
        peer.call(1, Self.qos)
        #expect(peer.take() == ["1 channel.open-ok", "1 basic.qos-ok"], "\(name)")
    }

    @Test func closesThatCross() {
        let peer = Peer().opened()
        peer.call(1, QueueDeclare(queue: text("q"), passive: true))
        peer.call(1, ChannelClose(replyCode: 200, replyText: .empty, classID: 0, methodID: 0))
        #expect(peer.take().last == "1 channel.close-ok")
        peer.call(1, ChannelCloseOK())
        peer.call(1, ChannelOpen())
        #expect(peer.take() == ["1 channel.open-ok"])
    }

    @Test func aClosingChannelIsNotOpenedAgain() {
        let peer = Peer().opened()
        peer.call(1, QueueDeclare(queue: text("q"), passive: true))
        _ = peer.take()
        peer.call(1, ChannelOpen())
        #expect(peer.take() == ["0 connection.close 504 CHANNEL_ERROR - second 'channel.open' seen 20 10"])
    }

    @Test func theClientCloses() {
        let peer = Peer().opened()
        peer.declare("q")
        peer.call(0, ConnectionClose(replyCode: 0, replyText: .empty, classID: 0, methodID: 0))
        #expect(peer.take() == ["0 connection.close-ok", "ended"])
        #expect(peer.engine.broker.virtualHost(text("/"))?.queue(text("q")) == nil)
        peer.session.disconnected()
        #expect(peer.engine.sessions.count == 0)
    }

    @Test func unknownNumbersDropTheSocket() {
        for method: [UInt8] in [[0, 60, 0, 99], [0, 99, 0, 10]] {
            for channel: UInt16 in [0, 1, 9] {
                let peer = Peer().opened()
                peer.send(Peer.frame(1, channel, method))
                #expect(peer.take() == ["dropped"])
            }
        }
    }

    @Test func closeAnswersWhileClosing() {
        let peer = Peer().opened()
        peer.call(9, Self.qos)
        _ = peer.take()
        peer.call(0, ConnectionClose(replyCode: 200, replyText: .empty, classID: 0, methodID: 0))
        #expect(peer.take() == ["0 connection.close-ok"])
        peer.call(0, ConnectionCloseOK())
        #expect(peer.take() == ["ended"])
    }

    @Test func shutdownTellsEverybody() {
        let engine = AMQPTestEngine()
        let open = Peer(engine).opened()
        let young = Peer(engine)
        open.session.shutdown()
        young.session.shutdown()
        #expect(
            open.take() == [
                "0 connection.close 320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown' 0 0"
            ])
        #expect(young.take() == ["dropped"])
        open.call(0, ConnectionCloseOK())
        #expect(open.take() == ["ended"])
    }

    @Test func longTextsAreCut() {
        let peer = Peer().opened()
        let name = String(repeating: "n", count: 250)
        peer.call(1, QueueDeclare(queue: text(name), passive: true))
        let answer = peer.take()
        #expect(answer.count == 1 && answer[0].hasSuffix("nnn... 50 10"))
    }

    @Test func channelsAreCountedNotNumbered() {
        let peer = Peer().opened(channels: [10, 60_000], channelsMax: 2)
        peer.call(5, ChannelOpen())
        #expect(
            peer.take() == [
                "0 connection.close 530 NOT_ALLOWED - number of channels opened (2) has reached the negotiated "
                    + "channel_max (2) 0 0"
            ])
    }

    @Test func aClosedChannelMakesRoom() {
        let peer = Peer().opened(channels: [10, 60_000], channelsMax: 2)
        peer.call(60_000, ChannelClose(replyCode: 200, replyText: .empty, classID: 0, methodID: 0))
        peer.call(5, ChannelOpen())
        #expect(peer.take() == ["60000 channel.close-ok", "5 channel.open-ok"])
    }
}
