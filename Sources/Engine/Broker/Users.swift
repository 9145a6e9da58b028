// Who may log in, and with what password. One table for both ports: a user of AMQP is a user of RESP.
// Not here: what a user may do (permissions), and how a protocol carries the credentials (Sessions/).
// Loop thread only. Next: ../Sessions/AMQP/AMQPAuthentication.swift.

import Wire

/// One user.
final class User {
    let name: ByteString
    let password: ByteString
    /// May log in from loopback addresses only: the well-known default user is no open door.
    let isLoopbackOnly: Bool

    init(name: ByteString, password: ByteString, isLoopbackOnly: Bool) {
        self.name = name
        self.password = password
        self.isLoopbackOnly = isLoopbackOnly
    }
}

/// Why a login was refused. Goes to the log; the peer is told less.
enum LoginError: Error, Equatable {
    case unknownUser(name: String)
    case wrongPassword(name: String)
    case loopbackOnly(name: String)
    case malformedCredentials(reason: String)

    /// Who wanted to log in; empty when that was not said.
    var user: String {
        switch self {
        case .unknownUser(let name), .wrongPassword(let name), .loopbackOnly(let name): name
        case .malformedCredentials: ""
        }
    }

    /// In RabbitMQ's words, which tell less.
    var eventText: String {
        switch self {
        case .unknownUser(let name), .wrongPassword(let name): "user '\(name)' - invalid credentials"
        case .loopbackOnly, .malformedCredentials: reason
        }
    }

    var reason: String {
        switch self {
        case .unknownUser(let name): "user '\(name)' does not exist"
        case .wrongPassword(let name): "wrong password for user '\(name)'"
        case .loopbackOnly(let name): "user '\(name)' can only connect via localhost"
        case .malformedCredentials(let reason): reason
        }
    }
}

/// All users, by name.
final class Users {
    private var byName = NameTable<User>()
    /// Whether a user has this password now, which the store may have changed; nil: the configured one counts.
    var verdict: (ByteSlice, ByteSlice) -> Bool? = { _, _ in nil }

    init(_ configured: [ConfiguredUser]) {
        for user in configured {
            let name = ByteString(user.name)
            byName[name] = User(name: name, password: ByteString(user.password), isLoopbackOnly: user.loopbackOnly)
        }
    }

    var all: [User] { byName.values }

    func user(named name: ByteSlice) -> User? { byName[name] }

    /// The user with this name and password, if it may log in from where the peer is.
    func authenticate(
        name: ByteSlice, password: ByteSlice, fromLoopback: Bool
    ) throws(LoginError) -> User {
        guard let user = byName[name] else { throw .unknownUser(name: name.string) }
        guard verdict(name, password) ?? Self.equalInConstantTime(user.password.slice, password) else {
            throw .wrongPassword(name: name.string)
        }
        guard fromLoopback || !user.isLoopbackOnly else { throw .loopbackOnly(name: name.string) }
        return user
    }

    /// Takes as long for a nearly right password as for a wrong one.
    private static func equalInConstantTime(_ known: ByteSlice, _ given: ByteSlice) -> Bool {
        var difference = known.count ^ given.count
        for index in 0..<given.count {
            let expected = known.isEmpty ? 0 : known[index % known.count]
            difference |= Int(expected ^ given[index])
        }
        return difference == 0
    }
}
