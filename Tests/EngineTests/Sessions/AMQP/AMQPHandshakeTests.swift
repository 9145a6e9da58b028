import Testing
import Wire

@testable import Engine

@Suite struct AMQPHandshakeTests {
    typealias Peer = AMQPTestPeer

    static let refusedText =
        "0 connection.close 403 ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For "
        + "details see the broker logfile. 0 0"

    @Test func aWholeHandshake() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        #expect(peer.take() == ["0 connection.start"])
        peer.send(Peer.startOK())
        #expect(peer.take() == ["0 connection.tune"])
        peer.send(Peer.tuneOK() + Peer.open())
        #expect(peer.take() == ["0 connection.open-ok"])
        #expect(peer.session.phase == .running)
        #expect(peer.engine.log.contains { $0.contains("user=guest") && $0.contains("client=test") })
    }

    @Test(arguments: ["HTTP/1.1", "AMQP\0\u{1}\0\0", "AMQP\u{1}\u{1}\0\n", "\0\0\0\0\0\0\0\0", "x"])
    func aForeignHeaderGetsOursAndTheEnd(header: String) {
        let peer = Peer()
        peer.send(Array(header.utf8))
        #expect(peer.take() == ["AMQP", "ended"])
    }

    @Test func theHeaderOf09IsTaken() {
        let peer = Peer()
        peer.send([0x41, 0x4D, 0x51, 0x50, 1, 1, 0, 9])
        #expect(peer.take() == ["0 connection.start"])
    }

    @Test func startSaysWhoWeAre() throws {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        let bytes = peer.takeBytes()
        try bytes.withUnsafeBytes {
            var cursor = ByteCursor($0)
            let frame = try #require(try AMQPFrame.next(&cursor, frameBytesMax: 0))
            let start = try ConnectionStart(arguments: frame.method().arguments)
            let table = try FieldTable(start.serverProperties)
            #expect(table["product"] == "RabbitMQ")
            #expect(table["version"]?.text?.hasPrefix("3.13.") == true)
            #expect(table["implementation"] == "taskd")
            for name in ServerProperties.capabilities {
                #expect(table["capabilities"]?.table?[name] == .boolean(true))
            }
            #expect(start.mechanisms.string.split(separator: " ").sorted() == ["AMQPLAIN", "PLAIN"])
        }
    }

    @Test func aWrongPasswordIsToldToThoseWhoCanHearIt() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        _ = peer.take()
        peer.send(Peer.startOK(response: "\0guest\0wrong"))
        #expect(peer.take() == [Self.refusedText])
        peer.engine.advance(2_900)
        #expect(peer.take() == [])
        peer.engine.advance(200)
        #expect(peer.take() == ["dropped"])
        #expect(peer.engine.log.contains { $0.contains("wrong password for user 'guest'") })
    }

    @Test(arguments: [
        ("PLAIN", "\0guest\0wrong"), ("PLAIN", "guest"), ("PLAIN", ""), ("PLAIN", "\0guest\0guest\0"),
        ("PLAIN", "other\0guest\0guest"), ("PLAIN", "\0nobody\0guest"), ("plain", "\0guest\0guest"), ("SCRAM", ""),
        ("AMQPLAIN", "\u{7}garbage"),
    ])
    func othersAreDroppedLateAndSilently(mechanism: String, response: String) {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        _ = peer.take()
        peer.send(Peer.startOK(mechanism: mechanism, response: response, capabilities: []))
        peer.send(Peer.tuneOK() + Peer.open())
        peer.engine.advance(2_900)
        #expect(peer.take() == [])
        peer.engine.advance(200)
        #expect(peer.take() == ["dropped"])
    }

    @Test func amqplain() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        let table: FieldTable = ["LOGIN": "guest", "PASSWORD": "guest"]
        peer.send(Peer.startOK(mechanism: "AMQPLAIN", response: String(decoding: table.encoded, as: UTF8.self)))
        #expect(peer.take() == ["0 connection.start", "0 connection.tune"])
    }

    @Test func theDefaultUserComesFromLoopbackOnly() {
        let peer = Peer(isLoopback: false)
        peer.send(Peer.protocolHeader)
        peer.send(Peer.startOK())
        #expect(peer.take() == ["0 connection.start", Self.refusedText])
        #expect(peer.engine.log.contains { $0.contains("can only connect via localhost") })
    }

    @Test func otherUsersComeFromAnywhere() {
        let engine = AMQPTestEngine {
            $0.users.append(ConfiguredUser(name: "worker", password: "pw", loopbackOnly: false))
        }
        let peer = Peer(engine, isLoopback: false)
        peer.send(Peer.protocolHeader)
        peer.send(Peer.startOK(response: "\0worker\0pw"))
        #expect(peer.take() == ["0 connection.start", "0 connection.tune"])
    }

    @Test(
        arguments: [
            (2047, 131_072, true), (1, 4_096, true), (0, 131_072, false), (2048, 131_072, false), (2047, 0, false),
            (2047, 131_073, false), (2047, 4_095, false),
        ] as [(UInt16, UInt32, Bool)])
    func whatTuneOKMayAskFor(channels: UInt16, frame: UInt32, isFine: Bool) {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        peer.send(Peer.startOK())
        _ = peer.take()
        peer.send(Peer.tuneOK(channels: channels, frame: frame) + Peer.open())
        #expect(peer.take() == (isFine ? ["0 connection.open-ok"] : []))
        peer.engine.advance(3_100)
        #expect(peer.take() == (isFine ? [] : ["dropped"]))
    }

    @Test func aFrameBeforeAuthenticationIsSmall() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        _ = peer.take()
        // Only its first bytes come: nobody waits for the rest.
        peer.send([1, 0, 0, 0, 0, 0x20, 1])
        #expect(peer.session.phase == .refused)
        peer.engine.advance(3_100)
        #expect(peer.take() == ["dropped"])
    }

    @Test func anUnknownVirtualHost() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        peer.send(Peer.startOK())
        peer.send(Peer.tuneOK())
        _ = peer.take()
        peer.send(Peer.open("nowhere"))
        #expect(peer.take() == ["0 connection.close 530 NOT_ALLOWED - vhost nowhere not found 10 40"])
        peer.call(0, ConnectionCloseOK())
        #expect(peer.take() == ["ended"])
    }

    @Test func connectionsAreLimited() throws {
        let engine = AMQPTestEngine()
        _ = Peer(engine).opened()
        func refusal(_ subject: LimitSubject, _ owner: String) throws -> [String] {
            try engine.broker.setLimit(ResourceLimit(name: .connections, value: 1), of: subject, text(owner))
            let peer = Peer(engine)
            for bytes in [Peer.protocolHeader, Peer.startOK(), Peer.tuneOK()] { peer.send(bytes) }
            _ = peer.take()
            peer.send(Peer.open())
            _ = try engine.broker.clearLimits(nil, of: subject, text(owner))
            return peer.take()
        }
        #expect(
            try refusal(.virtualHost, "/") == [
                "0 connection.close 530 NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (1) "
                    + "is reached 10 40"
            ])
        #expect(
            try refusal(.user, "guest") == [
                "0 connection.close 530 NOT_ALLOWED - connection refused for user 'guest': user connection limit (1) is "
                    + "reached 10 40"
            ])
        let late = Peer(engine).opened(channels: [1])
        try engine.broker.setLimit(ResourceLimit(name: .channels, value: 2), of: .user, text("guest"))
        late.call(2, ChannelOpen())
        #expect(
            late.take() == [
                "0 connection.close 530 NOT_ALLOWED - number of channels opened for user 'guest' has reached the maximum "
                    + "allowed user limit of (2) 0 0"
            ])
    }

    @Test func methodsOutOfTurn() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        peer.send(Peer.startOK())
        peer.send(Peer.tuneOK())
        _ = peer.take()
        peer.call(1, ChannelOpen())
        #expect(
            peer.take() == [
                "0 connection.close 505 UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>> 0 0"
            ])

        let hasty = Peer()
        hasty.send(Peer.protocolHeader)
        hasty.send(Peer.open())
        #expect(hasty.session.phase == .refused)
    }

    @Test func aHandshakeHasTenSeconds() {
        let peer = Peer()
        peer.send(Peer.protocolHeader)
        _ = peer.take()
        peer.engine.advance(9_900)
        #expect(peer.take() == [])
        peer.engine.advance(200)
        #expect(peer.take() == ["dropped"])

        let finished = Peer().opened()
        finished.engine.advance(20_000)
        #expect(finished.take() == [])
    }

    @Test func updateSecretIsAgreedTo() {
        let peer = Peer().opened()
        peer.call(0, ConnectionUpdateSecret(newSecret: text("new"), reason: text("why")))
        #expect(peer.take() == ["0 connection.update-secret-ok"])
    }
}
