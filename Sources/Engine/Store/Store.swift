// The key store as a whole: databases, clients, the command table, pub/sub, and what passes between turns.
// Knows no protocol session: clients come as `StoreClient`, bytes leave through their outputs.
// Loop thread only; no I/O, no clock. Reading order: Framework/RESPCommand.swift, Framework/Execution.swift,
// Keyspace/Keyspace.swift, Clients/StoreClient.swift.

import Wire

/// Everything behind the RESP port.
final class Store {
    let context: EngineContext
    let table: CommandTable
    private(set) var databases: [Keyspace] = []
    let effects = EffectBuffer()
    let pubSub = PubSub()
    let statistics = StoreStatistics()
    private(set) lazy var scripts = ScriptEngine(store: self)
    private(set) lazy var functions = FunctionEngine(store: self)
    let administration: StoreAdministration
    /// Users and what they may do.
    let access: AccessControl
    /// Where sessions decode requests ahead.
    let requestBatch = RequestBatch()
    /// Where the replies of clients go that want none (`CLIENT REPLY OFF`).
    let mutedOutput = OutputQueue(flushList: FlushList())
    /// An empty request, to point to where none is being executed.
    let noArguments = RESPArguments(capacity: 1)

    // MARK: Execution (see Framework/Execution.swift)
    /// Changes made since the start. Grows with every `modified`.
    var dirty: UInt64 = 0
    /// How many executions are nested: command in EXEC in …; 0 between commands.
    var depth = 0
    /// Keys that changed while clients waited for them, in order.
    var readyKeys: [(keyspace: Keyspace, key: ByteString)] = []
    /// What an access leaves at a key, for the current client.
    var touchMode: TouchMode = []
    /// The log is being read back: nothing expires, nothing is journaled.
    private(set) var isReplaying = false
    /// The client whose request was executed last.
    unowned(unsafe) var dispatchedClient: StoreClient?
    /// Writes are refused: they could not be kept (`persistence.writeRefusal` says why).
    var refusesWrites = false { didSet { updateGuard() } }
    /// Writes are refused, or memory has a limit: `dispatch` looks closer only then.
    private(set) var isGuarded = false

    // MARK: Memory (see Eviction/)
    var eviction = EvictionState()
    /// Commands that need memory are refused; looked at before each command of a client.
    var isOutOfMemory = false

    // MARK: Checkpoints (see Checkpoint/)
    let persistence = StorePersistence()
    /// The running checkpoint's walk.
    var checkpointWalk: CheckpointWalk?
    /// Some keys are not written yet: changes have to be announced.
    var isWalkedByCheckpoint = false
    /// What entries carry that the newest checkpoint has no need of any more, and what all of them carry at least.
    var generation: UInt8 = 0
    var wholeGeneration: UInt8 = 0

    // MARK: Clients
    /// What LATENCY shows.
    var latency = LatencyMonitor()
    /// `latency-tracking`: durations of commands are counted.
    var tracksLatency = true
    /// `latency-tracking-info-percentiles`.
    var latencyPercentiles: [Double] = [50, 99, 99.9]
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    var expiresActively = true
    /// `timeout`: clients that have sent nothing for so long are closed, seconds; 0: never.
    var idleSecondsMax: Int64 = 0 { didSet { nextIdleSweepMilliseconds = context.time.monotonicMilliseconds } }
    private var nextIdleSweepMilliseconds: Int64 = 0
    private(set) var clients: [UInt64: StoreClient] = [:]
    private var nextClientID: UInt64 = 1
    /// Those that get a copy of every command (`MONITOR`).
    var monitors: [StoreClient] = []
    /// Ends of waits.
    var blockDeadlines = DeadlineHeap<BlockDeadline>()
    var blockedClientCount = 0
    var blockGeneration: UInt64 = 0
    var isServing = false
    var pause = ClientPause()
    /// Somebody tracks keys: who reads and who changes has to be noted.
    private(set) var isTracking = false
    private(set) lazy var tracking = Tracking(store: self)

    /// Classes of keyspace notifications that are on; set through `setNotifications`.
    private(set) var notificationClasses: NotificationClass = []

    /// From here on a command is slow (`slowlog-log-slower-than`); negative: none is.
    var slowCommandMicroseconds: Int64 = 10_000

