import Testing
import Wire

@testable import Engine

/// The engine's part, played by hand: takes checkpoints and reports batches durable.
private final class Persistent {
    let harness = StoreHarness(journals: true)
    var context: EngineContext { harness.context }

    func begin() { context.checkpoints.noteBegun(atMilliseconds: context.time.monotonicMilliseconds) }

    func end(failure: String? = nil) {
        context.checkpoints.noteFinished(
            failure: failure, wallSeconds: context.time.wallMilliseconds / 1_000,
            monotonicMilliseconds: context.time.monotonicMilliseconds)
        harness.store.checkpointEnded(success: failure == nil)
    }

    func sync() {
        guard let batch = context.journal.takeBatch() else { return }
        context.journal.written(batch)
        context.journal.durable(upTo: batch.sequence)
        harness.store.durable(upTo: batch.sequence)
    }
}

@Test func saveWaitsForItsCheckpoint() {
    let daemon = Persistent()
    let client = daemon.harness.connect()
    // One that runs already is too old.
    _ = daemon.context.checkpoints.request()
    daemon.begin()
    #expect(client.send("SAVE") == "")
    daemon.end()
    #expect(client.pending() == "")
    #expect(daemon.context.checkpoints.isAsked)
    daemon.begin()
    daemon.end()
    #expect(client.pending() == "+OK")
    #expect(client.send("LASTSAVE") == ":1700000000")
    #expect(client.send("SAVE") == "")
    daemon.begin()
    daemon.end(failure: "disk full")
    #expect(client.pending() == "-ERR")
    #expect(client.send("PING") == "+PONG")
}

@Test func backgroundSavesAreAskedFor() {
    let daemon = Persistent()
    let client = daemon.harness.connect()
    #expect(client.send("BGSAVE") == "+Background saving started")
    #expect(client.send("BGSAVE") == "-ERR Background save already in progress")
    #expect(client.send("SAVE") == "-ERR Background save already in progress")
    daemon.begin()
    #expect(client.send("INFO persistence").contains("rdb_bgsave_in_progress:1"))
    #expect(client.send("BGSAVE SCHEDULE") == "+Background saving scheduled")
    #expect(client.send("BGREWRITEAOF") == "+Background append only file rewriting scheduled")
    #expect(client.send("INFO persistence").contains("aof_rewrite_scheduled:1"))
    daemon.end()
    daemon.begin()
    #expect(client.send("INFO persistence").contains("aof_rewrite_in_progress:1"))
    #expect(client.send("BGREWRITEAOF") == "-ERR Background append only file rewriting already in progress")
    daemon.end()
    #expect(client.send("INFO persistence").contains("rdb_bgsave_in_progress:0"))
    #expect(client.send("INFO persistence").contains("rdb_saves:2"))
    #expect(client.send("BGSAVE x") == "-ERR syntax error")
    client.send("MULTI")
    client.send("BGSAVE")
    #expect(client.send("EXEC") == "*1 +Background saving scheduled")
}

@Test func waitaofWaitsForTheSync() {
    let daemon = Persistent()
    let client = daemon.harness.connect()
    daemon.sync()
    #expect(client.send("WAITAOF 1 0 0") == "*2 :1 :0")
    client.send("SET a 1")
    #expect(client.send("WAITAOF 0 0 0") == "*2 :0 :0")
    #expect(client.send("WAITAOF 1 0 0") == "")
    #expect(daemon.context.journal.needsSyncNow)
    daemon.sync()
    #expect(client.pending() == "*2 :1 :0")
    // Replicas there are none: only the time-out helps.
    #expect(client.send("WAITAOF 1 1 50") == "")
    daemon.harness.advance(milliseconds: 60)
    #expect(client.pending() == "*2 :1 :0")
    client.send("SET a 2")
    #expect(client.send("WAITAOF 1 0 50") == "")
    daemon.harness.advance(milliseconds: 60)
    #expect(client.pending() == "*2 :0 :0")
    #expect(client.send("WAITAOF 2 0 0") == "-ERR value is out of range, value must between 0 and 1")
    #expect(client.send("WAITAOF 0 -1 0") == "-ERR value is out of range, must be positive")
    #expect(client.send("WAITAOF 0 0 -1") == "-ERR timeout is negative")
    client.send("CONFIG SET appendonly no")
    #expect(
        client.send("WAITAOF 1 0 0")
            == "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
}

