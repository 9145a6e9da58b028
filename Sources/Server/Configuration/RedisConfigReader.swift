// What a redis.conf means here. A directive is one of four: a setting of taskd.toml by another name, a parameter of
// CONFIG, something to be put together from several lines (addresses, users, save points), or without effect, which is
// told. Whatever is none of them is refused, and so is what clients would miss.
// Starting thread only. Next: RedisConfigFile.swift (lines), RedisDirectives.swift (what has no effect).

import Engine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A parameter of CONFIG with the value that a file gives it.
public struct StoreParameter: Equatable, Sendable {
    public let name: String
    public let value: String
    /// `redis.conf:12`
    public let place: String
}

/// What the lines of one file come to.
struct RedisConfigReader {
    private(set) var settings: [(key: String, value: SettingValue, place: String)] = []
    private(set) var parameters: [StoreParameter] = []
    /// Name, then rules.
    private(set) var users: [[String]] = []
    private(set) var notes: [String] = []
    private(set) var problems: [String] = []

    /// Knows the parameters of CONFIG, and what they accept.
    private let probe: Engine
    private var bind: (hosts: [String], place: String)?
    private var port: (number: UInt16, place: String)?
    private var isProtected = true
    private var hasPassword: Bool
    private var savePoints: (words: [String], place: String)?

    /// `hasPassword`: other files ask for one already.
    init(_ directives: [RedisDirective], hasPassword: Bool) {
        self.hasPassword = hasPassword
        probe = Engine(configuration: EngineConfiguration())
        for directive in directives { read(directive) }
        if let savePoints { setParameter("save", savePoints.words.joined(separator: " "), savePoints.place) }
        listen()
    }

    // MARK: Directives

    private mutating func read(_ directive: RedisDirective) {
        switch directive.name {
        case "bind": bind = (directive.arguments, directive.place)
        case "port": readPort(directive)
        case "protected-mode": isProtected = directive.arguments != ["no"]
        case "save": readSavePoints(directive)
        case "user": readUser(directive)
        case "client-output-buffer-limit": readOutputLimit(directive)
        case "loglevel": readLogLevel(directive)
        default: readByName(directive)
        }
    }

    private mutating func readByName(_ directive: RedisDirective) {
        let name = directive.name
        if let setting = Settings.all.first(where: { $0.redisName == name }) {
            guard let value = single(directive) else { return }
            if name == "requirepass", !value.isEmpty { hasPassword = true }
            guard let converted = Self.converted(value, for: setting) else {
                return problems.append(
                    "\(directive.place): `\(name)` must be \(setting.kind.expectation), not \"\(value)\"")
            }
            settings.append((setting.key, converted, directive.place))
        } else if probe.storeParameter(name)?.isSettable == true {
            guard let value = single(directive) else { return }
            setParameter(name, value, directive.place)
        } else if let (reason, harmless) = RedisDirectives.refused[name] {
            let value = directive.arguments.joined(separator: " ")
            guard !harmless.contains(value) else { return }
            problems.append("\(directive.place): `\(name)` cannot be followed: \(reason)")
        } else if let reason = RedisDirectives.reasonUnused(name) {
            note(directive, reason)
        } else {
            let known = RedisDirectives.names + Settings.all.compactMap(\.redisName) + probe.settableStoreParameters
            let nearest = NearestName.find(name, among: known + ["bind", "port", "user", "include"])
            problems.append(
                "\(directive.place): unknown directive `\(name)`" + (nearest.map { "; did you mean `\($0)`?" } ?? ""))
        }
    }

    private mutating func single(_ directive: RedisDirective) -> String? {
        guard directive.arguments.count == 1 else {
            problems.append("\(directive.place): `\(directive.name)` takes one value, not \(directive.arguments.count)")
            return nil
        }
        return directive.arguments[0]
    }

    /// Says so, unless the value asks for what is done anyway.
    private mutating func note(_ directive: RedisDirective, _ reason: String) {
        let value = directive.arguments.joined(separator: " ")
        guard probe.storeParameter(directive.name)?.value != value else { return }
        notes.append("not used by taskd: `\(directive.name) \(value)` (\(directive.place)), because \(reason)")
    }

    private mutating func setParameter(_ name: String, _ value: String, _ place: String) {
        if let reason = probe.setStoreParameter(name, value) {
            problems.append("\(place): `\(name)`: \(reason)")
        } else {
            parameters.append(StoreParameter(name: name, value: value, place: place))
        }
    }

