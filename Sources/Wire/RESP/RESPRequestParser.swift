// Decodes requests as clients send them: arrays of bulk strings, and inline lines typed by hand.
// Works in place: arguments are slices of the bytes passed in. An incomplete request keeps its progress, so
// that a large one arriving in pieces is not read again from its beginning each time.
// Limits are checked before more bytes are waited for; their error texts are Redis's.
// Next: RESPArguments.swift; Engine/Sessions/RESP/RESPSession.swift calls this.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why the bytes are no request. The connection is closed after the error is sent.
public enum RESPProtocolError: Error, Equatable {
    case tooBigInline
    case unbalancedQuotes
    case tooBigMultibulkLine
    case invalidMultibulkLength
    case unauthenticatedMultibulkLength
    case tooBigBulkLine
    case expectedBulk(UInt8)
    case invalidBulkLength
    case unauthenticatedBulkLength

    /// Text of the error reply, without its `-ERR `.
    public var text: String {
        switch self {
        case .tooBigInline: "Protocol error: too big inline request"
        case .unbalancedQuotes: "Protocol error: unbalanced quotes in request"
        case .tooBigMultibulkLine: "Protocol error: too big mbulk count string"
        case .invalidMultibulkLength: "Protocol error: invalid multibulk length"
        case .unauthenticatedMultibulkLength: "Protocol error: unauthenticated multibulk length"
        case .tooBigBulkLine: "Protocol error: too big bulk count string"
        case .expectedBulk(let byte):
            "Protocol error: expected '$', got '\(String(decoding: [byte < 0x20 ? 0x20 : byte], as: UTF8.self))'"
        case .invalidBulkLength: "Protocol error: invalid bulk length"
        case .unauthenticatedBulkLength: "Protocol error: unauthenticated bulk length"
        }
    }
}

/// What one request may be.
public struct RESPRequestLimits {
    public var bulkBytesMax: Int
    public var argumentsMax: Int
    public var inlineBytesMax: Int
    /// Until the client has authenticated: fewer words, shorter ones.
    public var isUnauthenticated = false
    public var unauthenticatedArgumentsMax: Int
    public var unauthenticatedBulkBytesMax: Int

    public init(
        bulkBytesMax: Int, argumentsMax: Int, inlineBytesMax: Int, unauthenticatedArgumentsMax: Int,
        unauthenticatedBulkBytesMax: Int
    ) {
        self.bulkBytesMax = bulkBytesMax
        self.argumentsMax = argumentsMax
        self.inlineBytesMax = inlineBytesMax
        self.unauthenticatedArgumentsMax = unauthenticatedArgumentsMax
        self.unauthenticatedBulkBytesMax = unauthenticatedBulkBytesMax
    }
}

/// Decoder of one connection's requests.
public struct RESPRequestParser {
    public var limits: RESPRequestLimits

    /// Words still to come of the request in progress; −1 while none is.
    private var remainingWords = -1
    /// How far the request in progress is read, from its first byte.
    private var progress = 0
    /// Where the bytes stood when the words in progress were cut.
    private var wordsBase = UnsafeRawPointer(bitPattern: 1)!
    /// Unescaped bytes of quoted inline words.
    private var inlineScratch: [UInt8] = []

    public init(limits: RESPRequestLimits) { self.limits = limits }

    /// The last request was typed as a line: its words may stand in memory that the next line uses again.
    public private(set) var isInline = false

    /// Whether a request has been begun and not ended.
    public var isWithinRequest: Bool { remainingWords >= 0 }

    /// Forgets the request in progress: its bytes will be passed again from the beginning.
    public mutating func reset() { remainingWords = -1 }

