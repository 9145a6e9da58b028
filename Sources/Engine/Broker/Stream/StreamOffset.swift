// Where a reader begins: consumer argument `x-stream-offset` (rabbitmq.com/docs/streams#consuming), and durations as
// `x-max-age` has them. Next: StreamReader.swift.

import Wire

/// A duration in words: a whole number above 0 and one of Y, M (30 days), D, h, m, s.
enum StreamAge {
    /// Milliseconds; nil when `text` is none. What is too long for a number is as long as one can say.
    static func milliseconds(_ text: ByteSlice) -> Int64? {
        guard text.count > 1 else { return nil }
        var value: Int64 = 0
        for index in 0..<(text.count - 1) {
            guard text[index] >= 0x30, text[index] <= 0x39 else { return nil }
            let (shifted, isTooLong) = value.multipliedReportingOverflow(by: 10)
            value = isTooLong ? .max : shifted.addingSaturated(Int64(text[index] - 0x30))
        }
        let unit: Int64
        switch Unicode.Scalar(text[text.count - 1]) {
        case "Y": unit = 365 * 86_400_000
        case "M": unit = 30 * 86_400_000
        case "D": unit = 86_400_000
        case "h": unit = 3_600_000
        case "m": unit = 60_000
        case "s": unit = 1_000
        default: return nil
        }
        guard value > 0 else { return nil }
        let (product, isTooLong) = value.multipliedReportingOverflow(by: unit)
        return isTooLong ? .max : product
    }
}

extension Int64 {
    /// Stays at its ends.
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}

/// A place in a stream as a consumer names it.
enum StreamOffset: Equatable {
    case first
    /// The newest message there is.
    case last
    /// What is published from now on.
    case next
    case offset(UInt64)
    /// What was published then or later; wall milliseconds since 1970.
    case time(Int64)

    static let key: StaticString = "x-stream-offset"

    /// - Parameter now: wall milliseconds.
    init(arguments: ByteSlice, now: Int64, for resource: ResourceName) throws(BrokerError) {
        guard let value = (try? FieldTableView(arguments).value(Self.key)) ?? nil else {
            self = .next
            return
        }
        if let text = value.longString {
            if text.equals("first") {
                self = .first
            } else if text.equals("last") {
                self = .last
            } else if text.equals("next") {
                self = .next
            } else if let age = StreamAge.milliseconds(text) {
                self = .time(now.addingSaturated(-age))
            } else {
                throw Self.invalid(value, resource)
            }
        } else if let number = value.integer {
            self = .offset(UInt64(max(0, number)))
        } else if let seconds = value.timestamp {
            self = .time(
                Int64(clamping: seconds).multipliedReportingOverflow(by: 1_000).overflow
                    ? .max : Int64(clamping: seconds) * 1_000)
        } else {
            throw Self.invalid(value, resource)
        }
    }

    private static func invalid(_ value: FieldView, _ resource: ResourceName) -> BrokerError {
        .invalidArgument(
            key: key.description, resource,
            reason: "{invalid_stream_offset_arg,{\(value.type.name),\(ArgumentText.erlang(value))}}")
    }
}
