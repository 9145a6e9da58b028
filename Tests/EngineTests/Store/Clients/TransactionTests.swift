import Testing

@testable import Engine

@Test func transactionsRunAsOne() {
    let client = StoreHarness().connect()
    #expect(client.send("MULTI") == "+OK")
    #expect(client.send("MULTI") == "-ERR MULTI calls can not be nested")
    #expect(client.send("WATCH a") == "-ERR WATCH inside MULTI is not allowed")
    #expect(client.send("SET a 1") == "+QUEUED")
    #expect(client.send("LPUSH a x") == "+QUEUED")
    #expect(client.send("INCR a") == "+QUEUED")
    #expect(
        client.send("EXEC") == "*3 +OK -WRONGTYPE Operation against a key holding the wrong kind of value :2")
    #expect(client.send("EXEC") == "-ERR EXEC without MULTI")
    #expect(client.send("DISCARD") == "-ERR DISCARD without MULTI")
}

@Test func refusedCommandsAbort() {
    let client = StoreHarness().connect()
    client.send("MULTI")
    #expect(client.send("SET a") == "-ERR wrong number of arguments for 'set' command")
    #expect(client.send("SET a 1") == "+QUEUED")
    #expect(client.send("EXEC") == "-EXECABORT Transaction discarded because of previous errors.")
    client.send("MULTI")
    #expect(client.send("NOSUCH") == "-ERR unknown command 'NOSUCH', with args beginning with: ")
    #expect(client.send("EXEC") == "-EXECABORT Transaction discarded because of previous errors.")
    #expect(client.send("EXISTS a") == ":0")
}

@Test func watchedKeysFailTransactions() {
    let harness = StoreHarness()
    let client = harness.connect()
    let other = harness.connect()
    client.send("WATCH a b")
    other.send("SET b 1")
    client.send("MULTI")
    client.send("SET c 1")
    #expect(client.send("EXEC") == "*-1")
    #expect(client.send("EXISTS c") == ":0")

    client.send("WATCH a")
    other.send("SELECT 1")
    other.send("SET a 1")
    client.send("MULTI")
    #expect(client.send("EXEC") == "*0")

    client.send("WATCH b")
    client.send("UNWATCH")
    client.send("SET b 2")
    client.send("MULTI")
    #expect(client.send("EXEC") == "*0")

    client.send("SET b 2 PX 10")
    client.send("WATCH b")
    harness.advance(milliseconds: 20)
    client.send("MULTI")
    #expect(client.send("EXEC") == "*-1")

    client.send("WATCH b")
    other.send("FLUSHALL")
    client.send("MULTI")
    #expect(client.send("EXEC") == "*0", "b did not exist any more")
    #expect(harness.store.databases[0].watched.isEmpty)
}

/// Goal: a transaction is one record, and gives the same keys when it is replayed.
@Test func transactionsAreJournaledAsOne() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    client.send("MULTI")
    client.send("SETEX result 100 done")
    client.send("PUBLISH channel done")
    client.send("INCR count")
    client.send("GET count")
    client.send("EXEC")
    client.send("GET count")
    harness.takeRecords()
    #expect(harness.records.count == 1)
    let replayed = try harness.replayed().connect()
    #expect(replayed.send("TTL result") == ":100")
    #expect(replayed.send("GET count") == "$1 1")
}

/// Goal: what is queued counts as what was not read yet. Method: a low limit, words and commands.
@Test(arguments: [
    (["SET", "key", String(repeating: "x", count: 10_000)], 90...105), (["PING"], 8_000...10_000),
    (["DEL"] + (0..<1_000).map { "\($0)" }, 45...60),
])
func aQueueThatIsTooLongClosesItsClient(words: [String], commands: ClosedRange<Int>) {
    let harness = StoreHarness()
    harness.context.configuration.respQueryBytesMax = 1_048_576
    let client = harness.connect()
    client.send("MULTI")
    var queued = 0
    while queued < 100_000, client.send(words: words.map { Array($0.utf8) }) == "+QUEUED" { queued += 1 }
    #expect(commands.contains(queued), "\(queued)")
    #expect(client.session.closesNow)
    // Others are served, and so is who has not queued so much.
    let other = harness.connect()
    other.send("MULTI")
    for _ in 0..<50 { other.send("INCR n") }
    #expect(other.send("EXEC").hasPrefix("*50 :1 "))
}

/// Goal: what is queued and what is read together have the one limit.
@Test func aQueueAndARequestTogetherAreBounded() {
    let harness = StoreHarness()
    harness.context.configuration.respQueryBytesMax = 100_000
    let client = harness.connect()
    client.send("MULTI")
    client.send(words: [Array("SET".utf8), Array("k".utf8), [UInt8](repeating: 1, count: 60_000)])
    client.send(bytes: Array("*2\r\n$3\r\nGET\r\n$70000\r\n".utf8) + [UInt8](repeating: 1, count: 50_000))
    #expect(client.session.closesNow)
}

/// Goal: watching keys costs the same with one or many. Method: more than any quadratic way would get through.
@Test(.timeLimit(.minutes(10)))
func manyKeysAreWatched() {
    let harness = StoreHarness()
    let client = harness.connect()
    let words = ["WATCH"] + (0..<200_000).map { "key\($0)" }
    #expect(client.send(words: words.map { Array($0.utf8) }) == "+OK")
    #expect(client.send(words: words.map { Array($0.utf8) }) == "+OK")
    #expect(client.session.client.watches.count == 200_000)
    for number in 200_000..<210_000 { client.send("WATCH key\(number)") }
    harness.connect().send("SET key100000 1")
    client.send("MULTI")
    #expect(client.send("EXEC") == "*-1")
    #expect(harness.store.databases[0].watched.isEmpty)
}
