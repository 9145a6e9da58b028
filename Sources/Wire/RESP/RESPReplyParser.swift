// Parses replies of a RESP server as they come in, RESP2 and RESP3.
// Takes every whole element at once and remembers the containers it stands in, so that a reply of a
// million elements costs one pass however the bytes are cut.
// Next: RESPReply.swift.

/// Bytes that are no reply. The stream cannot be read on after it.
public enum RESPReplyError: Error, Equatable, Sendable {
    /// No type starts with this byte.
    case unknownType(UInt8)
    /// A length or number that is none, or a missing line end.
    case malformed
    /// Larger than the limits allow.
    case tooLarge
    /// Containers in containers, more than the limits allow.
    case tooDeep
}

/// What a client accepts.
public struct RESPReplyLimits: Sendable {
    /// One string, bytes.
    public var stringBytesMax = 536_870_912
    /// Elements of one container.
    public var elementsMax = 67_108_864
    /// Containers in containers.
    public var depthMax = 64
    /// A line: number, simple string or error.
    public var lineBytesMax = 65_536

    public init() {}
}

/// A parser that keeps the unfinished containers between calls.
public struct RESPReplyParser: Sendable {
    private enum Kind: Sendable { case array, map, set, push, attribute }

    private struct Container: Sendable {
        let kind: Kind
        var missing: Int
        var elements: [RESPReply] = []
    }

    private let limits: RESPReplyLimits
    private var containers: [Container] = []

    public init(limits: RESPReplyLimits = RESPReplyLimits()) { self.limits = limits }

    /// The next whole reply, or nil when more bytes are needed. Either way `input` stands behind what was
    /// taken: the caller passes only the rest again.
    public mutating func next(_ input: inout ByteCursor) throws(RESPReplyError) -> RESPReply? {
        while true {
            guard var value = try element(&input) else { return nil }
            // A value may complete its container, that one the container around it, and so on.
            while true {
                guard case .done(let reply) = value else { break }
                // Belongs to nothing: some servers push in the middle of a reply that is being written, such
                // as a message that a transaction published to its own connection.
                if case .push = reply { return reply }
                guard var top = containers.popLast() else { return reply }
                top.elements.append(reply)
                top.missing -= 1
                if top.missing > 0 {
                    containers.append(top)
                    break
                }
                value = finished(top)
            }
        }
    }

    private enum Element {
        case done(RESPReply)
        /// A container was opened, or something was dropped.
        case opened
    }

    private func finished(_ container: Container) -> Element {
        switch container.kind {
        case .array: .done(.array(container.elements))
        case .map: .done(.map(container.elements))
        case .set: .done(.set(container.elements))
        case .push: .done(.push(container.elements))
        // Says something about the reply that follows; nobody here asks for it.
        case .attribute: .opened
        }
    }

    /// One scalar, or the head of a container.
    private mutating func element(_ input: inout ByteCursor) throws(RESPReplyError) -> Element? {
        let rest = input.rest
        guard rest.count > 0 else { return nil }
        guard let line = try Self.line(rest, bytesMax: limits.lineBytesMax) else { return nil }
        let lineBytes = line.count + 3
        switch rest[0] {
        case 0x2B: return take(lineBytes, &input, .simpleString(line.array))  // +
        case 0x2D: return take(lineBytes, &input, .error(line.array))  // -
        case 0x3A: return take(lineBytes, &input, .integer(try Self.number(line)))  // :
        case 0x5F: return take(lineBytes, &input, .null)  // _
        case 0x28: return take(lineBytes, &input, .bigNumber(line.array))  // (
        case 0x2C:  // ,
            guard let value = Double(line.string) else { throw .malformed }
            return take(lineBytes, &input, .double(value))
        case 0x23:  // #
            guard line.count == 1, line[0] == 0x74 || line[0] == 0x66 else { throw .malformed }
            return take(lineBytes, &input, .boolean(line[0] == 0x74))
        case 0x24, 0x3D, 0x21:  // $ = !
            return try string(rest, line, lineBytes, &input)
        case 0x2A: return try open(.array, line, lineBytes, &input)  // *
        case 0x25: return try open(.map, line, lineBytes, &input)  // %
        case 0x7E: return try open(.set, line, lineBytes, &input)  // ~
        case 0x3E: return try open(.push, line, lineBytes, &input)  // >
        case 0x7C: return try open(.attribute, line, lineBytes, &input)  // |
        default: throw .unknownType(rest[0])
        }
    }

