import Testing
import Wire

/// All replies of `text`, fed in pieces of `piece` bytes; the rest is kept as a client keeps it.
private func parse(_ text: String, piece: Int = .max) throws -> [RESPReply] {
    var parser = RESPReplyParser()
    var replies: [RESPReply] = []
    var pending: [UInt8] = []
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
        let count = min(piece, bytes.count - offset)
        pending += bytes[offset..<offset + count]
        offset += count
        let left = try pending.withUnsafeBytes { buffer in
            var input = ByteCursor(ByteSlice(buffer))
            while let reply = try parser.next(&input) { replies.append(reply) }
            return input.remaining
        }
        pending.removeFirst(pending.count - left)
    }
    #expect(pending.isEmpty)
    return replies
}

private let everyKind =
    "+OK\r\n-ERR no\r\n:-42\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n"
    + "_\r\n#t\r\n#f\r\n,1.5\r\n,inf\r\n(12345678901234567890\r\n=7\r\ntxt:abc\r\n!5\r\nERR x\r\n"
    + "%1\r\n+k\r\n~1\r\n:7\r\n%0\r\n|1\r\n+ttl\r\n:3\r\n>2\r\n+message\r\n$2\r\nhi\r\n"

private let everyReply: [RESPReply] = [
    .simpleString(Array("OK".utf8)), .error(Array("ERR no".utf8)), .integer(-42),
    .bulkString(Array("a\r\n".utf8)), .bulkString([]), .null, .null, .array([]),
    .array([.integer(1), .array([.bulkString([0x78])])]), .null, .boolean(true), .boolean(false), .double(1.5),
    .double(.infinity), .bigNumber(Array("12345678901234567890".utf8)),
    .verbatimString(format: Array("txt".utf8), text: Array("abc".utf8)), .error(Array("ERR x".utf8)),
    .map([.simpleString([0x6B]), .set([.integer(7)])]), .map([]),
    .push([.simpleString(Array("message".utf8)), .bulkString(Array("hi".utf8))]),
]

/// Goal: the cut of the bytes does not matter. Method: every kind of reply in pieces of every small size.
@Test(arguments: 1...24)
func repliesParseHoweverTheyAreCut(piece: Int) throws {
    #expect(try parse(everyKind, piece: piece) == everyReply)
}

@Test func repliesParseWhole() throws { #expect(try parse(everyKind) == everyReply) }

@Test(arguments: [
    ("?\r\n", RESPReplyError.unknownType(0x3F)), (":\r\n", .malformed), (":1x\r\n", .malformed),
    ("$-2\r\n", .malformed), ("$1\r\nabc\r\n", .malformed), ("*-2\r\n", .malformed), ("#x\r\n", .malformed),
    ("+a\rb\r\n", .malformed), ("$99999999999\r\n", .tooLarge), ("*99999999999\r\n", .tooLarge),
    (":99999999999999999999\r\n", .malformed), ("=3\r\ntxt\r\n", .malformed), ("%-1\r\n", .malformed),
])
func badRepliesAreRefused(text: String, error: RESPReplyError) {
    #expect(throws: error) { try parse(text) }
}

@Test func nestedRepliesAreBounded() throws {
    let deep = String(repeating: "*1\r\n", count: 64) + ":1\r\n"
    #expect(try parse(deep).count == 1)
    #expect(throws: RESPReplyError.tooDeep) { try parse("*1\r\n" + deep) }
    #expect(throws: RESPReplyError.tooLarge) { try parse("+" + String(repeating: "a", count: 70_000)) }
}

/// Redis 7.0 writes a message to oneself into the reply of the transaction that published it.
@Test(arguments: 1...9)
func pushInsideAReplyStandsAlone(piece: Int) throws {
    let replies = try parse("*2\r\n+OK\r\n>2\r\n+message\r\n*1\r\n:3\r\n:1\r\n:2\r\n", piece: piece)
    #expect(
        replies == [
            .push([.simpleString(Array("message".utf8)), .array([.integer(3)])]),
            .array([.simpleString(Array("OK".utf8)), .integer(1)]), .integer(2),
        ])
}

@Test func repliesGiveTheirParts() {
    let map = RESPReply.map([.bulkString(Array("role".utf8)), .bulkString(Array("master".utf8))])
    #expect(map.value("role")?.text == "master" && map.value("x") == nil)
    #expect(RESPReply.null.isNull && RESPReply.integer(3).integer == 3)
}

/// Random bytes and damaged replies never crash; seeds replay.
@Test(arguments: 1...8 as ClosedRange<UInt64>)
func replyParserSurvivesDamage(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<300 {
        var bytes = Array(everyKind.utf8)
        for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = random.bytes(1)[0] }
        bytes.withUnsafeBytes { buffer in
            var parser = RESPReplyParser()
            var input = ByteCursor(ByteSlice(buffer))
            while (try? parser.next(&input)) ?? nil != nil {}
        }
    }
}
