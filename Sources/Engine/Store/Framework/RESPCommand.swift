// One command of the key store: a value with everything that is known about it.
//
// HOW TO ADD A COMMAND, the whole tour:
//
// 1. Choose the file under Store/Commands by its group (StringCommands.swift, HashCommands.swift, …).
// 2. Write a `static let` in its `extension RESPCommand`, with the reply and cost in a comment:
//
//        /// `STRLEN key` → integer. O(1).
//        static let strlen = RESPCommand(
//            "STRLEN", .exactly(2), [.readonly, .fast], keys: .first, group: .string, since: "2.2.0",
//            summary: "Returns the length of a string value.", complexity: "O(1)"
//        ) { call throws(CommandError) in
//            call.reply.integer(try call.keys.readString(call[1])?.count ?? 0)
//        }
//
// 3. Add it to the list at the top of that file; CommandTable.swift joins the lists. A name given twice
//    stops the start. Nothing else is to be done: arity errors, key extraction, COMMAND, COMMAND DOCS,
//    statistics and the rules of MULTI come from the row.
//
// In the handler:
// - `call[i]` is argument i (0 is the name), a `ByteSlice` borrowed until the handler returns.
//   `call.integer(i)`, `call.double(i)`, `call.word(i, is: "nx")` check and convert.
// - `call.keys` is the selected database (Keyspace.swift: `read(_:as:)`, `write(_:as:orInsert:)`, `readString`,
//   `setString`, `remove`, `removeIfEmpty`). A type is a final subclass of `StoredValue` (Keyspace/StoredValue.swift).
// - `call.reply` writes the one reply (ReplyWriter.swift); aggregates say their count first.
// - Errors are thrown (CommandError.swift), before anything is written to the reply or changed.
// - After a change: `call.keys.modified(key, .list, "lpush")`, once for each key. It counts the change, fails
//   transactions that watch the key, wakes blocked clients and publishes the keyspace notification. An emptied
//   object goes with `call.keys.removeIfEmpty(key, object)` after that.
// - Journal: a command that changed something is written to the log as it came. If running it again would not
//   give the same state (relative times, random members, blocking), say its effect instead, at least once:
//   `call.propagate("PEXPIREAT", key, number)`, or `call.propagate("ZADD", count: n) { effect in effect.add(…) }`.
// - To wait: `call.block(onKeys: …)`; the same handler runs again when one of the keys has changed
//   (Clients/Blocking.swift).
//
// Loop thread only. Next: CommandCall.swift, ReplyWriter.swift, CommandTable.swift.

import Wire

/// Words that a command takes, its name included.
enum CommandArity: Sendable {
    case exactly(Int)
    case atLeast(Int)

    /// As `COMMAND` shows it: negative for "at least".
    var number: Int {
        switch self {
        case .exactly(let count): count
        case .atLeast(let count): -count
        }
    }

    @inline(__always)
    func allows(_ count: Int) -> Bool {
        switch self {
        case .exactly(let wanted): count == wanted
        case .atLeast(let least): count >= least
        }
    }
}

/// What a command does and where it may be used.
struct CommandFlags: OptionSet, Sendable {
    let rawValue: UInt32

    static let write = CommandFlags(rawValue: 1 << 0)
    static let readonly = CommandFlags(rawValue: 1 << 1)
    /// May take more memory: refused when there is none.
    static let denyOOM = CommandFlags(rawValue: 1 << 2)
    static let admin = CommandFlags(rawValue: 1 << 3)
    static let pubsub = CommandFlags(rawValue: 1 << 4)
    static let noScript = CommandFlags(rawValue: 1 << 5)
    static let blocking = CommandFlags(rawValue: 1 << 6)
    static let loading = CommandFlags(rawValue: 1 << 7)
    static let stale = CommandFlags(rawValue: 1 << 8)
    static let skipMonitor = CommandFlags(rawValue: 1 << 9)
    static let skipSlowlog = CommandFlags(rawValue: 1 << 10)
    /// Allowed before authentication.
    static let noAuth = CommandFlags(rawValue: 1 << 11)
    static let fast = CommandFlags(rawValue: 1 << 12)
    /// Refused within MULTI.
    static let noMulti = CommandFlags(rawValue: 1 << 13)
    static let allowBusy = CommandFlags(rawValue: 1 << 14)
    /// Runs at once within MULTI instead of being queued (EXEC, DISCARD, …).
    static let notQueued = CommandFlags(rawValue: 1 << 15)
    /// Key positions are found by looking at the arguments.
    static let movableKeys = CommandFlags(rawValue: 1 << 16)
    /// Runs scripts: takes its own flags from them.
    static let noMandatoryKeys = CommandFlags(rawValue: 1 << 17)
    /// Changes nothing in the keyspace and yet must not run on a reader (PUBLISH).
    static let mayReplicate = CommandFlags(rawValue: 1 << 18)
    /// Allowed to a RESP2 client in subscriber mode.
    static let subscriberMode = CommandFlags(rawValue: 1 << 19)

