// How much of the log is still needed, by stretches of positions: bytes of message records that some queue
// has not settled. Tells which segments are worth rewriting and how large the log should be at most.
// A record counts once for each queue that holds it; sizes are estimates, the same at adding and removing.
// Loop thread only. Next: SegmentedLog.swift (what is done about it).

/// Bytes of live messages, by position.
public struct LiveMap {
    /// Positions of one stretch: 2 to the power of this.
    private let shift: UInt64
    private var first: UInt64 = 0
    private var stretches: [Int] = []
    /// Sum over all stretches.
    public private(set) var bytesTotal = 0

    /// What a message's record takes beside its body; properties and addresses are mostly small.
    static let overheadBytes = 128

    init(stretchShift: Int = Limits.liveStretchShift) { shift = UInt64(stretchShift) }

    /// A queue has taken the message whose record is at `position`.
    @inline(__always)
    mutating func add(_ position: LogPosition, bodyBytes: Int) {
        let index = Int(truncatingIfNeeded: (position >> shift) &- first)
        if index < 0 || index >= stretches.count { return addOutside(position, bodyBytes) }
        stretches[index] += bodyBytes + Self.overheadBytes
        bytesTotal += bodyBytes + Self.overheadBytes
    }

    @inline(never)
    private mutating func addOutside(_ position: LogPosition, _ bodyBytes: Int) {
        let stretch = position >> shift
        if stretches.isEmpty { first = stretch }
        if stretch < first {
            stretches.insert(contentsOf: [Int](repeating: 0, count: Int(first - stretch)), at: 0)
            first = stretch
        }
        while first + UInt64(stretches.count) <= stretch { stretches.append(0) }
        add(position, bodyBytes: bodyBytes)
    }

    /// A queue is done with it.
    @inline(__always)
    mutating func remove(_ position: LogPosition, bodyBytes: Int) {
        let index = Int(truncatingIfNeeded: (position >> shift) &- first)
        precondition(index >= 0 && index < stretches.count, "a message settled that never was live")
        stretches[index] -= bodyBytes + Self.overheadBytes
        bytesTotal -= bodyBytes + Self.overheadBytes
    }

    /// Live bytes of all stretches that touch the range: never less than there are in it.
    public func bytes(in range: Range<LogPosition>) -> Int {
        guard !range.isEmpty, !stretches.isEmpty else { return 0 }
        let low = max(range.lowerBound >> shift, first)
        let high = min((range.upperBound - 1) >> shift, first + UInt64(stretches.count) - 1)
        guard low <= high else { return 0 }
        var sum = 0
        for stretch in low...high { sum += stretches[Int(stretch - first)] }
        return sum
    }

    /// The same live bytes in every stretch; for checks.
    func agrees(with other: LiveMap) -> Bool {
        guard bytesTotal == other.bytesTotal else { return false }
        let low = min(first, other.first)
        let high = max(first + UInt64(stretches.count), other.first + UInt64(other.stretches.count))
        return (low..<high).allSatisfy { self[stretch: $0] == other[stretch: $0] }
    }

    private subscript(stretch stretch: UInt64) -> Int {
        stretch >= first && stretch - first < UInt64(stretches.count) ? stretches[Int(stretch - first)] : 0
    }

    /// Positions before `position` are in no segment that is still written to: stretches there that nothing
    /// needs any more, up to the first that something does, are let go of.
    mutating func forget(before position: LogPosition) {
        var count = 0
        while count < stretches.count, stretches[count] == 0, first + UInt64(count) < position >> shift { count += 1 }
        guard count > 0 else { return }
        stretches.removeFirst(count)
        first += UInt64(count)
    }
}

extension LiveMap: Sendable {}
