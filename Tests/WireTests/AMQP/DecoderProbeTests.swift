import Testing
import Wire

/// A stream of real frames: every method, a content header with all table types, bodies, heartbeats.
private func stream(using random: inout SeededGenerator) -> [UInt8] {
    var writer = ByteWriter()
    for grammar in MethodGrammar.all.shuffled(using: &random) {
        let arguments = grammar.arguments(using: &random)
        writer.writeUInt8(1)
        writer.writeUInt16(UInt16.random(in: 0...9, using: &random))
        writer.writeUInt32(UInt32(arguments.count + 4))
        writer.writeUInt16(grammar.classID)
        writer.writeUInt16(grammar.methodID)
        writer.writeBytes(arguments)
        writer.writeUInt8(0xCE)
        if Bool.random(using: &random) { writer.writeHeartbeat() }
        var properties = BasicProperties()
        properties.headers = randomTable(depth: 4, using: &random)
        properties.expiration = Bool.random(using: &random) ? [0x31] : nil
        properties.deliveryMode = 2
        properties.encoded.withUnsafeBytes { buffer in
            writer.writeRaw(ContentFrames.headerBytes(properties: buffer.count)) {
                $0.writeContentHeader(channel: 1, properties: ByteSlice(buffer), bodyBytes: 5)
            }
        }
    }
    return writer.bytes
}

private func randomTable(depth: Int, using random: inout SeededGenerator) -> FieldTable {
    var table = FieldTable()
    for _ in 0..<Int.random(in: 0...5, using: &random) {
        let key = random.bytes(Int.random(in: 0...12, using: &random))
        table.entries.append(.init(key: key, value: randomValue(depth: depth, using: &random)))
    }
    return table
}

private func randomValue(depth: Int, using random: inout SeededGenerator) -> FieldValue {
    switch depth > 0 ? Int.random(in: 0..<10, using: &random) : Int.random(in: 0..<7, using: &random) {
    case 0: .boolean(.random(using: &random))
    case 1: .int32(.random(in: .min ... .max, using: &random))
    case 2: .int64(.random(in: .min ... .max, using: &random))
    case 3: .double(.random(in: -1e9...1e9, using: &random))
    case 4: .longString(random.bytes(Int.random(in: 0...40, using: &random)))
    case 5: .timestamp(random.next())
    case 6: .void
    case 7: .array((0..<3).map { _ in randomValue(depth: depth - 1, using: &random) })
    default: .table(randomTable(depth: depth - 1, using: &random))
    }
}

private func probe(_ bytes: [UInt8]) -> AMQPDecoderProbe.Findings {
    bytes.withUnsafeBytes { AMQPDecoderProbe.run(ByteSlice($0)) }
}

/// Goal: whole streams decode; cut or damaged ones neither crash nor make decoder and encoder disagree.
/// Method: truncation everywhere, then flipped bits and overwritten lengths; the seed replays.
@Test(arguments: 1...4 as ClosedRange<UInt64>)
func decodersSurviveDamage(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let bytes = stream(using: &random)
    let whole = probe(bytes)
    #expect(whole.methods == MethodGrammar.all.count, "seed \(seed)")
    #expect(whole.contentHeaders == MethodGrammar.all.count, "seed \(seed)")
    for _ in 0..<40 { _ = probe(Array(bytes[..<Int.random(in: 0..<bytes.count, using: &random)])) }
    for _ in 0..<60 {
        var damaged = bytes
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            let index = Int.random(in: 0..<damaged.count, using: &random)
            if Bool.random(using: &random) {
                damaged[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
            } else {
                damaged[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
            }
        }
        _ = probe(damaged)
    }
    for _ in 0..<400 { _ = probe(random.bytes(Int.random(in: 0...300, using: &random))) }
}
