// Puts a configuration together: defaults, then the TOML file, then a redis.conf, then the environment, then flags;
// each overrides what came before. What is unknown or wrong is refused, with the place it stands at.
// Starting thread only. Next: ConfigurationFile.swift, NearestName.swift.

/// Why a configuration was refused; one clear line for each problem.
public struct ConfigurationError: Error, Equatable {
    public let problems: [String]

    public var description: String { problems.joined(separator: "\n") }
}

/// Makes `ServerConfiguration`s.
public struct ConfigurationLoader {
    private var configuration = ServerConfiguration()
    private var problems: [String] = []

    public init() {
        for setting in Settings.all { set(setting, setting.defaultValue, at: "default of \(setting.key)") }
        precondition(problems.isEmpty, "a default is refused: \(problems)")
    }

    /// `flags`: key → values, from the command line. `environment`: name → value.
    public static func load(
        file: String?, redisFile: String? = nil, environment: [String: String], flags: [(key: String, text: String)]
    ) throws(ConfigurationError) -> ServerConfiguration {
        var loader = ConfigurationLoader()
        if let file { loader.read(file: file) }
        if let redisFile { loader.read(redisFile: redisFile) }
        loader.read(environment: environment)
        loader.read(flags: flags)
        return try loader.finish()
    }

    func finish() throws(ConfigurationError) -> ServerConfiguration {
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return configuration
    }

    // MARK: Sources

    mutating func read(file path: String) {
        configuration.file = path
        do throws(ConfigurationError) {
            read(try ConfigurationFile.read(path))
        } catch {
            problems += error.problems
        }
    }

    mutating func read(_ entries: [ConfigurationFile.Entry]) {
        for entry in entries {
            guard let setting = Settings.find(entry.key) else {
                problems.append("\(entry.place): unknown setting `\(entry.key)`" + Self.suggestion(entry.key))
                continue
            }
            if let value = entry.value {
                set(setting, value, at: entry.place)
            } else {
                refuse(setting, "a \(entry.typeName)", at: entry.place)
            }
        }
    }

    mutating func read(redisFile path: String) {
        configuration.redisFile = path
        do throws(ConfigurationError) {
            read(try RedisConfigFile.read(path))
        } catch {
            problems += error.problems
        }
    }

    mutating func read(_ directives: [RedisDirective]) {
        let reader = RedisConfigReader(directives, hasPassword: !configuration.respPassword.isEmpty)
        problems += reader.problems
        configuration.notes += reader.notes
        configuration.storeParameters = reader.parameters
        configuration.aclUsers = reader.users
        for (key, value, place) in reader.settings {
            guard let setting = Settings.find(key) else { preconditionFailure("directive without a setting") }
            set(setting, value, at: place)
        }
    }

    mutating func read(environment: [String: String]) {
        for setting in Settings.all {
            for name in [setting.alias, setting.environmentName] {
                guard let name, let text = environment[name] else { continue }
                set(setting, text: text, at: "environment variable \(name)")
            }
        }
        let known = Set(Settings.all.map(\.environmentName))
        for name in environment.keys.sorted() where name.hasPrefix("TASKD_") && !known.contains(name) {
            // Not an error: container platforms set variables of their own for a service called taskd.
            configuration.warnings.append(
                "environment variable \(name) is no setting" + Self.suggestion(name, among: known.sorted()))
        }
    }

    mutating func read(flags: [(key: String, text: String)]) {
        for flag in flags {
            guard let setting = Settings.find(flag.key) else { preconditionFailure("flag without a setting") }
            set(setting, text: flag.text, at: "command line")
        }
    }

    // MARK: Values

    private mutating func set(_ setting: Setting, text: String, at place: String) {
        if let value = setting.parsed(text) {
            setting.apply(&configuration, value)
            configuration.values[setting.key] = value
        } else {
            refuse(setting, "\"\(text)\"", at: place)
        }
    }

    private mutating func set(_ setting: Setting, _ value: SettingValue, at place: String) {
        if let checked = setting.checked(value) {
            setting.apply(&configuration, checked)
            configuration.values[setting.key] = checked
        } else {
            refuse(setting, value.toml, at: place)
        }
    }

    private mutating func refuse(_ setting: Setting, _ given: String, at place: String) {
        var problem = "\(place): `\(setting.key)` must be \(setting.kind.expectation), not \(given)"
        if case .choice(let choices) = setting.kind {
            problem += Self.suggestion(String(given.filter { $0 != "\"" }), among: choices)
        }
        problems.append(problem)
    }

    private static func suggestion(_ name: String, among names: [String] = Settings.all.map(\.key)) -> String {
        NearestName.find(name, among: names).map { "; did you mean `\($0)`?" } ?? ""
    }
}
