// CONFIG GET, SET, RESETSTAT, REWRITE.
// Loop thread only. Next: ConfigParameter.swift.

import Wire

extension RESPCommand {
    static let configCommands: [RESPCommand] = [config]

    private static let flags: CommandFlags = [.admin, .noScript, .loading, .stale]

    static let config = RESPCommand(
        container: "CONFIG", group: .server, since: "2.0.0",
        summary: "A container for server configuration commands.",
        subcommands: [
            RESPCommand(
                "GET", .atLeast(3), flags, group: .server, since: "2.0.0",
                summary: "Returns the effective values of configuration parameters.",
                complexity: "O(N) when N is the number of configuration parameters provided"
            ) { call throws(CommandError) in
                replyParameters(call)
            },
            RESPCommand(
                "SET", .atLeast(4), flags, group: .server, since: "2.0.0",
                summary: "Sets configuration parameters in-flight.",
                complexity: "O(N) when N is the number of configuration parameters provided"
            ) { call throws(CommandError) in
                try setParameters(call)
                call.reply.ok()
            },
            RESPCommand(
                "RESETSTAT", .exactly(2), flags, group: .server, since: "2.0.0",
                summary: "Resets the server's statistics."
            ) { call throws(CommandError) in
                call.store.resetStatistics()
                call.reply.ok()
            },
            RESPCommand(
                "REWRITE", .exactly(2), flags, group: .server, since: "2.8.0",
                summary: "Persists the effective configuration to file."
            ) { call throws(CommandError) in
                // The file is written by people, with comments of theirs; it is never changed from here.
                let hasFile = !call.store.context.processFacts().configurationFile.isEmpty
                throw hasFile
                    ? .text("ERR Rewriting config file: not done by this server, edit the file")
                    : .text("ERR The server is running without a config file")
            },
            RESPCommand(
                "HELP", .exactly(2), [.loading, .stale], group: .server, since: "5.0.0",
                summary: "Returns helpful text about the different subcommands."
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])

    /// `CONFIG GET glob [glob …]` → names and values.
    private static func replyParameters(_ call: CommandCall) {
        let found = ConfigParameter.all.filter { parameter in
            ByteString(parameter.name).withSlice { name in
                (2..<call.count).contains { Glob.matches(call[$0], name, ignoringCase: true) }
            }
        }
        call.reply.map(found.count)
        for parameter in found {
            call.reply.bulk(parameter.name)
            call.reply.bulk(parameter.get(call.store))
        }
    }

    /// All or none: values are tried in order, and those before a refused one are set back.
    private static func setParameters(_ call: CommandCall) throws(CommandError) {
        guard call.count % 2 == 0 else { throw .wrongArity(command: call.commandName) }
        func failed(_ name: String, _ reason: String) -> CommandError {
            .message("ERR CONFIG SET failed (possibly related to argument '\(name)') - \(reason)")
        }
        var changes: [(ConfigParameter, String)] = []
        for index in stride(from: 2, to: call.count, by: 2) {
            let name = call[index].string
            guard let parameter = ConfigParameter.find(name) else {
                throw .message("ERR Unknown option or number of arguments for CONFIG SET - '\(name)'")
            }
            if changes.contains(where: { $0.0.name == parameter.name }) { throw failed(name, "duplicate parameter") }
            let value = call[index + 1].string
            guard parameter.set != nil || parameter.get(call.store) == value else {
                throw failed(name, "can't set immutable config")
            }
            changes.append((parameter, value))
        }
        var done: [(ConfigParameter, String)] = []
        for (parameter, value) in changes {
            guard let set = parameter.set else { continue }
            let before = parameter.get(call.store)
            do throws(ConfigError) {
                try set(call.store, value)
            } catch {
                for (parameter, before) in done.reversed() { try? parameter.set?(call.store, before) }
                throw failed(parameter.name, error.reason)
            }
            done.append((parameter, before))
        }
    }
}

extension Store {
    /// `CONFIG RESETSTAT`: what is counted begins at zero again; what is there stays.
    func resetStatistics() {
        statistics.reset()
        access.log.resetCounts()
        for row in table.rows.flatMap({ [$0] + $0.subcommands.map(\.row) }) {
            row.calls = 0
            row.microseconds = 0
            row.rejectedCalls = 0
            row.failedCalls = 0
            row.latency.reset()
        }
    }
}
