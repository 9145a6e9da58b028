// A broker without sockets: clients whose output is decoded back into events, time that moves when told to.
// Every test of the broker begins here.

import Wire

#if canImport(Glibc)
import Glibc
#endif

@testable import Engine

/// What a client has received.
enum ClientEvent: Equatable {
    case deliver(consumer: String, tag: UInt64, redelivered: Bool, key: String, body: String)
    case getOK(tag: UInt64, redelivered: Bool, body: String, left: UInt32)
    case getEmpty
    case returned(code: UInt16, key: String, body: String)
    case ack(UInt64, multiple: Bool)
    case nack(UInt64)
    case cancel(String)
    case heartbeat

    var body: String? {
        switch self {
        case .deliver(_, _, _, _, let body), .getOK(_, _, let body, _), .returned(_, _, let body): body
        default: nil
        }
    }

    var tag: UInt64? {
        switch self {
        case .deliver(_, let tag, _, _, _), .getOK(let tag, _, _, _): tag
        default: nil
        }
    }
}

/// Bytes of a literal that may be borrowed for as long as the test runs: never freed.
struct Borrowed {
    let slice: ByteSlice

    init(_ text: String) {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        memory.copyMemory(from: bytes, byteCount: bytes.count)
        slice = ByteSlice(base: memory, count: bytes.count)
    }
}

final class BrokerFixture {
    let context: EngineContext
    let broker: Broker
    private var nowMilliseconds: Int64 = 0

    init(
        journal: Bool = false, wallMilliseconds: Int64 = 1_700_000_000_000,
        _ configure: (EngineConfiguration) -> Void = { _ in }
    ) {
        let configuration = EngineConfiguration()
        configure(configuration)
        context = EngineContext(configuration: configuration)
        broker = Broker(context: context)
        wall = wallMilliseconds
        advance(1_000)
        if journal { context.journal.begin(epoch: 1, at: 64) }
    }

    private var wall: Int64

    /// Lets time pass, then runs a turn.
    func advance(_ milliseconds: Int64) {
        nowMilliseconds += milliseconds
        wall += milliseconds
        context.time.advance(monotonicMicroseconds: nowMilliseconds * 1000, wallMicroseconds: wall * 1000)
        turn()
    }

    /// What the server does at the end of a turn. Repeats while the broker wants the next one at once.
    func turn() {
        for _ in 0..<10_000 {
            broker.tick()
            broker.endTurn()
            guard let next = broker.nextDeadline, next <= context.time.monotonicMilliseconds else { return }
        }
        preconditionFailure("the broker never comes to rest")
    }

    var host: VirtualHost { broker.virtualHost(Borrowed("/").slice)! }

    func client(frameBytesMax: Int = 131_072, isNudged: Bool = false) -> BrokerClient {
        BrokerClient(self, frameBytesMax: frameBytesMax, isNudged: isNudged)
    }

    func queue(_ name: String) -> Queue? { host.queue(Borrowed(name).slice) }

    /// Checks every queue from inside.
    func checkInvariants() { for queue in broker.queuesByNumber.values { queue.checkInvariants() } }
}

/// One connection with one channel (more on demand).
final class BrokerClient {
    let fixture: BrokerFixture
    let output: OutputQueue
    let connection: BrokerConnection
    let channel: BrokerChannel
    private var channels: UInt16 = 1

    init(_ fixture: BrokerFixture, frameBytesMax: Int, isNudged: Bool) {
        self.fixture = fixture
        output = OutputQueue(flushList: fixture.context.flushList)
        connection = fixture.broker.openConnection(
            virtualHost: fixture.host, output: output, name: "test", user: "guest", frameBytesMax: frameBytesMax)
        connection.capabilities = [.consumerCancelNotify, .basicNack]
        if isNudged { connection.capabilities.insert(.nudges) }
        channel = connection.openChannel(1)
    }

    func anotherChannel() -> BrokerChannel {
        channels += 1
        return connection.openChannel(channels)
    }

    // MARK: Requests

    @discardableResult
    func declare(
        _ name: String, durable: Bool = false, exclusive: Bool = false, autoDelete: Bool = false,
        passive: Bool = false, _ arguments: FieldTable = [:]
    ) throws -> QueueStatus {
        let name = Borrowed(name)
        let table = arguments.encoded
        return try withExtendedLifetime(name) {
            try table.withUnsafeBytes { bytes in
                try channel.declareQueue(
                    QueueDeclare(
                        queue: name.slice, passive: passive, durable: durable, exclusive: exclusive,
                        autoDelete: autoDelete, arguments: ByteSlice(bytes)))
            }
        }
    }

