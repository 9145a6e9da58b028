// What a client says about itself in `connection.start-ok`: its properties, kept as they came for inspection,
// and the capabilities, which change how it is talked to. What is known of a product counts as a capability.
// Next: AMQPHandshake.swift.

import Wire

/// A client as it introduced itself.
struct ClientIdentity {
    /// Entries of the property table, as they came.
    var properties: [UInt8] = []
    var capabilities: ClientCapabilities = []
    /// It takes `connection.close` 403 as the answer to a wrong password.
    var wantsAuthenticationFailureClose = false

    /// Name on the wire → flag, of those that matter to the broker.
    private static let flags: [(name: StaticString, flag: ClientCapabilities)] = [
        ("consumer_cancel_notify", .consumerCancelNotify), ("connection.blocked", .connectionBlocked),
        ("basic.nack", .basicNack),
    ]

    /// The library under kombu, and so under Celery.
    private static let nudgedProduct = "py-amqp"

    init() {}

    /// - Parameter table: validated.
    init(_ table: FieldTableView) {
        properties = table.bytes.array
        if Self.text(table, "product") == Self.nudgedProduct { capabilities.insert(.nudges) }
        guard let announced = (try? table.value("capabilities"))??.table else { return }
        for (name, flag) in Self.flags where Self.isTrue(announced, name) { capabilities.insert(flag) }
        wantsAuthenticationFailureClose = Self.isTrue(announced, "authentication_failure_close")
    }

    /// For logs: the name the client gave its connection, else its product and version, else nothing.
    var name: String {
        properties.withSlice { bytes in
            let table = FieldTableView(bytes)
            if let given = Self.text(table, "connection_name") { return given }
            guard let product = Self.text(table, "product") else { return "" }
            return Self.text(table, "version").map { "\(product) \($0)" } ?? product
        }
    }

    private static func isTrue(_ table: FieldTableView, _ key: StaticString) -> Bool {
        (try? table.value(key))??.boolean == true
    }

    private static func text(_ table: FieldTableView, _ key: StaticString) -> String? {
        (try? table.value(key))??.longString?.string
    }
}
