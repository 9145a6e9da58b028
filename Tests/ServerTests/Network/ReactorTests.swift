// Turns, connections and listeners with real sockets and a session that answers lines.

import Testing

@testable import Engine
@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Test func linesComeBack() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    client.send("one\ntwo\n")
    harness.run { client.text == "one\ntwo\n" }
    #expect(harness.sessions[0].peer.isLoopback)
    #expect(harness.reactor.statistics.bytesRead == 8)
}

/// Goal: what a session does not take is kept and passed again with what follows.
@Test func incompleteRequestIsKept() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    for piece in ["he", "ll", "o\nwor", "ld", "\n"] {
        client.send(piece)
        harness.runTurns(3)
    }
    harness.run { client.text == "hello\nworld\n" }
    #expect(harness.sessions[0].lines == ["hello", "world"])
}

/// Goal: a request longer than the shared buffer grows in place and comes out whole.
@Test func longRequestIsWhole() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    let line = (0..<700_000).map { UInt8(97 + $0 % 26) }
    var sent = 0
    harness.run {
        let count = min(50_000, line.count - sent)
        if count > 0 {
            let put = line[sent..<sent + count].withUnsafeBytes { send(client.descriptor, $0.baseAddress, $0.count, 0) }
            sent += max(0, put)
        }
        return sent == line.count
    }
    client.send("\nnext\n")
    harness.run { client.poll().count == line.count + 6 }
    #expect(client.received.prefix(line.count) == line[...])
    #expect(harness.sessions[0].lines.count == 2)
}

/// Goal: output that the socket does not take at once arrives whole, and the session hears that it drained.
@Test func largeOutputIsWrittenInParts() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    client.send("big\n")
    harness.run { harness.sessions.first?.lines.count == 1 }
    harness.runTurns(5)
    #expect(!harness.sessions[0].output.isEmpty)
    harness.run { client.poll().count == 8 << 20 + 4 || client.received.count == (8 << 20) + 4 }
    #expect(harness.sessions[0].output.isEmpty)
    #expect(harness.sessions[0].drains == 1)
}

/// Goal: a paused session gets nothing until it resumes, then what it had left, in order.
@Test func pausedSessionResumes() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    client.send("pause\na\nb\n")
    harness.run { harness.sessions.first?.lines == ["pause"] }
    client.send("c\n")
    harness.runTurns(5)
    #expect(harness.sessions[0].lines == ["pause"])
    harness.sessions[0].resume()
    harness.run { client.text == "a\nb\nc\n" }
}

/// Goal: a session that leaves its input to the next turn gets it there, however much has come meanwhile, in order, and
/// others have their turn in between.
@Test func yieldingSessionGoesOnInTheNextTurn() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    let other = harness.connect()
    let bulk = [UInt8](repeating: 0x78, count: 1_000) + [0x0A]
    let lines = Array(repeatElement(Array("yield\n".utf8) + bulk, count: 200).joined())
    client.send(lines)
    harness.run { harness.sessions.first?.receives ?? 0 > 10 }
    other.send("hello\n")
    harness.run { other.text == "hello\n" }
    #expect(harness.sessions[0].lines.count < 400)
    harness.run { client.poll().count == lines.count - 200 * 6 }
    #expect(harness.sessions[0].lines.count == 400)
}

/// Goal: a client that goes away while its session is paused is noticed.
@Test func pausedClientIsMissed() throws {
    let harness = try TestHarness()
    var client: TestClient? = harness.connect()
    client?.send("pause\n")
    harness.run { harness.sessions.first?.lines == ["pause"] }
    client = nil
    harness.run { harness.sessions[0].disconnects == 1 }
    #expect(harness.reactor.connections.count == 0)
}

/// Goal: last words arrive although the peer goes on sending, and the connection ends when it closes.
@Test func lastWordsArrive() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    client.send("bye\n")
    harness.run { harness.sessions.first?.disconnects == 1 }
    client.send("more\nthat\nnobody\nreads\n")
    harness.runTurns(5)
    harness.run { client.hasEnded }
    #expect(client.text == "bye\n" && client.errorNumber == 0)
    #expect(harness.reactor.connections.count == 1)
    client.endSending()
    harness.run { harness.reactor.connections.count == 0 }
    #expect(harness.sessions[0].disconnects == 1)
}

@Test func droppedConnectionGetsNothing() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    client.send("drop\n")
    harness.run { client.hasEnded }
    #expect(client.received.isEmpty)
    #expect(harness.reactor.connections.count == 0)
}

