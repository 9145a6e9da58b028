// The broker's side of one AMQP connection: what its channels share. The session makes it when the client has
// opened a virtual host and closes it when the connection ends, however it ends.
// Loop thread only. Next: BrokerChannel.swift.

import Wire

/// What the client said it understands, or is known to need, of what matters to the broker.
struct ClientCapabilities: OptionSet {
    let rawValue: UInt8
    /// Wants `basic.cancel` when its queue goes.
    static let consumerCancelNotify = ClientCapabilities(rawValue: 1)
    /// Understands `basic.nack` from the server.
    static let basicNack = ClientCapabilities(rawValue: 2)
    /// Understands `connection.blocked`.
    static let connectionBlocked = ClientCapabilities(rawValue: 4)
    /// May sleep over acknowledgements: wants to be woken. Nobody announces it; see Channel/ChannelNudge.swift.
    static let nudges = ClientCapabilities(rawValue: 8)
}

/// One open connection.
public final class BrokerConnection {
    public let id: UInt64
    let broker: Broker
    let virtualHost: VirtualHost
    let output: OutputQueue
    /// `peerhost:port -> localhost:port`.
    public let name: String
    public let user: String
    /// Negotiated; 0: no limit.
    let frameBytesMax: Int
    /// Set before the first channel is opened.
    var capabilities: ClientCapabilities = []
    /// The client's properties, a table without its length; for inspection.
    var clientProperties: [UInt8] = []
    let openedWallMilliseconds: Int64
    let usage: UserUsage

    private(set) var channels: [UInt16: BrokerChannel] = [:]
    /// Queues that end with the connection.
    var exclusiveQueues: [Queue] = []
    /// Consumers that wait for the output to drain.
    private var waitingForOutput: [Consumer] = []
    private(set) var isClosed = false
    /// Asks the session to close with 320; set by the session, for inspection commands.
    var closeRequest: ((String) -> Void)?
    /// Closes a channel with an error that none of its methods has brought about; set by the session.
    var failChannel: ((BrokerChannel, BrokerError) -> Void)?
    /// A fetch of this connection waits for the disk: no method may be taken in before it is answered.
    var isWaitingForRead = false {
        didSet { if isWaitingForRead != oldValue { waitingForReadChanged?(isWaitingForRead) } }
    }
    /// Set by the session, which stops and resumes reading.
    var waitingForReadChanged: ((Bool) -> Void)?

    init(
        id: UInt64, broker: Broker, virtualHost: VirtualHost, output: OutputQueue, name: String, user: String,
        frameBytesMax: Int
    ) {
        self.id = id
        self.broker = broker
        self.virtualHost = virtualHost
        self.output = output
        self.name = name
        self.user = user
        self.frameBytesMax = frameBytesMax
        openedWallMilliseconds = broker.context.time.wallMilliseconds
        usage = ByteString(user).withUsage(of: broker)
        usage.connectionCount += 1
        virtualHost.connectionCount += 1
    }

    /// Opens a channel; the number is not in use.
    func openChannel(_ number: UInt16) -> BrokerChannel {
        precondition(channels[number] == nil && !isClosed, "channel opened twice")
        let channel = BrokerChannel(number: number, connection: self)
        channels[number] = channel
        usage.channelCount += 1
        broker.events?.channelCreated(channel)
        return channel
    }

    func forget(_ channel: BrokerChannel) {
        channels[channel.number] = nil
        usage.channelCount -= 1
        broker.events?.channelClosed(channel)
    }

    /// Releases everything: channels give back what they hold, exclusive queues go.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        isWaitingForRead = false
        for channel in channels.values.sorted(by: { $0.number < $1.number }) { channel.close() }
        let queues = exclusiveQueues
        exclusiveQueues = []
        for queue in queues where !queue.isDeleted { virtualHost.deleteQueue(queue) }
        waitingForOutput = []
        usage.connectionCount -= 1
        virtualHost.connectionCount -= 1
        broker.forget(self)
        broker.events?.connectionClosed(self)
    }

    // MARK: Back-pressure

    /// The consumer found the output congested; it has left its queue's circle.
    func waitForOutput(_ consumer: Consumer) {
        guard !consumer.waitsForOutput else { return }
        consumer.waitsForOutput = true
        waitingForOutput.append(consumer)
    }

    /// The output is no longer congested: deliveries go on.
    func outputDrained() {
        guard !waitingForOutput.isEmpty else { return }
        let consumers = waitingForOutput
        waitingForOutput = []
        for consumer in consumers {
            consumer.waitsForOutput = false
            if !consumer.isCancelled { consumer.queue.activate(consumer) }
        }
    }
}

extension ByteString {
    /// Lives until the user is found.
    fileprivate func withUsage(of broker: Broker) -> UserUsage { broker.usage(of: slice) }
}
