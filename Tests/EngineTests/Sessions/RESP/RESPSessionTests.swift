import Testing
import Wire

@testable import Engine

@Test func protocolErrorsCloseTheConnection() {
    let client = StoreHarness().connect()
    #expect(client.send(bytes: Array("*1\r\nX".utf8)) == Array("-ERR Protocol error: expected '$', got 'X'\r\n".utf8))
    #expect(client.session.closesAfterFlush)
}

@Test func browsersAreNotServed() {
    let client = StoreHarness().connect()
    #expect(client.send("POST / HTTP/1.1") == "")
    #expect(client.session.closesNow)
}

@Test func passwordsAreAsked() {
    let harness = StoreHarness(password: "secret")
    let client = harness.connect()
    #expect(client.send("GET k") == "-NOAUTH Authentication required.")
    #expect(client.send("HELLO 3").hasPrefix("-NOAUTH HELLO must be called"))
    #expect(client.send("AUTH wrong") == "-WRONGPASS invalid username-password pair or user is disabled.")
    #expect(client.send("AUTH guest wrong") == "-WRONGPASS invalid username-password pair or user is disabled.")
    #expect(client.send("AUTH guest guest") == "+OK")
    #expect(client.send("GET k") == "$-1")
    #expect(client.send("RESET") == "+RESET")
    #expect(client.send("GET k") == "-NOAUTH Authentication required.")
    #expect(client.send("AUTH secret") == "+OK")
    let other = harness.connect()
    #expect(other.send("HELLO 3 AUTH default secret SETNAME me").hasPrefix("%7 $6 server $5 redis"))
    #expect(other.send("CLIENT GETNAME") == "$2 me")
    let many = harness.connect()
    #expect(many.send(bytes: Array("*11\r\n".utf8)).starts(with: Array("-ERR Protocol error: unauth".utf8)))
}

@Test func withoutPasswordNobodyIsAsked() {
    let client = StoreHarness().connect()
    #expect(client.send("AUTH x").hasPrefix("-ERR AUTH <password> called without any password configured"))
    #expect(client.send("AUTH default anything") == "+OK")
    #expect(client.send("HELLO 4") == "-NOPROTO unsupported protocol version")
    #expect(client.send("HELLO x") == "-ERR Protocol version is not an integer or out of range")
    #expect(client.send("HELLO 3 BAD") == "-ERR Syntax error in HELLO option 'BAD'")
}

@Test func unknownCommandsAreNamed() {
    let client = StoreHarness().connect()
    #expect(client.send("nosuch a b") == "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ")
    #expect(client.send("CLIENT") == "-ERR wrong number of arguments for 'client' command")
    #expect(
        client.send("CLIENT MAINT_NOTIFICATIONS ON")
            == "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.")
    #expect(client.send("CLIENT GETNAME x") == "-ERR wrong number of arguments for 'client|getname' command")
    #expect(client.send("PING") == "+PONG")
}

@Test func repliesCanBeSwitchedOff() {
    let client = StoreHarness().connect()
    #expect(client.send("CLIENT REPLY OFF") == "")
    #expect(client.send("SET k v") == "")
    #expect(client.send("NOSUCH") == "")
    #expect(client.send("CLIENT REPLY ON") == "+OK")
    #expect(client.send("CLIENT REPLY SKIP") == "")
    #expect(client.send("GET k") == "")
    #expect(client.send("GET k") == "$1 v")
}

@Test func pausesHoldCommandsBack() {
    let harness = StoreHarness()
    let client = harness.connect()
    let other = harness.connect()
    #expect(client.send("CLIENT PAUSE 100 WRITE") == "+OK")
    #expect(other.send("GET k") == "$-1")
    #expect(other.send("SET k v") == "")
    harness.advance(milliseconds: 100)
    #expect(other.pending() == "+OK")
    #expect(client.send("CLIENT PAUSE 100000") == "+OK")
    #expect(other.send("GET k") == "")
    #expect(client.send("CLIENT UNPAUSE") == "+OK")
    #expect(other.pending() == "$1 v")
}

