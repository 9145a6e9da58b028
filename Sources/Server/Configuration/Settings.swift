// The table of all settings. A new one is one row here and one field in ServerConfiguration.swift; the
// default, the checks, the environment variable, unknown-key errors and the test that Config/taskd.toml
// documents it all come from the row.
// Names carry their unit last. Starting thread only. Next: ConfigurationLoader.swift.

import Engine

/// All settings, in the order in which Config/taskd.toml documents them.
public enum Settings {
    static let all: [Setting] = data + amqp + resp + store + storeMemory + log + limits + logging + server

    static func find(_ key: String) -> Setting? { all.first { $0.key == key } }

    /// Config/taskd.toml: every setting with its documentation and default, in comments.
    public static var referenceFile: String {
        var text = """
            # Settings of taskd, with their defaults. Copy this file, uncomment what you change, and start with
            # `taskd serve --config FILE`. Environment variables override the file: amqp.listen is
            # TASKD_AMQP_LISTEN, lists separated by commas. Options of the command line override both.
            # A redis.conf (`--redis-config FILE`) overrides this file, too; settings that it may set name Redis's word.
            # `taskd check-config --config FILE` checks a file; a test keeps this one complete.

            """
        var section = ""
        for setting in all {
            let parts = setting.key.split(separator: ".", maxSplits: 1).map(String.init)
            if parts[0] != section {
                section = parts[0]
                text += "\n[\(section)]\n"
            }
            text += "\n"
            for line in wrapped(setting.documentation) { text += "# \(line)\n" }
            if case .choice(let choices) = setting.kind { text += "# One of: \(choices.joined(separator: ", ")).\n" }
            text += "#\(parts[1]) = \(setting.defaultValue.toml)\n"
        }
        return text
    }

