// `taskd serve`: runs the daemon in the foreground until SIGTERM or SIGINT.

import ArgumentParser
import Server

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the daemon in the foreground.",
        discussion: """
            Settings come from the defaults, the configuration file, environment variables TASKD_… and these \
            options; each overrides what came before. SIGTERM and SIGINT stop the daemon.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let configuration = try options.load()
        let code: Int32
        do throws(DaemonStartError) {
            code = try Daemon.serve(configuration)
        } catch {
            throw Failure.report([error.description])
        }
        if code != 0 { throw ExitCode(code) }
    }
}
