import Testing

@testable import Engine

@Test func keysComeAndGo() {
    let client = StoreHarness().connect()
    client.send("MSET a 1 b 2 c 3")
    #expect(client.send("DEL a nothing") == ":1")
    #expect(client.send("UNLINK b") == ":1")
    #expect(client.send("DBSIZE") == ":1")
    #expect(client.send("TYPE c") == "+string")
    #expect(client.send("TYPE a") == "+none")
    #expect(client.send("RANDOMKEY") == "$1 c")
    #expect(client.send("RENAME c d") == "+OK")
    #expect(client.send("RENAME c d") == "-ERR no such key")
    #expect(client.send("SET e 1") == "+OK")
    #expect(client.send("RENAMENX d e") == ":0")
    #expect(client.send("COPY d e") == ":0")
    #expect(client.send("COPY d e REPLACE") == ":1")
    #expect(client.send("GET e") == "$1 3")
    #expect(client.send("COPY d d DB 3") == ":1")
    #expect(client.send("MOVE d 3") == ":0")
    #expect(client.send("MOVE e 3") == ":1")
    #expect(client.send("MOVE e 99") == "-ERR DB index is out of range")
    #expect(client.send("SWAPDB 0 3") == "+OK")
    #expect(client.send("DBSIZE") == ":2")
    #expect(client.send("FLUSHDB") == "+OK")
    #expect(client.send("DBSIZE") == ":0")
    #expect(client.send("SELECT 3") == "+OK")
    #expect(client.send("DBSIZE") == ":1")
    #expect(client.send("FLUSHALL ASYNC") == "+OK")
    #expect(client.send("DBSIZE") == ":0")
}

@Test func expiryIsSetOnConditions() {
    let harness = StoreHarness()
    let client = harness.connect()
    client.send("SET k v")
    #expect(client.send("EXPIRE k 100 XX") == ":0")
    #expect(client.send("EXPIRE k 100 GT") == ":0")
    #expect(client.send("EXPIRE k 100 NX") == ":1")
    #expect(client.send("EXPIRE k 50 GT") == ":0")
    #expect(client.send("EXPIRE k 50 LT") == ":1")
    #expect(client.send("EXPIRE k 50 NX GT") == "-ERR NX and XX, GT or LT options at the same time are not compatible")
    #expect(client.send("EXPIRE k 50 GT LT") == "-ERR GT and LT options at the same time are not compatible")
    #expect(client.send("EXPIRE k 50 YY") == "-ERR Unsupported option YY")
    #expect(client.send("EXPIRE k 9223372036854775807") == "-ERR invalid expire time in 'expire' command")
    #expect(client.send("TTL k") == ":50")
    #expect(client.send("EXPIRETIME k") == ":1700000050")
    #expect(client.send("PEXPIRETIME k") == ":1700000050000")
    #expect(client.send("PERSIST k") == ":1")
    #expect(client.send("PERSIST k") == ":0")
    #expect(client.send("PEXPIRE k 1500") == ":1")
    harness.advance(milliseconds: 1_499)
    #expect(client.send("EXISTS k") == ":1")
    harness.advance(milliseconds: 1)
    #expect(client.send("EXISTS k") == ":0")
    #expect(client.send("TTL k") == ":-2")
    client.send("SET k v")
    #expect(client.send("EXPIRE k -1") == ":1")
    #expect(client.send("EXISTS k") == ":0")
}

@Test func scanReturnsEverythingOnce() {
    let client = StoreHarness().connect()
    for index in 0..<1_000 { client.send("SET key:\(index) v") }
    client.send("SADD other member")
    var cursor = "0"
    var seen: [String] = []
    var calls = 0
    repeat {
        let reply = client.ask("SCAN", cursor, "MATCH", "key:*", "COUNT", "50", "TYPE", "string")!.elements!
        cursor = reply[0].text!
        seen += reply[1].elements!.map { $0.text! }
        calls += 1
    } while cursor != "0" && calls < 1_000
    #expect(Set(seen).count == 1_000)
    #expect(client.send("SCAN x") == "-ERR invalid cursor")
    #expect(client.send("SCAN 0 COUNT 0") == "-ERR syntax error")
    #expect(client.ask("KEYS", "key:99?")!.elements!.count == 10)
}

/// Goal: emptying what is empty costs nothing, and many small databases are freed as fast as a large one.
@Test func flushedDatabasesAreFreed() {
    let harness = StoreHarness()
    let client = harness.connect()
    for _ in 0..<200 { client.send("FLUSHALL") }
    #expect(harness.store.graveyard.isEmpty)
    for _ in 0..<2_000 {
        client.send("SET k v")
        client.send("FLUSHDB")
    }
    #expect(harness.store.graveyard.count == 2_000)
    harness.turn()
    #expect(harness.store.graveyard.isEmpty)
    for number in 0..<12_000 { client.send("SET k\(number) v") }
    client.send("FLUSHALL")
    harness.turn()
    #expect(harness.store.graveyard.count == 1)
    for _ in 0..<4 { harness.turn() }
    #expect(harness.store.graveyard.isEmpty)
}
