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