    /// Tables of flushed databases, freed in slices.
    var graveyard: [KeyTable] = []
    /// Orders of flushed databases (`Keyspace.fieldExpiring`), likewise.
    var buriedOrders: [SortedSetValue] = []
    /// When a field of a hash is past its time, milliseconds since 1970, or earlier; `FieldExpiry.never`: none will be.
    var nextFieldExpiryMilliseconds = FieldExpiry.never
    var nextFieldSliceMilliseconds: Int64 = 0
    private var nextExpirySliceMilliseconds: Int64 = 0
    private var hasTrackingWork = false
    private var replayClient: StoreClient?
    /// Commands that only replay knows.
    private lazy var restoreTable = CommandTable([RESPCommand.restoreCommands])
    private lazy var setRow = ByteString("set").withSlice { table.find($0) }

    init(context: EngineContext, table: CommandTable = CommandTable()) {
        self.context = context
        self.table = table
        administration = StoreAdministration(context: context)
        access = AccessControl(context.configuration, table)
        mutedOutput.bytesMax = Limits.respOutputBytesMax
        precondition(context.configuration.respDatabases > 0)
        for index in 0..<context.configuration.respDatabases { databases.append(Keyspace(index: index, store: self)) }
        evictionConfigured()
    }

    /// Lets go of the databases: they hold the store, and the store holds them. It is of no use afterwards.
    func tearDown() {
        endCheckpoint()
        databases = []
        clients = [:]
        replayClient = nil
    }

    deinit { graveyard.forEach { table in table.forEach { $0.destroy() } } }

    func updateGuard() { isGuarded = refusesWrites || context.configuration.maxMemoryBytes > 0 }

    /// Frees a removed entry.
    @inline(__always)
    func free(_ entry: KeyEntry) { entry.destroy() }

    // MARK: Clients

    func register(_ client: StoreClient) {
        clients[client.id] = client
        statistics.connectionsReceived += 1
    }

    func takeClientID() -> UInt64 {
        defer { nextClientID += 1 }
        return nextClientID
    }

    /// The connection is gone: the client waits for nothing, watches nothing and hears nothing any more.
    func unregister(_ client: StoreClient) {
        unblockQuietly(client)
        client.unwatchAll()
        if client.tracking != nil { tracking.disable(client) }
        pubSub.removeAll(of: client)
        monitors.removeAll { $0 === client }
        clients[client.id] = nil
    }

    // MARK: Notifications

    func setNotifications(_ classes: NotificationClass) {
        notificationClasses = classes
        for keyspace in databases { keyspace.updateObserved() }
    }

    // MARK: Tracking

    func setTracking(_ isOn: Bool) {
        guard isTracking != isOn else { return }
        isTracking = isOn
        for keyspace in databases { keyspace.updateObserved() }
    }

    /// The client whose request is being executed, also when a script or a transaction does so; nil between requests.
    var currentClient: StoreClient? { depth > 0 ? dispatchedClient : nil }

    // MARK: Turns

    /// Timers that are due: ends of waits and pauses.
    func tick() {
        let now = context.time.monotonicMilliseconds
        var left = Limits.storeTimersPerTurnMax
        while left > 0, let due = blockDeadlines.popDue(now) {
            left -= 1
            if due.client.blocked?.generation == due.generation { timeOut(due.client) }
        }
        if pause.endMilliseconds != 0, now >= pause.endMilliseconds { endPause() }
        checkSavePoints(now)
        updateWriteRefusal()
        if idleSecondsMax > 0, now >= nextIdleSweepMilliseconds { closeIdleClients(now) }
    }

    /// Those who wait, listen or watch are never idle.
    private func closeIdleClients(_ now: Int64) {
        nextIdleSweepMilliseconds = now + 1_000
        let oldest = context.time.wallMilliseconds - idleSecondsMax * 1_000
        for client in clients.values
        where client.lastActiveMilliseconds < oldest && client.blocked == nil && !client.isListening {
            client.isClosing = true
            client.host?.closeClientNow()
        }
    }

