// redis.conf: how lines are read, what they mean, and what is refused.

import Testing

@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

private func load(
    _ text: String, toml: String = "", environment: [String: String] = [:],
    flags: [(key: String, text: String)] = []
) throws(ConfigurationError) -> ServerConfiguration {
    var loader = ConfigurationLoader()
    loader.read(try ConfigurationFile.parse(toml, path: "taskd.toml"))
    loader.read(try RedisConfigFile.parse(text, path: "redis.conf"))
    loader.read(environment: environment)
    loader.read(flags: flags)
    return try loader.finish()
}

private func problems(_ text: String) -> [String] {
    do throws(ConfigurationError) {
        _ = try load(text)
        return []
    } catch {
        return error.problems
    }
}

struct RedisConfigTests {
    @Test(
        arguments: [
            (#"save 900 1"#, ["save", "900", "1"]), ("  save\t\"\"  ", ["save", ""]),
            (#"requirepass "a b\"c\x41\n\q""#, ["requirepass", "a b\"cA\nq"]), (#"a 'b\'c\n'"#, ["a", "b'c\\n"]),
            (#"a b"c d"e"#, nil), (#"a "b"#, nil), (#"a 'b"#, nil), (#"a "b"c"#, nil), (#"a b#c"#, ["a", "b#c"]),
            (#"a "\x4""#, ["a", "x4"]), (#"a pre"quoted part""#, ["a", "prequoted part"]),
        ] as [(String, [String]?)])
    func wordsAreRedissWords(_ line: String, _ words: [String]?) {
        #expect(RedisConfigFile.words(line) == words)
    }

    @Test func settingsAreSet() throws {
        let configuration = try load(
            """
            # comment
            PORT 7000
            bind 127.0.0.1 -203.0.113.77
            requirepass "two words"
            maxmemory 2gb
            maxmemory-policy AllKeys-LRU
            maxclients 99
            databases 4
            appendonly no
            appendfsync always
            loglevel verbose
            """)
        #expect(configuration.respListen == [ListenAddress(host: "127.0.0.1", port: 7_000)])
        #expect(configuration.respPassword == "two words")
        #expect(configuration.maxMemoryBytes == 2 << 30 && configuration.evictionPolicy == .allKeysLRU)
        #expect(configuration.respClientsMax == 99 && configuration.respDatabases == 4)
        #expect(!configuration.appendOnly && configuration.appendFsync == .always)
        #expect(configuration.loggingLevel == .info)
        #expect(configuration.notes.isEmpty && configuration.storeParameters.isEmpty)
    }

    @Test func laterSourcesOverride() throws {
        let configuration = try load(
            "databases 3\nmaxclients 3\nmaxmemory-samples 3\nmaxmemory-samples 4\n",
            toml: "[resp]\ndatabases = 2\nquery_bytes_max = 2097152\n", environment: ["TASKD_RESP_CLIENTS_MAX": "5"],
            flags: [("store.maxmemory_samples", "6")])
        #expect(configuration.respDatabases == 3 && configuration.respQueryBytesMax == 2_097_152)
        #expect(configuration.respClientsMax == 5 && configuration.evictionSamples == 6)
    }

    @Test func parametersAreChecked() throws {
        let configuration = try load(
            "save 900 1\nsave 300 10 60 100\nnotify-keyspace-events Ex\nslowlog-max-len 5\n"
                + "client-output-buffer-limit pubsub 1mb 512kb 10\n")
        #expect(
            configuration.storeParameters.map { "\($0.name) \($0.value)" } == [
                "notify-keyspace-events Ex", "slowlog-max-len 5", "client-output-buffer-limit pubsub 1mb 512kb 10",
                "save 900 1 300 10 60 100",
            ])
        #expect(try load("save 900 1\nsave \"\"\n").storeParameters.map(\.value) == [""])
        #expect(
            problems("slowlog-max-len many\n")
                == ["redis.conf:1: `slowlog-max-len`: argument couldn't be parsed into an integer"])
        #expect(problems("\nsave 1\n") == ["redis.conf:2: `save`: Invalid save parameters"])
    }

    @Test func usersAreMade() throws {
        let configuration = try load(
            "user worker on >secret ~queue:* +@all -@dangerous\nuser default off\nuser two on nopass (~a +get) (~b +set)\n"
        )
        #expect(configuration.aclUsers.map { $0[0] } == ["worker", "default", "two"])
        #expect(problems("user\n") == ["redis.conf:1: `user` needs a name"])
        #expect(
            problems("user a on +nosuch\n")
                == ["redis.conf:1: `user a`: Unknown command or category name in ACL: +nosuch"])
        #expect(!problems("user a >secret #secret\n")[0].contains("secret"))
        #expect(problems("user a on\nuser a on\n") == ["redis.conf:2: user `a` stands here a second time"])
    }

    @Test func whatHasNoEffectIsTold() throws {
        let configuration = try load("hz 50\ntimeout 0\ndaemonize yes\nclient-output-buffer-limit replica 1mb 1mb 1\n")
        #expect(
            configuration.notes == [
                "not used by taskd: `hz 50` (redis.conf:1), because keys expire in slices of each turn",
                "not used by taskd: `daemonize yes` (redis.conf:3), because it stays in the foreground, for systemd or a "
                    + "container to watch",
                "not used by taskd: `client-output-buffer-limit replica 1mb 1mb 1` (redis.conf:4), because there is no "
                    + "replication",
            ])
    }

