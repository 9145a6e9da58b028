import Testing
import Wire

@testable import Engine

/// Scripts as clients run them, without a network. Serialized: some share a clock.
@Suite(.serialized)
struct ScriptEngineTests {
    /// Goal: what scripts answer is what Redis answers. Method: recorded replies, one interpreter for all.
    @Test func answersAsRecorded() {
        let store = TestStore()
        store.reply("SET", "strk", "v")
        for (script, expected) in scriptAnswers {
            #expect(store.reply("EVAL", script, "0") == expected, "\(script)")
        }
    }

    @Test func runsCommandsAndSeesKeysAndArguments() {
        let store = TestStore()
        let script = "redis.call('SET', KEYS[1], ARGV[1]) return {redis.call('GET', KEYS[1]), #KEYS, #ARGV}"
        #expect(store.reply("EVAL", script, "1", "a", "hello", "x") == "*3\r\n$5\r\nhello\r\n:1\r\n:2\r\n")
        #expect(store.reply("GET", "a") == "$5\r\nhello\r\n")
        #expect(store.reply("EVAL", "return KEYS[1]", "1", "b") == "$1\r\nb\r\n")
    }

    @Test func numbersReachCommandsAsRedisWritesThem() {
        let store = TestStore()
        for (number, text) in [
            ("3.3", "3.2999999999999998"), ("10", "10"), ("1e15", "1000000000000000"), ("1e20", "1e+20"),
            ("-0.0", "-0"), ("-7", "-7"),
        ] {
            #expect(
                store.reply("EVAL", "redis.call('SET','n',\(number)) return redis.call('GET','n')", "0")
                    == "$\(text.utf8.count)\r\n\(text)\r\n")
        }
    }

    @Test func missingValueIsFalseInRESP2AndNilInRESP3() {
        let store = TestStore()
        #expect(store.reply("EVAL", "return tostring(redis.call('GET','none'))", "0") == "$5\r\nfalse\r\n")
        #expect(
            store.reply("EVAL", "redis.setresp(3) return tostring(redis.call('GET','none'))", "0")
                == "$3\r\nnil\r\n")
    }

    @Test func scriptsAreKnownBySHAUntilFlushed() {
        let store = TestStore()
        let sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
        let missing = "-NOSCRIPT No matching script. Please use EVAL.\r\n"
        #expect(store.reply("EVALSHA", sha, "0") == missing)
        #expect(store.reply("SCRIPT", "LOAD", "return 1") == "$40\r\n\(sha)\r\n")
        #expect(store.reply("EVALSHA", sha, "0") == ":1\r\n")
        #expect(store.reply("EVALSHA", sha.uppercased(), "0") == ":1\r\n")
        #expect(store.reply("SCRIPT", "EXISTS", sha, "foo") == "*2\r\n:1\r\n:0\r\n")
        #expect(store.reply("SCRIPT", "FLUSH") == "+OK\r\n")
        #expect(store.reply("SCRIPT", "EXISTS", sha) == "*1\r\n:0\r\n")
        #expect(store.reply("EVALSHA", sha, "0") == missing)
        #expect(store.reply("EVALSHA", "foo", "0") == missing)
    }

    @Test func readOnlyRunsRefuseWrites() {
        let store = TestStore()
        let write = "return redis.call('SET','a','b')"
        #expect(store.reply("EVAL_RO", write, "0").hasPrefix("-ERR Write commands are not allowed from read-only"))
        #expect(
            store.reply("EVAL", "#!lua flags=no-writes\n\(write)", "0")
                .hasPrefix("-ERR Write commands are not allowed from read-only scripts. script: "))
        #expect(
            store.reply("EVAL_RO", "#!lua\nreturn 1", "0")
                == "-ERR Can not execute a script with write flag using *_ro command.\r\n")
        #expect(store.reply("GET", "a") == "$-1\r\n")
    }

    @Test func countsKeysFirst() {
        let store = TestStore()
        #expect(store.reply("EVAL", "return 1", "a") == "-ERR value is not an integer or out of range\r\n")
        #expect(store.reply("EVAL", "return 1", "-1") == "-ERR Number of keys can't be negative\r\n")
        #expect(
            store.reply("EVAL", "return 1", "1") == "-ERR Number of keys can't be greater than number of args\r\n")
        #expect(store.reply("EVAL", "return 1") == "-ERR wrong number of arguments for 'eval' command\r\n")
    }

    /// Goal: nothing that a script does to its environment is there for the next one.
    @Test(arguments: [
        "x = 1", "redis = nil", "KEYS = {}", "string.x = 1", "redis.call = nil", "rawset(_G, 'x', 1)",
        "rawset(string, 'x', 1)", "table.insert(string, 1)", "table.insert(_G, 1)", "setmetatable(_G, {})",
        "getmetatable('').x = 1", "getmetatable('').__index.x = 1", "setmetatable(string, nil)",
        "for k, v in pairs(_G) do v = nil end _G._G.x = 1", "cjson.x = 1", "bit.band = nil",
        "loadstring('x = 1')()", "coroutine.wrap(function() x = 1 end)()",
    ])
    func refusesToChangeTheEnvironment(script: String) {
        let store = TestStore()
        #expect(store.reply("EVAL", script, "0").hasPrefix("-ERR "))
        #expect(
            store.reply("EVAL", "return {rawget(_G,'x') == nil, string.x == nil, #string, #_G}", "0")
                == "*4\r\n:1\r\n:1\r\n:0\r\n:0\r\n")
        #expect(store.reply("EVAL", "return redis.call('SET', 'a', ('x'):rep(2))", "0") == "+OK\r\n")
    }

    @Test(arguments: [
        "dofile", "loadfile", "print", "require", "module", "package", "debug", "io", "getfenv", "setfenv",
        "newproxy",
    ])
    func hidesWhatReachesOutside(name: String) {
        let reply = TestStore().reply("EVAL", "return \(name)", "0")
        #expect(
            reply.hasPrefix(
                "-ERR user_script:1: Script attempted to access nonexistent global variable '\(name)' script: "))
    }

    @Test func neverLoadsByteCode() {
        let store = TestStore()
        let dumped = "string.dump(function() return 1 end)"
        #expect(store.reply("EVAL", "return loadstring(\(dumped)) == nil and 1", "0") == ":1\r\n")
        #expect(
            store.reply(
                "EVAL",
                "local done return load(function() if not done then done = true return \(dumped) end end) == nil and 1",
                "0") == ":1\r\n")
        #expect(store.reply("EVAL", "\u{1B}Lua", "0").hasPrefix("-ERR Error compiling script"))
    }

    @Test func keepsJSONSettingsToOneRun() {
        let store = TestStore()
        #expect(store.reply("EVAL", "return cjson.encode_max_depth(3)", "0") == ":3\r\n")
        #expect(store.reply("EVAL", "return cjson.encode_max_depth()", "0") == ":1000\r\n")
    }

    @Test func overlargeStringsFailTheScriptOnly() {
        let store = TestStore()
        #expect(store.reply("EVAL", "return #string.rep('x', 2000000000)", "0").hasPrefix("-ERR "))
        #expect(
            store.reply("EVAL", "local s = 'x' while true do s = s .. s end", "0")
                .hasPrefix("-ERR "))
        #expect(store.reply("EVAL", "return 1", "0") == ":1\r\n")
    }

    @Test func endlessRecursionFailsTheScriptOnly() {
        let store = TestStore()
        #expect(
            store.reply("EVAL", "local function f() return f() + 1 end return f()", "0")
                .hasPrefix("-ERR user_script:1: stack overflow script: "))
        let reply = store.reply("EVAL", "local t = {} t[1] = t return t", "0")
        #expect(reply.hasPrefix("*1\r\n*1\r\n") && reply.hasSuffix("-ERR reached lua stack limit\r\n"))
        #expect(store.reply("EVAL", "return 1", "0") == ":1\r\n")
    }

    /// Goal: a script without end is ended, whatever it catches. Method: a clock that leaps.
    @Test(arguments: [
        "while true do end", "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()", "while true do pcall(redis.call, 'GET', 'a') end",
    ])
    func endsScriptsThatRunTooLong(script: String) {
        let store = TestStore()
        store.letClockLeap()
        #expect(store.reply("EVAL", script, "0").contains("Script killed: it ran for longer than 30000 milliseconds"))
        store.context.time.stopwatch = nil
        #expect(store.reply("EVAL", "return 1", "0") == ":1\r\n")
    }

    /// Goal: what a script changed is one record, made of its commands. Method: replay into an empty store.
    @Test func journalsEffectsAsOneRecord() throws {
        let store = TestStore()
        store.beginJournal()
        store.reply(
            "EVAL", "redis.call('SET','a','1') redis.call('SELECT',2) redis.call('SET','b','2') error('late')", "0")
        let batch = try #require(store.context.journal.takeBatch())
        let payload = Int(UInt32(littleEndian: batch.bytes.loadUnaligned(as: UInt32.self)))
        #expect(payload + RecordFormat.headerBytes == batch.count)
        let other = TestStore()
        try other.store.replay(ByteSlice(base: batch.bytes + RecordFormat.headerBytes, count: payload))
        other.store.finishRecovery()
        #expect(other.reply("GET", "a") == "$1\r\n1\r\n")
        #expect(store.reply("EVAL", "redis.call('SELECT',2) return redis.call('GET','b')", "0") == "$1\r\n2\r\n")
        store.context.journal.written(batch)
    }

    @Test func readingScriptsJournalNothing() {
        let store = TestStore()
        store.beginJournal()
        store.reply("EVAL", "return redis.call('GET','a')", "0")
        #expect(store.context.journal.pendingBytes == 0)
    }

    @Test func dropsTheScriptNotUsedForLongest() {
        let store = TestStore()
        store.reply("EVAL", "return 'first'", "0")
        for number in 0..<Limits.evaluatedScriptsMax { store.reply("EVAL", "return \(number)", "0") }
        #expect(store.store.scripts.cache.count == Limits.evaluatedScriptsMax)
        #expect(store.reply("EVAL", "return 'first'", "0") == "$5\r\nfirst\r\n")
    }

    @Test func countsErrorsOnce() {
        let store = TestStore()
        store.reply("EVAL", "return redis.call('nosuch')", "0")
        #expect(store.store.statistics.errorsByCode == ["ERR": 1])
        store.reply("EVAL", "error('x')", "0")
        #expect(store.store.statistics.errorsByCode == ["ERR": 2])
    }
}

/// Read by a C function pointer, so it has to be global; tests that use it set it first.
nonisolated(unsafe) private var leapingClock: Int64 = 0

extension TestStore {
    /// A clock that goes on by a second whenever it is read.
    func letClockLeap() {
        leapingClock = 0
        context.time.stopwatch = {
            leapingClock += 1_000_000
            return leapingClock
        }
    }
}
