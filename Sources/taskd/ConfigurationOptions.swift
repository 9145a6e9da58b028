// The options that `serve` and `check-config` share, and how errors are shown.

import ArgumentParser
import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

struct ConfigurationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("TOML file with settings; see Config/taskd.toml.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "A redis.conf to go by as well, over the TOML file; what of it has no effect is listed at the start.",
            valueName: "file"))
    var redisConfig: String?

    @Option(help: ArgumentHelp("Folder of the durable log.", valueName: "folder"))
    var dataDir: String?

    @Option(help: ArgumentHelp("Listen here for AMQP clients; may be given several times.", valueName: "host:port"))
    var amqp: [String] = []

    @Option(help: ArgumentHelp("Listen here for Redis clients; may be given several times.", valueName: "host:port"))
    var resp: [String] = []

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("plain or json.", valueName: "format"))
    var logFormat: String?

    func load() throws -> ServerConfiguration {
        var flags: [(key: String, text: String)] = []
        if let dataDir { flags.append(("data.folder", dataDir)) }
        if !amqp.isEmpty { flags.append(("amqp.listen", amqp.joined(separator: ","))) }
        if !resp.isEmpty { flags.append(("resp.listen", resp.joined(separator: ","))) }
        if let logLevel { flags.append(("logging.level", logLevel)) }
        if let logFormat { flags.append(("logging.format", logFormat)) }
        return try Self.load(file: config, redisFile: redisConfig, flags: flags)
    }

    static func load(
        file: String?, redisFile: String?, flags: [(key: String, text: String)]
    ) throws -> ServerConfiguration {
        HashSeed.plant()
        do throws(ConfigurationError) {
            return try ConfigurationLoader.load(
                file: file, redisFile: redisFile, environment: ProcessEnvironment.variables, flags: flags)
        } catch {
            throw Failure.report(error.problems)
        }
    }
}

enum Failure {
    /// Prints each line to standard error; throw the result to end with exit code 1.
    static func report(_ lines: [String]) -> ExitCode {
        lines.forEach(print)
        return .failure
    }

    static func print(_ line: String) {
        let text = "taskd: \(line)\n"
        _ = write(STDERR_FILENO, text, text.utf8.count)
    }
}
