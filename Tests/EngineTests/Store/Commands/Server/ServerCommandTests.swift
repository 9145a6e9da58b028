import Testing
import Wire

@testable import Engine

struct ServerCommandTests {
    @Test func infoHasRedisSections() {
        let store = TestStore()
        store.reply("SET", "a", "1", "EX", "100")
        let text = store.reply("INFO")
        for line in [
            "# Server", "redis_version:7.2.", "# Clients", "connected_clients:1", "# Memory", "used_memory_human:",
            "# Persistence", "loading:0", "# Stats", "total_commands_processed:", "# Replication", "role:master",
            "# CPU", "# Modules", "# Errorstats", "# Cluster", "cluster_enabled:0", "# Keyspace",
            "db0:keys=1,expires=1,avg_ttl=",
        ] { #expect(text.contains(line), "\(line)") }
        #expect(!text.contains("cmdstat_"))
        #expect(store.reply("INFO", "commandstats").contains("cmdstat_set:calls=1,usec=0,usec_per_call=0.00,"))
        #expect(store.reply("INFO", "everything").contains("# Latencystats"))
        #expect(store.reply("INFO", "nosuch") == "$0\r\n\r\n")
    }

    @Test(arguments: [
        (0.0, 2, "0.00"), (1.005, 2, "1.00"), (-1.5, 1, "-1.5"), (0.05, 2, "0.05"), (12.0, 0, "12"),
        (0.999, 2, "1.00"), (.infinity, 2, "0"),
    ])
    func decimalsAreFixed(value: Double, decimals: Int, text: String) {
        #expect(InfoText.fixed(value, decimals) == text)
    }

    @Test func bytesAreHuman() {
        #expect(InfoText.human(0) == "0B")
        #expect(InfoText.human(1_023) == "1023B")
        #expect(InfoText.human(1_536) == "1.50K")
        #expect(InfoText.human(25_276_510_208) == "23.54G")
    }

    @Test func configSetTakesEffectOrIsRefused() {
        let store = TestStore()
        #expect(store.reply("CONFIG", "GET", "slowlog-max-*") == "*2\r\n$15\r\nslowlog-max-len\r\n$3\r\n128\r\n")
        #expect(store.reply("CONFIG", "SET", "slowlog-max-len", "5") == "+OK\r\n")
        #expect(store.reply("CONFIG", "GET", "SLOWLOG-MAX-LEN") == "*2\r\n$15\r\nslowlog-max-len\r\n$1\r\n5\r\n")
        #expect(
            store.reply("CONFIG", "SET", "foo", "bar")
                == "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n")
        #expect(
            store.reply("CONFIG", "SET", "databases", "1")
                == "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config\r\n")
        #expect(store.reply("CONFIG", "SET", "save", "") == "+OK\r\n")
        #expect(store.reply("CONFIG", "SET", "maxmemory-clients", "1mb").hasPrefix("-ERR CONFIG SET failed"))
        #expect(
            store.reply("CONFIG", "SET", "appendfsync", "foo")
                == "-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the following: everysec, always, no\r\n"
        )
        #expect(store.reply("CONFIG", "SET", "slowlog-max-len").hasPrefix("-ERR wrong number of arguments"))
        // All or none.
        #expect(
            store.reply("CONFIG", "SET", "slowlog-max-len", "7", "slowlog-log-slower-than", "abc")
                == "-ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - argument couldn't be parsed into an integer\r\n"
        )
        #expect(store.reply("CONFIG", "GET", "slowlog-max-len") == "*2\r\n$15\r\nslowlog-max-len\r\n$1\r\n5\r\n")
        #expect(
            store.reply("CONFIG", "SET", "notify-keyspace-events", "KEA") == "+OK\r\n")
        #expect(
            store.reply("CONFIG", "GET", "notify-keyspace-events")
                == "*2\r\n$22\r\nnotify-keyspace-events\r\n$3\r\nAKE\r\n")
    }

    @Test(
        arguments: [
            ("1", 1), ("1b", 1), ("1k", 1_000), ("1kb", 1_024), ("2MB", 2_097_152), ("1g", 1_000_000_000), ("x", nil),
            ("1x", nil), ("", nil), ("9999999999gb", nil),
        ] as [(String, Int64?)])
    func memoryValues(text: String, bytes: Int64?) {
        #expect(ConfigParameter.bytes(text) == bytes)
    }

    @Test func slowLogShowsNewestFirstAndCutsLongWords() {
        let store = TestStore()
        store.reply("CONFIG", "SET", "slowlog-log-slower-than", "0")
        slowClock = 0
        store.context.time.stopwatch = {
            slowClock += 50
            return slowClock
        }
        store.reply("SET", "a", String(repeating: "x", count: 200))
        store.reply("DEL", "a")
        store.context.time.stopwatch = nil
        let text = store.reply("SLOWLOG", "GET")
        #expect(text.hasPrefix("*2\r\n*6\r\n:1\r\n:1700000000\r\n:50\r\n*2\r\n$3\r\nDEL\r\n"))
        #expect(text.contains("x... (72 more bytes)\r\n"))
        #expect(text.hasSuffix("$15\r\n127.0.0.1:50000\r\n$0\r\n\r\n"))
        #expect(store.reply("SLOWLOG", "LEN") == ":2\r\n")
        #expect(store.reply("SLOWLOG", "GET", "-2") == "-ERR count should be greater than or equal to -1\r\n")
        #expect(store.reply("SLOWLOG", "RESET") == "+OK\r\n")
        #expect(store.reply("SLOWLOG", "LEN") == ":0\r\n")
    }

    @Test func monitorShowsScriptsAndTheirCommands() {
        let store = TestStore()
        let watcher = TestStore.makeClient(store.store)
        #expect(store.reply("MONITOR", by: watcher) == "+OK\r\n")
        store.reply("EVAL", "redis.call('SET', 'a', '1')", "0")
        let text = String(decoding: TestStore.take(watcher), as: UTF8.self)
        #expect(
            text == "+1700000000.000000 [0 127.0.0.1:50000] \"EVAL\" \"redis.call('SET', 'a', '1')\" \"0\"\r\n"
                + "+1700000000.000000 [0 lua] \"SET\" \"a\" \"1\"\r\n")
    }

    @Test func whatIsNotThereSaysSo() {
        let store = TestStore()
        let noCluster = "-ERR This instance has cluster support disabled\r\n"
        #expect(store.reply("CLUSTER", "INFO") == noCluster)
        #expect(store.reply("READONLY") == noCluster)
        #expect(store.reply("REPLICAOF", "NO", "ONE") == "+OK\r\n")
        #expect(store.reply("REPLICAOF", "a", "1").hasPrefix("-ERR "))
        #expect(store.reply("SAVE").hasPrefix("-ERR nothing is written to disk"))
        #expect(store.reply("DEBUG", "ERROR", "LOADING fake\r\nmessage") == "-LOADING fake message\r\n")
        #expect(store.reply("DEBUG", "STRINGMATCH-LEN", "1000", "a*a") == ":1\r\n")
        #expect(store.reply("DEBUG", "PROTOCOL", "map") == "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n")
        #expect(store.reply("DEBUG", "HTSTATS", "99") == "-ERR Out of range database\r\n")
        #expect(store.reply("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "x").hasPrefix("-ERR argument must be a memory"))
        #expect(store.reply("DEBUG", "CHANGE-REPL-ID").hasPrefix("-ERR unknown subcommand"))
        #expect(store.reply("DEBUG", "JMAP").hasPrefix("-ERR unknown subcommand"))
        #expect(store.reply("ACL", "SAVE").hasPrefix("-ERR "))
        #expect(store.reply("ACL", "WHOAMI") == "$7\r\ndefault\r\n")
        #expect(store.reply("ROLE") == "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
    }

    @Test func shutdownIsLeftToTheServer() {
        let store = TestStore()
        #expect(store.reply("SHUTDOWN", "foo") == "-ERR syntax error\r\n")
        #expect(store.reply("SHUTDOWN", "ABORT") == "-ERR No shutdown in progress.\r\n")
        #expect(!store.context.isShutdownRequested)
        #expect(store.reply("SHUTDOWN", "NOSAVE") == "")
        #expect(store.context.isShutdownRequested)
    }
}

/// Read by a C function pointer, so it has to be global.
nonisolated(unsafe) private var slowClock: Int64 = 0
