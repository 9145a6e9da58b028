// Values as RabbitMQ's events write them where a table has no form for them: as Erlang terms in text.
// Next: BrokerEvents.swift.

import Wire

enum ErlangTerm {
    /// `<<"text">>`; bytes that are no printable text are numbers.
    static func binary(_ bytes: [UInt8]) -> String {
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            return "<<\(bytes.map(String.init).joined(separator: ","))>>"
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return "<<\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\">>"
    }

    /// `{<<"key">>,longstr,<<"value">>}`.
    static func entry(_ key: [UInt8], _ value: FieldValue) -> String {
        "{\(binary(key)),\(value.type.name),\(term(value))}"
    }

    /// `127.0.0.1` is `{127,0,0,1}`; anything but an IPv4 address stays as it is.
    static func address(_ host: String) -> String {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) else { return host }
        return "{\(parts.joined(separator: ","))}"
    }

    private static func term(_ value: FieldValue) -> String {
        switch value {
        case .boolean(let flag): flag ? "true" : "false"
        case .longString(let bytes), .bytes(let bytes): binary(bytes)
        case .array(let values): "[" + values.map { "{\($0.type.name),\(term($0))}" }.joined(separator: ",") + "]"
        case .table(let table): "[" + table.entries.map { entry($0.key, $0.value) }.joined(separator: ",") + "]"
        case .timestamp(let seconds): "\(seconds)"
        case .decimal(let scale, let value): "{\(scale),\(value)}"
        case .void: "undefined"
        default: value.integer.map { "\($0)" } ?? value.real.map { "\($0)" } ?? ""
        }
    }
}
