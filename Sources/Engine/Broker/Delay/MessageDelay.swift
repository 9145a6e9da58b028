// Header `x-delay`: how long an exchange of type x-delayed-message keeps a message back. What counts as a delay, and
// how the header looks afterwards, is as in RabbitMQ's plugin rabbitmq_delayed_message_exchange.
// Loop thread only. Next: DelayedMessages.swift.

import Wire

enum MessageDelay {
    /// What the plugin's timers take; a longer delay is none.
    static let millisecondsMax: Int64 = 4_294_967_295

    /// Milliseconds that a message with these headers is kept back; nil: it is routed at once.
    static func milliseconds(_ headers: ByteSlice?) -> Int64? {
        guard let headers, let delay = value(headers), (1...millisecondsMax).contains(delay) else { return nil }
        return delay
    }

    /// Numbers of any kind, and text that is a whole number.
    private static func value(_ headers: ByteSlice) -> Int64? {
        guard let value = (try? FieldTableView(headers).value("x-delay")) ?? nil else { return nil }
        if let integer = value.integer { return integer }
        if let text = value.longString { return Int64(text.string) }
        if let real = value.real { return Int64(exactly: real.rounded(.towardZero)) }
        guard var (scale, number) = value.decimal else { return nil }
        while scale > 0, number > 0 { (scale, number) = (scale - 1, number / 10) }
        return Int64(number)
    }

    /// The message as it goes on: its delay negated, so that no exchange behind delays it again and receivers see
    /// that it was delayed; and without BCC, which no receiver may see.
    static func served(_ message: Message) -> Message? {
        guard let view = try? BasicPropertiesView(message.properties), let headers = view.headers,
            let delay = milliseconds(headers.bytes), var table = try? FieldTable(headers)
        else { return nil }
        // The plugin writes 32 bits; longer delays would not fit.
        table["x-delay"] = Int32(exactly: -delay).map { .int32($0) } ?? .int64(-delay)
        table["BCC"] = nil
        return message.copy(properties: view.replacing(headers: table.encoded))
    }
}
