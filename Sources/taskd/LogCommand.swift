// `taskd log`: tools for the log of a data folder that no daemon uses. Each stands in a file of its own.
// Next: ../Server/Offline/LogTools.swift, which does the work.

import ArgumentParser
import Server

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Look into, check or repair the log of a data folder that no daemon uses.",
        subcommands: [LogDumpCommand.self, LogCheckCommand.self, LogRepairCommand.self])
}

/// Which data folder.
struct DataFolderOptions: ParsableArguments {
    @Option(help: ArgumentHelp("TOML file with settings; see Config/taskd.toml.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The redis.conf that `serve` is given, if any.", valueName: "file"))
    var redisConfig: String?

    @Option(help: ArgumentHelp("Folder of the durable log.", valueName: "folder"))
    var dataDir: String?

    /// What `serve` would go by with the same options.
    func configuration() throws -> ServerConfiguration {
        let flags = dataDir.map { [(key: "data.folder", text: $0)] } ?? []
        return try ConfigurationOptions.load(file: config, redisFile: redisConfig, flags: flags)
    }

    /// The folder that `serve` would use with the same options.
    func folder() throws -> String { try configuration().dataFolder }
}

/// Runs a tool with standard output for its lines; its error ends the process with exit code 1.
func runLogTool<R>(_ body: ((String) -> Void) throws(LogToolError) -> R) throws -> R {
    let output = LineOutput()
    defer { output.flush() }
    do throws(LogToolError) {
        return try body(output.print)
    } catch {
        output.flush()
        throw Failure.report([error.description])
    }
}
