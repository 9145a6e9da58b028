// MONITOR's lines: every command, as it is executed, to those who asked.
// Loop thread only. Next: Execution.swift.

import Wire

extension Store {
    /// One line: time, database, peer, words in quotes.
    @inline(never)
    func feedMonitors(_ call: CommandCall) {
        let row = call.row
        if row.flags.contains(.admin) { return }
        // Scripts are shown, before the commands that they run.
        if row.flags.contains(.skipMonitor), row.command.group != .scripting { return }
        let micros = context.time.wallMicroseconds
        let fraction = String(micros % 1_000_000)
        let padded = String(repeating: "0", count: 6 - fraction.count) + fraction
        let origin = call.client.isInternal ? "lua" : call.client.address
        var line = Array("+\(micros / 1_000_000).\(padded) [\(call.keys.index) \(origin)]".utf8)
        for index in 0..<call.arguments.count {
            line.append(0x20)
            Self.appendQuoted(call.arguments[index], to: &line)
        }
        line.append(0x0D)
        line.append(0x0A)
        for monitor in monitors where !monitor.isClosing {
            monitor.output.append(line)
            monitor.checkOutputLimit()
        }
    }

    /// Bytes in double quotes, with escapes for what is not printable.
    static func appendQuoted(_ word: ByteSlice, to line: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        line.append(0x22)
        for byte in word.buffer {
            switch byte {
            case 0x5C, 0x22: line += [0x5C, byte]
            case 0x0A: line += Array("\\n".utf8)
            case 0x0D: line += Array("\\r".utf8)
            case 0x09: line += Array("\\t".utf8)
            case 0x07: line += Array("\\a".utf8)
            case 0x08: line += Array("\\b".utf8)
            case 0x20...0x7E: line.append(byte)
            default: line += [0x5C, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        line.append(0x22)
    }
}
