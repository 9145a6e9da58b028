// One child process with its output in files: started, watched, ended within a bound.
// Never blocks a thread of Swift's pool: waiting is polling with Task.sleep.

import Foundation

final class ChildProcess: @unchecked Sendable {  // `Process` is used by one test at a time
    private let process = Process()
    let standardOutput: URL
    let standardError: URL

    /// `environment` is the whole environment of the child, not an addition.
    init(_ executable: URL, _ arguments: [String], environment: [String: String], folder: URL) throws {
        standardOutput = folder.appending(path: "out-\(UUID().uuidString).log")
        standardError = folder.appending(path: "err-\(UUID().uuidString).log")
        process.executableURL = executable
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Self.create(standardOutput)
        process.standardError = try Self.create(standardError)
        try process.run()
    }

    private static func create(_ file: URL) throws -> FileHandle {
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    var identifier: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// The exit code, or nil while it runs; a signal's number is negative, as in `-9`.
    var exitCode: Int32? {
        guard !process.isRunning else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    var output: String { Self.text(of: standardOutput) }
    var errors: String { Self.text(of: standardError) }

    private static func text(of file: URL) -> String {
        String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
    }

    func send(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    /// The exit code, or nil when it still runs after `seconds`.
    func wait(seconds: Double) async -> Int32? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while process.isRunning, ContinuousClock.now < deadline {
            // A cancelled test must still wait for its child's end, so cancellation only makes this loop turn faster.
            do { try await Task.sleep(for: .milliseconds(20)) } catch { await Task.yield() }
        }
        return exitCode
    }

    /// Ends it whatever it does: `signal` first, SIGKILL after `seconds`. Returns the exit code.
    @discardableResult
    func end(_ signal: Int32 = SIGTERM, seconds: Double) async -> Int32 {
        send(signal)
        if let code = await wait(seconds: seconds) { return code }
        send(SIGKILL)
        return await wait(seconds: 10) ?? -SIGKILL
    }
}
