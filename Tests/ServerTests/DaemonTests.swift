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
