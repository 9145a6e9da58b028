// Why a command was refused. The texts are Redis's, since clients compare them; they are made only when the
// reply is written. Loop thread only. Next: ReplyWriter.swift.

import Wire

/// Refusal of a command.
enum CommandError: Error, Equatable {
    case wrongType
    case syntax
    case notInteger
    case notFloat
    case indexOutOfRange
    case noSuchKey
    case overflow
    case nanOrInfinity
    case stringTooLong
    case timeoutNotInteger
    case timeoutNegative
    case timeoutOutOfRange
    case invalidExpire(command: String)
    case wrongArity(command: String)
    case unknownSubcommand(container: String, name: String)
    case notAuthenticated
    case executionAborted
    case outOfMemory
    case databaseOutOfRange
    case invalidDatabase
    /// Whole text, its code included.
    case text(StaticString)
    /// The same, put together.
    case message(String)

    /// Text of the error reply without the leading minus: code, then words.
    var text: String {
        switch self {
        case .wrongType: "WRONGTYPE Operation against a key holding the wrong kind of value"
        case .syntax: "ERR syntax error"
        case .notInteger: "ERR value is not an integer or out of range"
        case .notFloat: "ERR value is not a valid float"
        case .indexOutOfRange: "ERR index out of range"
        case .noSuchKey: "ERR no such key"
        case .overflow: "ERR increment or decrement would overflow"
        case .nanOrInfinity: "ERR increment would produce NaN or Infinity"
        case .stringTooLong: "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
        case .timeoutNotInteger: "ERR timeout is not a float or out of range"
        case .timeoutNegative: "ERR timeout is negative"
        case .timeoutOutOfRange: "ERR timeout is out of range"
        case .invalidExpire(let command): "ERR invalid expire time in '\(command.lowercased())' command"
        case .wrongArity(let command): "ERR wrong number of arguments for '\(command.lowercased())' command"
        case .unknownSubcommand(let container, let name):
            "ERR unknown subcommand '\(name.prefix(128))'. Try \(container.uppercased()) HELP."
        case .notAuthenticated: "NOAUTH Authentication required."
        case .executionAborted: "EXECABORT Transaction discarded because of previous errors."
        case .outOfMemory: Self.outOfMemoryText
        case .databaseOutOfRange: "ERR DB index is out of range"
        case .invalidDatabase: "ERR invalid DB index"
        case .text(let text): text.description
        case .message(let text): text
        }
    }

    static let outOfMemoryText = "OOM command not allowed when used memory > 'maxmemory'."

    /// By what the client would read.
    static func == (left: CommandError, right: CommandError) -> Bool { left.text == right.text }
}
