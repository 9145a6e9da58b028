import Testing
import Wire

@testable import Engine

/// Goal: replies and errors as Redis gives them, in RESP2. More of the same, at random and against a real Redis:
/// Tests/EndToEndTests/Clients/resp_differential.py.
@Test func listsReplyAsRedis() {
    let client = StoreHarness().connect()
    #expect(client.send("RPUSH l a b c b") == ":4")
    #expect(client.send("LRANGE l 0 -1") == "*4 $1 a $1 b $1 c $1 b")
    #expect(client.send("LPOS l b RANK -1") == ":3")
    #expect(client.send("LPOS l b COUNT 0") == "*2 :1 :3")
    #expect(client.send("LPOS l b RANK 0").hasPrefix("-ERR RANK can't be zero"))
    #expect(client.send("LINSERT l AFTER c x") == ":5")
    #expect(client.send("LINSERT l AFTER nothing x") == ":-1")
    #expect(client.send("LSET l 9 x") == "-ERR index out of range")
    #expect(client.send("LSET none 0 x") == "-ERR no such key")
    #expect(client.send("LPOP l 2") == "*2 $1 a $1 b")
    #expect(client.send("LPOP none 2") == "*-1")
    #expect(client.send("LPOP none") == "$-1")
    #expect(client.send("LPOP l -1") == "-ERR value is out of range, must be positive")
    #expect(client.send("LMPOP 2 none l RIGHT COUNT 2") == "*2 $1 l *2 $1 b $1 x")
    #expect(client.send("LMPOP 0 l LEFT") == "-ERR numkeys should be greater than 0")
    #expect(client.send("RPOPLPUSH l l") == "$1 c")
    #expect(client.send("LMOVE l m LEFT RIGHT") == "$1 c")
    #expect(client.send("EXISTS l m") == ":1")
    #expect(client.send("HGET m f") == "-WRONGTYPE Operation against a key holding the wrong kind of value")
    #expect(client.send("BLPOP none -1") == "-ERR timeout is negative")
}

@Test func hashesReplyAsRedis() {
    let client = StoreHarness().connect()
    #expect(client.send("HSET h a 1 b 2") == ":2")
    #expect(client.send("HSET h a") == "-ERR wrong number of arguments for 'hset' command")
    #expect(client.send("HMGET h a none") == "*2 $1 1 $-1")
    #expect(client.send("HINCRBY h a 9223372036854775807") == "-ERR increment or decrement would overflow")
    #expect(client.send("HINCRBYFLOAT h a 1.5") == "$3 2.5")
    #expect(client.send("HINCRBY h a 1") == "-ERR hash value is not an integer")
    #expect(client.send("HINCRBYFLOAT h a x") == "-ERR value is not a valid float")
    #expect(client.send("HSCAN h 0 MATCH b") == "*2 $1 0 *2 $1 b $1 2")
    #expect(client.send("HDEL h a b") == ":2")
    #expect(client.send("EXISTS h") == ":0")
}

@Test func setsReplyAsRedis() {
    let client = StoreHarness().connect()
    #expect(client.send("SADD s 3 1 2 3") == ":3")
    #expect(client.send("SMEMBERS s") == "*3 $1 1 $1 2 $1 3")
    #expect(client.send("SADD t 2 3 4") == ":3")
    #expect(client.send("SINTER s t") == "*2 $1 2 $1 3")
    #expect(client.send("SINTERCARD 2 s t LIMIT 1") == ":1")
    #expect(client.send("SINTERCARD 3 s t") == "-ERR Number of keys can't be greater than number of args")
    #expect(client.send("SDIFFSTORE d s t") == ":1")
    #expect(client.send("SMOVE s t 1") == ":1")
    #expect(client.send("SMISMEMBER t 1 9") == "*2 :1 :0")
    #expect(client.send("SPOP s -1") == "-ERR value is out of range, must be positive")
    #expect(client.send("SUNIONSTORE d none") == ":0")
    #expect(client.send("EXISTS d") == ":0")
}

