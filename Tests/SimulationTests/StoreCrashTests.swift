// The key store under power cuts: what was answered is there, and the whole state is one that the store
// had at some moment.

import Simulation
import Testing
import Wire

@testable import Engine

/// The request as clients send it.
private func command(_ words: String...) -> [UInt8] { command(words) }

private func command(_ words: [String]) -> [UInt8] {
    var text = "*\(words.count)\r\n"
    for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
    return Array(text.utf8)
}

private func replies(_ bytes: [UInt8]) throws -> [RESPReply] {
    var parser = RESPReplyParser()
    var found: [RESPReply] = []
    try bytes.withUnsafeBytes { buffer in
        var cursor = ByteCursor(buffer)
        while let reply = try parser.next(&cursor) { found.append(reply) }
    }
    return found
}

/// What the store should hold: keys with their text.
private typealias Model = [String: String]

private let keys = (0..<6).map { "key\($0)" }

/// One random change: the request, and what it does to a model.
private func randomChange(_ random: inout RandomSource, step: Int) -> (request: [UInt8], change: (inout Model) -> Void)
{
    let key = keys[Int.random(in: 0..<keys.count, using: &random)]
    let other = keys[Int.random(in: 0..<keys.count, using: &random)]
    switch Int.random(in: 0..<6, using: &random) {
    case 0:
        return (command("DEL", key), { $0[key] = nil })
    case 1:
        return (command("APPEND", key, "+\(step)"), { $0[key, default: ""] += "+\(step)" })
    case 2:
        // All or nothing.
        let request =
            command("MULTI") + command("SET", key, "a\(step)") + command("SET", other, "b\(step)") + command("EXEC")
        return (
            request,
            {
                $0[key] = "a\(step)"
                $0[other] = "b\(step)"
            }
        )
    case 3:
        let script = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('DEL', KEYS[2]) return 1"
        return (
            command("EVAL", script, "2", key, other, "s\(step)"),
            {
                $0[key] = "s\(step)"
                $0[other] = nil
            }
        )
    default:
        let value = String(repeating: "v", count: Int.random(in: 0...900, using: &random)) + "\(step)"
        return (command("SET", key, value), { $0[key] = value })
    }
}

/// Number of replies that `randomChange`'s requests get: MULTI has four.
private func replyCount(_ request: [UInt8]) -> Int { request.starts(with: Array("*1\r\n$5\r\nMULTI".utf8)) ? 4 : 1 }

/// Nil when the disk failed meanwhile.
private func readState(_ host: SimulatedHost) throws -> Model? {
    let client = host.connectRESP()
    for key in keys { client.send(command("GET", key)) }
    host.settle()
    guard host.failure == nil else { return nil }
    let values = try replies(client.take())
    var model = Model()
    for (key, value) in zip(keys, values) { model[key] = value.text }
    #expect(values.count == keys.count)
    return model
}

/// Goal: with `appendfsync always` every answered write survives, and the state after recovery is the one after
/// some number of writes, at least as many as were answered. Method: power cut at a random change of the disk,
/// several times on the same disk; seed replays.
@Test(arguments: 1...40 as ClosedRange<UInt64>)
func answeredWritesSurviveCrashes(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let disk = SimulatedDisk(seed: seed)
    var states: [Model] = [[:]]
    var answered = 0
    for round in 0..<4 {
        let configuration = EngineConfiguration()
        configuration.appendFsync = .always
        disk.follow(.crash(at: disk.changes + Int.random(in: 1...60, using: &random)))
        do throws(LogError) {
            let host = try SimulatedHost(
                disk: disk, seed: seed &+ UInt64(round), segmentBytesMax: 4_000, configuration: configuration)
            if let found = check(host, states, answered, "seed \(seed), round \(round)") {
                (states, answered) = work(host, from: found, &random)
            }
        } catch {
            #expect(disk.hasCrashed, "seed \(seed), round \(round): \(error)")
        }
        disk.crash()
    }
    let last = try SimulatedHost(disk: disk, seed: seed, segmentBytesMax: 4_000)
    #expect(check(last, states, answered, "seed \(seed)") != nil)
}

/// Reads the state and compares it. Nil when the disk failed meanwhile.
private func check(_ host: SimulatedHost, _ states: [Model], _ answered: Int, _ place: String) -> Model? {
    guard let found = try? readState(host) else { return nil }
    #expect(
        states[answered...].contains(found), "\(place): no state from \(answered) of \(states.count - 1) on is \(found)"
    )
    return found
}

/// Sends random changes, a few for each turn, until the disk fails. Returns the states after each change, from
/// the one at the start, and how many changes were answered.
private func work(_ host: SimulatedHost, from start: Model, _ random: inout RandomSource) -> ([Model], Int) {
    var states = [start]
    var expectedReplies = [0]
    let client = host.connectRESP()
    for step in 0..<40 {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let (request, change) = randomChange(&random, step: step)
            var next = states[states.count - 1]
            change(&next)
            states.append(next)
            expectedReplies.append(expectedReplies[expectedReplies.count - 1] + replyCount(request))
            client.send(request)
        }
        host.turn()
        if host.failure != nil { break }
    }
    let received = (try? replies(client.take()))?.count ?? 0
    let answered = expectedReplies.lastIndex { $0 <= received } ?? 0
    return (states, answered)
}
