// A taskd of the test's own: free loopback ports, a data folder that goes with the test, its log kept for reports.
// Use it through `withDaemon`, which always ends it and expects a clean end.

import Foundation
import Testing

final class Daemon: Sendable {
    let amqpPort: Int
    let respPort: Int
    let folder: URL
    let process: ChildProcess

    var amqpURL: String { "amqp://guest:guest@127.0.0.1:\(amqpPort)//" }
    var respURL: String { "redis://127.0.0.1:\(respPort)" }
    var dataFolder: URL { folder.appending(path: "data") }

    struct DidNotStart: Error, CustomStringConvertible { let description: String }

    private init(amqpPort: Int, respPort: Int, folder: URL, process: ChildProcess) {
        (self.amqpPort, self.respPort, self.folder, self.process) = (amqpPort, respPort, folder, process)
    }

    /// What a test's child may see: nothing of `TASKD_…` or `RABBITMQ_…`, which are the daemon's own settings.
    static var environment: [String: String] {
        ProcessInfo.processInfo.environment.filter { name, _ in
            !name.hasPrefix("TASKD_") && !name.hasPrefix("RABBITMQ_") && !name.hasPrefix("CELERY_")
        }
    }

    /// Starts the binary and returns at once; for tests of starts that must fail.
    static func launch(_ arguments: [String], environment: [String: String] = [:], folder: URL) throws -> ChildProcess {
        guard FileManager.default.isExecutableFile(atPath: Paths.daemon.path) else {
            throw DidNotStart(description: "no daemon at \(Paths.daemon.path): run `make build`")
        }
        return try ChildProcess(
            Paths.daemon, arguments, environment: Self.environment.merging(environment) { $1 }, folder: folder)
    }

    /// Starts it on the given ports, or on free ones, and waits until it says that it is ready.
    static func start(
        folder: URL, ports: (amqp: Int, resp: Int)? = nil, arguments: [String] = []
    ) async throws -> Daemon {
        var last = ""
        // A free port may be taken by another process between the probe and the daemon's bind.
        for _ in 0..<(ports == nil ? 3 : 1) {
            let chosen = try ports ?? (freePort(), freePort())
            let process = try launch(
                [
                    "serve", "--data-dir", folder.appending(path: "data").path,
                    "--amqp", "127.0.0.1:\(chosen.amqp)", "--resp", "127.0.0.1:\(chosen.resp)",
                    "--log-level", "debug",
                ] + arguments, folder: folder)
            let deadline = ContinuousClock.now + .seconds(20)
            while process.isRunning, ContinuousClock.now < deadline {
                if process.errors.contains(" ready amqp=") {
                    return Daemon(amqpPort: chosen.amqp, respPort: chosen.resp, folder: folder, process: process)
                }
                try? await Task.sleep(for: .milliseconds(20))
            }
            let code = await process.end(seconds: 5)
            last = "the daemon did not become ready (exit code \(code)):\n\(process.errors)"
        }
        throw DidNotStart(description: last)
    }

    /// The last lines of its log, for a failing test's report.
    var logTail: String { String(process.errors.suffix(6_000)) }
}

/// Runs the body with a folder that is removed afterwards.
func withTemporaryFolder<R>(_ body: (URL) async throws -> R) async throws -> R {
    let folder = FileManager.default.temporaryDirectory.appending(path: "taskd-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

/// Runs the body with a daemon, in one of the slots that keep this machine's load bounded; the daemon must then
/// still be there and end with code 0 on SIGTERM.
func withDaemon(
    arguments: [String] = [], ports: (amqp: Int, resp: Int)? = nil, _ body: (Daemon) async throws -> Void
) async throws {
    try await Slots.shared.run {
        try await withTemporaryFolder { folder in
            let daemon = try await Daemon.start(folder: folder, ports: ports, arguments: arguments)
            do {
                try await body(daemon)
            } catch {
                await daemon.process.end(seconds: 5)
                throw error
            }
            if let code = daemon.process.exitCode {
                Issue.record("the daemon ended by itself with \(code):\n\(daemon.logTail)")
                return
            }
            let code = await daemon.process.end(SIGTERM, seconds: 20)
            #expect(code == 0, "the daemon's exit code; its log:\n\(daemon.logTail)")
        }
    }
}
