// Publish and subscribe. Every name in a subscribing command gets a reply of its own, pushed in RESP3.
// Next: ../Clients/PubSub.swift.

import Wire

extension RESPCommand {
    static var pubSubCommands: [RESPCommand] {
        [
            subscribe, unsubscribe, psubscribe, punsubscribe, ssubscribe, sunsubscribe, publish, spublish, pubsub,
        ]
    }

    private static func subscribing(
        _ name: StaticString, _ kind: PubSub.Kind, since: StaticString, summary: StaticString
    ) -> RESPCommand {
        RESPCommand(
            name, .atLeast(2), [.pubsub, .noScript, .loading, .stale, .subscriberMode], group: .pubsub, since: since,
            summary: summary, complexity: "O(N) in the number of names"
        ) { call throws(CommandError) in
            for index in 1..<call.count {
                _ = call.store.pubSub.subscribe(call.client, kind, call[index])
                call.replySubscription(kind, isSubscribed: true, call[index])
            }
        }
    }

    private static func unsubscribing(
        _ name: StaticString, _ kind: PubSub.Kind, since: StaticString, summary: StaticString
    ) -> RESPCommand {
        RESPCommand(
            name, .atLeast(1), [.pubsub, .noScript, .loading, .stale, .subscriberMode], group: .pubsub, since: since,
            summary: summary, complexity: "O(N) in the number of names"
        ) { call throws(CommandError) in
            if call.count > 1 {
                for index in 1..<call.count { call.unsubscribe(kind, call[index]) }
                return
            }
            let names = call.store.pubSub.names(of: call.client, kind)
            for name in names { call.unsubscribe(kind, name.slice) }
            if names.isEmpty { call.replySubscription(kind, isSubscribed: false, nil) }
        }
    }

    static let subscribe = subscribing(
        "SUBSCRIBE", .channel, since: "2.0.0", summary: "Listens to messages published to channels.")
    static let unsubscribe = unsubscribing(
        "UNSUBSCRIBE", .channel, since: "2.0.0", summary: "Listens no more to channels.")
    static let psubscribe = subscribing(
        "PSUBSCRIBE", .pattern, since: "2.0.0",
        summary: "Listens to messages published to channels that match patterns.")
    static let punsubscribe = unsubscribing(
        "PUNSUBSCRIBE", .pattern, since: "2.0.0", summary: "Listens no more to channels that match patterns.")
    static let ssubscribe = subscribing(
        "SSUBSCRIBE", .shardChannel, since: "7.0.0", summary: "Listens to messages published to shard channels.")
    static let sunsubscribe = unsubscribing(
        "SUNSUBSCRIBE", .shardChannel, since: "7.0.0", summary: "Listens no more to shard channels.")

    /// `PUBLISH channel message` → how many got it.
    static let publish = RESPCommand(
        "PUBLISH", .exactly(3), [.pubsub, .loading, .stale, .fast, .mayReplicate], group: .pubsub, since: "2.0.0",
        summary: "Sends a message to all who listen to a channel.",
        complexity: "O(N+M): subscribers of the channel, patterns of all"
    ) { call throws(CommandError) in
        call.store.statistics.publishedMessages += 1
        call.reply.integer(call.store.pubSub.publish(call[1], call[2]))
    }

    /// `SPUBLISH channel message` → how many got it.
    static let spublish = RESPCommand(
        "SPUBLISH", .exactly(3), [.pubsub, .loading, .stale, .fast, .mayReplicate], keys: .first, group: .pubsub,
        since: "7.0.0", summary: "Sends a message to all who listen to a shard channel.",
        complexity: "O(N) in the subscribers of the channel"
    ) { call throws(CommandError) in
        call.store.statistics.publishedMessages += 1
        call.reply.integer(call.store.pubSub.publishToShard(call[1], call[2]))
    }

    static let pubsub = RESPCommand(
        container: "PUBSUB", group: .pubsub, since: "2.8.0", summary: "Looks at who listens to what.",
        subcommands: [
            RESPCommand(
                "CHANNELS", .atLeast(2), [.pubsub, .loading, .stale], group: .pubsub, since: "2.8.0",
                summary: "Lists channels that somebody listens to.", complexity: "O(N) in the number of channels"
            ) { call throws(CommandError) in
                try call.replyChannels(call.store.pubSub.channels)
            },
            RESPCommand(
                "NUMSUB", .atLeast(2), [.pubsub, .loading, .stale], group: .pubsub, since: "2.8.0",
                summary: "Counts who listens to channels.", complexity: "O(N) in the number of names"
            ) { call throws(CommandError) in
                call.replySubscriberCounts(call.store.pubSub.channels)
            },
            RESPCommand(
                "NUMPAT", .exactly(2), [.pubsub, .loading, .stale], group: .pubsub, since: "2.8.0",
                summary: "Counts the patterns that somebody listens to."
            ) { call throws(CommandError) in
                call.reply.integer(call.store.pubSub.patterns.count)
            },
            RESPCommand(
                "SHARDCHANNELS", .atLeast(2), [.pubsub, .loading, .stale], group: .pubsub, since: "7.0.0",
                summary: "Lists shard channels that somebody listens to.",
                complexity: "O(N) in the number of channels"
            ) { call throws(CommandError) in
                try call.replyChannels(call.store.pubSub.shardChannels)
            },
            RESPCommand(
                "SHARDNUMSUB", .atLeast(2), [.pubsub, .loading, .stale], group: .pubsub, since: "7.0.0",
                summary: "Counts who listens to shard channels.", complexity: "O(N) in the number of names"
            ) { call throws(CommandError) in
                call.replySubscriberCounts(call.store.pubSub.shardChannels)
            },
            RESPCommand(
                "HELP", .exactly(2), [.loading, .stale], group: .pubsub, since: "6.2.0",
                summary: "Lists the subcommands."
            ) { call throws(CommandError) in
                call.replyHelp()
            },
        ])
}

extension CommandCall {
    fileprivate func unsubscribe(_ kind: PubSub.Kind, _ name: ByteSlice) {
        store.pubSub.unsubscribe(client, kind, name)
        replySubscription(kind, isSubscribed: false, name)
    }

    /// What happened, the name, and how many subscriptions the client has now.
    fileprivate func replySubscription(_ kind: PubSub.Kind, isSubscribed: Bool, _ name: ByteSlice?) {
        let event: StaticString
        let left: Int
        switch kind {
        case .channel:
            event = isSubscribed ? "subscribe" : "unsubscribe"
            left = client.subscriptionCount
        case .pattern:
            event = isSubscribed ? "psubscribe" : "punsubscribe"
            left = client.subscriptionCount
        case .shardChannel:
            event = isSubscribed ? "ssubscribe" : "sunsubscribe"
            left = client.shardChannels.count
        }
        reply.push(3)
        reply.bulk(event)
        if let name { reply.bulk(name) } else { reply.null() }
        reply.integer(left)
    }

    fileprivate func replyChannels(_ channels: NameTable<Channel>) throws(CommandError) {
        guard count <= 3 else { throw .wrongArity(command: commandName) }
        let pattern = count == 3 ? self[2] : nil
        let names = channels.names.filter { name in pattern.map { Glob.matches($0, name.slice) } ?? true }
        reply.array(names.count)
        for name in names { reply.bulk(name.slice) }
    }

    fileprivate func replySubscriberCounts(_ channels: NameTable<Channel>) {
        reply.array((count - 2) * 2)
        for index in 2..<count {
            reply.bulk(self[index])
            reply.integer(channels[self[index]]?.subscribers.count ?? 0)
        }
    }
}