    /// Between turns: a slice of expiry, of resizing and of freeing. Bounded.
    func endTurn() {
        let start = latency.isOn ? context.time.stopwatch?() ?? 0 : 0
        if context.time.monotonicMilliseconds >= nextExpirySliceMilliseconds {
            nextExpirySliceMilliseconds = context.time.monotonicMilliseconds + Limits.expirySliceMilliseconds
            var isBehind = false
            for keyspace in databases where keyspace.expiringCount > 0 && expiresActively {
                let slice = keyspace.expireSlice(limit: Limits.expirySliceKeys)
                // As long as a quarter of what was looked at is due, go on in the next turn already.
                if slice.removed * 4 > slice.seen { isBehind = true }
            }
            for keyspace in databases {
                if keyspace.table.resizeSlice(buckets: Limits.resizeSliceBuckets) { isBehind = true }
                if keyspace.expiring.resizeSlice(buckets: Limits.resizeSliceBuckets) { isBehind = true }
            }
            if isBehind { nextExpirySliceMilliseconds = context.time.monotonicMilliseconds + 1 }
            if latency.isOn { noteLatency(.expireCycle, since: start) }
        }
        if nextFieldExpiryMilliseconds < context.time.wallMilliseconds { expireFields() }
        evictAtEndOfTurn()
        hasTrackingWork = isTracking && tracking.endTurn()
        let freeStart = latency.isOn ? context.time.stopwatch?() ?? 0 : 0
        var left = Limits.freeSliceKeys
        while left > 0, let table = graveyard.last {
            left -= table.count + 1
            if table.drain(limit: Limits.freeSliceKeys, { $0.destroy() }) { break }
            graveyard.removeLast()
        }
        var freesOrder = false
        if let order = buriedOrders.last {
            freesOrder = true
            order.remove(ranks: max(0, order.count - Limits.freeSliceMembers)..<order.count)
            if order.isEmpty { buriedOrders.removeLast() }
        }
        if latency.isOn, freesOrder || left < Limits.freeSliceKeys { noteLatency(.lazyFree, since: freeStart) }
    }

    /// When `tick` or `endTurn` has something to do next, monotonic milliseconds.
    var nextDeadline: Int64? {
        var deadline = blockDeadlines.next
        func note(_ time: Int64) { deadline = min(deadline ?? time, time) }
        if pause.endMilliseconds != 0 { note(pause.endMilliseconds) }
        if !graveyard.isEmpty || !buriedOrders.isEmpty || isEvictionUnderWay || hasTrackingWork {
            note(context.time.monotonicMilliseconds + 1)
        }
        if nextFieldExpiryMilliseconds != FieldExpiry.never { note(nextFieldDeadline) }
        for keyspace in databases where keyspace.expiringCount > 0 || keyspace.table.isResizing {
            note(nextExpirySliceMilliseconds)
            break
        }
        if idleSecondsMax > 0, !clients.isEmpty { note(nextIdleSweepMilliseconds) }
        if unsavedChanges > 0, !savePoints.isEmpty { note(persistence.nextSavePointCheckMilliseconds) }
        return deadline
    }

    /// Replies that waited for this batch are released by the server; here those who wait for the disk by name.
    func durable(upTo sequence: UInt64) { serveSyncWaiters(upTo: sequence) }

    // MARK: Recovery

    /// Runs the effects of one record of the log again.
    func replay(_ payload: ByteSlice) throws(EffectError) {
        guard !persistence.hasGap else { return persistence.skippedRecords += 1 }
        try replayCheckpoint(payload)
    }

    /// The same for a record of a checkpoint, which counts in any case.
    func replayCheckpoint(_ payload: ByteSlice) throws(EffectError) {
        isReplaying = true
        effects.isEnabled = false
        let client = replayClient ?? StoreClient.internalClient(store: self)
        replayClient = client
        var reader = EffectReader(payload)
        let arguments = RESPArguments()
        while let database = try reader.next(into: arguments) {
            guard databases.indices.contains(database) else { throw .noSuchDatabase(database) }
            guard let row = table.find(arguments) ?? restoreTable.find(arguments),
                row.arity.allows(arguments.count)
            else {
                throw .noSuchCommand(arguments[0].string)
            }
            if row === setRow, replaySet(arguments, databases[database]) { continue }
            client.database = database
            client.call.arguments = arguments
            client.call.row = row
            client.call.keys = databases[database]
            execute(client.call)
            if let error = client.lastError {
                client.lastError = nil
                throw .refused("\(arguments[0].string): \(error.text)")
            }
            client.output.discard()
        }
    }

    /// Most keys of most checkpoints are strings: they go straight into the keyspace. Returns whether these words
    /// are so simple.
    @inline(__always)
    private func replaySet(_ arguments: RESPArguments, _ keyspace: Keyspace) -> Bool {
        switch arguments.count {
        case 3: keyspace.setString(arguments[1], arguments[2])
        case 5:
            guard arguments[3].equals("PXAT"), let time = RESPNumber.integer(arguments[4]) else { return false }
            keyspace.setString(arguments[1], arguments[2], expiry: .at(time))
        default: return false
        }
        return true
    }

