import Testing
import Wire

@testable import Engine

/// The broker as redis-cli shows it.
struct InspectionTests {
    /// Store and broker of one engine, with a connection that has a channel.
    private final class Fixture {
        let test: TestStore
        let broker: Broker
        let connection: BrokerConnection
        let channel: BrokerChannel

        init() {
            test = TestStore()
            broker = Broker(context: test.context)
            Inspection.attach(broker, Users(test.context.configuration.users), to: test.store)
            let host = broker.virtualHosts.values[0]
            connection = broker.openConnection(
                virtualHost: host, output: OutputQueue(flushList: test.context.flushList), name: "here -> there",
                user: "guest", frameBytesMax: 131_072)
            channel = connection.openChannel(1)
        }

        func declare(_ name: String, durable: Bool = false, _ arguments: FieldTable = [:]) throws {
            let table = arguments.encoded
            let name = ByteString(name)
            try withExtendedLifetime(name) {
                try table.withUnsafeBytes { bytes in
                    _ = try channel.declareQueue(
                        QueueDeclare(queue: name.slice, durable: durable, arguments: ByteSlice(bytes)))
                }
            }
        }

        func publish(_ body: String, to queue: String, _ properties: BasicProperties = BasicProperties()) throws {
            let key = ByteString(queue)
            let bytes = properties.encoded
            try withExtendedLifetime(key) {
                let message = bytes.withUnsafeBytes {
                    Message.make(
                        exchange: .empty, routingKey: key.slice, properties: ByteSlice($0),
                        bodyBytes: body.utf8.count)
                }
                Array(body.utf8).withUnsafeBytes { message.writeBody(ByteSlice($0), at: 0) }
                try channel.publish(message, mandatory: false)
            }
            broker.endTurn()
        }

        func reply(_ words: String...) -> String { String(decoding: test.bytes(words), as: UTF8.self) }
    }

    @Test func listsQueuesInBothProtocols() throws {
        let fixture = Fixture()
        try fixture.declare("tasks")
        try fixture.declare("other")
        try fixture.publish("hello", to: "tasks")
        let flat = fixture.reply("QUEUE", "LIST", "MATCH", "ta*")
        #expect(flat.hasPrefix("*1\r\n*22\r\n$4\r\nname\r\n$5\r\ntasks\r\n$5\r\nvhost\r\n$1\r\n/\r\n"))
        #expect(flat.contains("$14\r\nmessages_ready\r\n:1\r\n"))
        fixture.test.client.isRESP3 = true
        let mapped = fixture.reply("QUEUE", "LIST", "VHOST", "/", "MATCH", "tasks")
        #expect(mapped.hasPrefix("*1\r\n%11\r\n$4\r\nname\r\n"))
        #expect(mapped.contains("$7\r\ndurable\r\n#f\r\n"))
        #expect(fixture.reply("QUEUE", "LIST", "VHOST", "none") == "-NOTFOUND no such virtual host 'none'\r\n")
        #expect(fixture.reply("QUEUE", "LIST", "WHAT") == "-ERR syntax error\r\n")
    }

