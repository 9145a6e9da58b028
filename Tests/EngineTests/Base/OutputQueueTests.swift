import Glibc
import Testing
import Wire

@testable import Engine

/// Goal: whatever is put in comes out in order, once, however the socket takes it.
/// Method: random appends, references and partial writes; seed replays.
@Test(arguments: 1...16 as ClosedRange<UInt64>)
func outputQueueKeepsOrder(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let list = FlushList()
    let output = OutputQueue(flushList: list)
    var expected: [UInt8] = []
    var seen: [UInt8] = []
    func take() {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { vectors in
            let filled = output.gather(into: vectors)
            var offered: [UInt8] = []
            for vector in vectors.prefix(filled) {
                offered += UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len)
            }
            let taken = Int.random(in: 0...offered.count, using: &random)
            seen += offered.prefix(taken)
            output.consume(taken)
        }
    }
    for step in 0..<300 {
        let size = [1, 7, 100, 5_000, 20_000, 70_000].randomElement(using: &random)!
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ step) }
        expected += bytes
        if Bool.random(using: &random) {
            output.append(bytes)
        } else {
            let owner = ByteString(bytes)
            output.appendReference(owner.slice, owner: owner)
        }
        if Bool.random(using: &random) { take() }
    }
    while output.pendingBytes > 0 { take() }
    #expect(seen == expected)
    #expect(list.takePending().count == 1)
}

/// Goal: a reply without end takes bounded memory. Method: more than the limit, then a look at what is pending.
@Test func outputQueueLetsGoOfWhatIsTooMuch() {
    let output = OutputQueue(flushList: FlushList())
    output.bytesMax = 100_000
    let owner = ByteString([UInt8](repeating: 1, count: 50_000))
    // What is referenced takes no memory here.
    for _ in 0..<100 { output.appendReference(owner.slice, owner: owner) }
    #expect(output.pendingBytes == 5_000_000 && !output.hasOverflowed)
    for size in [1_000, 20_000, 70_000] {
        for _ in 0..<200 {
            output.append([UInt8](repeating: 2, count: size))
            output.appendReference(owner.slice, owner: owner)
        }
        #expect(output.hasOverflowed)
        #expect(output.pendingBytes <= 200_000)
    }
    output.discard()
    #expect(output.isEmpty && !output.hasOverflowed)
    output.append([1, 2, 3])
    #expect(output.pendingBytes == 3)
}
