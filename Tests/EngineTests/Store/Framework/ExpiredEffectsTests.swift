import Testing

@testable import Engine

/// Goal: what a command finds expired is journaled as that, and never the command that failed over it: replay
/// would be refused the same way and the start with it.
@Test func failedCommandsAreNotJournaled() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    #expect(client.send("SET k v PX 50") == "+OK")
    #expect(client.send("WATCH k") == "+OK")
    #expect(client.send("SET l v PX 50") == "+OK")
    harness.advance(milliseconds: 60)
    #expect(client.send("RENAME l m") == "-ERR no such key")
    #expect(client.send("MULTI") == "+OK")
    #expect(client.send("PING") == "+QUEUED")
    _ = client.send("EXEC")
    #expect(client.send("DBSIZE") == ":0")
    #expect(try harness.replayed().connect().send("DBSIZE") == ":0")
}
