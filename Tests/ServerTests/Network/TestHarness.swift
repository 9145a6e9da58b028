// A reactor with test sessions on a free loopback port, and clients with real sockets, all in one thread:
// the test runs turn after turn until what it waits for has happened.

import EventLoop
import Testing
import Wire

@testable import Engine
@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Answers every line with itself; some lines have a meaning.
final class LineSession: Session {
    var lines: [String] = []
    var disconnects = 0
    var shutdowns = 0
    var drains = 0
    var receives = 0

    override func receive(_ bytes: ByteSlice) -> Int {
        receives += 1
        var start = 0
        for index in 0..<bytes.count where bytes[index] == 0x0A {
            let line = bytes.slice(from: start, count: index - start).string
            start = index + 1
            lines.append(line)
            switch line {
            case "pause":
                pausesReading = true
                return start
            case "yield":
                yieldTurn()
                return start
            case "bye": closesAfterFlush = true
            case "drop": closesNow = true
            case "hold": output.heldUntilSequence = context.journal.openSequence
            case "big":
                for _ in 0..<8 { output.append([UInt8](repeating: 0x62, count: 1 << 20)) }
            default: break
            }
            output.append(Array((line + "\n").utf8))
        }
        return start
    }

    func resume() {
        pausesReading = false
        wake()
    }

    override func continueReading() { resume() }

    override func disconnected() { disconnects += 1 }
    override func shutdown() { shutdowns += 1 }
    override func outputDrained() { drains += 1 }
}

final class TestHarness {
    let loop: EventLoop
    let engine: Engine
    let reactor: Reactor
    private(set) var sessions: [LineSession] = []

    init(_ wireProtocol: WireProtocol = .resp) throws {
        loop = try EventLoop()
        let engine = Engine(configuration: EngineConfiguration())
        self.engine = engine
        nonisolated(unsafe) var made: (LineSession) -> Void = { _ in }
        reactor = Reactor(loop: loop, engine: engine) { _, peer in
            let session = LineSession(context: engine.context, peer: peer)
            made(session)
            return session
        }
        made = { [unowned self] in sessions.append($0) }
        try reactor.listen(ListenAddress(host: "127.0.0.1", port: 0), wireProtocol)
        reactor.startAccepting()
    }

    deinit {
        reactor.stopAccepting()
        reactor.closeAll()
    }

    func connect() -> TestClient { TestClient(port: reactor.listeners[0].address.port) }

    /// Runs turns until `condition` holds; at most ten seconds.
    func run(until condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        let end = LoopClock.monotonicMicroseconds + 10_000_000
        while !condition() {
            guard LoopClock.monotonicMicroseconds < end else {
                Issue.record("waited in vain", sourceLocation: sourceLocation)
                return
            }
            reactor.runTurn(waits: false)
        }
    }

    func runTurns(_ count: Int) {
        for _ in 0..<count { reactor.runTurn(waits: false) }
    }
}

final class TestClient {
    let descriptor: Int32
    private(set) var received: [UInt8] = []
    private(set) var isEnded = false
    private(set) var errorNumber: Int32 = 0

    init(port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(connected == 0)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit { closeFile(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) { #expect(Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count) }

    func endSending() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// Receives what has come. Returns everything received so far.
    @discardableResult
    func poll() -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while !isEnded {
            let got = recv(descriptor, &chunk, chunk.count, 0)
            if got > 0 { received += chunk[0..<got] }
            if got == 0 { isEnded = true }
            if got < 0 {
                if errno != EAGAIN {
                    errorNumber = errno
                    isEnded = true
                }
                break
            }
        }
        return received
    }

    var text: String { String(decoding: poll(), as: UTF8.self) }

    var hasEnded: Bool {
        poll()
        return isEnded
    }
}
