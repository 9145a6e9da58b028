// The mechanisms a client may log in by: how each carries name and password. PLAIN and AMQPLAIN, as
// RabbitMQ announces them. Who the user is and whether it may log in: Broker/Users.swift.
// Next: AMQPHandshake.swift.

import Wire

/// One authentication mechanism: its name on the wire, and how it takes name and password from a response.
struct AMQPMechanism {
    let name: StaticString
    let credentials: (_ response: ByteSlice) throws(LoginError) -> (name: ByteSlice, password: ByteSlice)

    /// In the order of preference; a new mechanism is a row here.
    nonisolated(unsafe) static let all: [AMQPMechanism] = [
        AMQPMechanism(name: "PLAIN", credentials: plain), AMQPMechanism(name: "AMQPLAIN", credentials: amqplain),
    ]

    /// All names, separated by spaces, for `connection.start`.
    static var names: String { all.map { $0.name.description }.joined(separator: " ") }

    static func named(_ name: ByteSlice) -> AMQPMechanism? { all.first { name.equals($0.name) } }

    /// RFC 4616 with an empty authorization identity: NUL, name, NUL, password.
    private static func plain(_ response: ByteSlice) throws(LoginError) -> (name: ByteSlice, password: ByteSlice) {
        let malformed = LoginError.malformedCredentials(reason: "the response is not NUL, name, NUL, password")
        guard response.count >= 2, response[0] == 0 else { throw malformed }
        var second = 1
        while second < response.count, response[second] != 0 { second += 1 }
        guard second < response.count else { throw malformed }
        let password = response.slice(from: second + 1, count: response.count - second - 1)
        for index in 0..<password.count where password[index] == 0 { throw malformed }
        return (response.slice(from: 1, count: second - 1), password)
    }

    /// A field table without its length, with LOGIN and PASSWORD as long strings.
    private static func amqplain(_ response: ByteSlice) throws(LoginError) -> (name: ByteSlice, password: ByteSlice) {
        let table = FieldTableView(response)
        do throws(FrameError) {
            try table.validate()
            guard let name = try table.value("LOGIN")?.longString,
                let password = try table.value("PASSWORD")?.longString
            else { throw FrameError.malformedTable }
            return (name, password)
        } catch {
            throw .malformedCredentials(reason: "the response is no field table with LOGIN and PASSWORD")
        }
    }
}
