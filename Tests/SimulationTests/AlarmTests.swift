import Simulation
import Testing
import Wire

@testable import Engine

/// Goal: an alarm holds for both halves of the engine from the moment on which it is raised, and no longer.
@Test func alarmsRefuseWritesAtOnce() throws {
    let host = try SimulatedHost(disk: SimulatedDisk(seed: 1), seed: 1)
    let client = SimulatedRESPClient(host)
    host.engine.context.alarms.isDiskLow = true
    client.send(["SET", "a", "1"])
    host.turn()
    guard case .error(let text) = try client.read().first else {
        Issue.record("the write was taken")
        return
    }
    #expect(String(decoding: text, as: UTF8.self).hasPrefix("MISCONF"))
    host.engine.context.alarms.isDiskLow = false
    client.send(["SET", "a", "1"])
    host.turn()
    #expect(try client.read() == [.simpleString(Array("OK".utf8))])
}
