// One channel as the event loop sees it: calls that await their answer, consumers, confirms, and content
// that is coming in.
// Event loop only. Next: AMQPConnectionHandler.swift (feeds it), AMQPChannel.swift (its user's side).

import NIOCore
import Wire

/// An answer that is awaited: which methods are one, and what to do with its arguments.
struct PendingCall {
    let replies: [MethodID]
    /// Called once, with borrowed arguments, or with the reason why none will come.
    let complete: (Result<(MethodID, ByteSlice), AMQPClientError>) throws -> Void
    /// For `get`: called instead when the answer is a message.
    var completeGet: ((AMQPDelivery) -> Void)?
}

/// State of one open channel.
final class ChannelState {
    let number: UInt16
    private unowned let connection: AMQPConnectionHandler
    private var calls = CircularBuffer<PendingCall>()
    private var consumers: [String: DeliveryBuffer] = [:]
    private var confirms = Confirms()
    private var content: IncomingContent?
    private(set) var isConfirming = false
    /// Why nothing can be done on it any more.
    private(set) var closeError: AMQPClientError?
    /// `channel.close` is sent: only its answer counts.
    private var isClosing = false
    var onReturn: (@Sendable (AMQPReturn) -> Void)?

    init(number: UInt16, connection: AMQPConnectionHandler) {
        self.number = number
        self.connection = connection
    }

    /// Whether somebody waits for bytes of the server other than deliveries.
    var awaitsAnswer: Bool { !calls.isEmpty || !confirms.isEmpty }

    // MARK: From the user's side

    func enqueue(_ call: PendingCall) { calls.append(call) }

    func startConfirming() { isConfirming = true }

    func startClosing() { isClosing = true }

    func addConsumer(_ tag: String, _ buffer: DeliveryBuffer) { consumers[tag] = buffer }

    /// Returns whether the consumer was there.
    func removeConsumer(_ tag: String) -> Bool { consumers.removeValue(forKey: tag) != nil }

    func notePublish(_ pending: Confirms.Pending) { confirms.publish(pending) }

    // MARK: From the server

    func receive(_ id: MethodID, _ arguments: ByteSlice) throws {
        if isClosing, id != .channelCloseOK, id != .channelClose { return }
        if let first = calls.first, first.replies.contains(id) {
            if id == .basicGetOK {
                content = IncomingContent(try .get(BasicGetOK(arguments: arguments)))
                return
            }
            _ = calls.removeFirst()
            return try first.complete(.success((id, arguments)))
        }
        switch id {
        case .basicDeliver: content = IncomingContent(try .deliver(BasicDeliver(arguments: arguments)))
        case .basicReturn: content = IncomingContent(try .returned(BasicReturn(arguments: arguments)))
        case .basicAck:
            let ack = try BasicAck(arguments: arguments)
            for publish in confirms.settle(ack.deliveryTag, multiple: ack.multiple) {
                if let error = publish.returned { publish.promise.fail(error) } else { publish.promise.succeed() }
            }
        case .basicNack:
            let nack = try BasicNack(arguments: arguments)
            for publish in confirms.settle(nack.deliveryTag, multiple: nack.multiple) {
                publish.promise.fail(AMQPClientError.publishRefused)
            }
        case .basicCancel:
            let cancel = try BasicCancel(arguments: arguments)
            consumers.removeValue(forKey: cancel.consumerTag.string)?.finish(.success(()))
            if !cancel.noWait {
                connection.send(channel: number, BasicCancelOK(consumerTag: cancel.consumerTag))
            }
        case .channelFlow:
            let flow = try ChannelFlow(arguments: arguments)
            connection.send(channel: number, ChannelFlowOK(active: flow.active))
        case .channelClose:
            let close = try ChannelClose(arguments: arguments)
            connection.send(channel: number, ChannelCloseOK())
            connection.remove(self)
            end(.channelClosed(code: close.replyCode, text: close.replyText.string))
        default:
            throw AMQPClientError.protocolViolation("\(id.name) was not asked for")
        }
    }

    func receiveHeader(_ header: ContentHeader) throws {
        if isClosing { return }
        guard content != nil, content?.bodyBytes == nil else {
            throw AMQPClientError.protocolViolation("a content header without its method")
        }
        guard header.bodyBytes <= Int32.max else { throw AMQPClientError.protocolViolation("a body of 2 GiB") }
        content?.properties = try BasicProperties(header.properties)
        content?.bodyBytes = Int(header.bodyBytes)
        if header.bodyBytes == 0 { try finishContent() }
    }

