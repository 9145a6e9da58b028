// One client of the store, as commands see it: selected database, protocol, transaction, subscriptions, waits.
// Not the connection: sockets and decoding are the session's (Sessions/RESP), which owns this object and is
// reached through `StoreClientHost`. Scripts and replay have clients without a host.
// Loop thread only. Next: Transaction.swift, Blocking.swift, PubSub.swift.

import Wire

/// What a session does for its client.
protocol StoreClientHost: AnyObject {
    /// Close once what is pending is written.
    func closeClientAfterFlush()
    /// Close at once, dropping what is pending.
    func closeClientNow()
    /// Requests that were left may be taken now.
    func resumeClient()
}

/// State of one client.
final class StoreClient {
    let id: UInt64
    unowned(unsafe) let store: Store
    let output: OutputQueue
    let peer: PeerAddress?
    weak var host: (any StoreClientHost)?
    /// Made with the client, used for all its commands.
    private(set) var call: CommandCall!

    // MARK: Identity
    var name = ""
    var libraryName = ""
    var libraryVersion = ""
    /// Who has logged in; the default user until then.
    var account: ACLUser { didSet { updateSpecialState() } }
    var user: String { account.name }
    let createdMilliseconds: Int64
    var lastActiveMilliseconds: Int64

    // MARK: State
    /// Number of the selected database.
    var database = 0
    var isRESP3: Bool {
        get { call.reply.isRESP3 }
        set { call.reply.isRESP3 = newValue }
    }
    var transaction: Transaction? { didSet { updateSpecialState() } }
    /// Keys watched for the next transaction.
    var watches: [Watch] = []
    /// One of them has changed.
    var isTransactionStale = false
    var needsAuthentication = false { didSet { updateSpecialState() } }
    var isNoTouch = false { didSet { updateTouchMode() } }
    private(set) var touchMode: TouchMode = []
    /// Set through `Store.tracking`.
    var tracking: ClientTracking?
    var isNoEvict = false
    /// A script or the like: nobody to wait with, nobody to push to.
    let isInternal: Bool
    /// Blocking commands answer at once (in transactions and scripts).
    var deniesBlocking = false
    /// The wait this client is in.
    var blocked: BlockedCommand?
    var isClosing = false
    /// The last call's error, for EXEC, scripts and replay.
    var lastError: CommandError?

    // MARK: Subscriptions
    var channels = NameTable<Subscription>() { didSet { updateSpecialState() } }
    var patterns = NameTable<Subscription>() { didSet { updateSpecialState() } }
    var shardChannels = NameTable<Subscription>() { didSet { updateSpecialState() } }
    var subscriptionCount: Int { channels.count + patterns.count }
    /// When the pending output first went over the soft limit; 0 while it is under it.
    var overSoftLimitSinceMilliseconds: Int64 = 0

    // MARK: Muting
    enum ReplyMode { case on, off, skipNext, skipping }
    var replyMode = ReplyMode.on { didSet { hasMutedReply = replyMode != .on } }
    private(set) var hasMutedReply = false

    /// One of the rarely used states is on: `dispatch` looks closer only then.
    private(set) var hasSpecialState = false

    init(store: Store, output: OutputQueue, peer: PeerAddress?, isInternal: Bool = false) {
        self.store = store
        self.output = output
        self.peer = peer
        self.isInternal = isInternal
        account = store.access.defaultUser
        id = isInternal ? 0 : store.takeClientID()
        output.bytesMax = Limits.respOutputBytesMax
        createdMilliseconds = store.context.time.wallMilliseconds
        lastActiveMilliseconds = createdMilliseconds
        updateTouchMode()
        updateSpecialState()
        call = CommandCall(store: store, client: self, output: output)
    }

    /// A client for scripts and replay, with an output of its own that no socket empties.
    static func internalClient(store: Store) -> StoreClient {
        let client = StoreClient(store: store, output: OutputQueue(flushList: FlushList()), peer: nil, isInternal: true)
        client.deniesBlocking = true
        return client
    }

    /// `host:port`, as CLIENT LIST and MONITOR show it.
    var address: String {
        guard let peer else { return "" }
        return peer.host.contains(":") ? "[\(peer.host)]:\(peer.port)" : "\(peer.host):\(peer.port)"
    }

    /// A RESP2 client that has subscribed may only go on subscribing.
    /// Receives without asking: it subscribes to something, or monitors.
    var isListening: Bool {
        subscriptionCount > 0 || !shardChannels.isEmpty || store.monitors.contains { $0 === self }
    }

    var isInSubscriberMode: Bool { !isRESP3 && (subscriptionCount > 0 || !shardChannels.isEmpty) }

    func updateSpecialState() {
        hasSpecialState =
            transaction != nil || needsAuthentication || !channels.isEmpty || !patterns.isEmpty
            || !shardChannels.isEmpty || account.isRestricted
    }

    func updateTouchMode() {
        touchMode = isNoTouch ? .suppressed : []
        if store.context.configuration.evictionPolicy.countsFrequency { touchMode.insert(.frequency) }
    }

    // MARK: CLIENT REPLY

    /// Sends this command's reply nowhere.
    func beginMutedCommand() {
        if replyMode == .skipNext { replyMode = .skipping }
        if replyMode == .off || replyMode == .skipping { call.reply.output = store.mutedOutput }
    }

    func endMutedCommand() {
        call.reply.output = output
        store.mutedOutput.discard()
        if replyMode == .skipping { replyMode = .on }
    }

    // MARK: Output limit

    /// Closes a subscriber that does not read what it is sent.
    func checkOutputLimit() {
        let pending = output.pendingBytes
        let limits = store.pubSub.outputLimits
        guard pending > limits.softBytes, limits.softBytes > 0 || limits.hardBytes > 0 else {
            overSoftLimitSinceMilliseconds = 0
            return
        }
        let now = store.context.time.monotonicMilliseconds
        if limits.softBytes > 0, pending > limits.softBytes {
            if overSoftLimitSinceMilliseconds == 0 { overSoftLimitSinceMilliseconds = max(1, now) }
        }
        let isOverHard = limits.hardBytes > 0 && pending > limits.hardBytes
        let isOverSoft =
            overSoftLimitSinceMilliseconds != 0 && now - overSoftLimitSinceMilliseconds >= limits.softMilliseconds
        guard isOverHard || isOverSoft, !isClosing else { return }
        isClosing = true
        store.context.log(
            .warning, "client closed: its output limit is reached", ("client", "\(id)"), ("name", name),
            ("pending", "\(pending)"))
        host?.closeClientNow()
    }

    /// Closes a client whose replies have taken too much memory to be kept.
    func checkOutputOverflow() {
        guard output.hasOverflowed, !isClosing else { return }
        isClosing = true
        store.context.log(.warning, "client closed: its replies are too large", ("client", address), ("name", name))
        host?.closeClientNow()
    }

    // MARK: RESET

    /// Back to how a fresh connection begins.
    func reset() {
        transaction = nil
        unwatchAll()
        if tracking != nil { store.tracking.disable(self) }
        store.pubSub.removeAll(of: self)
        store.monitors.removeAll { $0 === self }
        database = 0
        isRESP3 = false
        name = ""
        replyMode = .on
        isNoTouch = false
        isNoEvict = false
        account = store.access.defaultUser
        needsAuthentication = store.access.asksForLogin
    }
}
