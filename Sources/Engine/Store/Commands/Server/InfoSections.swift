// The sections of INFO: one row each, with Redis's names of sections and fields, since monitoring tools parse
// them. Fields of things that are not there (replicas, forks, modules) say so by their zero.
// To add a section: a row here; from a higher layer, `Store.addInfoSection`.
// Loop thread only. Next: InfoText.swift.

import Wire

/// What a section is filled from.
struct InfoSource {
    let store: Store
    let facts: ProcessFacts
    /// Changes since the last INFO.
    let rates: InfoRates
}

/// A section of INFO.
struct InfoSection: Sendable {
    let name: StaticString
    /// In INFO without arguments.
    let isDefault: Bool
    let fill: @Sendable (inout InfoText, InfoSource) -> Void

    init(_ name: StaticString, isDefault: Bool = true, _ fill: @escaping @Sendable (inout InfoText, InfoSource) -> Void)
    {
        self.name = name
        self.isDefault = isDefault
        self.fill = fill
    }
}

/// Rates between two INFOs that are at least a second apart. Nothing runs between them for it.
struct InfoRates {
    private var milliseconds: Int64 = 0
    private var commands: UInt64 = 0
    private var bytesRead = 0
    private var bytesWritten = 0
    private(set) var commandsPerSecond = 0.0
    private(set) var readKilobytesPerSecond = 0.0
    private(set) var writtenKilobytesPerSecond = 0.0

    mutating func update(_ store: Store, _ facts: ProcessFacts) {
        let now = store.context.time.monotonicMilliseconds
        let elapsed = Double(now - milliseconds) / 1_000
        guard elapsed >= 1 else { return }
        if milliseconds > 0 {
            commandsPerSecond = Double(store.statistics.commandsProcessed &- commands) / elapsed
            readKilobytesPerSecond = Double(facts.bytesRead - bytesRead) / elapsed / 1_024
            writtenKilobytesPerSecond = Double(facts.bytesWritten - bytesWritten) / elapsed / 1_024
        }
        milliseconds = now
        commands = store.statistics.commandsProcessed
        bytesRead = facts.bytesRead
        bytesWritten = facts.bytesWritten
    }
}

extension InfoSection {
    /// In Redis's order.
    static let all: [InfoSection] = [
        server, clients, memory, persistence, statistics, replication, processor, modules, commandStatistics,
        errorStatistics, latencyStatistics, cluster, keyspace,
    ]

    static let server = InfoSection("Server") { info, source in
        let facts = source.facts
        info.field("redis_version", CompatibleVersion.redis)
        info.field("redis_git_sha1", "00000000")
        info.field("redis_git_dirty", 0)
        info.field("redis_build_id", "0")
        info.field("redis_mode", "standalone")
        info.field("taskd_version", source.store.context.configuration.version)
        info.field("os", facts.operatingSystem)
        info.field("arch_bits", Int.bitWidth)
        info.field("monotonic_clock", "POSIX clock_gettime")
        info.field("multiplexing_api", facts.multiplexing)
        info.field("process_id", facts.processID)
        info.field("process_supervised", "no")
        info.field("run_id", source.store.runID)
        info.field("tcp_port", facts.respPort)
        info.field("amqp_port", facts.amqpPort)
        info.field("server_time_usec", source.store.context.time.wallMicroseconds)
        info.field("uptime_in_seconds", facts.uptimeSeconds)
        info.field("uptime_in_days", facts.uptimeSeconds / 86_400)
        info.field("hz", 1_000 / Limits.expirySliceMilliseconds)
        info.field("configured_hz", 1_000 / Limits.expirySliceMilliseconds)
        info.field("lru_clock", source.store.accessSeconds)
        info.field("executable", facts.executable)
        info.field("config_file", facts.configurationFile)
        info.field("io_threads_active", 0)
    }

