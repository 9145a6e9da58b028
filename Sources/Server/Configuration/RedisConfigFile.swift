// Reads a redis.conf into directives, with Redis's rules: a line is a directive, words may be quoted, `include` puts
// other files in its place, later lines hold over earlier ones.
// Starting thread only. Next: RedisConfigReader.swift (what they mean here).

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One line.
struct RedisDirective: Equatable {
    /// In lower case.
    let name: String
    let arguments: [String]
    /// `redis.conf:12`
    let place: String
}

enum RedisConfigFile {
    /// Files inside files.
    private static let depthMax = 16

    static func read(_ path: String, depth: Int = 0) throws(ConfigurationError) -> [RedisDirective] {
        guard let text = ConfigurationFile.contents(path) else {
            throw ConfigurationError(problems: ["cannot read \(path): \(SystemError.text(errno))"])
        }
        var directives: [RedisDirective] = []
        for directive in try parse(text, path: path) {
            guard directive.name == "include" else {
                directives.append(directive)
                continue
            }
            guard directive.arguments.count == 1 else {
                throw ConfigurationError(problems: ["\(directive.place): `include` takes one file"])
            }
            guard depth < depthMax else {
                throw ConfigurationError(problems: ["\(directive.place): files include each other too deeply"])
            }
            for file in matches(directive.arguments[0]) { directives += try read(file, depth: depth + 1) }
        }
        return directives
    }

    static func parse(_ text: String, path: String) throws(ConfigurationError) -> [RedisDirective] {
        var directives: [RedisDirective] = []
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = raw.trimmed
            guard let first = line.first, first != "#" else { continue }
            guard let words = words(String(line)) else {
                throw ConfigurationError(problems: ["\(path):\(index + 1): unbalanced quotes"])
            }
            guard let name = words.first else { continue }
            directives.append(
                RedisDirective(
                    name: name.lowercased(), arguments: Array(words.dropFirst()), place: "\(path):\(index + 1)"))
        }
        return directives
    }

    /// Words between blanks. In double quotes `\n`, `\x41` and the like stand for bytes, in single ones only `\'` does.
    /// Nil when a quote is not closed, or something stands right behind one that is.
    static func words(_ line: String) -> [String]? {
        let bytes = Array(line.utf8)
        var words: [String] = []
        var position = 0
        while true {
            while position < bytes.count, isBlank(bytes[position]) { position += 1 }
            guard position < bytes.count else { return words }
            var word: [UInt8] = []
            while position < bytes.count, !isBlank(bytes[position]) {
                let byte = bytes[position]
                guard byte == doubleQuote || byte == singleQuote else {
                    word.append(byte)
                    position += 1
                    continue
                }
                guard let end = quoted(bytes, from: position, into: &word) else { return nil }
                position = end
                guard position == bytes.count || isBlank(bytes[position]) else { return nil }
            }
            words.append(String(decoding: word, as: UTF8.self))
        }
    }

    private static let doubleQuote = UInt8(ascii: "\"")
    private static let singleQuote = UInt8(ascii: "'")
    private static let backslash = UInt8(ascii: "\\")

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// What stands between the quote at `start` and the next one. Returns the place behind that, nil when there is none.
    private static func quoted(_ bytes: [UInt8], from start: Int, into word: inout [UInt8]) -> Int? {
        let quote = bytes[start]
        var position = start + 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == quote { return position + 1 }
            guard byte == backslash, position + 1 < bytes.count else {
                word.append(byte)
                position += 1
                continue
            }
            let next = bytes[position + 1]
            if quote == singleQuote {
                // Other backslashes stand for themselves.
                word.append(next == singleQuote ? next : byte)
                position += next == singleQuote ? 2 : 1
            } else if next == UInt8(ascii: "x"), let value = hexadecimal(bytes, at: position + 2) {
                word.append(value)
                position += 4
            } else {
                word.append(escapes[next] ?? next)
                position += 2
            }
        }
        return nil
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09, UInt8(ascii: "b"): 0x08,
        UInt8(ascii: "a"): 0x07,
    ]

    private static func hexadecimal(_ bytes: [UInt8], at place: Int) -> UInt8? {
        guard place + 2 <= bytes.count else { return nil }
        let digits = String(decoding: bytes[place..<place + 2], as: UTF8.self)
        return digits.allSatisfy(\.isHexDigit) ? UInt8(digits, radix: 16) : nil
    }

    /// Files that a pattern stands for; what is no pattern stands for itself, there or not.
    private static func matches(_ pattern: String) -> [String] {
        guard pattern.contains(where: { "*?[".contains($0) }) else { return [pattern] }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }
}
