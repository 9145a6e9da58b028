// FCALL, FCALL_RO and FUNCTION.
// Loop thread only. Next: ../Scripting/FunctionEngine.swift, ../Serialization/FunctionPayload.swift.

import Wire

extension RESPCommand {
    static let functionCommands: [RESPCommand] = [fcall, fcallRO, function]

    private static let runFlags: CommandFlags = [.noScript, .stale, .skipMonitor, .noMandatoryKeys, .movableKeys]

    /// `FCALL function numkeys [key …] [arg …]` → what the function returns.
    /// Journaled as what the function changed, in one record.
    static let fcall = RESPCommand(
        "FCALL", .atLeast(3), runFlags, keys: .counted(at: 2), group: .scripting, since: "7.0.0",
        summary: "Invokes a function.", complexity: "Depends on the function that is executed."
    ) { call throws(CommandError) in
        try invoke(call, readsOnly: false)
    }

    /// `FCALL_RO function numkeys [key …] [arg …]`: of functions that only read.
    static let fcallRO = RESPCommand(
        "FCALL_RO", .atLeast(3), runFlags.union(.readonly), keys: .counted(at: 2), group: .scripting, since: "7.0.0",
        summary: "Invokes a read-only function.", complexity: "Depends on the function that is executed."
    ) { call throws(CommandError) in
        try invoke(call, readsOnly: true)
    }

    private static func invoke(_ call: CommandCall, readsOnly: Bool) throws(CommandError) {
        let functions = call.store.functions
        guard let function = functions.function(call[1]) else { throw .text("ERR Function not found") }
        guard let count = RESPNumber.integer(call[2]) else { throw .text("ERR Bad number of keys provided") }
        guard count <= call.count - 3 else { throw .text("ERR Number of keys can't be greater than number of args") }
        guard count >= 0 else { throw .text("ERR Number of keys can't be negative") }
        try functions.run(function, for: call, readsOnly: readsOnly)
    }

    static let function = RESPCommand(
        container: "FUNCTION", group: .scripting, since: "7.0.0", summary: "A container for function commands.",
        subcommands: [
            functionLoad, functionDelete, functionFlush, functionList, functionStats, functionDump, functionRestore,
            functionKill, functionHelp,
        ])

    /// `FUNCTION LOAD [REPLACE] code` → the library's name.
    static let functionLoad = RESPCommand(
        "LOAD", .atLeast(3), [.write, .denyOOM, .noScript], group: .scripting, since: "7.0.0",
        summary: "Creates a library.",
        complexity: "O(1) (considering compilation time is redundant)"
    ) { call throws(CommandError) in
        var replaces = false
        for index in 2..<call.count - 1 {
            guard call.word(index, is: "replace") else {
                throw .message("ERR Unknown option given: \(call[index].string)")
            }
            replaces = true
        }
        let name = try call.store.functions.load(call[call.count - 1], replaces: replaces)
        call.store.dirty += 1
        call.reply.bulk(name.slice)
    }

    /// `FUNCTION DELETE name` → OK.
    static let functionDelete = RESPCommand(
        "DELETE", .exactly(3), [.write, .noScript], group: .scripting, since: "7.0.0",
        summary: "Deletes a library and its functions."
    ) { call throws(CommandError) in
        guard let library = call.store.functions.library(call[2]) else { throw .text("ERR Library not found") }
        call.store.functions.delete(library)
        call.store.dirty += 1
        call.reply.ok()
    }

    /// `FUNCTION FLUSH [ASYNC|SYNC]` → OK.
    static let functionFlush = RESPCommand(
        "FLUSH", .atLeast(2), [.write, .noScript], group: .scripting, since: "7.0.0",
        summary: "Deletes all libraries and functions.",
        complexity: "O(N) where N is the number of functions deleted"
    ) { call throws(CommandError) in
        guard call.count <= 3 else { throw call.wrongSubcommand }
        guard call.count == 2 || call.word(2, is: "async") || call.word(2, is: "sync") else {
            throw .text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
        }
        call.store.functions.flush()
        call.store.dirty += 1
        call.reply.ok()
    }

    /// `FUNCTION LIST [LIBRARYNAME glob] [WITHCODE]` → libraries with their functions.
    static let functionList = RESPCommand(
        "LIST", .atLeast(2), [.noScript], group: .scripting, since: "7.0.0",
        summary: "Returns information about all libraries.",
        complexity: "O(N) where N is the number of functions"
    ) { call throws(CommandError) in
        try call.replyLibraries()
    }

