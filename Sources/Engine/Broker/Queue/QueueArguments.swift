// The arguments of queue.declare: one row for each that is known, with its check and what it sets. Declaring,
// comparing a redeclaration and inspection walk this table and no other list.
//
// Unknown arguments are kept and have no effect, as in RabbitMQ. These known ones are checked and kept, and
// have no effect either: x-queue-mode and x-queue-version (paging is not up to the client here),
// x-queue-master-locator, x-queue-leader-locator, x-quorum-initial-group-size and x-initial-cluster-size (there
// is one node), x-max-in-memory-length and x-max-in-memory-bytes (deprecated), x-dead-letter-strategy (dead
// letters are at-least-once anyway: queue and dead-letter queue share one log), x-ha-policy.
// x-stream-filter-size-bytes is one of them, too: filters look at the messages themselves.
//
// Source: rabbitmq.com/docs/queues#optional-arguments; texts as RabbitMQ 3.10 gives them.
// Next: QueueSettings.swift (what the rows set).

import Wire

/// Why a value is refused, in RabbitMQ's words.
struct ArgumentFailure: Error {
    let reason: String
}

/// One known argument.
struct QueueArgument {
    let key: StaticString
    /// What a policy calls it; nil: a policy cannot set it.
    let policyKey: StaticString?
    /// Operator policies may set it, too: of several numbers the smallest holds.
    let isForOperators: Bool
    /// Types of queue that accept it.
    let types: [QueueType]
    /// Checks the value and sets what it means.
    let apply: (FieldView, inout QueueSettings) throws(ArgumentFailure) -> Void

    init(
        _ key: StaticString, _ types: [QueueType] = [.classic, .quorum], policy policyKey: StaticString? = nil,
        operators: Bool = false, _ apply: @escaping (FieldView, inout QueueSettings) throws(ArgumentFailure) -> Void
    ) {
        self.key = key
        self.policyKey = policyKey
        isForOperators = operators
        self.types = types
        self.apply = apply
    }
}

