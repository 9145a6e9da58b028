import Testing
import Wire

@testable import Engine

/// Goal: HEXPIRE and its kin as in Redis 7.4: what its own tests of hash-field expiration ask, and its order of checks.
/// The clock of the harness begins at 1,700,000,000 s.
struct FieldExpiryCommandTests {
    /// In both forms of a hash: packed, and with a field too long for that.
    private static let forms = ["", " " + String(repeating: "l", count: 80) + " v"]

    // MARK: Setting

    @Test(arguments: forms) func conditionsAreThoseOfRedis(extra: String) {
        let client = StoreHarness().connect()
        client.send("HSET h a 1 b 2 c 3" + extra)
        #expect(client.send("HPEXPIRE h 1000 NX FIELDS 1 a") == "*1 :1")
        #expect(client.send("HPEXPIRE h 2000 nx fields 2 a b") == "*2 :0 :1")
        #expect(client.send("HPEXPIRE h 1500 XX FIELDS 2 a c") == "*2 :1 :0")
        // Without a time a field counts as the latest: never GT, always LT.
        #expect(client.send("HPEXPIRE h 1600 GT FIELDS 3 a b c") == "*3 :1 :0 :0")
        #expect(client.send("HPEXPIRE h 1600 GT FIELDS 1 a") == "*1 :0")
        #expect(client.send("HPEXPIRE h 1550 LT FIELDS 4 a b c none") == "*4 :1 :1 :1 :-2")
        #expect(client.send("HPEXPIRETIME h FIELDS 3 a b c") == "*3 :1700000001550 :1700000001550 :1700000001550")
        #expect(client.send("HEXPIRE none 10 FIELDS 2 a b") == "*2 :-2 :-2")
    }

    @Test(arguments: forms) func timesInThePastDelete(extra: String) {
        let client = StoreHarness().connect()
        client.send("HSET h f1 v1 f2 v2 f4 v4" + extra)
        client.send("HEXPIRE h 1000 FIELDS 1 f4")
        #expect(client.send("HPEXPIREAT h 1699999999000 NX FIELDS 4 f1 f2 f3 f4") == "*4 :2 :2 :-2 :0")
        #expect(client.send("HEXISTS h f1") == ":0")
        #expect(client.send("HEXPIRE h 0 FIELDS 1 f4") == "*1 :2")
        client.send("HSET one f v")
        #expect(client.send("HEXPIREAT one 1700000000 FIELDS 1 f") == "*1 :2")
        #expect(client.send("EXISTS one") == ":0")
    }