/// Goal: commands that take long leave the rest of what was sent to the next turn. Method: a clock that moves by half of
/// what a turn may take at each look.
@Test func longInputYieldsTheTurn() {
    let harness = StoreHarness()
    let client = harness.connect()
    harness.context.time.stopwatch = {
        slowClock += Limits.receiveMicrosecondsMax / 2
        return slowClock
    }
    let request = Array("*1\r\n$4\r\nPING\r\n".utf8)
    var rest = Array(repeatElement(request, count: 1_000).joined())
    var turns = 0
    while !rest.isEmpty, turns < 2_000 {
        rest.removeFirst(rest.withUnsafeBytes { client.session.receive(ByteSlice($0)) })
        turns += 1
        #expect(client.session.pausesReading == !rest.isEmpty || rest.isEmpty)
        harness.context.continueYielded()
        #expect(!client.session.pausesReading)
    }
    #expect(turns == (1_000 + RequestBatch.size - 1) / RequestBatch.size)
    #expect(client.session.output.pendingBytes == 7_000)
}

/// Goal: whoever is blocked when its turn is over stays blocked. Method: as above, with a BLPOP as the last command.
@Test func yieldingDoesNotUnblock() {
    let harness = StoreHarness()
    let client = harness.connect()
    harness.context.time.stopwatch = {
        slowClock += Limits.receiveMicrosecondsMax
        return slowClock
    }
    #expect(client.send("BLPOP nothing 0") == "")
    #expect(client.session.pausesReading)
    harness.context.continueYielded()
    #expect(client.session.pausesReading)
}

nonisolated(unsafe) private var slowClock: Int64 = 0

@Test func clientsAreListedAndKilled() {
    let harness = StoreHarness()
    let client = harness.connect()
    let other = harness.connect()
    other.send("CLIENT SETNAME worker")
    #expect(client.send("CLIENT LIST").contains("name=worker"))
    #expect(
        client.send("CLIENT SETNAME \"a b\"")
            == "-ERR Client names cannot contain spaces, newlines or special characters.")
    #expect(client.send("CLIENT KILL ID \(other.session.client.id)") == ":1")
    #expect(other.session.closesNow)
    #expect(client.send("CLIENT KILL 1.2.3.4:5") == "-ERR No such client")
    #expect(client.send("QUIT") == "+OK")
    #expect(client.session.closesAfterFlush)
}

/// Goal: with `appendfsync always` nothing is answered before it is on disk.
@Test func repliesWaitForTheDiskWhenAsked() {
    let harness = StoreHarness(journals: true)
    harness.context.configuration.appendFsync = .always
    let client = harness.connect()
    client.send("GET k")
    #expect(client.session.output.heldUntilSequence == 0)
    client.send("SET k v")
    #expect(client.session.output.heldUntilSequence == harness.context.journal.openSequence)
}

@Test func waitTakesItsTime() {
    let harness = StoreHarness()
    let client = harness.connect()
    #expect(client.send("WAIT 0 100") == ":0")
    #expect(client.send("WAIT 1 100") == "")
    harness.advance(milliseconds: 100)
    #expect(client.pending() == ":0")
}

/// Goal: who sends requests and reads no replies gets no unbounded buffer, and loses nothing once it reads.
@Test func whoDoesNotReadWaits() {
    let harness = StoreHarness()
    harness.context.configuration.respOutputPauseBytes = 4_000_000
    let client = harness.connect()
    #expect(client.send("SETRANGE big 999999 x") == ":1000000")
    let request = Array("*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".utf8)
    var requests = Array(repeatElement(request, count: 20).joined())
    func feed() {
        let taken = requests.withUnsafeBytes { client.session.receive(ByteSlice($0)) }
        requests.removeFirst(taken)
    }
    feed()
    #expect(client.session.pausesReading)
    #expect(client.session.output.pendingBytes < 6_000_000)
    var replied = 0
    for _ in 0..<20 where replied < 20 * 1_000_012 {
        let pending = client.session.output.pendingBytes
        replied += pending
        if client.session.output.consume(pending) { client.session.outputDrained() }
        #expect(!client.session.pausesReading)
        feed()
    }
    #expect(replied == 20 * 1_000_012 && requests.isEmpty)
}
