import Testing
import Wire

@testable import Engine

/// Goal: the table behaves as a dictionary while it grows bit by bit, through removal and as a whole.
/// Method: same random steps on both, more additions than removals at first, so that every step of a growth is met.
@Test(arguments: 1...16 as ClosedRange<UInt64>)
func nameTableBehavesAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var table = NameTable<Int>()
    var model: [String: Int] = [:]
    for step in 0..<6_000 {
        let key = "key-\(Int.random(in: 0..<3_000, using: &random))"
        let name = ByteString(key)
        switch Int.random(in: 0..<(step < 4_000 ? 10 : 4), using: &random) {
        case 0:
            #expect(table.removeValue(for: name.slice) == model.removeValue(forKey: key))
        case 1:
            #expect(table[name.slice] == model[key])
            #expect(table.storedKey(name.slice)?.string == (model[key] == nil ? nil : key))
        default:
            #expect(table.insert(step, for: name) == model.updateValue(step, forKey: key))
        }
        #expect(table.count == model.count)
        if step.isMultiple(of: 97) { table.checkInvariants() }
        if step.isMultiple(of: 500) {
            var shown: [String: Int] = [:]
            table.forEach { shown[$0.string] = $1 }
            #expect(shown == model)
            #expect(table.values.count == table.count && Set(table.names.map(\.string)) == Set(model.keys))
        }
    }
    table.removeAll()
    #expect(table.isEmpty && table[ByteSlice("key-1")] == nil && table.removeValue(for: ByteSlice("key-1")) == nil)
    table.checkInvariants()
}

@Test func limitsHoldTogether() { Limits.check() }