    static let clients = InfoSection("Clients") { info, source in
        let store = source.store
        info.field("connected_clients", store.clients.count)
        info.field("cluster_connections", 0)
        info.field("maxclients", source.facts.clientsMax)
        info.field("client_recent_max_input_buffer", 0)
        info.field("client_recent_max_output_buffer", store.clients.values.map(\.output.pendingBytes).max() ?? 0)
        info.field("blocked_clients", store.blockedClientCount)
        info.field("tracking_clients", store.tracking.clientCount)
        info.field("pubsub_clients", store.clients.values.count { $0.isSubscribed })
        info.field("watching_clients", store.clients.values.count { !$0.watches.isEmpty })
        info.field("clients_in_timeout_table", store.blockDeadlines.count)
    }

    static let memory = InfoSection("Memory") { info, source in
        let facts = source.facts
        let scripts = source.store.scripts
        let used = facts.allocatedBytes > 0 ? facts.allocatedBytes : facts.residentBytes
        info.bytes("used_memory", used)
        info.bytes("used_memory_rss", facts.residentBytes)
        info.bytes("used_memory_peak", max(facts.residentBytesPeak, used))
        info.bytes("total_system_memory", facts.systemMemoryBytes)
        info.bytes("used_memory_lua", scripts.memoryBytes)
        info.field("used_memory_vm_eval", scripts.memoryBytes)
        info.field("used_memory_scripts_eval", scripts.cache.textBytes)
        info.field("number_of_cached_scripts", scripts.cache.count)
        let functions = source.store.functions
        info.field("number_of_functions", functions.functionCount)
        info.field("number_of_libraries", functions.libraryCount)
        info.field("used_memory_vm_functions", functions.memoryBytes)
        info.bytes("used_memory_vm_total", scripts.memoryBytes + functions.memoryBytes)
        info.field("used_memory_functions", functions.codeBytes)
        info.bytes("used_memory_scripts", scripts.cache.textBytes + functions.codeBytes)
        info.field("used_memory_dataset", source.store.datasetBytes)
        info.bytes("maxmemory", source.store.context.configuration.maxMemoryBytes)
        info.field("maxmemory_policy", source.store.context.configuration.evictionPolicy.rawValue)
        let ratio = used > 0 ? Double(facts.residentBytes) / Double(used) : 0
        info.field("mem_fragmentation_ratio", InfoText.fixed(ratio, 2))
        info.field("mem_fragmentation_bytes", facts.residentBytes - used)
        info.field("mem_not_counted_for_evict", 0)
        info.field("mem_replication_backlog", 0)
        info.field("mem_clients_slaves", 0)
        info.field("mem_clients_normal", source.store.clients.values.reduce(0) { $0 + $1.output.pendingBytes })
        info.field("mem_aof_buffer", source.store.context.journal.pendingBytes)
        info.field("mem_allocator", "libc")
        info.field("active_defrag_running", 0)
        info.field("lazyfree_pending_objects", source.store.graveyard.reduce(0) { $0 + $1.count })
        info.field("lazyfreed_objects", 0)
    }

