// What a policy sets: a JSON object of settings, as `rabbitmqctl set_policy` takes it, such as
// `{"max-length": 1000, "dead-letter-exchange": "dead"}`. Kept as text, as it was given, and as a field table, which is
// what arguments of a declaration are, too.
// A small reader of flat JSON objects: the engine has no other use for JSON. Loop thread only. Next: Policy.swift.

import Wire

/// Why a policy is refused, in words.
struct PolicyFailure: Error, Equatable {
    let reason: String
}

/// A definition that has been checked.
struct PolicyDefinition {
    let text: String
    /// A table without its length.
    let encoded: [UInt8]
    /// For exchanges.
    let alternateExchange: ByteString?
    /// Types of queue that know all it sets: it holds for no others.
    let types: [QueueType]

    init(_ text: String, for kind: PolicyKind) throws(PolicyFailure) {
        var reader = FlatJSON(text)
        let table = try reader.readObject()
        guard !table.entries.isEmpty else { throw PolicyFailure(reason: "no policy provided") }
        var types = QueueType.allCases
        var alternate: ByteString?
        var settings = QueueSettings()
        let bytes = table.encoded
        for entry in table.entries {
            let name = String(decoding: entry.key, as: UTF8.self)
            if name == "alternate-exchange", kind == .user {
                guard case .longString(let text) = entry.value else {
                    throw PolicyFailure(reason: "the value of '\(name)' is no string")
                }
                alternate = ByteString(text)
                continue
            }
            guard
                let argument = QueueArguments.all.first(where: { $0.policyKey?.description == name }),
                argument.isForOperators || kind == .user
            else {
                throw PolicyFailure(
                    reason: "[{<<\"\(name)\">>,\(Self.erlang(entry.value))}] are not recognised policy settings")
            }
            types.removeAll { !argument.types.contains($0) }
            let reason = bytes.withUnsafeBytes { bytes -> String? in
                guard let value = (try? FieldTableView(ByteSlice(bytes)).value(argument.policyKey!)) ?? nil else {
                    return nil
                }
                do throws(ArgumentFailure) {
                    try argument.apply(value, &settings)
                    return nil
                } catch {
                    return error.reason
                }
            }
            if let reason { throw PolicyFailure(reason: "the value of '\(name)' is refused: \(reason)") }
        }
        self.text = text
        encoded = bytes
        alternateExchange = alternate
        self.types = types
    }

    var table: FieldTable { encoded.withUnsafeBytes { (try? FieldTable(ByteSlice($0))) ?? FieldTable() } }

    /// Whether it has this key.
    func sets(_ key: StaticString) -> Bool {
        encoded.withUnsafeBytes { ((try? FieldTableView(ByteSlice($0)).value(key)) ?? nil) != nil }
    }

    private static func erlang(_ value: FieldValue) -> String {
        switch value {
        case .longString(let text): "<<\"\(String(decoding: text, as: UTF8.self))\">>"
        case .boolean(let flag): flag ? "true" : "false"
        default: value.integer.map { "\($0)" } ?? ""
        }
    }
}

/// Reads a JSON object whose values are strings, whole numbers and booleans.
private struct FlatJSON {
    private let bytes: [UInt8]
    private var next = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    private var peek: UInt8? { next < bytes.count ? bytes[next] : nil }

    private func failure(_ what: String) -> PolicyFailure {
        PolicyFailure(reason: "the definition is no flat JSON object: \(what) expected at offset \(next)")
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { next += 1 }
    }

    /// Takes the byte, with spaces around it, if it comes next.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: character) else { return false }
        next += 1
        skipSpace()
        return true
    }

    mutating func readObject() throws(PolicyFailure) -> FieldTable {
        var table = FieldTable()
        guard take("{") else { throw failure("'{'") }
        if !take("}") {
            repeat {
                let key = try readString()
                guard take(":") else { throw failure("':'") }
                guard key.count <= 255, table[key] == nil else { throw failure("another key") }
                table[key] = try readValue()
            } while take(",")
            guard take("}") else { throw failure("'}'") }
        }
        guard next == bytes.count else { throw failure("the end") }
        return table
    }

    private mutating func readValue() throws(PolicyFailure) -> FieldValue {
        skipSpace()
        guard let first = peek else { throw failure("a value") }
        if first == 0x22 { return .longString(try readString()) }
        let start = next
        while let byte = peek, byte == 0x2D || byte >= 0x30 && byte <= 0x39 || byte >= 0x61 && byte <= 0x7A {
            next += 1
        }
        switch String(decoding: bytes[start..<next], as: UTF8.self) {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case let word:
            guard let number = Int64(word) else {
                next = start
                throw failure("a string, a whole number, true or false")
            }
            return .int64(number)
        }
    }

    private mutating func readString() throws(PolicyFailure) -> [UInt8] {
        skipSpace()
        guard peek == 0x22 else { throw failure("a string") }
        next += 1
        var text: [UInt8] = []
        while let byte = peek, byte != 0x22 {
            next += 1
            guard byte == 0x5C else {
                text.append(byte)
                continue
            }
            guard let escaped = peek else { break }
            next += 1
            switch escaped {
            case 0x22, 0x5C, 0x2F: text.append(escaped)
            case 0x6E: text.append(0x0A)
            case 0x74: text.append(0x09)
            case 0x72: text.append(0x0D)
            case 0x75:
                guard next + 4 <= bytes.count,
                    let code = UInt32(String(decoding: bytes[next..<next + 4], as: UTF8.self), radix: 16),
                    let scalar = Unicode.Scalar(code)
                else { throw failure("four hexadecimal digits") }
                next += 4
                text.append(contentsOf: Array(String(Character(scalar)).utf8))
            default: throw failure("a known escape")
            }
        }
        guard peek == 0x22 else { throw failure("the end of a string") }
        next += 1
        return text
    }
}
