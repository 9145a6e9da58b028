// Directives of a redis.conf that nothing here goes by, each with the reason. Those with an effect are not in it: they
// are settings (`redis:` in Settings.swift), parameters of CONFIG, or have a method in RedisConfigReader.swift.
// Starting thread only.

enum RedisDirectives {
    /// Why a directive has no effect; nil when it is none of these.
    static func reasonUnused(_ name: String) -> String? { unused[name] }

    /// What clients would miss, so that a start without it would be a surprise; with the values that ask for nothing.
    static let refused: [String: (reason: String, harmless: [String])] = [
        "rename-command": ("commands keep their names; take them from users with ACL rules instead (`user` lines)", []),
        "unixsocket": ("there are no Unix sockets", [""]),
        "tls-port": ("there is no TLS", ["0"]),
        "replicaof": ("there is no replication", []),
        "slaveof": ("there is no replication", []),
        "cluster-enabled": ("there is no cluster", ["no"]),
        "loadmodule": ("there are no modules", []),
        "aclfile": ("users stand in the log or in `user` lines", [""]),
    ]

    static var names: [String] { unused.keys.sorted() + refused.keys.sorted() }

    private static let unused: [String: String] = {
        var reasons: [String: String] = [:]
        for (reason, names) in groups {
            for name in names.split(separator: " ") {
                precondition(reasons.updateValue(reason, forKey: String(name)) == nil, "directive given twice: \(name)")
            }
        }
        return reasons
    }()

    private static let groups: [(reason: String, names: String)] = [
        (
            "it stays in the foreground, for systemd or a container to watch",
            "daemonize supervised pidfile set-proc-title proc-title-template always-show-logo locale-collate"
        ),
        (
            "its lines go to standard error",
            "logfile syslog-enabled syslog-ident syslog-facility crash-log-enabled crash-memcheck-enabled"
        ),
        ("its log has a folder of its own (data.folder)", "dir"),
        (
            "it keeps one log and checkpoints, no RDB or AOF files",
            """
            dbfilename rdbcompression rdbchecksum rdb-del-sync-files rdb-save-incremental-fsync sanitize-dump-payload \
            appendfilename appenddirname no-appendfsync-on-rewrite auto-aof-rewrite-percentage auto-aof-rewrite-min-size \
            aof-load-truncated aof-use-rdb-preamble aof-timestamp-enabled aof-rewrite-incremental-fsync \
            aof-disable-auto-gc shutdown-on-sigint shutdown-on-sigterm shutdown-timeout
            """
        ),
        ("writes are refused while they cannot be kept", "stop-writes-on-bgsave-error"),
        (
            "there is no replication",
            """
            replica-serve-stale-data slave-serve-stale-data replica-read-only slave-read-only repl-diskless-sync \
            repl-diskless-sync-delay repl-diskless-sync-max-replicas repl-diskless-sync-period repl-diskless-load \
            repl-disable-tcp-nodelay repl-ping-replica-period repl-ping-slave-period repl-timeout repl-backlog-size \
            repl-backlog-ttl replica-priority slave-priority replica-announced replica-announce-ip slave-announce-ip \
            replica-announce-port slave-announce-port replica-lazy-flush slave-lazy-flush replica-ignore-maxmemory \
            slave-ignore-maxmemory replica-ignore-disk-write-errors min-replicas-to-write min-slaves-to-write \
            min-replicas-max-lag min-slaves-max-lag masterauth masteruser propagation-error-behavior \
            aof-propagation-error-behavior rdb-key-save-delay key-load-delay io-threads-do-replication
            """
        ),
        (
            "there is no cluster",
            """
            cluster-config-file cluster-node-timeout cluster-port cluster-announce-ip cluster-announce-hostname \
            cluster-announce-human-nodename cluster-announce-port cluster-announce-bus-port cluster-announce-tls-port \
            cluster-replica-validity-factor cluster-slave-validity-factor cluster-migration-barrier \
            cluster-allow-replica-migration cluster-require-full-coverage cluster-replica-no-failover \
            cluster-slave-no-failover cluster-allow-reads-when-down cluster-allow-pubsubshard-when-down \
            cluster-link-sendbuf-limit cluster-preferred-endpoint-type
            """
        ),
        (
            "there is no TLS",
            """
            tls-cert-file tls-key-file tls-key-file-pass tls-client-cert-file tls-client-key-file \
            tls-client-key-file-pass tls-dh-params-file tls-ca-cert-file tls-ca-cert-dir tls-auth-clients \
            tls-replication tls-cluster tls-protocols tls-ciphers tls-ciphersuites tls-prefer-server-ciphers \
            tls-session-caching tls-session-cache-size tls-session-cache-timeout
            """
        ),
        (
            "one thread serves all clients",
            """
            io-threads io-threads-do-reads server_cpulist bio_cpulist aof_rewrite_cpulist bgsave_cpulist \
            server-cpulist bio-cpulist aof-rewrite-cpulist bgsave-cpulist
            """
        ),
        ("the system's limit holds", "tcp-backlog socket-mark-id bind-source-addr unixsocketperm"),
        (
            "the nodes of lists and streams have a fixed size",
            """
            list-max-listpack-size list-max-ziplist-size list-compress-depth stream-node-max-bytes \
            stream-node-max-entries
            """
        ),
        (
            "memory is given back in slices, whatever asks for it",
            """
            lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del \
            lazyfree-lazy-user-flush activedefrag active-defrag-ignore-bytes active-defrag-threshold-lower \
            active-defrag-threshold-upper active-defrag-cycle-min active-defrag-cycle-max \
            active-defrag-max-scan-fields jemalloc-bg-thread activerehashing
            """
        ),
        ("keys expire in slices of each turn", "hz dynamic-hz active-expire-effort"),
        ("there are no child processes", "oom-score-adj oom-score-adj-values disable-thp"),
        (
            "memory of clients has limits of its own (resp.output_pause_bytes, resp.query_bytes_max)",
            "maxmemory-clients"
        ),
        ("who may run these says ACL", "enable-protected-configs enable-debug-command enable-module-command"),
        ("there is no Gopher", "gopher-enabled"),
        ("its warnings are lines of its log", "ignore-warnings hide-user-data-from-log"),
    ]
}
