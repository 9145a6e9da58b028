// Runs scripts and functions: between the commands EVAL …, FCALL and the Lua host in C (CLuaShims).
// A script runs as part of the command that called it: its changes are that command's effects, so they become
// one record, and clients that it woke are served after it. What `redis.call` runs, runs on an internal client.
//
// Time. Everything is on the loop thread, so while a script runs nobody else is served and SCRIPT KILL cannot
// even be read. A script that runs for `busy-reply-threshold` times `Limits.scriptKillFactor` is therefore ended
// by force; what it has changed by then stays changed and is journaled, as with any script that fails halfway.
//
// Boundary file: the callbacks from C are here. Loop thread only. Next: CLuaShims/include/taskd_lua.h.

import CLuaShims
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The store's script engine. The interpreter is made at first use: most daemons with no scripts never pay for it.
final class ScriptEngine {
    unowned(unsafe) let store: Store
    /// Scripts and functions differ in what their interpreters offer and in where keys and arguments stand.
    enum Kind { case scripts, functions }
    private let kind: Kind
    private(set) var host: OpaquePointer?
    /// The library whose text is being run (see LibraryLoading.swift).
    var loading: FunctionLibrary?
    private(set) var cache = ScriptCache()
    private var runCount: UInt64 = 0

    /// Runs the commands that scripts call. What hangs on it is named once more without counting references,
    /// since every `redis.call` uses it; `client` and `argumentsHolder` keep it alive.
    private let client: StoreClient
    private unowned(unsafe) let call: CommandCall
    private unowned(unsafe) let output: OutputQueue
    private unowned(unsafe) let arguments: RESPArguments
    private let argumentsHolder = RESPArguments(capacity: 16)
    /// The words of EVAL as C sees them; used again for every run.
    private var words: UnsafeMutablePointer<taskd_lua_bytes>
    private var wordCapacity = 16
    /// Replies that the output holds in several pieces are put together here.
    private var joinedReply: UnsafeMutableRawPointer?
    private var joinedCapacity = 0
    /// The run in progress must not write.
    private var isReadOnlyRun = false
    /// Who called the run in progress.
    private(set) var caller: CommandCall?
    /// The run in progress must not take memory: there is none left. Once it has written it may go on.
    private var isMemoryDenied = false
    /// `busy-reply-threshold`, of functions too; 0: scripts may run for ever.
    var busyThresholdMilliseconds: Int64 = 5_000
    /// Limits that tests lower, before the first script.
    var textBytesMax = Limits.scriptTextBytesMax {
        didSet { output.bytesMax = textBytesMax }
    }
    var effectsBytesMax = Limits.scriptEffectsBytesMax
    var memoryBytesMax = Limits.scriptMemoryBytesMax
    /// When the run in progress has to end.
    private var deadlineMicroseconds = Int64.max

    init(store: Store, kind: Kind = .scripts) {
        self.store = store
        self.kind = kind
        client = StoreClient.internalClient(store: store)
        call = client.call
        output = client.output
        output.bytesMax = textBytesMax
        arguments = argumentsHolder
        words = UnsafeMutablePointer.allocate(capacity: wordCapacity)
    }

    deinit {
        if let host { taskd_lua_destroy(host) }
        words.deallocate()
        free(joinedReply)
    }

    /// Bytes that the interpreter has allocated.
    var memoryBytes: Int { host.map { taskd_lua_memory_bytes($0) } ?? 0 }

    // MARK: Scripts

