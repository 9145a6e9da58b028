import Testing
import Wire

@testable import Engine

@Suite struct UsersTests {
    private let users = Users([
        ConfiguredUser(name: "guest", password: "guest", loopbackOnly: true),
        ConfiguredUser(name: "worker", password: "", loopbackOnly: false),
    ])

    private func login(_ name: String, _ password: String, fromLoopback: Bool = true) -> LoginError? {
        let name = ByteString(name)
        let password = ByteString(password)
        defer { withExtendedLifetime((name, password)) {} }
        do throws(LoginError) {
            let user = try users.authenticate(name: name.slice, password: password.slice, fromLoopback: fromLoopback)
            #expect(user.name == name)
            return nil
        } catch {
            return error
        }
    }

    @Test func whoMayLogIn() {
        #expect(login("guest", "guest") == nil)
        #expect(login("guest", "guest", fromLoopback: false) == .loopbackOnly(name: "guest"))
        #expect(login("worker", "", fromLoopback: false) == nil)
        #expect(login("nobody", "guest") == .unknownUser(name: "nobody"))
        #expect(login("", "") == .unknownUser(name: ""))
    }

    /// Beginnings, continuations and repetitions of the password are not the password.
    @Test(arguments: ["", "g", "gues", "guestg", "guestguest", "GUEST", "guesu"])
    func wrongPasswords(password: String) {
        #expect(login("guest", password) == .wrongPassword(name: "guest"))
    }

    @Test func anEmptyPasswordIsOnlyItself() {
        #expect(login("worker", "x") == .wrongPassword(name: "worker"))
        #expect(login("worker", "\0") == .wrongPassword(name: "worker"))
    }
}
