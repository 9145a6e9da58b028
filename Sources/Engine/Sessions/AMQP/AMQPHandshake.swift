// From the protocol header to `connection.open`: who the client is, what both sides agree on, which virtual
// host it enters. Methods of channel 0 in every phase.
// Whoever is not trusted yet is refused without a word after a pause: it learns nothing and cannot hurry.
// Next: AMQPAuthentication.swift (mechanisms), AMQPClosing.swift.

import Wire

extension AMQPSession {
    func begin() {
        setPhaseDeadline(after: Limits.amqpHandshakeMilliseconds)
    }

    /// Returns whether the header is there and frames may follow.
    func takeProtocolHeader(_ cursor: inout ByteCursor) -> Bool {
        // What some clients of 0-9 send stands for 0-9-1, as in RabbitMQ.
        if cursor.remaining >= Self.header09.count, cursor.rest.slice(from: 0, count: 8).array == Self.header09 {
            _ = try? cursor.readSlice(8)
            start()
            return true
        }
        switch ProtocolHeader.recognise(cursor.rest) {
        case .amqp091:
            _ = try? cursor.readSlice(AMQPConstants.protocolHeaderBytes)
            start()
            return true
        case .incomplete: return false
        case .unsupported:
            if cursor.remaining >= 4, cursor.remaining < 8, cursor.rest.slice(from: 0, count: 4).equals("AMQP") {
                return false
            }
            context.log(.warning, "peer is no AMQP 0-9-1 client", ("peer", connectionName))
            output.append(AMQPConstants.protocolHeader)
            end()
            return false
        }
    }

    private static let header09: [UInt8] = [0x41, 0x4D, 0x51, 0x50, 1, 1, 0, 9]

    private func start() {
        context.log(.debug, "accepting AMQP connection", ("peer", connectionName))
        output.append(sessions.startFrame)
        phase = .starting
    }

    /// A method on channel 0.
    func takeConnectionMethod(
        _ id: MethodID, _ arguments: ByteSlice, _ frame: AMQPFrame
    ) throws(AMQPFailure) {
        do throws(FrameError) {
            switch (phase, id) {
            case (.starting, .connectionStartOK): try startOK(ConnectionStartOK(arguments: arguments))
            case (.tuning, .connectionTuneOK): try tuneOK(ConnectionTuneOK(arguments: arguments))
            case (.opening, .connectionOpen):
                if let failure = try open(ConnectionOpen(arguments: arguments)) { return fail(failure, onChannel: 0) }
            case (.running, .connectionUpdateSecret):
                _ = try ConnectionUpdateSecret(arguments: arguments)
                // A password does not expire: there is nothing to renew.
                send(0, ConnectionUpdateSecretOK())
            case (.running, .connectionClose):
                closedByClient(try ConnectionClose(arguments: arguments))
            default:
                return fail(.unexpectedMethod(id, in: phase.name), onChannel: 0)
            }
        } catch {
            throw AMQPFailure(error, payload: frame.payload)
        }
    }

    // MARK: start-ok

    private func startOK(_ method: ConnectionStartOK) throws(FrameError) {
        let properties = FieldTableView(method.clientProperties)
        try properties.validate()
        client = ClientIdentity(properties)
        guard let mechanism = AMQPMechanism.named(method.mechanism) else {
            context.log(
                .warning, "unknown authentication mechanism", ("mechanism", method.mechanism.string),
                ("peer", connectionName))
            return refuse()
        }
        do throws(LoginError) {
            let (name, password) = try mechanism.credentials(method.response)
            user = try sessions.users.authenticate(name: name, password: password, fromLoopback: peer.isLoopback)
        } catch {
            return refuseLogin(error, mechanism)
        }
        self.mechanism = mechanism.name
        broker.events?.authenticated(user?.name.string ?? "", peerFacts, error: nil)
        phase = .tuning
        let settings = context.configuration
        send(
            0,
            ConnectionTune(
                channelMax: UInt16(clamping: settings.amqpChannelsMax),
                frameBytesMax: UInt32(clamping: settings.amqpFrameBytesMax),
                heartbeatSeconds: UInt16(clamping: settings.amqpHeartbeatSeconds)))
    }