    /// Redis's spelling of a value in the setting's own.
    private static func converted(_ text: String, for setting: Setting) -> SettingValue? {
        switch setting.kind {
        case .boolean:
            switch text.lowercased() {
            case "yes": .boolean(true)
            case "no": .boolean(false)
            default: nil
            }
        case .bytes: StoreUnits.bytes(text).flatMap { setting.checked(.integer(Int($0))) }
        case .choice: setting.parsed(text.lowercased())
        default: setting.parsed(text)
        }
    }

    // MARK: Those of several lines

    /// The first line takes the place of the default, the others add to it; an empty one begins anew.
    private mutating func readSavePoints(_ directive: RedisDirective) {
        let isNone = directive.arguments == [""]
        savePoints = (isNone ? [] : (savePoints?.words ?? []) + directive.arguments, directive.place)
    }

    private mutating func readUser(_ directive: RedisDirective) {
        guard !directive.arguments.isEmpty else {
            return problems.append("\(directive.place): `user` needs a name")
        }
        if let reason = probe.checkUser(directive.arguments) {
            return problems.append("\(directive.place): `user \(directive.arguments[0])`: \(reason)")
        }
        guard !users.contains(where: { $0[0] == directive.arguments[0] }) else {
            return problems.append("\(directive.place): user `\(directive.arguments[0])` stands here a second time")
        }
        if directive.arguments[0] == "default", !directive.arguments.contains("nopass") { hasPassword = true }
        users.append(directive.arguments)
    }

    /// Of the three classes only subscribers have limits of this kind.
    private mutating func readOutputLimit(_ directive: RedisDirective) {
        let words = directive.arguments
        guard words.count == 4 else {
            return problems.append("\(directive.place): `\(directive.name)` takes a class and three numbers")
        }
        switch words[0].lowercased() {
        case "replica", "slave": note(directive, "there is no replication")
        case "normal" where words[1...] != ["0", "0", "0"]:
            note(directive, "requests wait until their client has read (resp.output_pause_bytes)")
        default: setParameter(directive.name, words.joined(separator: " "), directive.place)
        }
    }

    private mutating func readLogLevel(_ directive: RedisDirective) {
        guard let value = single(directive) else { return }
        let levels: [String: LogLevel] = [
            "debug": .debug, "verbose": .info, "notice": .notice, "warning": .warning, "nothing": .critical,
        ]
        guard let level = levels[value.lowercased()] else {
            return problems.append(
                "\(directive.place): `loglevel` must be debug, verbose, notice, warning or nothing, not \"\(value)\"")
        }
        settings.append(("logging.level", .text(level.rawValue), directive.place))
    }

    // MARK: Addresses

    private mutating func readPort(_ directive: RedisDirective) {
        guard let value = single(directive) else { return }
        guard let number = UInt16(value) else {
            return problems.append("\(directive.place): `port` must be a number up to 65535, not \"\(value)\"")
        }
        port = (number, directive.place)
    }

    private static let redisPort: UInt16 = 6_379

    /// Without addresses Redis listens everywhere, but with its protected mode talks to this machine only, unless there
    /// is a password. That mode is not here, so an address that needs it is refused.
    private mutating func listen() {
        guard let place = bind?.place ?? port?.place else { return }
        let number = port?.number ?? Self.redisPort
        guard number != 0 else { return settings.append(("resp.listen", .list([]), place)) }
        let isOpen = hasPassword || !isProtected
        var hosts = bind?.hosts ?? [isOpen ? "*" : "localhost"]
        hosts = hosts.compactMap { host in
            // A minus: only where this machine has such an address.
            guard host.hasPrefix("-") else { return host }
            let bare = String(host.dropFirst())
            return LocalAddress.isAvailable(bare == "*" || bare == "::*" ? "::" : bare) ? bare : nil
        }
        let strangers = hosts.filter { $0 != "localhost" && $0 != "::1" && !$0.hasPrefix("127.") }
        if !isOpen, !strangers.isEmpty {
            problems.append(
                "\(place): `bind \(strangers.joined(separator: " "))` without a password: Redis's protected mode would send "
                    + "clients from other machines away, which taskd does not; set `requirepass`, bind loopback addresses "
                    + "only, or say `protected-mode no`")
        }
        let addresses = hosts.contains("*") ? ["*"] : hosts.map { $0 == "::*" ? "::" : $0 }
        settings.append(
            ("resp.listen", .list(addresses.map { ListenAddress(host: $0, port: number).description }), place))
    }
}

/// Addresses of this machine.
enum LocalAddress {
    /// Whether something can listen there.
    static func isAvailable(_ host: String) -> Bool {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &found) == 0, let found else { return false }
        defer { freeaddrinfo(found) }
        let made = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
        guard made >= 0 else { return false }
        defer { closeFile(made) }
        return bind(made, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0
    }
}
