// The durable topology, written into a checkpoint in slices, from a list that is frozen when the walk begins.
// What changes meanwhile may be written as it was or as it is, or be left out: the log has the change, and replay
// comes to the same whether a thing that is declared, bound, unbound or deleted was there before or not.
// Loop thread only. Next: TopologyRecords.swift, BrokerCheckpoint.swift.

/// A walk under way.
struct TopologyWalk {
    private enum Step {
        case virtualHost(VirtualHost)
        case policy(Policy, VirtualHost)
        case limit(LimitSubject, ByteString, ResourceLimit)
        case exchange(Exchange)
        case queue(Queue)
        /// Those that lead away from the exchange.
        case bindings(Exchange)
    }

    private var steps: [Step] = []
    private var next = 0
    /// Of the exchange at `next`.
    private var bindings: [Binding]?
    private var nextBinding = 0
    /// All queues in the log.
    private(set) var queues: [Queue] = []

    var isDone: Bool { next == steps.count }

    init(_ broker: Broker) {
        let standard = broker.context.configuration.defaultVirtualHost
        for host in broker.virtualHosts.values {
            if host.name.string != standard { steps.append(.virtualHost(host)) }
            // What is declared behind them is under them.
            for policy in host.policies.all { steps.append(.policy(policy, host)) }
            let exchanges = host.exchanges.values.filter(\.isDurable)
            let logged = host.queues.values.filter(\.isLogged)
            // What bindings lead to must be there before them.
            for exchange in exchanges where !exchange.isPredeclared { steps.append(.exchange(exchange)) }
            for queue in logged { steps.append(.queue(queue)) }
            for exchange in exchanges where exchange.bindingCount > 0 { steps.append(.bindings(exchange)) }
            queues.append(contentsOf: logged)
            queues.append(contentsOf: exchanges.compactMap(\.delayQueue))
        }
        for (subject, name, limit) in broker.allLimits { steps.append(.limit(subject, name, limit)) }
    }

    /// Goes on until the budget is spent.
    mutating func proceed(_ output: CheckpointOutput, _ budget: inout CheckpointBudget) {
        let records = TopologyRecords { type, size, fill in output.append(type, payloadBytes: size, fill) }
        while next < steps.count, !budget.isSpent {
            let before = output.bytesTotal
            switch steps[next] {
            case .virtualHost(let host): records.virtualHost(.virtualHostDeclare, host.name)
            case .policy(let policy, let host): records.policySet(policy, in: host)
            case .limit(let subject, let name, let limit): records.limitSet(limit, of: subject, name.slice)
            case .exchange(let exchange):
                guard !exchange.isDeleted else { break }
                records.exchangeDeclare(exchange)
                if let queue = exchange.delayQueue { records.delayQueueDeclare(queue) }
            case .queue(let queue): if !queue.isDeleted { records.queueDeclare(queue) }
            case .bindings(let exchange):
                guard proceed(exchange, records, output, &budget) else { continue }
            }
            next += 1
            budget.visits -= 1
            budget.bytes -= output.bytesTotal - before
        }
    }

    /// Bindings of one exchange; returns whether all are written.
    private mutating func proceed(
        _ exchange: Exchange, _ records: TopologyRecords, _ output: CheckpointOutput, _ budget: inout CheckpointBudget
    ) -> Bool {
        let all = exchange.isDeleted ? [] : bindings ?? exchange.allBindings
        while nextBinding < all.count {
            guard !budget.isSpent else {
                bindings = all
                return false
            }
            let binding = all[nextBinding]
            nextBinding += 1
            budget.visits -= 1
            if binding.isDurable { records.binding(.bind, binding) }
        }
        bindings = nil
        nextBinding = 0
        return true
    }
}
