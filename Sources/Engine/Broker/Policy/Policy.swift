// A policy gives settings to all queues and exchanges whose names match its pattern, now and later
// (rabbitmq.com/docs/policies). Of several that match, the one of the highest priority holds alone. Where a declaration
// has an argument for the same thing, the smaller number holds; of anything else, the argument.
// An operator policy holds beside it and is merged with it: it has numbers only, of which the smaller ones hold.
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

/// Whose policy it is; the two kinds have lists and names of their own.
enum PolicyKind {
    case user, `operator`
}

/// One policy of a virtual host.
final class Policy {
    let kind: PolicyKind
    let name: ByteString
    let pattern: PolicyPattern
    let definition: PolicyDefinition
    let priority: Int64
    let scope: PolicyScope
    /// The configuration says so: it goes when the configuration no longer does.
    let isConfigured: Bool

    init(
        _ kind: PolicyKind = .user, name: ByteString, pattern: String, definition: String, priority: Int64 = 0,
        scope: PolicyScope = .all, isConfigured: Bool = false, costs: PolicyPattern.Costs = PolicyPattern.Costs()
    ) throws(PolicyFailure) {
        guard !name.isEmpty, name.count <= 255 else { throw PolicyFailure(reason: "a name has 1 to 255 bytes") }
        self.name = name
        self.kind = kind
        self.isConfigured = isConfigured
        self.pattern = try PolicyPattern(pattern, costs)
        self.definition = try PolicyDefinition(definition, for: kind)
        self.priority = priority
        self.scope = scope
    }

    /// Whether queues of this type are in its scope and have everything that it sets.
    func suits(_ type: QueueType) -> Bool { scope.includes(type) && definition.types.contains(type) }

    func isSame(as other: Policy) -> Bool {
        kind == other.kind && name.slice == other.name.slice && pattern.text == other.pattern.text
            && definition.text == other.definition.text && priority == other.priority && scope == other.scope
            && isConfigured == other.isConfigured
    }
}

/// The policies that hold for one queue or exchange.
struct EffectivePolicy {
    var user: Policy?
    var `operator`: Policy?

    /// The operator's last: its numbers are compared with what holds by then.
    var definitions: [PolicyDefinition] { [user, `operator`].compactMap { $0?.definition } }

    func sets(_ key: StaticString) -> Bool { definitions.contains { $0.sets(key) } }
}
