import Testing
import Wire

@testable import Engine

/// Goal: a set behaves as a set in all three forms. Method: same random steps on both; seed replays.
@Test(arguments: 1...30 as ClosedRange<UInt64>)
func setBehavesAsSet(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var set = SetValue()
    var model: Set<[UInt8]> = []
    let kinds = [50, 400, 5_000][Int(seed % 3)]
    for step in 0..<6_000 {
        let number = random.below(kinds) - kinds / 2
        let isText = seed % 2 == 0 && step > 200 && random.below(5) == 0
        let member = Array((isText ? "m\(number)" : "\(number)").utf8)
        switch random.below(7) {
        case 0..<4: #expect(withSlice(member, set.add) == model.insert(member).inserted)
        case 4: #expect(withSlice(member, set.remove) == (model.remove(member) != nil))
        case 5: #expect(withSlice(member, set.contains) == model.contains(member))
        default:
            if random.below(50) == 0 { set = set.copy() }
            if !model.isEmpty { #expect(model.contains(set.withRandomMember(using: &random) { $0.array })) }
        }
        #expect(set.count == model.count)
    }
    set.checkInvariants()
    var seen: Set<[UInt8]> = []
    set.forEach {
        seen.insert($0.array)
        return true
    }
    #expect(seen == model)
}

/// Goal: random members are drawn with about equal chances. Method: chi-square over many draws.
@Test(arguments: [100, 1_000])
func randomMembersAreFair(members: Int) {
    let set = SetValue()
    for index in 0..<members { withSlice("member-\(index)") { _ = set.add($0) } }
    var random = RandomSource(seed: 7)
    var draws: [String: Int] = [:]
    let expected = 200
    for _ in 0..<(members * expected) {
        set.withRandomMember(using: &random) { draws[$0.string, default: 0] += 1 }
    }
    #expect(draws.count == members)
    #expect(draws.values.allSatisfy { abs($0 - expected) < expected / 2 })
}

@Test func setEncodingFollowsItsMembers() {
    let set = SetValue()
    for value in 0..<100 { withSlice("\(value)") { _ = set.add($0) } }
    #expect(set.encodingName.description == "intset")
    withSlice("text") { _ = set.add($0) }
    #expect(set.encodingName.description == "listpack")
    for value in 100..<130 { withSlice("\(value)") { _ = set.add($0) } }
    #expect(set.encodingName.description == "hashtable")
    let integers = SetValue()
    for value in 0..<512 { withSlice("\(value)") { _ = integers.add($0) } }
    #expect(integers.encodingName.description == "intset")
    withSlice("512") { _ = integers.add($0) }
    #expect(integers.encodingName.description == "hashtable")
    let leading = SetValue()
    withSlice("007") { _ = leading.add($0) }
    #expect(leading.encodingName.description == "listpack")
}
