import Testing

@testable import Engine

@Test func whoWaitsLongestIsServedFirst() {
    let harness = StoreHarness()
    let first = harness.connect()
    let second = harness.connect()
    let third = harness.connect()
    #expect(first.send("BLPOP a b 0") == "")
    #expect(second.send("BLPOP b 0") == "")
    third.send("RPUSH b 1")
    #expect(second.pending() == "")
    #expect(first.pending() == "*2 $1 b $1 1")
    third.send("RPUSH b 2 3")
    #expect(second.pending() == "*2 $1 b $1 2")
    #expect(third.send("LRANGE b 0 -1") == "*1 $1 3")
    #expect(harness.store.blockedClientCount == 0)
    #expect(harness.store.databases[0].blocked.isEmpty)
}

@Test func waitsEndInTime() {
    let harness = StoreHarness()
    let client = harness.connect()
    #expect(client.send("BLPOP a 0.1") == "")
    // What is sent meanwhile waits too.
    #expect(client.send("PING") == "")
    harness.advance(milliseconds: 99)
    #expect(client.pending() == "")
    #expect(harness.store.nextDeadline != nil)
    harness.advance(milliseconds: 1)
    #expect(client.pending() == "*-1 +PONG")
    #expect(client.send("BLPOP a -1") == "-ERR timeout is negative")
    #expect(client.send("BLPOP a x") == "-ERR timeout is not a float or out of range")
}

@Test func transactionsWakeAndDoNotWait() {
    let harness = StoreHarness()
    let waiting = harness.connect()
    let client = harness.connect()
    waiting.send("BRPOP list 0")
    client.send("MULTI")
    client.send("LPUSH list a b")
    client.send("DEL list")
    #expect(client.send("EXEC") == "*2 :2 :1")
    #expect(waiting.pending() == "", "the list was gone when the transaction ended")
    client.send("MULTI")
    client.send("LPUSH list a b")
    client.send("BRPOP nothing 0")
    #expect(client.send("EXEC") == "*2 :2 *-1")
    #expect(waiting.pending() == "*2 $4 list $1 a")
}

@Test func leavingEndsTheWait() {
    let harness = StoreHarness()
    let waiting = harness.connect()
    let client = harness.connect()
    waiting.send("BLPOP list 0")
    waiting.session.disconnected()
    #expect(client.send("RPUSH list a") == ":1")
    #expect(client.send("LLEN list") == ":1")
    let other = harness.connect()
    other.send("BLPOP empty 0")
    #expect(client.send("CLIENT UNBLOCK \(other.session.client.id) ERROR") == ":1")
    #expect(other.pending() == "-UNBLOCKED client unblocked via CLIENT UNBLOCK")
    #expect(client.send("CLIENT UNBLOCK \(other.session.client.id)") == ":0")
}

@Test func aKeyOfAnotherTypeDoesNotWake() {
    let harness = StoreHarness()
    let waiting = harness.connect()
    let client = harness.connect()
    waiting.send("BLPOP k 0")
    client.send("SET k v")
    #expect(waiting.pending() == "")
    client.send("DEL k")
    client.send("RPUSH k a")
    #expect(waiting.pending() == "*2 $1 k $1 a")
}

@Test func servedElementsAreJournaled() throws {
    let harness = StoreHarness(journals: true)
    let waiting = harness.connect()
    let client = harness.connect()
    waiting.send("BLMOVE a b LEFT RIGHT 0")
    client.send("RPUSH a 1 2")
    #expect(waiting.pending() == "$1 1")
    let replayed = try harness.replayed().connect()
    #expect(replayed.send("LRANGE a 0 -1") == "*1 $1 2")
    #expect(replayed.send("LRANGE b 0 -1") == "*1 $1 1")
}

/// Goal: waiting for many keys costs the same for each, and names may come twice. Method: more than any quadratic
/// way, or one that calls itself for each, would get through.
@Test(.timeLimit(.minutes(10)))
func manyKeysAreWaitedFor() {
    let harness = StoreHarness()
    let client = harness.connect()
    let other = harness.connect()
    let keys = (0..<200_000).map { "key\($0)" }
    #expect(client.send(words: (["BLPOP"] + keys + keys + ["0"]).map { Array($0.utf8) }) == "")
    #expect(harness.store.databases[0].blocked.count == 200_000)
    other.send("RPUSH key150000 1")
    #expect(client.pending() == "*2 $9 key150000 $1 1")
    #expect(harness.store.databases[0].blocked.isEmpty)

    let reading = ["XREAD", "BLOCK", "0", "STREAMS"] + keys + keys.map { _ in "$" }
    #expect(client.send(words: reading.map { Array($0.utf8) }) == "")
    other.send("XADD key7 1-1 f v")
    #expect(client.pending() == "*1 *2 $4 key7 *1 *2 $3 1-1 *2 $1 f $1 v")
    #expect(harness.store.databases[0].blocked.isEmpty && harness.store.blockedClientCount == 0)
}

/// Goal: waits that ended early leave nothing behind for ever. Method: many long waits, each served at once.
@Test func waitsThatEndedAreForgotten() {
    let harness = StoreHarness()
    let client = harness.connect()
    let other = harness.connect()
    for number in 0..<5_000 {
        client.send("BLPOP k 1000000")
        other.send("RPUSH k \(number)")
        #expect(client.pending().hasSuffix(" \(number)"))
    }
    #expect(harness.store.blockDeadlines.count <= Limits.pastDeadlinesMax + 4)
    client.send("BLPOP k 1")
    for _ in 0..<3_000 { other.send("BLPOP other 0.001") }
    harness.advance(milliseconds: 1_000)
    #expect(client.pending() == "*-1")
}
