// What a handler gets: the words, the database, the client, the reply, and how the call is journaled.
// One object for each client, used again for every command; nothing in it outlives the call.
// Loop thread only. Next: Execution.swift (who calls handlers), Effects.swift (the journal).

import Wire

/// One command being executed.
final class CommandCall {
    let store: Store
    unowned(unsafe) let client: StoreClient
    /// The words. Borrowed until the handler returns.
    unowned(unsafe) var arguments: RESPArguments
    /// The selected database.
    unowned(unsafe) var keys: Keyspace
    /// The row of the command (of the subcommand, where there is one).
    unowned(unsafe) var row: CommandRow
    var reply: ReplyWriter

    /// How the call goes into the journal if it changed something.
    enum Propagation {
        /// As it came.
        case asIs
        /// The handler said its effects.
        case replaced
        /// Not at all.
        case nothing
    }
    var propagation = Propagation.asIs
    /// The client has waited and one of its keys has changed: the handler runs again.
    var isRetry = false
    /// The handler has asked to wait.
    var hasBlocked = false

    init(store: Store, client: StoreClient, output: OutputQueue) {
        self.store = store
        self.client = client
        arguments = store.noArguments
        keys = store.databases[0]
        row = store.table.anyRow
        reply = ReplyWriter(output: output)
    }

    // MARK: Arguments

    @inline(__always)
    var count: Int { arguments.count }

    @inline(__always)
    subscript(index: Int) -> ByteSlice { arguments[index] }

    /// Whether argument `index` is this word, in any case. Give it in lower case.
    @inline(__always)
    func word(_ index: Int, is lowercase: StaticString) -> Bool { arguments[index].equalsIgnoringCase(lowercase) }

    @inline(__always)
    func integer(_ index: Int) throws(CommandError) -> Int64 {
        guard let value = RESPNumber.integer(arguments[index]) else { throw .notInteger }
        return value
    }

    /// An integer within a range, with an error of the command's own.
    func integer(_ index: Int, in range: ClosedRange<Int64>, or error: CommandError) throws(CommandError) -> Int64 {
        guard let value = RESPNumber.integer(arguments[index]), range.contains(value) else { throw error }
        return value
    }

    func double(_ index: Int) throws(CommandError) -> Double {
        guard let value = DoubleText.parse(arguments[index]) else { throw .notFloat }
        return value
    }

    /// Time to wait, from seconds with a fraction; 0 is for ever. → milliseconds.
    func timeoutMilliseconds(_ index: Int) throws(CommandError) -> Int64 {
        guard let seconds = ExtendedText.parse(arguments[index]) else { throw .timeoutNotInteger }
        guard seconds >= 0 else { throw .timeoutNegative }
        let milliseconds = (seconds * 1_000).rounded(.up)
        // The end of the wait must still be a time.
        guard milliseconds < 0x1p63, !Int64(milliseconds).addingReportingOverflow(now).overflow else {
            throw .timeoutOutOfRange
        }
        return Int64(milliseconds)
    }

    /// Milliseconds since 1970, as of this turn.
    var now: Int64 { store.context.time.wallMilliseconds }

    /// "The name as errors say it": `set`, `client|kill`.
    var commandName: String { row.fullName }

    // MARK: Journal

    /// This effect is journaled instead of the words that came. May be said several times.
    func propagate(_ name: StaticString, _ first: ByteSlice) {
        propagation = .replaced
        store.effects.append(database: keys.index, name, first)
    }

    func propagate(_ name: StaticString, _ first: ByteSlice, _ second: ByteSlice) {
        propagate(name, count: 2) { effect in
            effect.add(first)
            effect.add(second)
        }
    }

    func propagate(_ name: StaticString, _ first: ByteSlice, _ number: Int64) {
        propagate(name, count: 2) { effect in
            effect.add(first)
            effect.add(number)
        }
    }

    /// An effect of the name and `count` further words, which `fill` adds.
    func propagate(_ name: StaticString, count: Int, _ fill: (inout EffectWriter) -> Void) {
        propagation = .replaced
        store.effects.append(database: keys.index, name, count: count, fill)
    }

    /// The words as they came are journaled even though the handler said further effects.
    func propagateAsIs() {
        store.effects.append(database: keys.index, arguments)
        propagation = .replaced
    }

    /// Nothing of this call is journaled.
    func propagateNothing() { propagation = .nothing }
}
