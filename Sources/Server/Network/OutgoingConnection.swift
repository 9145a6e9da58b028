// A connection to another server, for one exchange of the engine's: connects, writes the request, hands over what comes
// back, and is gone. Whatever does not go on within the exchange's time ends it.
// IP addresses and localhost only: looking names up would hold the loop up.
// Loop thread only. Next: Engine's OutgoingExchange.swift (what is said), Reactor.swift (who owns it).

import Engine
import EventLoop
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One exchange under way.
final class OutgoingConnection: DescriptorEvents {
    private let exchange: OutgoingExchange
    /// Owns this connection.
    private unowned let reactor: Reactor
    private var isConnected = false
    private var sent = 0
    /// Said with the next turn: nothing ends while it begins.
    private var earlyFailure: ExchangeFailure?
    private lazy var timer = LoopTimer(on: reactor.loop) { [unowned self] in timeOut() }

    init(_ exchange: OutgoingExchange, reactor: Reactor) {
        self.exchange = exchange
        self.reactor = reactor
        let address = SocketAddress.numeric(exchange.host == "localhost" ? "127.0.0.1" : exchange.host, exchange.port)
        let family = address?.family ?? AF_INET
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        super.init(descriptor: socket(family, kind, 0), on: reactor.loop)
        earlyFailure = address.map { begin($0) } ?? .noAddress
        if earlyFailure == nil {
            watchWritable(true)
            noteProgress()
        } else {
            timer.schedule(afterMicroseconds: 0)
        }
    }

    /// Why it is no use, if that is known already.
    private func begin(_ address: SocketAddress) -> ExchangeFailure? {
        guard descriptor >= 0 else { return .connecting }
        let isUnderWay = address.withPointer { connect(descriptor, $0, $1) } == 0 || errno == EINPROGRESS
        return isUnderWay ? nil : .writing
    }

    private func noteProgress() { timer.schedule(afterMicroseconds: exchange.timeoutMilliseconds * 1_000) }

    private func timeOut() {
        reactor.beginTurn()
        fail(earlyFailure ?? (!isConnected ? .connecting : sent < exchange.request.count ? .writing : .reading))
    }

    // MARK: Events

    override func onWritable() {
        reactor.beginTurn()
        if !isConnected {
            var failure: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0, failure == 0 else {
                return fail(.writing)
            }
            isConnected = true
            watchReadable(true)
        }
        let left = min(exchange.request.count - sent, NetworkLimits.writeBytesMax)
        let written = exchange.request.withUnsafeBytes {
            send(descriptor, $0.baseAddress! + sent, left, Int32(MSG_NOSIGNAL))
        }
        guard written >= 0 else {
            if errno == EAGAIN || errno == EINTR { return }
            return fail(.writing)
        }
        sent += written
        noteProgress()
        if sent == exchange.request.count { watchWritable(false) }
    }

    override func onReadable() {
        reactor.beginTurn()
        let start = reactor.readBuffer.readStart
        let received = recv(descriptor, start, NetworkLimits.readBytesMax, 0)
        guard received > 0 else {
            if received < 0, errno == EAGAIN || errno == EINTR { return }
            return fail(.reading)
        }
        noteProgress()
        if exchange.receive(ByteSlice(base: UnsafeRawPointer(start), count: received)) { close() }
    }

    // MARK: Ending

    private func fail(_ failure: ExchangeFailure) {
        guard isOpen else { return }
        close()
        exchange.fail(failure)
    }

    /// Ends it without a word to the exchange.
    func close() {
        timer.cancel()
        closeDescriptor()
        reactor.forget(self)
    }
}
