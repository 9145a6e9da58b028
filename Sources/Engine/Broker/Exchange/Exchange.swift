// One exchange: identity and bindings. How it finds destinations depends on its type: a table by key (direct),
// all (fanout), a trie of words (topic), criteria (headers). The default exchange has no bindings; the virtual
// host's table of queues is its routing.
// Loop thread only. Next: Router.swift (a whole routing), TopicTrie.swift, HeadersCriteria.swift.

import Wire

/// Types of exchanges, by the name that `exchange.declare` gives.
enum ExchangeType: String, CaseIterable {
    case direct, fanout, topic, headers

    init?(_ name: ByteSlice) {
        for type in Self.allCases where name.string == type.rawValue {
            self = type
            return
        }
        return nil
    }
}

/// An exchange of one virtual host.
final class Exchange {
    let name: ByteString
    let virtualHost: VirtualHost
    let type: ExchangeType
    let isDurable: Bool
    let isAutoDelete: Bool
    let isInternal: Bool
    /// Argument `alternate-exchange`: takes what finds no destination here.
    let alternate: ByteString?
    let rawArguments: [UInt8]

    /// By routing key, in order of binding. For direct exchanges this is the routing.
    private(set) var bindingsByKey = NameTable<[Binding]>()
    private(set) var bindingCount = 0
    /// Topic only.
    private var trie = TopicTrie()
    /// Headers only.
    private var headerBindings: [Binding] = []
    /// Bindings that lead here from other exchanges.
    var incoming: [Binding] = []
    /// Marks the exchange as visited during one routing; see Router.
    var routingMark: UInt64 = 0
    private(set) var isDeleted = false

    // Totals since it was declared, for inspection.
    var publishedTotal: UInt64 = 0

    init(
        name: ByteString, virtualHost: VirtualHost, type: ExchangeType, isDurable: Bool, isAutoDelete: Bool,
        isInternal: Bool, alternate: ByteString?, rawArguments: [UInt8]
    ) {
        self.name = name
        self.virtualHost = virtualHost
        self.type = type
        self.isDurable = isDurable
        self.isAutoDelete = isAutoDelete
        self.isInternal = isInternal
        self.alternate = alternate
        self.rawArguments = rawArguments
    }

    /// The default exchange, whose name is empty.
    var isDefault: Bool { name.isEmpty }

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
        switch type {
        case .topic: trie.insert(binding)
        case .headers: headerBindings.append(binding)
        case .direct, .fanout: break
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
        switch type {
        case .topic: trie.remove(binding)
        case .headers: headerBindings.removeAll { $0 === binding }
        case .direct, .fanout: break
        }
    }

    func removeAllBindings() {
        bindingsByKey = NameTable()
        bindingCount = 0
        trie = TopicTrie()
        headerBindings = []
    }

    /// All bindings, copied.
    var allBindings: [Binding] { bindingsByKey.values.flatMap { $0 } }

    // MARK: Matching

    /// Calls `found` for every binding that matches; the same destination may come more than once.
    func match(routingKey: ByteSlice, headers: ByteSlice?, _ found: (Binding) -> Void) {
        switch type {
        case .direct:
            if let group = bindingsByKey[routingKey] { for binding in group { found(binding) } }
        case .fanout:
            bindingsByKey.forEach { _, group in for binding in group { found(binding) } }
        case .topic:
            trie.match(routingKey, found)
        case .headers:
            for binding in headerBindings where binding.criteria?.matches(headers) ?? false { found(binding) }
        }
    }
}