    @Test func whatCannotBeFollowedIsRefused() {
        #expect(
            problems("maxmemroy 1gb\n") == ["redis.conf:1: unknown directive `maxmemroy`; did you mean `maxmemory`?"])
        #expect(
            problems("rename-command CONFIG \"\"\n") == [
                "redis.conf:1: `rename-command` cannot be followed: commands keep their names; take them from users with "
                    + "ACL rules instead (`user` lines)"
            ])
        #expect(problems("tls-port 0\ncluster-enabled no\naclfile \"\"\n") == [])
        #expect(problems("tls-port 6380\n") == ["redis.conf:1: `tls-port` cannot be followed: there is no TLS"])
        #expect(
            problems("maxmemory lots\n") == [
                "redis.conf:1: `maxmemory` must be a size from 0 to 9223372036854775807 bytes, such as \"64MiB\", not \"lots\""
            ])
        #expect(
            problems("appendonly perhaps\n") == ["redis.conf:1: `appendonly` must be true or false, not \"perhaps\""])
        #expect(problems("databases 1 2\n") == ["redis.conf:1: `databases` takes one value, not 2"])
        #expect(problems("port x\n") == ["redis.conf:1: `port` must be a number up to 65535, not \"x\""])
        #expect(problems("a \"b\n") == ["redis.conf:1: unbalanced quotes"])
    }

    /// Goal: nobody from outside gets in whom Redis would keep out.
    @Test func addressesAreNotOpenedFurther() throws {
        #expect(try load("port 7000\n").respListen == [ListenAddress(host: "localhost", port: 7_000)])
        #expect(try load("port 7000\nrequirepass x\n").respListen == [ListenAddress(host: "*", port: 7_000)])
        #expect(try load("protected-mode no\nbind * -::*\n").respListen == [ListenAddress(host: "*", port: 6_379)])
        #expect(try load("port 0\n").respListen == [])
        #expect(try load("maxclients 5\n").respListen == [ListenAddress(host: "localhost", port: 6_379)])
        #expect(problems("bind 0.0.0.0\n").first?.hasPrefix("redis.conf:1: `bind 0.0.0.0` without a password") ?? false)
        #expect(problems("bind 0.0.0.0\nuser default on >x ~* +@all\n") == [])
        let toml = "[resp]\npassword = \"x\"\n"
        #expect(try load("bind 0.0.0.0\n", toml: toml).respListen == [ListenAddress(host: "0.0.0.0", port: 6_379)])
    }

    @Test func filesAreIncluded() throws {
        let folder = TemporaryFolder()
        func write(_ name: String, _ text: String) -> String {
            let path = folder.path + "/" + name
            let file = openFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = writeFile(file, text, text.utf8.count)
            closeFile(file)
            return path
        }
        let first = write("a.conf", "databases 5\n")
        let second = write("b.conf", "databases 6\nmaxclients 6\n")
        let main = write(
            "redis.conf", "databases 4\ninclude \(folder.path)/?.conf\nmaxclients 7\ninclude \(folder.path)/none*\n")
        let loop = write("loop", "include \(folder.path)/loop\n")
        let missing = write("missing", "include \(folder.path)/nosuch\n")
        defer { for path in [first, second, main, loop, missing] { unlink(path) } }
        var loader = ConfigurationLoader()
        loader.read(redisFile: main)
        let configuration = try loader.finish()
        #expect(configuration.respDatabases == 6 && configuration.respClientsMax == 7)
        #expect(configuration.redisFile == main)
        #expect(throws: ConfigurationError(problems: ["\(loop):1: files include each other too deeply"])) {
            try RedisConfigFile.read(loop)
        }
        #expect(
            throws: ConfigurationError(problems: ["cannot read \(folder.path)/nosuch: No such file or directory"])
        ) { try RedisConfigFile.read(missing) }
    }

    /// Every directive has one meaning.
    @Test func tablesDoNotContradict() {
        let settings = Settings.all.compactMap(\.redisName)
        #expect(Set(settings).count == settings.count)
        let handled = settings + ["bind", "port", "save", "user", "include", "protected-mode", "loglevel"]
        for name in handled { #expect(!RedisDirectives.names.contains(name), "\(name)") }
    }
}
