// `taskd export-rdb`: the way out, to a Redis.

import ArgumentParser
import Server

struct ExportRDBCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export-rdb",
        abstract: "Write the keys of a data folder that no daemon uses as an RDB file for Redis 7.0 or later.",
        discussion: """
            Keys, expiries and functions of all databases; users, queues and messages stay behind. The file is there as \
            a whole or not at all, and replaces one of the same name. Nothing in the data folder is changed.
            """)

    @OptionGroup var folder: DataFolderOptions

    @Argument(
        help: ArgumentHelp("Where to write: usually dump.rdb in the folder of a stopped Redis.", valueName: "file"))
    var file: String

    func run() throws {
        let configuration = try folder.configuration()
        try runLogTool { print throws(LogToolError) in
            print(try RDBExport.run(configuration, to: file) { Failure.print("warning: \($0)") })
        }
    }
}
