// One exchange: identity and bindings. How it finds destinations depends on its type: a table by key (direct),
// all (fanout), a trie of words (topic), criteria (headers), or one of all (random, hashes). The default exchange has
// no bindings; the virtual host's table of queues is its routing.
// Loop thread only. Next: ExchangeType.swift, Router.swift (a whole routing), TopicTrie.swift, HeadersCriteria.swift,
// ConsistentHash.swift.

import Wire

/// An exchange of one virtual host.
final class Exchange {
    let name: ByteString
    let virtualHost: VirtualHost
    let type: ExchangeType
    /// How it finds destinations: its type, or what a delayed exchange names as `x-delayed-type`.
    let routingType: ExchangeType
    let isDurable: Bool
    let isAutoDelete: Bool
    let isInternal: Bool
    /// Argument `alternate-exchange`.
    private let ownAlternate: ByteString?
    /// What holds for it besides its arguments.
    var policy = EffectivePolicy()
    let rawArguments: [UInt8]

    /// By routing key, in order of binding. For direct exchanges this is the routing.
    private(set) var bindingsByKey = NameTable<[Binding]>()
    private(set) var bindingCount = 0
    /// Topic only.
    private var trie = TopicTrie()
    /// Headers only.
    private var headerBindings: [Binding] = []
    /// Random and modulus hash: all bindings, in an order that is the same after a restart.
    private var choices: [Binding] = []
    /// Consistent hash only.
    private var consistentHash = ConsistentHash()
    /// What hashes are made of.
    let hashSource: HashSource
    /// Bindings that lead here from other exchanges.
    var incoming: [Binding] = []
    /// What it keeps back, if it is delayed.
    var delayQueue: Queue?
    /// Marks the exchange as visited during one routing; see Router.
    var routingMark: UInt64 = 0
    private(set) var isDeleted = false

    // Totals since it was declared, for inspection.
    var publishedTotal: UInt64 = 0

    init(
        name: ByteString, virtualHost: VirtualHost, type: ExchangeType, isDurable: Bool, isAutoDelete: Bool,
        isInternal: Bool, alternate: ByteString?, routingType: ExchangeType? = nil,
        hashSource: HashSource = .routingKey, rawArguments: [UInt8]
    ) {
        self.name = name
        self.virtualHost = virtualHost
        self.type = type
        self.routingType = routingType ?? type
        self.isDurable = isDurable
        self.isAutoDelete = isAutoDelete
        self.isInternal = isInternal
        ownAlternate = alternate
        self.hashSource = hashSource
        self.rawArguments = rawArguments
    }

    /// The default exchange, whose name is empty.
    var isDefault: Bool { name.isEmpty }

    /// Takes what finds no destination here.
    var alternate: ByteString? { ownAlternate ?? policy.user?.definition.alternateExchange }

    /// Exists at every start, without a record.
    var isPredeclared: Bool { isDefault || VirtualHost.isReserved(name.slice) }

    var resourceName: ResourceName { .exchange(name.slice, in: virtualHost) }

    func markDeleted() { isDeleted = true }

    // MARK: Bindings

    func binding(to destination: BindingDestination, key: ByteSlice, arguments: ByteSlice) -> Binding? {
        bindingsByKey[key]?.first { $0.isSame(destination: destination, arguments: arguments) }
    }

    func add(_ binding: Binding) {
        var group = bindingsByKey[binding.routingKey.slice] ?? []
        // Let go of the table's copy first, so that appending is in place.
        bindingsByKey.insert([], for: binding.routingKey)
        group.append(binding)
        bindingsByKey.insert(group, for: binding.routingKey)
        bindingCount += 1
        switch routingType {
        case .topic: trie.insert(binding)
        case .headers: headerBindings.append(binding)
        case .random, .localRandom, .modulusHash: insertChoice(binding)
        case .consistentHash: consistentHash.insert(binding)
        case .direct, .fanout, .delayed: break
        }
    }

    func remove(_ binding: Binding) {
        guard var group = bindingsByKey[binding.routingKey.slice],
            let index = group.firstIndex(where: { $0 === binding })
        else { return }
        group.remove(at: index)
        if group.isEmpty {
            bindingsByKey.removeValue(for: binding.routingKey.slice)
        } else {
            bindingsByKey.insert(group, for: binding.routingKey)
        }
        bindingCount -= 1
        switch routingType {
        case .topic: trie.remove(binding)
        case .headers: headerBindings.removeAll { $0 === binding }
        case .random, .localRandom, .modulusHash: choices.removeAll { $0 === binding }
        case .consistentHash: consistentHash.remove(binding)
        case .direct, .fanout, .delayed: break
        }
    }

    private func insertChoice(_ binding: Binding) {
        func order(_ binding: Binding) -> (String, String) {
            (binding.destination.name.string, binding.routingKey.string)
        }
        let index = choices.firstIndex { order($0) > order(binding) } ?? choices.count
        choices.insert(binding, at: index)
    }

    func removeAllBindings() {
        bindingsByKey = NameTable()
        bindingCount = 0
        trie = TopicTrie()
        headerBindings = []
        choices = []
        consistentHash = ConsistentHash()
    }

    /// All bindings, copied.
    var allBindings: [Binding] { bindingsByKey.values.flatMap { $0 } }

    // MARK: Matching

    /// Calls `found` for every binding that matches; the same destination may come more than once.
    func match(routingKey: ByteSlice, headers: ByteSlice?, _ found: (Binding) -> Void) {
        switch routingType {
        case .direct:
            if let group = bindingsByKey[routingKey] { for binding in group { found(binding) } }
        case .fanout:
            bindingsByKey.forEach { _, group in for binding in group { found(binding) } }
        case .topic:
            trie.match(routingKey, found)
        case .headers:
            for binding in headerBindings where binding.criteria?.matches(headers) ?? false { found(binding) }
        case .random, .localRandom, .modulusHash, .consistentHash, .delayed:
            preconditionFailure("one of them is chosen")
        }
    }

    /// The one binding that takes a message, for types that choose one; nil when there is none.
    func choose(keys: [ByteSlice], properties: ByteSlice) -> Binding? {
        switch routingType {
        case .random, .localRandom:
            guard !choices.isEmpty else { return nil }
            return choices[Int(virtualHost.broker.context.random.next() % UInt64(choices.count))]
        case .modulusHash:
            guard !choices.isEmpty else { return nil }
            return choices[Int(HashSource.hash(keys) % UInt64(choices.count))]
        case .consistentHash: return consistentHash.choose(hashSource.hash(keys: keys, properties: properties))
        case .direct, .fanout, .topic, .headers, .delayed: preconditionFailure("all that match are found")
        }
    }

    /// Two messages of one address may take different ways, headers aside.
    var choosesByMessage: Bool {
        switch routingType {
        case .random, .localRandom: true
        case .consistentHash: !hashSource.isRoutingKey
        case .direct, .fanout, .topic, .headers, .modulusHash, .delayed: false
        }
    }
}
