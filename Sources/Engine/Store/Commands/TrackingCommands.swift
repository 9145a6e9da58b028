// CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: client-side caching.
// Next: ../Clients/Tracking.swift.

import Wire

extension RESPCommand {
    private static func tracking(
        _ name: StaticString, _ arity: CommandArity, since: StaticString, summary: StaticString,
        complexity: StaticString = "O(1)", _ handler: @escaping Handler
    ) -> RESPCommand {
        RESPCommand(
            name, arity, [.noScript, .loading, .stale], group: .connection, since: since, summary: summary,
            complexity: complexity, handler)
    }

    /// Subcommands of CLIENT.
    static let trackingSubcommands: [RESPCommand] = [
        /// `CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]` → OK.
        tracking(
            "TRACKING", .atLeast(3), since: "6.0.0",
            summary: "Controls server-assisted client-side caching for the connection.",
            complexity: "O(1). Some options may introduce additional complexity."
        ) { call throws(CommandError) in
            try call.setTracking()
        },
        /// `CLIENT CACHING YES|NO` → OK: about what the next command or transaction reads.
        tracking(
            "CACHING", .exactly(3), since: "6.0.0",
            summary: "Instructs the server whether to track the keys in the next request."
        ) { call throws(CommandError) in
            try call.setCaching()
        },
        /// `CLIENT GETREDIR` → number of the client redirected to, 0 without redirection, −1 without tracking.
        tracking(
            "GETREDIR", .exactly(2), since: "6.0.0",
            summary: "Returns the client ID to which the connection's tracking notifications are redirected."
        ) { call throws(CommandError) in
            call.reply.integer(call.client.trackingRedirection)
        },
        /// `CLIENT TRACKINGINFO` → map of flags, redirect, prefixes.
        tracking(
            "TRACKINGINFO", .exactly(2), since: "6.2.0",
            summary: "Returns information about server-assisted client-side caching for the connection."
        ) { call throws(CommandError) in
            call.replyTrackingInfo()
        },
    ]
}

extension StoreClient {
    /// As CLIENT GETREDIR and CLIENT LIST say it.
    var trackingRedirection: Int64 { tracking.map { Int64($0.redirection) } ?? -1 }
}

extension CommandCall {
    fileprivate func setTracking() throws(CommandError) {
        var options: TrackingOptions = []
        var redirection: Int64 = 0
        var prefixes: [ByteString] = []
        var index = 3
        while index < count {
            let hasMore = index + 1 < count
            if word(index, is: "redirect"), hasMore {
                index += 1
                guard redirection == 0 else {
                    throw .text("ERR A client can only redirect to a single other client")
                }
                redirection = try integer(index)
                // Now, not at the first message: this is the place to complain.
                guard redirection > 0, store.clients[UInt64(redirection)] != nil else {
                    throw .text("ERR The client ID you want redirect to does not exist")
                }
            } else if word(index, is: "bcast") {
                options.insert(.broadcast)
            } else if word(index, is: "optin") {
                options.insert(.optIn)
            } else if word(index, is: "optout") {
                options.insert(.optOut)
            } else if word(index, is: "noloop") {
                options.insert(.noLoop)
            } else if word(index, is: "prefix"), hasMore {
                index += 1
                prefixes.append(ByteString(self[index]))
            } else {
                throw .syntax
            }
            index += 1
        }
        if word(2, is: "on") {
            try checkTracking(options, prefixes)
            var listened = prefixes
            if options.contains(.broadcast) {
                // Those of an earlier call stay.
                if listened.isEmpty { listened = [.empty] }
                for known in client.tracking?.prefixes ?? [] where !listened.contains(known) { listened.append(known) }
                listened.sort { $0.isOrderedBefore($1) }
            }
            store.tracking.enable(
                client, ClientTracking(options: options, redirection: UInt64(redirection), prefixes: listened))
        } else if word(2, is: "off") {
            store.tracking.disable(client)
        } else {
            throw .syntax
        }
        reply.ok()
    }

    private func checkTracking(_ options: TrackingOptions, _ prefixes: [ByteString]) throws(CommandError) {
        let isBroadcast = options.contains(.broadcast)
        guard isBroadcast || prefixes.isEmpty else {
            throw .text("ERR PREFIX option requires BCAST mode to be enabled")
        }
        let current = client.tracking?.options
        if let current, current.contains(.broadcast) != isBroadcast {
            throw .message(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
                    + "re-enabling it with a different mode.")
        }
        if isBroadcast, !options.isDisjoint(with: [.optIn, .optOut]) {
            throw .text("ERR OPTIN and OPTOUT are not compatible with BCAST")
        }
        if options.isSuperset(of: [.optIn, .optOut]) {
            throw .text("ERR You can't specify both OPTIN mode and OPTOUT mode")
        }
        if let current,
            (options.contains(.optIn) && current.contains(.optOut))
                || (options.contains(.optOut) && current.contains(.optIn))
        {
            throw .message(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
                    + "re-enabling it with a different mode.")
        }
        if isBroadcast { try checkOverlaps(prefixes, known: client.tracking?.prefixes ?? []) }
    }

    /// One change must not make two messages to one client.
    private func checkOverlaps(_ prefixes: [ByteString], known: [ByteString]) throws(CommandError) {
        func overlaps(_ one: ByteString, _ other: ByteString) -> Bool {
            let count = min(one.count, other.count)
            return one.slice.slice(from: 0, count: count) == other.slice.slice(from: 0, count: count)
        }
        for (index, prefix) in prefixes.enumerated() {
            if let other = known.first(where: { overlaps(prefix, $0) }) {
                throw .message(
                    "ERR Prefix '\(prefix.string)' overlaps with an existing prefix '\(other.string)'. "
                        + "Prefixes for a single client must not overlap.")
            }
            if let other = prefixes[(index + 1)...].first(where: { overlaps(prefix, $0) }) {
                throw .message(
                    "ERR Prefix '\(prefix.string)' overlaps with another provided prefix '\(other.string)'. "
                        + "Prefixes for a single client must not overlap.")
            }
        }
    }

    fileprivate func setCaching() throws(CommandError) {
        guard let tracking = client.tracking else {
            throw .message(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode "
                    + "enabled")
        }
        if word(2, is: "yes") {
            guard tracking.options.contains(.optIn) else {
                throw .text("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
            }
        } else if word(2, is: "no") {
            guard tracking.options.contains(.optOut) else {
                throw .text("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
            }
        } else {
            throw .syntax
        }
        tracking.noteCachingWord()
        reply.ok()
    }

    fileprivate func replyTrackingInfo() {
        let tracking = client.tracking
        var flags: [StaticString] = [tracking == nil ? "off" : "on"]
        if let tracking {
            if tracking.options.contains(.broadcast) { flags.append("bcast") }
            if tracking.options.contains(.optIn) {
                flags.append("optin")
                if tracking.hasCachingWord { flags.append("caching-yes") }
            }
            if tracking.options.contains(.optOut) {
                flags.append("optout")
                if tracking.hasCachingWord { flags.append("caching-no") }
            }
            if tracking.options.contains(.noLoop) { flags.append("noloop") }
            if tracking.isRedirectionBroken { flags.append("broken_redirect") }
        }
        reply.map(3)
        reply.bulk("flags")
        reply.set(flags.count)
        for flag in flags { reply.bulk(flag) }
        reply.bulk("redirect")
        reply.integer(client.trackingRedirection)
        reply.bulk("prefixes")
        reply.array(tracking?.prefixes.count ?? 0)
        for prefix in tracking?.prefixes ?? [] { reply.bulk(prefix.slice) }
    }
}
