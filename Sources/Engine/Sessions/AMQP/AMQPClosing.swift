// Every way in which a channel or a connection ends: by error, by the client's wish, by shutdown, silently.
// A closing side goes on reading, but only the other side's answer counts; everything else is discarded.
// Loop thread only. Next: AMQPTimers.swift (what ends by time).

import Wire

extension AMQPSession {
    /// Does what the failure asks for.
    /// - Parameter channel: the one the frame at fault came on.
    func fail(_ failure: AMQPFailure, onChannel number: UInt16) {
        switch phase {
        case .protocolHeader, .starting, .tuning:
            context.log(
                .warning, "AMQP handshake failed", ("reason", failure.text), ("phase", phase.name.description),
                ("peer", connectionName))
            return refuse()
        case .closing, .refused, .closed:
            return dropNow()
        case .opening, .running: break
        }
        switch failure.reach {
        case .channel:
            if let channel = channels[number] { return failChannel(channel, failure) }
            failConnection(failure, number)
        case .connection: failConnection(failure, number)
        case .stream:
            failConnection(failure, number)
            discardsInput = true
            setPhaseDeadline(after: Limits.amqpRefusalDelayMilliseconds)
        case .silent:
            logFailure(failure, number)
            dropNow()
        }
    }

    private func failConnection(_ failure: AMQPFailure, _ number: UInt16) {
        logFailure(failure, number)
        sendClose(failure)
        phase = .closing
        endBlocking()
        release()
        setPhaseDeadline(after: Limits.amqpCloseOKMilliseconds)
    }

    private func failChannel(_ channel: AMQPChannel, _ failure: AMQPFailure) {
        logFailure(failure, channel.number)
        channel.beginClosing()
        let text = failure.replyText
        text.withSlice {
            send(
                channel.number,
                ChannelClose(
                    replyCode: failure.code, replyText: $0, classID: failure.method.classID,
                    methodID: failure.method.methodID))
        }
    }

    private func logFailure(_ failure: AMQPFailure, _ number: UInt16) {
        let isShutdown = failure.code == ReplyCode.connectionForced
        context.log(
            isShutdown ? .info : .error, failure.reach == .channel ? "AMQP channel error" : "AMQP connection error",
            ("reason", failure.text), ("channel", "\(number)"), ("method", failure.method.name),
            ("peer", connectionName), ("user", user?.name.string ?? ""), ("client", client.name))
    }

    func sendClose(_ failure: AMQPFailure) {
        let text = failure.replyText
        text.withSlice {
            send(
                0,
                ConnectionClose(
                    replyCode: failure.code, replyText: $0, classID: failure.method.classID,
                    methodID: failure.method.methodID))
        }
    }

    // MARK: Connection

    /// The client says good-bye. As with RabbitMQ it closes the socket itself when it has read the answer.
    func closedByClient(_ method: ConnectionClose) {
        send(0, ConnectionCloseOK())
        leavesClosingToPeer = true
        let code = method.replyCode
        ended(reason: code == 0 || code == ReplyCode.success ? nil : "\(code) \(method.replyText.string)")
        end()
    }

    /// We have closed; only the answer counts, or the client's close crossing ours.
    func takeMethodWhileClosing(_ id: MethodID) {
        switch id {
        case .connectionClose: send(0, ConnectionCloseOK())
        case .connectionCloseOK:
            ended(reason: nil)
            end()
        default: break
        }
    }

    /// No answer, and the socket is dropped a while later: for peers that are not trusted.
    func refuse() {
        phase = .refused
        discardsInput = true
        setPhaseDeadline(after: Limits.amqpRefusalDelayMilliseconds)
    }

    /// The last byte is in the output.
    func end() {
        release()
        phase = .closed
        discardsInput = true
        closesAfterFlush = true
        wake()
    }

    /// The socket goes at once.
    func dropNow() {
        if phase == .running { ended(reason: "connection dropped") }
        release()
        phase = .closed
        discardsInput = true
        closesNow = true
        wake()
    }

    /// Logs the end of a connection that had been opened.
    func ended(reason: String?) {
        if connection != nil || phase == .closing {
            context.log(
                reason == nil ? .info : .warning, "AMQP connection closed", ("peer", connectionName),
                ("user", user?.name.string ?? ""), ("client", client.name), ("reason", reason ?? "closed in order"))
        }
        release()
        phase = .closed
    }

    /// Gives the broker everything back: unacknowledged messages, exclusive queues, consumers.
    private func release() {
        channels.removeAll()
        connection?.close()
        connection = nil
        heartbeatMilliseconds = phase == .closing ? heartbeatMilliseconds : 0
    }
}