    /// A snapshot (`rdb_…`) and a rewritten log (`aof_…`) are both checkpoints; what the log holds since the last
    /// one is the append-only file.
    static let persistence = InfoSection("Persistence") { info, source in
        let store = source.store
        let state = store.persistence
        let facts = source.facts
        let checkpoints = store.context.checkpoints
        let isOn = store.context.journal.isEnabled && store.context.configuration.appendOnly
        let runningSeconds =
            checkpoints.isRunning
            ? (store.context.time.monotonicMilliseconds - checkpoints.beganAtMilliseconds) / 1_000 : -1
        let lastSeconds = checkpoints.lastMilliseconds < 0 ? -1 : checkpoints.lastMilliseconds / 1_000
        let isRewriting = checkpoints.finished < state.rewrite
        let isWriteFailing = facts.hasLogFailed || store.context.alarms.refusesStoreWrites != nil
        info.field("loading", 0)
        info.field("async_loading", 0)
        info.field("current_cow_peak", 0)
        info.field("current_cow_size", 0)
        info.field("current_cow_size_age", 0)
        info.field("current_fork_perc", "0.00")
        info.field("current_save_keys_processed", store.checkpointKeys.written)
        info.field("current_save_keys_total", store.checkpointKeys.total)
        info.field("rdb_changes_since_last_save", store.unsavedChanges)
        info.field(
            "rdb_bgsave_in_progress", checkpoints.isRunning || checkpoints.finished < state.backgroundSave ? 1 : 0)
        info.field("rdb_last_save_time", checkpoints.lastSuccessSeconds)
        info.field("rdb_last_bgsave_status", checkpoints.lastSucceeded ? "ok" : "err")
        info.field("rdb_last_bgsave_time_sec", lastSeconds)
        info.field("rdb_current_bgsave_time_sec", runningSeconds)
        info.field("rdb_saves", state.saves)
        info.field("rdb_last_cow_size", 0)
        info.field("rdb_last_load_keys_expired", 0)
        info.field("rdb_last_load_keys_loaded", state.loadedKeys)
        info.field("aof_enabled", isOn ? 1 : 0)
        info.field("aof_rewrite_in_progress", isRewriting && checkpoints.begun >= state.rewrite ? 1 : 0)
        info.field("aof_rewrite_scheduled", isRewriting && checkpoints.begun < state.rewrite ? 1 : 0)
        info.field(
            "aof_last_rewrite_time_sec",
            state.lastRewriteMilliseconds < 0 ? -1 : state.lastRewriteMilliseconds / 1_000)
        info.field("aof_current_rewrite_time_sec", isRewriting ? runningSeconds : -1)
        info.field("aof_last_bgrewrite_status", state.lastRewriteSucceeded ? "ok" : "err")
        info.field("aof_rewrites", state.rewrites)
        info.field("aof_rewrites_consecutive_failures", state.lastRewriteSucceeded ? 0 : 1)
        info.field("aof_last_write_status", isWriteFailing ? "err" : "ok")
        info.field("aof_last_cow_size", 0)
        info.field("module_fork_in_progress", 0)
        info.field("module_fork_last_cow_size", 0)
        guard isOn else { return }
        info.field("aof_current_size", facts.logBytes)
        info.field("aof_base_size", state.savedBytes)
        info.field("aof_pending_rewrite", 0)
        info.field("aof_buffer_length", store.context.journal.pendingBytes)
        info.field("aof_pending_bio_fsync", 0)
        info.field("aof_delayed_fsync", 0)
    }

    static let statistics = InfoSection("Stats") { info, source in
        let store = source.store
        let facts = source.facts
        let counts = store.statistics
        info.field("total_connections_received", counts.connectionsReceived)
        info.field("total_commands_processed", counts.commandsProcessed)
        info.field("instantaneous_ops_per_sec", Int(source.rates.commandsPerSecond))
        info.field("total_net_input_bytes", facts.bytesRead)
        info.field("total_net_output_bytes", facts.bytesWritten)
        info.field("total_net_repl_input_bytes", 0)
        info.field("total_net_repl_output_bytes", 0)
        info.field("instantaneous_input_kbps", InfoText.fixed(source.rates.readKilobytesPerSecond, 2))
        info.field("instantaneous_output_kbps", InfoText.fixed(source.rates.writtenKilobytesPerSecond, 2))
        info.field("rejected_connections", facts.connectionsRefused)
        info.field("sync_full", 0)
        info.field("sync_partial_ok", 0)
        info.field("sync_partial_err", 0)
        info.field("expired_subkeys", counts.expiredFields)
        info.field("expired_keys", counts.expiredKeys)
        info.field("expired_stale_perc", "0.00")
        info.field("expired_time_cap_reached_count", 0)
        info.field("evicted_keys", counts.evictedKeys)
        info.field("evicted_clients", 0)
        info.field("evicted_scripts", store.scripts.cache.evictedCount)
        info.field("total_eviction_exceeded_time", store.evictionExceededMilliseconds.total)
        info.field("current_eviction_exceeded_time", store.evictionExceededMilliseconds.current)
        info.field("keyspace_hits", counts.keyspaceHits)
        info.field("keyspace_misses", counts.keyspaceMisses)
        info.field("pubsub_channels", store.pubSub.channels.count)
        info.field("pubsub_patterns", store.pubSub.patterns.count)
        info.field("pubsubshard_channels", store.pubSub.shardChannels.count)
        info.field("latest_fork_usec", 0)
        info.field("total_forks", 0)
        info.field("migrate_cached_sockets", 0)
        info.field("tracking_total_keys", store.tracking.keys.count)
        info.field("tracking_total_items", store.tracking.itemCount)
        info.field("tracking_total_prefixes", store.tracking.prefixes.count)
        info.field("unexpected_error_replies", 0)
        info.field("total_error_replies", counts.errorReplies)
        for (name, reason) in [("auth", ACLLog.Reason.auth), ("cmd", .command), ("key", .key), ("channel", .channel)] {
            info.field("acl_access_denied_\(name)", store.access.log.counts[reason] ?? 0)
        }
    }

