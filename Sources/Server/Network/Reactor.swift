// The turns of the loop. One turn: everything that is ready is read and executed; then, at its end, due
// timers run, clients that were waiting are resumed, the turn's log records go to the log thread as one
// batch, and each connection with output gets one write. Nothing is written to a socket earlier, so a
// turn's replies and deliveries are joined, and the batch is on its way before anybody hears of it.
// Loop thread only. Next: Connection.swift, Listener.swift; ../Log/LogPipeline.swift; ../Daemon.swift owns it.

import Engine
import EventLoop
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What the reactor has counted since its start.
public struct NetworkStatistics: Sendable {
    public var bytesRead = 0
    public var bytesWritten = 0
    public var connectionsAccepted = 0
    public var connectionsRefused = 0
}

/// Loop, connections, listeners and the turn.
final class Reactor {
    typealias SessionMaker = (WireProtocol, PeerAddress) -> Session

    let loop: EventLoop
    let engine: Engine
    let readBuffer = ReadBuffer()
    let writePieces: UnsafeMutableBufferPointer<iovec>
    var statistics = NetworkStatistics()
    var reserve = ReserveDescriptor()
    /// Most open connections for each protocol.
    var respClientsMax = Int.max
    var amqpConnectionsMax = Int.max
    /// Takes the journal's batches; nil when there is no log.
    var pipeline: LogPipeline?
    /// Moves messages to and from the disk, and takes checkpoints; nil when there is no log.
    var storage: StoragePipeline?

    private let makeSession: SessionMaker
    private let context: EngineContext
    private(set) var connections = ConnectionTable()
    private(set) var listeners: [Listener] = []
    /// Connections of ours to other servers.
    private var outgoing: [ObjectIdentifier: OutgoingConnection] = [:]
    /// Connections whose output waits for a batch to be durable.
    private var held: [Connection] = []
    private var isMoreDurable = false
    /// Connections that wait for their peer to close, by deadline.
    private var lingering: [(deadline: Int64, connection: Connection)] = []
    private var isTurnOpen = false
    /// When the loop's timer is set to fire, monotonic milliseconds.
    private var armedDeadline = Int64.max
    private var lastRefusalLogged = Int64.min
    private lazy var timer = LoopTimer(on: loop) { [unowned self] in armedDeadline = .max }
    /// The disk is so far behind that no more input is taken.
    private(set) var isReadingSuspended = false
    /// No lingering any more: the process is about to end.
    private(set) var isShuttingDown = false

    init(loop: EventLoop, engine: Engine, makeSession: SessionMaker? = nil) {
        NetworkLimits.check()
        self.loop = loop
        self.engine = engine
        context = engine.context
        context.time.stopwatch = { LoopClock.monotonicMicroseconds }
        writePieces = .allocate(capacity: NetworkLimits.writePiecesMax)
        self.makeSession =
            makeSession ?? { wireProtocol, peer in
                wireProtocol == .amqp ? engine.makeAMQPSession(peer: peer) : engine.makeRESPSession(peer: peer)
            }
        context.beginExchange = { [unowned self] exchange in
            let connection = OutgoingConnection(exchange, reactor: self)
            outgoing[ObjectIdentifier(connection)] = connection
        }
        advanceTime()
    }

    deinit { writePieces.deallocate() }

    var log: EngineLog { context.log }

    /// `tcp-keepalive`, for connections accepted from now on.
    var tcpKeepAliveSeconds: Int { context.configuration.tcpKeepAliveSeconds }

    // MARK: Turns

    /// One turn. `waits`: sleep until something happens if there is nothing to do.
    func runTurn(waits: Bool = true) {
        loop.runOnce(waits: waits && context.flushList.pending.isEmpty)
        endTurn()
    }

    /// Every handler calls this first: the time of a turn is taken once, after the wait.
    @inline(__always)
    func beginTurn() {
        if !isTurnOpen { advanceTime() }
    }

    private func advanceTime() {
        isTurnOpen = true
        context.time.advance(
            monotonicMicroseconds: LoopClock.monotonicMicroseconds, wallMicroseconds: LoopClock.wallMicroseconds)
    }

