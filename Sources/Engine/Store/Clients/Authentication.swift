// Who may use the store. The default user has the store's password; every configured user may log in with the
// name and password that it also has on the broker's port.
// Loop thread only. Next: ../Commands/ConnectionCommands.swift.

import Wire

extension Store {
    /// Whether these credentials are right, from this peer.
    func allows(user: String, password: ByteSlice, peer: PeerAddress?) -> Bool {
        let configuration = context.configuration
        if user == "default" {
            return configuration.respPassword.isEmpty || Self.isSame(password, configuration.respPassword)
        }
        for known in configuration.users where known.name == user {
            if known.loopbackOnly, let peer, !peer.isLoopback { return false }
            return Self.isSame(password, known.password)
        }
        return false
    }

    /// Compares in a time that does not tell how much of it was right.
    private static func isSame(_ given: ByteSlice, _ expected: String) -> Bool {
        let wanted = Array(expected.utf8)
        var difference = UInt8(given.count == wanted.count ? 0 : 1)
        for index in 0..<given.count {
            difference |= given[index] ^ (wanted.isEmpty ? 1 : wanted[index % wanted.count])
        }
        return difference == 0
    }
}
