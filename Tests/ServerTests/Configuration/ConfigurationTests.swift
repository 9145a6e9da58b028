// Settings from defaults, file, environment and flags; what is refused, and in which words.

import Testing

@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

private func load(
    _ file: String = "", environment: [String: String] = [:], flags: [(key: String, text: String)] = []
) throws(ConfigurationError) -> ServerConfiguration {
    var loader = ConfigurationLoader()
    loader.read(try ConfigurationFile.parse(file, path: "taskd.toml"))
    loader.read(environment: environment)
    loader.read(flags: flags)
    return try loader.finish()
}

private func problems(_ file: String, environment: [String: String] = [:]) -> [String] {
    do throws(ConfigurationError) {
        _ = try load(file, environment: environment)
        return []
    } catch {
        return error.problems
    }
}

@Test func defaultsStandWithoutAFile() throws {
    let configuration = try load()
    #expect(configuration.amqpListen == [ListenAddress(host: "localhost", port: 5672)])
    #expect(configuration.respListen == [ListenAddress(host: "localhost", port: 6379)])
    #expect(configuration.respDatabases == 16)
    let engine = configuration.engineConfiguration(randomSeed: 1)
    #expect(engine.users.map(\.name) == ["guest"] && engine.users[0].loopbackOnly)
    #expect(engine.defaultVirtualHost == "/")
}

@Test func laterSourcesOverride() throws {
    let file = "[amqp]\nlisten = [\"127.0.0.1:1\"]\nheartbeat_seconds = 5\n[resp]\ndatabases = 3\n"
    let environment = ["TASKD_AMQP_LISTEN": "127.0.0.1:2, [::1]:2", "TASKD_RESP_DATABASES": "4"]
    let configuration = try load(file, environment: environment, flags: [("amqp.listen", ":3")])
    #expect(configuration.amqpListen == [ListenAddress(host: "", port: 3)])
    #expect(configuration.amqpHeartbeatSeconds == 5)
    #expect(configuration.respDatabases == 4)
    let second = try load(file, environment: environment)
    #expect(second.amqpListen.map(\.description) == ["127.0.0.1:2", "[::1]:2"])
}

@Test func imageVariablesAreHonoured() throws {
    let configuration = try load(environment: [
        "RABBITMQ_DEFAULT_USER": "shop", "RABBITMQ_DEFAULT_PASS": "secret", "RABBITMQ_DEFAULT_VHOST": "orders",
    ])
    let engine = configuration.engineConfiguration(randomSeed: 1)
    #expect(engine.users.count == 1)
    #expect(engine.users[0].name == "shop" && engine.users[0].password == "secret")
    // guest is not there, and the new user may come from anywhere.
    #expect(!engine.users[0].loopbackOnly)
    #expect(engine.defaultVirtualHost == "orders")
}

@Test func unknownKeysNameTheNearest() {
    #expect(
        problems("# comment\n[amqp]\n\nlistne = [\"a:1\"]\n")
            == ["taskd.toml:4: unknown setting `amqp.listne`; did you mean `amqp.listen`?"])
    #expect(
        problems("[stor]\nappendfsync = \"no\"\n")
            == ["taskd.toml:2: unknown setting `stor.appendfsync`; did you mean `store.appendfsync`?"])
    #expect(problems("[amqp]\nzzzzzzzzz = 1\n") == ["taskd.toml:2: unknown setting `amqp.zzzzzzzzz`"])
    #expect(problems("[apqm]\n").first?.hasPrefix("taskd.toml:1: unknown setting `apqm`") == true)
}

@Test func badValuesNameTheirPlace() {
    #expect(
        problems("[amqp]\nheartbeat_seconds = 70000\n")
            == ["taskd.toml:2: `amqp.heartbeat_seconds` must be an integer from 0 to 65535, not 70000"])
    #expect(
        problems("[store]\nappendfsync = \"everysex\"\n")
            == [
                "taskd.toml:2: `store.appendfsync` must be one of \"always\", \"everysec\", \"no\", "
                    + "not \"everysex\"; did you mean `everysec`?"
            ])
    #expect(
        problems("", environment: ["TASKD_RESP_LISTEN": "nowhere"])
            == [
                "environment variable TASKD_RESP_LISTEN: `resp.listen` must be a list of \"host:port\", not \"nowhere\""
            ])
    #expect(
        problems("[amqp]\nlisten = 1.5\n") == [
            "taskd.toml:2: `amqp.listen` must be a list of \"host:port\", not a floating-point number"
        ])
    #expect(problems("[amqp\n").first?.hasPrefix("taskd.toml:1: ") == true)
}

@Test func allProblemsAreToldAtOnce() {
    #expect(problems("[amqp]\na = 1\nb = 2\n[resp]\ndatabases = 0\n").count == 3)
}

@Test func unknownEnvironmentIsAWarning() throws {
    let configuration = try load(environment: ["TASKD_AMQP_LISTN": "x", "OTHER": "y"])
    #expect(
        configuration.warnings
            == ["environment variable TASKD_AMQP_LISTN is no setting; did you mean `TASKD_AMQP_LISTEN`?"])
}

@Test(arguments: [
    ("64MiB", 67_108_864), ("1 GiB", 1_073_741_824), ("10kB", 10_000), ("7", 7), ("8B", 8), ("x", nil),
    ("5 parsecs", nil),
    ("99999999999999999999", nil),
])
func sizesHaveUnits(text: String, expected: Int?) {
    #expect(Setting.bytes(text) == expected)
}

@Test func settingNamesAreDistinct() {
    let keys = Settings.all.map(\.key)
    #expect(Set(keys).count == keys.count)
    let variables = Settings.all.map(\.environmentName)
    #expect(Set(variables).count == variables.count)
}

@Test func policiesAreChecked() throws {
    let good = #"limits ^task {"max-length": 10} PRIORITY 1"#
    #expect(try load("[amqp]\npolicies = ['\(good)']").amqpPolicies == [good])
    #expect(throws: (any Error).self) { try load("[amqp]\npolicies = ['limits ^task']") }
}

/// Goal: Config/taskd.toml documents every setting with its default.
/// After a change: `taskd check-config --print-reference > Config/taskd.toml`.
@Test func referenceFileIsComplete() throws {
    let path = #filePath.replacing(
        "Tests/ServerTests/Configuration/ConfigurationTests.swift", with: "Config/taskd.toml")
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    #expect(String(decoding: bytes[0..<count], as: UTF8.self) == Settings.referenceFile)
    // Uncommented, it is a valid file that changes nothing.
    let uncommented = Settings.referenceFile.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.hasPrefix("#") && !$0.hasPrefix("# ") ? $0.dropFirst() : $0 }.joined(separator: "\n")
    let changed = try load(uncommented).effectiveSettings
    let untouched = try load().effectiveSettings
    #expect(changed == untouched)
}
