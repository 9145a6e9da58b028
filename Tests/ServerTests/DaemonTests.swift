// The daemon as a process: ready line, exit codes, one clear line for each way not to start, data that is
// there after a restart and after a kill.

import EventLoop
import Testing

@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A `taskd` that was built beside the tests, with its standard error in a pipe.
private final class DaemonProcess {
    private let process: pid_t
    private let errors: Int32
    private(set) var text = ""
    private var exitCode: Int32?

    init(_ arguments: [String], environment: [String] = []) {
        var pipes: [Int32] = [0, 0]
        #expect(pipe(&pipes) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
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
        return #filePath.replacing("Tests/ServerTests/DaemonTests.swift", with: ".build/debug/taskd")
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

private final class TemporaryFolder {
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
private func ask(_ port: UInt16, _ request: String, expecting expected: String) -> Bool {
    let client = TestClient(port: port)
    client.send(request)
    let end = LoopClock.monotonicMicroseconds + 30_000_000
    while LoopClock.monotonicMicroseconds < end {
        if client.text.hasPrefix(expected) { return true }
        usleep(2_000)
    }
    return false
}

@Test func daemonServesAndStops() throws {
    let folder = TemporaryFolder()
    let daemon = DaemonProcess(folder.arguments)
    let port = try #require(daemon.port("resp"))
    #expect(try #require(daemon.port("amqp")) != port)
    #expect(daemon.text.contains("taskd \(TaskdVersion.current) ready amqp=127.0.0.1:"))
    #expect(ask(port, "PING\r\n", expecting: "+PONG\r\n"))
    daemon.send(SIGTERM)
    #expect(daemon.wait() == 0)
    #expect(daemon.text.contains("stopping"))
}

@Test func interruptStopsToo() throws {
    let folder = TemporaryFolder()
    let daemon = DaemonProcess(folder.arguments + ["--log-format", "json"])
    #expect(daemon.line(with: "ready")?.hasPrefix("{\"time\":\"") == true)
    daemon.send(SIGINT)
    #expect(daemon.wait() == 0)
}

/// Goal: an answered write survives the end of the process, whatever the end. A process that is killed has kept
/// what it said was on disk: with the default, `everysec`, the last moments may be missing.
@Test(arguments: [SIGTERM, SIGKILL])
func keysSurviveTheProcess(signal: Int32) throws {
    let folder = TemporaryFolder()
    let first = DaemonProcess(
        folder.arguments, environment: signal == SIGKILL ? ["TASKD_STORE_APPENDFSYNC=always"] : [])
    #expect(ask(try #require(first.port("resp")), "SET here 1\r\n", expecting: "+OK\r\n"))
    first.send(signal)
    #expect(first.wait() == (signal == SIGTERM ? 0 : -SIGKILL))
    let second = DaemonProcess(folder.arguments)
    #expect(ask(try #require(second.port("resp")), "GET here\r\n", expecting: "$1\r\n1\r\n"))
}

@Test func secondDaemonIsRefused() throws {
    let folder = TemporaryFolder()
    let first = DaemonProcess(folder.arguments)
    _ = try #require(first.port("resp"))
    let second = DaemonProcess(folder.arguments)
    #expect(second.wait() == 1)
    #expect(second.text.hasPrefix("taskd: data folder \(folder.path) is in use by another taskd (pid "))
    #expect(second.text.split(separator: "\n").count == 1)
}

@Test func portInUseEndsTheStart() throws {
    let folder = TemporaryFolder()
    let other = TemporaryFolder()
    let first = DaemonProcess(folder.arguments)
    let port = try #require(first.port("resp"))
    let second = DaemonProcess(["serve", "--data-dir", other.path, "--amqp", "127.0.0.1:\(port)"])
    #expect(second.wait() == 1)
    #expect(second.text == "taskd: cannot listen on 127.0.0.1:\(port): the port is in use\n")
}

@Test func unusableFolderEndsTheStart() {
    let daemon = DaemonProcess(["serve", "--data-dir", "/dev/null/x"])
    #expect(daemon.wait() == 1)
    #expect(daemon.text == "taskd: cannot use data folder /dev/null: it is not a folder\n")
}

@Test func damagedLogEndsTheStart() throws {
    let folder = TemporaryFolder()
    let first = DaemonProcess(folder.arguments)
    #expect(ask(try #require(first.port("resp")), "SET here 1\r\n", expecting: "+OK\r\n"))
    first.send(SIGTERM)
    #expect(first.wait() == 0)
    let name = folder.path + "/log/00000000000000000000.seg"
    let file = openFile(name, O_RDWR)
    #expect(pwrite(file, "\u{7F}", 1, 72) == 1)
    closeFile(file)
    let second = DaemonProcess(folder.arguments)
    #expect(second.wait() == 1)
    #expect(second.text.contains("the log is damaged: 00000000000000000000.seg at offset 64: "))
}

@Test func wrongSettingsEndTheStart() {
    let daemon = DaemonProcess(["serve", "--log-level", "loud"], environment: ["TASKD_RESP_DATABASES=0"])
    #expect(daemon.wait() == 1)
    let lines = daemon.text.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.allSatisfy { $0.hasPrefix("taskd: ") })
    #expect(DaemonProcess(["check-config"]).wait() == 0)
    #expect(DaemonProcess(["--version"]).wait() == 0)
    #expect(DaemonProcess(["sevre"]).wait() != 0)
}
