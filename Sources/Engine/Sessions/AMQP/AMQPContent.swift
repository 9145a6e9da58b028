// A publish from its method to the message: method, content header and body frames, each of which may come in
// another read and between frames of other channels.
// The common case, all three in the buffer and the body in one frame, goes through without keeping anything
// but the message. What is kept otherwise stands in the channel.
// Loop thread only; the hot path. Next: ../../Broker/Channel (what becomes of the message).

import Wire

/// A publish that waits for more frames. Owns what it keeps.
final class IncomingContent {
    enum Stage {
        /// The method has come.
        case header
        /// The message stands and takes the body's parts.
        case body(Message)
        /// A large body grows as it comes; the message is made at its end.
        case largeBody(GrowingBody)
    }

    let exchange: ByteString
    let routingKey: ByteString
    let mandatory: Bool
    var stage = Stage.header
    /// Of the body, so far.
    var receivedBytes = 0
    var bodyBytes = 0

    init(_ publish: BasicPublish) {
        exchange = ByteString(publish.exchange)
        routingKey = ByteString(publish.routingKey)
        mandatory = publish.mandatory
    }

    /// A method came where content should go on.
    var unexpectedMethod: AMQPFailure {
        if case .header = stage { .contentHeaderExpected() } else { .contentBodyExpected() }
    }
}

/// Properties and as much of a large body as has come: memory follows the peer's bytes, not its promises.
final class GrowingBody {
    let properties: [UInt8]
    private var bytes: [UInt8] = []

    init(properties: ByteSlice) {
        self.properties = properties.array
    }

    func append(_ part: ByteSlice) { bytes.append(contentsOf: part.buffer) }

    func makeMessage(exchange: ByteSlice, routingKey: ByteSlice) -> Message {
        let message = properties.withSlice {
            Message.make(exchange: exchange, routingKey: routingKey, properties: $0, bodyBytes: bytes.count)
        }
        bytes.withSlice { message.writeBody($0, at: 0) }
        return message
    }
}

extension AMQPSession {
    /// `basic.publish`. Takes header and body along when they are there already.
    @inline(__always)
    func publish(
        _ frame: AMQPFrame, _ channel: AMQPChannel, _ broker: BrokerChannel, _ cursor: inout ByteCursor
    ) throws(AMQPFailure) {
        let publish = try decode(BasicPublish.self, frame)
        guard !publish.immediate else { throw AMQPFailure(.immediate, method: .basicPublish) }
        let mark = cursor
        if sessions.hasAlarm {
            // The publish has begun; its content waits where it is.
            channel.content = IncomingContent(publish)
            return block()
        }
        if let header = try nextFrame(&cursor), header.type == FrameType.header, header.channel == channel.number {
            let content = try contentHeader(header)
            let bodyBytes = Int(truncatingIfNeeded: content.bodyBytes)
            if bodyBytes == 0 {
                return try finish(
                    .make(
                        exchange: publish.exchange, routingKey: publish.routingKey, properties: content.properties,
                        bodyBytes: 0),
                    mandatory: publish.mandatory, to: broker)
            }
            if let body = try nextFrame(&cursor), body.type == FrameType.body, body.channel == channel.number,
                body.payload.count == bodyBytes
            {
                let message = Message.make(
                    exchange: publish.exchange, routingKey: publish.routingKey, properties: content.properties,
                    bodyBytes: bodyBytes)
                message.writeBody(body.payload, at: 0)
                return try finish(message, mandatory: publish.mandatory, to: broker)
            }
        }
        // Not all there, or in several frames: frame by frame from here.
        cursor = mark
        channel.content = IncomingContent(publish)
    }

    /// A header or body frame of a channel.
    func takeContent(_ channel: AMQPChannel, _ broker: BrokerChannel, _ frame: AMQPFrame) throws(AMQPFailure) {
        guard let content = channel.content else { throw .methodExpected() }
        switch content.stage {
        case .header:
            guard frame.type == FrameType.header else { throw .contentHeaderExpected() }
            try takeHeader(try contentHeader(frame), content, channel)
        case .body(let message):
            guard frame.type == FrameType.body else { throw .contentBodyExpected() }
            let offset = content.receivedBytes
            try count(frame.payload, content)
            message.writeBody(frame.payload, at: offset)
            if content.receivedBytes == content.bodyBytes {
                channel.content = nil
                try finish(message, mandatory: content.mandatory, to: broker)
            }
        case .largeBody(let body):
            guard frame.type == FrameType.body else { throw .contentBodyExpected() }
            try count(frame.payload, content)
            body.append(frame.payload)
            if content.receivedBytes == content.bodyBytes {
                // While the channel still holds the content, and with it the names.
                let message = body.makeMessage(exchange: content.exchange.slice, routingKey: content.routingKey.slice)
                channel.content = nil
                try finish(message, mandatory: content.mandatory, to: broker)
            }
        }
    }

