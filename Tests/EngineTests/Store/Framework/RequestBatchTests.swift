import Testing

@testable import Engine

private func requests(_ lines: [String]) -> [UInt8] {
    lines.flatMap { StoreTestClient.request($0.split(separator: " ").map { Array($0.utf8) }) }
}

/// Goal: decoding ahead shows nowhere. Method: the same random commands one by one, and as a pipeline cut at random
/// places, with lines in between; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func pipelinesAnswerAsOneByOne(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let single = StoreHarness(seed: seed).connect()
    let pipelined = StoreHarness(seed: seed).connect()
    var expected: [UInt8] = []
    var stream: [UInt8] = []
    for step in 0..<400 {
        let key = "k\(random.below(12))"
        let line = [
            "SET \(key) \(step)", "GET \(key)", "DEL \(key)", "INCR \(key)", "APPEND \(key) x", "MULTI", "EXEC",
            "SELECT \(random.below(2))", "MGET k1 k2 k3", "NOSUCH", "GET", "CLIENT REPLY SKIP",
        ][random.below(12)]
        let bytes = random.below(4) == 0 ? Array((line + "\r\n").utf8) : requests([line])
        stream += bytes
        expected += single.send(bytes: bytes)
    }
    var answered: [UInt8] = []
    var position = 0
    while position < stream.count {
        let end = min(stream.count, position + 1 + random.below(random.below(2) == 0 ? 10 : 2_000))
        answered += pipelined.send(bytes: Array(stream[position..<end]))
        position = end
    }
    #expect(answered == expected)
}

@Test func whatFollowsAWaitIsExecutedAfterIt() {
    let harness = StoreHarness()
    let client = harness.connect()
    let other = harness.connect()
    let answer = client.send(
        bytes: requests(["SET a 1", "BLPOP list 0", "GET a", "BLPOP list 0.1", "GET a"]) + Array("*1\r\n$4\r\nPI".utf8))
    #expect(String(decoding: answer, as: UTF8.self) == "+OK\r\n")
    other.send("SET a 2")
    other.send("RPUSH list x")
    #expect(client.pending() == "*2 $4 list $1 x $1 2")
    harness.advance(milliseconds: 100)
    #expect(client.pending() == "*-1 $1 2")
    #expect(client.send(bytes: Array("NG\r\n".utf8)) == Array("+PONG\r\n".utf8))
}

@Test func whatPrecedesAnErrorIsExecuted() {
    let client = StoreHarness().connect()
    let answer = client.send(bytes: requests(["SET a 1", "GET a"]) + Array("*1\r\n!".utf8) + requests(["GET a"]))
    #expect(
        String(decoding: answer, as: UTF8.self) == "+OK\r\n$1\r\n1\r\n-ERR Protocol error: expected '$', got '!'\r\n")
}

@Test func nothingFollowsAnEnd() {
    let harness = StoreHarness()
    let client = harness.connect()
    #expect(client.send(bytes: requests(["SET a 1", "QUIT", "SET a 2"])) == Array("+OK\r\n+OK\r\n".utf8))
    #expect(harness.connect().send("GET a") == "$1 1")
}

@Test func authenticationCountsForWhatFollowsIt() {
    let client = StoreHarness(password: "secret").connect()
    let long = String(repeating: "x", count: 20_000)
    let answer = client.send(bytes: requests(["AUTH secret", "SET a \(long)", "STRLEN a"]))
    #expect(String(decoding: answer, as: UTF8.self) == "+OK\r\n+OK\r\n:20000\r\n")
}
