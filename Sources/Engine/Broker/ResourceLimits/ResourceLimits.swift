// How many connections and queues a virtual host may have, how many connections and channels a user
// (rabbitmq.com/docs/vhosts#limits, /docs/user-limits). Looked at when one of them is opened or declared, never later:
// what is there when a limit is lowered stays.
// Loop thread only. Next: BrokerLimits.swift (setting them), ConfiguredLimit.swift.

import Wire

/// What limits are for; the raw value is the log's.
enum LimitSubject: UInt8 {
    case virtualHost = 0
    case user = 1

    /// Names of limits that it has.
    var names: [LimitName] {
        switch self {
        case .virtualHost: [.connections, .queues]
        case .user: [.connections, .channels]
        }
    }
}

/// What is limited, by RabbitMQ's names.
enum LimitName: String {
    case connections = "max-connections"
    case queues = "max-queues"
    case channels = "max-channels"
}

/// One limit. A negative value limits nothing.
struct ResourceLimit: Equatable {
    let name: LimitName
    let value: Int64
    /// The configuration says so: it goes when the configuration no longer does.
    var isConfigured = false
}

/// Why a limit is refused, in RabbitMQ's words.
struct LimitFailure: Error, Equatable {
    let reason: String
}

/// The limits of one virtual host or user.
struct ResourceLimits {
    private(set) var all: [ResourceLimit] = []

    var isEmpty: Bool { all.isEmpty }

    /// The limit, if `count` has reached it.
    func reached(_ name: LimitName, _ count: Int) -> Int64? {
        guard let limit = all.first(where: { $0.name == name }), limit.value >= 0, count >= limit.value else {
            return nil
        }
        return limit.value
    }

    mutating func set(_ limit: ResourceLimit) {
        clear(limit.name)
        all.append(limit)
    }

    mutating func clear(_ name: LimitName) { all.removeAll { $0.name == name } }
}

/// What a user has open, and may have.
final class UserUsage {
    let name: ByteString
    var limits = ResourceLimits()
    var connectionCount = 0
    var channelCount = 0

    init(name: ByteString) { self.name = name }
}

extension LimitSubject {
    /// A limit in words.
    func limit(_ name: String, _ value: String) throws(LimitFailure) -> ResourceLimit {
        guard let known = names.first(where: { $0.rawValue == name }) else {
            let term = Int64(value) == nil ? "<<\"\(value)\">>" : value
            throw LimitFailure(
                reason: "Unrecognised terms [{<<\"\(name)\">>,\(term)}] in \(self == .user ? "user-limits" : "limits")")
        }
        guard let number = Int64(value) else {
            throw LimitFailure(reason: "\(name) should be a number, actually was <<\"\(value)\">>")
        }
        return ResourceLimit(name: known, value: number)
    }
}