/// The table.
enum QueueArguments {
    nonisolated(unsafe) static let all: [QueueArgument] = [
        .init("x-expires", policy: "expires", operators: true) { value, settings throws(ArgumentFailure) in
            settings.expiresMilliseconds = try integer(value, in: 1...durationMax)
        },
        .init("x-message-ttl", policy: "message-ttl", operators: true) { value, settings throws(ArgumentFailure) in
            settings.messageTTLMilliseconds = try integer(value, in: 0...durationMax)
        },
        .init("x-dead-letter-exchange", policy: "dead-letter-exchange") { value, settings throws(ArgumentFailure) in
            // Its type was checked by `parse`, which has a text of its own for it.
            settings.deadLetterExchange = ByteString(try text(value))
        },
        .init("x-dead-letter-routing-key", policy: "dead-letter-routing-key") {
            value, settings throws(ArgumentFailure) in
            let key = try text(value)
            // It becomes a routing key, which is a short string.
            guard key.count <= 255 else { throw ArgumentFailure(reason: "{value_too_long,\(key.count)}") }
            settings.deadLetterRoutingKey = ByteString(key)
        },
        .init("x-dead-letter-strategy", [.quorum], policy: "dead-letter-strategy") { value, _ throws(ArgumentFailure) in
            try oneOf(value, ["at-most-once", "at-least-once"]) { _ in "invalid_dlx_strategy" }
        },
        .init("x-max-length", policy: "max-length", operators: true) { value, settings throws(ArgumentFailure) in
            settings.lengthMax = Int(try integer(value, in: 0...Int64.max))
        },
        .init("x-max-length-bytes", [.classic, .quorum, .stream], policy: "max-length-bytes", operators: true) {
            value, settings throws(ArgumentFailure) in
            settings.lengthBytesMax = Int(try integer(value, in: 0...Int64.max))
        },
        .init("x-max-in-memory-length", [.quorum], policy: "max-in-memory-length", operators: true) {
            value, _ throws(ArgumentFailure) in
            _ = try integer(value, in: 0...Int64.max)
        },
        .init("x-max-in-memory-bytes", [.quorum], policy: "max-in-memory-bytes", operators: true) {
            value, _ throws(ArgumentFailure) in
            _ = try integer(value, in: 0...Int64.max)
        },
        .init("x-max-priority", [.classic]) { value, settings throws(ArgumentFailure) in
            settings.priorityMax = UInt8(try integer(value, in: 0...255))
        },
        .init("x-overflow", policy: "overflow") { value, settings throws(ArgumentFailure) in
            guard let overflow = QueueOverflow(rawValue: try text(value).string) else {
                throw ArgumentFailure(reason: "invalid_overflow")
            }
            settings.overflow = overflow
        },
        .init("x-queue-mode", [.classic], policy: "queue-mode") { value, _ throws(ArgumentFailure) in
            try oneOf(value, ["default", "lazy"]) { "\"unsupported queue mode '\($0)'\"" }
        },
        .init("x-queue-version", [.classic], policy: "queue-version") { value, _ throws(ArgumentFailure) in
            let version = try integer(value, in: Int64.min...Int64.max)
            guard version == 1 || version == 2 else {
                throw ArgumentFailure(reason: "\"unsupported queue version '\(version)'\"")
            }
        },
        .init("x-single-active-consumer") { value, settings throws(ArgumentFailure) in
            guard let flag = value.boolean else { throw unacceptable(value) }
            settings.isSingleActiveConsumer = flag
        },
        .init("x-consumer-timeout", policy: "consumer-timeout") { value, settings throws(ArgumentFailure) in
            settings.consumerTimeoutMilliseconds = try integer(value, in: 0...durationMax)
        },
        .init("x-consumer-timeout-action", policy: "consumer-timeout-action") {
            value, settings throws(ArgumentFailure) in
            guard let action = ConsumerTimeoutAction(rawValue: try text(value).string) else {
                throw ArgumentFailure(reason: "invalid_consumer_timeout_action")
            }
            settings.consumerTimeoutAction = action
        },
        .init("x-queue-type", [.classic, .quorum, .stream]) { value, settings throws(ArgumentFailure) in
            // The others depend on it, so `parse` reads it first.
            guard let type = QueueType(rawValue: try text(value).string) else {
                throw ArgumentFailure(reason: "\"unsupported queue type '\(value.bytes.string)'\"")
            }
            settings.type = type
        },
        .init("x-delivery-limit", [.quorum], policy: "delivery-limit", operators: true) {
            value, settings throws(ArgumentFailure) in
            settings.deliveryLimit = try integer(value, in: Int64.min...Int64.max)
        },
        .init("x-quorum-initial-group-size", [.quorum]) { value, _ throws(ArgumentFailure) in
            _ = try integer(value, in: 1...Int64.max)
        },
        .init("x-queue-leader-locator", [.classic, .quorum, .stream], policy: "queue-leader-locator") {
            value, _ throws(ArgumentFailure) in
            try oneOf(value, ["client-local", "balanced", "random", "least-leaders"]) { _ in
                "invalid_queue_locator_arg"
            }
        },
        .init("x-queue-master-locator", [.classic], policy: "queue-master-locator") {
            value, _ throws(ArgumentFailure) in _ = try text(value)
        },
        .init("x-max-age", [.stream], policy: "max-age") { value, settings throws(ArgumentFailure) in
            guard let age = StreamAge.milliseconds(try text(value)) else {
                throw ArgumentFailure(reason: "invalid_max_age")
            }
            settings.maxAgeMilliseconds = age
        },
        .init("x-stream-max-segment-size-bytes", [.stream], policy: "stream-max-segment-size-bytes") {
            value, settings throws(ArgumentFailure) in
            settings.streamSegmentBytesMax = Int(try integer(value, in: 0...Int64.max))
        },
        .init("x-stream-filter-size-bytes", [.stream], policy: "stream-filter-size-bytes") {
            value, _ throws(ArgumentFailure) in _ = try integer(value, in: 0...Int64.max)
        },
        .init("x-initial-cluster-size", [.stream], policy: "initial-cluster-size") { value, _ throws(ArgumentFailure) in
            _ = try integer(value, in: 1...Int64.max)
        },
    ]

    /// Keys that a redeclaration must repeat, in the order in which RabbitMQ compares them.
    static var comparedKeys: [StaticString] { all.map(\.key) }

    /// Ten years and a little: what RabbitMQ's timers take.
    private static let durationMax: Int64 = 315_360_000_000

    /// The type that a declaration asks for; classic, too, if it asks for none that there is.
    static func type(of arguments: ByteSlice) -> QueueType {
        let given = (try? FieldTableView(arguments).value("x-queue-type")) ?? nil
        return given?.longString.flatMap { QueueType(rawValue: $0.string) } ?? .classic
    }

    /// What the arguments come to, together with the policies that hold for the queue.
    static func parse(
        _ arguments: ByteSlice, policy: EffectivePolicy = EffectivePolicy(), for resource: ResourceName
    ) throws(BrokerError) -> QueueSettings {
        var settings = QueueSettings()
        let table = FieldTableView(arguments)
        func value(_ key: StaticString) -> FieldView? { (try? table.value(key)) ?? nil }

        if let given = value("x-dead-letter-exchange"), given.longString == nil {
            throw .invalidArgumentType(key: "x-dead-letter-exchange", resource, type: given.type.name.description)
        }
        settings.type = type(of: arguments)
        for argument in all {
            guard let given = value(argument.key) else { continue }
            guard argument.types.contains(settings.type) else {
                throw .unsupportedArgument(
                    key: argument.key.description, resource, queueType: "rabbit_\(settings.type.rawValue)_queue")
            }
            do throws(ArgumentFailure) {
                try argument.apply(given, &settings)
            } catch {
                throw .invalidArgument(key: argument.key.description, resource, reason: error.reason)
            }
        }
        if settings.deadLetterRoutingKey != nil, settings.deadLetterExchange == nil,
            !policy.sets("dead-letter-exchange")
        {
            throw .invalidArgument(
                key: "x-dead-letter-routing-key", resource, reason: "routing_key_but_no_dlx_defined")
        }
        merge(policy.definitions, table, &settings)
        return settings
    }

