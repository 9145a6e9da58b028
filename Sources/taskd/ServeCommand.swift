// `taskd serve`: runs the daemon in the foreground until SIGTERM or SIGINT.

import ArgumentParser
import Server

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the daemon in the foreground.",
        discussion: """
            Settings come from the defaults, the configuration file, a redis.conf, environment variables TASKD_… and \
            these options; each overrides what came before. SIGTERM and SIGINT stop the daemon.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "Load this dump of a Redis (up to 8) before serving; all of it or, after an error, nothing. The store must "
                + "hold no keys.", valueName: "file"))
    var importRdb: String?

    @Flag(help: "With --import-rdb: let it take the place of all keys and functions that are there.")
    var importRdbReplace = false

    func validate() throws {
        if importRdbReplace, importRdb == nil { throw ValidationError("--import-rdb-replace needs --import-rdb") }
    }

    func run() throws {
        let configuration = try options.load()
        let importing = importRdb.map { RDBImportOptions(path: $0, replaces: importRdbReplace) }
        let code: Int32
        do throws(DaemonStartError) {
            code = try Daemon.serve(configuration, importing: importing)
        } catch {
            throw Failure.report([error.description])
        }
        if code != 0 { throw ExitCode(code) }
    }
}
