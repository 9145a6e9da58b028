// Users, their rules, and what follows from them for commands, transactions, scripts and subscribers. Expected replies
// are those of Redis 7.2.

import Testing
import Wire

@testable import Engine

@Suite struct AccessControlTests {
    /// A store with a user and a client logged in as it.
    private func logIn(_ rules: String...) -> (TestStore, StoreClient) {
        let test = TestStore()
        let words = ["ACL", "SETUSER", "alice", "on", ">pw"] + rules
        #expect(test.bytes(words) == Array("+OK\r\n".utf8))
        let client = TestStore.makeClient(test.store)
        #expect(test.reply("AUTH", "alice", "pw", by: client) == "+OK\r\n")
        return (test, client)
    }

    private func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    private static let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4"

    @Test func usersAreListedAsRedisDoes() {
        let (test, _) = logIn(
            "~a:*", "%R~r:*", "%W~w:*", "&ch*", "+@all", "-@dangerous", "+config|get", "(+set", "~s:*", "&x)")
        let rules =
            "on sanitize-payload #\(Self.hash) ~a:* %R~r:* %W~w:* resetchannels &ch* +@all -@dangerous +config|get "
            + "(~s:* resetchannels &x -@all +set)"
        let list = test.reply("ACL", "LIST")
        #expect(list.contains(bulk("user alice \(rules)")))
        #expect(list.contains(bulk("user default on nopass sanitize-payload ~* &* +@all")))
        // The broker's user has the same name and password here.
        #expect(list.contains("user guest on sanitize-payload #"))
        let user = test.reply("ACL", "GETUSER", "alice")
        #expect(user.contains(bulk("commands") + bulk("+@all -@dangerous +config|get")))
        #expect(user.contains(bulk("selectors") + "*1\r\n*6\r\n" + bulk("commands") + bulk("-@all +set")))
        #expect(test.reply("ACL", "GETUSER", "nobody") == "$-1\r\n")
    }

