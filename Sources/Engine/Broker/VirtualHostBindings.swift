// Bindings of a virtual host: to queues and to exchanges, made and taken down. An auto-delete exchange goes with
// the last binding it is the source of, whatever took that down. Loop thread only. Next: Exchange/Binding.swift.

import Wire

extension VirtualHost {
    /// Returns whether the binding is in the log; one that exists already is not written again.
    @discardableResult
    func bindQueue(
        _ queueName: ByteSlice, to exchangeName: ByteSlice, key: ByteSlice, arguments: ByteSlice,
        by connection: BrokerConnection?
    ) throws(BrokerError) -> Bool {
        guard !exchangeName.isEmpty else { throw .defaultExchange }
        let source = try existingExchange(exchangeName)
        let queue = try accessibleQueue(queueName, by: connection)
        return try bind(source, .queue(queue), key: key, arguments: arguments)
    }

    func unbindQueue(
        _ queueName: ByteSlice, from exchangeName: ByteSlice, key: ByteSlice, arguments: ByteSlice,
        by connection: BrokerConnection?
    ) throws(BrokerError) {
        guard !exchangeName.isEmpty else { throw .defaultExchange }
        // What is not bound is unbound already, whatever of it is missing.
        guard let source = exchange(exchangeName), let known = queue(queueName),
            let binding = source.binding(to: .queue(known), key: key, arguments: arguments)
        else { return }
        _ = try accessibleQueue(queueName, by: connection)
        try unbind(binding)
    }

    /// As `bindQueue`.
    @discardableResult
    func bindExchange(
        _ destinationName: ByteSlice, to sourceName: ByteSlice, key: ByteSlice, arguments: ByteSlice
    ) throws(BrokerError) -> Bool {
        guard !sourceName.isEmpty, !destinationName.isEmpty else { throw .defaultExchange }
        let source = try existingExchange(sourceName)
        let destination = try existingExchange(destinationName)
        return try bind(source, .exchange(destination), key: key, arguments: arguments)
    }

    func unbindExchange(
        _ destinationName: ByteSlice, from sourceName: ByteSlice, key: ByteSlice, arguments: ByteSlice
    ) throws(BrokerError) {
        guard !sourceName.isEmpty, !destinationName.isEmpty else { throw .defaultExchange }
        guard let source = exchange(sourceName), let destination = exchange(destinationName),
            let binding = source.binding(to: .exchange(destination), key: key, arguments: arguments)
        else { return }
        try unbind(binding)
    }

    /// Returns whether the binding is in the log.
    private func bind(
        _ source: Exchange, _ destination: BindingDestination, key: ByteSlice, arguments: ByteSlice
    ) throws(BrokerError) -> Bool {
        if let known = source.binding(to: destination, key: key, arguments: arguments) { return known.isDurable }
        if source.isDurable, destination.isDurable { try broker.log.checkWritable() }
        var criteria: HeadersCriteria?
        if source.routingType == .headers { criteria = try HeadersCriteria(arguments: arguments) }
        if source.routingType == .consistentHash { _ = try ConsistentHash.weight(key) }
        let binding = Binding(
            source: source, destination: destination, routingKey: ByteString(key), rawArguments: arguments.array,
            criteria: criteria)
        source.add(binding)
        switch destination {
        case .queue(let queue): queue.bindings.append(binding)
        case .exchange(let exchange): exchange.incoming.append(binding)
        }
        topologyChanged()
        if binding.isDurable { broker.log.bound(binding) }
        broker.events?.bindingCreated(binding)
        return binding.isDurable
    }

    /// By a client's wish: recorded, unlike what goes with its source or destination.
    private func unbind(_ binding: Binding) throws(BrokerError) {
        if binding.isDurable { try broker.log.checkWritable() }
        if binding.isDurable { broker.log.unbound(binding) }
        forget(binding)
        takeDown(binding)
    }

    /// Removes the binding at its source; an auto-delete source may go with it.
    func takeDown(_ binding: Binding) {
        if let orphan = detach(binding) { removeExchange(orphan) }
    }

    /// Removes the binding at its source. Returns the source if it has to go with it.
    func detach(_ binding: Binding) -> Exchange? {
        let source = binding.source
        guard !source.isDeleted else { return nil }
        source.remove(binding)
        topologyChanged()
        broker.events?.bindingDeleted(binding)
        // The log says so itself; when it is read back, bindings of transient queues are missing here.
        guard source.isAutoDelete, source.bindingCount == 0, broker.replaying == nil else { return nil }
        return source
    }

    /// Removes the binding at its destination.
    func forget(_ binding: Binding) {
        topologyChanged()
        switch binding.destination {
        case .queue(let queue): queue.bindings.removeAll { $0 === binding }
        case .exchange(let exchange): exchange.incoming.removeAll { $0 === binding }
        }
    }
}