    /// The next whole request, at `offset`, which moves past it; false when more bytes are needed. Then the
    /// next call must pass bytes that begin with the same request, at offset 0 or wherever it stands.
    @inline(__always)
    public mutating func next(
        _ bytes: ByteSlice, at offset: inout Int, into arguments: RESPArguments
    ) throws(RESPProtocolError) -> Bool {
        while offset < bytes.count || remainingWords >= 0 {
            if remainingWords < 0 {
                arguments.removeAll()
                if bytes[offset] != 0x2A {
                    guard let taken = try inline(bytes.slice(from: offset, count: bytes.count - offset), arguments)
                    else { return false }
                    offset += taken
                    isInline = true
                    if arguments.count > 0 { return true }
                    continue
                }
                isInline = false
                guard try header(bytes, offset) else { return false }
                if remainingWords == 0 {
                    offset += progress
                    remainingWords = -1
                    continue
                }
                wordsBase = bytes.base + offset
            } else {
                let distance = (bytes.base + offset) - wordsBase
                if distance != 0 {
                    arguments.rebase(by: distance)
                    wordsBase = bytes.base + offset
                }
            }
            guard try words(bytes, offset, arguments) else { return false }
            offset += progress
            remainingWords = -1
            return true
        }
        return false
    }

    /// Reads the number that begins at `position` and ends at CR LF. Returns where the line ends, or nil
    /// when it has not come yet; `valid` is false when the text is no number.
    @inline(__always)
    private static func line(
        _ position: UnsafeRawPointer, _ end: UnsafeRawPointer, _ value: inout Int, _ valid: inout Bool
    ) -> UnsafeRawPointer? {
        var cursor = position
        var number = 0
        // The common case: a few digits, then CR LF.
        while cursor < end {
            let digit = cursor.load(as: UInt8.self) &- 0x30
            guard digit < 10, cursor - position < 10 else { break }
            number = number &* 10 &+ Int(digit)
            cursor += 1
        }
        if end - cursor >= 2, cursor > position, cursor.load(as: UInt8.self) == 0x0D {
            // A leading zero is no number unless it is the only digit.
            if position.load(as: UInt8.self) != 0x30 || cursor - position == 1 {
                value = number
                valid = true
                return cursor + 2
            }
        }
        return slowLine(position, end, &value, &valid)
    }

    @inline(never)
    private static func slowLine(
        _ position: UnsafeRawPointer, _ end: UnsafeRawPointer, _ value: inout Int, _ valid: inout Bool
    ) -> UnsafeRawPointer? {
        guard let found = memchr(position, 0x0D, end - position) else { return nil }
        let carriage = UnsafeRawPointer(found)
        guard end - carriage >= 2 else { return nil }
        let number = RESPNumber.integer(ByteSlice(base: position, count: carriage - position))
        valid = number != nil
        value = Int(number ?? 0)
        return carriage + 2
    }

    /// `*count CR LF`. False when incomplete.
    @inline(__always)
    private mutating func header(_ bytes: ByteSlice, _ offset: Int) throws(RESPProtocolError) -> Bool {
        let start = bytes.base + offset
        let end = bytes.base + bytes.count
        var count = 0
        var valid = false
        guard let next = Self.line(start + 1, end, &count, &valid) else {
            if end - start > limits.inlineBytesMax { throw .tooBigMultibulkLine }
            return false
        }
        guard valid, count <= limits.argumentsMax else { throw .invalidMultibulkLength }
        if limits.isUnauthenticated, count > limits.unauthenticatedArgumentsMax {
            throw .unauthenticatedMultibulkLength
        }
        remainingWords = max(0, count)
        progress = next - start
        return true
    }

    /// As many words as have come. False when the request is still incomplete.
    @inline(__always)
    private mutating func words(
        _ bytes: ByteSlice, _ offset: Int, _ arguments: RESPArguments
    ) throws(RESPProtocolError) -> Bool {
        let start = bytes.base + offset
        let end = bytes.base + bytes.count
        var position = start + progress
        while remainingWords > 0 {
            guard position < end else { break }
            let mark = position.load(as: UInt8.self)
            guard mark == 0x24 else { throw .expectedBulk(mark) }
            var count = 0
            var valid = false
            guard let body = Self.line(position + 1, end, &count, &valid) else {
                if end - position > limits.inlineBytesMax { throw .tooBigBulkLine }
                break
            }
            guard valid, count >= 0, count <= limits.bulkBytesMax else { throw .invalidBulkLength }
            if limits.isUnauthenticated, count > limits.unauthenticatedBulkBytesMax {
                throw .unauthenticatedBulkLength
            }
            guard end - body >= count + 2 else { break }
            arguments.append(ByteSlice(base: body, count: count))
            position = body + count + 2
            remainingWords -= 1
        }
        progress = position - start
        return remainingWords == 0
    }

