import Testing

@testable import Engine

/// What one call of a script may take, and what ends it: in the suite of the other scripts, which share a clock.
extension ScriptEngineTests {
    /// Goal: patterns and tables are dealt with as Redis's Lua does it. Method: recorded replies.
    @Test func answersPatternsAsRecorded() {
        let store = TestStore()
        for (script, expected) in patternAnswers {
            #expect(store.reply("EVAL", script, "0") == expected, "\(script)")
        }
    }

    /// Goal: no pattern takes the C stack. Method: as many items that may match nothing as there is memory for.
    @Test(arguments: [
        "string.find(('a'):rep(1000000), ('a?'):rep(1000000))", "string.match(('a'):rep(1000000), ('a?'):rep(1000000))",
        "string.gsub(('a'):rep(1000000), ('a?'):rep(1000000), '')", "(('a'):rep(10)):gfind(('a*'):rep(1000000))()",
        "string.gmatch(('a'):rep(10), ('a-'):rep(1000000))()", "(''):find(('a*'):rep(1000000))",
    ])
    func refusesPatternsThatAreTooComplex(call: String) {
        let store = TestStore()
        #expect(
            store.reply("EVAL", "return \(call)", "0").hasPrefix("-ERR user_script:1: pattern too complex script: "))
        #expect(store.reply("EVAL", "return string.find('aab', ('a?'):rep(100) .. 'b')", "0") == ":1\r\n")
    }

    /// Goal: ranges of a table that overflow an integer are refused. Method: limits of 32 bits.
    @Test(arguments: [("-1", "2147483647"), ("0", "2147483647"), ("-2147483648", "2147483647"), ("1", "1e9")])
    func refusesToUnpackMoreThanTheStackHolds(first: String, last: String) {
        let reply = TestStore().reply("EVAL", "return unpack({}, \(first), \(last))", "0")
        #expect(reply.hasPrefix("-ERR user_script:1: too many results to unpack script: "))
    }

    @Test func repeatsNothingAtOnce() {
        #expect(TestStore().reply("EVAL", "return string.rep('', 2147483647)", "0") == "$0\r\n\r\n")
        #expect(TestStore().reply("EVAL", "return string.rep('x', -9e18)", "0") == "$0\r\n\r\n")
    }

    /// Goal: what is much work in few instructions is ended in time, too. Method: a clock that leaps whenever it is
    /// looked at.
    @Test(arguments: [
        "return string.find(('a'):rep(60), ('a*'):rep(30) .. 'b')",
        "return pcall(string.match, ('a'):rep(60), ('a-'):rep(30) .. 'b')",
        "return string.gsub(('a'):rep(60), ('a?'):rep(60) .. ('a*'):rep(20) .. 'b', '')",
        "for _ in string.gmatch(('a'):rep(60), ('a+'):rep(25) .. 'b') do end",
        "return string.find(('a'):rep(100000), '[' .. ('b'):rep(10000) .. ']')",
        "return string.find(('('):rep(20000), '.-%b()')",
        "table.insert({}, -2147483648, 1)",
        "local t = {} for i = 1, 20000 do t[i] = -i end table.sort(t)",
        "local t = {} for i = 1, 8000 do t[i] = i end for i = 1, 1000 do table.insert(t, 1, table.remove(t)) end",
        "local s = ('x'):rep(2000000) while true do local t = s .. 'y' end",
        "local s = ('x'):rep(2000000) while true do pcall(function() local t = s .. 'y' end) end",
        "local t = {} for i = 1, 20000 do t[i] = i end for i = 1, 10 do cjson.encode(t) end",
        "local s = '[' .. ('1,'):rep(40000) .. '1]' for i = 1, 10 do cjson.decode(s) end",
        "local s = ('x'):rep(1000000) for i = 1, 30 do redis.sha1hex(s) end",
        "local s = ('x'):rep(100) for i = 1, 100 do s = cmsgpack.pack({s, s}) end for i = 1, 1e9 do end",
    ])
    func endsCallsThatRunTooLong(script: String) {
        let store = TestStore()
        store.letClockLeap()
        #expect(store.reply("EVAL", script, "0").contains("Script killed: it ran for longer than 30000 milliseconds"))
        store.context.time.stopwatch = nil
        #expect(store.reply("EVAL", "return 1", "0") == ":1\r\n")
    }

    /// Goal: a script is ended after the command that took the time, not after many more. Method: the clock leaps
    /// during one command.
    @Test func slowCommandsEndAScript() {
        let store = TestStore()
        store.letClockLeap()
        store.store.scripts.busyThresholdMilliseconds = 500
        let script = "for i = 1, 31 do redis.call('INCR', 'n') end"
        #expect(store.reply("EVAL", script, "0").contains("Script killed"))
        #expect(store.reply("GET", "n") < "$1\r\n9\r\n")
    }

    /// Goal: what a script makes outside of Lua's memory is bounded, and the script fails alone. Method: one string,
    /// many times, under low limits.
    @Test(arguments: [
        ("return t", "-ERR Error running script: the script's reply is too large\r\n"),
        ("return {t, {t}}", "-ERR Error running script: the script's reply is too large\r\n"),
        ("return cjson.encode(t)", "-ERR user_script:1: Cannot serialise string: the text is too large script: "),
        (
            "cjson.encode_sparse_array(false, 0) return cjson.encode({[2147483647] = 1})",
            "-ERR user_script:1: Cannot serialise nil: the text is too large script: "
        ),
        (
            "redis.call('SET', 'a', s) return redis.call('MGET', unpack(k))",
            "-ERR The reply to a command called from script is too long script: "
        ),
        (
            "redis.call('SET', 'a', s:rep(9)) return redis.call('MGET', unpack(k))",
            "-ERR The reply to a command called from script is too long script: "
        ),
    ])
    func boundsWhatIsOutsideOfLuasMemory(script: String, expected: String) {
        let store = TestStore()
        store.store.scripts.textBytesMax = 100_000
        let made = "local s, t, k = ('x'):rep(1000), {}, {} for i = 1, 150 do t[i] = s k[i] = 'a' end "
        #expect(store.reply("EVAL", made + script, "0").hasPrefix(expected))
        #expect(store.reply("EVAL", "return redis.call('ECHO', 'x')", "0") == "$1\r\nx\r\n")
    }

    /// Goal: commands of scripts are bounded as those of clients are, and what they change fits a record.
    @Test func boundsWhatScriptsChange() {
        let store = TestStore()
        store.beginJournal()
        store.context.configuration.respQueryBytesMax = 10_000
        store.context.configuration.respBulkBytesMax = 5_000
        let tooLong = "-ERR The arguments of a command called from script are too long script: "
        let words = "local s = ('x'):rep(4000) return redis.call('RPUSH', 'l', s, s, s)"
        #expect(store.reply("EVAL", words, "0").hasPrefix(tooLong))
        #expect(store.reply("EVAL", "return redis.call('SET', 'a', ('x'):rep(5001))", "0").hasPrefix(tooLong))
        #expect(store.reply("EXISTS", "l", "a") == ":0\r\n")

        store.store.scripts.effectsBytesMax = 20_000
        let loop = "local s = ('x'):rep(4000) for i = 1, 100 do redis.call('SET', 'k' .. i, s) end"
        #expect(store.reply("EVAL", loop, "0").hasPrefix("-ERR The script has changed too much in one run script: "))
        #expect(store.reply("DBSIZE") == ":5\r\n")
        #expect(store.store.effects.isEmpty)
    }

    /// Goal: a script that takes all memory leaves none of it taken. Method: a low limit, filled again and again.
    @Test func memoryComesBackAfterAScript() {
        let store = TestStore()
        store.store.scripts.memoryBytesMax = 32_000_000
        let fill = "local t = {} for i = 1, 1e7 do t[i] = 'x' .. i end"
        for _ in 0..<5 {
            #expect(store.reply("EVAL", fill, "0").contains("not enough memory"))
            #expect(store.reply("EVAL", "return #(('x'):rep(3000000))", "0") == ":3000000\r\n")
        }
    }

    /// Goal: scripts that come by EVAL alone take bounded memory, however long they are.
    @Test func dropsLongScriptsBeforeManyShortOnes() {
        let store = TestStore()
        let filler = String(repeating: " ", count: Limits.evaluatedScriptBytesMax / 4)
        for number in 0..<6 { store.reply("EVAL", "return \(number)" + filler, "0") }
        #expect(store.store.scripts.cache.textBytes <= Limits.evaluatedScriptBytesMax)
        #expect(store.store.scripts.cache.count == 3)
        #expect(store.reply("EVAL", "return 5" + filler, "0") == ":5\r\n")
    }

    /// Goal: an error that a script makes up is counted under a short name.
    @Test func longErrorsAreCountedByTheirBeginning() {
        let store = TestStore()
        store.reply("EVAL", "return redis.error_reply(('X'):rep(100000) .. ' y')", "0")
        #expect(store.store.statistics.errorsByCode.keys.map(\.count) == [Limits.errorCodeLettersMax])
    }
}
