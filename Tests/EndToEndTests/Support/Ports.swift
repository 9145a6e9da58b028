// Loopback ports: one that is free now, and whether somebody accepts.

import Foundation

private func withLoopback<R>(port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(descriptor >= 0, "no socket")
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, size) }
    }
}

/// A port nobody listens on at this moment.
func freePort() throws -> Int {
    let port = withLoopback(port: 0) { descriptor, address, size -> Int? in
        guard bind(descriptor, address, size) == 0 else { return nil }
        var bound = sockaddr_in()
        var length = size
        let result = withUnsafeMutablePointer(to: &bound) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return result == 0 ? Int(in_port_t(bigEndian: bound.sin_port)) : nil
    }
    guard let port else { throw Daemon.DidNotStart(description: "no free loopback port: errno \(errno)") }
    return port
}

func accepts(_ port: Int) -> Bool {
    withLoopback(port: port) { connect($0, $1, $2) == 0 }
}