    func receiveBody(_ part: ByteSlice) throws {
        if isClosing { return }
        guard let bodyBytes = content?.bodyBytes, part.count <= bodyBytes - content!.body.readableBytes else {
            throw AMQPClientError.protocolViolation("a body without or beyond its header")
        }
        content?.body.writeBytes(part.buffer)
        if content?.body.readableBytes == bodyBytes { try finishContent() }
    }

    private func finishContent() throws {
        guard let whole = content else { return }
        content = nil
        let channel = connection.handle(of: self)
        switch whole.method {
        case .deliver(let deliver):
            let delivery = AMQPDelivery(
                consumerTag: deliver.consumerTag, deliveryTag: deliver.deliveryTag, redelivered: deliver.redelivered,
                exchange: deliver.exchange, routingKey: deliver.routingKey, properties: whole.properties,
                body: whole.body, messageCount: 0, channel: channel)
            connection.noteBuffered(1)
            // Nobody is left to take it: it stays unacknowledged until the cancel is through, then goes back.
            if consumers[deliver.consumerTag]?.push(delivery) != true {
                connection.noteBuffered(-1)
                connection.send(
                    channel: number, BasicReject(deliveryTag: deliver.deliveryTag, requeue: true))
            }
        case .get(let get):
            guard let call = calls.popFirst(), let complete = call.completeGet else {
                throw AMQPClientError.protocolViolation("basic.get-ok was not asked for")
            }
            complete(
                AMQPDelivery(
                    consumerTag: "", deliveryTag: get.deliveryTag, redelivered: get.redelivered,
                    exchange: get.exchange, routingKey: get.routingKey, properties: whole.properties,
                    body: whole.body, messageCount: get.messageCount, channel: channel))
        case .returned(let code, let text, let exchange, let routingKey):
            let error = AMQPClientError.returned(code: code, text: text)
            if confirms.noteReturn(error, exchange: exchange, routingKey: routingKey) { return }
            onReturn?(
                AMQPReturn(
                    replyCode: code, replyText: text, exchange: exchange, routingKey: routingKey,
                    properties: whole.properties, body: whole.body))
        }
    }

    /// Nothing more will happen on it: everybody who waits is told why.
    func end(_ error: AMQPClientError) {
        if closeError == nil { closeError = error }
        while let call = calls.popFirst() { try? call.complete(.failure(error)) }
        for publish in confirms.removeAll() { publish.promise.fail(error) }
        let buffers = consumers.values
        consumers = [:]
        for buffer in buffers { buffer.finish(.failure(error)) }
    }
}

/// A message whose frames are coming in.
private struct IncomingContent {
    enum Method {
        case deliver(Deliver)
        case get(Get)
        case returned(code: UInt16, text: String, exchange: String, routingKey: String)

        static func deliver(_ method: BasicDeliver) -> Method {
            .deliver(
                Deliver(
                    consumerTag: method.consumerTag.string, deliveryTag: method.deliveryTag,
                    redelivered: method.redelivered, exchange: method.exchange.string,
                    routingKey: method.routingKey.string))
        }

        static func get(_ method: BasicGetOK) -> Method {
            .get(
                Get(
                    deliveryTag: method.deliveryTag, redelivered: method.redelivered,
                    exchange: method.exchange.string, routingKey: method.routingKey.string,
                    messageCount: method.messageCount))
        }

        static func returned(_ method: BasicReturn) -> Method {
            .returned(
                code: method.replyCode, text: method.replyText.string, exchange: method.exchange.string,
                routingKey: method.routingKey.string)
        }
    }

    struct Deliver {
        let consumerTag: String
        let deliveryTag: UInt64
        let redelivered: Bool
        let exchange: String
        let routingKey: String
    }

    struct Get {
        let deliveryTag: UInt64
        let redelivered: Bool
        let exchange: String
        let routingKey: String
        let messageCount: UInt32
    }

    let method: Method
    var properties = BasicProperties()
    /// nil until the content header has come.
    var bodyBytes: Int?
    var body = ByteBuffer()

    init(_ method: Method) { self.method = method }
}
