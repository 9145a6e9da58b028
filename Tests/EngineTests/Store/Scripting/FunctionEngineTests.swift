import Testing
import Wire

@testable import Engine

private let counter = """
    #!lua name=counter
    local calls = 0
    redis.register_function('touch', function(keys, args)
        calls = calls + 1
        return redis.call('incrby', keys[1], args[1])
    end)
    redis.register_function{
        function_name = 'peek', callback = function(keys) return {calls, redis.call('get', keys[1])} end,
        flags = {'no-writes', 'allow-stale'}, description = 'looks only'
    }
    """

private func load(_ client: StoreTestClient, _ code: String, _ options: String...) -> String {
    client.send(words: (["FUNCTION", "LOAD"] + options + [code]).map { Array($0.utf8) })
}

@Test func functionsRun() {
    let client = StoreHarness().connect()
    #expect(load(client, counter) == "$7 counter")
    #expect(client.send("FCALL touch 1 k 5") == ":5")
    #expect(client.send("FCALL TOUCH 1 k 5") == ":10")
    #expect(client.send("FCALL peek 1 k") == "*2 :2 $2 10")
    #expect(client.send("FCALL_RO peek 1 k") == "*2 :2 $2 10")
    #expect(
        client.send("FCALL_RO touch 1 k 1")
            == "-ERR Can not execute a script with write flag using *_ro command.")
    #expect(client.send("FCALL none 0") == "-ERR Function not found")
    #expect(client.send("FCALL touch x") == "-ERR Bad number of keys provided")
    #expect(client.send("FCALL touch 2 k") == "-ERR Number of keys can't be greater than number of args")
    #expect(client.send("FCALL touch -1 k") == "-ERR Number of keys can't be negative")
    #expect(
        client.send("FCALL touch 1 k x")
            == "-ERR value is not an integer or out of range script: touch, on @user_function:5.")
    // Scripts and functions see nothing of each other.
    #expect(client.send("EVAL \"return redis.register_function\" 0") == "$-1")
    #expect(client.send("SCRIPT FLUSH") == "+OK")
    #expect(client.send("FCALL touch 1 k 1") == ":11")
}

@Test func functionsAreListed() {
    let client = StoreHarness().connect()
    _ = load(client, counter)
    let listed =
        "*1 *6 $12 library_name $7 counter $6 engine $3 LUA $9 functions *2 "
        + "*6 $4 name $5 touch $11 description $-1 $5 flags *0 "
        + "*6 $4 name $4 peek $11 description $10 looks only $5 flags *2 +no-writes +allow-stale"
    #expect(client.send("FUNCTION LIST") == listed)
    #expect(client.send("FUNCTION LIST LIBRARYNAME COUNT*") == listed)
    #expect(client.send("FUNCTION LIST LIBRARYNAME x") == "*0")
    #expect(
        client.send("FUNCTION LIST WITHCODE").contains("$12 library_code $\(counter.utf8.count) #!lua name=counter"))
    #expect(client.send("FUNCTION LIST WITHCODE WITHCODE") == "-ERR Unknown argument WITHCODE")
    #expect(client.send("FUNCTION LIST LIBRARYNAME") == "-ERR library name argument was not given")
    #expect(
        client.send("FUNCTION STATS")
            == "*4 $14 running_script $-1 $7 engines *2 $3 LUA *4 $15 libraries_count :1 $15 functions_count :2")
    #expect(client.send("INFO memory").contains("number_of_functions:2 number_of_libraries:1 "))
}