    @Test func checksComeInRedissOrder() {
        let client = StoreHarness().connect()
        client.send("SET s v")
        client.send("HSET h f v")
        let wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"
        let notInteger = "-ERR value is not an integer or out of range"
        let negative = "-ERR invalid expire time, must be >= 0"
        let noFields = "-ERR Mandatory argument FIELDS is missing or not at the right position"
        let noCount = "-ERR Parameter `numFields` should be greater than 0"
        let otherCount = "-ERR The `numfields` parameter must match the number of arguments"
        let notPositive = "-ERR Number of fields must be a positive integer"
        let rows: [(String, String)] = [
            ("HEXPIRE h 1 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command"),
            ("HPEXPIREAT h 1 FIELDS 1", "-ERR wrong number of arguments for 'hpexpireat' command"),
            ("HTTL h FIELDS 1", "-ERR wrong number of arguments for 'httl' command"),
            ("HPERSIST h FIELDS 1", "-ERR wrong number of arguments for 'hpersist' command"),
            ("HEXPIRE s x FIELDZ 0 f", wrongType),
            ("HEXPIRE h x FIELDZ 0 f", notInteger),
            ("HEXPIRE none x FIELDS 1 f", notInteger),
            ("HEXPIRE h 9223372036854775808 FIELDS 1 f", notInteger),
            ("HEXPIRE h -1 FIELDZ 0 f", negative),
            ("HEXPIRE h 1 FIELDZ 0 f", noFields),
            ("HEXPIRE h 1 NX XX FIELDS 1 f", noFields),
            ("HEXPIRE h 1 FIELDS 0 f", noCount),
            ("HEXPIRE h 1 FIELDS -1 f", noCount),
            ("HEXPIRE h 1 FIELDS x f", noCount),
            ("HEXPIRE h 1 NX FIELDS 0 f", noCount),
            ("HEXPIRE h 1 FIELDS 2 f", otherCount),
            ("HEXPIRE h 1 FIELDS 1 f g", otherCount),
            ("HEXPIRE h 1 NX FIELDS 1", otherCount),
            ("HEXPIRE h 9223372036854775807 FIELDS 1 f", "-ERR invalid expire time in 'hexpire' command"),
            ("HEXPIRE h 70368744177 FIELDS 1 f", "-ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIRE h 70368744177664 FIELDS 1 f", "-ERR invalid expire time in 'hpexpire' command"),
            ("HEXPIREAT h 70368744178 FIELDS 1 f", "-ERR invalid expire time in 'hexpireat' command"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 f", "-ERR invalid expire time in 'hpexpireat' command"),
            ("HPEXPIREAT h 70368744177663 FIELDS 1 f", "*1 :1"),
            ("HTTL s FIELDZ 0 f", wrongType),
            ("HTTL h FIELDZ 0 f", noFields),
            ("HTTL h FIELDS 0 f", notPositive),
            ("HPTTL none FIELDS x f", notPositive),
            ("HPEXPIRETIME h FIELDS 2 f", otherCount),
            ("HPERSIST s FIELDS 1 f", wrongType),
            ("HPERSIST h FIELDZ 1 f", noFields),
            ("HPERSIST none FIELDS 0 f", notPositive),
            ("HPERSIST h FIELDS 3 f g", otherCount),
        ]
        for (words, reply) in rows { #expect(client.send(words) == reply, "\(words)") }
    }

    // MARK: Asking and removing

    @Test(arguments: forms) func timesAreTold(extra: String) {
        let client = StoreHarness().connect()
        client.send("HSET h a 1 b 2" + extra)
        client.send("HPEXPIRE h 1001 FIELDS 1 a")
        #expect(client.send("HPTTL h FIELDS 3 a b c") == "*3 :1001 :-1 :-2")
        // Rounded up, unlike TTL.
        #expect(client.send("HTTL h FIELDS 1 a") == "*1 :2")
        #expect(client.send("HEXPIRETIME h FIELDS 2 a b") == "*2 :1700000002 :-1")
        #expect(client.send("HPEXPIRETIME none FIELDS 2 a b") == "*2 :-2 :-2")
        #expect(client.send("HPERSIST h FIELDS 3 a b c") == "*3 :1 :-1 :-2")
        #expect(client.send("HTTL h FIELDS 1 a") == "*1 :-1")
        #expect(client.send("HPERSIST none FIELDS 1 a") == "*1 :-2")
    }

    @Test(arguments: forms) func pastTheirTimeFieldsAreNotThere(extra: String) {
        let harness = StoreHarness()
        let client = harness.connect()
        client.send("HSET h a 1 b 2 c 3" + extra)
        client.send("HPEXPIRE h 10 FIELDS 2 a b")
        harness.passTime(milliseconds: 10)
        // As in Redis the last millisecond counts.
        #expect(client.send("HPTTL h FIELDS 2 a b") == "*2 :0 :0")
        harness.passTime(milliseconds: 1)
        #expect(client.send("HPTTL h FIELDS 2 a b") == "*2 :-2 :-2")
        #expect(client.send("HPERSIST h FIELDS 1 a") == "*1 :-2")
        #expect(client.send("HPEXPIREAT h 1800000000000 XX FIELDS 1 b") == "*1 :-2")
        #expect(client.send("HGET h b") == "$-1")
    }

    // MARK: Other commands on hashes

    /// What each of them does to a field past its time, and how many fields it removed for that.
    @Test func hashCommandsPassOverThem() {
        let rows: [(command: String, reply: String, removed: Int)] = [
            ("HGET h a", "$-1", 1), ("HEXISTS h a", ":0", 1), ("HSTRLEN h a", ":0", 1),
            ("HMGET h a b c", "*3 $-1 $-1 $1 3", 2), ("HKEYS h", "*1 $1 c", 0), ("HVALS h", "*1 $1 3", 0),
            ("HGETALL h", "*2 $1 c $1 3", 0), ("HLEN h", ":3", 0), ("HSCAN h 0", "*2 $1 0 *2 $1 c $1 3", 0),
            ("HRANDFIELD h", "$1 c", 2), ("HRANDFIELD h 9", "*1 $1 c", 2), ("HRANDFIELD h -2", "*2 $1 c $1 c", 2),
            ("HINCRBY h a 5", ":5", 1), ("HINCRBYFLOAT h a 1.5", "$3 1.5", 1), ("HSETNX h a 9", ":1", 1),
            // These do not look at the time.
            ("HDEL h a", ":1", 0), ("HSET h a 9 d 4", ":1", 0),
            ("SORT l BY nosort GET *->a GET *->c", "*2 $-1 $1 3", 1),
        ]
        for row in rows {
            let harness = StoreHarness()
            let client = harness.connect()
            client.send("RPUSH l h")
            client.send("HSET h a 1 b 2 c 3")
            client.send("HPEXPIRE h 10 FIELDS 2 a b")
            harness.passTime(milliseconds: 11)
            #expect(client.send(row.command) == row.reply, "\(row.command)")
            #expect(harness.store.statistics.expiredFields == UInt64(row.removed), "\(row.command)")
            harness.store.checkValues()
        }
    }

    @Test func theLastFieldTakesTheKeyAlong() {
        for command in ["HGET h f", "HMGET h f", "HEXISTS h f", "HSTRLEN h f", "HRANDFIELD h", "HRANDFIELD h 5"] {
            let harness = StoreHarness()
            let client = harness.connect()
            client.send("HSET h f v")
            client.send("HPEXPIRE h 10 FIELDS 1 f")
            harness.passTime(milliseconds: 11)
            #expect(client.send("EXISTS h") == ":1")
            #expect(client.send("HGETALL h") == "*0")
            client.send(command)
            #expect(client.send("EXISTS h") == ":0", "\(command)")
        }
        let harness = StoreHarness()
        let client = harness.connect()
        client.send("HSET h f 10")
        client.send("HPEXPIRE h 10 FIELDS 1 f")
        harness.passTime(milliseconds: 11)
        #expect(client.send("HINCRBY h f 1") == ":1")
        #expect(client.send("HTTL h FIELDS 1 f") == "*1 :-1")
    }

    @Test(arguments: forms) func writesKeepOrClearTheTime(extra: String) {
        let client = StoreHarness().connect()
        client.send("HSET h a 1 b 2 c 3 d 4" + extra)
        client.send("HEXPIRE h 100 FIELDS 4 a b c d")
        client.send("HSET h a 9")
        #expect(client.send("HINCRBY h b 1") == ":3")
        #expect(client.send("HINCRBYFLOAT h c 0.5") == "$3 3.5")
        #expect(client.send("HDEL h d") == ":1")
        client.send("HSET h d 4")
        #expect(client.send("HTTL h FIELDS 4 a b c d") == "*4 :-1 :100 :100 :-1")
    }

    @Test func encodingIsNamedAsInRedis() {
        let client = StoreHarness().connect()
        client.send("HSET h a 1")
        #expect(client.send("OBJECT ENCODING h") == "$8 listpack")
        client.send("HEXPIRE h 100 FIELDS 1 a")
        #expect(client.send("OBJECT ENCODING h") == "$10 listpackex")
        client.send("HPERSIST h FIELDS 1 a")
        #expect(client.send("OBJECT ENCODING h") == "$10 listpackex")
        client.send("HSET h long " + String(repeating: "x", count: 65))
        #expect(client.send("OBJECT ENCODING h") == "$9 hashtable")
    }

    // MARK: Whole keys

    @Test func timesGoWhereTheHashGoes() {
        let harness = StoreHarness()
        let client = harness.connect()
        client.send("HSET h a 1 b 2")
        client.send("HEXPIRE h 100 FIELDS 1 a")
        client.send("COPY h copy")
        client.send("RENAME h renamed")
        client.send("COPY renamed moved")
        client.send("MOVE moved 1")
        for key in ["copy", "renamed"] { #expect(client.send("HTTL \(key) FIELDS 2 a b") == "*2 :100 :-1", "\(key)") }
        #expect(client.send("INFO keyspace").contains("db0:keys=2,expires=0,avg_ttl=0,subexpiry=2"))
        #expect(client.send("INFO keyspace").contains("db1:keys=1,expires=0,avg_ttl=0,subexpiry=1"))
        client.send("SWAPDB 0 1")
        #expect(client.send("HTTL moved FIELDS 1 a") == "*1 :100")
        client.send("SET moved v")
        harness.store.checkValues()
        client.send("SELECT 1")
        client.send("FLUSHDB")
        harness.store.checkValues()
        #expect(!client.send("INFO keyspace").contains("subexpiry=1"))
        harness.advance(milliseconds: 1)
        #expect(harness.store.buriedOrders.isEmpty)
    }

    // MARK: Who is told

    @Test func notificationsAreRediss() {
        let harness = StoreHarness()
        let client = harness.connect()
        let listener = harness.connect()
        client.send("CONFIG SET notify-keyspace-events EA")
        listener.send("PSUBSCRIBE *")
        func events() -> [String] {
            listener.pending().split(separator: " ").filter { $0.hasPrefix("__keyevent") }
                .map { String($0.dropFirst(15)) }
        }
        client.send("HSET h a 1 b 2 c 3 d 4")
        client.send("HPEXPIRE h 10 FIELDS 2 a b")
        client.send("HEXPIRE h 0 FIELDS 1 d")
        #expect(events() == ["hset", "hexpire", "hdel"])
        client.send("HPERSIST h FIELDS 1 b")
        client.send("HPERSIST h FIELDS 1 b")
        client.send("HPEXPIRE h 10 FIELDS 1 b")
        #expect(events() == ["hpersist", "hexpire"])
        harness.passTime(milliseconds: 11)
        client.send("HGET h a")
        #expect(events() == ["hexpired"])
        harness.advance(milliseconds: 1)
        #expect(events() == ["hexpired"])
        client.send("HPEXPIRE h 5 FIELDS 1 c")
        harness.advance(milliseconds: 6)
        #expect(events() == ["hexpire", "hexpired", "del"])
        client.send("HSET h a 1")
        client.send("HEXPIREAT h 1 FIELDS 1 a")
        #expect(events() == ["hset", "hdel", "del"])
    }

    @Test func watchersAndCachesAreTold() {
        let harness = StoreHarness()
        let client = harness.connect()
        let reader = harness.connect()
        client.send("HSET h a 1 b 2")
        client.send("HPEXPIRE h 10 FIELDS 1 a")
        reader.send("HELLO 3")
        reader.send("CLIENT TRACKING ON")
        reader.send("HGET h b")
        client.send("WATCH h")
        harness.advance(milliseconds: 11)
        #expect(reader.pending() == ">2 $10 invalidate *1 $1 h")
        client.send("MULTI")
        client.send("PING")
        #expect(client.send("EXEC") == "*-1")
        reader.send("HGET h b")
        client.send("HPEXPIRE h 100 FIELDS 1 b")
        #expect(reader.pending() == ">2 $10 invalidate *1 $1 h")
    }

    @Test func scriptsAndUsersMay() {
        let client = StoreHarness().connect()
        let script =
            "redis.call('HSET', KEYS[1], 'f', 'v') return redis.call('HEXPIRE', KEYS[1], 9, 'FIELDS', 1, 'f')"
        #expect(client.ask("EVAL", script, "1", "h") == .array([.integer(1)]))
        client.send("ACL SETUSER u on nopass ~h* +@hash")
        #expect(client.send("ACL DRYRUN u HEXPIRE h 1 FIELDS 1 f") == "+OK")
        #expect(client.send("ACL DRYRUN u HTTL h FIELDS 1 f") == "+OK")
        #expect(client.send("ACL DRYRUN u HPERSIST x FIELDS 1 f").contains("permissions"))
        #expect(client.send("COMMAND GETKEYS HEXPIRE h 1 FIELDS 1 f") == "*1 $1 h")
    }
}
