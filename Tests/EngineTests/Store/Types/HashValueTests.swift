import Testing
import Wire

@testable import Engine

/// Goal: a hash behaves as a dictionary in both forms. Method: same random steps on both; seed replays.
@Test(arguments: 1...24 as ClosedRange<UInt64>)
func hashBehavesAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var hash = HashValue()
    var model: [[UInt8]: [UInt8]] = [:]
    let kinds = [10, 60, 3_000][Int(seed % 3)]
    for _ in 0..<6_000 {
        let field = Array("f\(random.below(kinds))".utf8)
        switch random.below(8) {
        case 0..<4:
            let value = random.bytes(kinds: seed % 2 == 0 ? 3 : 40)
            let isNew = withSlice(field) { field in withSlice(value) { hash.set(field, to: $0) } }
            #expect(isNew == (model.updateValue(value, forKey: field) == nil))
        case 4..<6:
            #expect(withSlice(field, hash.remove) == (model.removeValue(forKey: field) != nil))
        case 6:
            #expect(withSlice(field) { hash.get($0)?.array } == model[field])
        default:
            if random.below(50) == 0 { hash = hash.copy() }
            if !model.isEmpty {
                let (field, value) = hash.randomField(using: &random)
                #expect(model[field.array] == value.array)
            }
        }
        #expect(hash.count == model.count)
    }
    hash.checkInvariants()
    var seen: [[UInt8]: [UInt8]] = [:]
    hash.forEach {
        seen[$0.array] = $1.array
        return true
    }
    #expect(seen == model)
}

/// Goal: what stays in a table through a whole scan is seen, while the table grows and shrinks under it.
/// Method: random additions and removals of other members between the steps; seed replays.
@Test(arguments: 1...32 as ClosedRange<UInt64>)
func scanSeesWhatStays(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let hash = HashValue()
    let staying = Set((0..<500).map { "stays-\($0)" })
    for field in staying { withSlice(field) { field in withSlice("v") { _ = hash.set(field, to: $0) } } }
    var others = 0
    var seen: Set<String> = []
    var cursor: UInt64 = 0
    var steps = 0
    let grows = seed % 2 == 0
    if !grows {
        others = 20_000
        for other in 0..<others { withSlice("o-\(other)") { field in withSlice("v") { _ = hash.set(field, to: $0) } } }
    }
    repeat {
        cursor = hash.scan(cursor) { field, _ in seen.insert(field.string) }
        steps += 1
        for _ in 0..<random.below(60) {
            // The growth has an end, or the scan would never catch up.
            if grows && others < 30_000 {
                withSlice("o-\(others)") { field in withSlice("v") { _ = hash.set(field, to: $0) } }
                others += 1
            } else if !grows && others > 0 {
                others -= 1
                #expect(withSlice("o-\(others)", hash.remove))
            }
        }
    } while cursor != 0 && steps < 200_000
    hash.checkInvariants()
    #expect(cursor == 0)
    #expect(staying.subtracting(seen).isEmpty)
}

@Test func hashEncodingFollowsItsSize() {
    let small = HashValue()
    for index in 0..<128 { withSlice("f\(index)") { _ = small.set($0, to: $0) } }
    #expect(small.encodingName.description == "listpack")
    withSlice("f128") { _ = small.set($0, to: $0) }
    #expect(small.encodingName.description == "hashtable")
    let long = HashValue()
    withSlice([UInt8](repeating: 1, count: 65)) { value in withSlice("f") { _ = long.set($0, to: value) } }
    #expect(long.encodingName.description == "hashtable")
}