    private func takeHeader(
        _ header: ContentHeader, _ content: IncomingContent, _ channel: AMQPChannel
    ) throws(AMQPFailure) {
        content.bodyBytes = Int(truncatingIfNeeded: header.bodyBytes)
        guard content.bodyBytes <= Limits.amqpBodyUpFrontBytesMax else {
            content.stage = .largeBody(GrowingBody(properties: header.properties))
            return
        }
        let message = Message.make(
            exchange: content.exchange.slice, routingKey: content.routingKey.slice, properties: header.properties,
            bodyBytes: content.bodyBytes)
        content.stage = .body(message)
        if content.bodyBytes == 0, let broker = channel.broker {
            channel.content = nil
            try finish(message, mandatory: content.mandatory, to: broker)
        }
    }

    private func count(_ part: ByteSlice, _ content: IncomingContent) throws(AMQPFailure) {
        guard part.count <= content.bodyBytes - content.receivedBytes else {
            throw .bodyTooLong(announcedBytes: content.bodyBytes)
        }
        content.receivedBytes += part.count
    }

    /// Decodes a header frame and checks what can be refused before the body has come.
    @inline(__always)
    private func contentHeader(_ frame: AMQPFrame) throws(AMQPFailure) -> ContentHeader {
        let header: ContentHeader
        do throws(FrameError) {
            header = try ContentHeader(frame)
        } catch {
            throw AMQPFailure(error, payload: frame.payload)
        }
        guard header.classID == 60 else { throw .contentHeaderOfOtherClass(header.classID) }
        guard header.weight == 0 else { throw .contentHeaderExpected() }
        let bytesMax = context.configuration.messageBytesMax
        guard header.bodyBytes <= UInt64(bytesMax) else {
            throw AMQPFailure(
                .messageTooLarge(size: Int(clamping: header.bodyBytes), max: bytesMax), method: .basicPublish)
        }
        return header
    }

    /// The message is whole: what routing and expiry need is read from its properties, once.
    @inline(__always)
    private func finish(_ message: Message, mandatory: Bool, to broker: BrokerChannel) throws(AMQPFailure) {
        let properties: BasicPropertiesView
        do throws(FrameError) {
            properties = try BasicPropertiesView(message.properties)
        } catch {
            throw AMQPFailure(error, payload: .empty)
        }
        message.header.isPersistent = properties.isPersistent
        message.header.priority = properties.priority
        if properties.flags & Self.checkedProperties != 0 { try check(properties, of: message) }
        do throws(BrokerError) {
            try broker.publish(message, mandatory: mandatory)
        } catch {
            throw AMQPFailure(error, method: .basicPublish)
        }
        if context.journal.isCongested || sessions.hasAlarm { block() }
    }

    @inline(__always)
    private static var checkedProperties: UInt16 {
        BasicProperty.headers.rawValue | BasicProperty.deliveryMode.rawValue | BasicProperty.expiration.rawValue
            | BasicProperty.userID.rawValue
    }

    /// Properties that a publisher can get wrong.
    private func check(_ properties: BasicPropertiesView, of message: Message) throws(AMQPFailure) {
        do throws(FrameError) {
            try properties.validateHeaders()
        } catch {
            throw AMQPFailure(error, method: .basicPublish)
        }
        if let name = properties.userID, let user, name != user.name.slice {
            throw .foreignUserID(name, of: user.name.slice)
        }
        do throws(BrokerError) {
            if let text = properties.expiration {
                message.header.expirationMilliseconds = try MessageExpiration.parse(text)
            }
            if properties.has(.deliveryMode), !(1...2 ~= properties.deliveryMode) {
                throw BrokerError.invalidMessage("{delivery_mode_unknown,\(properties.deliveryMode)}")
            }
        } catch {
            throw AMQPFailure(error, method: .basicPublish)
        }
    }
}