    private static func wrapped(_ text: String) -> [String] {
        var lines: [String] = [""]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count > 105 { lines.append("") }
            lines[lines.count - 1] += lines[lines.count - 1].isEmpty ? String(word) : " " + word
        }
        return lines
    }

    private static let data: [Setting] = [
        Setting(
            "data.folder", .text, .text("taskd-data"),
            "Folder of the durable log. Made if missing; relative to the working directory."
        ) { $0.dataFolder = $1.textValue }
    ]

    private static let amqp: [Setting] = [
        Setting(
            "amqp.listen", .listen, .list(["localhost:5672"]),
            "Addresses for AMQP 0-9-1 clients. `localhost` is 127.0.0.1 and ::1, `*` is every address; [] is none."
        ) { $0.amqpListen = $1.listenValue },
        Setting(
            "amqp.connections_max", .integer(1...1_000_000), .integer(65_536),
            "Open AMQP connections; more are closed at once."
        ) { $0.amqpConnectionsMax = $1.integerValue },
        Setting(
            "amqp.frame_bytes_max", .bytes(Limits.amqpFrameBytesMin...16_777_216),
            .integer(Limits.amqpFrameBytesMax),
            "Largest frame, proposed to clients in connection.tune."
        ) { $0.amqpFrameBytesMax = $1.integerValue },
        Setting(
            "amqp.channels_max", .integer(1...65_535), .integer(Limits.amqpChannelsMax),
            "Open channels of one connection, proposed to clients in connection.tune."
        ) { $0.amqpChannelsMax = $1.integerValue },
        Setting(
            "amqp.heartbeat_seconds", .integer(0...65_535), .integer(Limits.amqpHeartbeatSeconds),
            "Heartbeat interval proposed to clients; 0 proposes none."
        ) { $0.amqpHeartbeatSeconds = $1.integerValue },
        Setting(
            "amqp.consumer_timeout_milliseconds", .integer(0...315_360_000_000),
            .integer(Int(Limits.consumerTimeoutMilliseconds)),
            "Age at which a delivery that a client has not acknowledged closes its channel with an error (RabbitMQ: "
                + "consumer_timeout); 0: never. Queues may have their own, argument x-consumer-timeout."
        ) { $0.amqpConsumerTimeoutMilliseconds = $1.integerValue },
        Setting(
            "amqp.consumer_timeout_action", .choice(ConsumerTimeoutAction.allCases.map(\.rawValue)), .text("close"),
            "What happens then: the channel is closed, as by RabbitMQ; the delivery alone goes back to its queue, or to the "
                + "dead-letter exchange, and a late acknowledgement of it is no error; or nothing. Celery's workers lose "
                + "their connection to the first. Queues may have their own, argument x-consumer-timeout-action."
        ) { $0.amqpConsumerTimeoutAction = ConsumerTimeoutAction(rawValue: $1.textValue) ?? .close },
        Setting(
            "amqp.quorum_delivery_limit", .integer(-1...Int(Int32.max)), .integer(Int(Limits.quorumDeliveryLimit)),
            "Returns after which a quorum queue's message is dead-lettered, or dropped without a dead-letter exchange, if "
                + "neither x-delivery-limit nor a policy says it (RabbitMQ 4: 20, 3.13: never); -1: never."
        ) { $0.amqpQuorumDeliveryLimit = $1.integerValue },
        Setting(
            "amqp.message_bytes_max", .bytes(1...536_870_912), .integer(Limits.messageBytesMax),
            "Largest message body."
        ) { $0.amqpMessageBytesMax = $1.integerValue },
        Setting(
            "amqp.default_user", .text, .text("guest"), alias: "RABBITMQ_DEFAULT_USER",
            "The user that exists from the start. Also RABBITMQ_DEFAULT_USER."
        ) { $0.amqpDefaultUser = $1.textValue },
        Setting(
            "amqp.default_password", .text, .text("guest"), alias: "RABBITMQ_DEFAULT_PASS",
            "Its password. Also RABBITMQ_DEFAULT_PASS."
        ) { $0.amqpDefaultPassword = $1.textValue },
        Setting(
            "amqp.default_virtual_host", .text, .text("/"), alias: "RABBITMQ_DEFAULT_VHOST",
            "The virtual host that exists from the start. Also RABBITMQ_DEFAULT_VHOST."
        ) { $0.amqpDefaultVirtualHost = $1.textValue },
        Setting(
            "amqp.loopback_users", .names, .list(["guest"]),
            "Users who may log in from this machine only."
        ) { $0.amqpLoopbackUsers = $1.listValue },
        Setting(
            "amqp.policies", .policies, .list([]),
            "Policies that hold from each start on, whatever was set under their names, in the words of POLICY SET: "
                + "'limits ^task {\"max-length\": 100000} PRIORITY 1 APPLY-TO queues'. Taken out here they go with the "
                + "next start. In the environment there is room for one."
        ) { $0.amqpPolicies = $1.listValue },
        Setting(
            "amqp.operator_policies", .operatorPolicies, .list([]),
            "The same for operator policies, which hold beside the others: limits and times to live, of which the "
                + "smaller ones hold."
        ) { $0.amqpOperatorPolicies = $1.listValue },
        Setting(
            "amqp.virtual_host_limits", .virtualHostLimits, .list([]),
            "What virtual hosts may have, as in '/ max-connections 1000 max-queues 5000'; a negative number limits "
                + "nothing. They hold from each start on, and taken out here they go with the next start."
        ) { $0.amqpVirtualHostLimits = $1.listValue },
        Setting(
            "amqp.user_limits", .userLimits, .list([]),
            "What users may have, in the same way: 'guest max-connections 100 max-channels 1000'."
        ) { $0.amqpUserLimits = $1.listValue },
        Setting(
            "amqp.trace_virtual_hosts", .names, .list([]),
            "Virtual hosts whose messages are published once more, to amq.rabbitmq.trace, from the start (RabbitMQ: "
                + "trace_vhosts); later TRACE ON and OFF say so."
        ) { $0.amqpTraceVirtualHosts = $1.listValue },
        Setting(
            "amqp.event_exchange", .boolean, .boolean(false),
            "Whether what happens to queues, connections and so on is published to amq.rabbitmq.event (RabbitMQ: the "
                + "plugin rabbitmq_event_exchange)."
        ) { $0.amqpEventExchange = $1.booleanValue },
        Setting(
            "amqp.policy_pattern_bytes_max", .integer(1...65_535), .integer(Limits.policyPatternBytesMax),
            "Longest pattern of a policy."
        ) { $0.amqpPolicyPatternBytesMax = $1.integerValue },
        Setting(
            "amqp.policy_match_steps_max", .integer(100...10_000_000), .integer(Limits.policyMatchStepsMax),
            "Steps that a policy's pattern may take for a name, from each place where a match may begin. A name for "
                + "which they do not suffice does not match."
        ) { $0.amqpPolicyMatchStepsMax = $1.integerValue },
    ]

    private static let resp: [Setting] = [
        Setting(
            "resp.listen", .listen, .list(["localhost:6379"]),
            "Addresses for Redis clients, as for AMQP."
        ) { $0.respListen = $1.listenValue },
        Setting(
            "resp.clients_max", .integer(1...1_000_000), .integer(10_000),
            redis: "maxclients",
            "Open RESP connections; more get an error and are closed (Redis: maxclients)."
        ) { $0.respClientsMax = $1.integerValue },
        Setting(
            "resp.databases", .integer(1...65_536), .integer(Limits.respDatabases),
            redis: "databases",
            "Number of databases for SELECT (Redis: databases)."
        ) { $0.respDatabases = $1.integerValue },
        Setting(
            "resp.password", .text, .text(""),
            redis: "requirepass",
            "Password that clients must give with AUTH; empty asks for none (Redis: requirepass). What ACL SETUSER says "
                + "of a user, the default one included, is in the log and holds over the settings."
        ) { $0.respPassword = $1.textValue },
        Setting(
            "resp.acl_pubsub_default", .choice(["resetchannels", "allchannels"]), .text("resetchannels"),
            redis: "acl-pubsub-default",
            "Which channels a user made with ACL SETUSER begins with: none or all (Redis: acl-pubsub-default)."
        ) { $0.aclAllowsAllChannels = $1.textValue == "allchannels" },
        Setting(
            "resp.bulk_bytes_max", .bytes(1_048_576...Limits.respBulkBytesMax),
            .integer(Limits.respBulkBytesMax),
            redis: "proto-max-bulk-len",
            "Largest argument of a command (Redis: proto-max-bulk-len)."
        ) { $0.respBulkBytesMax = $1.integerValue },
        Setting(
            "resp.query_bytes_max", .bytes(1_048_576...Limits.respQueryBytesMax),
            .integer(Limits.respQueryBytesMax),
            redis: "client-query-buffer-limit",
            "Most bytes of requests that one client may have waiting (Redis: client-query-buffer-limit)."
        ) { $0.respQueryBytesMax = $1.integerValue },
        Setting(
            "resp.output_pause_bytes", .bytes(2_097_152...Int.max), .integer(Limits.respOutputPauseBytes),
            "Unread replies of one client above which its further requests wait until it has read."
        ) { $0.respOutputPauseBytes = $1.integerValue },
    ]

    private static let store: [Setting] = [
        Setting(
            "store.appendonly", .boolean, .boolean(true),
            redis: "appendonly",
            "Whether keys survive a restart (Redis: appendonly). The broker's durable queues always do."
        ) { $0.appendOnly = $1.booleanValue },
        Setting(
            "store.appendfsync", .choice(["always", "everysec", "no"]), .text("everysec"),
            redis: "appendfsync",
            "When a write command is on disk: before its reply, within a second, or when the system "
                + "gets to it (Redis: appendfsync). Publisher confirms always wait for the disk."
        ) { $0.appendFsync = AppendFsync(rawValue: $1.textValue)! },
    ]

    private static let storeMemory: [Setting] = [
        Setting(
            "store.maxmemory", .bytes(0...Int.max), .integer(0),
            redis: "maxmemory",
            "Memory for keys and values, beyond which keys are evicted or commands that need more refused (Redis: "
                + "maxmemory); 0: no limit. Messages of the broker do not count: see memory.high_watermark."
        ) { $0.maxMemoryBytes = $1.integerValue },
        Setting(
            "store.maxmemory_policy", .choice(EvictionPolicy.allCases.map(\.rawValue)), .text("noeviction"),
            redis: "maxmemory-policy",
            "Which keys go then (Redis: maxmemory-policy)."
        ) { $0.evictionPolicy = EvictionPolicy(rawValue: $1.textValue)! },
        Setting(
            "store.maxmemory_samples", .integer(1...Limits.evictionSamplesMax), .integer(Limits.evictionSamples),
            redis: "maxmemory-samples",
            "Keys looked at for each that goes (Redis: maxmemory-samples)."
        ) { $0.evictionSamples = $1.integerValue },
        Setting(
            "store.maxmemory_eviction_tenacity", .integer(0...100), .integer(10),
            redis: "maxmemory-eviction-tenacity",
            "How long one command makes room before it is executed: 0 for one key, 10 half a millisecond, 100 as "
                + "long as a turn may take (Redis: maxmemory-eviction-tenacity)."
        ) { $0.evictionTenacity = $1.integerValue },
        Setting(
            "store.lfu_log_factor", .integer(0...2_147_483_647), .integer(10),
            redis: "lfu-log-factor",
            "How slowly the counter of a key's use grows under the LFU policies (Redis: lfu-log-factor)."
        ) { $0.lfuLogFactor = $1.integerValue },
        Setting(
            "store.lfu_decay_minutes", .integer(0...2_147_483_647), .integer(1),
            redis: "lfu-decay-time",
            "After how many minutes without use it shrinks by one; 0: never (Redis: lfu-decay-time)."
        ) { $0.lfuDecayMinutes = $1.integerValue },
    ]

    private static let log: [Setting] = [
        Setting(
            "log.exchange", .boolean, .boolean(false),
            "Whether the daemon's lines are published to amq.rabbitmq.log, too, under their level (RabbitMQ: "
                + "log.exchange). This and the next setting are about those lines, the rest here about the durable log."
        ) { $0.logExchange = $1.booleanValue },
        Setting(
            "log.exchange_level", .choice(LogLevel.allCases.map(\.rawValue)), .text("info"),
            "Least severe lines that are published."
        ) { $0.logExchangeLevel = LogLevel(rawValue: $1.textValue)! },
        Setting(
            "log.segment_bytes_max", .bytes(1_048_576...1_073_741_824), .integer(67_108_864),
            "Size at which a file of the durable log is closed and the next begun."
        ) { $0.logSegmentBytesMax = $1.integerValue },
        Setting(
            "log.on_error", .choice(LogErrorPolicy.allCases.map(\.rawValue)), .text("exit"),
            "What to do when the log cannot be written or synced (a full disk is no such case: there publishers "
                + "wait). Nothing is confirmed after that; `exit` ends the daemon with a clear message, so that a "
                + "supervisor sees it; `read-only` blocks publishers, refuses store writes and goes on reading."
        ) { $0.logErrorPolicy = LogErrorPolicy(rawValue: $1.textValue)! },
        Setting(
            "log.checkpoint_bytes", .bytes(1_048_576...1_099_511_627_776), .integer(268_435_456),
            "Growth of the log after which a checkpoint is taken, so that older parts of it can go; more if "
                + "half of the live data is more."
        ) { $0.logCheckpointBytes = $1.integerValue },
        Setting(
            "log.checkpoint_seconds", .integer(0...31_536_000), .integer(3_600),
            "Age at which a checkpoint is taken anew if anything has changed; 0: its age does not matter."
        ) { $0.logCheckpointSeconds = $1.integerValue },
    ]

    private static let limits: [Setting] = [
        Setting(
            "disk.free_limit", .bytes(0...1_099_511_627_776), .integer(50_000_000),
            "Free space below which publishers are blocked and store writes refused until there is more (RabbitMQ: "
                + "disk_free_limit); 0: not looked at."
        ) { $0.diskFreeBytesMin = $1.integerValue },
        Setting(
            "memory.high_watermark", .sizeOrShare, .text("40%"),
            "Memory for messages: beyond it they are kept on disk only, and if that is not enough, publishers are "
                + "blocked (RabbitMQ: vm_memory_high_watermark). A size, or a share of the machine's memory."
        ) { $0.memoryHighWatermark = MemoryLimit($1.textValue)! },
    ]

    private static let logging: [Setting] = [
        Setting(
            "logging.level", .choice(LogLevel.allCases.map(\.rawValue)), .text("info"),
            "Least severe lines that are written to standard error."
        ) { $0.loggingLevel = LogLevel(rawValue: $1.textValue)! },
        Setting(
            "logging.format", .choice(LogFormat.allCases.map(\.rawValue)), .text("plain"),
            "Form of those lines: for people, or one JSON object each."
        ) { $0.loggingFormat = LogFormat(rawValue: $1.textValue)! },
    ]

    private static let server: [Setting] = [
        Setting(
            "server.shutdown_seconds", .integer(0...3_600), .integer(5),
            "How long a stopping daemon waits for clients to take their last bytes and say good-bye."
        ) { $0.shutdownSeconds = $1.integerValue }
    ]
}

/// A checked value has its kind's form, so these cannot fail.
extension SettingValue {
    fileprivate var textValue: String {
        guard case .text(let text) = self else { preconditionFailure("setting is not a text") }
        return text
    }
    fileprivate var integerValue: Int {
        guard case .integer(let number) = self else { preconditionFailure("setting is not an integer") }
        return number
    }
    fileprivate var booleanValue: Bool {
        guard case .boolean(let flag) = self else { preconditionFailure("setting is not a boolean") }
        return flag
    }
    fileprivate var listValue: [String] {
        guard case .list(let items) = self else { preconditionFailure("setting is not a list") }
        return items
    }
    fileprivate var listenValue: [ListenAddress] { listValue.compactMap { ListenAddress($0) } }
}