    func exchange(
        _ name: String, _ type: String, durable: Bool = false, autoDelete: Bool = false, isInternal: Bool = false,
        passive: Bool = false, _ arguments: FieldTable = [:]
    ) throws {
        let name = Borrowed(name)
        let type = Borrowed(type)
        let table = arguments.encoded
        try withExtendedLifetime((name, type)) {
            try table.withUnsafeBytes { bytes in
                try channel.declareExchange(
                    ExchangeDeclare(
                        exchange: name.slice, type: type.slice, passive: passive, durable: durable,
                        autoDelete: autoDelete, isInternal: isInternal, arguments: ByteSlice(bytes)))
            }
        }
    }

    func bind(_ queue: String, _ exchange: String, _ key: String = "", _ arguments: FieldTable = [:]) throws {
        let (queue, exchange, key) = (Borrowed(queue), Borrowed(exchange), Borrowed(key))
        let table = arguments.encoded
        try withExtendedLifetime((queue, exchange, key)) {
            try table.withUnsafeBytes { bytes in
                try channel.bindQueue(
                    QueueBind(
                        queue: queue.slice, exchange: exchange.slice, routingKey: key.slice,
                        arguments: ByteSlice(bytes)))
            }
        }
    }

    func unbind(_ queue: String, _ exchange: String, _ key: String = "", _ arguments: FieldTable = [:]) throws {
        let (queue, exchange, key) = (Borrowed(queue), Borrowed(exchange), Borrowed(key))
        let table = arguments.encoded
        try withExtendedLifetime((queue, exchange, key)) {
            try table.withUnsafeBytes { bytes in
                try channel.unbindQueue(
                    QueueUnbind(
                        queue: queue.slice, exchange: exchange.slice, routingKey: key.slice,
                        arguments: ByteSlice(bytes)))
            }
        }
    }

    func bindExchange(_ destination: String, _ source: String, _ key: String = "") throws {
        let (destination, source, key) = (Borrowed(destination), Borrowed(source), Borrowed(key))
        try withExtendedLifetime((destination, source, key)) {
            try channel.bindExchange(
                ExchangeBind(
                    destination: destination.slice, source: source.slice, routingKey: key.slice, arguments: .empty))
        }
    }

    func deleteQueue(_ name: String, ifUnused: Bool = false, ifEmpty: Bool = false) throws -> UInt32 {
        try withExtendedLifetime(Borrowed(name)) {
            let method = QueueDelete(queue: $0.slice, ifUnused: ifUnused, ifEmpty: ifEmpty)
            guard let queue = try channel.queueToDelete(method) else { return 0 }
            defer { channel.delete(queue) }
            return UInt32(queue.ready.count)
        }
    }

    func deleteExchange(_ name: String, ifUnused: Bool = false) throws {
        try withExtendedLifetime(Borrowed(name)) {
            try channel.deleteExchange(ExchangeDelete(exchange: $0.slice, ifUnused: ifUnused))
        }
    }

    @discardableResult
    func purge(_ name: String) throws -> UInt32 {
        try withExtendedLifetime(Borrowed(name)) { try channel.purgeQueue(QueuePurge(queue: $0.slice)) }
    }

    /// Publishes as a session does: fills in what the properties say.
    func publish(
        _ body: String, to key: String, exchange: String = "", mandatory: Bool = false,
        on other: BrokerChannel? = nil, _ properties: BasicProperties = BasicProperties()
    ) throws {
        let (exchange, key) = (Borrowed(exchange), Borrowed(key))
        let list = properties.encoded
        let bytes = Array(body.utf8)
        let message = withExtendedLifetime((exchange, key)) {
            list.withUnsafeBytes {
                Message.make(
                    exchange: exchange.slice, routingKey: key.slice, properties: ByteSlice($0),
                    bodyBytes: bytes.count)
            }
        }
        bytes.withUnsafeBytes { message.writeBody(ByteSlice($0), at: 0) }
        message.header.isPersistent = properties.deliveryMode == 2
        message.header.priority = properties.priority ?? 0
        if let expiration = properties.expiration {
            message.header.expirationMilliseconds = Int64(String(decoding: expiration, as: UTF8.self))!
        }
        try (other ?? channel).publish(message, mandatory: mandatory)
    }

    @discardableResult
    func consume(
        _ queue: String, tag: String = "", noAck: Bool = false, exclusive: Bool = false,
        on other: BrokerChannel? = nil, _ arguments: FieldTable = [:]
    ) throws -> String {
        let (queue, tag) = (Borrowed(queue), Borrowed(tag))
        let table = arguments.encoded
        return try withExtendedLifetime((queue, tag)) {
            try table.withUnsafeBytes { bytes in
                try (other ?? channel).consume(
                    BasicConsume(
                        queue: queue.slice, consumerTag: tag.slice, noAck: noAck, exclusive: exclusive,
                        arguments: ByteSlice(bytes))
                ).string
            }
        }
    }

