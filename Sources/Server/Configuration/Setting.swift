// One row of the table of settings: name, type, default, documentation, and the field it fills.
// Starting thread only. Next: Settings.swift, the table.

import Engine

/// A setting's value as it was given.
enum SettingValue: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case boolean(Bool)
    case list([String])

    /// As it stands in a TOML file.
    var toml: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .integer(let number): String(number)
        case .boolean(let value): String(value)
        case .list(let items): "[" + items.map(Self.quoted).joined(separator: ", ") + "]"
        }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

/// What a setting accepts.
enum SettingKind: Equatable, Sendable {
    case text
    case integer(ClosedRange<Int>)
    /// An integer, or text with a unit: "64MiB", "100kB".
    case bytes(ClosedRange<Int>)
    /// Text: a size, or a share of the machine's memory: "1GiB", "40%".
    case sizeOrShare
    case boolean
    case choice([String])
    /// Addresses to listen on; an empty list switches the listener off.
    case listen
    case names
    /// In the words of `POLICY SET`.
    case policies
    /// The same for operators.
    case operatorPolicies
    /// `NAME LIMIT VALUE`, of virtual hosts or users.
    case virtualHostLimits
    case userLimits

    var expectation: String {
        switch self {
        case .text: "a text"
        case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .bytes(let range): "a size from \(range.lowerBound) to \(range.upperBound) bytes, such as \"64MiB\""
        case .sizeOrShare: "a size of at least 32MiB, such as \"1GiB\", or a share of the memory, such as \"40%\""
        case .boolean: "true or false"
        case .choice(let choices): "one of " + choices.map { "\"\($0)\"" }.joined(separator: ", ")
        case .listen: "a list of \"host:port\""
        case .names: "a list of names"
        case .policies, .operatorPolicies:
            "a list of \"name pattern {definition}\", with options as POLICY SET has them"
        case .virtualHostLimits: "a list of \"name max-connections|max-queues number\""
        case .userLimits: "a list of \"name max-connections|max-channels number\""
        }
    }
}

/// One row.
struct Setting: Sendable {
    let key: String
    let kind: SettingKind
    let defaultValue: SettingValue
    /// One or more sentences for Config/taskd.toml.
    let documentation: String
    /// A further environment variable that fills it, for compose files made for another image.
    let alias: String?
    /// The same in a redis.conf.
    let redisName: String?
    let apply: @Sendable (inout ServerConfiguration, SettingValue) -> Void
    /// Not shown by `check-config`.
    var isSecret: Bool { key.hasSuffix("password") }

    init(
        _ key: String, _ kind: SettingKind, _ defaultValue: SettingValue, alias: String? = nil,
        redis redisName: String? = nil, _ documentation: String,
        apply: @escaping @Sendable (inout ServerConfiguration, SettingValue) -> Void
    ) {
        self.key = key
        self.kind = kind
        self.defaultValue = defaultValue
        self.documentation = documentation
        self.alias = alias
        self.redisName = redisName
        self.apply = apply
    }

    /// `amqp.listen` → `TASKD_AMQP_LISTEN`.
    var environmentName: String { "TASKD_" + key.uppercased().replacing(".", with: "_") }

    /// The value in its final form, or nil when it is not what the kind accepts.
    func checked(_ value: SettingValue) -> SettingValue? {
        switch (kind, value) {
        case (.text, .text): return value
        case (.boolean, .boolean): return value
        case (.integer(let range), .integer(let number)), (.bytes(let range), .integer(let number)):
            return range.contains(number) ? value : nil
        case (.bytes(let range), .text(let text)):
            guard let number = Self.bytes(text), range.contains(number) else { return nil }
            return .integer(number)
        case (.sizeOrShare, .integer(let number)): return checked(.text("\(number)B"))
        case (.sizeOrShare, .text(let text)): return MemoryLimit(text) == nil ? nil : value
        case (.choice(let choices), .text(let text)): return choices.contains(text) ? value : nil
        case (.choice(let choices), .boolean(let flag)):
            // A bare yes/no choice may be written as a boolean.
            return choices.contains(flag ? "yes" : "no") ? .text(flag ? "yes" : "no") : nil
        case (.listen, .text(let text)): return ListenAddress(text) == nil ? nil : .list([text])
        case (.listen, .list(let items)): return items.allSatisfy { ListenAddress($0) != nil } ? value : nil
        case (.names, .list): return value
        case (.policies, .list(let items)), (.operatorPolicies, .list(let items)):
            let isOperators = kind == .operatorPolicies
            return items.allSatisfy { (try? ConfiguredPolicy.check($0, isOperators: isOperators)) != nil } ? value : nil
        case (.virtualHostLimits, .list(let items)):
            return items.allSatisfy { (try? ConfiguredLimit.checkVirtualHosts($0)) != nil } ? value : nil
        case (.userLimits, .list(let items)):
            return items.allSatisfy { (try? ConfiguredLimit.checkUsers($0)) != nil } ? value : nil
        case (.policies, .text(let text)), (.operatorPolicies, .text(let text)): return checked(.list([text]))
        case (.names, .text(let text)): return .list([text])
        default: return nil
        }
    }

    /// A value from an environment variable or a flag, where everything is text.
    func parsed(_ text: String) -> SettingValue? {
        switch kind {
        case .text, .choice, .sizeOrShare, .policies, .operatorPolicies: return checked(.text(text))
        case .integer: return Int(text).flatMap { checked(.integer($0)) }
        case .bytes: return checked(Int(text).map { .integer($0) } ?? .text(text))
        case .boolean:
            switch text.lowercased() {
            case "true", "yes", "on", "1": return .boolean(true)
            case "false", "no", "off", "0": return .boolean(false)
            default: return nil
            }
        case .listen, .names, .virtualHostLimits, .userLimits:
            return checked(.list(text.split(separator: ",").map { String($0.trimmed) }))
        }
    }

    /// "64MiB" → 67108864. Units of 1024: KiB, MiB, GiB; of 1000: kB, MB, GB; B or none.
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits) else { return nil }
        let factor: Int
        switch text.dropFirst(digits.count).trimmed.lowercased() {
        case "", "b": factor = 1
        case "kib": factor = 1 << 10
        case "mib": factor = 1 << 20
        case "gib": factor = 1 << 30
        case "kb": factor = 1_000
        case "mb": factor = 1_000_000
        case "gb": factor = 1_000_000_000
        default: return nil
        }
        let (product, overflows) = number.multipliedReportingOverflow(by: factor)
        return overflows ? nil : product
    }
}

/// A size, or a share of the machine's memory.
public enum MemoryLimit: Equatable, Sendable {
    case bytes(Int)
    case fraction(Double)

    /// "1GiB", "40%"; nil when it is neither, or too small to work with.
    init?(_ text: String) {
        if text.hasSuffix("%") {
            guard let percent = Double(text.dropLast().trimmed), percent >= 1, percent <= 100 else { return nil }
            self = .fraction(percent / 100)
        } else {
            guard let bytes = Setting.bytes(text), bytes >= 33_554_432 else { return nil }
            self = .bytes(bytes)
        }
    }

    /// In bytes, on a machine with so much.
    func bytes(of systemBytes: Int) -> Int {
        switch self {
        case .bytes(let bytes): bytes
        case .fraction(let fraction): Int(Double(systemBytes) * fraction)
        }
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    var trimmed: SubSequence {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
