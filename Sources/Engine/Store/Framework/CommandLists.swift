// The lists of commands, joined. A new file of commands adds its list here and nowhere else.
// Next: RESPCommand.swift (how to add a command).

extension CommandTable {
    static var allLists: [[RESPCommand]] {
        [
            RESPCommand.stringCommands,
            RESPCommand.listCommands,
            RESPCommand.listMoveCommands,
            RESPCommand.hashCommands,
            RESPCommand.setCommands,
            RESPCommand.setAlgebraCommands,
            RESPCommand.sortedSetCommands,
            RESPCommand.sortedSetRangeCommands,
            RESPCommand.sortedSetPopCommands,
            RESPCommand.sortedSetAlgebraCommands,
            RESPCommand.scriptCommands,
            RESPCommand.serverCommands,
            RESPCommand.infoCommands,
            RESPCommand.configCommands,
            RESPCommand.commandCommands,
            RESPCommand.slowLogCommands,
            RESPCommand.persistenceCommands,
            RESPCommand.diagnosticCommands,
            RESPCommand.aclCommands,
            RESPCommand.queueCommands,
            RESPCommand.topologyCommands,
            RESPCommand.peerCommands,
            RESPCommand.bitmapCommands,
            RESPCommand.bitfieldCommands,
            RESPCommand.hyperLogLogCommands,
            RESPCommand.geoCommands,
            RESPCommand.geoSearchCommands,
            RESPCommand.keyCommands,
            RESPCommand.dumpCommands,
            RESPCommand.sortCommands,
            RESPCommand.expiryCommands,
            RESPCommand.transactionCommands,
            RESPCommand.pubSubCommands,
            RESPCommand.connectionCommands,
            RESPCommand.clientCommands,
            RESPCommand.streamCommands,
            RESPCommand.streamReadCommands,
            RESPCommand.streamGroupCommands,
            RESPCommand.streamClaimCommands,
            RESPCommand.streamInfoCommands,
        ]
    }
}
