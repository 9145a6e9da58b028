// Drives every decoder over arbitrary bytes: the target of fuzzers and of the random tests.
// Finds crashes and disagreements between decoders and encoders; it does not know what a session allows.
// Next: Tests/WireTests/AMQP/DecoderProbeTests.swift.

/// A decoder's run over bytes that may be anything.
public enum AMQPDecoderProbe {
    /// What was found in the bytes; for tests that want to know how deep they got.
    public struct Findings: Equatable, Sendable {
        public var frames = 0
        public var methods = 0
        public var contentHeaders = 0
        public var tables = 0
        public var errors = 0
    }

    /// Treats `bytes` as a stream of frames, then as a table, then as properties. Traps when a decoder and
    /// its encoder disagree.
    @discardableResult
    public static func run(_ bytes: ByteSlice, frameBytesMax: Int = 131_072) -> Findings {
        var findings = Findings()
        var input = ByteCursor(bytes)
        _ = ProtocolHeader.recognise(bytes)
        // Bounded: every frame takes at least eight bytes, and an error ends the stream.
        frames: while true {
            do throws(FrameError) {
                guard let frame = try AMQPFrame.next(&input, frameBytesMax: frameBytesMax) else { break frames }
                findings.frames += 1
                try take(frame, &findings)
            } catch {
                findings.errors += 1
                switch error {
                case .tooLarge, .badEnd: break frames
                default: continue frames
                }
            }
        }
        table(bytes, &findings)
        properties(bytes, &findings)
        return findings
    }

    private static func take(_ frame: AMQPFrame, _ findings: inout Findings) throws(FrameError) {
        switch frame.type {
        case FrameType.method:
            let (id, arguments) = try frame.method()
            _ = id.name
            let method = try MethodTable.decode(id, arguments: arguments)
            findings.methods += 1
            checkRoundTrip(method, arguments)
            if let start = method as? ConnectionStartOK { table(start.clientProperties, &findings) }
            if let declare = method as? QueueDeclare { table(declare.arguments, &findings) }
        case FrameType.header:
            let header = try ContentHeader(frame)
            findings.contentHeaders += 1
            properties(header.properties, &findings)
        default: break
        }
    }

    /// What was decoded encodes to the same bytes, but for unused bits.
    private static func checkRoundTrip(_ method: some AMQPMethod, _ arguments: ByteSlice) {
        precondition(method.argumentBytes == arguments.count, "measured size differs from decoded size")
        var writer = ByteWriter()
        writer.writeRaw(method.argumentBytes) { method.write(into: &$0) }
        var again = ByteWriter()
        writer.withSlice { first in
            guard let second = try? type(of: method).init(arguments: first) else {
                preconditionFailure("an encoded method does not decode")
            }
            again.writeRaw(second.argumentBytes) { second.write(into: &$0) }
        }
        precondition(writer.bytes == again.bytes, "a method changes by encoding and decoding")
    }

    private static func table(_ bytes: ByteSlice, _ findings: inout Findings) {
        let view = FieldTableView(bytes)
        let isValid = (try? view.validate()) != nil
        let owned = try? FieldTable(bytes)
        precondition(isValid == (owned != nil), "validation and decoding of a table disagree")
        guard let owned else { return findings.errors += 1 }
        findings.tables += 1
        let encoded = owned.encoded
        precondition(encoded.count == bytes.count, "a table's size changes by decoding")
        if let key = owned.entries.last?.key {
            let found = key.withUnsafeBytes { try? view.value(ByteSlice($0)) }
            precondition(found != nil, "a key of a table is not found")
        }
        if bytes.count < 4_096 { _ = owned.isEquivalent(to: owned) }
    }

    private static func properties(_ bytes: ByteSlice, _ findings: inout Findings) {
        guard let view = try? BasicPropertiesView(bytes) else { return findings.errors += 1 }
        for property in BasicProperty.allCases {
            precondition(view.has(property) == (view.range(of: property) != nil))
        }
        if let headers = view.headers { table(headers.bytes, &findings) }
        guard let owned = try? BasicProperties(view) else { return findings.errors += 1 }
        precondition(owned.encoded.count == bytes.count, "the size of properties changes by decoding")
        let edited = view.replacing(headers: nil, dropping: [.expiration])
        let isWhole = edited.withUnsafeBytes { (try? BasicPropertiesView(ByteSlice($0))) != nil }
        precondition(isWhole, "edited properties do not decode")
    }
}
