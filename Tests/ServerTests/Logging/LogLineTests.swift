import Logging
import Testing

@testable import Server

private let time: Int64 = 1_769_860_800_123_456

@Test func plainLine() {
    let line = LogLineHandler.line(
        .plain, wallMicroseconds: time, level: "info", message: "connection opened",
        pairs: [("client", "my app"), ("peer", "127.0.0.1:4")])
    #expect(line == "2026-01-31T12:00:00.123Z info connection opened client=\"my app\" peer=127.0.0.1:4\n")
}

@Test func jsonLine() {
    let line = LogLineHandler.line(
        .json, wallMicroseconds: time, level: "error", message: "a \"b\"\n", pairs: [("k", "\u{1}\\")])
    #expect(
        line == #"{"time":"2026-01-31T12:00:00.123Z","level":"error","message":"a \"b\"\n","k":"\u0001\\"}"# + "\n")
}

/// Goal: what a client names itself cannot forge a line or move the cursor.
@Test func controlCharactersAreShown() {
    let line = LogLineHandler.line(
        .plain, wallMicroseconds: time, level: "info", message: "x", pairs: [("client", "a\n2026 error\u{1B}[2J")])
    #expect(line.split(separator: "\n").count == 1)
    #expect(line.contains(#"client="a\x0a2026 error\x1b[2J""#))
}

/// Goal: lines for the exchange have a level of their own, above or below that of standard error.
@Test(arguments: [(LogLevel.warning, ["debug", "info", "error"]), (.debug, ["debug", "info", "error"])])
func tapHasItsOwnLevel(written: LogLevel, expected: [String]) {
    final class Seen: @unchecked Sendable { var levels: [String] = [] }
    let seen = Seen()
    let tap = LineTap(level: .debug)
    let handler = LogLineHandler(writer: LineWriter(descriptor: -1), format: .plain, level: written, tap: tap)
    let logger = Logger(label: "test") { _ in handler }
    logger.error("before anybody listens")
    tap.take = { level, line in
        seen.levels.append(level)
        #expect(line.contains(" \(level) text") && line.hasSuffix("\n"))
    }
    for level in [Logger.Level.trace, .debug, .info, .error] { logger.log(level: level, "text") }
    #expect(seen.levels == expected)
}