    /// Names as `COMMAND INFO` shows them; what it does not show is not here.
    static let shownNames: [(CommandFlags, StaticString)] = [
        (.write, "write"), (.readonly, "readonly"), (.denyOOM, "denyoom"), (.admin, "admin"), (.pubsub, "pubsub"),
        (.noScript, "noscript"), (.blocking, "blocking"), (.loading, "loading"), (.stale, "stale"),
        (.skipMonitor, "skip_monitor"), (.skipSlowlog, "skip_slowlog"), (.noAuth, "no_auth"), (.fast, "fast"),
        (.noMulti, "no_multi"), (.allowBusy, "allow_busy"), (.movableKeys, "movablekeys"),
        (.noMandatoryKeys, "no_mandatory_keys"), (.mayReplicate, "may_replicate"),
    ]
}

/// Where a command's keys stand among its words.
enum CommandKeys: Sendable {
    case none
    /// The first argument.
    case first
    /// All arguments.
    case all
    /// First and last position and distance; a negative last counts from the end.
    case range(first: Int, last: Int, step: Int)
    /// The argument at `index` says how many keys follow it; `destination` stands before it as a key of its own.
    case counted(at: Int, destination: Int? = nil)
    /// The first half of what follows the word STREAMS.
    case streams
    /// The first argument, and what follows the words STORE and STOREDIST from this position on.
    case firstAndStored(from: Int)
    /// MIGRATE: the third argument, or where that is empty, what follows the word KEYS.
    case migrated
}

/// As `COMMAND DOCS` groups them.
enum CommandGroup: String, Sendable {
    case generic, string, list, set, hash, stream, connection, server, scripting, bitmap, broker, pubsub,
        transactions, geo
    case sortedSet = "sorted-set"
    case hyperLogLog = "hyperloglog"
}

/// A row of the command table.
final class RESPCommand: Sendable {
    typealias Handler = @Sendable (CommandCall) throws(CommandError) -> Void

    /// Upper case.
    let name: StaticString
    let arity: CommandArity
    let flags: CommandFlags
    let keys: CommandKeys
    let group: CommandGroup
    let since: StaticString
    let summary: StaticString
    let complexity: StaticString
    /// Arguments in the notation of Commands/Server/CommandSyntax.swift; nil: they stand there.
    let syntax: String?
    /// Of a container command (`CLIENT`, `OBJECT`): found by its second word.
    let subcommands: [RESPCommand]
    let handler: Handler

    init(
        _ name: StaticString, _ arity: CommandArity, _ flags: CommandFlags, keys: CommandKeys = .none,
        group: CommandGroup, since: StaticString, summary: StaticString, complexity: StaticString = "O(1)",
        syntax: String? = nil, subcommands: [RESPCommand] = [], _ handler: @escaping Handler
    ) {
        self.name = name
        self.arity = arity
        self.flags = flags
        self.keys = keys
        self.group = group
        self.since = since
        self.summary = summary
        self.complexity = complexity
        self.syntax = syntax
        self.subcommands = subcommands
        self.handler = handler
    }

    /// A command that only has subcommands. Their arities and key positions count both words.
    convenience init(
        container name: StaticString, group: CommandGroup, since: StaticString, summary: StaticString,
        subcommands: [RESPCommand]
    ) {
        self.init(
            name, .atLeast(2), [], group: group, since: since, summary: summary, complexity: "Depends on subcommand.",
            subcommands: subcommands
        ) { call throws(CommandError) in
            throw .unknownSubcommand(container: call.row.command.name.description, name: call[1].string)
        }
    }

    /// Positions of the keys within these words; empty when the words make no sense.
    func keyPositions(_ words: RESPArguments) -> [Int] {
        switch keys {
        case .none: return []
        case .first: return words.count > 1 ? [1] : []
        case .all: return Array(1..<max(1, words.count))
        case .range(let first, let last, let step):
            let end = last < 0 ? words.count + last : min(last, words.count - 1)
            return first <= end ? Array(stride(from: first, through: end, by: step)) : []
        case .counted(let at, let destination):
            let own = destination.map { [$0] } ?? []
            guard at < words.count, let count = RESPNumber.integer(words[at]), count > 0,
                count <= words.count - at - 1
            else { return [] }
            return own + Array(at + 1..<at + 1 + Int(count))
        case .streams:
            var index = 1
            while index < words.count {
                let word = words[index]
                if word.equalsIgnoringCase("streams") {
                    return Array(index + 1..<index + 1 + (words.count - index - 1) / 2)
                }
                // A group may have any name.
                if word.equalsIgnoringCase("group") {
                    index += 3
                } else {
                    index += word.equalsIgnoringCase("count") || word.equalsIgnoringCase("block") ? 2 : 1
                }
            }
            return []
        case .firstAndStored(let from):
            guard words.count > 1 else { return [] }
            let stored = stride(from: from, to: words.count - 1, by: 1).filter {
                words[$0].equalsIgnoringCase("store") || words[$0].equalsIgnoringCase("storedist")
            }
            return [1] + stored.map { $0 + 1 }
        case .migrated:
            guard words.count > 3 else { return [] }
            guard words[3].count == 0 else { return [3] }
            var index = 6
            while index < words.count, !words[index].equalsIgnoringCase("keys") {
                let word = words[index]
                index += word.equalsIgnoringCase("auth2") ? 3 : word.equalsIgnoringCase("auth") ? 2 : 1
            }
            return Array(min(index + 1, words.count)..<words.count)
        }
    }
}