    private func endTurn() {
        beginTurn()
        engine.tick()
        for _ in 0..<NetworkLimits.resumeRoundsMax {
            engine.endTurn()
            guard resumeSessions() else { break }
        }
        storage?.endOfTurn()
        pipeline?.endOfTurn()
        // The next batch is on its way before anybody hears of the last: the disk works while replies are written.
        if isMoreDurable { releaseHeld() }
        suspendReadingIfNeeded()
        flushOutputs()
        if !held.isEmpty, pipeline?.failure != nil { closeHeld() }
        closeLingering()
        context.continueYielded()
        armTimer()
        engine.noteTurnEnd()
        isTurnOpen = false
    }

    /// Feeds sessions that paused and no longer do. Returns whether any took input.
    private func resumeSessions() -> Bool {
        var hasResumed = false
        for output in context.flushList.pending {
            if let connection = connections[output.connectionIndex], connection.resumeInput() { hasResumed = true }
        }
        return hasResumed
    }

    private func suspendReadingIfNeeded() {
        let isCongested = context.journal.isCongested || storage?.isCongested ?? false
        guard isCongested != isReadingSuspended else { return }
        isReadingSuspended.toggle()
        if isReadingSuspended {
            log(.warning, "the disk is behind: reading from clients is suspended")
        } else {
            log(.notice, "the disk has caught up: reading from clients is resumed")
            for connection in connections.all { connection.session.wake() }
        }
    }

    private func flushOutputs() {
        for output in context.flushList.takePending() {
            guard let connection = connections[output.connectionIndex] else { continue }
            connection.flush()
            // Resumed too late for this turn: the next one comes at once.
            if connection.canResume { connection.session.wake() }
        }
    }

    // MARK: Durability

    /// Whether what this connection has to say must still wait for the disk. It is then flushed once it need not.
    func holdsOutput(of connection: Connection) -> Bool {
        let output = connection.session.output
        let journal = context.journal
        guard output.heldUntilSequence > journal.durableSequence, journal.isEnabled else { return false }
        if output.heldUntilSequence == journal.openSequence, journal.pendingBytes == 0 {
            // Nothing was appended to the open batch after all: the one before it is enough.
            output.heldUntilSequence -= 1
            if output.heldUntilSequence <= journal.durableSequence { return false }
        }
        pipeline?.needsDurable(output.heldUntilSequence)
        if !connection.isHeld {
            connection.isHeld = true
            held.append(connection)
        }
        return true
    }

    /// The journal's durable sequence has grown: what waited for that goes out at the end of this turn.
    func noteMoreDurable() { isMoreDurable = true }

    private func releaseHeld() {
        isMoreDurable = false
        guard !held.isEmpty else { return }
        let waiting = held
        held.removeAll(keepingCapacity: true)
        for connection in waiting {
            connection.isHeld = false
            connection.flush()
        }
    }

    /// The log has failed: nothing becomes durable any more, and whoever waits for that would wait for ever. The end of
    /// the connection says what is true: the outcome is not known.
    private func closeHeld() {
        let waiting = held
        held.removeAll()
        log(
            .warning, "connections closed whose last request may not be on disk",
            ("connections", String(waiting.count)))
        for connection in waiting {
            connection.isHeld = false
            connection.close()
        }
    }

    // MARK: Connections

    func accepted(_ descriptor: Int32, peer: SocketAddress, by listener: Listener) {
        let wireProtocol = listener.wireProtocol
        let isFull =
            wireProtocol == .amqp
            ? connections.countAMQP >= amqpConnectionsMax : connections.countRESP >= respClientsMax
        if isFull { return refuse(descriptor, wireProtocol) }
        let local = SocketAddress.local(of: descriptor)
        let address = PeerAddress(
            host: peer.host, port: peer.port, isLoopback: peer.isLoopback, localHost: local.host,
            localPort: local.port)
        let connection = Connection(
            descriptor: descriptor, session: makeSession(wireProtocol, address), wireProtocol: wireProtocol,
            reactor: self)
        statistics.connectionsAccepted += 1
        connections.insert(connection)
        connection.watchReadable(true)
        // Anything the session said before it had an index was scheduled without one.
        connection.session.wake()
    }

    private func refuse(_ descriptor: Int32, _ wireProtocol: WireProtocol) {
        statistics.connectionsRefused += 1
        if wireProtocol == .resp {
            let text: StaticString = "-ERR max number of clients reached\r\n"
            _ = send(descriptor, text.utf8Start, text.utf8CodeUnitCount, Int32(MSG_NOSIGNAL))
        }
        closeFile(descriptor)
        logRefusal("connection refused: too many are open")
    }

