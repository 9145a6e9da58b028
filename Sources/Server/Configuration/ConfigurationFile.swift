// Reads a TOML file into a flat list of keys with values and lines. The parser gives no lines for keys, so
// these are looked up in the text: by section header and key, which is exact for files with one key a line.
// Starting thread only. Next: ConfigurationLoader.swift.

import TOMLKit

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A TOML file as the loader sees it.
enum ConfigurationFile {
    /// One key of the file.
    struct Entry {
        /// With its section: `amqp.listen`.
        let key: String
        /// Nil when its type is one that no setting has.
        let value: SettingValue?
        let typeName: String
        /// `taskd.toml:12`
        let place: String
    }

    static func read(_ path: String) throws(ConfigurationError) -> [Entry] {
        guard let text = contents(path) else {
            throw ConfigurationError(problems: ["cannot read \(path): \(SystemError.text(errno))"])
        }
        return try parse(text, path: path)
    }

    static func parse(_ text: String, path: String) throws(ConfigurationError) -> [Entry] {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw ConfigurationError(problems: ["\(path):\(error.source.begin.line): \(error.description)"])
        } catch {
            throw ConfigurationError(problems: ["\(path): \(error)"])
        }
        var entries: [Entry] = []
        flatten(table, prefix: "", depth: 0, lines: keyLines(text), path: path, into: &entries)
        // In the order of the file, so that problems are reported from top to bottom.
        return entries.sorted { lineNumber($0.place) < lineNumber($1.place) }
    }

    private static func lineNumber(_ place: String) -> Int {
        place.split(separator: ":").last.flatMap { Int($0) } ?? 0
    }

    private static func flatten(
        _ table: TOMLTable, prefix: String, depth: Int, lines: [String: Int], path: String,
        into entries: inout [Entry]
    ) {
        for key in table.keys {
            guard let value = table[key] else { continue }
            let full = prefix.isEmpty ? key : prefix + "." + key
            if let inner = value.table, depth < 4 {
                flatten(inner, prefix: full, depth: depth + 1, lines: lines, path: path, into: &entries)
                // An empty section is still a name that may be mistyped.
                if inner.isEmpty, !Settings.all.contains(where: { $0.key.hasPrefix(full + ".") }) {
                    entries.append(
                        Entry(key: full, value: nil, typeName: "section", place: place(full, lines, path)))
                }
                continue
            }
            entries.append(
                Entry(
                    key: full, value: convert(value), typeName: value.type.description,
                    place: place(full, lines, path)))
        }
    }

    private static func place(_ key: String, _ lines: [String: Int], _ path: String) -> String {
        var name = Substring(key)
        while true {
            if let line = lines[String(name)] { return "\(path):\(line)" }
            // An inline table stands on the line of its own key.
            guard let dot = name.lastIndex(of: ".") else { return path }
            name = name[..<dot]
        }
    }

    private static func convert(_ value: any TOMLValueConvertible) -> SettingValue? {
        switch value.type {
        case .string: return value.string.map { .text($0) }
        case .int: return value.int.map { .integer($0) }
        case .bool: return value.bool.map { .boolean($0) }
        case .array:
            guard let array = value.array else { return nil }
            let items = array.compactMap { $0.string }
            return items.count == array.count ? .list(items) : nil
        default: return nil
        }
    }

    /// Key with section → line, counted from 1.
    private static func keyLines(_ text: String) -> [String: Int] {
        var lines: [String: Int] = [:]
        var section = ""
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = raw.trimmed
            if line.hasPrefix("[") {
                let name = line.drop { $0 == "[" }.prefix { $0 != "]" }
                section = normalized(name)
                if lines[section] == nil { lines[section] = index + 1 }
            } else if !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
                let key = normalized(line[..<equals])
                let full = section.isEmpty ? key : section + "." + key
                if lines[full] == nil { lines[full] = index + 1 }
            }
        }
        return lines
    }

    /// `"a" . b` → `a.b`
    private static func normalized(_ key: some StringProtocol) -> String {
        String(key.filter { $0 != " " && $0 != "\t" && $0 != "\"" && $0 != "'" })
    }

    /// The whole file; nil: see `errno`.
    static func contents(_ path: String) -> String? {
        let file = openFile(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { closeFile(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let got = readFile(file, &chunk, chunk.count)
            if got < 0 { return nil }
            if got == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[0..<got]
        }
    }
}
