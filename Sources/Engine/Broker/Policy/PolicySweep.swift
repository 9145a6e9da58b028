// A change of policies on its way through the queues and exchanges that exist: in slices, so that a hundred thousand
// queues, or a pattern that takes all its steps, do not stop the loop.
// Loop thread only. Next: VirtualHostPolicies.swift.

/// The sweeps under way, one for each virtual host at the most.
struct PolicySweep {
    private struct Rest {
        let host: VirtualHost
        var queues: [Queue]
        var exchanges: [Exchange]
        var isDone: Bool { queues.isEmpty && exchanges.isEmpty }

        /// Goes on until the budget is spent.
        mutating func proceed(_ budget: inout Int) {
            while budget > 0, let queue = queues.popLast() {
                if !queue.isDeleted { queue.applyPolicy() }
                budget -= host.policyCost
            }
            while budget > 0, let exchange = exchanges.popLast() {
                if !exchange.isDeleted { exchange.applyPolicy() }
                budget -= host.policyCost
            }
        }
    }

    private var rests: [Rest] = []

    var hasWork: Bool { !rests.isEmpty }

    /// Policies of the host have changed. The first slice is done at once.
    mutating func begin(_ host: VirtualHost) {
        // Delay queues are no clients' queues, and no policy is for them: they stand in no table.
        var rest = Rest(
            host: host, queues: host.queues.values, exchanges: host.exchanges.values.filter { !$0.isDefault })
        rests.removeAll { $0.host === host }
        // When the log is read back nobody waits, and what comes next must find it done.
        var budget = host.broker.replaying == nil ? Limits.policyObjectsPerTurn : Int.max
        rest.proceed(&budget)
        host.topologyChanged()
        if !rest.isDone { rests.append(rest) }
    }

    mutating func proceed() {
        var budget = Limits.policyObjectsPerTurn
        while budget > 0, !rests.isEmpty {
            rests[0].proceed(&budget)
            // Alternate exchanges are policies' too, and routes know them.
            rests[0].host.topologyChanged()
            if rests[0].isDone { rests.removeFirst() }
        }
    }
}

extension VirtualHost {
    /// Of applying policies to one object, in objects: a pattern that has once taken all its steps may do so again.
    fileprivate var policyCost: Int {
        let isSlow =
            policies.user.contains { $0.pattern.hasReportedLimit }
            || policies.operator.contains { $0.pattern.hasReportedLimit }
        return isSlow ? Limits.policyObjectsPerTurn : 1
    }
}