@Test func sortedSetsReplyAsRedis() {
    let client = StoreHarness().connect()
    #expect(client.send("ZADD z 1 a 2 b 3 c") == ":3")
    #expect(client.send("ZADD z GT CH 5 a 1 b") == ":1")
    #expect(client.send("ZADD z NX XX 1 a") == "-ERR XX and NX options at the same time are not compatible")
    #expect(
        client.send("ZADD z GT LT 1 a") == "-ERR GT, LT, and/or NX options at the same time are not compatible")
    #expect(client.send("ZADD z INCR 0.5 a") == "$3 5.5")
    #expect(client.send("ZADD z NX INCR 0.5 a") == "$-1")
    #expect(client.send("ZRANGE z 0 -1 WITHSCORES") == "*6 $1 b $1 2 $1 c $1 3 $1 a $3 5.5")
    #expect(client.send("ZRANGE z (2 +inf BYSCORE LIMIT 0 1") == "*1 $1 c")
    #expect(client.send("ZRANGE z 0 1 LIMIT 0 1").hasPrefix("-ERR syntax error, LIMIT is only supported"))
    #expect(client.send("ZREVRANGEBYSCORE z +inf -inf") == "*3 $1 a $1 c $1 b")
    #expect(client.send("ZRANK z a WITHSCORE") == "*2 :2 $3 5.5")
    #expect(client.send("ZCOUNT z x 1") == "-ERR min or max is not a float")
    #expect(client.send("ZLEXCOUNT z a +") == "-ERR min or max not valid string range item")
    #expect(client.send("ZPOPMAX z") == "*2 $1 a $3 5.5")
    #expect(client.send("ZUNIONSTORE u 1 z WEIGHTS 2") == ":2")
    #expect(client.send("ZSCORE u c") == "$1 6")
    #expect(client.send("ZUNIONSTORE u 0 z") == "-ERR at least 1 input key is needed for 'zunionstore' command")
}

@Test func resp3GivesPairsAndDoubles() {
    let client = StoreHarness().connect()
    client.send("HELLO 3")
    client.send("ZADD z 1 a 2.5 b")
    #expect(client.send("ZRANGE z 0 -1 WITHSCORES") == "*2 *2 $1 a ,1 *2 $1 b ,2.5")
    #expect(client.send("ZPOPMIN z") == "*2 $1 a ,1")
    #expect(client.send("ZPOPMIN z 1") == "*1 *2 $1 b ,2.5")
    #expect(client.send("ZSCORE z a") == "_")
    client.send("HSET h f v")
    #expect(client.send("HGETALL h") == "%1 $1 f $1 v")
    #expect(client.send("HRANDFIELD h 1 WITHVALUES") == "*1 *2 $1 f $1 v")
    client.send("SADD s 1")
    #expect(client.send("SMEMBERS s") == "~1 $1 1")
    #expect(client.send("LPOP none 1") == "_")
}

@Test func streamsReplyAsRedis() {
    let client = StoreHarness().connect()
    #expect(client.send("XADD s 1-1 f v") == "$3 1-1")
    #expect(client.send("XADD s 1-* f v") == "$3 1-2")
    #expect(
        client.send("XADD s 1-1 f v")
            == "-ERR The ID specified in XADD is equal or smaller than the target stream top item")
    #expect(client.send("XADD s 0-0 f v") == "-ERR The ID specified in XADD must be greater than 0-0")
    #expect(client.send("XADD s x f v") == "-ERR Invalid stream ID specified as stream command argument")
    #expect(client.send("XRANGE s (1-1 +") == "*1 *2 $3 1-2 *2 $1 f $1 v")
    #expect(client.send("XREAD STREAMS s 1-1") == "*1 *2 $1 s *1 *2 $3 1-2 *2 $1 f $1 v")
    #expect(client.send("XGROUP CREATE s g 0") == "+OK")
    #expect(client.send("XGROUP CREATE s g 0") == "-BUSYGROUP Consumer Group name already exists")
    #expect(client.send("XREADGROUP GROUP g c COUNT 1 STREAMS s >") == "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 v")
    #expect(client.send("XPENDING s g") == "*4 :1 $3 1-1 $3 1-1 *1 *2 $1 c $1 1")
    #expect(client.send("XAUTOCLAIM s g d 0 0 JUSTID") == "*3 $3 0-0 *1 $3 1-1 *0")
    #expect(client.send("XACK s g 1-1") == ":1")
    #expect(
        client.send("XREADGROUP GROUP none c STREAMS s >")
            == "-NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option")
    #expect(client.send("XTRIM s MAXLEN 1") == ":1")
    #expect(client.send("XLEN s") == ":1")
}

