// The one list of all methods: number, name, sender, whether content follows, and how to decode.
// Not on the hot path: sessions switch over `MethodID` constants and name the concrete types.
// Next: AMQPMethod.swift.

/// Who may send a method.
public enum MethodSender: Sendable {
    case client, server, both
}

/// One row of the list.
public struct MethodDescription: Sendable {
    public let id: MethodID
    /// As texts and logs give it, `basic.publish`.
    public let name: StaticString
    public let sender: MethodSender
    /// A content header and body frames follow.
    public let carriesContent: Bool
    /// Decodes the arguments into this row's type.
    public let decode: @Sendable (ByteSlice) throws(FrameError) -> any AMQPMethod

    init<Method: AMQPMethod>(
        _ type: Method.Type, _ name: StaticString, _ sender: MethodSender, carriesContent: Bool = false
    ) {
        id = Method.id
        self.name = name
        self.sender = sender
        self.carriesContent = carriesContent
        decode = { (arguments: ByteSlice) throws(FrameError) -> any AMQPMethod in
            try Method(arguments: arguments)
        }
    }
}

/// All methods, by number.
public enum MethodTable {
    public static let all: [MethodDescription] = [
        .init(ConnectionStart.self, "connection.start", .server),
        .init(ConnectionStartOK.self, "connection.start-ok", .client),
        .init(ConnectionSecure.self, "connection.secure", .server),
        .init(ConnectionSecureOK.self, "connection.secure-ok", .client),
        .init(ConnectionTune.self, "connection.tune", .server),
        .init(ConnectionTuneOK.self, "connection.tune-ok", .client),
        .init(ConnectionOpen.self, "connection.open", .client),
        .init(ConnectionOpenOK.self, "connection.open-ok", .server),
        .init(ConnectionClose.self, "connection.close", .both),
        .init(ConnectionCloseOK.self, "connection.close-ok", .both),
        .init(ConnectionBlocked.self, "connection.blocked", .server),
        .init(ConnectionUnblocked.self, "connection.unblocked", .server),
        .init(ConnectionUpdateSecret.self, "connection.update-secret", .client),
        .init(ConnectionUpdateSecretOK.self, "connection.update-secret-ok", .server),
        .init(ChannelOpen.self, "channel.open", .client),
        .init(ChannelOpenOK.self, "channel.open-ok", .server),
        .init(ChannelFlow.self, "channel.flow", .both),
        .init(ChannelFlowOK.self, "channel.flow-ok", .both),
        .init(ChannelClose.self, "channel.close", .both),
        .init(ChannelCloseOK.self, "channel.close-ok", .both),
        .init(AccessRequest.self, "access.request", .client),
        .init(AccessRequestOK.self, "access.request-ok", .server),
        .init(ExchangeDeclare.self, "exchange.declare", .client),
        .init(ExchangeDeclareOK.self, "exchange.declare-ok", .server),
        .init(ExchangeDelete.self, "exchange.delete", .client),
        .init(ExchangeDeleteOK.self, "exchange.delete-ok", .server),
        .init(ExchangeBind.self, "exchange.bind", .client),
        .init(ExchangeBindOK.self, "exchange.bind-ok", .server),
        .init(ExchangeUnbind.self, "exchange.unbind", .client),
        .init(ExchangeUnbindOK.self, "exchange.unbind-ok", .server),
        .init(QueueDeclare.self, "queue.declare", .client),
        .init(QueueDeclareOK.self, "queue.declare-ok", .server),
        .init(QueueBind.self, "queue.bind", .client),
        .init(QueueBindOK.self, "queue.bind-ok", .server),
        .init(QueuePurge.self, "queue.purge", .client),
        .init(QueuePurgeOK.self, "queue.purge-ok", .server),
        .init(QueueDelete.self, "queue.delete", .client),
        .init(QueueDeleteOK.self, "queue.delete-ok", .server),
        .init(QueueUnbind.self, "queue.unbind", .client),
        .init(QueueUnbindOK.self, "queue.unbind-ok", .server),
        .init(BasicQos.self, "basic.qos", .client),
        .init(BasicQosOK.self, "basic.qos-ok", .server),
        .init(BasicConsume.self, "basic.consume", .client),
        .init(BasicConsumeOK.self, "basic.consume-ok", .server),
        .init(BasicCancel.self, "basic.cancel", .both),
        .init(BasicCancelOK.self, "basic.cancel-ok", .both),
        .init(BasicGet.self, "basic.get", .client),
        .init(BasicGetEmpty.self, "basic.get-empty", .server),
        .init(BasicAck.self, "basic.ack", .both),
        .init(BasicReject.self, "basic.reject", .client),
        .init(BasicRecoverAsync.self, "basic.recover-async", .client),
        .init(BasicRecover.self, "basic.recover", .client),
        .init(BasicRecoverOK.self, "basic.recover-ok", .server),
        .init(BasicNack.self, "basic.nack", .both),
        .init(BasicPublish.self, "basic.publish", .client, carriesContent: true),
        .init(BasicReturn.self, "basic.return", .server, carriesContent: true),
        .init(BasicDeliver.self, "basic.deliver", .server, carriesContent: true),
        .init(BasicGetOK.self, "basic.get-ok", .server, carriesContent: true),
        .init(ConfirmSelect.self, "confirm.select", .client),
        .init(ConfirmSelectOK.self, "confirm.select-ok", .server),
        .init(TxSelect.self, "tx.select", .client),
        .init(TxSelectOK.self, "tx.select-ok", .server),
        .init(TxCommit.self, "tx.commit", .client),
        .init(TxCommitOK.self, "tx.commit-ok", .server),
        .init(TxRollback.self, "tx.rollback", .client),
        .init(TxRollbackOK.self, "tx.rollback-ok", .server),
    ]

    private static let byID: [MethodID: MethodDescription] = Dictionary(
        all.map { ($0.id, $0) }, uniquingKeysWith: { _, _ in preconditionFailure("a method is listed twice") })

    /// The row of `id`, or nil when there is no such method.
    public static func description(of id: MethodID) -> MethodDescription? { byID[id] }

    /// Decodes any method. An unknown one → `FrameError.unknownMethod`.
    public static func decode(_ id: MethodID, arguments: ByteSlice) throws(FrameError) -> any AMQPMethod {
        guard let row = byID[id] else { throw .unknownMethod(id) }
        return try row.decode(arguments)
    }
}
