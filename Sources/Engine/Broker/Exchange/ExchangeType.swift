// The types of exchanges, by the names that `exchange.declare` gives them, and what each needs to know of a message.
// Those whose names begin with `x-` are RabbitMQ's, most of them from its plugins.
// Loop thread only. Next: Exchange.swift.

import Wire

/// How an exchange chooses among its bindings.
enum ExchangeType: String, CaseIterable {
    case direct, fanout, topic, headers
    /// One binding, drawn anew for every message.
    case random = "x-random"
    /// The same: all queues are local here (rabbitmq.com/docs/local-random-exchange).
    case localRandom = "x-local-random"
    /// One binding, by the hash of the routing key modulo their number.
    case modulusHash = "x-modulus-hash"
    /// One binding, by weight; see ConsistentHash.swift.
    case consistentHash = "x-consistent-hash"
    /// Keeps messages back for a while, then behaves as the type in its argument `x-delayed-type`; see ../Delay/.
    case delayed = "x-delayed-message"

    init?(_ name: ByteSlice) {
        for type in Self.allCases where name.string == type.rawValue {
            self = type
            return
        }
        return nil
    }

    /// As RabbitMQ's error texts show it: names with dashes are quoted atoms.
    var erlangName: String { rawValue.contains("-") ? "'\(rawValue)'" : rawValue }

    /// Chooses one of its bindings for a message, whatever their keys and however many keys the message has.
    var choosesOne: Bool {
        switch self {
        case .random, .localRandom, .modulusHash, .consistentHash: true
        case .direct, .fanout, .topic, .headers, .delayed: false
        }
    }

    /// The routing key decides nothing: looking at one of a message's keys is enough.
    var ignoresKeys: Bool { choosesOne || self == .fanout || self == .headers }
}