/// Goal: a reader that waits gets what comes after it began to wait, and a group's entry goes to one consumer.
@Test func streamReadersWait() {
    let harness = StoreHarness()
    let (writer, reader, first, second) = (harness.connect(), harness.connect(), harness.connect(), harness.connect())
    writer.send("XADD s 1-1 f old")
    writer.send("XGROUP CREATE s g $")
    #expect(reader.send("XREAD BLOCK 0 STREAMS s $") == "")
    #expect(first.send("XREADGROUP GROUP g a BLOCK 0 STREAMS s >") == "")
    #expect(second.send("XREADGROUP GROUP g b BLOCK 500 STREAMS s >") == "")
    writer.send("XADD s 2-1 f new")
    #expect(reader.pending() == "*1 *2 $1 s *1 *2 $3 2-1 *2 $1 f $3 new")
    #expect(first.pending() == "*1 *2 $1 s *1 *2 $3 2-1 *2 $1 f $3 new")
    #expect(second.pending() == "")
    harness.advance(milliseconds: 600)
    #expect(second.pending() == "*-1")
}

/// Goal: many members drawn at once are journaled in effects of bounded size.
@Test func manyDrawnMembersAreJournaledInParts() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    client.send("SADD set " + (0..<5_000).map { "m\($0)" }.joined(separator: " "))
    #expect(client.send("SPOP set 4000").hasPrefix("*4000 "))
    let replayed = try harness.replayed()
    #expect(differences(harness.store.description(), replayed.store.description()) == [])
    let words = RESPArguments()
    var largest = 0
    for record in harness.records {
        try record.withUnsafeBytes {
            var reader = EffectReader(ByteSlice($0))
            while try reader.next(into: words) != nil {
                if words[0].equals("SREM") { largest = max(largest, words.count) }
            }
        }
    }
    #expect(largest == Limits.setMembersPerEffect + 2)
}

/// Goal: a reply that repeats what is large has an end, and so has its client. Method: a low limit.
@Test(arguments: [
    ["HMGET", "h"] + [String](repeating: "f", count: 5_000), ["HRANDFIELD", "h", "-5000", "WITHVALUES"],
    ["SRANDMEMBER", "s", "-5000"], ["ZRANDMEMBER", "z", "-5000"], ["MGET"] + [String](repeating: "k", count: 5_000),
    ["XREAD", "STREAMS"] + [String](repeating: "x", count: 2_000) + [String](repeating: "0", count: 2_000),
    ["XCLAIM", "x", "g", "c", "0"] + [String](repeating: "1-1", count: 5_000),
    ["SORT", "l", "BY", "nosort"] + [[String]](repeating: ["GET", "k*"], count: 5_000).flatMap { $0 },
    ["COMMAND", "DOCS"] + [String](repeating: "SET", count: 20_000),
    ["COMMAND", "INFO"] + [String](repeating: "SET", count: 20_000),
])
func repliesWithoutEndCloseTheirClient(words: [String]) {
    let harness = StoreHarness()
    let client = harness.connect()
    let value = String(repeating: "v", count: 7_000)
    for line in [
        "HSET h f \(value)", "SADD s \(value)", "ZADD z 1 \(value)", "SET k \(value)", "XADD x 1-1 f \(value)",
        "XGROUP CREATE x g 0", "XREADGROUP GROUP g c STREAMS x >", "RPUSH l \"\"",
    ] {
        client.send(line)
    }
    client.session.output.bytesMax = 1_000_000
    client.send(words: words.map { Array($0.utf8) })
    #expect(client.session.closesNow)
    #expect(harness.connect().send("PING") == "+PONG")
}