/// Goal: what was sent before the peer closed its side is answered.
@Test func halfClosedPeerIsAnswered() throws {
    let harness = try TestHarness()
    let client = harness.connect()
    client.send("hello\n")
    client.endSending()
    harness.run { client.hasEnded }
    #expect(client.text == "hello\n")
    #expect(harness.sessions[0].disconnects == 1)
}

/// Goal: output that promises durability waits for its batch, and other connections do not.
@Test func heldOutputWaitsForTheDisk() throws {
    let harness = try TestHarness()
    let journal = harness.engine.context.journal
    journal.begin(epoch: 1, at: 0)
    let client = harness.connect()
    let other = harness.connect()
    client.send("hold\n")
    other.send("free\n")
    harness.run { other.text == "free\n" && harness.sessions.allSatisfy { !$0.lines.isEmpty } }
    harness.runTurns(5)
    #expect(client.poll().isEmpty)
    let batch = try #require(journal.takeBatch())
    journal.written(batch)
    journal.durable(upTo: batch.sequence)
    harness.reactor.noteMoreDurable()
    harness.run { client.text == "hold\n" }
    // Nothing was appended since: a further promise is kept by what is durable already.
    client.send("hold\n")
    harness.run { client.text == "hold\nhold\n" }
}

/// Goal: while the disk is far behind no input is taken; all of it is once the disk has caught up.
@Test func congestedLogSuspendsReading() throws {
    let harness = try TestHarness()
    let journal = harness.engine.context.journal
    let client = harness.connect()
    client.send("one\n")
    harness.run { client.text == "one\n" }
    journal.begin(epoch: 1, at: 0)
    journal.append(.storeEffects, payloadBytes: Limits.logBatchBytesMax + 1) { writer in
        let zeros = [UInt8](repeating: 0, count: Limits.logBatchBytesMax + 1)
        writer.writeBytes(zeros, count: zeros.count)
    }
    harness.runTurns(1)
    #expect(harness.reactor.isReadingSuspended)
    client.send("two\nthree\n")
    harness.runTurns(10)
    #expect(harness.sessions[0].lines == ["one"])
    journal.written(try #require(journal.takeBatch()))
    harness.run { client.text == "one\ntwo\nthree\n" }
}

@Test func tooManyClientsAreToldSo() throws {
    let harness = try TestHarness()
    harness.reactor.respClientsMax = 2
    let clients = (0..<3).map { _ in harness.connect() }
    harness.run { clients[2].hasEnded }
    #expect(clients[2].text == "-ERR max number of clients reached\r\n")
    #expect(harness.reactor.statistics.connectionsRefused == 1)
    #expect(harness.reactor.connections.countRESP == 2)
}

@Test func portInUseIsTold() throws {
    let harness = try TestHarness()
    let port = harness.reactor.listeners[0].address.port
    #expect {
        try harness.reactor.listen(ListenAddress(host: "127.0.0.1", port: port), .amqp)
    } throws: { error in
        (error as? ListenError)?.description == "cannot listen on 127.0.0.1:\(port): the port is in use"
    }
}

@Test func localhostIsBothFamilies() throws {
    let harness = try TestHarness()
    try harness.reactor.listen(ListenAddress(host: "localhost", port: 0), .amqp)
    let addresses = harness.reactor.listeners.filter { $0.wireProtocol == .amqp }.map(\.address)
    #expect(addresses[0].description.hasPrefix("127.0.0.1:"))
    #expect(Set(addresses.map(\.port)).count == 1)
}

/// Goal: shutting down tells every session and ends idle RESP connections at once.
@Test func shutdownEndsIdleConnections() throws {
    let harness = try TestHarness()
    let clients = (0..<3).map { _ in harness.connect() }
    harness.run { harness.sessions.count == 3 }
    harness.reactor.beginShutdown()
    harness.run { harness.reactor.connections.count == 0 }
    #expect(clients.filter { !$0.hasEnded }.isEmpty)
    #expect(harness.sessions.allSatisfy { $0.shutdowns == 1 && $0.disconnects == 1 })
}

/// Goal: many connections that come and go leave nothing behind.
@Test func slotsAreUsedAgain() throws {
    let harness = try TestHarness()
    for round in 0..<20 {
        let clients = (0..<10).map { _ in harness.connect() }
        for client in clients { client.send("x\n") }
        harness.run { clients.allSatisfy { $0.text == "x\n" } }
        _ = consume clients
        harness.run { harness.reactor.connections.count == 0 }
        #expect(harness.sessions.count == (round + 1) * 10)
    }
    #expect(harness.sessions.allSatisfy { $0.disconnects == 1 })
}
