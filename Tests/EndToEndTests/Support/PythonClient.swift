// Runs one client program of Tests/EndToEndTests/Clients against a daemon, within a bound, and reports its output
// when it fails. The programs themselves hold the expectations: see Clients/support.py.

import Foundation
import Testing

struct PythonClient: Sendable {
    let program: String
    var environment = PythonEnvironment.newest
    /// The program's own time limit; beyond it the program is told to stop and the test fails.
    var seconds = 120.0
    var variables: [String: String] = [:]

    /// Runs the program to its end. A failure is recorded with the program's output and the daemon's log.
    @discardableResult
    func run(
        _ arguments: String..., against daemon: Daemon, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        try await run(
            arguments, folder: daemon.folder,
            variables: [
                "TEST_AMQP_URL": daemon.amqpURL, "TEST_RESP_URL": daemon.respURL,
                "TEST_DAEMON_PID": String(daemon.process.identifier),
            ],
            log: { daemon.logTail }, sourceLocation: sourceLocation)
    }

    /// Runs a program that starts its daemons itself (`own_daemon.py`); they are its business and its report's.
    func runAlone(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        try await withTemporaryFolder { folder in
            try await run(
                arguments, folder: folder, variables: ["TEST_DAEMON": Paths.daemon.path], log: { "" },
                sourceLocation: sourceLocation)
        }
    }

    /// The scenarios the program has.
    func scenarios() async throws -> [String] {
        try await withTemporaryFolder { folder in
            try await run(["--list"], folder: folder, variables: [:], log: { "" }, sourceLocation: #_sourceLocation)
                .split(separator: "\n").map(String.init)
        }
    }

    private func run(
        _ arguments: [String], folder: URL, variables given: [String: String], log: () -> String,
        sourceLocation: SourceLocation
    ) async throws -> String {
        let python = Paths.python(environment)
        try #require(
            FileManager.default.isExecutableFile(atPath: python.path),
            "no \(python.path): run Scripts/install-test-dependencies", sourceLocation: sourceLocation)
        let process = try ChildProcess(
            python, ["-W", "ignore", Paths.clients.appending(path: program).path] + arguments,
            environment: Daemon.environment
                .merging(["PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"]) { $1 }
                .merging(given) { $1 }
                .merging(variables) { $1 },
            folder: folder)
        if let code = await process.wait(seconds: seconds) {
            if code == 0 { return process.output }
            report("ended with \(code)", process, arguments, log(), sourceLocation)
        } else {
            await process.end(seconds: 15)
            report("was not done within \(seconds) s", process, arguments, log(), sourceLocation)
        }
        return process.output
    }

    private func report(
        _ what: String, _ process: ChildProcess, _ arguments: [String], _ log: String, _ sourceLocation: SourceLocation
    ) {
        Issue.record(
            """
            \(program) \(arguments.joined(separator: " ")) (\(environment.rawValue)) \(what)
            --- output
            \(process.output.suffix(8_000))
            --- errors
            \(process.errors.suffix(4_000))
            --- the daemon's log
            \(log)
            """, sourceLocation: sourceLocation)
    }
}
