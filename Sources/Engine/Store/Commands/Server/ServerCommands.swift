// Commands about the server that need no file of their own, and Redis's commands about things that one daemon
// without replicas, clusters and modules does not have: those answer in Redis's words.
// Loop thread only. Next: InfoCommand.swift, ConfigCommands.swift, CommandCommand.swift.

import Wire

extension RESPCommand {
    static let serverCommands: [RESPCommand] = [
        time, monitor, role, lolwut, cluster, readonly, readwrite, asking, replicaof, slaveof, failover, psync, sync,
        replconf, module,
    ]

    /// `TIME` → seconds and microseconds since 1970. The time of the turn: the same for a whole script.
    static let time = RESPCommand(
        "TIME", .exactly(1), [.loading, .stale, .fast], group: .server, since: "2.6.0",
        summary: "Returns the server time."
    ) { call throws(CommandError) in
        let now = call.store.context.time.wallMicroseconds
        call.reply.array(2)
        call.reply.bulk(integer: now / 1_000_000)
        call.reply.bulk(integer: now % 1_000_000)
    }

    /// `MONITOR` → OK, then every command as a line.
    static let monitor = RESPCommand(
        "MONITOR", .exactly(1), [.admin, .noScript, .loading, .stale], group: .server, since: "1.0.0",
        summary: "Listens for all requests received by the server in real-time."
    ) { call throws(CommandError) in
        guard !call.client.deniesBlocking, call.client.transaction == nil else {
            throw .text("ERR MONITOR isn't allowed for DENY BLOCKING client")
        }
        if !call.store.monitors.contains(where: { $0 === call.client }) { call.store.monitors.append(call.client) }
        call.reply.ok()
    }

    static let role = RESPCommand(
        "ROLE", .exactly(1), [.noScript, .loading, .stale, .fast], group: .server, since: "2.8.12",
        summary: "Returns the replication role."
    ) { call throws(CommandError) in
        call.reply.array(3)
        call.reply.bulk("master")
        call.reply.integer(0)
        call.reply.array(0)
    }

    static let lolwut = RESPCommand(
        "LOLWUT", .atLeast(1), [.readonly, .fast], group: .server, since: "5.0.0",
        summary: "Displays computer art and the version."
    ) { call throws(CommandError) in
        let version = call.store.context.configuration.version
        call.reply.verbatim(
            """
               .-------.    .-------.
              ( publish )==>( result )
               '-------'    '-------'
                    \\__ taskd __/

            Redis ver. \(CompatibleVersion.redis) (taskd \(version))

            """)
    }

    // MARK: No cluster

    private static func noCluster(_ name: StaticString, _ arity: CommandArity) -> RESPCommand {
        RESPCommand(
            name, arity, [.loading, .stale], group: .server, since: "3.0.0",
            summary: "Part of Redis Cluster, which this server is not."
        ) { call throws(CommandError) in
            throw .text("ERR This instance has cluster support disabled")
        }
    }

    static let cluster = noCluster("CLUSTER", .atLeast(2))
    static let readonly = noCluster("READONLY", .exactly(1))
    static let readwrite = noCluster("READWRITE", .exactly(1))
    static let asking = noCluster("ASKING", .exactly(1))

    // MARK: No replicas

    private static func follow(_ name: StaticString) -> RESPCommand {
        RESPCommand(
            name, .exactly(3), [.admin, .noScript, .stale], group: .server, since: "1.0.0",
            summary: "Would make the server a replica; only NO ONE is accepted."
        ) { call throws(CommandError) in
            guard call.word(1, is: "no"), call.word(2, is: "one") else {
                throw .text("ERR this server cannot be a replica")
            }
            call.reply.ok()
        }
    }

    static let replicaof = follow("REPLICAOF")
    static let slaveof = follow("SLAVEOF")

    static let failover = RESPCommand(
        "FAILOVER", .atLeast(1), [.admin, .noScript, .stale], group: .server, since: "6.2.0",
        summary: "Would start a failover to a replica."
    ) { call throws(CommandError) in
        throw .text("ERR FAILOVER requires connected replicas.")
    }

    private static func noReplication(_ name: StaticString, _ arity: CommandArity) -> RESPCommand {
        RESPCommand(
            name, arity, [.admin, .noScript, .noMulti], group: .server, since: "1.0.0",
            summary: "Part of Redis's replication, which this server does not offer."
        ) { call throws(CommandError) in
            throw .text("ERR replication is not available")
        }
    }

    static let psync = noReplication("PSYNC", .atLeast(3))
    static let sync = noReplication("SYNC", .exactly(1))
    static let replconf = noReplication("REPLCONF", .atLeast(1))

    // MARK: No modules

    static let module = RESPCommand(
        container: "MODULE", group: .server, since: "4.0.0", summary: "A container for module commands.",
        subcommands: [
            RESPCommand(
                "LIST", .exactly(2), [.admin, .noScript], group: .server, since: "4.0.0",
                summary: "Returns all loaded modules.", complexity: "O(N) where N is the number of loaded modules."
            ) { call throws(CommandError) in
                call.reply.array(0)
            },
            RESPCommand(
                "HELP", .exactly(2), [.loading, .stale], group: .server, since: "5.0.0",
                summary: "Returns helpful text about the different subcommands."
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])
}