    private func refuseLogin(_ error: LoginError, _ mechanism: AMQPMechanism) {
        context.log(
            .error, "login refused", ("mechanism", mechanism.name.description), ("reason", error.reason),
            ("peer", connectionName), ("client", client.name))
        self.mechanism = mechanism.name
        broker.events?.authenticated(error.user, peerFacts, error: error.eventText)
        var isMalformed = false
        if case .malformedCredentials = error { isMalformed = true }
        if client.wantsAuthenticationFailureClose, !isMalformed {
            let failure = AMQPFailure(
                reach: .connection, code: ReplyCode.accessRefused,
                "Login was refused using authentication mechanism \(mechanism.name). For details see the broker "
                    + "logfile.")
            sendClose(failure)
        }
        refuse()
    }

    // MARK: tune-ok

    private func tuneOK(_ method: ConnectionTuneOK) {
        let settings = context.configuration
        let frameBytes = Int(method.frameBytesMax)
        let channels = Int(method.channelMax)
        guard
            Self.isAgreeable(frameBytes, min: Limits.amqpFrameBytesMin, max: settings.amqpFrameBytesMax),
            Self.isAgreeable(channels, min: 1, max: settings.amqpChannelsMax)
        else {
            context.log(
                .warning, "connection.tune-ok asks for more than was offered", ("channel_max", "\(channels)"),
                ("frame_max", "\(frameBytes)"), ("peer", connectionName))
            return refuse()
        }
        frameBytesMax = frameBytes
        channelsMax = channels == 0 ? Int(UInt16.max) : channels
        heartbeatMilliseconds = Int64(method.heartbeatSeconds) * 1000
        phase = .opening
    }

    /// 0 means "no limit", which only a server without one agrees to.
    private static func isAgreeable(_ value: Int, min: Int, max: Int) -> Bool {
        if value != 0, value < min { return false }
        return max == 0 || (value != 0 && value <= max)
    }

    // MARK: open

    /// Returns why not, if the client may not come in.
    private func open(_ method: ConnectionOpen) -> AMQPFailure? {
        guard let host = broker.virtualHost(method.virtualHost), let user else {
            return .virtualHostNotFound(method.virtualHost)
        }
        if let limit = host.limits.reached(.connections, host.connectionCount) {
            return .virtualHostIsFull(host.name.slice, user: user.name.slice, limit: limit)
        }
        let usage = broker.usage(of: user.name.slice)
        if let limit = usage.limits.reached(.connections, usage.connectionCount) {
            return .userHasTooManyConnections(user.name.slice, limit: limit)
        }
        let connection = broker.openConnection(
            virtualHost: host, output: output, name: connectionName, user: user.name.string,
            frameBytesMax: frameBytesMax)
        connection.capabilities = client.capabilities
        connection.clientProperties = client.properties
        connection.closeRequest = { [unowned self] reason in fail(.forced(reason), onChannel: 0) }
        connection.failChannel = { [unowned self] channel, error in
            fail(AMQPFailure(error, method: AMQPFailure.noMethod), onChannel: channel.number)
        }
        connection.waitingForReadChanged = { [unowned self] waits in
            if waits { pausesReading = true } else { resumeReading() }
        }
        self.connection = connection
        phase = .running
        phaseDeadline = nil
        startHeartbeats()
        send(0, ConnectionOpenOK())
        context.log(
            .info, "AMQP connection opened", ("peer", connectionName), ("user", user.name.string),
            ("vhost", host.name.string), ("client", client.name))
        broker.events?.connectionCreated(connection, peerFacts)
        return nil
    }

    private var peerFacts: PeerFacts {
        PeerFacts(
            host: peer.host, port: Int(peer.port), localHost: peer.localHost, localPort: Int(peer.localPort),
            connectionName: connectionName, mechanism: mechanism.description, channelsMax: channelsMax,
            heartbeatSeconds: Int(heartbeatMilliseconds / 1_000))
    }
}
