// The parameters of CONFIG: one table for GET and SET, by Redis's names.
// Three sorts: those that take effect here when they are set; those whose value follows from something else
// (configuration file, build) and can be read; and those that Redis has and this store has no use for, shown
// with the value that describes what it does. The last two may be "set" to the value they have, which tools
// do, and to nothing else: no setting is accepted and then ignored.
// To add one: a row. Loop thread only. Next: ConfigCommands.swift.

import Wire

/// Why a value was refused; the reply says it after the parameter's name.
struct ConfigError: Error {
    let reason: String
}

/// One parameter.
struct ConfigParameter: Sendable {
    typealias Set = @Sendable (Store, String) throws(ConfigError) -> Void

    let name: String
    let get: @Sendable (Store) -> String
    /// nil: fixed.
    let set: Set?

    init(_ name: String, _ get: @escaping @Sendable (Store) -> String, set: Set? = nil) {
        self.name = name
        self.get = get
        self.set = set
    }

    /// A value that never changes.
    static func fixed(_ name: String, _ value: String) -> ConfigParameter { ConfigParameter(name, { _ in value }) }

    static func integer(
        _ name: String, _ range: ClosedRange<Int64>, _ get: @escaping @Sendable (Store) -> Int64,
        set: @escaping @Sendable (Store, Int64) -> Void
    ) -> ConfigParameter {
        ConfigParameter(name, { String(get($0)) }) { (store: Store, text: String) throws(ConfigError) in
            guard let value = Int64(text) else {
                throw ConfigError(reason: "argument couldn't be parsed into an integer")
            }
            guard range.contains(value) else {
                throw ConfigError(
                    reason: "argument must be between \(range.lowerBound) and \(range.upperBound) inclusive")
            }
            set(store, value)
        }
    }

    /// A number of bytes, with a unit if need be (`1mb`).
    static func memory(
        _ name: String, _ range: ClosedRange<Int64>, _ get: @escaping @Sendable (Store) -> Int64,
        set: @escaping @Sendable (Store, Int64) -> Void
    ) -> ConfigParameter {
        ConfigParameter(name, { String(get($0)) }) { (store: Store, text: String) throws(ConfigError) in
            guard let value = bytes(text) else { throw ConfigError(reason: "argument must be a memory value") }
            guard range.contains(value) else {
                throw ConfigError(
                    reason: "argument must be between \(range.lowerBound) and \(range.upperBound) inclusive")
            }
            set(store, value)
        }
    }

    /// `64`, `64k` (thousands), `64kb` (1,024), m, mb, g, gb, b.
    static func bytes(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        let factors: [String: Int64] = [
            "": 1, "b": 1, "k": 1_000, "kb": 1_024, "m": 1_000_000, "mb": 1_048_576, "g": 1_000_000_000,
            "gb": 1_073_741_824,
        ]
        guard let factor = factors[text.dropFirst(digits.count).lowercased()] else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}

extension ConfigParameter {
    static func find(_ name: String) -> ConfigParameter? { byName[name.lowercased()] }

    private static let byName: [String: ConfigParameter] = {
        var names: [String: ConfigParameter] = [:]
        for parameter in all {
            precondition(names.updateValue(parameter, forKey: parameter.name) == nil, "parameter given twice")
        }
        return names
    }()

    static let all: [ConfigParameter] = effective + latency + CompactForms.parameters + followed + described

    // MARK: Those that take effect

