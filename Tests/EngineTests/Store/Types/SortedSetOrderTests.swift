import Glibc
import Testing
import Wire

@testable import Engine

/// How members come.
private enum Pattern: CaseIterable {
    case ascending, descending, random, sameScore
}

/// Goal: the tree keeps its shape and its counts through three levels of nodes, whichever way it is filled and emptied.
/// Method: thousands of members in, scores changed, all out again; ranks compared with a sorted array.
@Test(arguments: Pattern.allCases, [false, true])
private func treeOfManyEntries(pattern: Pattern, emptiesFromTheFront: Bool) {
    var random = RandomSource(seed: 7)
    var order = SortedSetOrder()
    var entries: [MemberEntry] = []
    let total = 6_000
    for number in 0..<total {
        let score =
            switch pattern {
            case .ascending: Double(number)
            case .descending: Double(-number)
            case .random: Double(random.below(5_000))
            case .sameScore: 0.0
            }
        let text = Array("member:\(number * 7_919 % total)".utf8)
        let entry = withSlice(text) { SortedSetOrder.make($0, score: score) }
        entries.append(entry)
        order.insert(entry)
        if number % 1_999 == 0 { order.checkInvariants() }
    }
    func sorted() -> [MemberEntry] {
        entries.sorted {
            SortedSetOrder.precedes($0, SortedSetOrder.score($1), MemberLayout.sortedSet.member($1))
        }
    }
    func checkRanks() {
        order.checkInvariants()
        let expected = sorted()
        #expect(order.count == expected.count)
        for rank in stride(from: 0, to: expected.count, by: max(1, expected.count / 97)) {
            #expect(order.entry(atRank: rank) == expected[rank])
            #expect(order.rank(of: expected[rank]) == rank)
            let score = SortedSetOrder.score(expected[rank])
            let front = order.countFront { $1 < score }
            #expect(front == expected.firstIndex { SortedSetOrder.score($0) == score })
        }
        var seen: [MemberEntry] = []
        if !expected.isEmpty {
            order.forEach(fromRank: expected.count - 1, backwards: true) { entry, _ in
                seen.append(entry)
                return true
            }
        }
        #expect(seen == expected.reversed())
    }
    checkRanks()
    for _ in 0..<total / 2 {
        order.setScore(entries[random.below(total)], to: Double(random.below(6_000)) - 500)
    }
    checkRanks()
    while !entries.isEmpty {
        if emptiesFromTheFront {
            for _ in 0..<min(1_500, entries.count) {
                let entry = order.remove(atRank: 0)
                entries.removeAll { $0 == entry }
                free(entry)
            }
        } else {
            for _ in 0..<min(1_500, entries.count) {
                let entry = entries.remove(at: random.below(entries.count))
                order.remove(entry)
                free(entry)
            }
        }
        checkRanks()
    }
    // It can be filled again.
    let entry = withSlice(Array("x".utf8)) { SortedSetOrder.make($0, score: 1) }
    order.insert(entry)
    order.checkInvariants()
    order.remove(entry)
    free(entry)
}