    private func take(_ count: Int, _ input: inout ByteCursor, _ reply: RESPReply) -> Element {
        advance(&input, count)
        return .done(reply)
    }

    private func advance(_ input: inout ByteCursor, _ count: Int) {
        do throws(CursorError) { try input.skip(count) } catch { preconditionFailure("looked past the end") }
    }

    private func string(
        _ rest: ByteSlice, _ line: ByteSlice, _ lineBytes: Int, _ input: inout ByteCursor
    ) throws(RESPReplyError) -> Element? {
        let count = try Self.number(line)
        if count == -1, rest[0] == 0x24 { return take(lineBytes, &input, .null) }
        guard count >= 0 else { throw .malformed }
        guard count <= limits.stringBytesMax else { throw .tooLarge }
        let whole = lineBytes + Int(count) + 2
        guard rest.count >= whole else { return nil }
        guard rest[whole - 2] == 0x0D, rest[whole - 1] == 0x0A else { throw .malformed }
        let text = rest.slice(from: lineBytes, count: Int(count))
        switch rest[0] {
        case 0x24: return take(whole, &input, .bulkString(text.array))
        case 0x21: return take(whole, &input, .error(text.array))
        default:
            guard text.count >= 4, text[3] == 0x3A else { throw .malformed }
            let format = text.slice(from: 0, count: 3).array
            let body = text.slice(from: 4, count: text.count - 4).array
            return take(whole, &input, .verbatimString(format: format, text: body))
        }
    }

    private mutating func open(
        _ kind: Kind, _ line: ByteSlice, _ lineBytes: Int, _ input: inout ByteCursor
    ) throws(RESPReplyError) -> Element? {
        let count = try Self.number(line)
        if count == -1, kind == .array { return take(lineBytes, &input, .null) }
        guard count >= 0 else { throw .malformed }
        guard count <= limits.elementsMax else { throw .tooLarge }
        let pairs = kind == .map || kind == .attribute
        let container = Container(kind: kind, missing: Int(count) * (pairs ? 2 : 1))
        advance(&input, lineBytes)
        if count == 0 { return finished(container) }
        guard containers.count < limits.depthMax else { throw .tooDeep }
        containers.append(container)
        return .opened
    }

    /// What stands between the type and CR LF; nil while the line end has not come.
    private static func line(_ rest: ByteSlice, bytesMax: Int) throws(RESPReplyError) -> ByteSlice? {
        var index = 1
        let end = min(rest.count, bytesMax + 2)
        while index < end, rest[index] != 0x0D { index += 1 }
        guard index < end else {
            if end < rest.count || end == bytesMax + 2 { throw .tooLarge }
            return nil
        }
        guard index + 1 < rest.count else { return nil }
        guard rest[index + 1] == 0x0A else { throw .malformed }
        return rest.slice(from: 1, count: index - 1)
    }

    /// A signed decimal number.
    private static func number(_ line: ByteSlice) throws(RESPReplyError) -> Int64 {
        guard line.count > 0, line.count <= 20 else { throw .malformed }
        var index = line[0] == 0x2D || line[0] == 0x2B ? 1 : 0
        let isNegative = line[0] == 0x2D
        guard index < line.count else { throw .malformed }
        var value: Int64 = 0
        while index < line.count {
            let digit = line[index] &- 0x30
            guard digit < 10 else { throw .malformed }
            let (scaled, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowedAgain) =
                isNegative
                ? scaled.subtractingReportingOverflow(Int64(digit)) : scaled.addingReportingOverflow(Int64(digit))
            guard !overflowed, !overflowedAgain else { throw .malformed }
            value = next
            index += 1
        }
        return value
    }
}