    /// Adds what policies set: of two numbers the smaller one holds, of anything else what was there before.
    private static func merge(
        _ definitions: [PolicyDefinition], _ table: FieldTableView, _ settings: inout QueueSettings
    ) {
        guard !definitions.isEmpty else { return }
        for argument in all where argument.types.contains(settings.type) {
            guard let key = argument.policyKey else { continue }
            let own = (try? table.value(argument.key)) ?? nil
            // A stream's policy stands above its arguments, as in RabbitMQ.
            var isSet = own != nil && settings.type != .stream
            var smallest = isSet ? own?.integer : nil
            for definition in definitions {
                definition.encoded.withUnsafeBytes { bytes in
                    guard let common = (try? FieldTableView(ByteSlice(bytes)).value(key)) ?? nil else { return }
                    if isSet {
                        guard let smallest, let number = common.integer, number < smallest else { return }
                    }
                    isSet = true
                    smallest = common.integer
                    // Checked when the policy was set.
                    try? argument.apply(common, &settings)
                }
            }
        }
    }

    /// Refuses a redeclaration whose arguments mean something else.
    static func checkEquivalence(
        received: ByteSlice, current: [UInt8], keys: [StaticString], for resource: ResourceName
    ) throws(BrokerError) {
        var failure: BrokerError?
        current.withUnsafeBytes { bytes in
            for key in keys {
                let old = (try? FieldTableView(ByteSlice(bytes)).value(key)) ?? nil
                let new = (try? FieldTableView(received).value(key)) ?? nil
                if old == nil, new == nil { continue }
                if let old, let new {
                    if old.isEquivalent(to: new) { continue }
                    failure = .inequivalent(
                        argument: key.description, resource, received: "'\(ArgumentText.plain(new))'",
                        current: "'\(ArgumentText.plain(old))'")
                    return
                }
                // Leaving the type out means classic.
                if key.description == "x-queue-type", (old ?? new)?.bytes.equals("classic") ?? false { continue }
                failure = .inequivalent(
                    argument: key.description, resource, received: ArgumentText.value(new),
                    current: ArgumentText.value(old))
                return
            }
        }
        if let failure { throw failure }
    }

    // MARK: Checks that rows share

    private static func unacceptable(_ value: FieldView) -> ArgumentFailure {
        ArgumentFailure(reason: "{unacceptable_type,\(value.type.name)}")
    }

    private static func integer(
        _ value: FieldView, in range: ClosedRange<Int64>
    ) throws(ArgumentFailure) -> Int64 {
        guard let number = value.integer else {
            throw ArgumentFailure(reason: "\"expected integer, got \(value.type.name)\"")
        }
        if number < range.lowerBound {
            throw ArgumentFailure(reason: number < 0 ? "{value_negative,\(number)}" : "{value_zero,\(number)}")
        }
        if number > range.upperBound {
            let isLevel = range.upperBound == 255
            throw ArgumentFailure(reason: "{\(isLevel ? "max_value_exceeded" : "value_too_large"),\(number)}")
        }
        return number
    }

    private static func text(_ value: FieldView) throws(ArgumentFailure) -> ByteSlice {
        guard let text = value.longString else { throw unacceptable(value) }
        return text
    }

    private static func oneOf(
        _ value: FieldView, _ names: [String], failure: (String) -> String
    ) throws(ArgumentFailure) {
        let name = try text(value).string
        guard names.contains(name) else { throw ArgumentFailure(reason: failure(name)) }
    }
}

/// Values of arguments as RabbitMQ's texts show them.
enum ArgumentText {
    /// `the value '10' of type 'signedint'`, or `none`.
    static func value(_ value: FieldView?) -> String {
        guard let value else { return "none" }
        return "the value '\(plain(value))' of type '\(value.type.name)'"
    }

    /// The bare value.
    static func plain(_ value: FieldView) -> String {
        if let text = value.longString { return text.string }
        return erlang(value)
    }

    /// As an Erlang term.
    static func erlang(_ value: FieldView) -> String {
        if let number = value.integer { return String(number) }
        if let flag = value.boolean { return flag ? "true" : "false" }
        if let real = value.real { return "\(real)" }
        if let text = value.longString { return "<<\"\(text.string)\">>" }
        return "\(value.type.name)"
    }
}
