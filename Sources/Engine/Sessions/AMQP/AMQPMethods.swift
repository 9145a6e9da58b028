// What each method of a channel asks of the broker, and the reply that says it is done. One function for each
// method; a new one is a function here and a case in AMQPDispatch.swift.
// Rules and effects are the broker's (Broker/Channel, Broker/VirtualHost): nothing here decides anything.
// Loop thread only.

import Wire

/// One method frame on its way to the broker.
struct ChannelCall {
    let session: AMQPSession
    let channel: AMQPChannel
    let broker: BrokerChannel
    let frame: AMQPFrame

    /// Decodes the frame into the handler's method, calls it, and tells a refusal with the method's number.
    @inline(__always)
    func run<Method: AMQPMethod>(_ handler: (Method) throws(BrokerError) -> Void) throws(AMQPFailure) {
        let method = try session.decode(Method.self, frame)
        do throws(BrokerError) {
            try handler(method)
        } catch {
            throw AMQPFailure(error, method: Method.id)
        }
    }

    /// The same for methods with a table of arguments, which is walked once before anybody relies on it.
    @inline(__always)
    func run<Method: DeclaringMethod>(_ handler: (Method) throws(BrokerError) -> Void) throws(AMQPFailure) {
        let method = try session.decode(Method.self, frame)
        do throws(FrameError) {
            try FieldTableView(method.arguments).validate()
        } catch {
            throw AMQPFailure(error, method: Method.id)
        }
        guard String(validating: method.declaredName.buffer, as: UTF8.self) != nil else { throw .malformedText() }
        do throws(BrokerError) {
            try handler(method)
        } catch {
            throw AMQPFailure(error, method: Method.id)
        }
    }

    private func reply(_ method: some AMQPMethod, unless noWait: Bool = false) {
        if !noWait { session.send(channel.number, method) }
    }

    // MARK: Channel

    func flow(_ method: ChannelFlow) throws(BrokerError) {
        guard method.active else { throw .channelFlowStop }
        reply(ChannelFlowOK(active: true))
    }

    func close(_ method: ChannelClose) {
        broker.close()
        session.channels.remove(channel)
        reply(ChannelCloseOK())
    }

    func accessRequest(_ method: AccessRequest) { reply(AccessRequestOK(ticket: 1)) }

    // MARK: Exchanges

    func exchangeDeclare(_ method: ExchangeDeclare) throws(BrokerError) {
        try broker.declareExchange(method)
        reply(ExchangeDeclareOK(), unless: method.noWait)
    }

    func exchangeDelete(_ method: ExchangeDelete) throws(BrokerError) {
        try broker.deleteExchange(method)
        reply(ExchangeDeleteOK(), unless: method.noWait)
    }

    func exchangeBind(_ method: ExchangeBind) throws(BrokerError) {
        try broker.bindExchange(method)
        reply(ExchangeBindOK(), unless: method.noWait)
    }

    func exchangeUnbind(_ method: ExchangeUnbind) throws(BrokerError) {
        try broker.unbindExchange(method)
        reply(ExchangeUnbindOK(), unless: method.noWait)
    }

    // MARK: Queues

    func queueDeclare(_ method: QueueDeclare) throws(BrokerError) {
        let declared = try broker.declareQueue(method)
        reply(
            QueueDeclareOK(
                queue: declared.name.slice, messageCount: declared.messageCount, consumerCount: declared.consumerCount),
            unless: method.noWait)
    }

    func queueBind(_ method: QueueBind) throws(BrokerError) {
        try broker.bindQueue(method)
        reply(QueueBindOK(), unless: method.noWait)
    }

    func queueUnbind(_ method: QueueUnbind) throws(BrokerError) {
        try broker.unbindQueue(method)
        reply(QueueUnbindOK())
    }

    func queuePurge(_ method: QueuePurge) throws(BrokerError) {
        let count = try broker.purgeQueue(method)
        reply(QueuePurgeOK(messageCount: count), unless: method.noWait)
    }

    func queueDelete(_ method: QueueDelete) throws(BrokerError) {
        let queue = try broker.queueToDelete(method)
        // With a stream go no messages that are counted: its ready list is empty.
        reply(QueueDeleteOK(messageCount: UInt32(clamping: queue?.ready.count ?? 0)), unless: method.noWait)
        if let queue { broker.delete(queue) } else { broker.promiseDurability() }
    }

    // MARK: Consuming

    func qos(_ method: BasicQos) throws(BrokerError) {
        try broker.setPrefetch(method)
        reply(BasicQosOK())
    }

    func consume(_ method: BasicConsume) throws(BrokerError) {
        let tag = try broker.consume(method)
        reply(BasicConsumeOK(consumerTag: tag.slice), unless: method.noWait)
    }

    func cancel(_ method: BasicCancel) throws(BrokerError) {
        broker.cancel(method.consumerTag)
        reply(BasicCancelOK(consumerTag: method.consumerTag), unless: method.noWait)
    }

    func get(_ method: BasicGet) throws(BrokerError) { try broker.get(method) }

    func nack(_ method: BasicNack) throws(BrokerError) {
        try broker.reject(method.deliveryTag, multiple: method.multiple, requeue: method.requeue)
    }

    func reject(_ method: BasicReject) throws(BrokerError) {
        try broker.reject(method.deliveryTag, multiple: false, requeue: method.requeue)
    }

    func recover(_ method: BasicRecover) throws(BrokerError) {
        try broker.recover(requeue: method.requeue)
        reply(BasicRecoverOK())
    }

    func recoverAsync(_ method: BasicRecoverAsync) throws(BrokerError) { try broker.recover(requeue: method.requeue) }

    // MARK: Confirms and transactions

    func confirmSelect(_ method: ConfirmSelect) throws(BrokerError) {
        try broker.selectConfirms()
        reply(ConfirmSelectOK(), unless: method.noWait)
    }

    func txSelect(_ method: TxSelect) throws(BrokerError) {
        try broker.selectTransaction()
        reply(TxSelectOK())
    }

    func txCommit(_ method: TxCommit) throws(BrokerError) {
        try broker.commitTransaction()
        reply(TxCommitOK())
    }

    func txRollback(_ method: TxRollback) throws(BrokerError) {
        try broker.rollbackTransaction()
        reply(TxRollbackOK())
    }
}

/// A method that leaves a name and arguments behind.
protocol DeclaringMethod: AMQPMethod {
    /// Entries of a table.
    var arguments: ByteSlice { get }
    /// Has to be UTF-8: it is shown to people.
    var declaredName: ByteSlice { get }
}

extension QueueDeclare: DeclaringMethod { var declaredName: ByteSlice { queue } }
extension QueueBind: DeclaringMethod { var declaredName: ByteSlice { routingKey } }
extension QueueUnbind: DeclaringMethod { var declaredName: ByteSlice { routingKey } }
extension ExchangeDeclare: DeclaringMethod { var declaredName: ByteSlice { exchange } }
extension ExchangeBind: DeclaringMethod { var declaredName: ByteSlice { routingKey } }
extension ExchangeUnbind: DeclaringMethod { var declaredName: ByteSlice { routingKey } }
extension BasicConsume: DeclaringMethod { var declaredName: ByteSlice { consumerTag } }
