// libFuzzer's entry to the client's RESP reply decoder: the replies are the same however the bytes arrive.
// Built and run by Scripts/fuzz, not by SwiftPM.

import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRESPReply(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard size > 1, let data else { return 0 }
    let input = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    let whole = replies(in: input, piece: input.count)
    let cut = replies(in: input, piece: Int(data[0] & 0x0F) + 1)
    // Not `==`: a reply may hold a NaN, which differs from itself.
    precondition("\(whole)" == "\(cut)", "the replies depend on how their bytes arrive")
    #if PLANTED_BUG
    for reply in whole.replies {
        if case .map(let elements) = reply, elements.count == 2, elements[1] == .null { fatalError("the planted bug") }
    }
    #endif
    return 0
}

private struct Outcome {
    var replies: [RESPReply] = []
    var error: RESPReplyError?
}

private func replies(in input: [UInt8], piece: Int) -> Outcome {
    var limits = RESPReplyLimits()
    limits.stringBytesMax = 1 << 20
    limits.elementsMax = 1 << 16
    limits.lineBytesMax = 1_024
    var parser = RESPReplyParser(limits: limits)
    var outcome = Outcome()
    var held: [UInt8] = []
    var start = 0
    while start < input.count {
        let end = min(start + piece, input.count)
        held += input[start..<end]
        start = end
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: held.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: held)
        var cursor = ByteCursor(UnsafeRawBufferPointer(copy))
        do throws(RESPReplyError) {
            while let reply = try parser.next(&cursor) { outcome.replies.append(reply) }
        } catch {
            outcome.error = error
            return outcome
        }
        held.removeFirst(held.count - cursor.remaining)
    }
    return outcome
}
