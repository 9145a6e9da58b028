// Where a server is and who logs in: URLs of the forms `amqp://user:password@host:port/vhost` and
// `redis://user:password@host:port/database`.
// No URL type of Foundation: it brings much and decides percent signs in a virtual host differently.
// Next: AMQP/AMQPConnection.swift, RESP/RedisClient.swift.

/// A server's address with credentials and path.
public struct Endpoint: Equatable, Sendable {
    public var host: String
    public var port: Int
    public var user: String?
    public var password: String?
    /// What follows the slash after the port, decoded; nil when there is no slash.
    public var path: String?

    public init(host: String, port: Int, user: String? = nil, password: String? = nil, path: String? = nil) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.path = path
    }

    /// Parses a URL.
    /// - Parameters:
    ///   - scheme: the only scheme that is taken, such as `amqp`.
    ///   - defaultPort: used when the URL names none.
    /// - Throws: `EndpointError`.
    public init(_ url: String, scheme: String, defaultPort: Int) throws(EndpointError) {
        let prefix = scheme + "://"
        guard url.lowercased().hasPrefix(prefix) else { throw .scheme(expected: scheme) }
        var rest = Substring(url.dropFirst(prefix.count))
        if let end = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) { rest = rest[..<end] }
        path = nil
        if let slash = rest.firstIndex(of: "/") {
            path = try Self.decode(rest[rest.index(after: slash)...])
            rest = rest[..<slash]
        }
        user = nil
        password = nil
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at]
            rest = rest[rest.index(after: at)...]
            if let colon = login.firstIndex(of: ":") {
                user = try Self.decode(login[..<colon])
                password = try Self.decode(login[login.index(after: colon)...])
            } else {
                user = try Self.decode(login)
            }
            if user == "" { user = nil }
        }
        port = defaultPort
        if rest.hasPrefix("[") {
            guard let bracket = rest.firstIndex(of: "]") else { throw .host }
            host = String(rest[rest.index(after: rest.startIndex)..<bracket])
            rest = rest[rest.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw .host }
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = try Self.decode(rest[..<end])
            rest = rest[end...]
        }
        if rest.hasPrefix(":"), rest.count > 1 {
            guard let number = UInt16(rest.dropFirst()), number > 0 else { throw .port }
            port = Int(number)
        }
        if host.isEmpty { host = "localhost" }
    }

    /// Percent decoding, to UTF-8.
    private static func decode(_ text: Substring) throws(EndpointError) -> String {
        guard text.contains("%") else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { throw .percentEncoding }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Why a URL was not understood.
public enum EndpointError: Error, Equatable, Sendable {
    case scheme(expected: String)
    case host
    case port
    case percentEncoding
    /// A database that is no number.
    case database
}
