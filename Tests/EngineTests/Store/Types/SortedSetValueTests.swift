import Testing
import Wire

@testable import Engine

private struct Member: Comparable {
    var score: Double
    var bytes: [UInt8]

    static func < (left: Member, right: Member) -> Bool {
        left.score < right.score || left.score == right.score && left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// Goal: a sorted set behaves as a sorted array in both forms: scores, ranks, ranges, removals.
/// Method: same random steps on both; seed replays.
@Test(arguments: 1...30 as ClosedRange<UInt64>)
func sortedSetBehavesAsSortedArray(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var set = SortedSetValue()
    var model: [Member] = []
    let kinds = [40, 120, 1_000][Int(seed % 3)]
    func drawScore() -> Double {
        [-.infinity, .infinity, 0, 0.5, Double(random.below(30)), Double(random.below(30)) / 4][random.below(6)]
    }
    for step in 0..<3_000 {
        let bytes = Array("m\(random.below(kinds))".utf8)
        let index = model.firstIndex { $0.bytes == bytes }
        switch random.below(10) {
        case 0..<5:
            let score = drawScore()
            withSlice(bytes) { set.set($0, to: score) }
            if let index { model.remove(at: index) }
            let member = Member(score: score, bytes: bytes)
            model.insert(member, at: model.firstIndex { member < $0 } ?? model.count)
        case 5:
            #expect(withSlice(bytes, set.remove) == (index != nil))
            if let index { model.remove(at: index) }
        case 6:
            let found = withSlice(bytes, set.rank)
            #expect(found?.rank == index && found?.score == index.map { model[$0].score })
            #expect(withSlice(bytes, set.score) == index.map { model[$0].score })
        case 7:
            let range = ScoreRange(
                min: drawScore(), max: drawScore(), excludesMin: random.below(2) == 0, excludesMax: random.below(2) == 0
            )
            let inside = model.filter { !range.isBelow($0.score) && !range.isAbove($0.score) }
            let ranks = set.ranks(range)
            #expect(ranks.count == inside.count)
            var seen: [Member] = []
            let backwards = random.below(2) == 0
            set.forEach(ranks, backwards: backwards) {
                seen.append(Member(score: $1, bytes: $0.array))
                return true
            }
            #expect(seen == (backwards ? inside.reversed() : inside))
        case 8 where !model.isEmpty && random.below(4) == 0:
            let lower = random.below(model.count)
            let upper = min(model.count, lower + random.below(6))
            set.remove(ranks: lower..<upper)
            model.removeSubrange(lower..<upper)
        default:
            if random.below(40) == 0 { set = set.copy() }
        }
        #expect(set.count == model.count)
        if step % 50 == 0 { set.checkInvariants() }
    }
    set.checkInvariants()
    var seen: [Member] = []
    set.forEach {
        seen.append(Member(score: $1, bytes: $0.array))
        return true
    }
    #expect(seen == model)
}

/// Goal: ranges of members agree with comparing bytes, in both forms.
@Test(arguments: [20, 500])
func memberRangesCompareBytes(members: Int) {
    let set = SortedSetValue()
    var names: [String] = []
    for index in 0..<members {
        let name = String(index, radix: 3)
        names.append(name)
        withSlice(name) { set.set($0, to: 0) }
    }
    names.sort { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    for (low, high) in [("1", "2"), ("", "1"), ("10", "12"), ("2", "1"), ("zz", "zzz")] {
        withSlice(low) { lowSlice in
            withSlice(high) { highSlice in
                let closed = set.ranks(MemberRange(min: .including(lowSlice), max: .including(highSlice)))
                #expect(closed.count == names.filter { $0 >= low && $0 <= high }.count)
                let open = set.ranks(MemberRange(min: .excluding(lowSlice), max: .excluding(highSlice)))
                #expect(open.count == names.filter { $0 > low && $0 < high }.count)
            }
        }
    }
    #expect(set.ranks(MemberRange(min: .lowest, max: .highest)).count == members)
    #expect(set.ranks(MemberRange(min: .highest, max: .lowest)).isEmpty)
}
