// `taskd log repair`: makes a damaged folder startable. Exit code 1 when that cannot be done.

import ArgumentParser
import Server

struct LogRepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Make a damaged log startable with what can be read of it, and say what is lost.",
        discussion: """
            Restoring the damaged files from a backup loses less. Originals are kept beside the new files as NAME.bad \
            and are never removed. A log that is not damaged is left as it is.
            """)

    @OptionGroup var folder: DataFolderOptions

    @Flag(help: "Only say what would be done and lost.")
    var dryRun = false

    func run() throws {
        let path = try folder.folder()
        let isSound = try runLogTool { print throws(LogToolError) in
            try LogTools.repair(folder: path, isDryRun: dryRun, print: print)
        }
        if !isSound { throw ExitCode.failure }
    }
}
