// `taskd log …` as a process: what it prints, its exit codes, and that a daemon starts from what it has repaired.

import Testing

@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

private let segment = "00000000000000000000.seg"

private func tool(_ words: [String], _ folder: TemporaryFolder) -> (code: Int32?, text: String) {
    let process = DaemonProcess(["log"] + words + ["--data-dir", folder.path], isTool: true)
    let code = process.wait()
    return (code, process.text)
}

private func files(_ folder: TemporaryFolder) throws -> [String] {
    try FolderDisk(path: folder.path + "/log").list().sorted()
}

/// Keys 0…9, set by a daemon that has stopped.
private func fill(_ folder: TemporaryFolder) throws {
    let daemon = DaemonProcess(folder.arguments, environment: ["TASKD_STORE_APPENDFSYNC=always"])
    let port = try #require(daemon.port("resp"))
    for number in 0..<10 { #expect(ask(port, "SET key\(number) value\(number)\r\n", expecting: "+OK\r\n")) }
    daemon.send(SIGTERM)
    #expect(daemon.wait() == 0)
}

@Test func damagedLogIsCheckedRepairedAndServed() throws {
    let folder = TemporaryFolder()
    try fill(folder)
    let sound = tool(["check"], folder)
    #expect(sound.code == 0 && sound.text.hasSuffix("OK: a start goes well\n"), "\(sound.text)")
    #expect(sound.text.contains("\(segment): segment, positions 0 to "))
    #expect(tool(["repair"], folder).text == "OK: there is nothing to repair\n")

    let dump = tool(["dump", "--type", "storeEffects", "fence"], folder)
    let lines = dump.text.split(separator: "\n")
    #expect(dump.code == 0 && lines.count == 11)
    #expect(lines[0] == "0 \(segment) 64 fence 17 epoch=1")
    #expect(lines[4].hasSuffix(" count=1 effects=[\"0: SET key3 value3\"]"), "\(lines[4])")
    let json = tool(["dump", "--json", "--limit", "1", "--file", segment], folder)
    #expect(
        json.text == "{\"position\":0,\"file\":\"\(segment)\",\"offset\":64,\"type\":\"fence\",\"bytes\":17,"
            + "\"fields\":{\"epoch\":1}}\n")

    // In the middle of the fourth key's record.
    let offset = try #require(Int(lines[4].split(separator: " ")[2]))
    let file = openFile(folder.path + "/log/" + segment, O_RDWR)
    #expect(pwrite(file, "\u{7F}", 1, off_t(offset + 20)) == 1)
    closeFile(file)
    let damaged = tool(["check"], folder)
    #expect(damaged.code == 1)
    #expect(damaged.text.contains("error: \(segment) at offset \(offset) (position \(offset - 64)): a record of "))
    #expect(tool(["dump"], folder).text.contains("! \(segment) \(offset) "))
    let planned = tool(["repair", "--dry-run"], folder)
    #expect(planned.code == 0 && planned.text.hasSuffix("REPAIRABLE: nothing was changed\n"))
    #expect(planned.text.contains("would be lost: \(segment) at offset \(offset): one record, "))
    #expect(try files(folder) == [segment])

    let repaired = tool(["repair"], folder)
    #expect(repaired.code == 0 && repaired.text.hasSuffix("REPAIRED: a start goes well\n"), "\(repaired.text)")
    #expect(try files(folder) == [segment, segment + ".bad"])
    #expect(tool(["check"], folder).code == 0)
    #expect(tool(["dump", "--file", segment + ".bad"], folder).text.contains("! \(segment).bad \(offset) "))
    let daemon = DaemonProcess(folder.arguments)
    let port = try #require(daemon.port("resp"))
    #expect(ask(port, "GET key3\r\n", expecting: "$-1\r\n"))
    for number in [0, 2, 4, 9] { #expect(ask(port, "GET key\(number)\r\n", expecting: "$6\r\nvalue\(number)\r\n")) }
}

@Test func toolsLeaveARunningDaemonAlone() throws {
    let folder = TemporaryFolder()
    let daemon = DaemonProcess(folder.arguments)
    _ = try #require(daemon.port("resp"))
    for words in [["check"], ["dump"], ["repair"], ["repair", "--dry-run"]] {
        let (code, text) = tool(words, folder)
        #expect(code == 1)
        #expect(text.hasPrefix("taskd: data folder \(folder.path) is in use by another taskd (pid "), "\(text)")
    }
}

@Test func toolsMakeNothing() {
    let folder = TemporaryFolder()
    for words in [["check"], ["dump"], ["repair"]] {
        let (code, text) = tool(words, folder)
        #expect(code == 1 && text == "taskd: there is no log in data folder \(folder.path)\n", "\(text)")
    }
    #expect(access(folder.path + "/log", F_OK) != 0 && access(folder.path + "/LOCK", F_OK) != 0)
}

@Test func wrongSelectionsAreToldClearly() throws {
    let folder = TemporaryFolder()
    try fill(folder)
    #expect(
        tool(["dump", "--type", "publsh"], folder).text.hasPrefix("taskd: no record type publsh; did you mean publish?")
    )
    #expect(tool(["dump", "--file", "x.seg"], folder).text == "taskd: no file x.seg in the log of \(folder.path)\n")
    #expect(tool(["dump", "--checkpoint"], folder).text == "taskd: there is no checkpoint in \(folder.path)\n")
    #expect(tool(["dump", "--limit", "-1"], folder).code != 0)
}
