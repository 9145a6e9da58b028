// One identity for both ports: what ACL SETUSER does to the broker's user holds for its logins, too.

import Testing
import Wire

@testable import Engine

@Suite struct IdentityTests {
    private func run(_ engine: Engine, _ words: String...) -> String {
        let client = TestStore.makeClient(engine.store)
        let request = RESPArguments()
        let storage = words.map { ByteString($0) }
        for word in storage { request.append(word.slice) }
        engine.store.dispatch(client, request)
        defer { engine.store.unregister(client) }
        return withExtendedLifetime(storage) { String(decoding: TestStore.take(client), as: UTF8.self) }
    }

    private func logsIn(_ engine: Engine, _ name: String, _ password: String) -> Bool {
        let words = [ByteString(name), ByteString(password)]
        return withExtendedLifetime(words) {
            (try? engine.users.authenticate(name: words[0].slice, password: words[1].slice, fromLoopback: true)) != nil
        }
    }

    @Test func aPasswordIsChangedForBothPorts() {
        let engine = Engine(configuration: EngineConfiguration())
        #expect(logsIn(engine, "guest", "guest"))
        #expect(run(engine, "AUTH", "guest", "guest") == "+OK\r\n")
        #expect(run(engine, "ACL", "SETUSER", "guest", "resetpass", ">new") == "+OK\r\n")
        #expect(!logsIn(engine, "guest", "guest"))
        #expect(logsIn(engine, "guest", "new"))
        #expect(run(engine, "ACL", "SETUSER", "guest", "off") == "+OK\r\n")
        #expect(!logsIn(engine, "guest", "new"))
        #expect(run(engine, "ACL", "DELUSER", "guest") == ":1\r\n")
        #expect(!logsIn(engine, "guest", "guest"))
        // Made again it is still for loopback addresses only.
        #expect(run(engine, "ACL", "SETUSER", "guest", "on", ">again") == "+OK\r\n")
        #expect(engine.store.access.users["guest"]?.isLoopbackOnly == true)
    }

    @Test func usersOfTheStoreAreNoneOfTheBroker() {
        let configuration = EngineConfiguration()
        configuration.users.append(ConfiguredUser(name: "default", password: "secret", loopbackOnly: false))
        let engine = Engine(configuration: configuration)
        #expect(run(engine, "ACL", "SETUSER", "alice", "on", ">pw", "+get", "~*") == "+OK\r\n")
        #expect(!logsIn(engine, "alice", "pw"))
        // The store's default user asks for no password; the broker's does.
        #expect(!logsIn(engine, "default", "anything"))
        #expect(logsIn(engine, "default", "secret"))
    }
}
