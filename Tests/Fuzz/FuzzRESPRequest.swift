// libFuzzer's entry to the RESP request decoder, with one property beside "no crash": the requests are the same
// however the bytes are cut into pieces. Built and run by Scripts/fuzz, not by SwiftPM.

import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRESPRequest(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard size > 1, let data else { return 0 }
    // The first byte chooses the size of the pieces and whether the client has logged in.
    let input = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
    let isUnauthenticated = data[0] & 0x80 != 0
    let whole = requests(in: input, piece: input.count, isUnauthenticated)
    let cut = requests(in: input, piece: Int(data[0] & 0x0F) + 1, isUnauthenticated)
    precondition(whole == cut, "the requests depend on how their bytes arrive")
    #if PLANTED_BUG
    // A mistake that needs two whole requests, the second of two words with the last one empty.
    if whole.requests.count > 1, whole.requests[1].count == 2, whole.requests[1][1].isEmpty {
        fatalError("the planted bug")
    }
    #endif
    return 0
}

private struct Outcome: Equatable {
    var requests: [[[UInt8]]] = []
    var error: RESPProtocolError?
}

private func requests(in input: [UInt8], piece: Int, _ isUnauthenticated: Bool) -> Outcome {
    var limits = RESPRequestLimits(
        bulkBytesMax: 1 << 20, argumentsMax: 1_024, inlineBytesMax: 1_024, unauthenticatedArgumentsMax: 10,
        unauthenticatedBulkBytesMax: 64)
    limits.isUnauthenticated = isUnauthenticated
    var parser = RESPRequestParser(limits: limits)
    let arguments = RESPArguments()
    var outcome = Outcome()
    var held: [UInt8] = []
    var start = 0
    while start < input.count {
        let end = min(start + piece, input.count)
        held += input[start..<end]
        start = end
        // A copy of exact size each time: a parser that kept a pointer into the old bytes, or read past the end of
        // these, is caught by the sanitizer.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: held.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: held)
        var offset = 0
        do throws(RESPProtocolError) {
            while try parser.next(ByteSlice(UnsafeRawBufferPointer(copy)), at: &offset, into: arguments) {
                outcome.requests.append((0..<arguments.count).map { arguments[$0].array })
            }
        } catch {
            outcome.error = error
            return outcome
        }
        precondition(offset <= held.count, "the parser took more than there is")
        held.removeFirst(offset)
    }
    return outcome
}
