// EVAL and its kin, and SCRIPT.
// Loop thread only. Next: ../Scripting/ScriptEngine.swift.

import Wire

extension RESPCommand {
    static let scriptCommands: [RESPCommand] = [eval, evalsha, evalRO, evalshaRO, script]

    private static let runFlags: CommandFlags = [.noScript, .stale, .skipMonitor, .noMandatoryKeys, .movableKeys]

    private static let noSuchScript = CommandError.text("NOSCRIPT No matching script. Please use EVAL.")

    /// `EVAL script numkeys [key …] [arg …]` → what the script returns.
    /// Journaled as what the script changed, in one record.
    static let eval = RESPCommand(
        "EVAL", .atLeast(3), runFlags, keys: .counted(at: 2), group: .scripting, since: "2.6.0",
        summary: "Executes a server-side Lua script.", complexity: "Depends on the script that is executed."
    ) { call throws(CommandError) in
        try evaluate(call, readsOnly: false)
    }

    /// `EVAL_RO script numkeys [key …] [arg …]`: writing commands are refused.
    static let evalRO = RESPCommand(
        "EVAL_RO", .atLeast(3), runFlags.union(.readonly), keys: .counted(at: 2), group: .scripting, since: "7.0.0",
        summary: "Executes a read-only server-side Lua script.", complexity: "Depends on the script that is executed."
    ) { call throws(CommandError) in
        try evaluate(call, readsOnly: true)
    }

    /// `EVALSHA sha1 numkeys [key …] [arg …]`: a script that the server knows.
    static let evalsha = RESPCommand(
        "EVALSHA", .atLeast(3), runFlags, keys: .counted(at: 2), group: .scripting, since: "2.6.0",
        summary: "Executes a server-side Lua script by SHA1 digest.",
        complexity: "Depends on the script that is executed."
    ) { call throws(CommandError) in
        try evaluateKnown(call, readsOnly: false)
    }

    /// `EVALSHA_RO sha1 numkeys [key …] [arg …]`.
    static let evalshaRO = RESPCommand(
        "EVALSHA_RO", .atLeast(3), runFlags.union(.readonly), keys: .counted(at: 2), group: .scripting,
        since: "7.0.0", summary: "Executes a read-only server-side Lua script by SHA1 digest.",
        complexity: "Depends on the script that is executed."
    ) { call throws(CommandError) in
        try evaluateKnown(call, readsOnly: true)
    }

    private static func evaluate(_ call: CommandCall, readsOnly: Bool) throws(CommandError) {
        try checkKeyCount(call)
        let scripts = call.store.scripts
        try scripts.run(scripts.script(text: call[1], keep: false), for: call, readsOnly: readsOnly)
    }

    private static func evaluateKnown(_ call: CommandCall, readsOnly: Bool) throws(CommandError) {
        guard call[1].count == 40 else { throw noSuchScript }
        try checkKeyCount(call)
        let scripts = call.store.scripts
        guard let script = scripts.cache[sha: call[1]] else { throw noSuchScript }
        try scripts.run(script, for: call, readsOnly: readsOnly)
    }

    /// Before the script is looked for or compiled: which error comes first can be seen.
    private static func checkKeyCount(_ call: CommandCall) throws(CommandError) {
        let count = try call.integer(2)
        guard count <= call.count - 3 else { throw .text("ERR Number of keys can't be greater than number of args") }
        guard count >= 0 else { throw .text("ERR Number of keys can't be negative") }
    }

    static let script = RESPCommand(
        container: "SCRIPT", group: .scripting, since: "2.6.0",
        summary: "A container for Lua scripts management commands.",
        subcommands: [scriptLoad, scriptExists, scriptFlush, scriptKill, scriptDebug, scriptHelp])

    /// `SCRIPT LOAD script` → its SHA-1.
    static let scriptLoad = RESPCommand(
        "LOAD", .exactly(3), [.noScript, .stale], group: .scripting, since: "2.6.0",
        summary: "Loads a server-side Lua script to the script cache.",
        complexity: "O(N) with N being the length in bytes of the script body."
    ) { call throws(CommandError) in
        call.reply.bulk(try call.store.scripts.script(text: call[2], keep: true).sha.slice)
    }

    /// `SCRIPT EXISTS sha1 [sha1 …]` → an array of 1 and 0.
    static let scriptExists = RESPCommand(
        "EXISTS", .atLeast(3), [.noScript], group: .scripting, since: "2.6.0",
        summary: "Determines whether server-side Lua scripts exist in the script cache.",
        complexity: "O(N) with N being the number of scripts to check."
    ) { call throws(CommandError) in
        call.reply.array(call.count - 2)
        for index in 2..<call.count {
            call.reply.integer(call.store.scripts.cache[sha: call[index]] == nil ? 0 : 1)
        }
    }

    /// `SCRIPT FLUSH [ASYNC|SYNC]`.
    static let scriptFlush = RESPCommand(
        "FLUSH", .atLeast(2), [.noScript], group: .scripting, since: "2.6.0",
        summary: "Removes all server-side Lua scripts from the script cache.",
        complexity: "O(N) with N being the number of scripts in cache."
    ) { call throws(CommandError) in
        guard call.count == 2 || (call.count == 3 && (call.word(2, is: "async") || call.word(2, is: "sync"))) else {
            throw .text("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
        }
        call.store.scripts.flush()
        call.reply.ok()
    }

    /// `SCRIPT KILL`: this command is read only when no script runs. Long ones are ended by themselves.
    static let scriptKill = RESPCommand(
        "KILL", .exactly(2), [.noScript, .allowBusy], group: .scripting, since: "2.6.0",
        summary: "Terminates a server-side Lua script during execution."
    ) { call throws(CommandError) in
        throw .text("NOTBUSY No scripts in execution right now.")
    }

    static let scriptDebug = RESPCommand(
        "DEBUG", .exactly(3), [.noScript], group: .scripting, since: "3.2.0",
        summary: "Sets the debug mode of server-side Lua scripts."
    ) { call throws(CommandError) in
        guard call.word(2, is: "no") else { throw .text("ERR the Lua debugger is not available") }
        call.reply.ok()
    }

    static let scriptHelp = RESPCommand(
        "HELP", .exactly(2), [.loading, .stale], group: .scripting, since: "5.0.0",
        summary: "Returns helpful text about the different subcommands."
    ) { call throws(CommandError) in
        call.replyHelp()
    }
}
