// The policies of a virtual host: set, cleared, and applied to what they match. A change reaches queues and exchanges
// that exist, many of them in slices (PolicySweep.swift); messages that are in a queue keep the time-to-live they came
// under. Loop thread only. Next: Policy.swift, ../Queue/QueueEnqueue.swift (what a lower limit does).

import Wire

/// Policies of both kinds, each in the order in which they count.
struct PolicyLists {
    private(set) var user: [Policy] = []
    private(set) var `operator`: [Policy] = []

    subscript(kind: PolicyKind) -> [Policy] {
        get { kind == .user ? user : `operator` }
        set {
            switch kind {
            case .user: user = newValue
            case .operator: `operator` = newValue
            }
        }
    }

    var all: [Policy] { user + `operator` }

    mutating func insert(_ policy: Policy) {
        var list = self[policy.kind].filter { $0.name.slice != policy.name.slice }
        list.insert(policy, at: list.firstIndex { $0.priority < policy.priority } ?? list.count)
        self[policy.kind] = list
    }
}

extension VirtualHost {
    /// The policies that hold for a queue of this name and type.
    func policy(forQueue name: ByteSlice, _ type: QueueType) -> EffectivePolicy {
        EffectivePolicy(
            user: policies.user.first { $0.suits(type) && matches($0, name) },
            operator: policies.operator.first { $0.suits(type) && matches($0, name) })
    }

    func policy(forExchange name: ByteSlice) -> EffectivePolicy {
        EffectivePolicy(
            user: policies.user.first { $0.scope.includesExchanges && matches($0, name) },
            operator: policies.operator.first { $0.scope.includesExchanges && matches($0, name) })
    }

    private func matches(_ policy: Policy, _ name: ByteSlice) -> Bool {
        policy.pattern.matches(name) {
            broker.context.log(
                .warning, "the pattern of a policy takes too many steps; names for which it does are not matched",
                ("policy", policy.name.string), ("vhost", self.name.string), ("name", name.string))
        }
    }

    /// Adds the policy, or puts it in the place of the one with its name.
    func setPolicy(_ policy: Policy) throws(BrokerError) {
        let known = policies[policy.kind].first { $0.name.slice == policy.name.slice }
        if let known, known.isSame(as: policy) { return }
        try broker.log.checkWritable()
        policies.insert(policy)
        broker.log.policySet(policy, in: self)
        broker.events?.policySet(policy, in: self)
        broker.policySweep.begin(self)
    }

    /// Returns whether there was such a policy.
    func clearPolicy(_ name: ByteSlice, _ kind: PolicyKind = .user) throws(BrokerError) -> Bool {
        guard let policy = policies[kind].first(where: { $0.name.slice == name }) else { return false }
        try broker.log.checkWritable()
        policies[kind].removeAll { $0 === policy }
        broker.log.policyCleared(policy, in: self)
        broker.events?.policyCleared(policy, in: self)
        broker.policySweep.begin(self)
        return true
    }
}

extension Queue {
    /// Works by the policies that hold for it now, and by its arguments.
    func applyPolicy() {
        policy = virtualHost.policy(forQueue: name.slice, settings.type)
        let merged = rawArguments.withUnsafeBytes {
            try? QueueArguments.parse(ByteSlice($0), policy: policy, for: resourceName)
        }
        // Both were accepted when they came.
        guard let merged else { return }
        let hadExpiry = settings.expiresMilliseconds
        change(to: merged)
        broker.noteAckTimeout(merged.consumerTimeoutMilliseconds)
        if merged.expiresMilliseconds >= 0, merged.expiresMilliseconds != hadExpiry {
            touch()
            rearmUnusedDeadline()
        }
        guard broker.replaying == nil else { return }
        if let stream { removeOutdated(stream) }
        if settings.limitsLength, settings.overflow == .dropHead { dropOverflow() }
    }
}

extension Exchange {
    func applyPolicy() { policy = virtualHost.policy(forExchange: name.slice) }
}