    private static let effective: [ConfigParameter] =
        memory + [
            ConfigParameter("requirepass", { $0.context.configuration.respPassword }) {
                (store: Store, text: String) throws(ConfigError) in
                store.context.configuration.respPassword = text
                store.access.setDefaultPassword(text, store.table)
            },
            ConfigParameter("appendfsync", { $0.context.configuration.appendFsync.rawValue }) {
                (store: Store, text: String) throws(ConfigError) in
                guard let value = AppendFsync(rawValue: text.lowercased()) else {
                    throw ConfigError(reason: "argument(s) must be one of the following: everysec, always, no")
                }
                store.context.configuration.appendFsync = value
            },
            ConfigParameter("appendonly", { $0.context.configuration.appendOnly ? "yes" : "no" }) {
                (store: Store, text: String) throws(ConfigError) in
                switch text.lowercased() {
                case "yes": store.setAppendOnly(true)
                case "no": store.setAppendOnly(false)
                default: throw ConfigError(reason: "argument must be 'yes' or 'no'")
                }
            },
            ConfigParameter("save", { SavePoint.text($0.savePoints) }) {
                (store: Store, text: String) throws(ConfigError) in
                guard let points = SavePoint.parse(text) else { throw ConfigError(reason: "Invalid save parameters") }
                store.persistence.chosenSavePoints = points
                store.updateWriteRefusal()
            },
            ConfigParameter("notify-keyspace-events", { $0.notificationClasses.text }) {
                (store: Store, text: String) throws(ConfigError) in
                guard let classes = NotificationClass(text: text) else {
                    throw ConfigError(
                        reason: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
                }
                store.setNotifications(classes)
            },
            .integer("slowlog-log-slower-than", -1...Int64.max, { $0.slowCommandMicroseconds }) {
                $0.slowCommandMicroseconds = $1
            },
            .integer("tcp-keepalive", 0...Int64(Int32.max), { Int64($0.context.configuration.tcpKeepAliveSeconds) }) {
                $0.context.configuration.tcpKeepAliveSeconds = Int($1)
            },
            .integer("timeout", 0...Int64(Int32.max), { $0.idleSecondsMax }) { $0.idleSecondsMax = $1 },
            .integer("slowlog-max-len", 0...1_000_000, { Int64($0.administration.slowLog.countMax) }) {
                $0.administration.slowLog.countMax = Int($1)
            },
            .integer("acllog-max-len", 0...1_000_000, { Int64($0.access.log.countMax) }) {
                $0.access.log.countMax = Int($1)
            },
            ConfigParameter(
                "acl-pubsub-default",
                { $0.context.configuration.aclAllowsAllChannels ? "allchannels" : "resetchannels" }
            ) { (store: Store, text: String) throws(ConfigError) in
                switch text.lowercased() {
                case "allchannels": store.context.configuration.aclAllowsAllChannels = true
                case "resetchannels": store.context.configuration.aclAllowsAllChannels = false
                default:
                    throw ConfigError(reason: "argument(s) must be one of the following: allchannels, resetchannels")
                }
            },
            .integer("busy-reply-threshold", 0...Int64(Int32.max), { $0.scripts.busyThresholdMilliseconds }) {
                $0.scripts.busyThresholdMilliseconds = $1
            },
            .integer("lua-time-limit", 0...Int64(Int32.max), { $0.scripts.busyThresholdMilliseconds }) {
                $0.scripts.busyThresholdMilliseconds = $1
            },
            .integer("tracking-table-max-keys", 0...Int64.max, { Int64($0.tracking.keysMax) }) {
                $0.tracking.keysMax = Int($1)
            },
            .memory(
                "proto-max-bulk-len", 1_048_576...Int64(Limits.respBulkBytesMax),
                { Int64($0.context.configuration.respBulkBytesMax) }
            ) { $0.context.configuration.respBulkBytesMax = Int($1) },
            .memory(
                "client-query-buffer-limit", 1_048_576...Int64(Limits.respQueryBytesMax),
                { Int64($0.context.configuration.respQueryBytesMax) }
            ) { $0.context.configuration.respQueryBytesMax = Int($1) },
            ConfigParameter("client-output-buffer-limit", { outputLimits($0) }) {
                (store: Store, text: String) throws(ConfigError) in
                try setOutputLimits(store, text)
            },
        ]

    private static let latency: [ConfigParameter] = [
        .integer("latency-monitor-threshold", 0...Int64.max, { $0.latency.thresholdMilliseconds }) {
            $0.latency.thresholdMilliseconds = $1
        },
        ConfigParameter("latency-tracking", { $0.tracksLatency ? "yes" : "no" }) {
            (store: Store, text: String) throws(ConfigError) in
            switch text.lowercased() {
            case "yes": store.tracksLatency = true
            case "no": store.tracksLatency = false
            default: throw ConfigError(reason: "argument must be 'yes' or 'no'")
            }
        },
        ConfigParameter(
            "latency-tracking-info-percentiles",
            { $0.latencyPercentiles.map(DoubleText.string).joined(separator: " ") }
        ) { (store: Store, text: String) throws(ConfigError) in
            var percentiles: [Double] = []
            for word in text.split(separator: " ") {
                guard let percent = Double(word), percent >= 0, percent <= 100 else {
                    throw ConfigError(
                        reason: "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
                }
                percentiles.append(percent)
            }
            store.latencyPercentiles = percentiles
        },
    ]

    private static let memory: [ConfigParameter] = [
        .memory("maxmemory", 0...Int64.max, { Int64($0.context.configuration.maxMemoryBytes) }) {
            $0.context.configuration.maxMemoryBytes = Int($1)
            $0.evictionConfigured()
        },
        ConfigParameter("maxmemory-policy", { $0.context.configuration.evictionPolicy.rawValue }) {
            (store: Store, text: String) throws(ConfigError) in
            guard let policy = EvictionPolicy(rawValue: text.lowercased()) else {
                let names = EvictionPolicy.allCases.map(\.rawValue).joined(separator: ", ")
                throw ConfigError(reason: "argument(s) must be one of the following: \(names)")
            }
            store.context.configuration.evictionPolicy = policy
            store.evictionConfigured()
        },
        .integer(
            "maxmemory-samples", 1...Int64(Limits.evictionSamplesMax),
            { Int64($0.context.configuration.evictionSamples) }
        ) { $0.context.configuration.evictionSamples = Int($1) },
        .integer("maxmemory-eviction-tenacity", 0...100, { Int64($0.context.configuration.evictionTenacity) }) {
            $0.context.configuration.evictionTenacity = Int($1)
        },
        .integer("lfu-log-factor", 0...Int64(Int32.max), { Int64($0.context.configuration.lfuLogFactor) }) {
            $0.context.configuration.lfuLogFactor = Int($1)
        },
        .integer("lfu-decay-time", 0...Int64(Int32.max), { Int64($0.context.configuration.lfuDecayMinutes) }) {
            $0.context.configuration.lfuDecayMinutes = Int($1)
        },
    ]

    private static func outputLimits(_ store: Store) -> String {
        let limits = store.pubSub.outputLimits
        return "normal 0 0 0 slave 0 0 0 pubsub \(limits.hardBytes) \(limits.softBytes) "
            + "\(limits.softMilliseconds / 1_000)"
    }

    /// Class, hard limit, soft limit, seconds; once or more. Only subscribers have limits here.
    private static func setOutputLimits(_ store: Store, _ text: String) throws(ConfigError) {
        let words = text.split(separator: " ").map(String.init)
        guard !words.isEmpty, words.count % 4 == 0 else {
            throw ConfigError(reason: "Wrong number of arguments in buffer limit configuration.")
        }
        var limits = store.pubSub.outputLimits
        for index in stride(from: 0, to: words.count, by: 4) {
            guard let hard = bytes(words[index + 1]), let soft = bytes(words[index + 2]),
                let seconds = Int64(words[index + 3]), seconds >= 0, seconds < 1_000_000_000
            else {
                throw ConfigError(
                    reason: "Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            }
            switch words[index].lowercased() {
            case "pubsub":
                limits.hardBytes = Int(hard)
                limits.softBytes = Int(soft)
                limits.softMilliseconds = seconds * 1_000
            case "normal", "slave", "replica":
                guard hard == 0, soft == 0 else {
                    throw ConfigError(reason: "only the class pubsub can be limited here")
                }
            default: throw ConfigError(reason: "Invalid client class specified in buffer limit configuration.")
            }
        }
        store.pubSub.outputLimits = limits
    }

    // MARK: Those that follow from something else

    private static let followed: [ConfigParameter] = [
        ConfigParameter("port", { String($0.context.processFacts().respPort) }),
        ConfigParameter("dir", { $0.context.processFacts().dataFolder }),
        ConfigParameter("maxclients", { String($0.context.processFacts().clientsMax) }),
        ConfigParameter("databases", { String($0.databases.count) }),
        .fixed("list-max-listpack-size", "-2"), .fixed("list-max-ziplist-size", "-2"),
        .fixed("hz", String(1_000 / Limits.expirySliceMilliseconds)),
    ]

    // MARK: Those that describe

    private static let described: [ConfigParameter] = [
        .fixed("maxmemory-clients", "0"), .fixed("tcp-backlog", "511"), .fixed("daemonize", "no"),
        .fixed("supervised", "no"), .fixed("loglevel", "notice"), .fixed("logfile", ""), .fixed("pidfile", ""),
        .fixed("unixsocket", ""), .fixed("unixsocketperm", "0"), .fixed("tls-port", "0"), .fixed("io-threads", "1"),
        .fixed("io-threads-do-reads", "no"), .fixed("protected-mode", "no"), .fixed("cluster-enabled", "no"),
        .fixed("replicaof", ""), .fixed("slaveof", ""), .fixed("replica-read-only", "yes"),
        .fixed("slave-read-only", "yes"), .fixed("min-replicas-to-write", "0"), .fixed("min-slaves-to-write", "0"),
        .fixed("repl-backlog-size", "0"), .fixed("masterauth", ""), .fixed("masteruser", ""), .fixed("aclfile", ""),
        .fixed("activedefrag", "no"),
        .fixed("lazyfree-lazy-eviction", "no"), .fixed("lazyfree-lazy-expire", "no"),
        .fixed("lazyfree-lazy-server-del", "no"), .fixed("lazyfree-lazy-user-del", "no"),
        .fixed("lazyfree-lazy-user-flush", "yes"), .fixed("stop-writes-on-bgsave-error", "yes"),
        .fixed("enable-debug-command", "yes"), .fixed("enable-module-command", "no"),
        .fixed("auto-aof-rewrite-percentage", "0"), .fixed("no-appendfsync-on-rewrite", "no"),
        .fixed("aof-use-rdb-preamble", "no"), .fixed("list-compress-depth", "0"),
        .fixed("activerehashing", "yes"),
    ]
}
