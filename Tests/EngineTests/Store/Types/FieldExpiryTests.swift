import Testing
import Wire

@testable import Engine

/// Goal: times of fields behave as a dictionary beside the one of values, in both forms of a hash. Method: same random
/// steps on both; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func fieldTimesBehaveAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var hash = HashValue()
    var values: [String: String] = [:]
    var times: [String: Int64] = [:]
    let kinds = [8, 60, 600][Int(seed % 3)]
    for step in 0..<4_000 {
        let field = "f\(random.below(kinds))"
        let now = Int64(random.below(1_200))
        switch random.below(10) {
        case 0, 1, 2:
            let keeps = random.below(3) == 0
            withSlice(field) { name in withSlice("\(step)") { _ = hash.set(name, to: $0, keepsExpiry: keeps) } }
            values[field] = "\(step)"
            if !keeps { times[field] = nil }
        case 3, 4, 5:
            guard values[field] != nil else { break }
            withSlice(field) { hash.setExpiry(of: $0, to: now) }
            times[field] = now
        case 6:
            #expect(withSlice(field) { hash.remove($0) } == (values.removeValue(forKey: field) != nil))
            times[field] = nil
        case 7:
            #expect((withSlice(field) { hash.fieldExpiry?.clear($0) } ?? false) == (times[field] != nil))
            times[field] = nil
        case 8:
            let limit = random.below(4)
            var removed: [String] = []
            let count = hash.removeExpired(at: now, limit: limit) { removed.append($0.string) }
            #expect(count == removed.count && count == min(limit, times.values.filter { $0 < now }.count))
            for name in removed {
                #expect(times.values.allSatisfy { $0 >= times[name]! }, "an earlier one is still there")
                times[name] = nil
                values[name] = nil
            }
        default:
            if random.below(40) == 0 { hash = hash.copy() }
            #expect(withSlice(field) { hash.isExpired($0, at: now) } == (times[field].map { $0 < now } ?? false))
        }
        let live = values.filter { field, _ in times[field].map { $0 >= now } ?? true }
        #expect(hash.liveCount(at: now) == live.count)
        #expect(hash.earliestExpiry == times.values.min() ?? FieldExpiry.never)
        guard step % 50 == 0 else { continue }
        hash.checkInvariants()
        var seen: [String: String] = [:]
        hash.forEachLive(at: now) {
            seen[$0.string] = $1.string
            return true
        }
        #expect(seen == live)
        let drawn = hash.randomLiveField(at: now, using: &random)
        #expect(drawn.map { live[$0.field.string] == $0.value.string } ?? live.isEmpty)
    }
}

/// Goal: hashes without times pay nothing, those with times pay what MEMORY USAGE says, and all of it is given back.
@Test func memoryOfFieldTimesIsCounted() {
    // Whatever all sorted sets share is there from the first one on.
    _ = FieldExpiry()
    let before = StoreHeap.bytes
    do {
        let hash = HashValue()
        for index in 0..<1_000 { withSlice("field-\(index)") { _ = hash.set($0, to: $0) } }
        let plain = StoreHeap.bytes - before
        let usage = hash.memoryBytes
        for index in 0..<1_000 { withSlice("field-\(index)") { hash.setExpiry(of: $0, to: Int64(index)) } }
        let grown = StoreHeap.bytes - before - plain
        #expect(grown > 30_000)
        #expect(abs(hash.memoryBytes - usage - grown) < grown / 2, "an estimate")
    }
    #expect(StoreHeap.bytes == before)
}

@Test func nearlyExpiredHashStillGivesTheFieldThatIsLeft() {
    var random = RandomSource(seed: 7)
    let hash = HashValue()
    for index in 0..<5_000 {
        withSlice("f\(index)") { field in
            hash.set(field, to: field)
            if index != 4_321 { hash.setExpiry(of: field, to: 10) }
        }
    }
    #expect(hash.randomLiveField(at: 11, using: &random)?.field.string == "f4321")
    withSlice("f4321") { hash.setExpiry(of: $0, to: 10) }
    #expect(hash.randomLiveField(at: 11, using: &random) == nil)
}
