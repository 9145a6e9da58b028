import Testing
import Wire

@testable import Engine

/// Goal: MIGRATE's side of a transfer, without a network. Method: the test is the target.
struct MigrationTests {
    private final class Target {
        private(set) var exchange: OutgoingExchange?
        private let harness: StoreHarness
        let client: StoreTestClient

        init(_ harness: StoreHarness) {
            self.harness = harness
            client = harness.connect()
            harness.context.beginExchange = { [unowned self] in exchange = $0 }
        }

        var request: String {
            String(decoding: exchange?.request ?? [], as: UTF8.self).replacing("\r\n", with: " ")
        }

        /// Says this to the store in pieces; returns whether it has heard enough, and what its client is told.
        func answer(_ text: String, piece: Int = 3) -> (isDone: Bool, reply: String) {
            var bytes = Array(text.utf8)
            var isDone = false
            while !bytes.isEmpty, !isDone {
                isDone = bytes.prefix(piece).withUnsafeBytes { exchange!.receive(ByteSlice($0)) }
                bytes.removeFirst(min(piece, bytes.count))
            }
            return (isDone, client.pending())
        }
    }

    @Test func sendsWhatRedisSends() {
        let harness = StoreHarness()
        let target = Target(harness)
        target.client.send("SET a 1 PX 5000")
        target.client.send("SET b 2")
        let words = "MIGRATE h 7 - 3 0 AUTH2 u p REPLACE KEYS a none b".split(separator: " ")
        #expect(target.client.send(words: words.map { $0 == "-" ? [] : Array($0.utf8) }) == "")
        #expect(target.exchange?.host == "h" && target.exchange?.port == 7)
        #expect(target.exchange?.timeoutMilliseconds == 1_000)
        #expect(target.request.hasPrefix("*3 $4 AUTH $1 u $1 p *2 $6 SELECT $1 3 *5 $7 RESTORE $1 a $4 5000 $13 "))
        #expect(target.request.contains("*5 $7 RESTORE $1 b $1 0 $13 "))
        #expect(target.answer("+OK\r\n+OK\r\n+OK\r\n").isDone == false)
        #expect(target.answer("+OK\r\n").reply == "+OK")
        #expect(target.client.send("DBSIZE") == ":0")
    }

    /// A key goes when the target has taken it and it is what was sent.
    @Test func keepsWhatTheTargetHasNot() throws {
        let harness = StoreHarness(journals: true)
        let target = Target(harness)
        let other = harness.connect()
        let words = ["MIGRATE", "127.0.0.1", "7", "", "0", "100", "KEYS", "a", "b", "c"].map { Array($0.utf8) }
        let error = "-ERR Target instance replied with error: "
        func begin() {
            other.send("MSET a 1 b 2 c 3")
            #expect(target.client.send(words: words) == "")
        }
        begin()
        #expect(target.answer("+OK\r\n+OK\r\n-BUSYKEY no\r\n-LATER\r\n", piece: 1).reply == error + "BUSYKEY no")
        #expect(other.send("EXISTS a b c") == ":2")
        begin()
        #expect(target.answer("-NOAUTH\r\n+OK\r\n+OK\r\n+OK\r\n").reply == error + "NOAUTH")
        #expect(other.send("EXISTS a b c") == ":3", "nothing counts after a failed SELECT")
        begin()
        other.send("APPEND b x")
        #expect(target.answer("+OK\r\n+OK\r\n+OK\r\n+OK\r\n").reply.hasPrefix("-ERR 1 of the keys changed"))
        #expect(other.send("GET b") == "$2 2x")
        #expect(other.send("EXISTS a b c") == ":1")
        begin()
        // Others go on meanwhile, and the target's half an answer counts.
        #expect(other.send("PING") == "+PONG")
        #expect(target.answer("+OK\r\n+OK\r\n").isDone == false)
        target.exchange?.fail(.reading)
        #expect(target.client.pending() == "-IOERR error or timeout reading to target instance")
        #expect(other.send("EXISTS a b c") == ":2")
        #expect(harness.store.databases[0].watched.isEmpty)
        #expect(try harness.replayed().connect().send("EXISTS a b c") == ":2")
    }

    @Test func survivesAClientThatLeaves() {
        let harness = StoreHarness()
        let target = Target(harness)
        let other = harness.connect()
        other.send("SET a 1")
        target.client.send("MIGRATE 127.0.0.1 7 a 0 100")
        target.client.session.disconnected()
        #expect(target.answer("+OK\r\n+OK\r\n").isDone)
        #expect(other.send("EXISTS a") == ":0", "the target has it")
    }

    @Test func refusesWhereNobodyMayWait() {
        let harness = StoreHarness()
        let target = Target(harness)
        let client = target.client
        client.send("SET a 1")
        client.send("MULTI")
        client.send("MIGRATE 127.0.0.1 7 a 0 100")
        #expect(client.send("EXEC").contains("it cannot do inside a transaction or a script"))
        #expect(target.exchange == nil)
        harness.context.beginExchange = nil
        #expect(client.send("MIGRATE 127.0.0.1 7 a 0 100") == "-IOERR error or timeout connecting to the client")
        #expect(client.send("COMMAND GETKEYS MIGRATE h 7 k 0 100") == "*1 $1 k")
        client.send("ACL SETUSER u on nopass ~k* +migrate")
        #expect(client.send("ACL DRYRUN u MIGRATE h 7 k 0 100") == "+OK")
        #expect(client.send("ACL DRYRUN u MIGRATE h 7 x 0 100").contains("permissions"))
    }
}
