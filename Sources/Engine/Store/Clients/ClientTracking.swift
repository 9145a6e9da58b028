// What one client has asked for with CLIENT TRACKING ON.
// Loop thread only. Next: Tracking.swift (who is told what), ../Commands/TrackingCommands.swift.

import Wire

/// How a client wants to hear of changes.
struct TrackingOptions: OptionSet {
    let rawValue: UInt8

    /// Of all keys with one of its prefixes, whether it has read them or not.
    static let broadcast = TrackingOptions(rawValue: 1 << 0)
    /// Of keys read right after `CLIENT CACHING YES` only.
    static let optIn = TrackingOptions(rawValue: 1 << 1)
    /// Of all keys read but those right after `CLIENT CACHING NO`.
    static let optOut = TrackingOptions(rawValue: 1 << 2)
    /// Not of its own changes.
    static let noLoop = TrackingOptions(rawValue: 1 << 3)
}

/// Tracking of one client.
final class ClientTracking {
    let options: TrackingOptions
    /// Number of the client that gets the messages; 0: this one.
    let redirection: UInt64
    /// In broadcast mode: what its keys begin with, in order; the empty prefix stands for all.
    let prefixes: [ByteString]
    /// The client to redirect to has gone, and a message was lost.
    var isRedirectionBroken = false
    /// CLIENT CACHING has been called; holds for one command or transaction.
    private(set) var hasCachingWord = false

    init(options: TrackingOptions, redirection: UInt64, prefixes: [ByteString]) {
        self.options = options
        self.redirection = redirection
        self.prefixes = prefixes
    }

    /// Whether what the client reads now is to be remembered.
    var remembersReads: Bool {
        if options.contains(.broadcast) { return false }
        if options.contains(.optIn) { return hasCachingWord }
        return !(options.contains(.optOut) && hasCachingWord)
    }

    func noteCachingWord() { hasCachingWord = true }

    /// A request has been answered or refused: the word is used up, unless it was about a transaction under way or
    /// this was CLIENT itself.
    func endCommand(of client: StoreClient, _ row: CommandRow?) {
        guard hasCachingWord, client.transaction == nil else { return }
        if let row, row.fullName.hasPrefix("client") { return }
        hasCachingWord = false
    }
}
