// How octets at fault are shown in reply texts: `<<"abc">>` when they are printable, else `<<0,60,0,10>>`,
// as RabbitMQ's error texts show them. Only made when a connection is about to end.
// Next: AMQPFailure.swift.

import Wire

/// Octets as they stand in reply texts.
enum OctetText {
    /// Payloads longer than this are cut in texts.
    static let snippetBytesMax = 16

    /// `<<…>>` around all of the bytes.
    static func binary(_ bytes: ByteSlice) -> String {
        guard !bytes.isEmpty else { return "<<>>" }
        var isPrintable = true
        for index in 0..<bytes.count where !(32...126 ~= bytes[index]) { isPrintable = false }
        if isPrintable { return "<<\"\(bytes.string)\">>" }
        var text = "<<"
        for index in 0..<bytes.count {
            if index > 0 { text += "," }
            text += String(bytes[index])
        }
        return text + ">>"
    }

    /// `all octets = <<…>>`, or the first ones of many.
    static func snippet(_ payload: ByteSlice) -> String {
        guard payload.count > snippetBytesMax else { return "all octets = \(binary(payload))" }
        return "first \(snippetBytesMax) octets = \(binary(payload.slice(from: 0, count: snippetBytesMax)))"
    }
}
