// Running the text of a library, which registers its functions.
// Boundary file: C's bytes are borrowed here. Loop thread only. Next: CLuaShims/functions.c.

import CLuaShims
import Wire

extension ScriptEngine {
    /// Adds to `library` the functions that its text registers. Those are to be released even when this fails.
    /// `microsecondsMax` 0: as long as it takes.
    func load(_ library: FunctionLibrary, microsecondsMax: Int64) throws(CommandError) {
        let host = try startedHost()
        loading = library
        defer { loading = nil }
        var message = taskd_lua_bytes(base: nil, count: 0)
        let code = library.code.slice
        let outcome = taskd_lua_load_library(
            host, taskd_lua_bytes(base: code.base, count: code.count), microsecondsMax, &message)
        let reason = ByteSlice(UnsafeRawBufferPointer(start: message.base, count: message.count)).string
        switch outcome {
        case taskd_lua_loaded: return
        case taskd_lua_not_compiled: throw .message("ERR Error compiling function: \(reason)")
        default: throw .message("ERR Error registering functions: \(reason)")
        }
    }

    /// `redis.register_function`; returns why not.
    func register(_ function: taskd_lua_function) -> StaticString? {
        guard let library = loading else { return "no library is being loaded" }
        let name = ByteSlice(UnsafeRawBufferPointer(start: function.name.base, count: function.name.count))
        guard FunctionLibrary.isName(name) else { return FunctionLibrary.nameRefusal }
        guard !library.contains(name) else { return "Function already exists in the library" }
        let description = function.description.base.map {
            ByteString(ByteSlice(UnsafeRawBufferPointer(start: $0, count: function.description.count)))
        }
        library.add(
            LibraryFunction(
                name: ByteString(name), description: description,
                flags: ScriptFlags(rawValue: UInt8(truncatingIfNeeded: function.flags)), reference: function.reference,
                library: library))
        return nil
    }

    func release(_ reference: Int32) {
        if let host { taskd_lua_release(host, reference) }
    }
}
