import Testing

@testable import Server

/// Goal: INFO never makes the loop wait for the allocator's count of a large heap, and its figure does not jump where
/// counting ends.
@Test func largeHeapIsNotWalked() {
    var heap = HeapSize()
    var walks = 0
    func allocated(_ residentMebi: Int, actually mebi: Int) -> Int {
        heap.allocatedBytes(residentBytes: residentMebi << 20) {
            walks += 1
            return mebi << 20
        } >> 20
    }
    #expect(allocated(20, actually: 4) == 4)
    #expect(allocated(30, actually: 14) == 14)
    #expect(walks == 2)
    #expect(allocated(40, actually: 0) == 24)
    #expect(allocated(700, actually: 0) == 684)
    #expect(allocated(100, actually: 0) == 84)
    #expect(walks == 2)
    #expect(allocated(25, actually: 9) == 9)
    #expect(walks == 3)
}

/// One that was large before anybody asked.
@Test func unknownHeapIsWhatIsResident() {
    var heap = HeapSize()
    #expect(heap.allocatedBytes(residentBytes: 1 << 30) { 0 } == 1 << 30)
}