    /// `FUNCTION STATS` → what runs: nothing, since this command is read only then; and how many there are.
    static let functionStats = RESPCommand(
        "STATS", .exactly(2), [.noScript, .allowBusy], group: .scripting, since: "7.0.0",
        summary: "Returns information about a function during execution."
    ) { call throws(CommandError) in
        call.reply.map(2)
        call.reply.bulk("running_script")
        call.reply.null()
        call.reply.bulk("engines")
        call.reply.map(1)
        call.reply.bulk("LUA")
        call.reply.map(2)
        call.reply.bulk("libraries_count")
        call.reply.integer(call.store.functions.libraryCount)
        call.reply.bulk("functions_count")
        call.reply.integer(call.store.functions.functionCount)
    }

    /// `FUNCTION DUMP` → all libraries as bytes.
    static let functionDump = RESPCommand(
        "DUMP", .exactly(2), [.noScript], group: .scripting, since: "7.0.0",
        summary: "Dumps all libraries into a serialized binary payload.",
        complexity: "O(N) where N is the number of functions"
    ) { call throws(CommandError) in
        call.reply.bulk(DumpWriter.payload(ofLibraries: call.store.functions.libraries.map(\.code)))
    }

    /// `FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE]` → OK.
    static let functionRestore = RESPCommand(
        "RESTORE", .atLeast(3), [.write, .denyOOM, .noScript], group: .scripting, since: "7.0.0",
        summary: "Restores all libraries from a payload.",
        complexity: "O(N) where N is the number of functions on the payload"
    ) { call throws(CommandError) in
        guard call.count <= 4 else { throw call.wrongSubcommand }
        let replaces = call.count == 4 && call.word(3, is: "replace")
        let flushes = call.count == 4 && call.word(3, is: "flush")
        guard call.count == 3 || replaces || flushes || call.word(3, is: "append") else {
            throw .text("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
        }
        let codes = try FunctionPayload.read(call[2])
        try call.store.functions.restore(codes, replaces: replaces, flushes: flushes)
        call.store.dirty += 1
        call.reply.ok()
    }

    /// `FUNCTION KILL`: as SCRIPT KILL.
    static let functionKill = RESPCommand(
        "KILL", .exactly(2), [.noScript, .allowBusy], group: .scripting, since: "7.0.0",
        summary: "Terminates a function during execution."
    ) { call throws(CommandError) in
        throw .text("NOTBUSY No scripts in execution right now.")
    }

    static let functionHelp = RESPCommand(
        "HELP", .exactly(2), [.loading, .stale], group: .scripting, since: "7.0.0",
        summary: "Returns helpful text about the different subcommands."
    ) { call throws(CommandError) in
        call.replyHelp()
    }
}

extension CommandCall {
    fileprivate var wrongSubcommand: CommandError {
        .message("ERR unknown subcommand or wrong number of arguments for '\(self[1].string)'. Try FUNCTION HELP.")
    }

    fileprivate func replyLibraries() throws(CommandError) {
        var pattern: ByteSlice?
        var withCode = false
        var index = 2
        while index < count {
            if !withCode, word(index, is: "withcode") {
                withCode = true
            } else if pattern == nil, word(index, is: "libraryname") {
                guard index + 1 < count else { throw .text("ERR library name argument was not given") }
                index += 1
                pattern = self[index]
            } else {
                throw .message("ERR Unknown argument \(self[index].string)")
            }
            index += 1
        }
        let libraries = store.functions.libraries.filter { library in
            pattern.map { Glob.matches($0, library.name.slice, ignoringCase: true) } ?? true
        }
        reply.array(libraries.count)
        for library in libraries {
            reply.map(withCode ? 4 : 3)
            reply.bulk("library_name")
            reply.bulk(library.name.slice)
            reply.bulk("engine")
            reply.bulk("LUA")
            reply.bulk("functions")
            reply.array(library.functions.count)
            for function in library.functions { replyFunction(function) }
            guard withCode else { continue }
            reply.bulk("library_code")
            reply.bulk(library.code.slice, owner: library.code)
        }
    }

    private func replyFunction(_ function: LibraryFunction) {
        reply.map(3)
        reply.bulk("name")
        reply.bulk(function.name.slice)
        reply.bulk("description")
        if let description = function.description { reply.bulk(description.slice) } else { reply.null() }
        reply.bulk("flags")
        let flags = ScriptFlags.names.filter { function.flags.contains($0.1) }
        reply.set(flags.count)
        for (name, _) in flags { reply.simple(name) }
    }
}
