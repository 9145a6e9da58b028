// A listening socket: accepts in bounded bursts and hands each socket to the reactor.
// Out of descriptors: a reserve descriptor is given up for a moment so that the waiting connection can be
// accepted and closed at once, instead of staying readable forever; then accepting pauses a little.
// Loop thread only. Next: Connection.swift.

import CTaskdShims
import EventLoop

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why a port could not be listened on.
struct ListenError: Error {
    let address: String
    let errorNumber: Int32

    var description: String {
        switch errorNumber {
        case EADDRINUSE: "cannot listen on \(address): the port is in use"
        case EACCES: "cannot listen on \(address): not permitted"
        case EADDRNOTAVAIL: "cannot listen on \(address): no such address on this machine"
        default: "cannot listen on \(address): \(SystemError.text(errorNumber))"
        }
    }
}

/// One bound and listening socket.
final class Listener: DescriptorEvents {
    let address: SocketAddress
    let wireProtocol: WireProtocol
    private unowned let reactor: Reactor
    private var backoff: LoopTimer?

    init(_ wanted: SocketAddress, wireProtocol: WireProtocol, reactor: Reactor) throws(ListenError) {
        let made = socket(
            wanted.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw ListenError(address: wanted.description, errorNumber: errno) }
        var on: Int32 = 1
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        if wanted.family == AF_INET6 {
            setsockopt(made, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        guard wanted.withPointer({ bind(made, $0, $1) }) == 0, listen(made, NetworkLimits.backlog) == 0 else {
            let reason = errno
            closeFile(made)
            throw ListenError(address: wanted.description, errorNumber: reason)
        }
        address = SocketAddress.local(of: made)
        self.wireProtocol = wireProtocol
        self.reactor = reactor
        super.init(descriptor: made, on: reactor.loop)
        backoff = LoopTimer(on: reactor.loop) { [unowned self] in watchReadable(true) }
    }

    override func onReadable() {
        reactor.beginTurn()
        for _ in 0..<NetworkLimits.acceptsMax {
            var peer = SocketAddress()
            let accepted = peer.fill { taskd_accept(descriptor, $0, $1) }
            if accepted >= 0 {
                Self.tune(accepted, keepAliveSeconds: reactor.tcpKeepAliveSeconds)
                reactor.accepted(accepted, peer: peer, by: self)
                continue
            }
            switch errno {
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return outOfDescriptors(errno)
            case EAGAIN: return
            // The peer gave up already, or its network failed (accept(2), "Error handling").
            default: continue
            }
        }
    }

    /// The daemon is not ready yet: whoever has connected is told so and sent away.
    func refuseWaiting() {
        for _ in 0..<NetworkLimits.acceptsMax {
            let accepted = taskd_accept(descriptor, nil, nil)
            guard accepted >= 0 else { return }
            if wireProtocol == .resp {
                let text: StaticString = "-LOADING taskd is loading the dataset in memory\r\n"
                _ = send(accepted, text.utf8Start, text.utf8CodeUnitCount, Int32(MSG_NOSIGNAL))
            }
            closeFile(accepted)
        }
    }

    private static func tune(_ descriptor: Int32, keepAliveSeconds: Int) {
        var on: Int32 = 1
        var idle = Int32(clamping: keepAliveSeconds)
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        guard idle > 0 else { return }
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, &idle, size)
    }

    private func outOfDescriptors(_ reason: Int32) {
        reactor.reserve.release()
        let refused = accept(descriptor, nil, nil)
        if refused >= 0 { closeFile(refused) }
        reactor.reserve.take()
        reactor.refusedForDescriptors(reason)
        watchReadable(false)
        backoff?.schedule(afterMicroseconds: NetworkLimits.acceptBackoffMicroseconds)
    }

    func stop() {
        backoff?.cancel()
        closeDescriptor()
    }
}

/// A descriptor kept for the moment when there are no more.
struct ReserveDescriptor {
    private var descriptor: Int32 = -1

    init() { take() }

    mutating func take() {
        if descriptor < 0 { descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC) }
    }

    mutating func release() {
        if descriptor >= 0 { closeFile(descriptor) }
        descriptor = -1
    }
}
