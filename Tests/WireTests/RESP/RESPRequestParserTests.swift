import Testing
import Wire

private func makeParser(unauthenticated: Bool = false) -> RESPRequestParser {
    var limits = RESPRequestLimits(
        bulkBytesMax: 1_000_000, argumentsMax: 1_000, inlineBytesMax: 65_536, unauthenticatedArgumentsMax: 10,
        unauthenticatedBulkBytesMax: 16_384)
    limits.isUnauthenticated = unauthenticated
    return RESPRequestParser(limits: limits)
}

/// Feeds the bytes in pieces of the given sizes, as a server does: what is not taken comes again, elsewhere.
private func parse(
    _ bytes: [UInt8], pieces: [Int], unauthenticated: Bool = false
) throws(RESPProtocolError) -> [[[UInt8]]] {
    var parser = makeParser(unauthenticated: unauthenticated)
    let arguments = RESPArguments()
    var requests: [[[UInt8]]] = []
    var held: [UInt8] = []
    var position = 0
    var piece = 0
    while position < bytes.count {
        let size = max(1, min(pieces[piece % pieces.count], bytes.count - position))
        piece += 1
        held += bytes[position..<position + size]
        position += size
        // A fresh copy each time, so that slices of an earlier call would be wrong.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: held.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: held)
        let slice = ByteSlice(UnsafeRawBufferPointer(copy))
        var offset = 0
        while try parser.next(slice, at: &offset, into: arguments) {
            requests.append((0..<arguments.count).map { arguments[$0].array })
        }
        held.removeFirst(offset)
    }
    return requests
}

/// The error that parsing ends with; nil when there is none.
private func failure(_ bytes: [UInt8], unauthenticated: Bool = false) -> RESPProtocolError? {
    do throws(RESPProtocolError) {
        _ = try parse(bytes, pieces: [100_000], unauthenticated: unauthenticated)
        return nil
    } catch {
        return error
    }
}

private func words(_ text: String...) -> [[UInt8]] { text.map { Array($0.utf8) } }

private let sample = Array(
    """
    *3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nva\r\nu\r\n*1\r\n$4\r\nPING\r\n\r\n  get "a\\x41\\n" 'it\\'s'  \r\n*0\r\n*-1\r\nPING\n\
    *2\r\n$3\r\nGET\r\n$0\r\n\r\n
    """.utf8)
private let sampleRequests: [[[UInt8]]] = [
    words("SET", "key", "va\r\nu"), words("PING"), words("get", "aA\n", "it's"), words("PING"), words("GET", ""),
]

/// Goal: where the bytes are cut makes no difference. Method: every cut into two, then every piece size.
@Test func requestsAreTheSameWhereverTheyAreCut() throws {
    for cut in 0...sample.count {
        #expect(try parse(sample, pieces: [cut, sample.count]) == sampleRequests)
    }
    for size in 1...20 { #expect(try parse(sample, pieces: [size]) == sampleRequests) }
}

/// Goal: random requests come back as they were sent, in random pieces. The seed replays.
@Test(arguments: 1...32 as ClosedRange<UInt64>)
func randomRequestsComeBack(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    var expected: [[[UInt8]]] = []
    for _ in 0..<50 {
        let request = (0..<Int.random(in: 1...8, using: &random)).map { _ in
            (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        expected.append(request)
        bytes += Array("*\(request.count)\r\n".utf8)
        for word in request { bytes += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
    }
    let pieces = (0..<100).map { _ in Int.random(in: 1...60, using: &random) }
    #expect(try parse(bytes, pieces: pieces) == expected)
}

/// Goal: no input makes the parser read outside its bytes, hang or take memory. Method: random bytes, mostly of
/// the protocol's own alphabet; whatever the outcome, it must come to an end.
@Test(arguments: 1...64 as ClosedRange<UInt64>)
func randomBytesAreSurvived(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("*$0123456789-\r\n\"'\\xaf PING".utf8)
    for _ in 0..<50 {
        let bytes = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            Int.random(in: 0..<10, using: &random) == 0
                ? UInt8.random(in: 0...255, using: &random) : alphabet.randomElement(using: &random)!
        }
        _ = try? parse(bytes, pieces: [Int.random(in: 1...50, using: &random), 7, 300])
    }
}

@Test(arguments: [
    ("*abc\r\n", RESPProtocolError.invalidMultibulkLength),
    ("*1001\r\n", .invalidMultibulkLength),
    ("*99999999999999999999\r\n", .invalidMultibulkLength),
    ("*1\r\nPING\r\n", .expectedBulk(UInt8(ascii: "P"))),
    ("*1\r\n$-1\r\n", .invalidBulkLength),
    ("*1\r\n$1000001\r\n", .invalidBulkLength),
    ("*1\r\n$1x\r\n", .invalidBulkLength),
    ("get \"abc\r\n", .unbalancedQuotes),
    ("get \"abc\"d\r\n", .unbalancedQuotes),
    ("get 'abc\r\n", .unbalancedQuotes),
])
func malformedRequestsAreRefused(text: String, error: RESPProtocolError) {
    #expect(failure(Array(text.utf8)) == error)
}

@Test func limitsHoldBeforeBytesAreWaitedFor() {
    let long = [UInt8](repeating: UInt8(ascii: "1"), count: 70_000)
    #expect(failure(long) == RESPProtocolError.tooBigInline)
    #expect(failure(Array("*".utf8) + long) == RESPProtocolError.tooBigMultibulkLine)
    #expect(failure(Array("*1\r\n$".utf8) + long) == RESPProtocolError.tooBigBulkLine)
    #expect(failure(Array("*11\r\n".utf8), unauthenticated: true) == RESPProtocolError.unauthenticatedMultibulkLength)
    #expect(
        failure(Array("*1\r\n$16385\r\n".utf8), unauthenticated: true) == RESPProtocolError.unauthenticatedBulkLength)
}

@Test func integersAreStrict() {
    func parse(_ text: String) -> Int64? { Array(text.utf8).withUnsafeBytes { RESPNumber.integer(ByteSlice($0)) } }
    #expect(parse("0") == 0)
    #expect(parse("-1") == -1)
    #expect(parse("9223372036854775807") == Int64.max)
    #expect(parse("-9223372036854775808") == Int64.min)
    for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809", "1e3"] {
        #expect(parse(text) == nil, "\(text)")
    }
}

@Test func integersAreWrittenAsTheyAreRead() {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { buffer in
        var values: [Int64] = [0, 1, -1, Int64.max, Int64.min]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            values += [power, power - 1, -power, 1 - power]
        }
        for value in values {
            let count = RESPNumber.write(value, to: buffer.baseAddress!)
            #expect(String(decoding: buffer[0..<count], as: UTF8.self) == "\(value)")
        }
    }
}
