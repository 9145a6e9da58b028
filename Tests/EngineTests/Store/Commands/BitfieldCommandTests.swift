import Testing

@testable import Engine

/// Goal: numbers at the limits get Redis's answers. Method: replies recorded from Redis 7.0.
@Test func bitfieldAnswersAtTheLimits() {
    let client = StoreHarness().connect()
    func ask(_ words: String, _ expected: String) { #expect(client.send("BITFIELD \(words)") == expected) }
    ask("a SET i8 0 -9223372036854775808 GET i8 0", "*2 :0 :0")
    ask("a OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0", "*2 :0 :127")
    ask("a OVERFLOW SAT SET u8 0 -1 GET u8 0", "*2 :127 :255")
    ask("a OVERFLOW FAIL SET u8 0 -1 GET u8 0", "*2 $-1 :255")
    ask("b SET u63 0 9223372036854775807 INCRBY u63 0 1 INCRBY u63 0 -1", "*3 :0 :0 :9223372036854775807")
    ask(
        "b OVERFLOW SAT INCRBY u63 0 -9223372036854775808 INCRBY u63 0 9223372036854775807",
        "*2 :0 :9223372036854775807")
    ask("c SET i63 0 -4611686018427387904 INCRBY i63 0 -1", "*2 :0 :4611686018427387903")
    ask("c OVERFLOW SAT INCRBY i63 0 9223372036854775807", "*1 :4611686018427387903")
    ask("d SET i64 0 9223372036854775807 INCRBY i64 0 9223372036854775807", "*2 :0 :-2")
    ask("d OVERFLOW FAIL INCRBY i64 0 -9223372036854775808", "*1 $-1")
}

/// Goal: a string that only grew is journaled too. Method: an operation that fails makes the key; then replay.
@Test func bitfieldThatFailsLeavesAStringThatIsReplayed() throws {
    let harness = StoreHarness(journals: true)
    let client = harness.connect()
    #expect(client.send("BITFIELD made OVERFLOW FAIL INCRBY u2 100 5") == "*1 $-1")
    #expect(client.send("STRLEN made") == ":13")
    client.send("SET grown ab")
    #expect(client.send("BITFIELD grown OVERFLOW FAIL INCRBY u2 100 5") == "*1 $-1")
    // What comes later stands on it.
    client.send("RENAME made moved")
    let replayed = try harness.replayed().connect()
    #expect(replayed.send("STRLEN moved") == ":13")
    #expect(replayed.send("STRLEN grown") == ":13")
}