    /// The script with this text, compiled now if it is new.
    func script(text: ByteSlice, keep: Bool) throws(CommandError) -> Script {
        if let known = cache[text: text] {
            if keep { cache.keep(known) }
            return known
        }
        let flags = try ScriptFlags(script: text)
        let host = try startedHost()
        var message = taskd_lua_bytes(base: nil, count: 0)
        let reference = taskd_lua_compile(host, taskd_lua_bytes(base: text.base, count: text.count), &message)
        guard reference > 0 else {
            let reason = ByteSlice(UnsafeRawBufferPointer(start: message.base, count: message.count)).string
            throw .message("ERR Error compiling script (new function): \(reason)")
        }
        let sha = ByteString(count: 40) { Script.writeSHA1(of: text, to: $0) }
        let script = Script(text: ByteString(text), sha: sha, flags: flags, reference: reference)
        script.isLoaded = keep
        script.lastRun = runCount
        for dropped in cache.insert(script) { taskd_lua_release(host, dropped.reference) }
        return script
    }

    /// Forgets all scripts, and the interpreter with them: its memory is given back.
    func flush() {
        precondition(!isRunning)
        cache.removeAll()
        if let host { taskd_lua_destroy(host) }
        host = nil
    }

    private var isRunning = false

    func startedHost() throws(CommandError) -> OpaquePointer {
        if let host { return host }
        let callbacks = taskd_lua_callbacks(
            owner: Unmanaged.passUnretained(self).toOpaque(),
            command: { owner, words, count, version in
                ScriptEngine.with(owner) { $0.runCommand(words, count, version) }
            },
            may_run: { owner, words, count in ScriptEngine.with(owner) { $0.mayRun(words, count) } },
            log: { owner, level, text in ScriptEngine.with(owner) { $0.log(level, text) } },
            sha1_hex: { _, bytes, target in
                Script.writeSHA1(
                    of: ByteSlice(UnsafeRawBufferPointer(start: bytes.base, count: bytes.count)), to: target!)
            },
            now_microseconds: { owner in ScriptEngine.with(owner) { $0.now } },
            register_function: { owner, function in
                // Literals end with a zero byte.
                ScriptEngine.with(owner) { $0.register(function.unsafelyUnwrapped.pointee) }.map {
                    UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self)
                }
            },
            function_flag: { _, name in
                let wanted = ByteSlice(UnsafeRawBufferPointer(start: name.base, count: name.count))
                return UInt32(ScriptFlags.names.first { wanted.equals($0.0) }?.1.rawValue ?? 0)
            })
        let limits = taskd_lua_limits(
            memory_bytes_max: memoryBytesMax, reply_depth_max: Int32(Limits.scriptReplyDepthMax),
            text_bytes_max: textBytesMax, pattern_depth_max: Int32(Limits.scriptPatternDepthMax),
            instructions_per_check: Int32(Limits.scriptInstructionsPerCheck))
        let seed = UInt32(truncatingIfNeeded: store.context.random.next())
        host = CompatibleVersion.redis.withCString {
            taskd_lua_create(
                callbacks, limits, $0, Int32(CompatibleVersion.number), seed, kind == .functions ? 1 : 0)
        }
        guard let host else { throw .text("ERR the Lua interpreter does not start") }
        return host
    }

    @inline(__always)
    private static func with<R>(_ owner: UnsafeMutableRawPointer?, _ body: (ScriptEngine) -> R) -> R {
        Unmanaged<ScriptEngine>.fromOpaque(owner.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
    }

    // MARK: Running

    /// Runs a script with the keys and arguments of `call`, whose words 3… they are, and writes its reply.
    func run(_ script: Script, for call: CommandCall, readsOnly: Bool) throws(CommandError) {
        runCount += 1
        script.lastRun = runCount
        try run(
            reference: script.reference, name: script.sha, flags: script.flags, for: call, readsOnly: readsOnly)
    }

    /// The same for anything compiled; errors name it.
    func run(
        reference: Int32, name: ByteString, flags: ScriptFlags, for call: CommandCall, readsOnly: Bool
    ) throws(CommandError) {
        guard !isRunning else { throw .text("ERR scripts do not nest") }
        let given = call.count - 3
        guard let wanted = RESPNumber.integer(call[2]) else { throw .notInteger }
        guard wanted <= given else { throw .text("ERR Number of keys can't be greater than number of args") }
        guard wanted >= 0 else { throw .text("ERR Number of keys can't be negative") }
        guard !readsOnly || !flags.isDisjoint(with: [.noWrites, .undeclared]) else {
            throw .text("ERR Can not execute a script with write flag using *_ro command.")
        }
        guard !store.isOutOfMemory || !flags.isDisjoint(with: [.noWrites, .allowOutOfMemory, .undeclared])
        else { throw .outOfMemory }
        let host = try startedHost()
        reserveWords(given)
        for index in 0..<given {
            let word = call[3 + index]
            words[index] = taskd_lua_bytes(base: word.base, count: word.count)
        }
        // The script's changes are journaled as the commands that made them, never as the script.
        call.propagateNothing()
        isReadOnlyRun = readsOnly || flags.contains(.noWrites)
        isMemoryDenied = store.isOutOfMemory && !flags.contains(.allowOutOfMemory)
        isRunning = true
        client.database = call.client.database
        client.account = call.client.account
        caller = call
        defer { caller = nil }
        let microsecondsMax = max(0, store.scripts.busyThresholdMilliseconds) * 1_000 * Limits.scriptKillFactor
        deadlineMicroseconds = microsecondsMax > 0 ? now + microsecondsMax : .max
        var run = taskd_lua_run(
            reference: reference, name: taskd_lua_bytes(base: name.slice.base, count: name.count),
            keys: UnsafePointer(words), key_count: Int(wanted),
            arguments: UnsafePointer(words + Int(wanted)), argument_count: given - Int(wanted),
            client_resp_version: call.reply.isRESP3 ? 3 : 2,
            microseconds_max: microsecondsMax)
        var result = taskd_lua_result()
        taskd_lua_execute(host, &run, &result)
        isRunning = false
        try answer(result, to: call)
    }

    private func answer(_ result: taskd_lua_result, to call: CommandCall) throws(CommandError) {
        let reply = ByteSlice(UnsafeRawBufferPointer(start: result.reply.base, count: result.reply.count))
        let isError = reply.count > 3 && reply[0] == 0x2D
        guard isError else { return call.reply.output.append(reply) }
        // Counted already when it is the error of a command that the script let through.
        if result.error_counted == 0 { throw .message(reply.slice(from: 1, count: reply.count - 3).string) }
        call.row.failedCalls += 1
        call.reply.output.append(reply)
    }

    private func reserveWords(_ count: Int) {
        guard count > wordCapacity else { return }
        words.deallocate()
        while wordCapacity < count { wordCapacity *= 2 }
        words = UnsafeMutablePointer.allocate(capacity: wordCapacity)
    }

    // MARK: Called by scripts

    private var now: Int64 { store.context.time.stopwatch?() ?? store.context.time.monotonicMilliseconds * 1_000 }

    private func take(_ words: UnsafePointer<taskd_lua_bytes>?, _ count: Int) {
        arguments.removeAll()
        guard let words else { return }
        for index in 0..<count {
            let word = words[index]
            arguments.append(ByteSlice(UnsafeRawBufferPointer(start: word.base, count: word.count)))
        }
    }

    /// `redis.call`: the reply's bytes stay valid until the next command.
    private func runCommand(_ words: UnsafePointer<taskd_lua_bytes>?, _ count: Int, _ version: Int32) -> taskd_lua_bytes
    {
        take(words, count)
        output.consume(output.pendingBytes)
        call.arguments = arguments
        call.reply.isRESP3 = version == 3
        // A container with a word that is none of its subcommands is no command either.
        guard let row = store.table.find(arguments), row.subcommands.isEmpty || count == 1 else {
            return refuse(nil, "ERR Unknown Redis command called from script")
        }
        call.row = row
        guard row.arity.allows(count) else {
            return refuse(row, "ERR Wrong number of args calling Redis command from script")
        }
        if row.flags.contains(.noScript) { return refuse(row, "ERR This Redis command is not allowed from script") }
        if client.account.isRestricted, let denial = store.denial(client, row, arguments, .lua) {
            return refuse(row, "ERR ACL failure in script: " + denial.text(client.account, row, arguments))
        }
        if isReadOnlyRun, !row.flags.isDisjoint(with: [.write, .mayReplicate]) {
            return refuse(row, "ERR Write commands are not allowed from read-only scripts.")
        }
        if store.refusesWrites, row.flags.contains(.write), let reason = store.persistence.writeRefusal {
            return refuse(row, reason)
        }
        if isMemoryDenied, row.flags.contains(.denyOOM) { return refuse(row, CommandError.outOfMemoryText) }
        guard areArgumentsBounded else {
            return refuse(row, "ERR The arguments of a command called from script are too long")
        }
        if row.flags.contains(.write), store.effects.count > effectsBytesMax {
            return refuse(row, "ERR The script has changed too much in one run")
        }
        if row.flags.contains(.write) { isMemoryDenied = false }
        if call.keys.index != client.database { call.keys = store.databases[client.database] }
        call.isRetry = false
        if !store.monitors.isEmpty { store.feedMonitors(call) }
        store.execute(call)
        // The clock was read for the command's own sake.
        if store.context.time.lastStopwatchMicroseconds >= deadlineMicroseconds, let host { taskd_lua_expire(host) }
        if output.hasOverflowed || output.pendingBytes > textBytesMax {
            output.discard()
            return refuse(row, "ERR The reply to a command called from script is too long")
        }
        return reply()
    }

    /// As a client's are: a script can make longer strings, and name one many times.
    private var areArgumentsBounded: Bool {
        let configuration = store.context.configuration
        var total = 0
        for index in 0..<arguments.count {
            guard arguments[index].count <= configuration.respBulkBytesMax else { return false }
            total += arguments[index].count
        }
        return total <= configuration.respQueryBytesMax
    }

    private func refuse(_ row: CommandRow?, _ text: String) -> taskd_lua_bytes {
        row?.rejectedCalls += 1
        store.statistics.countError(text)
        call.reply.error(text)
        return reply()
    }

    /// The output's bytes in one piece, valid until the next command.
    private func reply() -> taskd_lua_bytes {
        let total = output.pendingBytes
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 8) { vectors in
            if output.gather(into: vectors) == 1 {
                return taskd_lua_bytes(base: vectors[0].iov_base, count: total)
            }
            let joined = joinBuffer(total)
            var filled = 0
            while output.pendingBytes > 0 {
                let pieces = output.gather(into: vectors)
                let start = filled
                for vector in vectors[..<pieces] {
                    memcpy(joined + filled, vector.iov_base, vector.iov_len)
                    filled += vector.iov_len
                }
                output.consume(filled - start)
            }
            return taskd_lua_bytes(base: joined, count: total)
        }
    }

    private func joinBuffer(_ count: Int) -> UnsafeMutableRawPointer {
        let isTooLarge = joinedCapacity > Limits.scriptKeptReplyBytesMax && count <= Limits.scriptKeptReplyBytesMax
        if let joinedReply, count <= joinedCapacity, !isTooLarge { return joinedReply }
        free(joinedReply)
        joinedCapacity = max(count, 4_096)
        let fresh = malloc(joinedCapacity).unsafelyUnwrapped
        joinedReply = fresh
        return fresh
    }

    /// `redis.acl_check_cmd`.
    private func mayRun(_ words: UnsafePointer<taskd_lua_bytes>?, _ count: Int) -> Int32 {
        take(words, count)
        guard let row = store.table.find(arguments) else { return -1 }
        return client.account.denial(row, arguments) == nil ? 1 : 0
    }

    /// `redis.log`.
    private func log(_ level: Int32, _ text: taskd_lua_bytes) {
        let levels: [EngineLogLevel] = [.debug, .debug, .notice, .warning]
        let shown = UnsafeRawBufferPointer(start: text.base, count: min(text.count, Limits.scriptLogLineBytesMax))
        store.context.log(levels[Int(level)], ByteSlice(shown).string, ("origin", "script"))
    }
}
