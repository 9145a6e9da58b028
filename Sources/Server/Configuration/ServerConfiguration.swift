// Everything the daemon is told from outside, as checked values. Filled by ConfigurationLoader.swift from
// the table in Settings.swift; the defaults here and there are the same by construction, since the loader
// applies every row's default first.
// Made on the starting thread, then read only. Next: Settings.swift.

import Engine

/// Form of log lines.
public enum LogFormat: String, Sendable, CaseIterable {
    case plain, json
}

/// Least severe lines that are written. swift-log's levels.
public enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}

/// What happens when the log can no longer be written.
public enum LogErrorPolicy: String, Sendable, CaseIterable {
    case exit
    case readOnly = "read-only"
}

/// `host:port` to listen on. The host may be a name, `*` or empty for all addresses.
public struct ListenAddress: Equatable, Sendable {
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `host:port`, `[::1]:port`, `:port`; nil when it is none of them.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        self.init(host: host, port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Checked settings of one daemon.
public struct ServerConfiguration: Sendable {
    /// The file the settings came from, if any; for INFO.
    public var file: String?
    /// A redis.conf, if there is one.
    public var redisFile: String?
    /// Oddities that do not stop the start.
    public var warnings: [String] = []
    /// What of a redis.conf has no effect, and why.
    public var notes: [String] = []
    /// What of it CONFIG SET could say.
    public var storeParameters: [StoreParameter] = []
    /// Its users: name, then rules.
    public var aclUsers: [[String]] = []

    /// Every setting's value, for `check-config`.
    var values: [String: SettingValue] = [:]

    public var dataFolder = ""

    public var amqpListen: [ListenAddress] = []
    public var amqpConnectionsMax = 0
    public var amqpFrameBytesMax = 0
    public var amqpChannelsMax = 0
    public var amqpHeartbeatSeconds = 0
    public var amqpConsumerTimeoutMilliseconds = 0
    public var amqpConsumerTimeoutAction = ConsumerTimeoutAction.close
    public var amqpQuorumDeliveryLimit = Int(Limits.quorumDeliveryLimit)
    public var amqpPolicies: [String] = []
    public var amqpOperatorPolicies: [String] = []
    public var amqpVirtualHostLimits: [String] = []
    public var amqpUserLimits: [String] = []
    public var amqpTraceVirtualHosts: [String] = []
    public var amqpEventExchange = false
    public var amqpPolicyPatternBytesMax = 0
    public var amqpPolicyMatchStepsMax = 0
    public var amqpMessageBytesMax = 0
    public var amqpDefaultUser = ""
    public var amqpDefaultPassword = ""
    public var amqpDefaultVirtualHost = ""
    public var amqpLoopbackUsers: [String] = []

    public var respListen: [ListenAddress] = []
    public var respClientsMax = 0
    public var respDatabases = 0
    public var respPassword = ""
    public var aclAllowsAllChannels = false
    public var respBulkBytesMax = 0
    public var respQueryBytesMax = 0
    public var respOutputPauseBytes = 0

    public var appendOnly = true
    public var appendFsync = AppendFsync.everysec

    public var maxMemoryBytes = 0
    public var evictionPolicy = EvictionPolicy.noEviction
    public var evictionSamples = 0
    public var evictionTenacity = 0
    public var lfuLogFactor = 0
    public var lfuDecayMinutes = 0

    public var logSegmentBytesMax = 0
    public var logErrorPolicy = LogErrorPolicy.exit
    public var logExchange = false
    public var logExchangeLevel = LogLevel.info
    public var logCheckpointBytes = 0
    public var logCheckpointSeconds = 0

    public var diskFreeBytesMin = 0
    /// Bytes, or a part of the machine's memory.
    public var memoryHighWatermark = MemoryLimit.fraction(0.4)

    public var loggingLevel = LogLevel.info
    public var loggingFormat = LogFormat.plain

    public var shutdownSeconds = 0

    /// `key = value` for each setting, as in a file; passwords are not shown.
    public var effectiveSettings: [String] {
        Settings.all.map { setting in
            let value = values[setting.key] ?? setting.defaultValue
            let isHidden = setting.isSecret && value != .text("")
            return "\(setting.key) = \(isHidden ? "\"(hidden)\"" : value.toml)"
        }
    }

    /// What a redis.conf says beyond them.
    public var storeSettings: [String] {
        storeParameters.map { "# redis.conf: \($0.name) \($0.value)" } + aclUsers.map { "# redis.conf: user \($0[0])" }
    }

    var checkpointPolicy: StoragePipeline.Policy {
        var policy = StoragePipeline.Policy()
        policy.growthBytes = logCheckpointBytes
        policy.ageMilliseconds = Int64(logCheckpointSeconds) * 1_000
        policy.freeBytesMin = diskFreeBytesMin
        return policy
    }

    /// The settings that the engine works by.
    func engineConfiguration(randomSeed: UInt64) -> EngineConfiguration {
        let engine = EngineConfiguration()
        engine.randomSeed = randomSeed
        engine.version = TaskdVersion.current
        engine.users = [
            ConfiguredUser(
                name: amqpDefaultUser, password: amqpDefaultPassword,
                loopbackOnly: amqpLoopbackUsers.contains(amqpDefaultUser))
        ]
        engine.defaultVirtualHost = amqpDefaultVirtualHost
        engine.amqpFrameBytesMax = amqpFrameBytesMax
        engine.amqpChannelsMax = amqpChannelsMax
        engine.amqpHeartbeatSeconds = amqpHeartbeatSeconds
        engine.policies = amqpPolicies
        engine.operatorPolicies = amqpOperatorPolicies
        engine.virtualHostLimits = amqpVirtualHostLimits
        engine.userLimits = amqpUserLimits
        engine.tracedVirtualHosts = amqpTraceVirtualHosts
        engine.hasEventExchange = amqpEventExchange
        engine.hasLogExchange = logExchange
        engine.nodeName = "taskd@\(SystemFacts.hostName)"
        engine.policyPatternBytesMax = amqpPolicyPatternBytesMax
        engine.policyMatchStepsMax = amqpPolicyMatchStepsMax
        engine.consumerTimeoutMilliseconds = Int64(amqpConsumerTimeoutMilliseconds)
        engine.consumerTimeoutAction = amqpConsumerTimeoutAction
        engine.quorumDeliveryLimit = Int64(amqpQuorumDeliveryLimit)
        engine.messageBytesMax = amqpMessageBytesMax
        engine.respDatabases = respDatabases
        engine.respPassword = respPassword
        engine.aclAllowsAllChannels = aclAllowsAllChannels
        engine.aclUsers = aclUsers
        engine.respBulkBytesMax = respBulkBytesMax
        engine.respQueryBytesMax = respQueryBytesMax
        engine.respOutputPauseBytes = respOutputPauseBytes
        engine.maxMemoryBytes = maxMemoryBytes
        engine.evictionPolicy = evictionPolicy
        engine.evictionSamples = evictionSamples
        engine.evictionTenacity = evictionTenacity
        engine.lfuLogFactor = lfuLogFactor
        engine.lfuDecayMinutes = lfuDecayMinutes
        engine.appendOnly = appendOnly
        engine.appendFsync = appendFsync
        engine.memoryHighWatermarkBytes = memoryHighWatermark.bytes(of: SystemFacts.systemMemoryBytes)
        return engine
    }
}
