// Channels, patterns and shard channels with their subscribers. Global across databases.
// Subscribing, unsubscribing and finding a channel cost the same with one or half a million: each subscription
// knows its place in its channel's list, and the last one takes the place of one that leaves.
// Loop thread only. Next: ../Commands/PubSubCommands.swift, ../Framework/Glob.swift.

import Wire

/// One client's subscription to one channel or pattern.
final class Subscription {
    let channel: Channel
    unowned(unsafe) let client: StoreClient
    /// Its place in `channel.subscribers`.
    fileprivate var index = 0

    fileprivate init(channel: Channel, client: StoreClient) {
        self.channel = channel
        self.client = client
    }
}

/// A channel, shard channel or pattern that somebody listens to.
final class Channel {
    let name: ByteString
    fileprivate(set) var subscribers: [Subscription] = []

    fileprivate init(name: ByteString) { self.name = name }
}

/// How much may be pending for a subscriber; 0 is no limit (`client-output-buffer-limit pubsub`).
struct OutputLimits {
    var hardBytes = Limits.pubSubOutputHardBytes
    var softBytes = Limits.pubSubOutputSoftBytes
    var softMilliseconds = Limits.pubSubOutputSoftMilliseconds
}

/// All subscriptions.
final class PubSub {
    enum Kind { case channel, pattern, shardChannel }

    private(set) var channels = NameTable<Channel>()
    private(set) var patterns = NameTable<Channel>()
    private(set) var shardChannels = NameTable<Channel>()
    var outputLimits = OutputLimits()

    // MARK: Subscribing

    /// Returns whether it is new.
    func subscribe(_ client: StoreClient, _ kind: Kind, _ name: ByteSlice) -> Bool {
        switch kind {
        case .channel: Self.add(client, name, to: &channels, of: &client.channels)
        case .pattern: Self.add(client, name, to: &patterns, of: &client.patterns)
        case .shardChannel: Self.add(client, name, to: &shardChannels, of: &client.shardChannels)
        }
    }

    func unsubscribe(_ client: StoreClient, _ kind: Kind, _ name: ByteSlice) {
        switch kind {
        case .channel: Self.remove(name, from: &channels, of: &client.channels)
        case .pattern: Self.remove(name, from: &patterns, of: &client.patterns)
        case .shardChannel: Self.remove(name, from: &shardChannels, of: &client.shardChannels)
        }
    }

    /// Names that a client has subscribed to.
    func names(of client: StoreClient, _ kind: Kind) -> [ByteString] {
        switch kind {
        case .channel: client.channels.names
        case .pattern: client.patterns.names
        case .shardChannel: client.shardChannels.names
        }
    }

    func removeAll(of client: StoreClient) {
        for kind in [Kind.channel, .pattern, .shardChannel] {
            for name in names(of: client, kind) { unsubscribe(client, kind, name.slice) }
        }
    }

    private static func add(
        _ client: StoreClient, _ name: ByteSlice, to all: inout NameTable<Channel>,
        of own: inout NameTable<Subscription>
    ) -> Bool {
        guard own[name] == nil else { return false }
        let channel: Channel
        if let known = all[name] {
            channel = known
        } else {
            channel = Channel(name: ByteString(name))
            all.insert(channel, for: channel.name)
        }
        let subscription = Subscription(channel: channel, client: client)
        subscription.index = channel.subscribers.count
        channel.subscribers.append(subscription)
        own.insert(subscription, for: channel.name)
        return true
    }

    private static func remove(
        _ name: ByteSlice, from all: inout NameTable<Channel>, of own: inout NameTable<Subscription>
    ) {
        guard let subscription = own.removeValue(for: name) else { return }
        let channel = subscription.channel
        let last = channel.subscribers.removeLast()
        if last !== subscription {
            channel.subscribers[subscription.index] = last
            last.index = subscription.index
        }
        if channel.subscribers.isEmpty { all.removeValue(for: channel.name.slice) }
    }

    // MARK: Publishing

    /// Sends a message to all subscribers of the channel and of patterns that match it. Returns how many.
    func publish(_ channel: ByteSlice, _ message: ByteSlice) -> Int {
        var receivers = 0
        let body = SharedBody(message)
        if let found = channels[channel] {
            for subscription in found.subscribers { send(subscription.client, "message", nil, channel, body) }
            receivers += found.subscribers.count
        }
        guard !patterns.isEmpty else { return receivers }
        patterns.forEach { name, pattern in
            guard Glob.matches(name.slice, channel) else { return }
            for subscription in pattern.subscribers {
                send(subscription.client, "pmessage", name.slice, channel, body)
            }
            receivers += pattern.subscribers.count
        }
        return receivers
    }

    /// The same for a shard channel.
    func publishToShard(_ channel: ByteSlice, _ message: ByteSlice) -> Int {
        guard let found = shardChannels[channel] else { return 0 }
        let body = SharedBody(message)
        for subscription in found.subscribers { send(subscription.client, "smessage", nil, channel, body) }
        return found.subscribers.count
    }

    private func send(
        _ client: StoreClient, _ kind: StaticString, _ pattern: ByteSlice?, _ channel: ByteSlice, _ body: SharedBody
    ) {
        guard !client.isClosing else { return }
        let writer = ReplyWriter(output: client.output, isRESP3: client.isRESP3)
        writer.push(pattern == nil ? 3 : 4)
        writer.bulk(kind)
        if let pattern { writer.bulk(pattern) }
        writer.bulk(channel)
        body.write(to: writer)
        client.checkOutputLimit()
    }

    /// A message's bytes; a large message is copied once for all who get it.
    private struct SharedBody {
        let slice: ByteSlice
        let owner: ByteString?

        init(_ message: ByteSlice) {
            owner = message.count >= Limits.outputReferenceBytesMin ? ByteString(message) : nil
            slice = owner?.slice ?? message
        }

        func write(to writer: ReplyWriter) {
            if let owner { writer.bulk(slice, owner: owner) } else { writer.bulk(slice) }
        }
    }
}

extension Store {
    /// A keyspace notification of the class that the caller has found switched on.
    @inline(never)
    func publishNotification(_ key: ByteSlice, _ event: StaticString, database: Int) {
        let eventName = ByteSlice(base: event.utf8Start, count: event.utf8CodeUnitCount)
        if notificationClasses.contains(.keyspaceChannel) {
            let channel = Array("__keyspace@\(database)__:".utf8) + key.array
            channel.withUnsafeBytes { _ = pubSub.publish(ByteSlice($0), eventName) }
        }
        if notificationClasses.contains(.keyeventChannel) {
            let channel = Array("__keyevent@\(database)__:\(event)".utf8)
            channel.withUnsafeBytes { _ = pubSub.publish(ByteSlice($0), key) }
        }
    }
}