    @Test(arguments: [
        ("foo", "Syntax error"), ("+nosuch", "Unknown command or category name in ACL"),
        ("+@nosuch", "Unknown command or category name in ACL"),
        ("-config|x", "Unknown command or category name in ACL"),
        ("%X~a", "Syntax error"), ("%~a", "Syntax error"), ("~a b", "Syntax error"), (") ", "Syntax error"),
        (
            "#12", "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
        ), ("<nopw", "The password you are trying to remove from the user does not exist"),
        ("+client|setname|x", "Allowing first-arg of a subcommand is not supported"),
    ])
    func wrongRulesAreRefusedAsAWhole(rule: String, reason: String) {
        let test = TestStore()
        #expect(
            test.reply("ACL", "SETUSER", "bob", "on", rule)
                == "-ERR Error in ACL SETUSER modifier '\(rule)': \(reason)\r\n")
        #expect(test.reply("ACL", "GETUSER", "bob") == "$-1\r\n")
    }

    @Test func rulesReplaceEarlierOnes() {
        let test = TestStore()
        func commands(_ rules: String...) -> String {
            test.bytes(["ACL", "SETUSER", "bob", "reset"] + rules)
            return test.store.access.users["bob"]!.rights.selectors[0].commandsText
        }
        #expect(commands("+get", "+set", "-get") == "-@all +set -get")
        #expect(commands("+client|list", "+client|kill", "-client") == "-@all -client")
        #expect(commands("+get", "+@all", "-set", "+@read", "-@read") == "+@all -set -@read")
        #expect(commands("+SELECT|0", "+select|1") == "-@all +select|0 +select|1")
        #expect(commands("+get", "nocommands") == "-@all")
        #expect(test.reply("ACL", "SETUSER", "bob", "(+get").hasPrefix("-ERR Unmatched parenthesis in acl selector"))
        #expect(test.reply("ACL", "SETUSER", "bob", "allkeys", "~a").contains("Try 'resetkeys'"))
        #expect(test.reply("ACL", "SETUSER", "bob", "allchannels", "&a").contains("Try 'resetchannels'"))
        #expect(
            test.reply("ACL", "SETUSER", "b b", "on") == "-ERR Usernames can't contain spaces or null characters\r\n")
    }

    @Test func commandsKeysAndChannelsAreChecked() {
        let (test, alice) = logIn(
            "~a:*", "%R~r:*", "%W~w:*", "&ch*", "+@all", "-@dangerous", "+config|get", "-select", "+select|1")
        // A line's end is one character.
        func denied(_ words: String...) -> String {
            let reply = String(decoding: test.bytes(words, by: alice), as: UTF8.self)
            return reply.hasPrefix("-NOPERM ") ? String(reply.dropFirst(8).dropLast()) : "no: " + reply
        }
        let key = "No permissions to access a key"
        let channel = "No permissions to access a channel"
        #expect(denied("KEYS", "*") == "User alice has no permissions to run the 'keys' command")
        #expect(denied("CONFIG", "SET", "a", "b") == "User alice has no permissions to run the 'config|set' command")
        #expect(test.reply("CONFIG", "GET", "maxmemory", by: alice).contains("maxmemory"))
        #expect(denied("SELECT", "0") == "User alice has no permissions to run the 'select' command")
        #expect(test.reply("SELECT", "1", by: alice) == "+OK\r\n")
        #expect(denied("GET", "b") == key)
        #expect(denied("SET", "r:1", "x") == key)
        #expect(denied("GET", "w:1") == key)
        #expect(denied("SET", "w:1", "x", "GET") == key)
        #expect(denied("GETDEL", "r:1") == key)
        #expect(denied("INCR", "w:1") == key)
        #expect(denied("COPY", "w:1", "r:1") == key)
        #expect(denied("LMOVE", "r:1", "w:1", "LEFT", "LEFT") == key)
        #expect(denied("ZUNIONSTORE", "r:1", "1", "r:2") == key)
        #expect(denied("MSET", "a:1", "x", "b", "x") == key)
        #expect(denied("EVAL", "return 1", "1", "b") == key)
        #expect(denied("XREADGROUP", "GROUP", "streams", "a:1", "STREAMS", "b", ">") == key)
        #expect(denied("PUBLISH", "foo", "x") == channel)
        #expect(denied("PSUBSCRIBE", "*") == channel)
        #expect(denied("PSUBSCRIBE", "cha*") == channel)
        #expect(test.reply("SET", "w:1", "x", by: alice) == "+OK\r\n")
        #expect(test.reply("COPY", "r:1", "w:2", by: alice) == ":0\r\n")
        #expect(test.reply("EXISTS", "w:1", by: alice) == ":1\r\n")
        #expect(test.reply("SUNIONSTORE", "w:3", "r:1", "a:1", by: alice) == ":0\r\n")
        #expect(test.reply("PUBLISH", "ch1", "x", by: alice) == ":0\r\n")
        #expect(test.reply("PSUBSCRIBE", "ch*", by: alice).contains("psubscribe"))
    }

    /// SORT reads keys that nobody can name before, so BY and GET need all of them.
    @Test func sortNeedsAllKeysForPatterns() {
        let (test, alice) = logIn("+@all", "~a:*")
        #expect(
            test.reply("SORT", "a:1", "BY", "x*", by: alice)
                == "-ERR BY option of SORT denied due to insufficient ACL permissions\r\n")
        #expect(
            test.reply("SORT", "a:1", "GET", "x*", by: alice)
                == "-ERR GET option of SORT denied due to insufficient ACL permissions\r\n")
        #expect(test.reply("SORT", "a:1", "STORE", "b", by: alice) == "-NOPERM No permissions to access a key\r\n")
        #expect(test.reply("SORT", "a:1", "BY", "nosort", "STORE", "a:2", by: alice) == ":0\r\n")
        test.reply("ACL", "SETUSER", "alice", "%R~*")
        #expect(test.reply("SORT", "a:1", "BY", "x*", "GET", "y*", by: alice) == "*0\r\n")
    }

    @Test func oneSelectorMustAllowItAll() {
        let (test, alice) = logIn("+get", "~a", "(+set ~b)")
        #expect(test.reply("GET", "a", by: alice) == "$-1\r\n")
        #expect(test.reply("SET", "b", "1", by: alice) == "+OK\r\n")
        #expect(test.reply("GET", "b", by: alice) == "-NOPERM No permissions to access a key\r\n")
        test.reply("ACL", "SETUSER", "alice", "clearselectors")
        #expect(
            test.reply("SET", "b", "1", by: alice)
                == "-NOPERM User alice has no permissions to run the 'set' command\r\n")
    }

    @Test func transactionsAndScriptsAreChecked() {
        let (test, alice) = logIn("+@all", "-keys", "~a:*", "&ch")
        #expect(test.reply("MULTI", by: alice) == "+OK\r\n")
        #expect(test.reply("GET", "b", by: alice) == "-NOPERM No permissions to access a key\r\n")
        #expect(test.reply("EXEC", by: alice) == "-EXECABORT Transaction discarded because of previous errors.\r\n")
        // A right that goes between queueing and execution.
        test.reply("MULTI", by: alice)
        #expect(test.reply("SET", "a:1", "x", by: alice) == "+QUEUED\r\n")
        test.reply("ACL", "SETUSER", "alice", "-set")
        #expect(test.reply("EXEC", by: alice).hasPrefix("*1\r\n-NOPERM ACLs rules changed between the moment"))
        func script(_ text: String) -> String { test.reply("EVAL", text, "0", by: alice) }
        #expect(
            script("return redis.call('get','b')").hasPrefix(
                "-ERR ACL failure in script: No permissions to access a key"))
        #expect(
            script("return redis.pcall('keys','*').err").contains(
                "ACL failure in script: User alice has no permissions to run the 'keys' command"))
        #expect(script("return redis.acl_check_cmd('keys','*')") == "$-1\r\n")
        #expect(script("return redis.acl_check_cmd('get','b')") == "$-1\r\n")
        #expect(script("return redis.acl_check_cmd('get','a:1')") == ":1\r\n")
        #expect(script("return redis.acl_check_cmd('nosuch','a:1')").hasPrefix("-ERR Invalid command passed to"))
        let log = test.reply("ACL", "LOG")
        #expect(log.contains(bulk("lua") + bulk("object") + bulk("keys")))
        #expect(log.contains(bulk("multi") + bulk("object") + bulk("b")))
    }

    @Test func dryRunTellsWhatWouldHappen() {
        let (test, _) = logIn("+get", "~a", "&c")
        func run(_ words: String...) -> String {
            String(decoding: test.bytes(["ACL", "DRYRUN", "alice"] + words), as: UTF8.self)
        }
        #expect(run("get", "a") == "+OK\r\n")
        #expect(run("get", "b") == bulk("User alice has no permissions to access the 'b' key"))
        #expect(run("set", "a", "1") == bulk("User alice has no permissions to run the 'set' command"))
        #expect(run("get") == "-ERR wrong number of arguments for 'get' command\r\n")
        #expect(run("nosuch") == "-ERR Command 'nosuch' not found\r\n")
        #expect(test.reply("ACL", "DRYRUN", "x", "get", "a") == "-ERR User 'x' not found\r\n")
    }

    @Test func passwordsComeAndGo() {
        let (test, alice) = logIn(">one", ">two")
        test.reply("ACL", "SETUSER", "alice", "<pw")
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        #expect(test.reply("AUTH", "alice", "pw", by: alice) == wrong)
        #expect(test.reply("AUTH", "alice", "one", by: alice) == "+OK\r\n")
        test.reply("ACL", "SETUSER", "alice", "<one", "#\(Self.hash)")
        #expect(test.reply("AUTH", "alice", "one", by: alice) == wrong)
        #expect(test.reply("AUTH", "alice", "pw", by: alice) == "+OK\r\n")
        test.reply("ACL", "SETUSER", "alice", "off")
        #expect(test.reply("AUTH", "alice", "pw", by: alice) == wrong)
        test.reply("ACL", "SETUSER", "alice", "on", "nopass")
        #expect(test.reply("AUTH", "alice", "whatever", by: alice) == "+OK\r\n")
        test.reply("ACL", "SETUSER", "alice", "resetpass")
        #expect(test.reply("AUTH", "alice", "whatever", by: alice) == wrong)
        #expect(test.reply("INFO", "stats").contains("acl_access_denied_auth:4"))
        test.reply("CONFIG", "SET", "requirepass", "secret")
        #expect(test.store.access.asksForLogin)
        #expect(test.reply("AUTH", "secret", by: alice) == "+OK\r\n")
        test.reply("CONFIG", "SET", "requirepass", "")
        #expect(!test.store.access.asksForLogin)
    }

    @Test func theLogJoinsWhatIsTheSame() {
        let (test, alice) = logIn("+get")
        for _ in 0..<3 { test.reply("GET", "k", by: alice) }
        test.reply("SET", "k", "v", by: alice)
        #expect(test.store.access.log.entries.map(\.count) == [1, 3])
        #expect(test.reply("ACL", "LOG", "1").contains(bulk("command") + bulk("context") + bulk("toplevel")))
        test.context.time.advance(monotonicMicroseconds: 90_000_000, wallMicroseconds: 1_700_000_090_000_000)
        test.reply("GET", "k", by: alice)
        #expect(test.store.access.log.entries.count == 3)
        test.reply("CONFIG", "SET", "acllog-max-len", "2")
        #expect(test.store.access.log.entries.count == 2)
        #expect(test.reply("ACL", "LOG", "RESET") == "+OK\r\n")
        #expect(test.reply("ACL", "LOG") == "*0\r\n")
    }

    private final class Host: StoreClientHost {
        var isClosed = false
        func closeClientAfterFlush() { isClosed = true }
        func closeClientNow() { isClosed = true }
        func resumeClient() {}
    }

    @Test func changesReachClientsThatAreThere() {
        let (test, alice) = logIn("+@all", "allkeys", "allchannels")
        let host = Host()
        alice.host = host
        #expect(!alice.hasSpecialState)
        test.reply("SUBSCRIBE", "news", by: alice)
        test.reply("ACL", "SETUSER", "alice", "resetchannels", "&new*")
        #expect(!host.isClosed && alice.account.isRestricted)
        test.reply("ACL", "SETUSER", "alice", "resetchannels", "&other")
        #expect(host.isClosed)
        let second = TestStore.makeClient(test.store)
        let secondHost = Host()
        second.host = secondHost
        test.reply("AUTH", "alice", "pw", by: second)
        #expect(test.reply("ACL", "DELUSER", "alice", "nobody") == ":1\r\n")
        #expect(secondHost.isClosed)
        #expect(test.reply("ACL", "DELUSER", "default") == "-ERR The 'default' user cannot be removed\r\n")
    }

    /// A client that waits for a key and loses the right to it meanwhile does not get it.
    @Test func waitingClientsAreCheckedAgain() {
        let (test, alice) = logIn("+@all", "allkeys")
        test.reply("BLPOP", "k", "0", by: alice)
        test.reply("ACL", "SETUSER", "alice", "resetkeys")
        test.reply("LPUSH", "k", "v")
        #expect(
            String(decoding: TestStore.take(alice), as: UTF8.self) == "-NOPERM No permissions to access a key\r\n")
        #expect(test.reply("LLEN", "k") == ":1\r\n")
    }

    /// Users come back from the log and from a checkpoint, with hashes in the place of passwords.
    @Test func usersSurvive() throws {
        let test = TestStore()
        test.beginJournal()
        let rules = ["on", ">secret", "~a:*", "%R~b", "&c", "+@read", "-get", "+select|0", "(+set ~z)"]
        test.bytes(["ACL", "SETUSER", "alice"] + rules)
        test.reply("ACL", "SETUSER", "gone", "on")
        test.reply("ACL", "DELUSER", "gone", "guest")
        let batch = try #require(test.context.journal.takeBatch())
        let bytes = Array(UnsafeRawBufferPointer(start: batch.bytes, count: batch.count))
        #expect(batch.needsSync)
        test.context.journal.written(batch)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("secret"))

        let output = CheckpointOutput(position: 0)
        test.store.writeUsers(to: output)
        let chunk = try #require(output.takeChunk())
        defer { chunk.deallocate() }
        for source in [bytes, Array(chunk)] {
            let again = TestStore()
            try RecordReading.forEach(source) { type, payload in
                guard type == .aclUserSet || type == .aclUserDelete else { return }
                try again.store.replayUser(type, payload)
            }
            #expect(again.store.access.sorted.map(\.name) == ["alice", "default"])
            #expect(again.reply("ACL", "LIST") == test.reply("ACL", "LIST"))
        }
    }

    @Test func rulesThatCannotBeReadSwitchTheUserOff() throws {
        let test = TestStore()
        let payload = ByteString([3] + Array("bobon nopass +@all -command-of-a-later-version".utf8))
        try test.store.replayUser(.aclUserSet, payload.slice)
        #expect(test.store.access.users["bob"]?.rights.isOn == false)
        #expect(test.reply("AUTH", "bob", "x").hasPrefix("-WRONGPASS"))
    }
}

/// Walks framed records.
private enum RecordReading {
    static func forEach(_ bytes: [UInt8], _ body: (RecordType, ByteSlice) throws -> Void) throws {
        try bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset + RecordFormat.headerBytes <= buffer.count {
                let length = Int(UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                let end = offset + RecordFormat.headerBytes + length
                guard end <= buffer.count else { return }
                if let type = RecordType(rawValue: buffer[offset + 8]) {
                    try body(type, ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[offset + 9..<end])))
                }
                offset = end
            }
        }
    }
}