    /// One line. Returns the bytes taken, nil when its end has not come; arguments stay empty for a blank one.
    @inline(never)
    private mutating func inline(
        _ bytes: ByteSlice, _ arguments: RESPArguments
    ) throws(RESPProtocolError) -> Int? {
        guard let newline = memchr(bytes.base, 0x0A, bytes.count) else {
            if bytes.count > limits.inlineBytesMax { throw .tooBigInline }
            return nil
        }
        let length = UnsafeRawPointer(newline) - bytes.base
        if length > limits.inlineBytesMax { throw .tooBigInline }
        var line = bytes.slice(from: 0, count: length)
        if length > 0, line[length - 1] == 0x0D { line = line.slice(from: 0, count: length - 1) }
        // Unescaped text is never longer than the line, so this memory does not move while words refer to it.
        inlineScratch.removeAll(keepingCapacity: line.count <= 1_024 && inlineScratch.capacity <= 2_048)
        inlineScratch.reserveCapacity(line.count)
        var splitter = InlineSplitter(line: line)
        var spans: [(start: Int, count: Int)] = []
        while let span = try splitter.next(into: &inlineScratch) { spans.append(span) }
        inlineScratch.withUnsafeBytes { scratch in
            let whole = ByteSlice(scratch)
            for span in spans { arguments.append(whole.slice(from: span.start, count: span.count)) }
        }
        return length + 1
    }
}

/// Splits an inline line into words, with Redis's quoting: "…" with escapes, '…' with \' only.
private struct InlineSplitter {
    let line: ByteSlice
    var index = 0

    init(line: ByteSlice) { self.line = line }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) || byte == 0 }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    mutating func next(into scratch: inout [UInt8]) throws(RESPProtocolError) -> (start: Int, count: Int)? {
        while index < line.count, Self.isBlank(line[index]) { index += 1 }
        guard index < line.count else { return nil }
        let start = scratch.count
        while index < line.count, !Self.isBlank(line[index]) {
            switch line[index] {
            case 0x22: try doubleQuoted(into: &scratch)
            case 0x27: try singleQuoted(into: &scratch)
            default:
                scratch.append(line[index])
                index += 1
            }
        }
        return (start, scratch.count - start)
    }

    /// A closing quote must be followed by a blank or the line's end.
    private func checkAfterQuote() throws(RESPProtocolError) {
        if index < line.count, !Self.isBlank(line[index]) { throw .unbalancedQuotes }
    }

    private mutating func doubleQuoted(into scratch: inout [UInt8]) throws(RESPProtocolError) {
        index += 1
        while index < line.count {
            let byte = line[index]
            if byte == 0x22 {
                index += 1
                return try checkAfterQuote()
            }
            guard byte == 0x5C, index + 1 < line.count else {
                scratch.append(byte)
                index += 1
                continue
            }
            if line[index + 1] == 0x78, index + 3 < line.count, let high = Self.hexadecimal(line[index + 2]),
                let low = Self.hexadecimal(line[index + 3])
            {
                scratch.append(high << 4 | low)
                index += 4
                continue
            }
            switch line[index + 1] {
            case 0x6E: scratch.append(0x0A)
            case 0x72: scratch.append(0x0D)
            case 0x74: scratch.append(0x09)
            case 0x62: scratch.append(0x08)
            case 0x61: scratch.append(0x07)
            case let other: scratch.append(other)
            }
            index += 2
        }
        throw .unbalancedQuotes
    }

    private mutating func singleQuoted(into scratch: inout [UInt8]) throws(RESPProtocolError) {
        index += 1
        while index < line.count {
            let byte = line[index]
            if byte == 0x27 {
                index += 1
                return try checkAfterQuote()
            }
            if byte == 0x5C, index + 1 < line.count, line[index + 1] == 0x27 {
                scratch.append(0x27)
                index += 2
            } else {
                scratch.append(byte)
                index += 1
            }
        }
        throw .unbalancedQuotes
    }
}