@Test func librariesReplaceAndCollide() {
    let client = StoreHarness().connect()
    _ = load(client, counter)
    #expect(load(client, counter) == "-ERR Library 'counter' already exists")
    let other = "#!lua name=other\nredis.register_function('PEEK', function() return 1 end)"
    #expect(load(client, other) == "-ERR Function PEEK already exists")
    #expect(load(client, other, "REPLACE") == "-ERR Function PEEK already exists")
    #expect(load(client, other, "NO") == "-ERR Unknown option given: NO")
    // What fails leaves everything as it was.
    #expect(load(client, "#!lua name=counter\nerror", "REPLACE").hasPrefix("-ERR Error compiling function: "))
    #expect(client.send("FCALL touch 1 k 1") == ":1")
    let smaller = "#!lua name=counter\nredis.register_function('touch', function() return 'new' end)"
    #expect(load(client, smaller, "REPLACE") == "$7 counter")
    #expect(client.send("FCALL touch 0") == "$3 new")
    #expect(client.send("FCALL peek 0") == "-ERR Function not found")
    #expect(load(client, other) == "$5 other")
    #expect(client.send("FUNCTION DELETE nobody") == "-ERR Library not found")
    #expect(client.send("FUNCTION DELETE counter") == "+OK")
    #expect(client.send("FCALL peek 0") == ":1")
    #expect(client.send("FUNCTION FLUSH NOW") == "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    #expect(client.send("FUNCTION FLUSH ASYNC") == "+OK")
    #expect(client.send("FUNCTION LIST") == "*0")
    #expect(load(client, counter) == "$7 counter")
}

@Test(arguments: [
    ("return 1", "Missing library metadata"), ("#!lua name=x", "Invalid library metadata"),
    ("#!lua name='x\n", "Invalid library metadata"), ("#!lua\n", "Library name was not given"),
    ("#!lua nam=x\n", "Invalid metadata value given: nam=x"),
    ("#!lua name=a name=b\n", "Invalid metadata value, name argument was given multiple times"),
    ("#!lua name=a-b\n", FunctionLibrary.nameRefusal.description), ("#!js name=a\n", "Engine 'js' not found"),
    ("#!lua name=a\n", "No functions registered"),
    ("#!lua name=a\nx(", "Error compiling function: user_function:2: unexpected symbol near '<eof>'"),
    (
        "#!lua name=a\npairs({})",
        "Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable "
            + "'pairs'"
    ),
    (
        "#!lua name=a\nredis.call('get', 'x')",
        "Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable "
            + "'call'"
    ),
    (
        "#!lua name=a\nredis.register_function('f')",
        "Error registering functions: ERR calling redis.register_function with a single argument is only applicable "
            + "to Lua table (representing named arguments)."
    ),
    (
        "#!lua name=a\nredis.register_function{function_name='f', callback=function() end, flags={'x'}}",
        "Error registering functions: ERR unknown flag given"
    ),
    (
        "#!lua name=a\nfor i=1,2 do redis.register_function('f', function() end) end",
        "Error registering functions: ERR Function already exists in the library"
    ),
    ("#!lua name=a\nx = 1", "Error registering functions: ERR user_function:2: Attempt to modify a readonly table"),
])
func librariesAreRefused(code: String, text: String) {
    let harness = StoreHarness()
    let client = harness.connect()
    #expect(load(client, code) == "-ERR \(text)")
    #expect(harness.store.functions.libraries.isEmpty)
    // The interpreter is as it was.
    #expect(load(client, counter) == "$7 counter")
    #expect(client.send("FCALL touch 1 k 1") == ":1")
}

@Test func loadingEnds() {
    let store = TestStore()
    store.letClockLeap()
    let reply = store.reply("FUNCTION", "LOAD", "#!lua name=a\nwhile true do end")
    #expect(reply.hasPrefix("-ERR Error registering functions: ERR FUNCTION LOAD timeout"))
    store.context.time.stopwatch = nil
    #expect(store.reply("FUNCTION", "LOAD", counter) == "$7\r\ncounter\r\n")
}

@Test func functionsSeeTheirOwnGlobals() {
    let client = StoreHarness().connect()
    let code = """
        #!lua name=a
        local early = redis
        redis.register_function('keys', function() return KEYS end)
        redis.register_function('set', function() x = 1 end)
        redis.register_function('late', function() early.register_function('z', function() end) end)
        redis.register_function('early', function() return early.call('get', 'x') end)
        redis.register_function('nested', function() return redis.call('fcall', 'keys', 0) end)
        redis.register_function('pairs', function() for name in pairs({a=1}) do return name end end)
        """
    #expect(load(client, code) == "$1 a")
    let missing = "Script attempted to access nonexistent global variable"
    #expect(
        client.send("FCALL keys 0")
            == "-ERR user_function:3: \(missing) 'KEYS' script: keys, on @user_function:3.")
    #expect(
        client.send("FCALL set 0")
            == "-ERR user_function:4: Attempt to modify a readonly table script: set, on @user_function:4.")
    #expect(
        client.send("FCALL late 0")
            == "-ERR redis.register_function can only be called on FUNCTION LOAD command script: late, "
            + "on @user_function:5.")
    #expect(client.send("FCALL early 0").hasPrefix("-ERR user_function:6: \(missing) 'call'"))
    #expect(client.send("FCALL nested 0").hasPrefix("-ERR This Redis command is not allowed from script"))
    #expect(client.send("FCALL pairs 0") == "$1 a")
}

