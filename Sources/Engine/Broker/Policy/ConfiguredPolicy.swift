// Policies as words: those of the configuration, and the options that `POLICY SET` has, too.
// Loop thread, and the starting one that checks the configuration. Next: Policy.swift, VirtualHostPolicies.swift.

import Wire

/// A policy from the configuration, in the words of `POLICY SET`: `NAME PATTERN DEFINITION`, then options.
public struct ConfiguredPolicy {
    let policy: Policy
    let virtualHost: String?

    /// Whether it can be set, with the limits that patterns have by default at the most; fails with a reason.
    public static func check(_ text: String, isOperators: Bool) throws(ConfigurationFailure) {
        _ = try ConfiguredPolicy(text, isOperators ? .operator : .user, PolicyPattern.Costs(bytesMax: .max))
    }

    /// Fails with a reason.
    init(_ text: String, _ kind: PolicyKind, _ costs: PolicyPattern.Costs) throws(ConfigurationFailure) {
        let head = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
        guard head.count == 3, let end = head[2].lastIndex(of: "}") else {
            throw ConfigurationFailure(reason: "NAME PATTERN {definition} expected")
        }
        let words = head[2][head[2].index(after: end)...].split(separator: " ").map(String.init)
        do throws(PolicyFailure) {
            let options = try PolicyOptions(words, kind)
            policy = try Policy(
                options.kind, name: ByteString(String(head[0])), pattern: String(head[1]),
                definition: String(head[2][...end]), priority: options.priority, scope: options.scope,
                isConfigured: true, costs: costs)
            virtualHost = options.virtualHost
        } catch {
            throw ConfigurationFailure(reason: error.reason)
        }
    }
}

/// Why something in the configuration is refused.
public struct ConfigurationFailure: Error {
    public let reason: String
}

/// `[PRIORITY n] [APPLY-TO scope] [VHOST v] [OPERATOR]`, in any order.
struct PolicyOptions {
    private(set) var kind: PolicyKind
    private(set) var priority: Int64 = 0
    private(set) var scope = PolicyScope.all
    private(set) var virtualHost: String?

    /// - Parameter kind: without the word OPERATOR.
    init(_ words: [String], _ kind: PolicyKind = .user) throws(PolicyFailure) {
        self.kind = kind
        var rest = words[...]
        while let word = rest.popFirst()?.lowercased() {
            if word == "operator" {
                self.kind = .operator
                continue
            }
            guard let value = rest.popFirst() else { throw PolicyFailure(reason: "an option has no value") }
            switch word {
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
            default: throw PolicyFailure(reason: "unknown option '\(word)'")
            }
        }
    }
}

extension Broker {
    /// What a pattern may cost, as configured.
    var patternCosts: PolicyPattern.Costs {
        PolicyPattern.Costs(
            bytesMax: context.configuration.policyPatternBytesMax, stepsMax: context.configuration.policyMatchStepsMax)
    }

    /// Policies of the configuration hold from each start on, whatever was set under their names; those of an earlier
    /// configuration go.
    func setConfiguredPolicies() {
        let configuration = context.configuration
        var kept: [(VirtualHost, PolicyKind, ByteString)] = []
        for (kind, texts) in [(PolicyKind.user, configuration.policies), (.operator, configuration.operatorPolicies)] {
            for text in texts {
                guard let configured = try? ConfiguredPolicy(text, kind, patternCosts) else {
                    context.log(.error, "a policy of the configuration has no meaning", ("policy", text))
                    continue
                }
                let name = ByteString(configured.virtualHost ?? configuration.defaultVirtualHost)
                guard let host = withExtendedLifetime(name, { virtualHost($0.slice) }) else {
                    context.log(
                        .error, "a policy of the configuration names a virtual host that does not exist",
                        ("policy", configured.policy.name.string), ("vhost", name.string))
                    continue
                }
                kept.append((host, configured.policy.kind, configured.policy.name))
                changeByConfiguration { () throws(BrokerError) in try host.setPolicy(configured.policy) }
            }
        }
        for host in virtualHosts.values {
            for policy in host.policies.all where policy.isConfigured {
                let isKept = kept.contains {
                    $0.0 === host && $0.1 == policy.kind && $0.2.slice == policy.name.slice
                }
                if isKept { continue }
                changeByConfiguration { () throws(BrokerError) in
                    _ = try host.clearPolicy(policy.name.slice, policy.kind)
                }
            }
        }
    }

    func changeByConfiguration(_ change: () throws(BrokerError) -> Void) {
        do throws(BrokerError) { try change() } catch {
            context.log(.error, "what the configuration says cannot be set", ("reason", error.replyText))
        }
    }
}
