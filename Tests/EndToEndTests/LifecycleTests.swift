// The daemon's life: starts that must fail say why in one line; stops tell the clients; restarts keep what was kept.

import Foundation
import Testing

struct LifecycleTests {
    @Test(.timeLimit(.minutes(20)), arguments: ["SIGTERM", "SIGINT"])
    func stopTellsClients(_ signal: String) async throws {
        try await Slots.shared.run {
            try await withTemporaryFolder { folder in
                let daemon = try await Daemon.start(folder: folder)
                try await PythonClient(program: "shutdown.py", seconds: 60).run(signal, against: daemon)
                let code = await daemon.process.wait(seconds: 15)
                #expect(code == 0, "the daemon's exit code; its log:\n\(daemon.logTail)")
                await daemon.process.end(seconds: 5)
            }
        }
    }

    /// Goal: durable and persistent things outlive the process, whichever way it ends. SIGKILL leaves the operating
    /// system's cache in place, so everything that was written must be there; power failures are simulated elsewhere.
    @Test(.timeLimit(.minutes(20)), arguments: [SIGTERM, SIGKILL])
    func restartKeepsWhatIsDurable(_ signal: Int32) async throws {
        try await Slots.shared.run {
            try await withTemporaryFolder { folder in
                let client = PythonClient(program: "restart.py")
                let first = try await Daemon.start(folder: folder)
                try await client.run("before", against: first)
                let code = await first.process.end(signal, seconds: 20)
                #expect(code == (signal == SIGTERM ? 0 : -signal), "its log:\n\(first.logTail)")

                let second = try await Daemon.start(folder: folder)
                try await client.run("after", against: second)
                #expect(await second.process.end(seconds: 20) == 0, "its log:\n\(second.logTail)")
            }
        }
    }

    /// A start that must fail: with a code other than 0, within the bound, saying why on standard error.
    private func expectRefusal(
        _ arguments: [String], environment: [String: String] = [:], folder: URL, containing words: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let process = try Daemon.launch(arguments, environment: environment, folder: folder)
        let code = await process.wait(seconds: 15)
        if code == nil { await process.end(seconds: 5) }
        let complaint = process.errors + process.output
        #expect(
            code != nil && code != 0, "exit code \(code.map(String.init) ?? "none"): \(complaint)",
            sourceLocation: sourceLocation)
        for word in words {
            #expect(complaint.contains(word), "expected \(word) in: \(complaint)", sourceLocation: sourceLocation)
        }
        #expect(!complaint.contains("Fatal error"), "\(complaint)", sourceLocation: sourceLocation)
    }

    private func serve(_ folder: URL, amqp: Int, resp: Int) -> [String] {
        [
            "serve", "--data-dir", folder.appending(path: "data").path,
            "--amqp", "127.0.0.1:\(amqp)", "--resp", "127.0.0.1:\(resp)",
        ]
    }

    @Test(.timeLimit(.minutes(20)))
    func portInUse() async throws {
        try await withDaemon { daemon in
            try await withTemporaryFolder { other in
                try await expectRefusal(
                    serve(other, amqp: daemon.amqpPort, resp: freePort()), folder: other,
                    containing: [String(daemon.amqpPort), "in use"])
                try await expectRefusal(
                    serve(other, amqp: freePort(), resp: daemon.respPort), folder: other,
                    containing: [String(daemon.respPort), "in use"])
            }
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func secondDaemonOnTheSameData() async throws {
        try await withDaemon { daemon in
            try await expectRefusal(
                serve(daemon.folder, amqp: freePort(), resp: freePort()), folder: daemon.folder,
                containing: [daemon.dataFolder.path])
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func dataFolderThatCannotBeUsed() async throws {
        try await withTemporaryFolder { folder in
            try Data("a file".utf8).write(to: folder.appending(path: "data"))
            try await expectRefusal(
                serve(folder, amqp: freePort(), resp: freePort()), folder: folder,
                containing: [folder.appending(path: "data").path])
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func configurationThatIsWrong() async throws {
        try await withTemporaryFolder { folder in
            let file = folder.appending(path: "wrong.toml")
            try Data("# a comment\n\nlog-levle = \"debug\"\n".utf8).write(to: file)
            let arguments = ["serve", "--config", file.path, "--data-dir", folder.appending(path: "data").path]
            // File, line and the name itself; the nearest valid name is the configuration tests' own matter.
            try await expectRefusal(arguments, folder: folder, containing: ["wrong.toml", "3", "log-levle"])
            try await expectRefusal(
                ["check-config", "--config", file.path], folder: folder, containing: ["wrong.toml", "3", "log-levle"])
            try Data("[broken\n".utf8).write(to: file)
            try await expectRefusal(arguments, folder: folder, containing: ["wrong.toml"])
            try await expectRefusal(
                ["serve", "--log-level", "loud"], folder: folder, containing: ["loud"])
            try await expectRefusal(
                ["serve", "--config", folder.appending(path: "missing.toml").path], folder: folder,
                containing: ["missing.toml"])
        }
    }

    @Test(.timeLimit(.minutes(20)), arguments: ["--version", "--help"])
    func wordsOnTheCommandLine(_ flag: String) async throws {
        try await withTemporaryFolder { folder in
            let process = try Daemon.launch([flag], folder: folder)
            #expect(await process.wait(seconds: 10) == 0)
            #expect(!process.output.isEmpty)
        }
    }

    /// `Config/taskd.toml` documents every setting with its default: it must be valid as it is.
    @Test(.timeLimit(.minutes(20)))
    func exampleConfigurationIsValid() async throws {
        try await withTemporaryFolder { folder in
            let example = Paths.package.appending(path: "Config/taskd.toml")
            let process = try Daemon.launch(["check-config", "--config", example.path], folder: folder)
            #expect(await process.wait(seconds: 10) == 0, "\(process.errors)")
        }
    }
}
