// The lists of commands, joined. A new file of commands adds its list here and nowhere else.
// Next: RESPCommand.swift (how to add a command).

extension CommandTable {
    static var allLists: [[RESPCommand]] {
        [
            RESPCommand.stringCommands
        ]
    }
}
