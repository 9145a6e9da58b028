// Arguments of a call: written by whoever sends a task, read by the task's parameters.
// Types are those of the Swift closure; the JSON in between is Celery's `[args, kwargs, embed]`.
// Next: TaskDefinition.swift.

import Foundation

/// Writes `[args, kwargs, embed]`.
struct CallWriter {
    private var positional: [Data] = []
    private var keywords: [(String, Data)] = []
    private let encoder = JSONEncoder()

    mutating func append(_ value: some Encodable) throws { positional.append(try encoder.encode(value)) }

    mutating func append(_ name: String, _ value: some Encodable) throws {
        keywords.append((name, try encoder.encode(value)))
    }

    /// The whole body.
    func body(_ embed: Embed = Embed()) throws -> Data {
        var body = Data("[[".utf8)
        body.append(joined(positional))
        body.append(Data("], {".utf8))
        let pairs = try keywords.map { name, value in try encoder.encode(name) + Data(": ".utf8) + value }
        body.append(joined(pairs))
        body.append(Data("}, ".utf8))
        body.append(try encoder.encode(embed))
        body.append(Data("]".utf8))
        return body
    }

    /// For people, as Celery's tools show arguments: `(2, 3)`.
    var argumentsText: String {
        let list = String(decoding: joined(positional), as: UTF8.self)
        return positional.count == 1 ? "(\(list),)" : "(\(list))"
    }

    var keywordsText: String {
        let pairs = keywords.map { "'\($0.0)': \(String(decoding: $0.1, as: UTF8.self))" }
        return "{\(pairs.joined(separator: ", "))}"
    }

    private func joined(_ parts: [Data]) -> Data {
        var result = Data()
        for (index, part) in parts.enumerated() {
            if index > 0 { result.append(Data(", ".utf8)) }
            result.append(part)
        }
        return result
    }
}

/// Hands the arguments of a call to parameters, one after another.
struct CallReader {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }

    /// A decoder handed out, so that values can be read by types that are known only outside.
    private struct Body: Decodable {
        let decoder: any Decoder

        init(from decoder: any Decoder) throws { self.decoder = decoder }
    }

    private var positional: any UnkeyedDecodingContainer
    private let keywords: KeyedDecodingContainer<Key>
    private var unusedKeywords: Set<String>
    private let parameterNames: [String]
    private var index = 0
    let embed: Embed

    /// - Parameter parameterNames: names of the parameters in order, for keyword arguments.
    init(_ body: Data, parameterNames: [String]) throws {
        let whole = try JSONDecoder().decode(Body.self, from: body)
        var parts = try whole.decoder.unkeyedContainer()
        positional = try parts.nestedUnkeyedContainer()
        keywords = try parts.nestedContainer(keyedBy: Key.self)
        embed = try parts.decode(Embed.self)
        unusedKeywords = Set(keywords.allKeys.map(\.stringValue))
        self.parameterNames = parameterNames
    }

    /// The next parameter's value. An optional parameter may be missing.
    mutating func next<Value: Decodable>(_ type: Value.Type) throws -> Value {
        defer { index += 1 }
        if !positional.isAtEnd { return try positional.decode(Value.self) }
        if index < parameterNames.count, let key = Key(stringValue: parameterNames[index]), keywords.contains(key) {
            unusedKeywords.remove(key.stringValue)
            return try keywords.decode(Value.self, forKey: key)
        }
        if let optional = type as? any ExpressibleByNilLiteral.Type, let none = optional.init(nilLiteral: ()) as? Value
        {
            return none
        }
        throw TaskError.arguments("argument \(index + 1) is missing")
    }

    /// All that was passed has been taken.
    func finish() throws {
        guard positional.isAtEnd else { throw TaskError.arguments("more than \(index) arguments") }
        if let name = unusedKeywords.min() { throw TaskError.arguments("no parameter is named '\(name)'") }
    }
}
