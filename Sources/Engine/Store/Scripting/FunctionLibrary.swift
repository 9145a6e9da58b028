// A library of functions: its text, its name (which the first line of the text says) and the functions that the text
// has registered.
// Loop thread only. Next: FunctionEngine.swift.

import Wire

/// One function of a library.
final class LibraryFunction {
    let name: ByteString
    let description: ByteString?
    let flags: ScriptFlags
    /// The host's name for its compiled form.
    let reference: Int32
    private(set) weak var library: FunctionLibrary?

    init(
        name: ByteString, description: ByteString?, flags: ScriptFlags, reference: Int32, library: FunctionLibrary
    ) {
        self.library = library
        self.name = name
        self.description = description
        self.flags = flags
        self.reference = reference
    }
}

/// A library.
final class FunctionLibrary {
    let name: ByteString
    /// Its text, first line included.
    let code: ByteString
    private(set) var functions: [LibraryFunction] = []
    private var names = NameTable<Bool>()

    init(name: ByteString, code: ByteString) {
        self.name = name
        self.code = code
    }

    /// Names within a library differ, if only in case.
    func contains(_ name: ByteSlice) -> Bool { names[name] != nil }

    func add(_ function: LibraryFunction) {
        functions.append(function)
        names[function.name] = true
    }

    static let nameRefusal: StaticString =
        "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"

    /// Of libraries and functions alike.
    static func isName(_ name: ByteSlice) -> Bool {
        name.count > 0
            && name.buffer.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
            }
    }

    /// The name that the first line gives: `#!lua name=…`. The engine must be Lua.
    static func name(in code: ByteSlice) throws(CommandError) -> ByteString {
        guard code.count >= 2, code[0] == 0x23, code[1] == 0x21 else { throw .text("ERR Missing library metadata") }
        guard let end = code.buffer.firstIndex(of: 0x0A),
            let words = ShebangWords.split(code.slice(from: 0, count: end)), let engine = words.first?.dropFirst(2)
        else { throw .text("ERR Invalid library metadata") }
        var name: ByteString?
        for word in words.dropFirst() {
            guard word.lowercased().hasPrefix("name=") else {
                throw .message("ERR Invalid metadata value given: \(word)")
            }
            guard name == nil else {
                throw .text("ERR Invalid metadata value, name argument was given multiple times")
            }
            name = ByteString(String(word.dropFirst("name=".count)))
        }
        guard let name else { throw .text("ERR Library name was not given") }
        guard isName(name.slice) else { throw .message("ERR \(nameRefusal)") }
        guard engine.lowercased() == "lua" else { throw .message("ERR Engine '\(engine)' not found") }
        return name
    }
}
