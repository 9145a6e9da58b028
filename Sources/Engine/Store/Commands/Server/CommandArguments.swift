// Reads the notation of CommandSyntax.swift and writes it out as COMMAND DOCS has it.
// Runs only for COMMAND DOCS. Loop thread only. Next: CommandDescription.swift.

import Wire

/// An argument of a command, as COMMAND DOCS describes it.
struct CommandArgument {
    enum Kind: String {
        case string, integer, double, key, pattern, oneof, block
        case unixTime = "unix-time"
        case pureToken = "pure-token"
    }

    var name: String
    var kind: Kind
    var token: String?
    var keySpecification: Int?
    var isOptional = false
    var isMultiple = false
    var repeatsToken = false
    var parts: [CommandArgument] = []

    /// All arguments of a syntax.
    static func parse(_ syntax: String) -> [CommandArgument] {
        var parser = ArgumentParser(text: Array(syntax.utf8))
        return parser.sequence()
    }

    func write(to reply: ReplyWriter) {
        let flags = [
            (isOptional, "optional" as StaticString), (isMultiple, "multiple"), (repeatsToken, "multiple_token"),
        ].filter(\.0).map(\.1)
        var fields = 2
        if keySpecification != nil { fields += 1 }
        if token != nil { fields += 1 }
        if !flags.isEmpty { fields += 1 }
        if !parts.isEmpty { fields += 1 }
        reply.map(fields)
        reply.bulk("name")
        reply.bulk(name)
        reply.bulk("type")
        reply.bulk(kind.rawValue)
        if let keySpecification {
            reply.bulk("key_spec_index")
            reply.integer(keySpecification)
        }
        if let token {
            reply.bulk("token")
            reply.bulk(token)
        }
        if !flags.isEmpty {
            reply.bulk("flags")
            reply.set(flags.count)
            for flag in flags { reply.simple(flag) }
        }
        if !parts.isEmpty {
            reply.bulk("arguments")
            reply.array(parts.count)
            for part in parts { part.write(to: reply) }
        }
    }
}

/// Recursive descent over the notation. The texts are our own: mistakes in them are found by a test.
private struct ArgumentParser {
    let text: [UInt8]
    var position = 0

    private var next: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipBlanks() {
        while next == 0x20 { position += 1 }
    }

    private mutating func take(_ byte: Character) -> Bool {
        skipBlanks()
        guard next == byte.asciiValue else { return false }
        position += 1
        return true
    }

    /// Arguments up to the end or a closing bracket.
    mutating func sequence() -> [CommandArgument] {
        var found: [CommandArgument] = []
        while true {
            skipBlanks()
            guard let byte = next, !"])>|".utf8.contains(byte) else { return found }
            found.append(item())
        }
    }

    private mutating func item() -> CommandArgument {
        var argument: CommandArgument
        if take("[") {
            argument = item()
            precondition(take("]"), "unclosed bracket in a syntax")
            argument.isOptional = true
        } else {
            argument = plain()
        }
        if position + 2 < text.count, text[position...].starts(with: "...".utf8) {
            position += 3
            argument.isMultiple = true
            if next == 0x2B {
                position += 1
                argument.repeatsToken = true
            }
        }
        return argument
    }

    private mutating func word() -> String {
        let start = position
        while let byte = next, !" []()<>|".utf8.contains(byte) {
            if byte == 0x2E, text[position...].starts(with: "...".utf8) { break }
            position += 1
        }
        precondition(position > start, "empty word in a syntax")
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    private mutating func plain() -> CommandArgument {
        skipBlanks()
        let first = word()
        guard Self.isToken(first) else { return named(first) }
        let token = first == "\"\"" ? "" : first
        // A token belongs to the lower-case word that follows it in the same brackets.
        let mark = position
        skipBlanks()
        if let byte = next, byte &- 0x61 < 26, text[position - 1] == 0x20 {
            var argument = named(word())
            argument.token = token
            return argument
        }
        position = mark
        return CommandArgument(name: token.lowercased(), kind: .pureToken, token: token)
    }

    private static func isToken(_ word: String) -> Bool {
        !word.utf8.contains { $0 &- 0x61 < 26 }
    }

    private mutating func named(_ word: String) -> CommandArgument {
        if next == 0x3C {
            position += 1
            var parts: [CommandArgument] = []
            repeat { parts.append(item()) } while take("|")
            precondition(take(">"), "unclosed choice in a syntax")
            return CommandArgument(name: word, kind: .oneof, parts: parts)
        }
        if next == 0x28 {
            position += 1
            let parts = sequence()
            precondition(take(")"), "unclosed block in a syntax")
            return CommandArgument(name: word, kind: .block, parts: parts)
        }
        let pieces = word.split(separator: ":")
        guard pieces.count == 2, let letter = pieces[1].first, pieces[1].count <= 2 else {
            return CommandArgument(name: word, kind: .string)
        }
        let kinds: [Character: CommandArgument.Kind] = [
            "k": .key, "i": .integer, "d": .double, "p": .pattern, "u": .unixTime,
        ]
        guard let kind = kinds[letter] else { return CommandArgument(name: word, kind: .string) }
        let specification = kind == .key ? Int(pieces[1].dropFirst()) ?? 0 : nil
        return CommandArgument(name: String(pieces[0]), kind: kind, keySpecification: specification)
    }
}
