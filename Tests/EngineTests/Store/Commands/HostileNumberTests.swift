import Testing

@testable import Engine

/// A command of the table with what Redis says to each number.
private struct HostileCase {
    let template: [String]
    /// Error by the name of the number.
    var errors: [String: String] = [:]
    /// Not compared.
    var open: Set<String> = []

    /// The words for one number. A command within a transaction loses its mark.
    func words(_ number: String) -> [String] {
        template.filter { $0 != "M" }.map { word in
            switch word {
            case "N": number
            case "(N", "#N", "iN", "N-*", "5-N": word.replacing("N", with: number)
            case "\"\"": ""
            default: word.replacing("/**/", with: " ")
            }
        }
    }

    static func all() -> [HostileCase] {
        var cases: [HostileCase] = []
        for line in hostileNumberAnswers.split(separator: "\n") {
            guard line.hasPrefix("  ") else {
                let words = line.split(separator: " ").map(String.init)
                cases.append(HostileCase(template: words))
                continue
            }
            let parts = line.trimmingPrefix("  ").split(separator: " <- ")
            for name in parts[1].split(separator: " ").map(String.init) {
                let names = name == "*" ? textsThatAreNoIntegers.map(\.key) : [name]
                for name in names {
                    if parts[0] == "?" { cases[cases.count - 1].open.insert(name) }
                    cases[cases.count - 1].errors[name] = String(parts[0])
                }
            }
        }
        return cases
    }
}

private func requests(_ lines: [String]) -> [UInt8] { Array(lines.joined(separator: "\r\n").utf8) + [13, 10] }

/// Keys of every kind.
private let setup = requests([
    "SELECT 0", "FLUSHALL", "SET s hello", "SET n 10", "RPUSH l a b c a", "SADD t x y z", "ZADD z 1 a 2 b 3 c",
    "HSET h f 5 g v", "XADD x 1-1 f v", "XADD x 2-1 f v", "XGROUP CREATE x g 0",
    "XREADGROUP GROUP g c COUNT 1 STREAMS x >",
])

/// What goes on counting from where the number has led: in streams, and elsewhere.
private let streamFollowUps = requests([
    "XADD x 18446744073709551610-1 f v", "XADD x * f v", "XREADGROUP GROUP g c COUNT 2 STREAMS x >",
    "XREADGROUP GROUP g c STREAMS x 0", "XCLAIM x g d 0 1-1", "XAUTOCLAIM x g d 0 0", "XINFO GROUPS x",
    "XINFO STREAM x FULL", "XPENDING x g - + 10", "XGROUP CREATE x after $",
])
private let followUps = requests([
    "TTL s", "PTTL s", "EXPIRETIME k", "TTL k", "INCR n", "HINCRBY h f 1",
    "BITFIELD b INCRBY i64 0 1 INCRBY u63 0 1", "ZINCRBY z 1 a", "OBJECT IDLETIME s",
])

/// Goal: no number stops the daemon, and errors are Redis's. Method: every command that takes a number, with numbers
/// at and beyond the limits, then commands that count on from there; errors as recorded.
@Test func numbersAtTheLimitsGetRedissErrors() {
    let harness = StoreHarness()
    let client = harness.connect()
    var compared = 0
    for hostile in HostileCase.all() {
        let isQueued = hostile.template[0] == "M"
        let later = hostile.template[0].hasPrefix("X") ? streamFollowUps : followUps
        for (name, number) in integersAtTheLimits.map({ $0 }) + textsThatAreNoIntegers.map({ $0 }) {
            client.send(bytes: setup)
            if isQueued { client.send("MULTI") }
            let words = hostile.words(number)
            var reply = client.send(words: words.map { Array($0.utf8) })
            if isQueued { reply = String(client.send("EXEC").trimmingPrefix("*1 ")) }
            if hostile.template[0] == "HELLO" { client.send("HELLO 2") }
            client.send(bytes: later)
            guard !hostile.open.contains(name) else { continue }
            compared += 1
            #expect((reply.hasPrefix("-") ? reply : nil) == hostile.errors[name], "\(words)")
        }
        client.send("INFO")
        harness.turn()
    }
    #expect(compared > 3_000)
}
