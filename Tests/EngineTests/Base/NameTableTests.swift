import Testing
import Wire

@testable import Engine

/// Goal: the table behaves as a dictionary through growth and removal. Method: same random steps on both.
@Test(arguments: 1...16 as ClosedRange<UInt64>)
func nameTableBehavesAsDictionary(seed: UInt64) {
    var random = RandomSource(seed: seed)
    var table = NameTable<Int>()
    var model: [String: Int] = [:]
    for step in 0..<3_000 {
        let key = "key-\(Int.random(in: 0..<400, using: &random))"
        let name = ByteString(key)
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            #expect(table.removeValue(for: name.slice) == model.removeValue(forKey: key))
        case 1:
            #expect(table.insert(step, for: name) == model.updateValue(step, forKey: key))
        default:
            #expect(table[name.slice] == model[key])
        }
        #expect(table.count == model.count)
    }
    table.checkInvariants()
}

@Test func limitsHoldTogether() { Limits.check() }