    func cancel(_ tag: String) { withExtendedLifetime(Borrowed(tag)) { channel.cancel($0.slice) } }

    func prefetch(_ count: UInt16, global: Bool = false) throws {
        try channel.setPrefetch(BasicQos(prefetchBytes: 0, prefetchCount: count, isGlobal: global))
    }

    func get(_ queue: String, noAck: Bool = true) throws -> ClientEvent {
        try withExtendedLifetime(Borrowed(queue)) { try channel.get(BasicGet(queue: $0.slice, noAck: noAck)) }
        let events = received()
        precondition(events.count == 1, "more than one answer to a get: \(events)")
        return events[0]
    }

    /// Bodies of everything that can be fetched.
    func drain(_ queue: String) throws -> [String] {
        var bodies: [String] = []
        while case .getOK(_, _, let body, _) = try get(queue) { bodies.append(body) }
        return bodies
    }

    // MARK: What came back

    /// Headers of the last content received.
    private(set) var lastProperties = BasicProperties()
    /// Exchange of the last content received.
    private(set) var lastExchange = ""

    /// Runs a turn and decodes everything written since the last call.
    func next() -> [ClientEvent] {
        fixture.turn()
        return received()
    }

    func received() -> [ClientEvent] {
        var bytes: [UInt8] = []
        while !output.isEmpty {
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: 64) { vectors in
                let count = output.gather(into: vectors)
                var total = 0
                for index in 0..<count {
                    bytes.append(
                        contentsOf: UnsafeRawBufferPointer(
                            start: vectors[index].iov_base, count: vectors[index].iov_len))
                    total += vectors[index].iov_len
                }
                output.consume(total)
            }
        }
        _ = fixture.context.flushList.takePending()
        return bytes.withUnsafeBytes { decode(ByteSlice($0)) }
    }

    private func decode(_ bytes: ByteSlice) -> [ClientEvent] {
        var events: [ClientEvent] = []
        var cursor = ByteCursor(bytes)
        var pending: (any AMQPMethod)?
        var size = 0
        var body: [UInt8] = []
        func finish() {
            let text = String(decoding: body, as: UTF8.self)
            switch pending {
            case let method as BasicDeliver:
                lastExchange = method.exchange.string
                events.append(
                    .deliver(
                        consumer: method.consumerTag.string, tag: method.deliveryTag,
                        redelivered: method.redelivered, key: method.routingKey.string, body: text))
            case let method as BasicGetOK:
                lastExchange = method.exchange.string
                events.append(
                    .getOK(
                        tag: method.deliveryTag, redelivered: method.redelivered, body: text,
                        left: method.messageCount))
            case let method as BasicReturn:
                events.append(.returned(code: method.replyCode, key: method.routingKey.string, body: text))
            default: preconditionFailure("content without a method")
            }
            pending = nil
            body = []
        }
        while let frame = try! AMQPFrame.next(&cursor, frameBytesMax: connection.frameBytesMax) {
            switch frame.type {
            case FrameType.method:
                precondition(pending == nil, "method inside content")
                let (id, arguments) = try! frame.method()
                let method = try! MethodTable.decode(id, arguments: arguments)
                switch method {
                case let ack as BasicAck: events.append(.ack(ack.deliveryTag, multiple: ack.multiple))
                case let nack as BasicNack: events.append(.nack(nack.deliveryTag))
                case let cancel as BasicCancel: events.append(.cancel(cancel.consumerTag.string))
                case is BasicGetEmpty: events.append(.getEmpty)
                default: pending = method
                }
            case FrameType.header:
                let header = try! ContentHeader(frame)
                size = Int(header.bodyBytes)
                lastProperties = try! BasicProperties(header.properties)
                if size == 0 { finish() }
            case FrameType.heartbeat: events.append(.heartbeat)
            default:
                body.append(contentsOf: frame.payload.buffer)
                if body.count == size { finish() }
            }
        }
        precondition(cursor.remaining == 0 && pending == nil, "output ends inside a frame")
        return events
    }

    /// Bodies of deliveries after a turn.
    func bodies() -> [String] { next().compactMap(\.body) }
}

/// The `BrokerError` that `body` throws; nil when it succeeds.
func failure(_ body: () throws -> Void) -> BrokerError? {
    do {
        try body()
        return nil
    } catch {
        return error as? BrokerError
    }
}