    func refusedForDescriptors(_ reason: Int32) {
        statistics.connectionsRefused += 1
        logRefusal("connection refused: \(SystemError.text(reason))")
    }

    /// At most one line a second.
    private func logRefusal(_ text: String) {
        let now = context.time.monotonicMilliseconds
        guard lastRefusalLogged == .min || now - lastRefusalLogged >= 1_000 else { return }
        lastRefusalLogged = now
        log(.warning, text, ("open", String(connections.count)))
    }

    func forget(_ connection: Connection) { connections.remove(connection) }

    func forget(_ connection: OutgoingConnection) { outgoing[ObjectIdentifier(connection)] = nil }

    func linger(_ connection: Connection) {
        lingering.append((context.time.monotonicMilliseconds + NetworkLimits.lingerMilliseconds, connection))
    }

    private func closeLingering() {
        guard let first = lingering.first else { return }
        let now = context.time.monotonicMilliseconds
        guard first.deadline <= now || first.connection.phase == .closed else { return }
        var done = 0
        while done < lingering.count, lingering[done].deadline <= now || lingering[done].connection.phase == .closed {
            lingering[done].connection.close()
            done += 1
        }
        lingering.removeFirst(done)
    }

    // MARK: Listeners

    /// Listens on every address that the specification stands for. ::1 may be missing beside 127.0.0.1.
    func listen(_ specification: ListenAddress, _ wireProtocol: WireProtocol) throws(ListenError) {
        let addresses = SocketAddress.resolve(specification)
        guard !addresses.isEmpty else {
            throw ListenError(address: specification.description, errorNumber: EADDRNOTAVAIL)
        }
        var chosenPort: UInt16?
        for (number, wanted) in addresses.enumerated() {
            var address = wanted
            // Port 0: the second address gets the port that the first was given.
            if address.port == 0, let chosenPort { address.port = chosenPort }
            do {
                let listener = try Listener(address, wireProtocol: wireProtocol, reactor: self)
                chosenPort = listener.address.port
                listeners.append(listener)
            } catch {
                let isMissingFamily = error.errorNumber == EADDRNOTAVAIL || error.errorNumber == EAFNOSUPPORT
                if number > 0, isMissingFamily { continue }
                throw error
            }
        }
    }

    /// Sends those away who have connected before the daemon is ready.
    func refuseWaiting() {
        for listener in listeners { listener.refuseWaiting() }
    }

    /// Connections are accepted from now on; until then they wait in the kernel's queue, or are sent away.
    func startAccepting() {
        for listener in listeners { listener.watchReadable(true) }
    }

    func stopAccepting() {
        for listener in listeners { listener.stop() }
        listeners = []
    }

    // MARK: Shutdown

    /// Tells every client; each connection then ends when its last bytes are written.
    func beginShutdown() {
        beginTurn()
        isShuttingDown = true
        for connection in connections.all { connection.shutDown() }
    }

    func closeAll() {
        for connection in connections.all { connection.close() }
        for connection in outgoing.values { connection.close() }
    }

    /// What INFO shows of connections.
    func fill(_ facts: inout ProcessFacts) {
        facts.respPort = listeners.first { $0.wireProtocol == .resp }?.address.port ?? 0
        facts.amqpPort = listeners.first { $0.wireProtocol == .amqp }?.address.port ?? 0
        facts.clientsMax = respClientsMax
        facts.respClients = connections.countRESP
        facts.amqpConnections = connections.countAMQP
        facts.connectionsAccepted = statistics.connectionsAccepted
        facts.connectionsRefused = statistics.connectionsRefused
        facts.bytesRead = statistics.bytesRead
        facts.bytesWritten = statistics.bytesWritten
    }

    // MARK: Timer

    private func armTimer() {
        var deadline = engine.nextDeadline ?? .max
        if let pipelineDeadline = pipeline?.nextDeadline { deadline = min(deadline, pipelineDeadline) }
        if let checkpointDeadline = storage?.nextDeadline { deadline = min(deadline, checkpointDeadline) }
        if let first = lingering.first { deadline = min(deadline, first.deadline) }
        // An earlier setting fires for nothing, once; setting anew for every turn would cost more.
        guard deadline < armedDeadline else { return }
        armedDeadline = deadline
        timer.schedule(afterMicroseconds: max(0, deadline - context.time.monotonicMilliseconds) * 1_000)
    }
}
