// The libraries of functions: loading, replacing, finding and calling them. They have an interpreter of their own,
// which lives as long as there are any.
// Durable: FUNCTION's changing commands are effects as any other write; a checkpoint has each library as the
// `FUNCTION LOAD` that makes it (Checkpoint/CheckpointWalk.swift).
// Loop thread only. Next: FunctionLibrary.swift, ScriptEngine.swift (which runs them).

import Wire

/// All libraries of a store.
final class FunctionEngine {
    unowned(unsafe) let store: Store
    private let engine: ScriptEngine
    /// In the order they came.
    private(set) var libraries: [FunctionLibrary] = []
    /// By name in lower case: functions are found in any case.
    private var functions = NameTable<LibraryFunction>()
    /// Bytes of all texts.
    private(set) var codeBytes = 0

    init(store: Store) {
        self.store = store
        engine = ScriptEngine(store: store, kind: .functions)
    }

    var functionCount: Int { libraries.reduce(0) { $0 + $1.functions.count } }

    /// Bytes that the interpreter has allocated.
    var memoryBytes: Int { engine.memoryBytes }

    // MARK: Finding

    func library(_ name: ByteSlice) -> FunctionLibrary? { libraries.first { $0.name.slice == name } }

    func function(_ name: ByteSlice) -> LibraryFunction? {
        if let found = functions[name] { return found }
        return functions[Self.lowercased(name)]
    }

    private static func lowercased(_ name: ByteSlice) -> ByteString {
        ByteString(name.buffer.map { CommandTable.lower($0) })
    }

    /// Runs a function with the keys and arguments of `call`, whose words 3… they are, and writes its reply.
    func run(_ function: LibraryFunction, for call: CommandCall, readsOnly: Bool) throws(CommandError) {
        try engine.run(
            reference: function.reference, name: function.name, flags: function.flags, for: call, readsOnly: readsOnly)
    }

    // MARK: Changing

    /// Loads a library; one of the same name is replaced or in the way. Returns its name.
    func load(_ code: ByteSlice, replaces: Bool) throws(CommandError) -> ByteString {
        let name = try FunctionLibrary.name(in: code)
        let old = library(name.slice)
        if old != nil, !replaces { throw .message("ERR Library '\(name.string)' already exists") }
        let library = try compile(code, name)
        do throws(CommandError) {
            try check([library], leaving: old.map { [$0] } ?? [])
        } catch {
            release(library)
            throw error
        }
        if let old { remove(old) }
        add(library)
        return name
    }

    /// Adds libraries to those that are there, of which those with the same names are replaced or in the way: all of
    /// them or none.
    func restore(_ codes: [ByteString], replaces: Bool, flushes: Bool) throws(CommandError) {
        var fresh: [FunctionLibrary] = []
        do throws(CommandError) {
            var names: Set<ByteString> = []
            for code in codes {
                let name = try FunctionLibrary.name(in: code.slice)
                guard names.insert(name).inserted else { throw .message("ERR Library '\(name.string)' already exists") }
                let library = try compile(code.slice, name)
                fresh.append(library)
                try check([library], within: fresh.dropLast())
            }
            let old = flushes ? libraries : libraries.filter { names.contains($0.name) }
            if !flushes, !replaces, let first = old.first {
                throw .message("ERR Library \(first.name.string) already exists")
            }
            try check(fresh, leaving: old)
            for library in old { remove(library) }
        } catch {
            for library in fresh { release(library) }
            throw error
        }
        for library in fresh { add(library) }
    }

    func delete(_ library: FunctionLibrary) {
        remove(library)
        if libraries.isEmpty { flush() }
    }

    /// Forgets everything, and the interpreter with it: its memory is given back.
    func flush() {
        libraries = []
        functions.removeAll()
        codeBytes = 0
        engine.flush()
    }

    /// Runs the library's text. Not on replay, but else it has an end.
    private func compile(_ code: ByteSlice, _ name: ByteString) throws(CommandError) -> FunctionLibrary {
        guard codeBytes + code.count <= Limits.functionCodeBytesMax else {
            throw .text("OOM command not allowed when used memory > 'maxmemory'.")
        }
        let library = FunctionLibrary(name: name, code: ByteString(code))
        do throws(CommandError) {
            try engine.load(
                library, microsecondsMax: store.isReplaying ? 0 : Limits.functionLoadMillisecondsMax * 1_000)
            guard !library.functions.isEmpty else { throw .text("ERR No functions registered") }
        } catch {
            release(library)
            throw error
        }
        return library
    }

    /// Functions must not have the names of others that stay.
    private func check(_ fresh: [FunctionLibrary], leaving old: [FunctionLibrary]) throws(CommandError) {
        try check(fresh, within: libraries.filter { library in !old.contains { $0 === library } })
    }

    private func check(_ fresh: [FunctionLibrary], within others: some Sequence<FunctionLibrary>) throws(CommandError) {
        var taken: Set<ByteString> = []
        for library in others { taken.formUnion(library.functions.map { Self.lowercased($0.name.slice) }) }
        for function in fresh.flatMap(\.functions) where taken.contains(Self.lowercased(function.name.slice)) {
            throw .message("ERR Function \(function.name.string) already exists")
        }
    }

    private func add(_ library: FunctionLibrary) {
        libraries.append(library)
        codeBytes += library.code.count
        for function in library.functions { functions[Self.lowercased(function.name.slice)] = function }
    }

    private func remove(_ library: FunctionLibrary) {
        libraries.removeAll { $0 === library }
        codeBytes -= library.code.count
        for function in library.functions { functions[Self.lowercased(function.name.slice)] = nil }
        release(library)
    }

    private func release(_ library: FunctionLibrary) {
        for function in library.functions { engine.release(function.reference) }
    }
}
