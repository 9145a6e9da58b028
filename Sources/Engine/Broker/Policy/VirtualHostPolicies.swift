// The policies of a virtual host: set, cleared, and applied to what they match. A change reaches queues and exchanges
// that exist at once; messages that are in a queue keep the time-to-live they came under.
// Loop thread only. Next: Policy.swift, ../Queue/QueueEnqueue.swift (what a lower limit does).

import Wire

extension VirtualHost {
    /// The policy that holds for a queue of this name and type.
    func policy(forQueue name: ByteSlice, _ type: QueueType) -> Policy? {
        policies.first { $0.scope.includes(type) && $0.matches(name) }
    }

    func policy(forExchange name: ByteSlice) -> Policy? {
        policies.first { $0.scope.includesExchanges && $0.matches(name) }
    }

    /// Adds the policy, or puts it in the place of the one with its name.
    func setPolicy(_ policy: Policy) throws(BrokerError) {
        if let known = policies.first(where: { $0.name.slice == policy.name.slice }), known.isSame(as: policy) {
            return
        }
        try broker.log.checkWritable()
        var changed = policies.filter { $0.name.slice != policy.name.slice }
        let index = changed.firstIndex { $0.priority < policy.priority } ?? changed.count
        changed.insert(policy, at: index)
        policies = changed
        broker.log.policySet(policy, in: self)
        applyPolicies()
    }

    /// Returns whether there was such a policy.
    func clearPolicy(_ name: ByteSlice) throws(BrokerError) -> Bool {
        guard policies.contains(where: { $0.name.slice == name }) else { return false }
        try broker.log.checkWritable()
        policies.removeAll { $0.name.slice == name }
        broker.log.policyCleared(name, in: self)
        applyPolicies()
        return true
    }

    private func applyPolicies() {
        for queue in queues.values { queue.applyPolicy() }
        for exchange in exchanges.values where !exchange.isDefault { exchange.applyPolicy() }
        topologyChanged()
    }
}

extension Queue {
    /// Works by the policy that holds for it now, and by its arguments.
    fileprivate func applyPolicy() {
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
    fileprivate func applyPolicy() {
        policy = virtualHost.policy(forExchange: name.slice)
    }
}

extension Broker {
    /// Policies of the configuration hold from each start on, whatever was set under their names.
    func setConfiguredPolicies() {
        for text in context.configuration.policies {
            guard let configured = try? ConfiguredPolicy(text) else {
                context.log(.error, "a policy of the configuration has no meaning", ("policy", text))
                continue
            }
            let name = ByteString(configured.virtualHost ?? context.configuration.defaultVirtualHost)
            guard let host = withExtendedLifetime(name, { virtualHost($0.slice) }) else {
                context.log(
                    .error, "a policy of the configuration names a virtual host that does not exist",
                    ("policy", configured.policy.name.string), ("vhost", name.string))
                continue
            }
            do throws(BrokerError) { try host.setPolicy(configured.policy) } catch {
                context.log(.error, "a policy of the configuration cannot be set", ("reason", error.replyText))
            }
        }
    }
}
