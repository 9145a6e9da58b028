// `taskd log check`: whether a start would go well. Exit code 1 when not.

import ArgumentParser
import Server

struct LogCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check every file of the log; exit code 0 when a start goes well and nothing is lost.",
        discussion: """
            Reads everything and changes nothing. Whether each command in the log can be applied, only a start can tell.
            """)

    @OptionGroup var folder: DataFolderOptions

    func run() throws {
        let path = try folder.folder()
        let isSound = try runLogTool { print throws(LogToolError) in
            try LogTools.check(folder: path, print: print)
        }
        if !isSound { throw ExitCode.failure }
    }
}
