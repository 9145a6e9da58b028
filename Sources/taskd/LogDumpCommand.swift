// `taskd log dump`: one line for each record.

import ArgumentParser
import Server

struct LogDumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Show the log's records, one line each.",
        discussion: """
            A line has position, file, offset in the file, type and size of the record, and what it says; records \
            inside a group follow it, indented. A line that begins with `!` is a part that cannot be read.
            """)

    @OptionGroup var folder: DataFolderOptions

    @Option(help: ArgumentHelp("Only records from this position on.", valueName: "position"))
    var from: UInt64?

    @Option(help: ArgumentHelp("Only records before this position.", valueName: "position"))
    var to: UInt64?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Only records of these types, such as publish or storeEffects.", valueName: "name"))
    var type: [String] = []

    @Option(
        help: ArgumentHelp("Only this segment or checkpoint, or an original that a repair kept.", valueName: "name"))
    var file: String?

    @Flag(help: "The newest checkpoint instead of the segments.")
    var checkpoint = false

    @Option(help: ArgumentHelp("At most so many records.", valueName: "count"))
    var limit: Int?

    @Flag(help: "One JSON object for each line.")
    var json = false

    func validate() throws {
        if file != nil, checkpoint { throw ValidationError("--file and --checkpoint exclude each other") }
        if let limit, limit < 0 { throw ValidationError("--limit must not be negative") }
    }

    func run() throws {
        let path = try folder.folder()
        var options = LogDumpOptions()
        options.from = from
        options.to = to
        options.types = type
        options.file = file
        options.isOfCheckpoint = checkpoint
        options.limit = limit
        options.isJSON = json
        try runLogTool { print throws(LogToolError) in try LogTools.dump(folder: path, options, print: print) }
    }
}