@Test func librariesAreDurable() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    _ = load(client, counter)
    client.send("FCALL touch 1 k 5")
    _ = load(client, "#!lua name=gone\nredis.register_function('gone', function() end)")
    client.send("FUNCTION DELETE gone")
    let again = try harness.replayed()
    let other = again.connect()
    #expect(other.send("FUNCTION LIST") == client.send("FUNCTION LIST"))
    #expect(other.send("GET k") == "$1 5")
    #expect(other.send("FCALL touch 1 k 5") == ":10")
}

@Test func payloadsAreRestored() {
    let harness = StoreHarness()
    let client = harness.connect()
    _ = load(client, counter)
    let payload = DumpWriter.payload(ofLibraries: harness.store.functions.libraries.map(\.code))
    func restore(_ words: String...) -> String {
        client.send(words: [Array("FUNCTION".utf8), Array("RESTORE".utf8), payload] + words.map { Array($0.utf8) })
    }
    #expect(restore() == "-ERR Library counter already exists")
    #expect(restore("APPEND") == "-ERR Library counter already exists")
    #expect(restore("REPLACE") == "+OK")
    #expect(
        restore("SOMEHOW")
            == "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
    client.send("FUNCTION DELETE counter")
    _ = load(client, "#!lua name=other\nredis.register_function('touch', function() end)")
    #expect(restore("REPLACE") == "-ERR Function touch already exists")
    #expect(client.send("FCALL touch 0") == "$-1")
    #expect(restore("FLUSH") == "+OK")
    #expect(client.send("FCALL touch 1 k 1") == ":1")
    #expect(client.send("FUNCTION RESTORE x") == "-ERR DUMP payload version or checksum are wrong")
}

/// Goal: many functions cost the same each. Method: so many that anything worse would not end in time.
@Test func manyFunctions() {
    let harness = StoreHarness()
    let client = harness.connect()
    let code = """
        #!lua name=many
        for i = 1, 20000 do redis.register_function('f' .. i, function() return i end) end
        """
    #expect(load(client, code) == "$4 many")
    #expect(client.send("FCALL f20000 0") == ":20000")
    #expect(load(client, code, "REPLACE") == "$4 many")
    #expect(harness.store.functions.functionCount == 20_000)
    #expect(client.send("FUNCTION DELETE many") == "+OK")
    #expect(harness.store.functions.functionCount == 0 && harness.store.functions.codeBytes == 0)
}

/// What a payload holds is added as a whole or not at all.
@Test func payloadsAreRestoredAsAWhole() {
    let client = StoreHarness().connect()
    func library(_ name: String, _ function: String) -> ByteString {
        ByteString("#!lua name=\(name)\nredis.register_function('\(function)', function() return '\(name)' end)")
    }
    func restore(_ codes: [ByteString]) -> String {
        client.send(words: [Array("FUNCTION".utf8), Array("RESTORE".utf8), DumpWriter.payload(ofLibraries: codes)])
    }
    #expect(restore([library("a", "f"), library("b", "F")]) == "-ERR Function F already exists")
    #expect(restore([library("a", "f"), library("a", "g")]) == "-ERR Library 'a' already exists")
    #expect(restore([library("a", "f"), ByteString("no library")]) == "-ERR Missing library metadata")
    #expect(client.send("FUNCTION LIST") == "*0")
    #expect(restore([library("a", "f"), library("b", "g")]) == "+OK")
    #expect(client.send("FCALL g 0") == "$1 b")
}
