// Property `expiration`: milliseconds as decimal text, read the way RabbitMQ reads it, whose refusals say
// what was wrong with the text.
// Next: AMQPContent.swift.

import Wire

/// Time to live of one message.
enum MessageExpiration {
    /// Milliseconds; what is no number, negative or beyond ten years is refused.
    static func parse(_ text: ByteSlice) throws(BrokerError) -> Int64 {
        var index = 0
        var isNegative = false
        if let sign = text.isEmpty ? nil : text[0], sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
            isNegative = sign == UInt8(ascii: "-")
            index = 1
        }
        let firstDigit = index
        var value: Int64 = 0
        var isHuge = false
        while index < text.count, text[index] &- 0x30 < 10 {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int64(text[index] - 0x30))
            if overflow || carry { isHuge = true }
            value = sum
            index += 1
        }
        guard index > firstDigit else { throw refusal(text, "no_integer") }
        guard index == text.count else {
            throw refusal(text, "{leftover_string,\"\(text.dropping(index).string)\"}")
        }
        let digits = text.dropping(firstDigit).string
        if isNegative, value != 0 || isHuge { throw refusal(text, "{value_negative,-\(digits)}") }
        guard !isHuge, value <= Limits.messageTTLMillisecondsMax else {
            throw refusal(text, "{value_too_large,\(digits)}")
        }
        return value
    }

    private static func refusal(_ text: ByteSlice, _ reason: String) -> BrokerError {
        .invalidExpiration(text.string, reason: reason)
    }
}