    /// What changes from here on was there before: nothing expires, nothing is journaled.
    func setReplaying(_ isOn: Bool) {
        isReplaying = isOn
        effects.isEnabled = false
    }

    /// The log has been read to its end: time and journal run from here on, and counting begins.
    func finishRecovery() {
        if isReplaying {
            resetStatistics()
            dirty = 0
            persistence.loaded(keys: databases.reduce(0) { $0 + $1.count })
        }
        isReplaying = false
        replayClient = nil
        readyKeys.removeAll()
        resumeJournaling()
    }
}

/// What INFO counts.
final class StoreStatistics {
    var connectionsReceived: UInt64 = 0
    var commandsProcessed: UInt64 = 0
    var keyspaceHits: UInt64 = 0
    var keyspaceMisses: UInt64 = 0
    var expiredKeys: UInt64 = 0
    var expiredFields: UInt64 = 0
    var evictedKeys: UInt64 = 0
    var rejectedConnections: UInt64 = 0
    var errorReplies: UInt64 = 0
    var inputBytes: UInt64 = 0
    var publishedMessages: UInt64 = 0
    /// Error replies by their first word, for INFO errorstats.
    var errorsByCode: [String: UInt64] = [:]

    func countError(_ text: String) {
        errorReplies += 1
        // A script may return any text as an error.
        let code = String(text.unicodeScalars.prefix(Limits.errorCodeLettersMax).prefix { $0 != " " })
        if errorsByCode.count < 128 || errorsByCode[code] != nil { errorsByCode[code, default: 0] += 1 }
    }

    /// `CONFIG RESETSTAT`.
    func reset() {
        connectionsReceived = 0
        commandsProcessed = 0
        keyspaceHits = 0
        keyspaceMisses = 0
        expiredKeys = 0
        expiredFields = 0
        evictedKeys = 0
        rejectedConnections = 0
        errorReplies = 0
        inputBytes = 0
        publishedMessages = 0
        errorsByCode = [:]
    }
}

/// Classes of keyspace notifications, with the letters of `notify-keyspace-events`.
struct NotificationClass: OptionSet {
    let rawValue: UInt16

    static let generic = NotificationClass(rawValue: 1 << 0)
    static let string = NotificationClass(rawValue: 1 << 1)
    static let list = NotificationClass(rawValue: 1 << 2)
    static let set = NotificationClass(rawValue: 1 << 3)
    static let hash = NotificationClass(rawValue: 1 << 4)
    static let sortedSet = NotificationClass(rawValue: 1 << 5)
    static let expired = NotificationClass(rawValue: 1 << 6)
    static let evicted = NotificationClass(rawValue: 1 << 7)
    static let stream = NotificationClass(rawValue: 1 << 8)
    static let keyMiss = NotificationClass(rawValue: 1 << 9)
    static let new = NotificationClass(rawValue: 1 << 10)
    static let module = NotificationClass(rawValue: 1 << 11)
    /// Channel `__keyspace@n__:key`.
    static let keyspaceChannel = NotificationClass(rawValue: 1 << 12)
    /// Channel `__keyevent@n__:event`.
    static let keyeventChannel = NotificationClass(rawValue: 1 << 13)

    static let all: NotificationClass = [
        .generic, .string, .list, .set, .hash, .sortedSet, .expired, .evicted, .stream, .module,
    ]

    /// In the order in which `CONFIG GET` spells them.
    static let letters: [(Character, NotificationClass)] = [
        ("g", .generic), ("$", .string), ("l", .list), ("s", .set), ("h", .hash), ("z", .sortedSet), ("x", .expired),
        ("e", .evicted), ("t", .stream), ("d", .module), ("K", .keyspaceChannel), ("E", .keyeventChannel),
        ("m", .keyMiss), ("n", .new),
    ]

    /// From the text of `notify-keyspace-events`; nil when a letter is unknown.
    init?(text: String) {
        self = []
        for letter in text {
            if letter == "A" {
                formUnion(.all)
            } else if let found = Self.letters.first(where: { $0.0 == letter }) {
                formUnion(found.1)
            } else {
                return nil
            }
        }
    }

    init(rawValue: UInt16) { self.rawValue = rawValue }

    var text: String {
        var text = ""
        var shown = self
        if isSuperset(of: .all) {
            text = "A"
            shown.subtract(.all)
        }
        for (letter, value) in Self.letters where shown.contains(value) { text.append(letter) }
        return text
    }
}
