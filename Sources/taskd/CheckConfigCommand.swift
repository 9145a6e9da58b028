// `taskd check-config`: says what `serve` would make of the same options, without starting anything.

import ArgumentParser
import Server

struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Check the configuration and print every setting's value.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print a file with every setting and its default instead: Config/taskd.toml.")
    var printReference = false

    func run() throws {
        if printReference { return print(Settings.referenceFile, terminator: "") }
        let configuration = try options.load()
        for warning in configuration.warnings { Failure.print("warning: \(warning)") }
        for note in configuration.notes { Failure.print(note) }
        for line in configuration.effectiveSettings { print(line) }
        for line in configuration.storeSettings { print(line) }
    }
}
