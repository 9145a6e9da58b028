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
    private var librariesByName = NameTable<FunctionLibrary>()
    /// By name in lower case: functions are found in any case.
    private var functions = NameTable<LibraryFunction>()
    private(set) var functionCount = 0
    /// Bytes of all texts.
    private(set) var codeBytes = 0

    init(store: Store) {
        self.store = store
        engine = ScriptEngine(store: store, kind: .functions)
    }

    /// In no particular order.
    var libraries: [FunctionLibrary] { librariesByName.values }
    var libraryCount: Int { librariesByName.count }

    /// Bytes that the interpreter has allocated.
    var memoryBytes: Int { engine.memoryBytes }

    // MARK: Finding

    func library(_ name: ByteSlice) -> FunctionLibrary? { librariesByName[name] }

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
    /// `millisecondsMax`: how long its text may run; 0: as long as it takes. Nil: as the moment has it.
    func load(
        _ code: ByteSlice, replaces: Bool, millisecondsMax: Int64? = nil
    ) throws(CommandError) -> ByteString {
        let name = try FunctionLibrary.name(in: code)
        let old = library(name.slice)
        if old != nil, !replaces { throw .message("ERR Library '\(name.string)' already exists") }
        let library = try compile(code, name, millisecondsMax: millisecondsMax)
        do throws(CommandError) {
            try check(library, leaving: old.map { [$0] } ?? [])
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
            var old: [FunctionLibrary] = flushes ? libraries : []
            var freshBytes = 0
            var libraryNames: Set<ByteString> = []
            var functionNames: Set<ByteString> = []
            for code in codes {
                let name = try FunctionLibrary.name(in: code.slice)
                guard libraryNames.insert(name).inserted else {
                    throw .message("ERR Library '\(name.string)' already exists")
                }
                let library = try compile(code.slice, name, besides: freshBytes)
                fresh.append(library)
                freshBytes += library.code.count
                // Those of one library may differ in case alone.
                let names = library.functions.map { Self.lowercased($0.name.slice) }
                if let index = names.firstIndex(where: { functionNames.contains($0) }) {
                    throw .message("ERR Function \(library.functions[index].name.string) already exists")
                }
                functionNames.formUnion(names)
                if !flushes, let same = librariesByName[name] { old.append(same) }
            }
            if !flushes, !replaces, let first = old.first {
                throw .message("ERR Library \(first.name.string) already exists")
            }
            for library in fresh { try check(library, leaving: old) }
            for library in old { remove(library) }
        } catch {
            for library in fresh { release(library) }
            throw error
        }
        for library in fresh { add(library) }
    }

    func delete(_ library: FunctionLibrary) {
        remove(library)
        if librariesByName.isEmpty { flush() }
    }

    /// Forgets everything, and the interpreter with it: its memory is given back.
    func flush() {
        librariesByName.removeAll()
        functions.removeAll()
        functionCount = 0
        codeBytes = 0
        engine.flush()
    }

    /// Runs the library's text. Not on replay, but else it has an end.
    private func compile(
        _ code: ByteSlice, _ name: ByteString, besides otherBytes: Int = 0, millisecondsMax: Int64? = nil
    ) throws(CommandError) -> FunctionLibrary {
        guard codeBytes + otherBytes + code.count <= Limits.functionCodeBytesMax else {
            throw .text("OOM command not allowed when used memory > 'maxmemory'.")
        }
        let library = FunctionLibrary(name: name, code: ByteString(code))
        do throws(CommandError) {
            let usual = store.isReplaying ? 0 : Limits.functionLoadMillisecondsMax
            try engine.load(library, microsecondsMax: (millisecondsMax ?? usual) * 1_000)
            guard !library.functions.isEmpty else { throw .text("ERR No functions registered") }
        } catch {
            release(library)
            throw error
        }
        return library
    }

    /// Its functions must not have the names of others that stay.
    private func check(_ library: FunctionLibrary, leaving old: [FunctionLibrary]) throws(CommandError) {
        let leaving = Set(old.map(ObjectIdentifier.init))
        for function in library.functions {
            guard let other = functions[Self.lowercased(function.name.slice)] else { continue }
            guard let owner = other.library, leaving.contains(ObjectIdentifier(owner)) else {
                throw .message("ERR Function \(function.name.string) already exists")
            }
        }
    }

    private func add(_ library: FunctionLibrary) {
        librariesByName[library.name] = library
        functionCount += library.functions.count
        codeBytes += library.code.count
        for function in library.functions { functions[Self.lowercased(function.name.slice)] = function }
    }

    private func remove(_ library: FunctionLibrary) {
        librariesByName[library.name] = nil
        functionCount -= library.functions.count
        codeBytes -= library.code.count
        for function in library.functions { functions[Self.lowercased(function.name.slice)] = nil }
        release(library)
    }

    private func release(_ library: FunctionLibrary) {
        for function in library.functions { engine.release(function.reference) }
    }
}