@Test func shutdownSavesWhenAsked() {
    let daemon = Persistent()
    let (client, other) = (daemon.harness.connect(), daemon.harness.connect())
    #expect(client.send("SHUTDOWN SAVE NOSAVE") == "-ERR syntax error")
    #expect(client.send("SHUTDOWN SAVE") == "")
    #expect(!daemon.context.isShutdownRequested)
    #expect(other.send("SHUTDOWN ABORT") == "+OK")
    #expect(client.pending() == "-ERR Errors trying to SHUTDOWN. Check logs.")
    #expect(client.send("SHUTDOWN SAVE") == "")
    daemon.begin()
    daemon.end(failure: "disk full")
    #expect(client.pending() == "-ERR Errors trying to SHUTDOWN. Check logs.")
    client.send("CONFIG SET appendonly no")
    #expect(client.send("CONFIG GET save") == "*2 $4 save $23 3600 1 300 100 60 10000")
    #expect(client.send("SHUTDOWN") == "")
    #expect(!daemon.context.isShutdownRequested)
    daemon.begin()
    daemon.end()
    #expect(daemon.context.isShutdownRequested)
}

@Test func savePointsAskForCheckpoints() {
    let daemon = Persistent()
    let client = daemon.harness.connect()
    #expect(client.send("CONFIG GET save") == "*2 $4 save $0 ")
    #expect(client.send(words: ["CONFIG", "SET", "save", "10 x"].map { Array($0.utf8) }).contains("Invalid save"))
    client.send(words: ["CONFIG", "SET", "save", "10 2"].map { Array($0.utf8) })
    client.send("SAVE")
    daemon.begin()
    daemon.end()
    client.resume()
    _ = client.pending()
    client.send("SET a 1")
    daemon.harness.advance(milliseconds: 20_000)
    #expect(!daemon.context.checkpoints.isAsked)
    client.send("SET a 2")
    daemon.harness.advance(milliseconds: 1_000)
    #expect(daemon.context.checkpoints.isAsked)
}

@Test func writesAreRefusedWhileTheDiskFails() {
    let daemon = Persistent()
    let client = daemon.harness.connect()
    let refusal = "MISCONF Errors writing to the AOF file: No space left on device"
    client.send("SET a 1")
    client.send("MULTI")
    client.send("SET a 2")
    daemon.context.alarms.isDiskLow = true
    daemon.harness.turn()
    #expect(client.send("EXEC") == "-EXECABORT Transaction discarded because of: " + refusal)
    #expect(client.send("DEL a") == "-" + refusal)
    #expect(client.send("GET a") == "$1 1")
    client.send("MULTI")
    #expect(client.send("SET a 3") == "-" + refusal)
    #expect(client.send("EXEC") == "-EXECABORT Transaction discarded because of previous errors.")
    #expect(client.send("EVAL \"return redis.call('SET','a','4')\" 0").hasPrefix("-" + refusal))
    #expect(client.send("EVAL \"return redis.call('GET','a')\" 0") == "$1 1")
    daemon.context.alarms.isDiskLow = false
    daemon.harness.turn()
    #expect(client.send("SET a 5") == "+OK")
}

/// Goal: what was changed with the log off is in checkpoints only; effects behind a gap do not count.
@Test func appendOnlyIsSwitchedAtRunTime() throws {
    let daemon = Persistent()
    let client = daemon.harness.connect()
    client.send("SET a 1")
    client.send("CONFIG SET appendonly no")
    client.send("SET a 2")
    let off = CheckpointFixture(daemon.harness)
    off.finish()
    #expect(try off.flaws() == [])
    client.send("SET b lost")
    client.send("CONFIG SET appendonly yes")
    #expect(daemon.context.checkpoints.isAsked)
    client.send("SET a 3")
    let recovered = StoreHarness()
    try off.restore(into: recovered.store)
    try [UInt8]([1]).withUnsafeBytes { try recovered.store.replayJournaling(ByteSlice($0), inCheckpoint: false) }
    daemon.harness.takeRecords()
    for record in daemon.harness.records[off.recordsBefore...] {
        try record.withUnsafeBytes { try recovered.store.replay(ByteSlice($0)) }
    }
    recovered.store.finishRecovery()
    let other = recovered.connect()
    #expect(other.send("GET a") == "$1 2")
    #expect(other.send("EXISTS b") == ":0")
}
