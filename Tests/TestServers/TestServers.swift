// A daemon for tests that need one: started once for each test process, on free ports, with a data
// folder of its own; gone when the process ends, however it ends.
// Another server is used instead when TASKD_TEST_AMQP and TASKD_TEST_REDIS name URLs: the same tests then
// say whether RabbitMQ and Redis agree.

import Foundation

/// Where the servers under test are.
public struct TestServers: Sendable {
    public let amqp: String
    public let redis: String

    /// nil when the daemon is not built and no other server is named.
    public static let shared: TestServers? = make()

    public static var areAvailable: Bool { shared != nil }

    private static func make() -> TestServers? {
        let environment = ProcessInfo.processInfo.environment
        if let amqp = environment["TASKD_TEST_AMQP"], let redis = environment["TASKD_TEST_REDIS"] {
            return TestServers(amqp: amqp, redis: redis)
        }
        guard let binary = daemonPath() else { return nil }
        let amqpPort = freePort(), redisPort = freePort()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("taskd-test-\(UUID().uuidString)")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The shell looks for this process, also when it was killed: then it stops the daemon and removes its data.
        let script = #"""
            "$@" & p=$!
            while kill -0 $PPID 2>/dev/null && kill -0 $p 2>/dev/null; do sleep 0.3; done
            kill $p 2>/dev/null
            (sleep 3; kill -9 $p 2>/dev/null) & wait $p
            rm -rf "$0"
            """#
        process.arguments = [
            "-c", script, folder.path, binary, "serve", "--amqp", "127.0.0.1:\(amqpPort)", "--resp",
            "127.0.0.1:\(redisPort)", "--data-dir", folder.path, "--log-level", "warning",
        ]
        // Whoever reads this process's output must not wait for the daemon's end.
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return nil }
        for _ in 0..<300 {
            if isListening(amqpPort), isListening(redisPort) {
                return TestServers(
                    amqp: "amqp://guest:guest@127.0.0.1:\(amqpPort)/", redis: "redis://127.0.0.1:\(redisPort)/0")
            }
            usleep(50_000)
        }
        return nil
    }

    /// Beside the test bundle, where SwiftPM puts all products.
    private static func daemonPath() -> String? {
        if let named = ProcessInfo.processInfo.environment["TEST_DAEMON"] { return named }
        let candidates = [CommandLine.arguments.first, Bundle.main.executablePath].compactMap { $0 }
        for candidate in candidates {
            var folder = URL(fileURLWithPath: candidate).deletingLastPathComponent()
            for _ in 0..<4 {
                let path = folder.appendingPathComponent("taskd").path
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
                    return path
                }
                folder.deleteLastPathComponent()
            }
        }
        return nil
    }

    private static func withSocket<R>(_ body: (Int32) -> R) -> R {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return body(descriptor)
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func freePort() -> UInt16 {
        withSocket { descriptor in
            var name = address(0)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            return withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(descriptor, $0, length)
                    _ = getsockname(descriptor, $0, &length)
                }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
        }
    }

    private static func isListening(_ port: UInt16) -> Bool {
        withSocket { descriptor in
            var name = address(port)
            return withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
    }
}
