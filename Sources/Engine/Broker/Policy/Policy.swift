// A policy gives settings to all queues and exchanges whose names match its pattern, now and later
// (rabbitmq.com/docs/policies). Of several that match, the one of the highest priority holds alone. Where a declaration
// has an argument for the same thing, the smaller number holds; of anything else, the argument.
// Loop thread only. Next: VirtualHostPolicies.swift (what is done with them), ../Queue/QueueArguments.swift (the keys).

import Wire

/// What a policy is for, by the names that `APPLY-TO` has; their order is that of the log.
enum PolicyScope: String, CaseIterable {
    case all, queues, exchanges
    case classicQueues = "classic_queues"
    case quorumQueues = "quorum_queues"
    case streams

    var number: UInt8 { UInt8(Self.allCases.firstIndex(of: self)!) }

    init?(number: UInt8) {
        guard number < Self.allCases.count else { return nil }
        self = Self.allCases[Int(number)]
    }

    func includes(_ type: QueueType) -> Bool {
        switch self {
        case .all, .queues: true
        case .exchanges: false
        case .classicQueues: type == .classic
        case .quorumQueues: type == .quorum
        case .streams: type == .stream
        }
    }

    var includesExchanges: Bool { self == .all || self == .exchanges }
}

/// One policy of a virtual host.
final class Policy {
    let name: ByteString
    let pattern: String
    let definition: PolicyDefinition
    let priority: Int64
    let scope: PolicyScope
    private let regex: Regex<AnyRegexOutput>

    init(
        name: ByteString, pattern: String, definition: String, priority: Int64 = 0, scope: PolicyScope = .all
    ) throws(PolicyFailure) {
        guard !name.isEmpty, name.count <= 255 else { throw PolicyFailure(reason: "a name has 1 to 255 bytes") }
        do { regex = try Regex(pattern) } catch {
            throw PolicyFailure(reason: "the pattern is no regular expression: \(pattern)")
        }
        self.name = name
        self.pattern = pattern
        self.definition = try PolicyDefinition(definition)
        self.priority = priority
        self.scope = scope
    }

    func matches(_ name: ByteSlice) -> Bool { (try? regex.firstMatch(in: name.string)) ?? nil != nil }

    /// Whether its definition has this key.
    func sets(_ key: StaticString) -> Bool {
        definition.encoded.withUnsafeBytes { ((try? FieldTableView(ByteSlice($0)).value(key)) ?? nil) != nil }
    }

    func isSame(as other: Policy) -> Bool {
        name.slice == other.name.slice && pattern == other.pattern && definition.text == other.definition.text
            && priority == other.priority && scope == other.scope
    }
}

/// A policy from the configuration, in the words of `POLICY SET`: `NAME PATTERN DEFINITION`, then options.
public struct ConfiguredPolicy {
    let policy: Policy
    let virtualHost: String?

    /// Fails with a reason.
    public init(_ text: String) throws(ConfiguredPolicyFailure) {
        let head = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
        guard head.count == 3, let end = head[2].lastIndex(of: "}") else {
            throw ConfiguredPolicyFailure(reason: "NAME PATTERN {definition} expected")
        }
        let options = head[2][head[2].index(after: end)...].split(separator: " ").map(String.init)
        do throws(PolicyFailure) {
            let parsed = try PolicyOptions(options)
            policy = try Policy(
                name: ByteString(String(head[0])), pattern: String(head[1]), definition: String(head[2][...end]),
                priority: parsed.priority, scope: parsed.scope)
            virtualHost = parsed.virtualHost
        } catch {
            throw ConfiguredPolicyFailure(reason: error.reason)
        }
    }
}

/// Why a policy in the configuration is refused.
public struct ConfiguredPolicyFailure: Error {
    public let reason: String
}

/// `[PRIORITY n] [APPLY-TO scope] [VHOST v]`, in any order.
struct PolicyOptions {
    private(set) var priority: Int64 = 0
    private(set) var scope = PolicyScope.all
    private(set) var virtualHost: String?

    init(_ words: [String]) throws(PolicyFailure) {
        guard words.count.isMultiple(of: 2) else { throw PolicyFailure(reason: "an option has no value") }
        for index in stride(from: 0, to: words.count, by: 2) {
            let value = words[index + 1]
            switch words[index].lowercased() {
            case "priority":
                guard let number = Int64(value) else { throw PolicyFailure(reason: "PRIORITY is no whole number") }
                priority = number
            case "apply-to":
                guard let known = PolicyScope(rawValue: value.lowercased()) else {
                    let names = PolicyScope.allCases.map(\.rawValue).joined(separator: ", ")
                    throw PolicyFailure(reason: "APPLY-TO is one of \(names)")
                }
                scope = known
            case "vhost": virtualHost = value
            case let other: throw PolicyFailure(reason: "unknown option '\(other)'")
            }
        }
    }
}
