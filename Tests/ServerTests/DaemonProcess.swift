// The built daemon as a process of its own, and a data folder for it.

import EventLoop
import Testing

@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A `taskd` that was built beside the tests, with its standard error in a pipe; with `isTool` its output as well.
final class DaemonProcess {
    private let process: pid_t
    private let errors: Int32
    private(set) var text = ""
    private var exitCode: Int32?

    init(_ arguments: [String], environment: [String] = [], isTool: Bool = false) {
        var pipes: [Int32] = [0, 0]
        #expect(pipe(&pipes) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO)
        if isTool {
            posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_addclose(&actions, pipes[0])
        posix_spawn_file_actions_addclose(&actions, pipes[1])
        var words: [UnsafeMutablePointer<CChar>?] = ([Self.program] + arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        var made: pid_t = 0
        let failed = posix_spawn(&made, Self.program, &actions, nil, &words, &variables)
        #expect(failed == 0, "cannot run \(Self.program)")
        posix_spawn_file_actions_destroy(&actions)
        words.forEach { free($0) }
        variables.forEach { free($0) }
        closeFile(pipes[1])
        process = made
        errors = pipes[0]
        _ = fcntl(errors, F_SETFL, O_NONBLOCK)
    }

    deinit {
        if exitCode == nil {
            kill(process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
        closeFile(errors)
    }

    /// `taskd` stands in the folder of the test program.
    private static let program: String = {
        var path = [UInt8](repeating: 0, count: 4_096)
        let count = path.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        let beside = String(decoding: path[0..<max(0, count)], as: UTF8.self)
        let built = beside[..<(beside.lastIndex(of: "/") ?? beside.startIndex)] + "/taskd"
        if access(String(built), X_OK) == 0 { return String(built) }
        return #filePath.replacing("Tests/ServerTests/DaemonProcess.swift", with: ".build/debug/taskd")
    }()

    private func readErrors() {
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let got = readFile(errors, &chunk, chunk.count)
            guard got > 0 else { return }
            text += String(decoding: chunk[0..<got], as: UTF8.self)
        }
    }

    /// Waits for a line with `part`, at most thirty seconds, and returns it.
    func line(with part: String) -> String? {
        let end = LoopClock.monotonicMicroseconds + 30_000_000
        while LoopClock.monotonicMicroseconds < end {
            readErrors()
            if let found = text.split(separator: "\n").first(where: { $0.contains(part) }), text.hasSuffix("\n") {
                return String(found)
            }
            usleep(5_000)
        }
        return nil
    }

    /// The port in the ready line.
    func port(_ name: String) -> UInt16? {
        guard let ready = line(with: " ready "),
            let field = ready.split(separator: " ").first(where: { $0.hasPrefix(name + "=") }),
            let colon = field.lastIndex(of: ":")
        else { return nil }
        return UInt16(field[field.index(after: colon)...])
    }

    func send(_ signal: Int32) { kill(process, signal) }

    /// Exit code, or minus the signal that ended it; at most thirty seconds.
    func wait() -> Int32? {
        if let exitCode { return exitCode }
        let end = LoopClock.monotonicMicroseconds + 30_000_000
        while LoopClock.monotonicMicroseconds < end {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process {
                exitCode = status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
                readErrors()
                return exitCode
            }
            readErrors()
            usleep(5_000)
        }
        return nil
    }
}

final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/taskd-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit {
        for name in (try? FolderDisk(path: path + "/log").list()) ?? [] { unlink(path + "/log/" + name) }
        unlink(path + "/LOCK")
        rmdir(path + "/log")
        rmdir(path)
    }

    var arguments: [String] {
        ["serve", "--data-dir", path, "--amqp", "127.0.0.1:0", "--resp", "127.0.0.1:0"]
    }
}

/// Sends a request on a connection of its own and waits for `expected` to come back.
func ask(_ port: UInt16, _ request: String, expecting expected: String) -> Bool {
    let client = TestClient(port: port)
    client.send(request)
    let end = LoopClock.monotonicMicroseconds + 30_000_000
    while LoopClock.monotonicMicroseconds < end {
        if client.text.hasPrefix(expected) { return true }
        usleep(2_000)
    }
    return false
}
