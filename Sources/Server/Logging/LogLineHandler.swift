// swift-log's handler: one line for each message, plain or JSON, handed to a `LineWriter`.
//
//     2026-01-31T12:00:00.123Z info connection opened peer=127.0.0.1:40000 user=guest
//     {"time":"2026-01-31T12:00:00.123Z","level":"info","message":"connection opened","peer":"127.0.0.1:40000"}
//
// Any thread. Next: LineWriter.swift.

import EventLoop
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Gets lines beside the writer. Set and called on the loop thread, which is where the daemon logs.
final class LineTap: @unchecked Sendable {
    let level: Logger.Level
    var take: ((_ level: String, _ line: String) -> Void)?

    init(level: LogLevel) { self.level = Logger.Level(level) }
}

extension Logger.Level {
    init(_ level: LogLevel) { self = Logger.Level(rawValue: level.rawValue) ?? .info }
}

/// Formats lines.
struct LogLineHandler: LogHandler {
    private let writer: LineWriter
    private let format: LogFormat
    private let writtenLevel: Logger.Level
    private let tap: LineTap?
    /// Least severe lines that anybody wants.
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(writer: LineWriter, format: LogFormat, level: LogLevel, tap: LineTap? = nil) {
        self.writer = writer
        self.format = format
        self.tap = tap
        writtenLevel = Logger.Level(level)
        logLevel = min(writtenLevel, tap?.level ?? writtenLevel)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var pairs = metadata
        if let more = event.metadata { pairs.merge(more) { $1 } }
        let sorted = pairs.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        let line = Self.line(
            format, wallMicroseconds: LoopClock.wallMicroseconds, level: event.level.rawValue,
            message: event.message.description, pairs: sorted)
        if event.level >= writtenLevel { writer.write(line) }
        if let tap, event.level >= tap.level { tap.take?(event.level.rawValue, line) }
    }

    /// One line with its end.
    static func line(
        _ format: LogFormat, wallMicroseconds: Int64, level: String, message: String, pairs: [(String, String)]
    ) -> String {
        let time = timestamp(wallMicroseconds)
        switch format {
        case .plain:
            var line = "\(time) \(level) \(LineText.printable(message))"
            for (key, value) in pairs { line += " \(key)=\(LineText.plain(value))" }
            return line + "\n"
        case .json:
            var line = "{\"time\":\"\(time)\",\"level\":\"\(level)\",\"message\":\(LineText.json(message))"
            for (key, value) in pairs { line += ",\(LineText.json(key)):\(LineText.json(value))" }
            return line + "}\n"
        }
    }

    /// RFC 3339, UTC, milliseconds.
    static func timestamp(_ wallMicroseconds: Int64) -> String {
        var seconds = time_t(wallMicroseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let milliseconds = Int(wallMicroseconds / 1_000 % 1_000)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return padded(Int(parts.tm_year) + 1900, 4) + "-" + padded(Int(parts.tm_mon) + 1, 2) + "-"
            + padded(Int(parts.tm_mday), 2) + "T" + padded(Int(parts.tm_hour), 2) + ":"
            + padded(Int(parts.tm_min), 2) + ":" + padded(Int(parts.tm_sec), 2) + "." + padded(milliseconds, 3) + "Z"
    }
}
