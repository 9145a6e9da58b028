// An IPv4 or IPv6 address with port, in the kernel's form and as text.
// Boundary file for `sockaddr` pointers. Any thread. Next: Listener.swift.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A socket address.
struct SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    var family: Int32 { Int32(storage.ss_family) }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Has a system call fill the address in.
    mutating func fill<R>(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> R) -> R {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }

    /// The address a socket is bound to.
    static func local(of descriptor: Int32) -> SocketAddress {
        var address = SocketAddress()
        _ = address.fill { getsockname(descriptor, $0, $1) }
        return address
    }

    var port: UInt16 {
        get {
            withPointer { address, _ in
                // sin_port and sin6_port stand at the same place.
                UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 2, as: UInt16.self).bigEndian
            }
        }
        set {
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// Without brackets and port.
    var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
        let offset = family == AF_INET6 ? 8 : 4
        let isKnown = withUnsafeBytes(of: storage) {
            inet_ntop(family, $0.baseAddress! + offset, &text, socklen_t(text.count)) != nil
        }
        guard isKnown else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `127.0.0.1:5672`, `[::1]:5672`.
    var description: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var isLoopback: Bool {
        withUnsafeBytes(of: storage) { bytes in
            if family == AF_INET { return bytes[4] == 127 }
            guard family == AF_INET6 else { return false }
            return bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
        }
    }

    /// All addresses a listen specification stands for, in the order in which they are to be bound.
    /// `localhost` is 127.0.0.1 and ::1 whatever the hosts file says; `*` is every address of both families.
    static func resolve(_ specification: ListenAddress) -> [SocketAddress] {
        switch specification.host {
        case "localhost":
            return [numeric("127.0.0.1", specification.port), numeric("::1", specification.port)]
                .compactMap { $0 }
        case "*", "":
            return [numeric("0.0.0.0", specification.port), numeric("::", specification.port)]
                .compactMap { $0 }
        default: break
        }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(specification.host, String(specification.port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next {
            var address = SocketAddress()
            withUnsafeMutableBytes(of: &address.storage) {
                $0.copyMemory(
                    from: UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen)))
            }
            address.length = entry.pointee.ai_addrlen
            if !found.contains(where: { $0.description == address.description }) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }

    /// From an address as text; nil when it is none.
    static func numeric(_ host: String, _ port: UInt16) -> SocketAddress? {
        var address = SocketAddress()
        let family = host.contains(":") ? AF_INET6 : AF_INET
        let offset = family == AF_INET6 ? 8 : 4
        let isParsed = withUnsafeMutableBytes(of: &address.storage) {
            inet_pton(family, host, $0.baseAddress! + offset) == 1
        }
        guard isParsed else { return nil }
        address.storage.ss_family = sa_family_t(family)
        address.length = socklen_t(
            family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        address.port = port
        return address
    }
}
