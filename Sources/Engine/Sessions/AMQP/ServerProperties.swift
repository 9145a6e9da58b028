// How the daemon introduces itself in `connection.start`: RabbitMQ's name and version, because clients turn
// features on by them, and its own name in fields of its own.
// Next: AMQPHandshake.swift.

import Wire

/// The first method of every connection.
enum ServerProperties {
    /// The product and version that clients know: kombu turns channel-wide prefetch on for `RabbitMQ` from
    /// 3.3 and off from 4.0.
    static let product = "RabbitMQ"
    static let productVersion = "3.13.7"

    /// Everything that RabbitMQ announces and that is true here.
    static let capabilities = [
        "publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
        "connection.blocked", "consumer_priorities", "authentication_failure_close", "per_consumer_qos",
        "direct_reply_to",
    ]

    static func table(version: String) -> FieldTable {
        var granted = FieldTable()
        for name in capabilities { granted.entries.append(.init(key: Array(name.utf8), value: .boolean(true))) }
        return [
            "capabilities": .table(granted),
            "cluster_name": "taskd",
            "copyright": "Copyright (c) the taskd authors",
            "information": "Licensed under the MIT License",
            "platform": "Swift",
            "product": .string(product),
            "version": .string(productVersion),
            "implementation": "taskd",
            "implementation_version": .string(version),
        ]
    }

    /// The whole frame.
    static func startFrame(version: String) -> [UInt8] {
        let properties = table(version: version).encoded
        let mechanisms = Array(AMQPMechanism.names.utf8)
        let locales = Array("en_US".utf8)
        var writer = ByteWriter()
        properties.withSlice { properties in
            mechanisms.withSlice { mechanisms in
                locales.withSlice { locales in
                    writer.writeMethodFrame(
                        channel: 0,
                        ConnectionStart(serverProperties: properties, mechanisms: mechanisms, locales: locales))
                }
            }
        }
        return writer.bytes
    }
}

extension [UInt8] {
    /// The bytes, borrowed for the length of `body`.
    func withSlice<R>(_ body: (ByteSlice) throws -> R) rethrows -> R {
        try withUnsafeBytes { try body(ByteSlice($0)) }
    }
}