    static let replication = InfoSection("Replication") { info, source in
        info.field("role", "master")
        info.field("connected_slaves", 0)
        info.field("master_failover_state", "no-failover")
        info.field("master_replid", source.store.runID)
        info.field("master_replid2", String(repeating: "0", count: 40))
        info.field("master_repl_offset", 0)
        info.field("second_repl_offset", -1)
        info.field("repl_backlog_active", 0)
        info.field("repl_backlog_size", 0)
        info.field("repl_backlog_first_byte_offset", 0)
        info.field("repl_backlog_histlen", 0)
    }

    static let processor = InfoSection("CPU") { info, source in
        let facts = source.facts
        info.field("used_cpu_sys", InfoText.seconds(facts.systemMicroseconds))
        info.field("used_cpu_user", InfoText.seconds(facts.userMicroseconds))
        info.field("used_cpu_sys_children", InfoText.seconds(0))
        info.field("used_cpu_user_children", InfoText.seconds(0))
        info.field("used_cpu_sys_main_thread", InfoText.seconds(facts.loopSystemMicroseconds))
        info.field("used_cpu_user_main_thread", InfoText.seconds(facts.loopUserMicroseconds))
    }

    static let modules = InfoSection("Modules") { _, _ in }

    static let commandStatistics = InfoSection("Commandstats", isDefault: false) { info, source in
        let table = source.store.table
        for row in table.rows.flatMap({ [$0] + $0.subcommands.map(\.row) }) {
            guard row.calls + row.rejectedCalls + row.failedCalls > 0 else { continue }
            let each = row.calls > 0 ? Double(row.microseconds) / Double(row.calls) : 0
            info.field(
                "cmdstat_" + row.fullName,
                "calls=\(row.calls),usec=\(row.microseconds),usec_per_call=\(InfoText.fixed(each, 2)),"
                    + "rejected_calls=\(row.rejectedCalls),failed_calls=\(row.failedCalls)")
        }
    }

    static let errorStatistics = InfoSection("Errorstats") { info, source in
        for (code, count) in source.store.statistics.errorsByCode.sorted(by: { $0.key < $1.key }) {
            info.field("errorstat_" + code, "count=\(count)")
        }
    }

    static let latencyStatistics = InfoSection("Latencystats", isDefault: false) { info, source in
        guard source.store.tracksLatency else { return }
        let table = source.store.table
        for row in table.rows.flatMap({ [$0] + $0.subcommands.map(\.row) }) where row.latency.total > 0 {
            let parts = source.store.latencyPercentiles.map { percent in
                "p\(DoubleText.string(percent))="
                    + InfoText.fixed(Double(row.latency.percentile(percent)) / 1_000, 3)
            }
            info.field("latency_percentiles_usec_" + row.fullName, parts.joined(separator: ","))
        }
    }

    static let cluster = InfoSection("Cluster") { info, _ in info.field("cluster_enabled", 0) }

    static let keyspace = InfoSection("Keyspace") { info, source in
        for keyspace in source.store.databases where keyspace.count > 0 {
            info.field(
                "db\(keyspace.index)",
                "keys=\(keyspace.count),expires=\(keyspace.expiringCount),avg_ttl=0,"
                    + "subexpiry=\(keyspace.fieldExpiringCount)")
        }
    }
}