    @Test func infoShowsArguments() throws {
        let fixture = Fixture()
        try fixture.declare("q", ["x-max-length": 7, "x-overflow": "reject-publish"])
        let text = fixture.reply("QUEUE", "INFO", "q")
        #expect(
            text.contains(
                "$9\r\narguments\r\n*4\r\n$12\r\nx-max-length\r\n:7\r\n$10\r\nx-overflow\r\n$14\r\nreject-publish\r\n"))
        #expect(fixture.reply("QUEUE", "INFO", "none") == "-NOTFOUND no such queue 'none' in vhost '/'\r\n")
    }

    @Test func showsStreams() throws {
        let fixture = Fixture()
        fixture.test.context.journal.begin(epoch: 1, at: 64)
        try fixture.declare("s", durable: true, ["x-queue-type": "stream"])
        #expect(fixture.reply("QUEUE", "INFO", "s").contains("$11\r\nlast_offset\r\n:-1\r\n"))
        for body in ["a", "b", "c"] { try fixture.publish(body, to: "s") }
        let text = fixture.reply("QUEUE", "INFO", "s")
        #expect(text.contains("$4\r\ntype\r\n$6\r\nstream\r\n") && text.contains("$8\r\nmessages\r\n:3\r\n"))
        #expect(text.contains("$12\r\nfirst_offset\r\n:0\r\n") && text.contains("$11\r\nlast_offset\r\n:2\r\n"))
        let peeked = fixture.reply("QUEUE", "PEEK", "s", "1", "5")
        #expect(peeked.hasPrefix("*2\r\n") && peeked.contains("$6\r\noffset\r\n:1\r\n"))
        #expect(peeked.contains("$4\r\nbody\r\n$1\r\nc\r\n"))
        #expect(
            fixture.reply("QUEUE", "PURGE", "s")
                == "-ERR NOT_IMPLEMENTED - queue.purge not supported by stream queues queue 's' in vhost '/'\r\n")
    }

    /// Goal: looking changes nothing. Method: look twice, compare, then count.
    @Test func peekShowsMessagesAndChangesNothing() throws {
        let fixture = Fixture()
        try fixture.declare("q")
        var properties = BasicProperties()
        properties.contentType = Array("text/plain".utf8)
        properties.correlationID = Array("id-1".utf8)
        properties.deliveryMode = 2
        properties.headers = ["task": "add", "retries": 0, "root": FieldValue.void]
        try fixture.publish("first", to: "q", properties)
        try fixture.publish("second", to: "q")
        let text = fixture.reply("QUEUE", "PEEK", "q")
        #expect(text.hasPrefix("*2\r\n*20\r\n$8\r\nposition\r\n:0\r\n"))
        for part in [
            "$11\r\nrouting_key\r\n$1\r\nq\r\n", "$12\r\ncontent_type\r\n$10\r\ntext/plain\r\n",
            "$14\r\ncorrelation_id\r\n$4\r\nid-1\r\n", "$13\r\ndelivery_mode\r\n:2\r\n",
            "$4\r\ntask\r\n$3\r\nadd\r\n$7\r\nretries\r\n:0\r\n$4\r\nroot\r\n$-1\r\n", "$4\r\nbody\r\n$5\r\nfirst\r\n",
            "$4\r\nbody\r\n$6\r\nsecond\r\n",
        ] { #expect(text.contains(part), "\(part)") }
        #expect(fixture.reply("QUEUE", "PEEK", "q") == text)
        #expect(fixture.reply("QUEUE", "PEEK", "q", "1", "5").hasPrefix("*1\r\n*20\r\n$8\r\nposition\r\n:1\r\n"))
        #expect(fixture.reply("QUEUE", "PEEK", "q", "9", "5") == "*0\r\n")
        #expect(fixture.reply("QUEUE", "PEEK", "q", "-1", "5").hasPrefix("-ERR "))
        #expect(fixture.reply("QUEUE", "PEEK", "q", "VHOST", "/") == text)
        #expect(fixture.reply("QUEUE", "INFO", "q").contains("$14\r\nmessages_ready\r\n:2\r\n"))
    }

    /// Goal: messages on disk are shown like others, once they have been read, and stay where they are.
    @Test func peekWaitsForTheDisk() throws {
        let fixture = Fixture()
        let broker = fixture.broker
        fixture.test.context.configuration.memoryHighWatermarkBytes = 10_000
        broker.pager.spool.chunkBytes = 1_000
        try fixture.declare("q")
        for index in 0..<100 { try fixture.publish("body \(index)", to: "q") }
        var files: [UInt32: [UInt8]] = [:]
        while let chunk = broker.takeSpoolChunk() {
            files[chunk.id] = [UInt8](chunk.bytes)
            broker.spoolWritten(chunk.id)
        }
        let queue = try #require(broker.virtualHosts.values[0].queues.values.first)
        let onDisk = queue.onDiskCount
        #expect(onDisk > 20 && queue.peek(0)?.isOnDisk == true)
        #expect(fixture.reply("QUEUE", "PEEK", "q", "0", "2") == "")
        #expect(fixture.test.client.blocked != nil)
        let requests = broker.takeReadRequests()
        #expect(requests.count == 1 && requests[0].entries.count == 2)
        // The queue is emptied meanwhile: the picture is that of the question.
        #expect(fixture.broker.virtualHosts.values[0].purge(queue) == 100)
        for _ in 0..<10 { broker.endTurn() }
        for request in requests {
            broker.readBack(
                ReadBack.perform(request) { (place, _, body) throws(LogError) in
                    files[UInt32(place >> 32)]?.withUnsafeBytes { bytes in
                        let rest = ByteSlice(bytes).dropping(Int(place & 0xFFFF_FFFF))
                        guard case .record(_, let payload, _) = RecordRead.front(of: rest, available: rest.count)
                        else { return }
                        body(.publish, payload)
                    }
                })
        }
        let text = String(decoding: TestStore.take(fixture.test.client), as: UTF8.self)
        #expect(text.hasPrefix("*2\r\n*20\r\n$8\r\nposition\r\n:0\r\n"))
        #expect(text.contains("$4\r\nbody\r\n$6\r\nbody 1\r\n"))
        #expect(fixture.test.client.blocked == nil)
        #expect(broker.pager.spool.chunkCount == 0 || !broker.takeSpoolRemovals().isEmpty)
    }

    @Test func purgeDropsWhatIsReady() throws {
        let fixture = Fixture()
        try fixture.declare("q")
        try fixture.publish("a", to: "q")
        try fixture.publish("b", to: "q")
        #expect(fixture.reply("QUEUE", "PURGE", "q") == ":2\r\n")
        #expect(fixture.reply("QUEUE", "PURGE", "q") == ":0\r\n")
    }

    @Test func listsTopologyAndPeers() throws {
        let fixture = Fixture()
        try fixture.declare("q")
        let exchanges = fixture.reply("EXCHANGE", "LIST")
        #expect(exchanges.hasPrefix("*7\r\n") && exchanges.contains("$9\r\namq.topic\r\n"))
        #expect(fixture.reply("BINDING", "LIST") == "*0\r\n")
        let connections = fixture.reply("CONNECTION", "LIST")
        #expect(connections.hasPrefix("*1\r\n") && connections.contains("$13\r\nhere -> there\r\n"))
        #expect(fixture.reply("CHANNEL", "LIST").contains("$6\r\nnumber\r\n:1\r\n"))
        #expect(fixture.reply("CONSUMER", "LIST") == "*0\r\n")
    }

    @Test func policiesAreSetListedAndCleared() throws {
        let fixture = Fixture()
        try fixture.declare("task")
        #expect(
            fixture.reply("POLICY", "SET", "p", "^task", #"{"max-length": 5}"#, "PRIORITY", "2", "APPLY-TO", "queues")
                == "+OK\r\n")
        let list = fixture.reply("POLICY", "LIST")
        #expect(list.hasPrefix("*1\r\n") && list.contains("\r\n^task\r\n") && list.contains("\r\nqueues\r\n"))
        #expect(fixture.reply("QUEUE", "INFO", "task").contains("$6\r\npolicy\r\n$1\r\np\r\n"))
        #expect(fixture.broker.virtualHosts.values[0].queues.values[0].settings.lengthMax == 5)
        #expect(fixture.reply("POLICY", "SET", "p", "^task", "nonsense").hasPrefix("-ERR the definition is no flat"))
        #expect(
            fixture.reply("POLICY", "SET", "p", "^task", "{}", "APPLY-TO", "all").hasPrefix("-ERR no policy provided"))
        #expect(fixture.reply("POLICY", "SET", "p", "x", "{}", "VHOST").hasPrefix("-ERR an option has no value"))
        #expect(fixture.reply("POLICY", "CLEAR", "other").hasPrefix("-NOTFOUND"))
        #expect(fixture.reply("POLICY", "SET", "p", "^t", #"{"max-length": 4}"#, "OPERATOR") == "+OK\r\n")
        #expect(fixture.reply("POLICY", "LIST").hasPrefix("*2\r\n"))
        #expect(fixture.broker.virtualHosts.values[0].queues.values[0].settings.lengthMax == 4)
        #expect(fixture.reply("POLICY", "CLEAR", "p", "VHOST", "/", "OPERATOR") == "+OK\r\n")
        #expect(fixture.reply("POLICY", "CLEAR", "p", "OPERATOR").hasPrefix("-NOTFOUND"))
        #expect(fixture.reply("POLICY", "CLEAR", "p") == "+OK\r\n")
        #expect(fixture.reply("POLICY", "LIST") == "*0\r\n")
    }

    @Test func limitsAreSetListedAndCleared() {
        let fixture = Fixture()
        #expect(fixture.reply("LIMIT", "SET", "USER", "guest", "max-channels", "9") == "+OK\r\n")
        #expect(fixture.reply("LIMIT", "SET", "VHOST", "/", "max-queues", "-1") == "+OK\r\n")
        let list = fixture.reply("LIMIT", "LIST")
        #expect(
            list.hasPrefix("*2\r\n") && list.contains("\r\nmax-channels\r\n$5\r\nvalue\r\n:9\r\n$4\r\nused\r\n:1\r\n"))
        #expect(
            fixture.reply("LIMIT", "SET", "USER", "nobody", "max-channels", "9").hasPrefix("-NOTFOUND no such user"))
        #expect(fixture.reply("LIMIT", "SET", "VHOST", "x", "max-queues", "9").hasPrefix("-NOTFOUND"))
        #expect(fixture.reply("LIMIT", "SET", "QUEUE", "x", "max-queues", "9").hasPrefix("-ERR syntax"))
        #expect(fixture.reply("LIMIT", "SET", "VHOST", "/", "max-queues", "x").hasPrefix("-ERR max-queues should be"))
        #expect(fixture.reply("LIMIT", "CLEAR", "VHOST", "/", "max-channels").hasPrefix("-ERR no limit"))
        #expect(fixture.reply("LIMIT", "CLEAR", "VHOST", "/", "max-connections").hasPrefix("-NOTFOUND"))
        #expect(fixture.reply("LIMIT", "CLEAR", "VHOST", "/", "max-queues") == "+OK\r\n")
        #expect(fixture.reply("LIMIT", "CLEAR", "USER", "guest") == "+OK\r\n")
        #expect(fixture.reply("LIMIT", "LIST") == "*0\r\n")
    }

    @Test func tracingIsSwitched() {
        let fixture = Fixture()
        #expect(fixture.reply("TRACE", "ON") == "+OK\r\n" && fixture.channel.isTraced)
        #expect(fixture.reply("TRACE", "LIST").contains("\r\n/\r\n"))
        #expect(fixture.reply("TRACE", "OFF", "VHOST", "/") == "+OK\r\n" && !fixture.channel.isTraced)
        #expect(fixture.reply("TRACE", "LIST") == "*0\r\n")
        #expect(fixture.reply("TRACE", "ON", "VHOST", "nowhere").hasPrefix("-NOTFOUND"))
    }

    @Test func infoHasABrokerSection() throws {
        let fixture = Fixture()
        try fixture.declare("q")
        try fixture.publish("four", to: "q")
        let text = fixture.reply("INFO", "broker")
        for line in [
            "# Broker\r\n", "broker_queues:1\r\n", "broker_connections:1\r\n", "broker_messages_ready:1\r\n",
            "broker_message_bytes:4\r\n",
        ] { #expect(text.contains(line), "\(line)") }
        #expect(fixture.reply("INFO").contains("# Broker\r\n"))
    }

    @Test func withoutABrokerCommandsSaySo() {
        #expect(TestStore().reply("QUEUE", "LIST") == "-ERR no broker runs beside this store\r\n")
    }

    @Test func completionKnowsTheArguments() {
        let text = TestStore().reply("COMMAND", "DOCS", "queue")
        #expect(text.contains("$10\r\nqueue|peek\r\n"))
        #expect(text.contains("$6\r\noffset\r\n$4\r\ntype\r\n$7\r\ninteger\r\n"))
    }

    @Test(arguments: [
        (1_234 as UInt32, 2 as UInt8, "12.34"), (5, 3, "0.005"), (7, 0, "7"),
    ])
    func decimalsKeepTheirScale(value: UInt32, scale: UInt8, text: String) {
        #expect(FieldValue.decimalText(value, scale: scale) == text)
    }
}
