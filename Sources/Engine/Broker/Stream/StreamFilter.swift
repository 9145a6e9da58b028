// Which messages of a stream a reader wants: consumer arguments `x-stream-filter` and `x-stream-match-unfiltered`, by
// the header `x-stream-filter-value` of the message (rabbitmq.com/docs/streams#filtering). RabbitMQ passes over whole
// chunks and lets the client look again; here nothing else comes. Next: StreamReader.swift.

import Wire

/// Values a reader asks for.
struct StreamFilter {
    private var values: [[UInt8]] = []
    private var matchesUnfiltered = false

    /// Nil when the arguments ask for no filter.
    init?(arguments: ByteSlice) {
        let table = FieldTableView(arguments)
        guard let given = (try? table.value("x-stream-filter")) ?? nil else { return nil }
        if let text = given.longString {
            values = [text.array]
        } else if let list = given.array {
            var reader = list.makeReader()
            while let value = (try? reader.next()) ?? nil {
                if let text = value.longString { values.append(text.array) }
            }
        } else {
            return nil
        }
        matchesUnfiltered = ((try? table.value("x-stream-match-unfiltered")) ?? nil)?.boolean ?? false
    }

    func matches(_ message: Message) -> Bool {
        guard message.propertyFlags & BasicProperty.headers.rawValue != 0, let headers = message.headersTable,
            let value = ((try? FieldTableView(headers).value("x-stream-filter-value")) ?? nil)?.longString
        else { return matchesUnfiltered }
        return values.contains { known in known.withUnsafeBytes { ByteSlice($0) == value } }
    }
}
