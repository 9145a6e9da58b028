// Something to know about a log's files: where, how bad, and in words.
// Any thread. Next: LogExamination.swift (who finds).

/// One finding.
public struct LogFinding: Equatable, Sendable {
    public enum Severity: String, Sendable {
        /// As it should be, but worth a line.
        case note
        /// Damage that no start and no message suffers from.
        case warning
        /// A start fails, or messages are lost.
        case error
    }

    public let severity: Severity
    public let file: String
    public let offset: Int?
    /// Of the record, where there is one.
    public let position: LogPosition?
    public let text: String

    init(_ severity: Severity, _ file: String, _ offset: Int? = nil, at position: LogPosition? = nil, _ text: String) {
        self.severity = severity
        self.file = file
        self.offset = offset
        self.position = position
        self.text = text
    }

    /// One line: `error: FILE at offset 123 (position 59): wrong checksum`.
    public var description: String {
        var line = "\(severity.rawValue): \(file)"
        if let offset { line += " at offset \(offset)" }
        if let position { line += " (position \(position))" }
        return line + ": " + text
    }
}
