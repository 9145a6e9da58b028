// Frames of a channel: which may come when, and which handler a method has.
// Loop thread only; the hot path is the first switch. Next: AMQPContent.swift (publish), AMQPMethods.swift
// (everything else).

import Wire

extension AMQPSession {
    /// A method, header or body frame on a channel other than 0, in the running phase.
    @inline(__always)
    func takeChannelFrame(_ frame: AMQPFrame, _ cursor: inout ByteCursor) throws(AMQPFailure) {
        guard let channel = channels[frame.channel], let broker = channel.broker else {
            return try takeFrameOfUnusableChannel(frame)
        }
        guard frame.type == FrameType.method else { return try takeContent(channel, broker, frame) }
        if let content = channel.content { throw content.unexpectedMethod }
        guard frame.payload.count >= 4 else {
            throw AMQPFailure(.unknownFrame(type: frame.type, channel: frame.channel), payload: frame.payload)
        }
        let id = MethodID(rawValue: UInt32(bigEndian: frame.payload.base.loadUnaligned(as: UInt32.self)))
        switch id {
        case .basicPublish:
            try publish(frame, channel, broker, &cursor)
        case .basicAck:
            let ack = try decode(BasicAck.self, frame)
            do throws(BrokerError) {
                try broker.acknowledge(ack.deliveryTag, multiple: ack.multiple)
            } catch {
                throw AMQPFailure(error, method: .basicAck)
            }
        default:
            try dispatch(id, frame, channel, broker)
        }
    }

    /// The arguments of a method frame.
    @inline(__always)
    func decode<Method: AMQPMethod>(_ type: Method.Type, _ frame: AMQPFrame) throws(AMQPFailure) -> Method {
        do throws(FrameError) {
            return try Method(arguments: ByteSlice(base: frame.payload.base + 4, count: frame.payload.count - 4))
        } catch {
            throw AMQPFailure(error, payload: frame.payload)
        }
    }

    /// Everything but publish and ack, by number.
    @inline(never)
    private func dispatch(
        _ id: MethodID, _ frame: AMQPFrame, _ channel: AMQPChannel, _ broker: BrokerChannel
    ) throws(AMQPFailure) {
        let call = ChannelCall(session: self, channel: channel, broker: broker, frame: frame)
        noteSlowMethod()
        switch id {
        case .basicNack: try call.run(call.nack)
        case .basicReject: try call.run(call.reject)
        case .basicGet: try call.run(call.get)
        case .basicQos: try call.run(call.qos)
        case .basicConsume: try call.run(call.consume)
        case .basicCancel: try call.run(call.cancel)
        case .basicRecover: try call.run(call.recover)
        case .basicRecoverAsync: try call.run(call.recoverAsync)
        case .queueDeclare: try call.run(call.queueDeclare)
        case .queueBind: try call.run(call.queueBind)
        case .queueUnbind: try call.run(call.queueUnbind)
        case .queuePurge: try call.run(call.queuePurge)
        case .queueDelete: try call.run(call.queueDelete)
        case .exchangeDeclare: try call.run(call.exchangeDeclare)
        case .exchangeDelete: try call.run(call.exchangeDelete)
        case .exchangeBind: try call.run(call.exchangeBind)
        case .exchangeUnbind: try call.run(call.exchangeUnbind)
        case .confirmSelect: try call.run(call.confirmSelect)
        case .txSelect: try call.run(call.txSelect)
        case .txCommit: try call.run(call.txCommit)
        case .txRollback: try call.run(call.txRollback)
        case .channelFlow: try call.run(call.flow)
        case .channelClose: try call.run(call.close)
        case .accessRequest: try call.run(call.accessRequest)
        case .channelOpen: throw .channelOpenedTwice()
        case .basicCancelOK:
            // The answer to a cancel of ours; nothing waits for it.
            _ = try decode(BasicCancelOK.self, frame)
        default:
            // Servers' methods and those of class connection; unknown numbers have thrown before that.
            _ = try method(of: frame)
            throw .unimplementedMethod(id)
        }
    }

    /// A frame on a channel that is not open: never opened, closed again, or closing by our wish.
    @inline(never)
    private func takeFrameOfUnusableChannel(_ frame: AMQPFrame) throws(AMQPFailure) {
        guard let channel = channels[frame.channel] else { return try takeFrameOfUnknownChannel(frame) }
        guard frame.type == FrameType.method else { return }
        let (id, _) = try method(of: frame)
        switch id {
        case .channelCloseOK: channels.remove(channel)
        case .channelClose: send(channel.number, ChannelCloseOK())
        case .channelOpen: throw .channelOpenedTwice()
        default: break
        }
    }

    private func takeFrameOfUnknownChannel(_ frame: AMQPFrame) throws(AMQPFailure) {
        guard let connection else { throw .unexpectedFrame(frame) }
        guard frame.type == FrameType.method else { throw .methodExpected() }
        let (id, _) = try method(of: frame)
        guard channels.count < channelsMax else { throw .tooManyChannels(channelsMax) }
        guard id == .channelOpen else { throw .channelNotOpen(id) }
        let usage = connection.usage
        if let limit = usage.limits.reached(.channels, usage.channelCount) {
            throw .userHasTooManyChannels(connection.user, limit: limit)
        }
        _ = try decode(ChannelOpen.self, frame)
        channels.insert(AMQPChannel(number: frame.channel, broker: connection.openChannel(frame.channel)))
        send(frame.channel, ChannelOpenOK())
    }
}
